//! What every report can be asked: a span of time, a zone, jobs; and how the flags for it are read.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use super::calendar::CalendarSpan;
use super::purge_age::PurgeAgeFlag;
use super::time::read_time;
use crate::archive::{JobName, Snapshot};
use crate::model::{Guid, Instant, Zone, guid_beginning, zone_names};
use crate::report::error::{ReportError, Result};
use crate::text::nearest;

// The flags of every report. Not a doc comment, which clap would show in the help of each report.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What counts")]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Includes messages that their run no longer has
    #[arg(long)]
    include_absent: bool,

    #[command(flatten)]
    purge_age: PurgeAgeFlag,
}

impl CommonArgs {
    /// The options that the flags stand for at this time.
    pub(crate) fn options(&self, now: Instant) -> Result<CommonOptions> {
        Ok(CommonOptions {
            include_absent: self.include_absent,
            purge_age: self.purge_age.purge_age,
            ..self.scope.options(now)?
        })
    }
}

// Which jobs, and which span of time. Not a doc comment, which clap would show in the help.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What counts")]
pub(crate) struct ScopeArgs {
    /// Only from this time on: 2024-03-01 (midnight in the time zone), 2024-03-01T06:00:00Z, or 30d, 12w, 6mo, 2y ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only before this time, written as for --since
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    #[command(flatten)]
    calendar: CalendarSpan,

    /// The IANA time zone that decides to which day something belongs; times in cells stay UTC
    #[arg(long, env = "JOBRUNS_TIMEZONE", value_name = "ZONE", default_value = "UTC", value_parser = read_zone)]
    timezone: Zone,

    /// Only this job, by its GUID (or the first 8 digits of it, or more) or by its name in any letter case; may be given
    /// several times
    #[arg(long = "job", value_name = "ID|NAME")]
    jobs: Vec<String>,
}

impl ScopeArgs {
    /// The options that the flags stand for at this time.
    pub(crate) fn options(&self, now: Instant) -> Result<CommonOptions> {
        let time = |flag, text: &Option<String>| read_time(flag, text.as_deref(), self.timezone, now);
        let (since, until) = match self.calendar.bounds(self.timezone) {
            Some((since, until)) => (Some(since), Some(until)),
            None => (time("--since", &self.since)?, time("--until", &self.until)?),
        };
        Ok(CommonOptions {
            since,
            until,
            zone: self.timezone,
            jobs: self.jobs.clone(),
            include_absent: false,
            purge_age: None,
        })
    }
}

/// Options of every report: instants, never relative times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CommonOptions {
    /// First instant that counts.
    pub(crate) since: Option<Instant>,
    /// First instant that does not count any more.
    pub(crate) until: Option<Instant>,
    /// The zone that decides which day an instant belongs to.
    #[serde(rename = "timezone")]
    pub(crate) zone: Zone,
    /// Jobs by GUID or name; all where none is named.
    #[serde(rename = "job")]
    pub(crate) jobs: Vec<String>,
    /// Whether messages that their run no longer has count too.
    pub(crate) include_absent: bool,
    /// The server's purge age, where one is given; reports whose rows rest on it say in their own options which one they took.
    #[serde(skip)]
    pub(crate) purge_age: Option<Duration>,
}

impl CommonOptions {
    /// Looks the jobs up in the archive and checks the span.
    pub(crate) fn scope(&self, snapshot: &Snapshot<'_>) -> Result<Scope> {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since > until
        {
            return Err(ReportError::SinceAfterUntil { since, until });
        }
        let names = snapshot.job_names()?;
        let chosen = if self.jobs.is_empty() {
            None
        } else {
            let chosen = self.jobs.iter().map(|given| job_called(given, &names));
            Some(chosen.collect::<Result<HashSet<i64>>>()?)
        };
        let places = names.iter().map(|job| job.job_key).zip(0..).collect();
        Ok(Scope {
            options: self.clone(),
            since: self.since.map(Instant::ticks),
            until: self.until.map(Instant::ticks),
            names,
            places,
            chosen,
        })
    }
}

/// The job that `given` means: by GUID, else by name, else by name in any letter case, else by the first digits of its
/// GUID.
fn job_called(given: &str, names: &[JobName]) -> Result<i64> {
    let guid = given.parse::<Guid>().ok().map(|guid| guid.to_string());
    let beginning = guid_beginning(given);
    let lower = given.to_lowercase();
    let by: [&dyn Fn(&JobName) -> bool; 4] = [
        &|job| Some(&job.job_id) == guid.as_ref(),
        &|job| job.name.as_deref() == Some(given),
        &|job| job.name.as_ref().is_some_and(|name| name.to_lowercase() == lower),
        &|job| (beginning.as_ref()).is_some_and(|beginning| job.job_id.starts_with(beginning)),
    ];
    let meant = by
        .into_iter()
        .map(|is_meant| names.iter().filter(|job| is_meant(job)).collect());
    let meant: Vec<&JobName> = meant
        .into_iter()
        .find(|jobs: &Vec<_>| !jobs.is_empty())
        .unwrap_or_default();
    match meant[..] {
        [job] => Ok(job.job_key),
        [] => {
            let known = names
                .iter()
                .flat_map(|job| [Some(job.job_id.as_str()), job.name.as_deref()]);
            Err(ReportError::UnknownJob {
                given: given.to_owned(),
                nearest: nearest(given, known.flatten()).map(str::to_owned),
            })
        }
        _ => Err(ReportError::AmbiguousJob {
            given: given.to_owned(),
            meant: meant.iter().map(|job| job.job_id.clone()).collect(),
        }),
    }
}

