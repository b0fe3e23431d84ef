//! What people call things, and what their clocks say.

use chrono::{NaiveDateTime, TimeZone};

use crate::model::{Instant, Zone};
use crate::text::{capitalized, columns_of, in_columns};

/// Columns of a name that a label shows: two lines of a chart. The tooltip and the table have more of it.
const LABEL_COLUMNS: usize = 72;

/// What the clocks of the zone say.
pub(super) fn wall_clock(zone: Zone, at: Instant) -> NaiveDateTime {
    zone.from_utc_datetime(&at.to_chrono().naive_utc()).naive_local()
}

/// The time zone of this name; UTC if there is no such zone.
pub(super) fn time_in(zone: &str, at: Instant) -> NaiveDateTime {
    wall_clock(Zone::newest(zone).unwrap_or(Zone::UTC), at)
}

/// How people call an asset: by its name and its type, since assets of two types may have one name. Of long ones each is
/// shortened by itself, so that both are seen.
pub(super) fn asset_title(name: Option<&str>, kind: Option<&str>) -> String {
    let name = name.filter(|name| !name.is_empty()).unwrap_or("(no asset)");
    let Some(kind) = kind.filter(|kind| !kind.is_empty()) else {
        return name.to_owned();
    };
    let title = format!("{name} · {kind}");
    if columns_of(&title) <= LABEL_COLUMNS {
        return title;
    }
    format!("{} · {}", in_columns(name, 45), in_columns(kind, 24))
}

/// A foreign name as labels have it.
pub(super) fn label(name: &str) -> String {
    in_columns(name, LABEL_COLUMNS)
}

/// The title of a job: its name, else its GUID, else that there is no job.
pub(super) fn job_title(job_id: Option<&str>, name: Option<&str>) -> String {
    let name = name.filter(|name| !name.trim().is_empty());
    name.or(job_id).unwrap_or("all jobs").to_owned()
}

/// The heading of a report: `failure-trends` is `Failure trends`.
pub(super) fn report_title(report: &str) -> String {
    match report {
        "changes" => "Changed runs".to_owned(),
        name => capitalized(&name.replace('-', " ")),
    }
}

/// An instant to the minute.
pub(super) fn minute(at: &str) -> String {
    let minute: String = at.chars().take(16).collect();
    minute.replace('T', " ") + " UTC"
}
