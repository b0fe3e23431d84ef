//! Damage done to an archive, and whether `verify` finds what changes it.

use std::path::{Path, PathBuf};

use jobruns::archive::ReadOnly;
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

    /// Lays an archive down with a write-ahead log beside it, and looks whether it still holds the history of `head`.
    pub fn with_log(&self, bytes: &[u8], log: &[u8], head: [u8; 32]) -> Outcome {
        self.lay(bytes);
        std::fs::write(self.folder.path().join("damaged.db-wal"), log).unwrap();
        self.look_for(&[head])
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
        self.look_for(&[])
    }

    fn look_for(&self, heads: &[[u8; 32]]) -> Outcome {
        let changed = contract(&self.path()).ok().as_ref() != Some(&self.said);
        let found = match ReadOnly::open(&self.path()).and_then(|reader| reader.verify(heads)) {
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

/// An edit of one column, of one row.
pub struct ColumnEdit {
    pub table: String,
    pub column: String,
    pub sql: String,
}

/// Edits of every column of every table: of the rows that an edit would change the first, and once the last.
pub fn column_edits(archive: &Path) -> Vec<ColumnEdit> {
    let mut all = Vec::new();
    for (table, column, kind) in columns(archive) {
        let edits: &[&str] = match kind.as_str() {
            "INTEGER" | "INT4" => &[
                "{c} + 1",
                "1 - {c}",
                "NULL",
                "coalesce({c}, 1)",
                "9223372036854775807",
            ],
            "BLOB" => &[
                "randomblob(length({c}))",
                "NULL",
                "coalesce({c}, randomblob(32))",
                "CAST(substr({c}, 1, length({c}) - 1) AS BLOB)",
            ],
            _ => &["{c} || 'x'", "NULL", "coalesce({c}, 'x')", "''"],
        };
        let keys = if matches!(table.as_str(), "_sync_job" | "_sync_job_unchanged") {
            "(sync_id, job_key)"
        } else if table == "_reason" {
            "why_sha256"
        } else if table == "_backup" {
            "path"
        } else if table == "_clearing" {
            "plan"
        } else if table == "_removed_run" {
            "job_run_id"
        } else if table == "_actor" {
            "by_sha256"
        } else if table == "_job_list" {
            "server"
        } else if table == "_jobs_file" {
            "(path, job_key)"
        } else if table == "_listed_job" {
            "(server, job_id)"
        } else if table == "_zone_rules" {
            "(sha256, zone, release)"
        } else {
            "rowid"
        };
        let key = keys.trim_matches(['(', ')']);
        for (number, edit) in edits.iter().enumerate() {
            let value = edit.replace("{c}", &column);
            for &order in if number == 0 {
                &["ASC", "DESC"][..]
            } else {
                &["ASC"]
            } {
                let ordered = key.replace(',', &format!(" {order},"));
                let sql = format!(
                    "UPDATE {table} SET {column} = {value} WHERE {keys} IN
                     (SELECT {key} FROM {table} WHERE {column} IS NOT {value} ORDER BY {ordered} {order} LIMIT 1)"
                );
                let (table, column) = (table.clone(), column.clone());
                all.push(ColumnEdit { table, column, sql });
            }
        }
    }
    all
}

/// Rows of every table removed, doubled, and each column of two rows exchanged.
pub fn row_edits(archive: &Path) -> Vec<String> {
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for (table, column, _) in columns(archive) {
        match tables.last_mut() {
            Some((last, columns)) if *last == table => columns.push(column),
            _ => tables.push((table, vec![column])),
        }
    }
    let mut all = Vec::new();
    for (table, columns) in &tables {
        let key = &columns[0];
        // A doubled row gets a key of its own, and other values where a column must be unique.
        let mut doubled: Vec<String> = columns.clone();
        doubled[0] = format!("(SELECT max({key}) + 1 FROM {table})");
        for (value, column) in doubled.iter_mut().zip(columns) {
            match column.as_str() {
                "job_id" | "job_run_id" | "url" | "status_name" => *value = format!("{column} || '0'"),
                "payload_sha256" if table == "_quarantined" => "randomblob(32)".clone_into(value),
                "revision" if table == "_revision" => "revision + 100".clone_into(value),
                _ => {}
            }
        }
        all.push(format!(
            "DELETE FROM {table} WHERE {key} = (SELECT min({key}) FROM {table})"
        ));
        all.push(format!(
            "DELETE FROM {table} WHERE {key} = (SELECT max({key}) FROM {table})"
        ));
        all.push(format!("DELETE FROM {table}"));
        let (names, values) = (columns.join(", "), doubled.join(", "));
        all.push(format!(
            "INSERT INTO {table} ({names}) SELECT {values} FROM {table} LIMIT 1"
        ));
        for column in columns.iter().skip(1) {
            all.push(format!(
                "UPDATE {table} SET {column} = (SELECT o.{column} FROM {table} o WHERE o.{key} =
                     (SELECT min({key}) + max({key}) FROM {table}) - {table}.{key})
                 WHERE {key} IN ((SELECT min({key}) FROM {table}), (SELECT max({key}) FROM {table}))"
            ));
        }
    }
    all
}

/// Views, triggers, indexes and tables edited, dropped and added so that `verify` must find it.
pub fn schema_edits() -> Vec<String> {
    let views = [
        "jobs",
        "runs",
        "messages",
        "assets",
        "run_revisions",
        "quarantine",
        "syncs",
        "sync_jobs",
    ];
    let edited = |view| format!("UPDATE sqlite_schema SET sql = sql || ' LIMIT 1' WHERE name = '{view}'");
    let mut edits: Vec<String> = views.iter().map(edited).collect();
    edits.extend(views.iter().map(|view| format!("DROP VIEW {view}")));
    let others = [
        "CREATE TRIGGER t AFTER INSERT ON _run BEGIN DELETE FROM _message; END",
        "CREATE TRIGGER t INSTEAD OF INSERT ON runs BEGIN SELECT 1; END",
        "DROP INDEX run_by_job",
        "DROP INDEX run_by_start; CREATE INDEX run_by_start ON _run (job_key)",
        "UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (watched IN (0, 1))', '') WHERE name = '_job'",
        "DROP VIEW assets; CREATE TABLE assets (asset, asset_type, asset_owner)",
        "INSERT INTO sqlite_schema VALUES ('view', 'sqlite_x', 'sqlite_x', 0, 'CREATE VIEW sqlite_x AS SELECT 1')",
        "DROP TABLE job_statuses",
        "DROP TABLE refinery_schema_history",
        "UPDATE refinery_schema_history SET checksum = '1'",
        "ALTER TABLE _run ADD COLUMN more TEXT; UPDATE _run SET status = status",
    ];
    edits.extend(others.map(str::to_owned));
    edits
}
