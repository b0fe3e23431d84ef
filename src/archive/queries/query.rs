//! Queries that somebody wrote: they read, and nothing else.
//!
//! # What keeps the archive and the disk as they are
//! The connection is read-only. On top of that an authorizer is asked about each action that a statement would take,
//! and allows only reading, functions and the pragmas of [`HARMLESS_PRAGMAS`]; no database can be attached (`VACUUM
//! INTO` needs one too); and a statement that SQLite itself does not take for a reading one is not run.

use std::sync::{Arc, Mutex};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Statement};

use super::Snapshot;
use crate::archive::limits;
use crate::archive::sqlite_error::SqliteError;

/// Pragmas that only tell something, and take no value or one that names what is asked about.
const HARMLESS_PRAGMAS: [&str; 22] = [
    "application_id",
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "encoding",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "page_count",
    "page_size",
    "quick_check",
    "schema_version",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];

/// Of these the value names a table or an index; of the others it would set something.
const PRAGMAS_WITH_A_NAME: [&str; 9] = [
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_xinfo",
];

/// Functions that do more than compute.
const FORBIDDEN_FUNCTIONS: [&str; 2] = ["load_extension", "fts3_tokenizer"];

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no statement in the text.
    #[error("there is no SQL in the query")]
    Empty,
    /// There are several statements in the text.
    #[error("the query has more than one statement")]
    Several,
    /// It would do more than read.
    #[error("the query would do more than read: {what}")]
    NotReading {
        /// What it would do.
        what: String,
    },
    /// SQLite cannot read the text, or it names what is not there.
    #[error("SQLite does not understand the query")]
    Sql {
        #[source]
        source: rusqlite::Error,
    },
    /// Something that was added to the archive has a definition with bytes that are not UTF-8.
    #[error("no query can be answered while the {object} is there: its definition is not UTF-8")]
    NoText {
        /// Its kind and name.
        object: String,
    },
    /// A parameter was given that the query does not have.
    #[error("the query has no parameter {name:?}")]
    NoSuchParameter {
        name: String,
        /// Those that the query has.
        known: Vec<String>,
    },
    /// The query has a parameter that was not given.
    #[error("the query has a parameter {name} that was not given")]
    MissingParameter { name: String },
    /// Something went wrong on the way.
    #[error("could not answer the query")]
    Failed {
        #[source]
        source: SqliteError,
    },
    /// It was stopped from outside.
    #[error("the query was stopped")]
    Interrupted,
}

impl QueryError {
    /// Whether the query is to blame, rather than something having failed.
    pub const fn is_wrong_usage(&self) -> bool {
        !matches!(
            self,
            Self::Failed { .. } | Self::Interrupted | Self::NoText { .. }
        )
    }
}

/// The answer to a query, row by row.
pub struct QueryRows<'s> {
    rows: rusqlite::Rows<'s>,
}

impl QueryRows<'_> {
    /// The next row's values; `None` at the end.
    ///
    /// # Errors
    /// What goes wrong on the way.
    pub fn next_row(&mut self) -> Result<Option<Vec<ValueRef<'_>>>, QueryError> {
        let Some(row) = self.rows.next().map_err(failed)? else {
            return Ok(None);
        };
        let columns = 0..row.as_ref().column_count();
        columns
            .map(|column| row.get_ref(column))
            .collect::<Result<_, _>>()
            .map(Some)
            .map_err(failed)
    }
}

impl Snapshot<'_> {
    /// Asks `sql`, with values for its parameters by their bare name (`:name`, `@name` and `$name` are `name`, `?1` is
    /// `1`). `see` gets the names of the columns and the answer.
    ///
    /// # Errors
    /// A query that is none, that would do more than read, that SQLite does not understand, or whose parameters do not
    /// fit; those of `see`.
    pub fn query<T, E: From<QueryError>>(
        &self,
        sql: &str,
        parameters: &[(String, Value)],
        see: impl FnOnce(Vec<String>, QueryRows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = self.connection();
        refuse_odd_definitions(connection)?;
        let guard = Guard::new(connection)?;
        limits::unbound(connection).map_err(failed)?;
        let mut statement = connection.prepare(sql).map_err(|source| match source {
            rusqlite::Error::MultipleStatement => QueryError::Several,
            source => guard
                .denied()
                .map_or(QueryError::Sql { source }, |what| QueryError::NotReading {
                    // Of CREATE and the like SQLite asks first about its table of definitions.
                    what: match first_word(sql) {
                        Some(word) if what.contains(" sqlite_") => word,
                        _ => what,
                    },
                }),
        })?;
        if statement.column_count() == 0 {
            // The authorizer is not asked about some statements without rows, VACUUM among them.
            return Err(match first_word(sql) {
                Some(what) => QueryError::NotReading { what }.into(),
                None => QueryError::Empty.into(),
            });
        }
        if !statement.readonly() {
            let what = first_word(sql).unwrap_or_default();
            return Err(QueryError::NotReading { what }.into());
        }
        bind(&mut statement, parameters)?;
        let names = statement.column_names().into_iter().map(str::to_owned).collect();
        let rows = statement.raw_query();
        see(names, QueryRows { rows })
    }
}

