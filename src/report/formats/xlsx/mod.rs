//! A workbook for Excel: a sheet of rows with typed cells, and a sheet that says what they are.
//!
//! # What is held
//! Rows go to a file without a name in the system's folder for temporary files, so memory does not grow with them. The
//! workbook is put together at the end.
//!
//! # Same archive, same options: same bytes
//! A workbook must say when it was made; ours always gives [`MADE`].
//!
//! # What Excel cannot hold
//! Rows past a sheet's end are an error, a text past a cell's end is cut with a visible mark. Times before March 1900,
//! which Excel's calendar does not have right, and whole numbers of more than 15 digits, which it would round, are text.

mod about;
mod caught;
mod cells;

use std::io::{self, Write};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatBorder, Workbook, Worksheet};

pub(crate) use self::caught::caught;
use self::caught::io_error;
pub(crate) use self::cells::SheetCells;
use crate::report::format::Format as TableFormat;
use crate::report::meta::ReportMeta;
use crate::report::table::{Cell, Column, ColumnType, Rows};
use crate::text::columns_of;

/// Rows of a sheet, the header one of them: the format's own limit.
const SHEET_ROWS: u32 = 1_048_576;

/// The year, on the first of January, in which every workbook of ours says that it was made: the first that a ZIP file can say.
const MADE: u16 = 1980;

/// No column gets wider than this; of longer texts the begin is seen.
const WIDEST: usize = 60;

/// Columns that the button of the filter takes from a heading.
const BUTTON: usize = 3;

pub(in crate::report) const FORMAT: TableFormat = TableFormat {
    name: "xlsx",
    extension: "xlsx",
    fits_terminal: false,
    has_remarks: false,
    open: |out, _, meta| Ok(Box::new(Xlsx::new(out, meta)?)),
};

pub struct Xlsx<'w, W: Write + Send> {
    out: W,
    about: &'w ReportMeta,
    workbook: Workbook,
    cells: SheetCells,
    kinds: Vec<ColumnType>,
    widths: Vec<usize>,
    next_row: u32,
}

/// The sheet has no place for more rows.
#[derive(Debug, thiserror::Error)]
#[error(
    "a sheet of xlsx ends at {SHEET_ROWS} rows, the header one of them, and there are more: ask for fewer (--since, --job, --limit), or take csv"
)]
struct SheetFull;

impl<'w, W: Write + Send> Xlsx<'w, W> {
    /// To `out`, about `about`.
    pub fn new(out: W, about: &'w ReportMeta) -> io::Result<Self> {
        let mut workbook = Workbook::new();
        let made = ExcelDateTime::from_ymd(MADE, 1, 1).map_err(io_error)?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(io_error)?;
        sheet.set_name(&about.report).map_err(io_error)?;
        Ok(Self {
            out,
            about,
            workbook,
            cells: SheetCells::new(),
            kinds: Vec::new(),
            widths: Vec::new(),
            next_row: 0,
        })
    }
}

impl<W: Write + Send> Rows for Xlsx<'_, W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        let heading = Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
        self.kinds = columns.iter().map(|column| column.kind).collect();
        let sheet = rows_sheet(&mut self.workbook)?;
        sheet.set_freeze_panes(1, 0).map_err(io_error)?;
        for (column, place) in columns.iter().zip(0..) {
            let (name, _) = cells::fitted(&column.name);
            self.widths.push(columns_of(&name) + BUTTON);
            caught(|| {
                sheet
                    .write_string_with_format(0, place, &*name, &heading)
                    .map(drop)
            })?;
        }
        self.next_row = 1;
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if self.next_row == SHEET_ROWS {
            return Err(io::Error::other(SheetFull));
        }
        let row = self.next_row;
        self.next_row += 1;
        let sheet = rows_sheet(&mut self.workbook)?;
        for (((cell, &kind), widest), place) in
            cells.iter().zip(&self.kinds).zip(&mut self.widths).zip(0_u16..)
        {
            let shown = self.cells.write(sheet, (row, place), cell, kind)?;
            *widest = (*widest).max(shown);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let sheet = rows_sheet(&mut self.workbook)?;
        if let Some(last) = u16::try_from(self.kinds.len())
            .ok()
            .and_then(|count| count.checked_sub(1))
        {
            sheet
                .autofilter(0, 0, self.next_row.saturating_sub(1), last)
                .map_err(io_error)?;
        }
        for (&widest, place) in self.widths.iter().zip(0..) {
            let characters = u32::try_from(widest.min(WIDEST)).expect("a small number");
            sheet
                .set_column_width(place, f64::from(characters) + 1.0)
                .map_err(io_error)?;
        }
        let rows = self.next_row.saturating_sub(1);
        about::write(&mut self.workbook, self.about, rows, self.cells.cut_texts).map_err(io_error)?;
        save(&mut self.workbook, &mut self.out)
    }
}

/// Writes a workbook.
///
/// # Errors
/// What `out` says, or that a temporary file could not be written.
pub(crate) fn save(workbook: &mut Workbook, out: &mut (impl Write + Send)) -> io::Result<()> {
    let mut patient = Patient {
        out: &mut *out,
        error: None,
    };
    let saved = caught(|| workbook.save_to_writer(&mut patient));
    // What the writer below said comes first: all else follows from it.
    patient.error.map_or(saved, Err)?;
    out.flush()
}

/// Keeps the first error for later, and takes everything from then on: the ZIP library prints a line of its own when it
/// cannot end its file.
struct Patient<'o, W> {
    out: &'o mut W,
    error: Option<io::Error>,
}

impl<W: Write> Write for Patient<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error.is_none()
            && let Err(error) = self.out.write_all(bytes)
        {
            self.error = Some(error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn rows_sheet(workbook: &mut Workbook) -> io::Result<&mut Worksheet> {
    workbook.worksheet_from_index(0).map_err(io_error)
}

#[cfg(test)]
mod tests;
