//! How old runs become before the server purges them: as given, or learned from the runs that it stopped listing.

use std::collections::HashMap;
use std::time::Duration;

use crate::archive::{Absence, ArchiveError, FullSync, JobFreshness, Snapshot};
use crate::model::{Decimal, Instant};
use crate::text::counted;

/// Purge age of a server with the default settings: half a year.
const UNCHANGED_SECONDS: i64 = 180 * 86_400;

/// Absences from which on their median is taken for the purge age.
const LEAST_ABSENCES: usize = 10;

/// The latest absences of a server that tell at which age runs are still listed.
const LATEST: usize = 500;

/// Syncs that are looked through for the one before an absence that listed the job's runs.
const MOST_SYNCS_BACK: usize = 1000;

/// The age at which a server purges runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PurgeAge {
    /// The age itself, in seconds.
    pub(crate) seconds: i64,
    /// The age up to which runs are surely listed. Less than the other where that was learned, since an absence is seen
    /// only at the next sync.
    pub(crate) listed_seconds: i64,
    /// Where it comes from.
    pub(crate) basis: Basis,
    /// Runs clearly older than that which the server was not seen to stop listing.
    pub(crate) outlived_by: usize,
}

/// Where a purge age comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// A flag, the environment or the config file.
    Given,
    /// The median age of so many runs at their absence, so many of which were below nine tenths of it.
    Learned {
        runs: usize,
        /// How many of them the server stopped listing early.
        early: usize,
    },
    /// The purge age of a server with the default settings.
    Assumed,
}

impl PurgeAge {
    fn exactly(seconds: i64, basis: Basis) -> Self {
        Self {
            seconds,
            listed_seconds: seconds,
            basis,
            outlived_by: 0,
        }
    }

    /// Whether as many runs outlived it as it takes to learn one: the server keeps runs for longer.
    pub(crate) const fn is_too_short(&self) -> bool {
        self.outlived_by >= LEAST_ABSENCES
    }

    pub(crate) fn days(&self) -> Decimal {
        days(self.seconds)
    }

    /// The age below which a run has vanished early: nine tenths of the purge age.
    pub(crate) const fn early_seconds(&self) -> i64 {
        early(self.seconds)
    }

    /// The age and where it comes from, as text.
    pub(crate) fn description(&self) -> String {
        let age = in_days(self.seconds);
        let text = match self.basis {
            Basis::Given => format!("purge age {age}, as given"),
            Basis::Assumed => {
                format!("purge age {age}, assumed: nothing was learned yet, and none was given")
            }
            Basis::Learned { runs, early } => {
                let early = match early {
                    0 => String::new(),
                    early => format!(", {early} of them early"),
                };
                format!(
                    "purge age {age}, learned from {} that the server stopped listing{early}",
                    counted(runs as u64, "run")
                )
            }
        };
        if self.is_too_short() {
            let older = self.outlived_by;
            format!(
                "{text}; but the server still lists {} older than that, so it keeps runs for longer",
                counted(older as u64, "run")
            )
        } else {
            text
        }
    }
}

/// Seconds in days, one decimal, without `.0`.
pub(crate) fn in_days(seconds: i64) -> String {
    let days = days(seconds).to_string();
    let days = days.strip_suffix(".0").unwrap_or(&days);
    format!("{days} {}", if days == "1" { "day" } else { "days" })
}

pub(crate) fn days(seconds: i64) -> Decimal {
    Decimal::ratio(seconds.into(), 86_400, 1).unwrap_or(Decimal::new(0, 1))
}

const fn early(seconds: i64) -> i64 {
    seconds / 10 * 9 + seconds % 10 * 9 / 10
}

/// The age from which on a run has outlived a purge age: it is as far above as an early absence is below.
const fn outliving(seconds: i64) -> i64 {
    seconds.saturating_add(seconds / 10)
}

/// The purge ages of the servers in an archive.
#[derive(Debug, Clone, Default)]
pub(crate) struct PurgeAges {
    given: Option<i64>,
    learned: HashMap<Option<i64>, PurgeAge>,
    absences: HashMap<Option<i64>, usize>,
    /// Of a given age: how many runs outlived it at each server.
    outlived: HashMap<Option<i64>, usize>,
}

impl PurgeAges {
    /// The one that is given, for every server; else what the archive shows for each.
    pub(crate) fn read(snapshot: &Snapshot<'_>, given: Option<Duration>) -> Result<Self, ArchiveError> {
        let given = given.map(|given| i64::try_from(given.as_secs()).unwrap_or(i64::MAX));
        let mut ages = Self {
            given,
            ..Self::default()
        };
        if let Some(given) = given {
            for job in snapshot.job_freshness()? {
                ages.outlived.insert(job.server_key, 0);
            }
            for (server, outlived) in &mut ages.outlived {
                *outlived = snapshot.listed_runs_older_than(*server, outliving(given))?;
            }
            return Ok(ages);
        }
        let mut absences: HashMap<Option<i64>, Vec<Absence>> = HashMap::new();
        snapshot.each_absence(|absence| {
            // A run that began behind its absence: one of two clocks was wrong.
            if age(&absence) > 0 {
                absences.entry(absence.server_key).or_default().push(absence);
            }
        })?;
        let syncs = if absences.is_empty() {
            Vec::new()
        } else {
            snapshot.full_syncs()?
        };
        for (server, mut absences) in absences {
            ages.absences.insert(server, absences.len());
            if absences.len() >= LEAST_ABSENCES {
                let mut learned = learn(snapshot, &mut absences, &syncs)?;
                learned.outlived_by = snapshot.listed_runs_older_than(server, outliving(learned.seconds))?;
                ages.learned.insert(server, learned);
            }
        }
        Ok(ages)
    }