/// Names of columns come from definitions, and rusqlite panics where they are not UTF-8: some tools on Windows write views
/// in the code page of the machine.
fn refuse_odd_definitions(connection: &Connection) -> Result<(), QueryError> {
    let sql = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let bytes = |column| {
            Ok::<_, QueryError>(
                row.get_ref(column)
                    .map_err(failed)?
                    .as_bytes()
                    .unwrap_or_default(),
            )
        };
        if std::str::from_utf8(bytes(2)?).is_err() {
            let [kind, name] = [bytes(0)?, bytes(1)?].map(String::from_utf8_lossy);
            return Err(QueryError::NoText {
                object: format!("{kind} {name}"),
            });
        }
    }
    Ok(())
}

fn failed(source: rusqlite::Error) -> QueryError {
    if source.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) {
        return QueryError::Interrupted;
    }
    QueryError::Failed {
        source: source.into(),
    }
}

fn bind(statement: &mut Statement<'_>, parameters: &[(String, Value)]) -> Result<(), QueryError> {
    let names: Vec<String> = (1..=statement.parameter_count())
        .map(|index| match statement.parameter_name(index) {
            Some(name) => name.to_owned(),
            None => format!("?{index}"),
        })
        .collect();
    let bare = |name: &str| name.trim_start_matches([':', '@', '$', '?']).to_owned();
    for (name, _) in parameters {
        if !names.iter().any(|known| bare(known) == bare(name)) {
            return Err(QueryError::NoSuchParameter {
                name: name.clone(),
                known: names,
            });
        }
    }
    for (index, name) in (1..).zip(&names) {
        // Of two values for one parameter the last counts.
        let value = parameters
            .iter()
            .rev()
            .find(|(given, _)| bare(given) == bare(name));
        let (_, value) = value.ok_or_else(|| QueryError::MissingParameter { name: name.clone() })?;
        statement.raw_bind_parameter(index, value).map_err(failed)?;
    }
    Ok(())
}

/// Holds the authorizer on a connection, and takes it off again.
struct Guard<'c> {
    connection: &'c Connection,
    attached: i32,
    denied: Arc<Mutex<Option<String>>>,
}

impl<'c> Guard<'c> {
    fn new(connection: &'c Connection) -> Result<Self, QueryError> {
        let attached = connection.limit(Limit::SQLITE_LIMIT_ATTACHED).map_err(failed)?;
        connection
            .set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)
            .map_err(failed)?;
        let denied = Arc::new(Mutex::new(None));
        let note = Arc::clone(&denied);
        let authorizer = move |context: AuthContext<'_>| match authorize(&context.action) {
            Ok(()) => Authorization::Allow,
            Err(what) => {
                if let Ok(mut note) = note.lock() {
                    note.get_or_insert(what);
                }
                Authorization::Deny
            }
        };
        connection.authorizer(Some(authorizer)).map_err(failed)?;
        Ok(Self {
            connection,
            attached,
            denied,
        })
    }

    /// What was refused, if anything.
    fn denied(&self) -> Option<String> {
        self.denied.lock().ok().and_then(|denied| denied.clone())
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // Neither can fail on a connection of ours that is open; the snapshot's end needs the first.
        let none: Option<fn(AuthContext<'_>) -> Authorization> = None;
        let _ = self.connection.authorizer(none);
        let _ = self
            .connection
            .set_limit(Limit::SQLITE_LIMIT_ATTACHED, self.attached);
        let _ = limits::bound(self.connection);
    }
}

/// Allows what only reads, and says what the rest would do.
fn authorize(action: &AuthAction<'_>) -> Result<(), String> {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Ok(()),
        AuthAction::Function { function_name } => {
            if FORBIDDEN_FUNCTIONS
                .iter()
                .any(|name| name.eq_ignore_ascii_case(function_name))
            {
                return Err(format!("the function {function_name}"));
            }
            Ok(())
        }
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => {
            let name = pragma_name.to_ascii_lowercase();
            let is_harmless = HARMLESS_PRAGMAS.contains(&name.as_str())
                && (pragma_value.is_none() || PRAGMAS_WITH_A_NAME.contains(&name.as_str()));
            if is_harmless {
                Ok(())
            } else {
                Err(format!("PRAGMA {name}"))
            }
        }
        AuthAction::Attach { .. } => Err("ATTACH".to_owned()),
        AuthAction::Detach { .. } => Err("DETACH".to_owned()),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            Err("a transaction of its own".to_owned())
        }
        AuthAction::Insert { table_name } => Err(format!("INSERT INTO {table_name}")),
        AuthAction::Update { table_name, .. } => Err(format!("UPDATE {table_name}")),
        AuthAction::Delete { table_name } => Err(format!("DELETE FROM {table_name}")),
        other => {
            // The name of the variant, such as CreateTable; what is in it is the query's own.
            let debug = format!("{other:?}");
            let name = debug.split([' ', '{', '(']).next().unwrap_or_default();
            let mut words = String::new();
            for letter in name.chars() {
                if letter.is_uppercase() && !words.is_empty() {
                    words.push(' ');
                }
                words.push(letter.to_ascii_uppercase());
            }
            Err(words)
        }
    }
}

/// The first word of a statement but EXPLAIN, in capitals; `None` where there are only blanks, comments and semicolons.
fn first_word(sql: &str) -> Option<String> {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';' || c == '\u{feff}');
        rest = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n')?.1
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/")?.1
        } else {
            break;
        };
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
    if word.eq_ignore_ascii_case("explain") {
        return first_word(rest);
    }
    (!word.is_empty()).then(|| word.to_uppercase())
}
