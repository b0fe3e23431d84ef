//! The checks that lie in each package.

/// The check in Python.
pub const CHECK_PY: &str = include_str!("check.py");

/// The check as a page.
pub const CHECK_HTML: &str = include_str!("check.html");
