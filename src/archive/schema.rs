//! What the tables and columns mean, read from the comments that the migrations carry: so the words cannot drift from
//! the tables.
//!
//! A comment above a statement, without an empty line between, says what a row is. A comment at a column says what is
//! in it: `unit: meaning; NULL when` at a name for analysts, `meaning; NULL when` at a stored one.

use super::migrations::migrations;

/// The names for analysts, in the order in which they are told.
pub const NAMES_FOR_ANALYSTS: [&str; 11] = [
    "jobs",
    "runs",
    "messages",
    "assets",
    "run_revisions",
    "quarantine",
    "syncs",
    "sync_jobs",
    "holds",
    "removed_runs",
    "job_statuses",
];

/// A table or view, as its migration tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentedTable {
    pub name: String,
    /// What a row is.
    pub meaning: String,
    /// Its columns, in their order.
    pub columns: Vec<DocumentedColumn>,
    /// The statement that makes it, comments and all, and those of its indexes; each ends with `;`.
    pub sql: String,
    /// Whether it is for analysts and stays as it is.
    pub is_for_analysts: bool,
}

/// A column, as its migration tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentedColumn {
    pub name: String,
    /// Its unit, such as `seconds` or `UTC time`; of a stored table the declared type.
    pub unit: String,
    pub meaning: String,
    /// When it is NULL; empty where it never is.
    pub null: String,
}

/// Every table and view that the migrations make: the names for analysts first, then the stored ones as they were made.
#[must_use]
pub fn documented_tables() -> Vec<DocumentedTable> {
    let mut tables: Vec<DocumentedTable> = Vec::new();
    for migration in migrations() {
        for statement in statements(&migration.sql) {
            if let Some(table) = table_of(&statement) {
                // A later migration replaces a view.
                tables.retain(|known| known.name != table.name);
                tables.push(table);
            } else if let Some(on) = indexed_table(&statement.text)
                && let Some(table) = tables.iter_mut().find(|table| table.name == on)
            {
                table.sql += "\n";
                table.sql += &statement.with_comment();
            }
        }
    }
    let place = |table: &DocumentedTable| {
        NAMES_FOR_ANALYSTS
            .iter()
            .position(|name| *name == table.name)
            .unwrap_or(usize::MAX)
    };
    tables.sort_by_key(place);
    tables
}

/// A statement and the comment above it.
#[derive(Debug, Default)]
struct Statement {
    comment: Vec<String>,
    text: String,
}

impl Statement {
    fn with_comment(&self) -> String {
        let comment: String = self.comment.iter().map(|line| format!("-- {line}\n")).collect();
        format!("{comment}{};\n", self.text)
    }
}

/// A piece of SQL, as far as comments and quotes matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SqlPiece<'a> {
    /// The text after `--`.
    Comment(&'a str),
    /// A text or name in quotes.
    Quoted(&'a str),
    /// One character of anything else.
    Plain(char),
}

/// The pieces, each with where it begins.
fn pieces(sql: &str) -> impl Iterator<Item = (usize, SqlPiece<'_>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at;
        let rest = &sql[begin..];
        let first = rest.chars().next()?;
        let piece = if rest.starts_with("--") {
            let end = rest.find('\n').unwrap_or(rest.len());
            at += end;
            SqlPiece::Comment(&rest[2..end])
        } else if matches!(first, '\'' | '"') {
            let end = rest[1..].find(first).map_or(rest.len(), |end| end + 2);
            at += end;
            SqlPiece::Quoted(&rest[..end])
        } else {
            at += first.len_utf8();
            SqlPiece::Plain(first)
        };
        Some((begin, piece))
    })
}

fn statements(sql: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut comment: Vec<String> = Vec::new();
    let mut begin = None;
    let mut line_breaks = 0;
    for (at, piece) in pieces(sql) {
        match (begin, piece) {
            (None, SqlPiece::Comment(words)) => {
                comment.push(words.trim().to_owned());
                line_breaks = 0;
            }
            (None, SqlPiece::Plain('\n')) => {
                line_breaks += 1;
                if line_breaks > 1 {
                    comment.clear();
                }
            }
            (None, SqlPiece::Plain(space)) if space.is_whitespace() => {}
            (None, _) => begin = Some(at),
            (Some(from), SqlPiece::Plain(';')) => {
                statements.push(Statement {
                    comment: std::mem::take(&mut comment),
                    text: sql[from..at].to_owned(),
                });
                begin = None;
                line_breaks = 0;
            }
            (Some(_), _) => {}
        }
    }
    statements
}

