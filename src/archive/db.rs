//! How a statement is run: one call that prepares it, binds its values, reads its rows, and says what was being done where
//! any of that fails.
//!
//! A statement is prepared for the one call; [`Db::cached`] keeps it for the next. The cache is small, so it is for
//! statements that a command runs again and again. A loop that holds a statement across other work prepares its own.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Params, Row, Statement};

use super::error::{ArchiveError, Doing};

/// Runs statements; `doing` completes "could not ..." in the error.
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

    /// Runs a statement; how many rows it changed.
    fn run(&self, sql: &str, params: impl Params, doing: &'static str) -> Result<usize, ArchiveError> {
        self.prepared(sql, doing, |statement| statement.execute(params).doing(doing))
    }

    /// Inserts a row; its key.
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

    /// All rows.
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

    /// Shows every row to `see`.
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

/// Shows every row of a statement that is held across calls to `see`.
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

/// Why a row could not be dealt with: SQLite's reason, to which what was being done is added, or another error as it is.
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
