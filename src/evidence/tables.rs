//! The tables of a package as CSV files: the rows of reports, with columns left empty that are to be left out.

use std::io::{self, Write};

use crate::archive::{QuarantineRow, Snapshot};
use crate::report::ReportError;
use crate::report::definition::{Report, Row, row};
use crate::report::format::CsvStyle;
use crate::report::formats::Csv;
use crate::report::options::Scope;
use crate::report::{Cell, Column, Rows};

/// Columns that name people.
const PEOPLE: [&str; 2] = ["asset_owner", "removed_by"];

#[derive(Clone, Copy)]
pub(super) struct TableForm<'a> {
    /// Whether columns that name people are left empty.
    pub(super) redacts_owners: bool,
    pub(super) is_cancelled: &'a dyn Fn() -> bool,
}

pub(super) struct PackageTable<'a, W: Write> {
    csv: Csv<W>,
    /// Indexes of the columns that stay empty.
    blank: Vec<usize>,
    form: TableForm<'a>,
    rows: u64,
}

impl<'a, W: Write> PackageTable<'a, W> {
    pub(super) fn new(out: W, columns: &[Column], form: TableForm<'a>) -> io::Result<Self> {
        let mut csv = Csv::new(out, CsvStyle::default())?;
        csv.columns(columns)?;
        let is_blank = |column: &Column| form.redacts_owners && PEOPLE.contains(&&*column.name);
        Ok(Self {
            csv,
            blank: (0..)
                .zip(columns)
                .filter(|(_, column)| is_blank(column))
                .map(|(place, _)| place)
                .collect(),
            form,
            rows: 0,
        })
    }

    pub(super) fn row(&mut self, row: &impl Row) -> Result<(), ReportError> {
        row.cells(|cells| self.cells(cells))
    }

    fn cells(&mut self, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        if self.rows.is_multiple_of(1000) && (self.form.is_cancelled)() {
            return Err(io::Error::from(io::ErrorKind::Interrupted).into());
        }
        self.rows += 1;
        if self.blank.is_empty() {
            return Ok(self.csv.row(cells)?);
        }
        let mut cells = cells.to_vec();
        for &place in &self.blank {
            cells[place] = Cell::Null;
        }
        Ok(self.csv.row(&cells)?)
    }

    /// Finishes the table; returns how many rows it has.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.csv.finish()?;
        Ok(self.rows)
    }
}

/// Writes a report; returns how many rows it has.
pub(super) fn write<R: Report>(
    report: &R,
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    form: TableForm<'_>,
    out: &mut dyn Write,
) -> Result<u64, ReportError> {
    let mut table = PackageTable::new(out, report.columns(), form)?;
    report.each(snapshot, scope, &mut |row| table.row(row))?;
    Ok(table.finish()?)
}

row! {
    /// A piece in quarantine, without its bytes.
    PieceRow<'a> {
        quarantine_id: i64 as Integer,
        job_id: &'a str as Text,
        sync_id: i64 as Integer,
        captured_at: &'a str as Text,
        position: i64 as Integer,
        reason: &'a str as Text,
        accepted_at: Option<&'a str> as Text,
    }
}

/// Writes the table `quarantine` without the bytes.
pub(super) fn write_quarantine(
    pieces: &[QuarantineRow],
    form: TableForm<'_>,
    out: &mut dyn Write,
) -> Result<u64, ReportError> {
    let mut table = PackageTable::new(out, PieceRow::COLUMNS, form)?;
    for piece in pieces {
        table.row(&PieceRow {
            quarantine_id: piece.quarantine_id,
            job_id: &piece.job_id,
            sync_id: piece.sync_id,
            captured_at: &piece.captured_at,
            position: piece.position,
            reason: &piece.reason,
            accepted_at: piece.accepted_at.as_deref(),
        })?;
    }
    Ok(table.finish()?)
}