/// The table on which the statement makes an index.
fn indexed_table(sql: &str) -> Option<&str> {
    let rest = sql
        .strip_prefix("CREATE INDEX ")
        .or_else(|| sql.strip_prefix("CREATE UNIQUE INDEX "))?;
    let (_, on) = rest.split_once(" ON ")?;
    on.split([' ', '(']).next()
}

fn table_of(statement: &Statement) -> Option<DocumentedTable> {
    let sql = &statement.text;
    let (rest, is_table) = match sql.strip_prefix("CREATE TABLE ") {
        Some(rest) => (rest, true),
        None => (sql.strip_prefix("CREATE VIEW ")?, false),
    };
    let (name, list) = rest.split_once('(')?;
    let name = name.trim().to_owned();
    let is_for_analysts = NAMES_FOR_ANALYSTS.contains(&name.as_str());
    let columns = items(list)
        .into_iter()
        .filter_map(|item| column_of(&item, is_table, is_for_analysts))
        .collect();
    Some(DocumentedTable {
        meaning: statement.comment.join(" "),
        columns,
        sql: statement.with_comment(),
        is_for_analysts,
        name,
    })
}

/// What stands between two commas of a list in parentheses, and the comments about it.
#[derive(Debug, Default)]
struct SchemaItem {
    text: String,
    comments: Vec<String>,
}

