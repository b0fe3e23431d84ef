//! Runs SQL statements: one call prepares a statement, binds its values and reads its rows; an error says what was being
//! done.
//!
//! [`Db::cached`] keeps the prepared statement for the next call. The cache is small, so use it only for statements that a
//! command runs again and again. Where even the lookup in the cache costs too much, hold the statement and use [`each_row`].

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Params, Row, Statement};

use super::error::{ArchiveError, Doing};

/// Runs statements. `doing` completes "could not ..." in the error.
pub(crate) trait Db {
    /// Prepares a statement and hands it to `then`.
    fn prepared<T, E: From<ArchiveError>>(
        &self,
        sql: &str,
        doing: &'static str,
        then: impl FnOnce(&mut Statement<'_>) -> Result<T, E>,
    ) -> Result<T, E>;

    /// The same database, with statements kept for the next call.
    fn cached(&self) -> Cached<'_>;

    /// Runs a statement; returns how many rows it changed.
    fn run(&self, sql: &str, params: impl Params, doing: &'static str) -> Result<usize, ArchiveError> {
        self.prepared(sql, doing, |statement| statement.execute(params).doing(doing))
    }

    /// Inserts a row; returns its key.
    fn insert(&self, sql: &str, params: impl Params, doing: &'static str) -> Result<i64, ArchiveError> {
        self.prepared(sql, doing, |statement| statement.insert(params).doing(doing))
    }

    /// The first row, which must be there.
    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        doing: &'static str,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, ArchiveError> {
        self.prepared(sql, doing, |statement| {
            statement.query_row(params, read).doing(doing)
        })
    }

    /// The first row, where there is one.
    fn optional<T>(
        &self,
        sql: &str,
        params: impl Params,
        doing: &'static str,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, ArchiveError> {
        self.prepared(sql, doing, |statement| {
            statement.query_row(params, read).optional().doing(doing)
        })
    }

