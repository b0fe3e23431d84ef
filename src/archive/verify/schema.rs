//! SQLite's own checks, and the schema against what the migrations make.

use std::collections::{BTreeMap, HashSet};

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, Statement};

use super::finding::{Finding, Findings, Remedy};
use crate::archive::db::{Db, each_row};
use crate::archive::error::{ArchiveError, Doing};
use crate::archive::limits;
use crate::archive::migrations::fresh;
use crate::archive::open::{UnusableIndex, quoted, unusable_indexes};
use crate::archive::statistics;

/// SQLite's integrity check: pages, trees, indexes, types, NOT NULL and CHECK. Returns notes on what it could not look at.
///
/// SQLite compares no index of a table on which an analyst's index needs a function or collation of theirs. Of such a table
/// our own indexes are compared here, row by row.
pub(super) fn check_pages(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<Vec<String>, ArchiveError> {
    let unusable = unusable_indexes(connection)?;
    let objects = objects(connection)?;
    let ours: HashSet<String> = self::objects(&fresh()?)?
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    // Ours compute what they should, or the archive would not have been opened.
    let computing: Vec<&str> = objects
        .iter()
        .filter(|(name, (kind, _, sql))| {
            kind == "table" && !ours.contains(name) && sql.as_deref().is_some_and(limits::computes)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if unusable.is_empty() && computing.is_empty() {
        run_check(connection, "PRAGMA integrity_check", findings)?;
        return Ok(Vec::new());
    }
    if computing.is_empty() {
        run_check(connection, "PRAGMA quick_check", findings)?;
    }
    for (name, (kind, _, _)) in &objects {
        if kind != "table" || computing.contains(&name.as_str()) {
            continue;
        }
        let beside_unusable = unusable.iter().any(|index| index.table == *name);
        let check = match (beside_unusable, computing.is_empty()) {
            (false, _) => "integrity_check",
            (true, false) => "quick_check",
            (true, true) => continue,
        };
        let check = format!("PRAGMA {check}({})", quoted(name));
        run_check(connection, &check, findings)?;
    }
    for (name, (kind, table, _)) in &objects {
        let beside_unusable = unusable.iter().any(|index| index.table == *table);
        // An analyst's own may be of an expression, or of some rows; no command of ours reads by it.
        if kind == "index" && beside_unusable && ours.contains(name) {
            compare_index(connection, name, table, findings)?;
        }
    }
    let mut notes: Vec<String> = computing
        .iter()
        .map(|name| format!("table {name} computes something for its rows, which may take any time: its pages, and those that nothing uses, were not looked at"))
        .collect();
    let note = |index: UnusableIndex| {
        format!(
            "index {} on {} {}: its own entries were not compared, and the next sync drops it",
            index.name, index.table, index.why
        )
    };
    notes.extend(unusable.into_iter().map(note));
    Ok(notes)
}

fn run_check(connection: &Connection, sql: &str, findings: &mut Findings) -> Result<(), ArchiveError> {
    let doing = "run SQLite's integrity check";
    let mut statement = prepare_with_stand_ins(connection, sql).doing(doing)?;
    each_row(&mut statement, [], doing, |row| {
        let line: String = row.get(0)?;
        if line != "ok" {
            findings.push(Finding::new(Remedy::File, "the file", line));
        }
        Ok(())
    })
}

/// More collations that we lack than anybody has.
const MOST_STAND_INS: usize = 100;

/// Prepares a check of pages. It opens every index, those too that need a collation of somebody else's; one that stands in
/// for it sorts nothing, since no entry of such an index is compared.
fn prepare_with_stand_ins<'c>(connection: &'c Connection, sql: &str) -> rusqlite::Result<Statement<'c>> {
    for _ in 0..MOST_STAND_INS {
        let error = match connection.prepare(sql) {
            Ok(statement) => return Ok(statement),
            Err(error) => error,
        };
        let words = match &error {
            rusqlite::Error::SqliteFailure(_, Some(words)) => words,
            rusqlite::Error::SqlInputError { msg, .. } => msg,
            _ => return Err(error),
        };
        match words.strip_prefix("no such collation sequence: ") {
            Some(name) => connection.create_collation(name, str::cmp)?,
            None => return Err(error),
        }
    }
    connection.prepare(sql)
}

/// Compares what an index holds with the rows of its table.
fn compare_index(
    connection: &Connection,
    name: &str,
    table: &str,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let doing = "compare an index with its table";
    let columns: Vec<String> =
        connection.all("SELECT name FROM pragma_index_info(?1)", [name], doing, |row| {
            row.get(0)
        })?;
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let sql: Option<String> = connection.one(
        "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?1",
        [name],
        doing,
        |row| row.get(0),
    )?;
    // A partial index has the rows of its condition alone, and can be read only where that is asked for.
    let condition = sql
        .as_deref()
        .and_then(|sql| sql.split_once(" WHERE "))
        .map_or_else(String::new, |(_, condition)| format!(" WHERE {condition}"));
    let (columns, index, table) = (columns.join(", "), quoted(name), quoted(table));
    let of_index = format!("SELECT rowid, {columns} FROM {table} INDEXED BY {index}{condition}");
    let of_table = format!("SELECT rowid, {columns} FROM {table} NOT INDEXED{condition}");
    for (one, other) in [(&of_index, &of_table), (&of_table, &of_index)] {
        let differing: i64 = connection.one(
            &format!("SELECT count(*) FROM (SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other}))"),
            [],
            doing,
            |row| row.get(0),
        )?;
        if differing > 0 {
            let what = format!("index {name} and its table differ in {differing} rows");
            findings.push(Finding::new(Remedy::Reindex, "the file", what));
        }
    }
    Ok(())
}

/// Foreign keys of every table but `_message`, whose keys are looked up when the messages are compared.
pub(super) fn check_foreign_keys(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT f.\"table\", f.rowid, f.parent FROM sqlite_schema s, pragma_foreign_key_check(s.name) f
         WHERE s.type = 'table' AND s.name <> '_message'",
        [],
        "check foreign keys",
        |row| {
            let table: String = row.get(0)?;
            let number: Option<i64> = row.get(1)?;
            let parent: String = row.get(2)?;
            let row_name = number.map_or_else(String::new, |number| format!(", row {number}"));
            findings.push(Finding::new(
                Remedy::Restore,
                format!("{table}{row_name}"),
                format!("names a row of {parent} that is not there"),
            ));
            Ok(())
        },
    )
}

