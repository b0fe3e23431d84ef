//! What tables are made of: columns, cells, and who takes them.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use chrono::NaiveDate;

use crate::model::{Decimal, Instant, hex};
use crate::report::numbers::counted;

/// A column's name and what its cells are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, as in the header row.
    pub name: Cow<'static, str>,
    /// What its cells are.
    pub kind: ColumnType,
}

/// What the cells of a column are; any of them may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    Integer,
    Decimal,
    /// A share between 0 and 1.
    Rate,
    Instant,
    Date,
    Bytes,
    /// Whatever each cell says: the columns of a query.
    Any,
}

impl ColumnType {
    /// Whether cells stand at the right of their column.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal | Self::Rate)
    }
}

impl Column {
    /// A column of a report.
    #[must_use]
    pub const fn new(name: &'static str, kind: ColumnType) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Null,
    Text(&'a str),
    Integer(i64),
    /// A number with decimals, exact.
    Decimal(Decimal),
    /// A number as SQL computes it.
    Real(f64),
    /// A point in time; shown in UTC.
    Instant(Instant),
    Date(NaiveDate),
    /// Bytes; shown as lower-case hexadecimal text.
    Bytes(&'a [u8]),
}

impl<'a> Cell<'a> {
    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Decimal(_) | Self::Real(_))
    }

    /// Appends the cell as text: nothing for an empty one.
    pub fn write_text(&self, out: &mut String) {
        match self {
            Self::Null => {}
            Self::Text(text) => out.push_str(text),
            Self::Bytes(bytes) => out.push_str(&hex(bytes)),
            Self::Instant(instant) => write_instant(*instant, out),
            Self::Integer(number) => write(out, format_args!("{number}")),
            Self::Decimal(number) => write(out, format_args!("{number}")),
            Self::Real(number) => write(out, format_args!("{number:?}")),
            Self::Date(day) => write(out, format_args!("{day}")),
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Cell<'_> {
    fn from(count: u64) -> Self {
        Self::Integer(i64::try_from(count).expect("counts of stored rows fit"))
    }
}

impl From<bool> for Cell<'_> {
    fn from(is_so: bool) -> Self {
        Self::Integer(is_so.into())
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<Decimal> for Cell<'_> {
    fn from(number: Decimal) -> Self {
        Self::Decimal(number)
    }
}

impl From<Instant> for Cell<'_> {
    fn from(instant: Instant) -> Self {
        Self::Instant(instant)
    }
}

impl From<NaiveDate> for Cell<'_> {
    fn from(day: NaiveDate) -> Self {
        Self::Date(day)
    }
}

/// Without a value the cell is empty.
impl<'a, T: Into<Self>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}

fn write(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing to a String cannot fail");
}

/// The instant as its `Display` has it, quicker: reports of millions of rows have one or two in each.
fn write_instant(instant: Instant, out: &mut String) {
    let seconds = instant.unix_seconds();
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a civil date, in years that begin in March (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return write(out, format_args!("{instant}"));
    }
    let mut text = *b"0000-00-00T00:00:00";
    for (at, width, mut number) in [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day_of_month),
        (11, 2, second / 3600),
        (14, 2, second / 60 % 60),
        (17, 2, second % 60),
    ] {
        for digit in text[at..at + width].iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).expect("a digit of a number that is not negative");
            number /= 10;
        }
    }
    out.push_str(std::str::from_utf8(&text).expect("ASCII"));
    let fraction = instant.ticks().rem_euclid(10_000_000);
    if fraction != 0 {
        let digits = format!("{fraction:07}");
        write(out, format_args!(".{}", digits.trim_end_matches('0')));
    }
    out.push('Z');
}

/// Takes the columns, then the rows, then the end.
pub trait Rows {
    /// The columns; once, before everything else.
    fn columns(&mut self, columns: &[Column]) -> io::Result<()>;

    /// One row, with a cell for each column.
    ///
    /// # Errors
    /// What the writer below says, or that the format takes no more rows.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;

    /// A sentence about the rows, after them: that there are none, or what they rest on. Formats of rows alone leave it
    /// out.
    fn remark(&mut self, _sentence: &str) -> io::Result<()> {
        Ok(())
    }

    /// The end; once, after everything else.
    fn finish(&mut self) -> io::Result<()>;
}

/// What was written of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows, the header not counted.
    pub rows: u64,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Sentences about the rows.
    pub remarks: Vec<String>,
    /// What the report says in a sentence; empty where a format does not say it.
    pub summary: String,
}

impl Written {
    /// What the report says in a sentence, and be it how many rows it has.
    pub(super) fn summary(&self) -> String {
        match self.rows {
            _ if !self.summary.is_empty() => self.summary.clone(),
            0 => self
                .remarks
                .first()
                .cloned()
                .unwrap_or_else(|| "No matching rows.".to_owned()),
            rows => format!("{}.", counted(rows, "row")),
        }
    }
}

/// Passes everything on, keeps count, and stops when it is cancelled.
pub(super) struct CountingRows<'r> {
    inner: &'r mut dyn Rows,
    is_cancelled: &'r dyn Fn() -> bool,
    written: Written,
}

impl<'r> CountingRows<'r> {
    /// Around `inner`.
    pub(super) fn new(inner: &'r mut dyn Rows, is_cancelled: &'r dyn Fn() -> bool) -> Self {
        Self {
            inner,
            is_cancelled,
            written: Written::default(),
        }
    }

    /// What was passed on.
    pub(super) fn written(self) -> Written {
        self.written
    }
}

impl Rows for CountingRows<'_> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.written.columns = columns.iter().map(|column| column.name.to_string()).collect();
        self.inner.columns(columns)
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if (self.is_cancelled)() {
            return Err(io::Error::other("interrupted"));
        }
        self.written.rows += 1;
        self.inner.row(cells)
    }

    fn remark(&mut self, sentence: &str) -> io::Result<()> {
        self.written.remarks.push(sentence.to_owned());
        self.inner.remark(sentence)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_is_written_as_its_display_has_it(ticks in any::<i64>()) {
            let instant = Instant::from_ticks(ticks);
            let mut text = String::new();
            write_instant(instant, &mut text);
            prop_assert_eq!(text, instant.to_string());
        }

        #[test]
        fn an_instant_of_our_days_is_written_as_its_display_has_it(seconds in -62_135_596_800_i64..253_402_300_800) {
            let instant = Instant::from_unix_seconds(seconds);
            let mut text = String::new();
            write_instant(instant, &mut text);
            prop_assert_eq!(text, instant.to_string());
        }
    }

    #[test]
    fn numbers_of_sql_keep_their_point() {
        let mut text = String::new();
        Cell::Real(1.0).write_text(&mut text);
        Cell::Bytes(&[0xab, 1]).write_text(&mut text);
        Cell::Null.write_text(&mut text);
        assert_eq!(text, "1.0ab01");
    }
}
