//! Bounds on a file that a stranger may have made: what every connection may do, and the look at the schema before
//! anything else of the file is read.
//!
//! # What an SQLite file can do to its reader
//! A name is a table only because the file says so: it may be a view that never ends, or one that computes a text of a
//! gigabyte. Triggers run in whoever writes. So no table is read before [`refuse_foreign_tables`] has seen that each of
//! our names for tables is one, and no view before [`refuse_changed`] has compared its text; the schema itself is read as
//! rows, within a number of steps.
//!
//! Pages may lead in circles, or to the same page from many places, so that a table of a small file has no end that
//! anybody would wait for: our own statements end after as many steps as no sound file of that size needs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OptionalExtension};

use super::error::{ArchiveError, Doing};
use super::migrations;
use super::storage::payload::MOST_BYTES;

/// Limits of every connection to an archive, each with its reason.
const LIMITS: [(Limit, i32); 3] = [
    // A row holds a payload or the texts of one run, and little else.
    (Limit::SQLITE_LIMIT_LENGTH, MOST_BYTES as i32 + (64 << 20)),
    // Definitions and queries; SQLite's own limit is a gigabyte.
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
    // Our triggers are none, and others' are off.
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
];

/// Sets what every connection to an archive has in common.
pub(super) fn apply(connection: &Connection) -> rusqlite::Result<()> {
    // Nothing of ours writes to the schema or to shadow tables by force.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    apply_to_damaged(connection)
}

/// The same for a damaged file, of which more can be read by means that are usually forbidden.
pub(super) fn apply_to_damaged(connection: &Connection) -> rusqlite::Result<()> {
    // Views and indexes of ours use nothing but SQLite's own harmless functions.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A trigger of somebody else's could change what is archived, or never end.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    for (limit, most) in LIMITS {
        connection.set_limit(limit, most)?;
    }
    // The size of the file is known when it was read once.
    end_after(connection, MOST_OF_ANY_FILE)
}

/// Instructions of SQLite's machine between two looks at how many there were.
const STEPS: u64 = 10_000;

/// How many instructions a look at the schema may take: some million rows of it.
const MOST_OF_A_LOOK: u64 = 100_000_000;

/// How many instructions the statements of a connection may take, whatever the size of the file: a second or two. A
/// transaction of a sync takes a tenth of it.
const MOST_OF_ANY_FILE: u64 = 100_000_000;

/// How many more for each byte of the file. `verify` and `reindex` take 0.2 for each byte of a usual archive, and 0.4
/// of one whose runs have no messages, measured.
const MOST_OF_A_BYTE: u64 = 100;

/// Lets the statements of this connection end after as many instructions, counted from here on, as no file of this size
/// can need. Pages of a damaged file, or of a stranger's, may lead in circles, so that a table has no end.
pub(super) fn bound(connection: &Connection) -> rusqlite::Result<()> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let bytes = number("page_count")?.saturating_mul(number("page_size")?);
    end_after(
        connection,
        bytes
            .saturating_mul(MOST_OF_A_BYTE)
            .saturating_add(MOST_OF_ANY_FILE),
    )
}

/// Lets statements take as long as they do: a query of the user's own, who can stop it.
pub(super) fn unbound(connection: &Connection) -> rusqlite::Result<()> {
    connection.progress_handler(0, None::<fn() -> bool>)
}

fn end_after(connection: &Connection, instructions: u64) -> rusqlite::Result<()> {
    let mut left = instructions / STEPS;
    let count = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    connection.progress_handler(STEPS as i32, Some(count))
}

/// Runs `look` with an end to the instructions that its statements may take.
fn bounded<T>(connection: &Connection, look: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    end_after(connection, MOST_OF_A_LOOK)?;
    let looked = look();
    bound(connection)?;
    looked
}

/// A table or view of ours.
struct ArchiveObject {
    kind: String,
    sql: String,
}

