//! Errors of SQLite in plain words: their readers administer servers and do not know SQLite's codes.

use std::error::Error;
use std::fmt;
use std::ops::Deref;

use rusqlite::ErrorCode;
use rusqlite::ffi;

/// An error of SQLite. It has no source: its words say all.
#[derive(Debug)]
pub struct SqliteError(rusqlite::Error);

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error)
    }
}

impl Deref for SqliteError {
    type Target = rusqlite::Error;

    fn deref(&self) -> &rusqlite::Error {
        &self.0
    }
}

impl Error for SqliteError {}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.sqlite_error().map(|error| (error, plain(error)));
        match known {
            Some((error, Some(words))) => write!(f, "{words} (SQLite error {})", error.extended_code),
            _ => fmt::Display::fmt(&self.0, f),
        }
    }
}

/// What an error means that has to do with the file, the disk or other programs; of the others SQLite's own text says more.
fn plain(error: &ffi::Error) -> Option<&'static str> {
    let words = match error.extended_code {
        ffi::SQLITE_READONLY_DIRECTORY => "this account may not create files in the folder",
        ffi::SQLITE_READONLY_DBMOVED => "the file was moved or removed while it was open",
        ffi::SQLITE_READONLY_ROLLBACK => {
            "a stopped program left half of a change, which can only be undone with the right to write"
        }
        ffi::SQLITE_READONLY_RECOVERY | ffi::SQLITE_READONLY_CANTLOCK | ffi::SQLITE_READONLY_CANTINIT => {
            "this account may not write the -wal and -shm files beside it"
        }
        ffi::SQLITE_CANTOPEN_ISDIR => "it is a folder",
        ffi::SQLITE_IOERR_SHORT_READ => "the file is shorter than it should be",
        ffi::SQLITE_IOERR_READ => "the disk or share could not be read",
        ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE => "the disk or share could not be written",
        ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => {
            "the disk or share did not confirm that it was written"
        }
        ffi::SQLITE_IOERR_NOMEM => "there is not enough memory",
        _ => match error.code {
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => "this account may not write the file",
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another program holds it",
            ErrorCode::DiskFull => "the disk is full",
            ErrorCode::SystemIoFailure => "the disk or share reported an error",
            ErrorCode::NotADatabase => "it is not an SQLite database, or its beginning is damaged",
            ErrorCode::CannotOpen => "the file, or one beside it, could not be opened or created",
            ErrorCode::DatabaseCorrupt => "the file is damaged",
            ErrorCode::FileLockingProtocolFailed => "file locks do not work there, as on some network drives",
            ErrorCode::OutOfMemory => "there is not enough memory",
            ErrorCode::TooBig => "a value is too large",
            _ => return None,
        },
    };
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(code: i32) -> String {
        let text = Some("SQLite's own text".to_owned());
        SqliteError(rusqlite::Error::SqliteFailure(ffi::Error::new(code), text)).to_string()
    }

    #[test]
    fn every_error_of_file_disk_and_locks_has_a_plain_sentence() {
        for code in [
            ffi::SQLITE_READONLY,
            ffi::SQLITE_READONLY_RECOVERY,
            ffi::SQLITE_READONLY_CANTLOCK,
            ffi::SQLITE_READONLY_ROLLBACK,
            ffi::SQLITE_READONLY_DBMOVED,
            ffi::SQLITE_READONLY_CANTINIT,
            ffi::SQLITE_READONLY_DIRECTORY,
            ffi::SQLITE_PERM,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_RECOVERY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_BUSY_TIMEOUT,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_IOERR_SHORT_READ,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_LOCK,
            ffi::SQLITE_IOERR_SHMOPEN,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_CANTOPEN_ISDIR,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CORRUPT_INDEX,
            ffi::SQLITE_PROTOCOL,
            ffi::SQLITE_NOMEM,
        ] {
            let words = words(code);
            assert!(words.ends_with(&format!("(SQLite error {code})")), "{words}");
            assert!(!words.contains("own text"), "{words}");
        }
        assert_eq!(words(ffi::SQLITE_ERROR), "SQLite's own text");
    }
}
