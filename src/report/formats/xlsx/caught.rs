//! Errors of temporary files, which the library below takes for impossible.
//!
//! It panics where a cell cannot be written to its temporary file: a full disk would end the program in the middle.
//! Here that becomes an error like any other, and nothing is printed for it.

use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use rust_xlsxwriter::XlsxError;

thread_local! {
    /// Whether this thread is inside [`caught`].
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Does something with the library. What it was done with is of no use after an error.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, XlsxError>) -> io::Result<()> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_INSIDE.get() {
                print(info);
            }
        }));
    });
    IS_INSIDE.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_INSIDE.set(false);
    match result {
        Ok(result) => result.map(drop).map_err(io_error),
        Err(panic) => {
            let reason = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("the writer of xlsx gave up");
            let folder = std::env::temp_dir();
            Err(io::Error::other(format!(
                "the rows of an xlsx wait in a temporary file in {}, which could not be written: {reason}",
                folder.display()
            )))
        }
    }
}

/// A closed pipe must be distinguished from a full disk.
pub(super) fn io_error(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        XlsxError::ZipError(error) => error.into(),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_library_is_an_error_in_its_words() {
        let error = caught::<()>(|| panic!("no space")).unwrap_err();
        assert!(
            error.to_string().ends_with("could not be written: no space"),
            "{error}"
        );
        assert!(caught(|| Ok(1)).is_ok());
    }
}