/// Kind, name and text of each table and view.
fn tables_and_views(connection: &Connection) -> rusqlite::Result<Vec<(String, ArchiveObject)>> {
    let sql =
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE type NOT IN ('index', 'trigger')";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        // What is not text, or not UTF-8, is not ours.
        let text = |column| {
            let value = row.get_ref(column)?;
            let bytes = value.as_bytes_or_null().ok().flatten().unwrap_or_default();
            Ok::<_, rusqlite::Error>(String::from_utf8_lossy(bytes).into_owned())
        };
        let (kind, name, sql) = (text(0)?, text(1)?, text(2)?);
        // SQLite knows a name in capitals, too.
        found.push((name.to_ascii_lowercase(), ArchiveObject { kind, sql }));
    }
    Ok(found)
}

/// The tables and views that the migrations make.
fn ours() -> Result<&'static HashMap<String, ArchiveObject>, ArchiveError> {
    static OURS: OnceLock<HashMap<String, ArchiveObject>> = OnceLock::new();
    if let Some(ours) = OURS.get() {
        return Ok(ours);
    }
    let made = tables_and_views(&migrations::fresh()?).doing("make the schema to compare with")?;
    Ok(OURS.get_or_init(|| made.into_iter().collect()))
}

/// The first table or view under a name of ours that is `wrong`.
fn refuse(
    path: &Path,
    connection: &Connection,
    wrong: impl Fn(&ArchiveObject, &ArchiveObject) -> bool,
) -> Result<(), ArchiveError> {
    let found =
        bounded(connection, || tables_and_views(connection)).map_err(|source| ArchiveError::Open {
            path: path.to_path_buf(),
            source: source.into(),
        })?;
    let ours = ours()?;
    for (name, object) in found {
        if let Some(should) = ours.get(&name)
            && wrong(&object, should)
        {
            return Err(ArchiveError::ForeignSchema {
                path: path.to_path_buf(),
                what: format!("the {} {name}", should.kind),
                found: object.sql,
            });
        }
    }
    Ok(())
}

/// Rows of the schema that SQLite never writes: it reads kinds and names without regard to case, so that a row in capitals
/// is in force and yet is not what it looks like.
const FORGED: &str = "SELECT coalesce(type, 'row'), coalesce(name, '') FROM sqlite_schema s
    WHERE type IS NULL OR type NOT IN ('table', 'index', 'view', 'trigger')
       OR type IN ('table', 'view') AND tbl_name IS NOT name
       OR type IN ('index', 'trigger') AND NOT EXISTS (
            SELECT 1 FROM sqlite_schema o WHERE o.type IN ('table', 'view') AND o.name = s.tbl_name)
       OR type = 'index' AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.tbl_name) i WHERE i.name = s.name)
    LIMIT 1";

/// Refuses a file whose schema somebody wrote by hand.
fn refuse_forged_rows(path: &Path, connection: &Connection) -> Result<(), ArchiveError> {
    let text = |row: &rusqlite::Row<'_>, column| {
        let value = row.get_ref(column)?.as_bytes_or_null().ok().flatten();
        Ok::<_, rusqlite::Error>(String::from_utf8_lossy(value.unwrap_or_default()).into_owned())
    };
    let forged = bounded(connection, || {
        connection
            .query_row(FORGED, [], |row| Ok((text(row, 0)?, text(row, 1)?)))
            .optional()
    })
    .map_err(|source| ArchiveError::Open {
        path: path.to_path_buf(),
        source: source.into(),
    })?;
    forged.map_or(Ok(()), |(kind, name)| {
        Err(ArchiveError::ForeignSchema {
            path: path.to_path_buf(),
            what: format!("the {kind} {name}"),
            found: "a row of sqlite_schema that SQLite does not write".to_owned(),
        })
    })
}

/// Refuses a file in which a name of one of our tables is anything but a table whose rows stand in the file, and that
/// computes nothing but what ours does: one step of an expression may take any time.
pub(super) fn refuse_foreign_tables(path: &Path, connection: &Connection) -> Result<(), ArchiveError> {
    refuse_forged_rows(path, connection)?;
    refuse(path, connection, |found, should| {
        let computes_more = || {
            let ours = expressions(&should.sql);
            expressions(&found.sql).iter().any(|found| !ours.contains(found))
        };
        should.kind == "table"
            && (found.kind != "table"
                || !found.sql.starts_with("CREATE TABLE ")
                || found.sql != should.sql && computes_more())
    })
}