/// The options after a look into the archive.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    options: CommonOptions,
    since: Option<i64>,
    until: Option<i64>,
    names: Vec<JobName>,
    /// Where each job stands in `names`, by its key.
    places: HashMap<i64, usize>,
    chosen: Option<HashSet<i64>>,
}

impl Scope {
    pub(crate) const fn options(&self) -> &CommonOptions {
        &self.options
    }

    /// First instant that counts, in ticks of 100 ns since 1970 UTC.
    pub(crate) const fn since(&self) -> Option<i64> {
        self.since
    }

    /// First instant that does not count any more, likewise.
    pub(crate) const fn until(&self) -> Option<i64> {
        self.until
    }

    /// The jobs that are requested, by GUID.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &JobName> {
        self.names.iter().filter(|job| self.has_job(job.job_key))
    }

    /// Every job of the archive, by GUID.
    pub(crate) fn names(&self) -> &[JobName] {
        &self.names
    }

    pub(crate) fn name_of(&self, job_key: i64) -> Option<&str> {
        let &place = self.places.get(&job_key)?;
        self.names[place].name.as_deref()
    }

    /// Whether the job is requested.
    pub(crate) fn has_job(&self, job_key: i64) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| chosen.contains(&job_key))
    }

    /// Whether a span is requested.
    pub(crate) const fn has_span(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether every run is requested.
    pub(crate) const fn is_everything(&self) -> bool {
        self.chosen.is_none() && !self.has_span()
    }

    /// Whether an instant (ticks of 100 ns since 1970 UTC) counts; no time lies in no span.
    pub(crate) fn has_time(&self, ticks: Option<i64>) -> bool {
        match ticks {
            None => !self.has_span(),
            Some(ticks) => {
                self.since.is_none_or(|since| ticks >= since) && self.until.is_none_or(|until| ticks < until)
            }
        }
    }
}

/// The text names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a time zone (expected an IANA name such as Europe/Berlin){}", did_you_mean(.nearest.as_deref()))]
struct UnknownTimeZone {
    pub(crate) given: String,
    /// The most similar zone.
    pub(crate) nearest: Option<String>,
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

/// An IANA zone by its name, in any letter case.
fn read_zone(text: &str) -> Result<Zone, UnknownTimeZone> {
    Zone::newest(text.trim()).ok_or_else(|| UnknownTimeZone {
        given: text.to_owned(),
        nearest: nearest(text, zone_names()).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;

    #[test]
    fn a_zone_is_found_in_any_letter_case_and_a_misspelt_one_names_the_nearest() {
        assert_eq!(read_zone("europe/berlin"), Ok(named("Europe/Berlin")));
        assert_eq!(read_zone("utc"), Ok(Zone::UTC));
        let error = read_zone("Europe/Berln").unwrap_err();
        assert!(
            error.to_string().ends_with("did you mean Europe/Berlin?"),
            "{error}"
        );
        assert_eq!(read_zone("?").unwrap_err().nearest, None);
    }

    fn job(job_key: i64, job_id: &str, name: Option<&str>) -> JobName {
        JobName {
            job_key,
            job_id: job_id.to_owned(),
            name: name.map(str::to_owned),
        }
    }

    #[test]
    fn a_job_is_meant_by_guid_or_its_beginning_or_by_name_in_any_letter_case() {
        let names = [
            job(1, "ff761384-4b49-40b4-97d8-0de38669075a", Some("Nightly")),
            job(2, "ff761384-4b49-40b4-97d8-0de38669075b", Some("nightly")),
            job(3, "0e761384-4b49-40b4-97d8-0de38669075c", None),
            job(4, "1e761384-4b49-40b4-97d8-0de38669075c", Some("0e761384")),
            job(5, "2e761384-4b49-40b4-97d8-0de38669075c", Some("Weekly")),
        ];
        for (given, key) in [
            ("Nightly", 1),
            ("nightly", 2),
            ("WEEKLY", 5),
            ("{0E761384-4B49-40B4-97D8-0DE38669075C}", 3),
            ("0E761384-4b", 3),
            ("0e761384", 4),
        ] {
            assert_eq!(job_called(given, &names).unwrap(), key, "{given}");
        }
        for given in ["NIGHTLY", "ff761384"] {
            let error = job_called(given, &names).unwrap_err();
            assert!(error.is_wrong_usage());
            assert!(
                matches!(&error, ReportError::AmbiguousJob { meant, .. } if *meant
                    == ["ff761384-4b49-40b4-97d8-0de38669075a", "ff761384-4b49-40b4-97d8-0de38669075b"]),
                "{error:?}"
            );
        }
        let error = job_called("nihgtly", &names).unwrap_err();
        assert!(error.is_wrong_usage());
        assert!(
            matches!(&error, ReportError::UnknownJob { nearest: Some(nearest), .. } if nearest == "nightly"),
            "{error:?}"
        );
        assert!(job_called("0e76138", &names).is_err());
    }
}