    /// The purge age of a server, given or learned; `None` where neither is.
    pub(crate) fn of(&self, server: Option<i64>) -> Option<PurgeAge> {
        match self.given {
            Some(given) => Some(PurgeAge {
                outlived_by: self.outlived.get(&server).copied().unwrap_or(0),
                ..PurgeAge::exactly(given, Basis::Given)
            }),
            None => self.learned.get(&server).copied(),
        }
    }

    /// Likewise; where neither is, the one of a server with the default settings.
    pub(crate) fn or_assumed(&self, server: Option<i64>) -> PurgeAge {
        self.of(server)
            .unwrap_or_else(|| PurgeAge::exactly(UNCHANGED_SECONDS, Basis::Assumed))
    }

    /// Runs of a server that are gone without a purge age to judge them by.
    pub(crate) fn unjudged(&self, server: Option<i64>) -> usize {
        match self.of(server) {
            Some(_) => 0,
            None => self.absences.get(&server).copied().unwrap_or(0),
        }
    }

    /// Of the servers of these jobs, a sentence each: the purge age, or why none is known.
    pub(crate) fn known_notes<'j>(&self, jobs: impl Iterator<Item = &'j JobFreshness>) -> Vec<String> {
        sentences(jobs.map(|job| self.description(job.server_key)))
    }

    /// Likewise; the assumed one where none is known.
    pub(crate) fn notes<'j>(&self, jobs: impl Iterator<Item = &'j JobFreshness>) -> Vec<String> {
        sentences(jobs.map(|job| self.or_assumed(job.server_key).description()))
    }

    /// The purge age of a server, as text, or why there is none.
    pub(crate) fn description(&self, server: Option<i64>) -> String {
        self.of(server).map_or_else(
            || {
                let absences = self.absences.get(&server).copied().unwrap_or(0);
                format!(
                    "purge age unknown: the server stopped listing {} so far, and it takes \
                     {LEAST_ABSENCES} to learn from; --purge-age (or purge_age in the config file) tells it",
                    counted(absences as u64, "run")
                )
            },
            |age| age.description(),
        )
    }
}

/// Each of these once, as a sentence.
fn sentences(text: impl Iterator<Item = String>) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for text in text {
        let (first, rest) = text.split_at(1);
        let sentence = format!("{}{rest}.", first.to_uppercase());
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

fn age(absence: &Absence) -> i64 {
    absence.absent_since_unix - Instant::from_ticks(absence.started_ticks).unix_seconds()
}

fn learn(
    snapshot: &Snapshot<'_>,
    absences: &mut [Absence],
    syncs: &[FullSync],
) -> Result<PurgeAge, ArchiveError> {
    let median = median(absences.iter().map(age));
    let is_early = |absence: &Absence| age(absence) < early(median);
    let counts = Basis::Learned {
        runs: absences.len(),
        early: absences.iter().filter(|absence| is_early(absence)).count(),
    };
    absences.sort_unstable_by_key(|absence| std::cmp::Reverse(absence.absent_since_unix));
    let mut before: HashMap<(i64, i64), Option<i64>> = HashMap::new();
    let mut listed: Vec<i64> = Vec::new();
    for absence in absences.iter().filter(|absence| !is_early(absence)).take(LATEST) {
        let key = (absence.job_key, absence.absent_since_unix);
        let began = match before.get(&key) {
            Some(&began) => began,
            None => *before
                .entry(key)
                .or_insert(listed_before(snapshot, absence, syncs)?),
        };
        let start = Instant::from_ticks(absence.started_ticks).unix_seconds();
        listed.extend(began.map(|began| began - start).filter(|&age| age > 0));
    }
    listed.sort_unstable();
    // One in ten may have been listed last long before, at a sync that was followed by none for a while.
    let listed_seconds = listed.get(listed.len() / 10).copied();
    Ok(PurgeAge {
        seconds: median,
        listed_seconds: listed_seconds.unwrap_or(early(median)).min(median),
        basis: counts,
        outlived_by: 0,
    })
}

/// When the last sync began that still listed the run.
fn listed_before(
    snapshot: &Snapshot<'_>,
    absence: &Absence,
    syncs: &[FullSync],
) -> Result<Option<i64>, ArchiveError> {
    let behind = syncs.partition_point(|sync| sync.ended_unix < absence.absent_since_unix);
    for sync in syncs[..behind].iter().rev().take(MOST_SYNCS_BACK) {
        if snapshot.was_complete(sync.sync_id, absence.job_key)? {
            return Ok(Some(sync.began_unix));
        }
    }
    Ok(None)
}

/// The middle one; of an even number the mean of two, rounded down.
fn median(ages: impl Iterator<Item = i64>) -> i64 {
    let mut ages: Vec<i64> = ages.collect();
    ages.sort_unstable();
    let (Some(&upper), Some(&lower)) = (
        ages.get(ages.len() / 2),
        ages.get(ages.len().saturating_sub(1) / 2),
    ) else {
        return 0;
    };
    lower + (upper - lower) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tenths_and_days_are_exact() {
        assert_eq!([10, 100, 99, i64::MAX].map(early)[..3], [9, 90, 89]);
        assert_eq!(in_days(86_400), "1 day");
        assert_eq!(in_days(90 * 86_400 + 3_600 * 12), "90.5 days");
        assert_eq!(median([3, 1, 2].into_iter()), 2);
        assert_eq!(median([4, 1, 2, 9].into_iter()), 3);
    }
}
