//! Damage done to an archive, and whether `verify` finds what changes it.

use std::path::{Path, PathBuf};

use jobruns::archive::Reader;
use rusqlite::Connection;

use super::rich::contract;

/// A sound archive's bytes, and a place to damage copies of it.
pub struct Patient {
    pub folder: tempfile::TempDir,
    pub sound: Vec<u8>,
    pub said: String,
}

/// What became of a damaged copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The contract's tables say something else, or cannot be read.
    pub changed: bool,
    /// `verify` has findings, or says that it cannot read the file.
    pub found: Vec<String>,
}

impl Outcome {
    /// Changed, and nobody noticed: what must never be.
    pub fn is_missed(&self) -> bool {
        self.changed && self.found.is_empty()
    }
}

impl Patient {
    pub fn new(archive: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sound = std::fs::read(archive).unwrap();
        let patient = Self {
            folder,
            sound,
            said: contract(archive).unwrap(),
        };
        let outcome = patient.with_bytes(&patient.sound);
        assert_eq!(
            (outcome.changed, outcome.found),
            (false, vec![]),
            "it is sound before"
        );
        patient
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("damaged.db")
    }

    /// Lays `bytes` down as an archive and looks at it.
    pub fn with_bytes(&self, bytes: &[u8]) -> Outcome {
        self.lay(bytes);
        self.look()
    }

    /// Damages a copy by SQL without constraints and looks at it; `None` where SQLite refused the edit or nothing matched.
    pub fn with_sql(&self, sql: &str) -> Option<Outcome> {
        self.lay(&self.sound);
        let connection = Connection::open(self.path()).unwrap();
        connection
            .execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON")
            .unwrap();
        let before = connection.total_changes();
        let edited = connection.execute_batch(sql);
        let changed = connection.total_changes() > before || sql.contains("DROP ") || sql.contains("CREATE ");
        drop(connection);
        (edited.is_ok() && changed).then(|| self.look())
    }

    fn lay(&self, bytes: &[u8]) {
        for suffix in ["-wal", "-shm"] {
            let mut beside = self.path().into_os_string();
            beside.push(suffix);
            let _ = std::fs::remove_file(beside);
        }
        std::fs::write(self.path(), bytes).unwrap();
    }

    fn look(&self) -> Outcome {
        let changed = contract(&self.path()).ok().as_ref() != Some(&self.said);
        let found = match Reader::open(&self.path()).and_then(|reader| reader.verify(&[])) {
            Ok(report) => report
                .findings
                .into_iter()
                .map(|finding| format!("{}: {}", finding.place, finding.what))
                .collect(),
            Err(error) => vec![format!(
                "{error}: {}",
                std::error::Error::source(&error).map_or_else(String::new, ToString::to_string)
            )],
        };
        Outcome { changed, found }
    }
}

/// Tables and columns of an archive as SQLite lists them, generated columns left out.
pub fn columns(archive: &Path) -> Vec<(String, String, String)> {
    let connection = Connection::open(archive).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT s.name, c.name, c.type FROM sqlite_schema s, pragma_table_xinfo(s.name) c
             WHERE s.type = 'table' AND s.name NOT GLOB 'sqlite_*' AND c.hidden = 0 ORDER BY s.name, c.cid",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}