/// An object of the schema: type, table, SQL.
type SchemaObject = (String, String, Option<String>);

/// Objects by name; two of an analyst's may look alike where their names are not UTF-8.
fn objects(connection: &Connection) -> Result<Vec<(String, SchemaObject)>, ArchiveError> {
    let text = |row: &Row<'_>, column: usize| {
        let bytes = row.get_ref(column)?.as_bytes()?;
        Ok::<_, rusqlite::Error>(String::from_utf8_lossy(bytes).into_owned())
    };
    connection.all(
        "SELECT name, type, tbl_name, sql FROM sqlite_schema",
        [],
        "read the schema",
        |row| {
            let sql = match row.get_ref(3)? {
                ValueRef::Null => None,
                _ => Some(text(row, 3)?),
            };
            Ok((text(row, 0)?, (text(row, 1)?, text(row, 2)?, sql)))
        },
    )
}

/// Compares tables, views, indexes and triggers with what the migrations make. What somebody added without hurting
/// anything is returned as a note.
pub(super) fn check_schema(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<Vec<String>, ArchiveError> {
    let fresh = fresh()?;
    let mut ours: BTreeMap<String, SchemaObject> = objects(&fresh)?.into_iter().collect();
    let ours_tables: HashSet<String> = ours.values().map(|(_, table, _)| table.clone()).collect();
    let mut notes = Vec::new();
    // Neither its content nor its absence changes an answer.
    ours.remove("sqlite_stat1");
    if !statistics::are_ours(connection)? {
        notes.push(
            "statistics of SQLite's planner are not those that this program ships: queries may be slower; the next sync restores them"
                .to_owned(),
        );
    }
    for (name, (kind, table, sql)) in objects(connection)? {
        let place = || format!("schema, {kind} {name}");
        match ours.remove(&name) {
            Some(should) if should == (kind.clone(), table.clone(), sql.clone()) => {}
            Some((should_kind, _, should)) => {
                let finding = Finding::new(Remedy::Reindex, place(), "it is not what this program makes");
                let words = |kind: String, sql: Option<String>| sql.unwrap_or(kind);
                findings.push(finding.with(words(should_kind, should), words(kind.clone(), sql)));
            }
            None if kind == "trigger" => {
                let what = format!(
                    "a trigger that this program did not make, on {table}: it can change what is archived"
                );
                findings.push(Finding::new(Remedy::Reindex, place(), what));
            }
            None if kind == "index" && is_unique(connection, &ours_tables, &table, &name)? => {
                let what = format!(
                    "a unique index that this program did not make, on {table}: it can keep a sync from archiving"
                );
                let next = if is_of_sqlite(&name) {
                    Remedy::File
                } else {
                    Remedy::Reindex
                };
                findings.push(Finding::new(next, place(), what));
            }
            None if is_sqlites(&kind, &name) => {}
            None if is_of_sqlite(&name) => {
                let what = "SQLite reserves this name and lets nobody use it: the entry was written by hand";
                findings.push(Finding::new(Remedy::File, place(), what));
            }
            None => notes.push(format!(
                "{kind} {name} was added by somebody; it is not part of what is verified"
            )),
        }
    }
    for (name, (kind, _, _)) in ours {
        findings.push(Finding::new(
            Remedy::Reindex,
            format!("schema, {kind} {name}"),
            "it is not there",
        ));
    }
    // Rows that the migrations make.
    for (table, columns) in [
        ("job_statuses", "status, status_name, is_final, is_failure"),
        ("refinery_schema_history", "version, name, checksum"),
    ] {
        let (should, found) = (rows(&fresh, table, columns)?, rows(connection, table, columns)?);
        if should != found {
            let next = if table == "job_statuses" {
                Remedy::Reindex
            } else {
                Remedy::Restore
            };
            let finding = Finding::new(next, table, "its rows are not those that this program makes");
            findings.push(finding.with(format!("{should:?}"), format!("{found:?}")));
        }
    }
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing("read the schema")?;
    if version != 0 {
        let finding = Finding::new(
            Remedy::Reindex,
            "schema, user_version",
            "it is not what this program makes",
        );
        findings.push(finding.with("0", version.to_string()));
    }
    Ok(notes)
}

/// Whether an index that is not ours keeps rows out of a table of ours. One under a name of SQLite's does: of our tables we
/// know which ones SQLite makes.
fn is_unique(
    connection: &Connection,
    ours: &HashSet<String>,
    table: &str,
    name: &str,
) -> Result<bool, ArchiveError> {
    if !ours.contains(table) {
        return Ok(false);
    }
    if is_of_sqlite(name) {
        return Ok(true);
    }
    connection.one(
        "SELECT count(*) > 0 FROM pragma_index_list(?1) WHERE name = ?2 AND \"unique\"",
        [table, name],
        "look at an index",
        |row| row.get(0),
    )
}

/// Whether a name is one of those that SQLite keeps for itself, in any letter case.
fn is_of_sqlite(name: &str) -> bool {
    const OURS: &str = "sqlite_";
    name.get(..OURS.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(OURS))
}

/// Whether SQLite itself makes such an object, for indexes and statistics that an analyst adds.
fn is_sqlites(kind: &str, name: &str) -> bool {
    match kind {
        "index" => name.starts_with("sqlite_autoindex_"),
        "table" => {
            name == "sqlite_sequence"
                || name
                    .strip_prefix("sqlite_stat")
                    .is_some_and(|number| matches!(number, "1" | "2" | "3" | "4"))
        }
        _ => false,
    }
}

fn rows(connection: &Connection, table: &str, columns: &str) -> Result<Vec<Vec<Value>>, ArchiveError> {
    let count = columns.split(',').count();
    connection.all(
        &format!("SELECT {columns} FROM {table} ORDER BY 1"),
        [],
        "read the schema",
        |row| (0..count).map(|index| row.get(index)).collect(),
    )
}
