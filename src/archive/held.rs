//! Files that another program holds briefly: a spreadsheet, a virus scanner, an indexer, a viewer of SQLite files.
//! Only Windows lets a program keep others out by having a file open.

use std::io;
use std::time::Duration;

/// What Windows says of a file that another program has open without sharing it, and of a locked part of one.
const SHARING_VIOLATION: i32 = 32;
const LOCK_VIOLATION: i32 = 33;

/// Whether an error says that another program has the file open.
#[must_use]
pub fn is_held(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(SHARING_VIOLATION | LOCK_VIOLATION))
}

/// Tries again for a second while another program has the file open: scanners and indexers let go by then.
pub fn wait_while_held<T>(attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    wait_while(is_held, attempt)
}

/// Tries again for a second while `is_passing` says so of the error.
pub(super) fn wait_while<T>(
    is_passing: impl Fn(&io::Error) -> bool,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    // 1.1 s in all.
    let mut waits = (1..=10).map(|times| Duration::from_millis(20 * times));
    loop {
        match attempt() {
            Err(error) if is_passing(&error) => match waits.next() {
                Some(wait) => std::thread::sleep(wait),
                None => return Err(error),
            },
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_let_go_is_had_and_other_errors_are_not_waited_for() {
        let mut attempts = 0;
        let held_twice = || {
            attempts += 1;
            if attempts < 3 {
                Err(io::Error::from_raw_os_error(SHARING_VIOLATION))
            } else {
                Ok(attempts)
            }
        };
        let is_held = |error: &io::Error| error.raw_os_error() == Some(SHARING_VIOLATION);
        assert_eq!(wait_while(is_held, held_twice).unwrap(), 3);

        let mut attempts = 0;
        let denied = wait_while(is_held, || {
            attempts += 1;
            Err::<(), _>(io::Error::from(io::ErrorKind::PermissionDenied))
        });
        assert_eq!((denied.is_err(), attempts), (true, 1));
    }

    #[test]
    fn a_file_that_is_never_let_go_ends_with_its_error() {
        let mut attempts = 0;
        let result = wait_while(
            |_| true,
            || {
                attempts += 1;
                Err::<(), _>(io::Error::from_raw_os_error(SHARING_VIOLATION))
            },
        );
        assert_eq!(result.unwrap_err().raw_os_error(), Some(SHARING_VIOLATION));
        assert_eq!(attempts, 11);
    }
}