    /// The same where `read` has errors of its own.
    fn try_optional<T, E: From<ArchiveError>>(
        &self,
        sql: &str,
        params: impl Params,
        doing: &'static str,
        read: impl FnOnce(&Row<'_>) -> Result<T, RowError<E>>,
    ) -> Result<Option<T>, E> {
        self.prepared(sql, doing, |statement| {
            let mut rows = statement.query(params).doing(doing)?;
            let row = rows.next().doing(doing)?;
            row.map(read).transpose().map_err(|error| error.doing(doing))
        })
    }

    fn all<T, C: FromIterator<T>>(
        &self,
        sql: &str,
        params: impl Params,
        doing: &'static str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<C, ArchiveError> {
        self.prepared(sql, doing, |statement| {
            let rows = statement.query_map(params, read);
            rows.and_then(Iterator::collect).doing(doing)
        })
    }

    /// Calls `see` with every row.
    fn each(
        &self,
        sql: &str,
        params: impl Params,
        doing: &'static str,
        see: impl FnMut(&Row<'_>) -> Result<(), RowError>,
    ) -> Result<(), ArchiveError> {
        self.try_each(sql, params, doing, see)
    }

    /// The same where `see` has errors of its own.
    fn try_each<E: From<ArchiveError>>(
        &self,
        sql: &str,
        params: impl Params,
        doing: &'static str,
        see: impl FnMut(&Row<'_>) -> Result<(), RowError<E>>,
    ) -> Result<(), E> {
        self.prepared(sql, doing, |statement| each_row(statement, params, doing, see))
    }
}

/// Calls `see` with every row of a statement that the caller holds.
pub(crate) fn each_row<E: From<ArchiveError>>(
    statement: &mut Statement<'_>,
    params: impl Params,
    doing: &'static str,
    mut see: impl FnMut(&Row<'_>) -> Result<(), RowError<E>>,
) -> Result<(), E> {
    let mut rows = statement.query(params).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        see(row).map_err(|error| error.doing(doing))?;
    }
    Ok(())
}

impl Db for Connection {
    fn prepared<T, E: From<ArchiveError>>(
        &self,
        sql: &str,
        doing: &'static str,
        then: impl FnOnce(&mut Statement<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        then(&mut self.prepare(sql).doing(doing)?)
    }

    fn cached(&self) -> Cached<'_> {
        Cached(self)
    }
}

/// A database that keeps its statements prepared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cached<'c>(&'c Connection);

impl Db for Cached<'_> {
    fn prepared<T, E: From<ArchiveError>>(
        &self,
        sql: &str,
        doing: &'static str,
        then: impl FnOnce(&mut Statement<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        then(&mut *self.0.prepare_cached(sql).doing(doing)?)
    }

    fn cached(&self) -> Cached<'_> {
        *self
    }
}

/// Why a callback failed on a row. SQLite's error gets the words for what was being done; any other is passed on as it is.
#[derive(Debug)]
pub(crate) enum RowError<E = ArchiveError> {
    Sql(rusqlite::Error),
    Other(E),
}

impl<E: From<ArchiveError>> RowError<E> {
    fn doing(self, doing: &'static str) -> E {
        match self {
            Self::Sql(error) => E::from(ArchiveError::sql(doing, error)),
            Self::Other(error) => error,
        }
    }
}

impl<E> From<rusqlite::Error> for RowError<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl<E> From<FromSqlError> for RowError<E> {
    fn from(error: FromSqlError) -> Self {
        Self::Sql(error.into())
    }
}

impl<E: From<ArchiveError>> From<E> for RowError<E> {
    fn from(error: E) -> Self {
        Self::Other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE t (k INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, 3)")
            .unwrap();
        connection
    }

    #[test]
    fn rows_come_back_plain_and_cached() {
        let connection = table();
        let sql = "SELECT k FROM t WHERE k >= ?1 ORDER BY k";
        let keys: Vec<i64> = connection.all(sql, [1], "read", |row| row.get(0)).unwrap();
        assert_eq!(keys, [1, 2]);
        let cached = connection.cached();
        for _ in 0..2 {
            let key: i64 = cached.one(sql, [2], "read", |row| row.get(0)).unwrap();
            let none: Option<i64> = cached.optional(sql, [3], "read", |row| row.get(0)).unwrap();
            assert_eq!((key, none), (2, None));
        }
        assert_eq!(
            connection
                .insert("INSERT INTO t VALUES (7, 8)", [], "add")
                .unwrap(),
            7
        );
        assert_eq!(
            connection
                .run("DELETE FROM t WHERE k < ?1", [7], "remove")
                .unwrap(),
            2
        );
        let found = connection.try_optional::<_, ArchiveError>(sql, [1], "read", |row| Ok(row.get(0)?));
        assert_eq!(found.unwrap(), Some(7));
    }

    #[test]
    fn an_error_says_what_was_being_done_wherever_it_arose() {
        let connection = table();
        let values = "SELECT v FROM t ORDER BY k";
        let numbers = |row: &Row<'_>| row.get::<_, i64>(0);
        for failed in [
            connection.run("DELETE FROM nothing", [], "read").map(drop),
            connection.run("DELETE FROM t WHERE k = ?1", [], "read").map(drop),
            connection
                .one("SELECT v FROM t WHERE k = 9", [], "read", numbers)
                .map(drop),
            connection.one(values, [], "read", numbers).map(drop),
            connection.optional(values, [], "read", numbers).map(drop),
            connection.all::<_, Vec<_>>(values, [], "read", numbers).map(drop),
            connection.each(values, [], "read", |row| Ok(numbers(row).map(|_| ())?)),
            connection.each(values, [], "read", |row| {
                Ok(row.get_ref(0)?.as_i64().map(|_| ())?)
            }),
        ] {
            let error = failed.unwrap_err();
            assert!(
                matches!(error, ArchiveError::Sql { doing: "read", .. }),
                "{error:?}"
            );
            assert_eq!(error.to_string(), "could not read in the archive");
        }
    }

    #[test]
    fn an_error_of_the_callback_ends_the_rows_and_stays_as_it_is() {
        let mut seen = 0;
        let error = table().each("SELECT v FROM t", [], "read", |_| {
            seen += 1;
            let what = "job".to_owned();
            Err(ArchiveError::NoSuch { what }.into())
        });
        assert!(matches!(error, Err(ArchiveError::NoSuch { .. })));
        assert_eq!(seen, 1);
    }

    #[test]
    fn an_interrupted_statement_is_told_from_a_failed_one() {
        let connection = table();
        connection.progress_handler(1, Some(|| true)).unwrap();
        let error = connection.run("DELETE FROM t", [], "remove rows").unwrap_err();
        assert!(
            matches!(error, ArchiveError::Endless { doing: "remove rows" }),
            "{error:?}"
        );
    }
}