/// Whether a table of this definition computes something for its rows, or is not one of rows.
pub(super) fn computes(sql: &str) -> bool {
    !sql.starts_with("CREATE TABLE ") || !expressions(sql).is_empty()
}

/// The expressions of a table's definition: of generated columns, checks and defaults.
fn expressions(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let begins = |at: usize| {
        let word = &tokens[at];
        ["AS", "CHECK", "DEFAULT"]
            .iter()
            .any(|begin| word.eq_ignore_ascii_case(begin))
            && tokens.get(at + 1) == Some(&"(")
    };
    let expression = |at: usize| {
        let mut depth = 0_usize;
        let mut inner = tokens[at + 1..].iter().take_while(|&&token| {
            depth = match token {
                "(" => depth + 1,
                ")" => depth.saturating_sub(1),
                _ => depth,
            };
            depth > 0
        });
        inner.by_ref().copied().collect::<Vec<_>>().join(" ")
    };
    (0..tokens.len())
        .filter(|&at| begins(at))
        .map(expression)
        .collect()
}

/// The words, quoted texts and signs of SQL, without comments and blanks.
fn tokens(sql: &str) -> Vec<&str> {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_$".contains(&byte);
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(&first) = rest.as_bytes().first() {
        let until = |text: &str, end: &str| {
            text.find(end)
                .map_or(rest.len(), |found| rest.len() - text.len() + found + end.len())
        };
        let (length, is_token) = match first {
            b'-' if rest.starts_with("--") => (until(&rest[2..], "\n"), false),
            b'/' if rest.starts_with("/*") => (until(&rest[2..], "*/"), false),
            b'\'' => (until(&rest[1..], "'"), true),
            b'"' => (until(&rest[1..], "\""), true),
            b'`' => (until(&rest[1..], "`"), true),
            b'[' => (until(&rest[1..], "]"), true),
            first if is_of_word(first) => {
                let end = rest.bytes().position(|byte| !is_of_word(byte));
                (end.unwrap_or(rest.len()), true)
            }
            first => (1, !first.is_ascii_whitespace()),
        };
        let (token, after) = rest.split_at(length);
        if is_token {
            tokens.push(token);
        }
        rest = after;
    }
    tokens
}

/// Refuses a file in which a table or view of ours has another text than ours.
pub(super) fn refuse_changed(path: &Path, connection: &Connection) -> Result<(), ArchiveError> {
    refuse(path, connection, |found, should| {
        (&found.kind, &found.sql) != (&should.kind, &should.sql)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_a_definition_are_found_however_they_are_written() {
        for (sql, expected) in [
            ("CREATE TABLE t (a, b TEXT)", &[][..]),
            ("CREATE TABLE t (a, \"as\" , [check] (b), 'default' (c))", &[]),
            ("CREATE TABLE t (a /* AS (b) */, b -- CHECK (a)\n)", &[]),
            ("CREATE TABLE t (a AS (b+1), c)", &["( b + 1"]),
            (
                "CREATE TABLE t (a GENERATED ALWAYS as/**/(f((b))), c)",
                &["( f ( ( b ) )"],
            ),
            (
                "CREATE TABLE t (a check--\n( 'it''s )' ), ä DEFAULT(1))",
                &["( 'it' 's )'", "( 1"],
            ),
            ("CREATE TABLE t (a CHECK (b", &["( b"]),
            ("CREATE TABLE t (a CHECK ('b", &["( 'b"]),
        ] {
            assert_eq!(expressions(sql), expected, "{sql}");
            assert_eq!(computes(sql), !expected.is_empty(), "{sql}");
        }
        assert!(computes("CREATE VIRTUAL TABLE t USING fts5(a)"));
    }
}
