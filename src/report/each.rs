//! A report that another one reads: each row goes to a closure, cells by their names.

use std::io;

use super::table::{Cell, Column, Rows};
use crate::model::Instant;

/// Takes the rows of a report with known columns.
pub(super) struct Each<F> {
    columns: &'static [Column],
    see: F,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'r, 'c> {
    columns: &'static [Column],
    cells: &'r [Cell<'c>],
}

impl<F: FnMut(Row<'_, '_>)> Each<F> {
    /// Of a report with these columns.
    pub(super) const fn new(columns: &'static [Column], see: F) -> Self {
        Self { columns, see }
    }
}

impl<'c> Row<'_, 'c> {
    fn get(&self, name: &str) -> Cell<'c> {
        let place = self.columns.iter().position(|column| column.name == name);
        let cell = place.and_then(|place| self.cells.get(place));
        cell.copied().unwrap_or(Cell::Null)
    }

    /// A text; `None` where there is none.
    pub(super) fn text(&self, name: &str) -> Option<&'c str> {
        match self.get(name) {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A count; 0 where there is none.
    pub(super) fn count(&self, name: &str) -> u64 {
        match self.get(name) {
            Cell::Integer(number) => u64::try_from(number).unwrap_or(0),
            _ => 0,
        }
    }

    /// A point in time; `None` where there is none.
    pub(super) fn instant(&self, name: &str) -> Option<Instant> {
        match self.get(name) {
            Cell::Instant(instant) => Some(instant),
            _ => None,
        }
    }
}

impl<F: FnMut(Row<'_, '_>)> Rows for Each<F> {
    fn columns(&mut self, _columns: &[Column]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        (self.see)(Row {
            columns: self.columns,
            cells,
        });
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
