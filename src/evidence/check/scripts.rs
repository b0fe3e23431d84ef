//! The checkers that are in each package.

/// The checker in Python.
pub const CHECK_PY: &str = include_str!("check.py");

/// The checker as an HTML page.
pub const CHECK_HTML: &str = include_str!("check.html");

#[cfg(test)]
mod tests {
    use super::*;

    /// The section about how a run is read, up to the next heading.
    fn reader(script: &str) -> &str {
        let (_, behind) = script
            .split_once("\n# ---- How a run is read ")
            .expect("it reads runs");
        behind.split_once("\n# ---- ").expect("something follows").0
    }

    #[test]
    fn both_scripts_in_python_read_a_run_by_the_same_lines() {
        assert!(reader(CHECK_PY).contains("def take_in("));
        assert_eq!(reader(CHECK_PY), reader(&crate::archive::verify_script()));
    }
}
