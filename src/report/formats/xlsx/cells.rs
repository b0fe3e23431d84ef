//! What a cell of a report is in a sheet.

use std::borrow::Cow;
use std::io;

use chrono::{DateTime, NaiveDate};
use rust_xlsxwriter::{Format, Worksheet};

use super::caught::caught;
use crate::model::Instant;
use crate::report::table::{Cell, ColumnType};
use crate::text::columns_of;

/// UTF-16 units of a cell's text: the format's own limit.
const CELL_UNITS: usize = 32_767;

/// Digits of a whole number that Excel keeps.
const EXACT: std::ops::RangeInclusive<i64> = -999_999_999_999_999..=999_999_999_999_999;

const TICKS_PER_DAY: i64 = 86_400 * 10_000_000;

/// Days from Excel's day 0 to 1970-01-01. Day 1 is 1900-01-01, and a day that never was, 1900-02-29, is counted.
const EPOCH_DAY: i64 = 25_569;

/// 1900-03-01, from which Excel's days are those of the calendar, to 9999-12-31, its last.
const DAYS: std::ops::RangeInclusive<i64> = 61..=2_958_465;

/// Writes cells of reports into sheets, typed.
pub(crate) struct SheetCells {
    formats: Formats,
    text: String,
    /// Texts that were cut to what a cell holds.
    pub(crate) cut_texts: u64,
}

impl SheetCells {
    pub(crate) fn new() -> Self {
        Self {
            formats: Formats::new(),
            text: String::new(),
            cut_texts: 0,
        }
    }

    /// Writes a cell of a column of this kind at row and column; returns how wide it looks.
    pub(crate) fn write(
        &mut self,
        sheet: &mut Worksheet,
        (row, column): (u32, u16),
        cell: &Cell<'_>,
        kind: ColumnType,
    ) -> io::Result<usize> {
        Ok(match value(cell, kind, &mut self.text) {
            CellValue::Empty => 0,
            CellValue::Number {
                format,
                number,
                shown,
            } => {
                let format = format.map(|format| self.formats.of(format));
                caught(|| match format {
                    Some(format) => sheet.write_number_with_format(row, column, number, format),
                    None => sheet.write_number(row, column, number),
                })?;
                shown
            }
            CellValue::Text(text) => {
                let (text, is_cut) = fitted(text);
                self.cut_texts += u64::from(is_cut);
                caught(|| sheet.write_string(row, column, &*text))?;
                columns_of(text.lines().next().unwrap_or_default())
            }
        })
    }
}

/// What is put into a cell.
enum CellValue<'a> {
    Empty,
    /// A number, and how wide it looks.
    Number {
        format: Option<NumberFormat>,
        number: f64,
        shown: usize,
    },
    Text(&'a str),
}

/// How a number looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberFormat {
    /// A point in time, which a sheet knows without a zone: `2026-01-31 03:00:00Z`.
    Instant,
    /// The same with thousandths of a second; Excel shows no more.
    InstantWithFraction,
    /// `2026-01-31`.
    Date,
    /// A share: `12.50%`.
    Percent,
    Places(usize),
}

/// Decimals up to which numbers have a format of their own: ticks of 100 ns.
const MOST_PLACES: usize = 7;

/// The formats, made once.
struct Formats {
    instant: Format,
    instant_with_fraction: Format,
    date: Format,
    percent: Format,
    places: Vec<Format>,
}

impl Formats {
    fn new() -> Self {
        let format = |code: &str| Format::new().set_num_format(code);
        Self {
            instant: format("yyyy-mm-dd hh:mm:ss\"Z\""),
            instant_with_fraction: format("yyyy-mm-dd hh:mm:ss.000\"Z\""),
            date: format("yyyy-mm-dd"),
            percent: format("0.00%"),
            places: (0..=MOST_PLACES)
                .map(|places| match places {
                    0 => format("0"),
                    places => format(&format!("0.{}", "0".repeat(places))),
                })
                .collect(),
        }
    }

    fn of(&self, format: NumberFormat) -> &Format {
        match format {
            NumberFormat::Instant => &self.instant,
            NumberFormat::InstantWithFraction => &self.instant_with_fraction,
            NumberFormat::Date => &self.date,
            NumberFormat::Percent => &self.percent,
            NumberFormat::Places(places) => &self.places[places.min(MOST_PLACES)],
        }
    }
}

/// The value of a cell in a column of this kind. `text` is room for those that become text.
fn value<'a>(cell: &Cell<'a>, kind: ColumnType, text: &'a mut String) -> CellValue<'a> {
    let number = |format, number, shown| CellValue::Number {
        format,
        number,
        shown,
    };
    match *cell {
        Cell::Null => return CellValue::Empty,
        Cell::Text(text) => {
            // A query knows no times, only the text that the archive's tables show them as.
            let may_be_a_time = matches!(kind, ColumnType::Any | ColumnType::Instant);
            return match may_be_a_time.then(|| instant_of(text)).flatten().and_then(serial) {
                Some((format, days, shown)) => number(Some(format), days, shown),
                None => CellValue::Text(text),
            };
        }
        #[expect(clippy::cast_precision_loss, reason = "numbers of 15 digits are exact")]
        Cell::Integer(whole) if EXACT.contains(&whole) => {
            let digits = whole.unsigned_abs().checked_ilog10().unwrap_or(0);
            let sign = usize::from(whole < 0);
            let shown = usize::try_from(digits).expect("a few digits") + 1 + sign;
            return number(None, whole as f64, shown);
        }
        Cell::Real(real) if real.is_finite() => return number(None, real, 10),
        Cell::Decimal(decimal) => {
            let value = decimal.to_f64();
            if kind == ColumnType::Rate {
                return number(Some(NumberFormat::Percent), value, 7);
            }
            let digits = decimal.to_string();
            let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
            return number(Some(NumberFormat::Places(places)), value, digits.len());
        }
        Cell::Instant(instant) => {
            if let Some((format, days, shown)) = serial(instant) {
                return number(Some(format), days, shown);
            }
        }
        Cell::Date(day) => {
            if let Some(days) = serial_day(day) {
                return number(Some(NumberFormat::Date), days, 10);
            }
        }
        Cell::Integer(_) | Cell::Real(_) | Cell::Bytes(_) => {}
    }
    text.clear();
    cell.write_text(text);
    CellValue::Text(text)
}

