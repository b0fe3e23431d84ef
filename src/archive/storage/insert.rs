//! Inserts many rows by few statements.

use rusqlite::{Connection, Statement, ToSql};

/// Rows that one statement inserts, at most: a third less work a row than a statement for each.
const ROWS: usize = 16;

/// The statements that insert 1, 2, 3, ... rows. For a table with an index they are to be `INSERT OR ROLLBACK`, which ends the
/// transaction when it fails, as its caller does anyway: to be able to undo the statement alone, SQLite would copy each page
/// that it changes beforehand, one of the index for each row.
pub(super) struct Insert([String; ROWS]);

impl Insert {
    /// `into` is the statement up to its rows of so many values.
    pub(super) fn new(into: &str, values: usize) -> Self {
        let row = format!("(?{})", ", ?".repeat(values - 1));
        Self(std::array::from_fn(|more| {
            format!("{into}{row}{}", format!(", {row}").repeat(more))
        }))
    }

    /// Inserts rows, whose values `bind` binds one after the other.
    pub(super) fn rows<R>(
        &self,
        connection: &Connection,
        rows: &[R],
        bind: impl Fn(&R, &mut BoundValues<'_, '_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        for rows in rows.chunks(ROWS) {
            let mut insert = connection.prepare_cached(&self.0[rows.len() - 1])?;
            let mut values = BoundValues {
                statement: &mut insert,
                bound: 0,
            };
            for row in rows {
                bind(row, &mut values)?;
            }
            insert.raw_execute()?;
        }
        Ok(())
    }
}

/// The values of a statement. Each is bound by itself: a list of parameters costs a tenth of the insert.
pub(super) struct BoundValues<'s, 'c> {
    statement: &'s mut Statement<'c>,
    bound: usize,
}

impl BoundValues<'_, '_> {
    /// Binds the next value.
    pub(super) fn bind(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)
    }
}