/// The items of a list whose opening parenthesis stands before `list`. A comment is about the item that it stands
/// behind on its line, else about the one below it.
fn items(list: &str) -> Vec<SchemaItem> {
    let mut items = vec![SchemaItem::default()];
    let mut depth = 1;
    let mut is_line_of_the_last = false;
    for (_, piece) in pieces(list) {
        let last = items.len() - 1;
        let is_empty = items[last].text.trim().is_empty();
        match piece {
            SqlPiece::Comment(words) => {
                let about = if is_empty && is_line_of_the_last {
                    last - 1
                } else {
                    last
                };
                items[about].comments.push(words.trim().to_owned());
            }
            SqlPiece::Plain(',') if depth == 1 => {
                items.push(SchemaItem::default());
                is_line_of_the_last = true;
            }
            SqlPiece::Plain(character) => {
                match character {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    '\n' => is_line_of_the_last = false,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                items[last].text.push(character);
            }
            SqlPiece::Quoted(text) => items[last].text.push_str(text),
        }
    }
    items
}

fn column_of(item: &SchemaItem, is_table: bool, is_for_analysts: bool) -> Option<DocumentedColumn> {
    let mut words = item.text.split_whitespace();
    let name = words.next()?;
    if ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT"].contains(&name) {
        return None;
    }
    let comment = item.comments.join(" ");
    let (said, null) = match comment.split_once("; NULL ") {
        Some((said, null)) => (said, null),
        None => ("", comment.strip_prefix("NULL ").unwrap_or_default()),
    };
    let said = match (said, null) {
        ("", "") => comment.as_str(),
        (said, _) => said,
    };
    let (unit, meaning) = if is_for_analysts {
        said.split_once(": ").unwrap_or_default()
    } else {
        (words.next().unwrap_or_default(), said)
    };
    let mut meaning = meaning.to_owned();
    let mut null = null.to_owned();
    if let Some((_, row)) = item.text.split_once("REFERENCES ")
        && let Some(table) = row.split_whitespace().next()
    {
        let of = format!("a row of {table}");
        meaning = if meaning.is_empty() {
            of
        } else {
            format!("{of}: {meaning}")
        };
    }
    let may_be_null = is_table && !item.text.contains("NOT NULL");
    if may_be_null && null.is_empty() {
        null = "where there is none".to_owned();
    }
    Some(DocumentedColumn {
        name: name.to_owned(),
        unit: unit.to_owned(),
        meaning,
        null,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rusqlite::Connection;

    use super::*;
    use crate::archive::Writer;

    /// An archive without anything in it.
    fn archive() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobruns.db");
        drop(Writer::open(&path).unwrap());
        let connection = Connection::open(path).unwrap();
        (folder, connection)
    }

    fn names(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    }

    #[test]
    fn what_is_documented_is_what_an_archive_has() {
        let (_folder, connection) = archive();
        let tables = documented_tables();
        let documented: BTreeMap<&str, Vec<&str>> = tables
            .iter()
            .map(|table| {
                let columns = table.columns.iter().map(|column| column.name.as_str());
                (table.name.as_str(), columns.collect())
            })
            .collect();
        let there = names(
            &connection,
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'refinery_schema_history' ORDER BY name",
        );
        assert_eq!(documented.keys().copied().collect::<Vec<_>>(), there);
        for (table, columns) in documented {
            let sql = format!("SELECT name FROM pragma_table_xinfo('{table}') ORDER BY cid");
            assert_eq!(columns, names(&connection, &sql), "{table}");
        }
    }

    #[test]
    fn every_column_for_analysts_has_a_unit_and_a_meaning() {
        let units = [
            "0 or 1",
            "GUID",
            "JSON text",
            "UTC time",
            "bytes",
            "code",
            "count",
            "hexadecimal",
            "number",
            "seconds",
            "text",
            "word",
        ];
        let tables = documented_tables();
        let first: Vec<&str> = tables
            .iter()
            .take(NAMES_FOR_ANALYSTS.len())
            .map(|table| table.name.as_str())
            .collect();
        assert_eq!(first, NAMES_FOR_ANALYSTS);
        for table in &tables {
            assert!(
                !table.meaning.is_empty(),
                "{} has no comment above it",
                table.name
            );
            for column in &table.columns {
                let place = format!("{}.{}", table.name, column.name);
                assert!(!column.meaning.is_empty(), "{place} has no meaning");
                if table.is_for_analysts {
                    assert!(
                        units.contains(&column.unit.as_str()),
                        "{place}: {:?}",
                        column.unit
                    );
                }
            }
        }
    }

    #[test]
    fn the_statements_make_the_same_tables_again() {
        let (_folder, connection) = archive();
        let again = Connection::open_in_memory().unwrap();
        let mut tables = documented_tables();
        // Views name tables, which SQLite looks up when they are asked.
        tables.reverse();
        for table in &tables {
            again.execute_batch(&table.sql).unwrap();
        }
        let schema = "SELECT coalesce(sql, '') FROM sqlite_schema
            WHERE name NOT LIKE 'refinery%' AND name <> 'sqlite_stat1' AND sql IS NOT NULL ORDER BY type, name";
        assert_eq!(names(&again, schema), names(&connection, schema));
    }

    #[test]
    fn a_comment_is_about_the_column_on_its_line_or_the_one_below() {
        let sql = "-- far away\n\n-- a row; of two\n-- lines\nCREATE TABLE t (\n    a INTEGER NOT NULL, -- first; NULL never\n    -- above\n    b TEXT CHECK (b IN ('x,', ')')),\n    c BLOB -- NULL before\n);\n-- why\nCREATE INDEX i ON t (a);\nINSERT INTO t VALUES (';', 1);\n";
        let found = statements(sql);
        assert_eq!(found.len(), 3);
        let table = table_of(&found[0]).unwrap();
        assert_eq!(table.meaning, "a row; of two lines");
        let columns: Vec<[&str; 4]> = table
            .columns
            .iter()
            .map(|column| [&*column.name, &*column.unit, &*column.meaning, &*column.null])
            .collect();
        assert_eq!(
            columns,
            [
                ["a", "INTEGER", "first", "never"],
                ["b", "TEXT", "above", "where there is none"],
                ["c", "BLOB", "", "before"],
            ]
        );
        assert_eq!(indexed_table(&found[1].text), Some("t"));
    }
}