/// The instant that a text of the archive's tables is: `2026-01-31T03:00:00Z`, with or without a fraction.
fn instant_of(text: &str) -> Option<Instant> {
    let bytes = text.as_bytes();
    let has_form = (20..=28).contains(&bytes.len())
        && bytes[10] == b'T'
        && bytes.ends_with(b"Z")
        && (bytes.len() == 20 || bytes[19] == b'.');
    if !has_form {
        return None;
    }
    let read = DateTime::parse_from_rfc3339(text).ok()?;
    let ticks = read.timestamp().checked_mul(10_000_000)? + i64::from(read.timestamp_subsec_nanos() / 100);
    Some(Instant::from_ticks(ticks))
}

/// Excel's number for an instant: days, the time being their fraction. `None` beyond its calendar.
fn serial(instant: Instant) -> Option<(NumberFormat, f64, usize)> {
    let day = instant.ticks().div_euclid(TICKS_PER_DAY) + EPOCH_DAY;
    if !DAYS.contains(&day) {
        return None;
    }
    let of_day = instant.ticks().rem_euclid(TICKS_PER_DAY);
    #[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
    let days = day as f64 + of_day as f64 / TICKS_PER_DAY as f64;
    Some(if of_day % 10_000_000 == 0 {
        (NumberFormat::Instant, days, 20)
    } else {
        (NumberFormat::InstantWithFraction, days, 24)
    })
}

fn serial_day(day: NaiveDate) -> Option<f64> {
    let number = i64::from(day.to_epoch_days()) + EPOCH_DAY;
    #[expect(clippy::cast_precision_loss, reason = "a few million at most")]
    DAYS.contains(&number).then_some(number as f64)
}

/// The text as far as a cell holds it, and whether that is not all of it; the mark at its end then says so.
pub(super) fn fitted(text: &str) -> (Cow<'_, str>, bool) {
    // No character has more UTF-16 units than bytes.
    if text.len() <= CELL_UNITS {
        return (Cow::Borrowed(text), false);
    }
    let units: usize = text.chars().map(char::len_utf16).sum();
    if units <= CELL_UNITS {
        return (Cow::Borrowed(text), false);
    }
    let mark = format!(" […cut: {} characters in all]", text.chars().count());
    let mut room = CELL_UNITS - mark.encode_utf16().count();
    let mut end = 0;
    for (at, character) in text.char_indices() {
        if character.len_utf16() > room {
            break;
        }
        room -= character.len_utf16();
        end = at + character.len_utf8();
    }
    (Cow::Owned(text[..end].to_owned() + &mark), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_excel_is_counted_as_excel_counts() {
        let day = |text: &str| serial_day(text.parse().unwrap());
        assert_eq!(day("1900-03-01"), Some(61.0));
        assert_eq!(day("2000-01-01"), Some(36_526.0));
        assert_eq!(day("9999-12-31"), Some(2_958_465.0));
        assert_eq!(day("1900-02-28"), None);
        let noon = Instant::from_unix_seconds(946_728_000);
        assert_eq!(serial(noon), Some((NumberFormat::Instant, 36_526.5, 20)));
        assert_eq!(serial(Instant::from_unix_seconds(-62_135_596_800)), None);
    }

    #[test]
    fn only_a_time_as_the_tables_write_it_is_a_time() {
        assert_eq!(
            instant_of("1970-01-01T00:00:01.5Z"),
            Some(Instant::from_ticks(15_000_000))
        );
        assert_eq!(
            instant_of("1970-01-01T00:00:00Z"),
            Some(Instant::from_unix_seconds(0))
        );
        for text in [
            "1970-01-01",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00+00:00",
            "1970-13-01T00:00:00Z",
            "1970-01-01T00:00:00Z ",
            "ééééééééééT",
        ] {
            assert_eq!(instant_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_to_what_a_cell_holds_and_says_so() {
        for text in [
            "x".repeat(CELL_UNITS),
            "é".repeat(CELL_UNITS),
            "🙂".repeat(16_383),
        ] {
            assert!(!fitted(&text).1);
        }
        for text in ["x".repeat(CELL_UNITS + 1), "🙂".repeat(16_384)] {
            let (cut, is_cut) = fitted(&text);
            assert!(is_cut);
            let units = cut.encode_utf16().count();
            assert!((CELL_UNITS - 1..=CELL_UNITS).contains(&units), "{units}");
            let mark = format!(" […cut: {} characters in all]", text.chars().count());
            let kept = cut.strip_suffix(&mark).unwrap();
            assert!(text.starts_with(kept));
        }
    }
}
