//! `--compare`: which two spans of time are compared.

use chrono::{Datelike, Days, Months, NaiveTime, TimeZone};
use serde::Serialize;

use super::common::CommonOptions;
use super::time::{first_instant, read_time};
use crate::model::{Instant, Zone};
use crate::report::error::{ReportError, Result};

/// Is it getting better?
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args, Serialize)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct Comparison {
    /// Compares the time from --since to --until (default: now) with the time just before it, which is as long: whole
    /// months or days if both ends are such
    #[arg(long)]
    #[serde(skip)]
    compare: bool,

    /// Compares with the time that begins here and ends at --compare-until [default end: --since]
    #[arg(long, value_name = "TIME")]
    #[serde(skip)]
    compare_since: Option<String>,

    /// The end of the time to compare with
    #[arg(long, value_name = "TIME", requires = "compare_since")]
    #[serde(skip)]
    compare_until: Option<String>,

    #[arg(skip)]
    #[serde(rename = "compare_since")]
    since: Option<Instant>,
    #[arg(skip)]
    #[serde(rename = "compare_until")]
    until: Option<Instant>,
}

impl Comparison {
    /// The span to compare with, where one is requested.
    pub(crate) fn span(&self) -> Option<Span> {
        let (since, until) = self.since.zip(self.until)?;
        Some(Span { since, until })
    }

    /// Decides which span to compare with, where one is requested. The span of the report itself then gets an end.
    pub(crate) fn resolve(&mut self, common: &mut CommonOptions, now: Instant) -> Result {
        if !self.compare && self.compare_since.is_none() {
            return Ok(());
        }
        let Some(since) = common.since else {
            return Err(ReportError::WrongUsage {
                message: "a comparison needs --since, where the span begins that is compared with another"
                    .to_owned(),
                hint: Some("for example --since 30d --compare."),
            });
        };
        let until = *common.until.get_or_insert(now);
        let read = |flag, text: &Option<String>| read_time(flag, text.as_deref(), common.zone, now);
        let before = match read("--compare-since", &self.compare_since)? {
            Some(since_before) => Span {
                since: since_before,
                until: read("--compare-until", &self.compare_until)?.unwrap_or(since),
            },
            None => Span { since, until }.before(common.zone).ok_or_else(|| {
                ReportError::wrong_usage(format!(
                    "no time lies between --since ({since}) and --until ({until})"
                ))
            })?,
        };
        if before.since >= before.until {
            return Err(ReportError::wrong_usage(format!(
                "no time lies between --compare-since ({}) and the end of that span ({})",
                before.since, before.until
            )));
        }
        tracing::debug!(
            "{since} to {until} is compared with {} to {}",
            before.since,
            before.until
        );
        *self = before.into();
        Ok(())
    }
}

impl From<Span> for Comparison {
    fn from(span: Span) -> Self {
        Self {
            since: Some(span.since),
            until: Some(span.until),
            ..Self::default()
        }
    }
}

/// From an instant, included, to another, not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) since: Instant,
    pub(crate) until: Instant,
}

impl Span {
    /// The span just before this one. Where both ends are midnights of the zone it is as many whole months long, if they are
    /// the first of a month, else as many days; else as long to the tick. `None` where this one has no length, and where
    /// time itself ends.
    fn before(self, zone: Zone) -> Option<Self> {
        if self.since >= self.until {
            return None;
        }
        let local = |at: Instant| zone.from_utc_datetime(&at.to_chrono().naive_utc()).naive_local();
        let (from, to) = (local(self.since), local(self.until));
        let since = if from.time() == NaiveTime::MIN && to.time() == NaiveTime::MIN {
            let (from, to) = (from.date(), to.date());
            let first = if from.day() == 1 && to.day() == 1 {
                let months =
                    (to.year() - from.year()) * 12 + to.month().cast_signed() - from.month().cast_signed();
                from.checked_sub_months(Months::new(u32::try_from(months).ok()?))
            } else {
                from.checked_sub_days(Days::new(u64::try_from((to - from).num_days()).ok()?))
            };
            first_instant(zone, first?.and_time(NaiveTime::MIN))?
        } else {
            let length = self.until.ticks().checked_sub(self.since.ticks())?;
            Instant::from_ticks(self.since.ticks().checked_sub(length)?)
        };
        Some(Self {
            since,
            until: self.since,
        })
    }

    pub(crate) fn of(self, common: &CommonOptions) -> CommonOptions {
        CommonOptions {
            since: Some(self.since),
            until: Some(self.until),
            ..common.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::time::parse_time;
    use super::*;
    use crate::model::named;

    fn before(zone: Zone, since: &str, until: &str) -> Option<(String, String)> {
        let at = |text: &str| parse_time(text, zone, Instant::from_unix_seconds(0)).unwrap();
        let span = Span {
            since: at(since),
            until: at(until),
        };
        let before = span.before(zone)?;
        assert_eq!(before.until, span.since);
        Some((before.since.to_string(), before.until.to_string()))
    }

    #[test]
    fn the_span_before_is_as_many_months_or_days_of_the_zone() {
        for (zone, since, until, begins) in [
            // February has 29 days, March 31.
            (Zone::UTC, "2024-03-01", "2024-04-01", "2024-02-01T00:00:00Z"),
            (Zone::UTC, "2024-01-01", "2025-01-01", "2023-01-01T00:00:00Z"),
            (Zone::UTC, "2024-03-02", "2024-03-09", "2024-02-24T00:00:00Z"),
            // A week with a day of 23 hours after one without.
            (
                named("Europe/Berlin"),
                "2024-03-28",
                "2024-04-04",
                "2024-03-20T23:00:00Z",
            ),
            (
                named("Europe/Berlin"),
                "2024-04-04",
                "2024-04-11",
                "2024-03-27T23:00:00Z",
            ),
            (
                Zone::UTC,
                "2024-03-01T06:00:00Z",
                "2024-03-01T07:30:00Z",
                "2024-03-01T04:30:00Z",
            ),
        ] {
            let (found, _) = before(zone, since, until).unwrap();
            assert_eq!(found, begins, "{zone} {since} {until}");
        }
    }

    #[test]
    fn an_empty_span_has_none_before_it() {
        assert_eq!(before(Zone::UTC, "2024-03-01", "2024-03-01"), None);
        assert_eq!(before(Zone::UTC, "2024-03-02", "2024-03-01"), None);
    }
}
