//! Cells of a report's rows, read back by what they mean.

use chrono::{NaiveDate, NaiveDateTime, TimeZone};

use crate::model::{Instant, Zone};
use crate::report::About;
use crate::report::chart::{in_brief, label};
use crate::report::options::read_zone;
use crate::report::table::{Cell, Column};

/// The place of a column.
pub(super) fn place(columns: &[Column], name: &str) -> Option<usize> {
    columns.iter().position(|column| column.name == name)
}

/// The places of several columns; `None` where one is missing, as in a report of another shape.
pub(super) fn places<const N: usize>(columns: &[Column], names: [&str; N]) -> Option<[usize; N]> {
    let mut found = [0; N];
    for (slot, name) in found.iter_mut().zip(names) {
        *slot = place(columns, name)?;
    }
    Some(found)
}

pub(super) fn text<'a>(cells: &[Cell<'a>], place: usize) -> Option<&'a str> {
    match cells.get(place) {
        Some(Cell::Text(text)) => Some(text),
        _ => None,
    }
}

pub(super) fn count(cells: &[Cell<'_>], place: usize) -> u64 {
    match cells.get(place) {
        Some(Cell::Integer(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}

pub(super) fn date(cells: &[Cell<'_>], place: usize) -> Option<NaiveDate> {
    match cells.get(place) {
        Some(Cell::Date(day)) => Some(*day),
        _ => None,
    }
}

pub(super) fn instant(cells: &[Cell<'_>], place: usize) -> Option<Instant> {
    match cells.get(place) {
        Some(Cell::Instant(instant)) => Some(*instant),
        _ => None,
    }
}

/// The zone that a report was asked for; UTC where it knows none.
pub(super) fn zone(about: &About) -> Zone {
    let name = about.options.get("timezone").and_then(serde_json::Value::as_str);
    name.and_then(|name| read_zone(name).ok()).unwrap_or(Zone::UTC)
}

/// What the clocks of the zone say.
pub(super) fn wall_clock(zone: Zone, at: Instant) -> NaiveDateTime {
    zone.from_utc_datetime(&at.to_chrono().naive_utc()).naive_local()
}

/// What the clocks of the zone of this name say; UTC where there is none of it.
pub(in crate::report) fn time_in(zone: &str, at: Instant) -> NaiveDateTime {
    wall_clock(read_zone(zone).unwrap_or(Zone::UTC), at)
}

/// How people call an asset: by its name and its type, since assets of two types may have one name. Of long ones each is
/// shortened by itself, so that both are seen.
pub(in crate::report) fn asset_title(name: Option<&str>, kind: Option<&str>) -> String {
    let name = name.filter(|name| !name.is_empty()).unwrap_or("(no asset)");
    let Some(kind) = kind.filter(|kind| !kind.is_empty()) else {
        return name.to_owned();
    };
    let title = format!("{name} · {kind}");
    if label(&title) == title {
        return title;
    }
    format!("{} · {}", in_brief(name, 45), in_brief(kind, 24))
}

/// How people call a job: its name, else its GUID, else that it is none.
pub(super) fn job_title(job_id: Option<&str>, name: Option<&str>) -> String {
    let name = name.filter(|name| !name.trim().is_empty());
    name.or(job_id).unwrap_or("all jobs").to_owned()
}
