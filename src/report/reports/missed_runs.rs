//! Runs expected from a job's usual schedule that never arrived.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::rhythm::{Factor, LEAST_STARTS, Rhythm, Silence};
use crate::archive::{JobFreshness, Snapshot};
use crate::model::{Decimal, Instant};
use crate::report::definition::{EachRow, Report, row};
use crate::report::error::Result;
use crate::report::numbers::counted;
use crate::report::options::Scope;

/// Runs, expected from a job's usual schedule, that never arrived
///
/// One row per interval between two starts of a job that is longer than --factor times the job's usual interval, which
/// is the median. runs_missed is the length in usual intervals, rounded, minus 1. Only starts from --since to --until
/// are considered. Jobs most of whose runs start at the same time are left out.
///
/// The interval that is still open counts too, of a watched job with at least three runs: from its last start to its
/// last complete answer (or to --until, if that is earlier). Its `to` is empty, and runs_missed is rounded down. A job
/// that has stopped is found that way.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report missed-runs --since 1y
  jobruns report missed-runs --factor 1.5 --job Nightly")]
pub(crate) struct MissedRuns {
    /// How many usual intervals an interval must exceed
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "2.5",
        allow_hyphen_values = true
    )]
    pub(crate) factor: Factor,
}

row! {
    /// An interval between two starts in which runs are missing; without `to` it is still open.
    MissedRow<'a> {
        job_id: &'a str as Text,
        job_name: Option<&'a str> as Text,
        from: Instant as Instant,
        to: Option<Instant> as Instant,
        usual_seconds: Decimal as Decimal,
        runs_missed: i64 as Integer,
    }
}

impl MissedRow<'_> {
    /// How many runs are missing, for sums.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.runs_missed).unwrap_or(0)
    }

    /// Where the interval ends, for pictures; an open one where the last run that it misses was due.
    pub(crate) fn end(&self) -> Instant {
        self.to.unwrap_or_else(|| {
            let seconds = self.usual_seconds.whole().saturating_mul(self.runs_missed.into());
            let end = i128::from(self.from.unix_seconds()).saturating_add(seconds);
            i64::try_from(end).map_or(self.from, Instant::from_unix_seconds)
        })
    }
}

impl Report for MissedRuns {
    const NAME: &'static str = "missed-runs";
    const EMPTY: &'static str = "No run was missed.";
    type Row<'a> = MissedRow<'a>;

    /// By the GUID of the job, then by time.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        let fresh = snapshot.job_freshness()?;
        let fresh: HashMap<i64, JobFreshness> = fresh.into_iter().map(|job| (job.job_key, job)).collect();
        for job in scope.jobs() {
            let missed = |from, to: Option<i64>, rhythm: Rhythm, runs_missed| MissedRow {
                job_id: &job.job_id,
                job_name: job.name.as_deref(),
                from: Instant::from_ticks(from),
                to: to.map(Instant::from_ticks),
                usual_seconds: rhythm.usual_seconds(),
                runs_missed,
            };
            let starts = snapshot.starts_of_job(job.job_key, scope.since(), scope.until())?;
            if let Some(rhythm) = Rhythm::of(&starts) {
                for pair in starts.windows(2) {
                    if let Some(runs) = rhythm.runs_missed(pair[0], pair[1], self.factor) {
                        row(&missed(pair[0], Some(pair[1]), rhythm, runs))?;
                    }
                }
            }
            let silence = match fresh.get(&job.job_key) {
                Some(fresh) => Silence::read(snapshot, fresh, scope.until())?,
                None => None,
            };
            if let Some(silence) = silence.filter(|silence| silence.reaches_into(scope.since()))
                && let (Some(rhythm), Some(runs)) = (silence.rhythm, silence.runs_missed(self.factor))
            {
                row(&missed(silence.from, None, rhythm, runs))?;
            }
        }
        Ok(())
    }

    /// Says also for how many jobs that is not known, or not up to now.
    fn empty(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<String> {
        let fresh = snapshot.job_freshness()?;
        let never_answered: HashSet<i64> = fresh
            .iter()
            .filter(|job| job.last_answered_unix.is_none())
            .map(|job| job.job_key)
            .collect();
        let (mut jobs, mut unknown, mut never) = (0_u64, 0_u64, 0_u64);
        for job in scope.jobs() {
            let starts = snapshot.starts_of_job(job.job_key, scope.since(), scope.until())?;
            jobs += 1;
            never += u64::from(never_answered.contains(&job.job_key));
            unknown += u64::from(starts.len() < LEAST_STARTS || Rhythm::of(&starts).is_none());
        }
        let why = format!("fewer than {LEAST_STARTS} runs with a start, or no usual interval between them");
        if never > 0 && unknown < jobs {
            return Ok(format!(
                "Between archived runs no run was missed. What came after them is not known of {}: there was no complete answer yet, and one to --count N is none.",
                counted(never, "job")
            ));
        }
        Ok(match unknown {
            0 => Self::EMPTY.to_owned(),
            all if all == jobs => format!("Whether runs were missed is not known: every job has {why}."),
            some => format!(
                "{} Of {} that is not known: {why}.",
                Self::EMPTY,
                counted(some, "job")
            ),
        })
    }
}
