//! How complete the runs of each job are known to be: for those who rest a conclusion on them.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use super::gaps::{self, GapState};
use crate::archive::{CompleteAnswer, Snapshot};
use crate::model::Instant;
use crate::report::error::Result;
use crate::report::numbers::{counted, grouped};
use crate::report::options::{CommonOptions, Scope};
use crate::report::purge_age::PurgeAges;
use crate::report::titles::job_title;

/// What is known of how complete the runs of a job are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobCompleteness {
    pub(crate) job_id: String,
    /// Its name; `None` while it is not known.
    pub(crate) job_name: Option<String>,
    /// Its archived runs, of all times.
    pub(crate) runs_archived: u64,
    /// Those of them that the server still lists.
    pub(crate) runs_listed: u64,
    /// The server's last complete answer to the question for all of its runs; `None` without one.
    pub(crate) last_complete_answer: Option<LastAnswer>,
    /// Up to which age the server lists its runs, which decides the spans, and how that is known.
    pub(crate) purge_age: String,
    /// The spans for which it is not proved that every run is archived, cut at the ends of the requested span.
    pub(crate) unproved: Vec<UnprovedSpan>,
    /// Runs whose MessageCount disagrees with the messages that they have.
    pub(crate) count_mismatches: u64,
}

/// What a complete answer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LastAnswer {
    /// The sync that got it.
    pub(crate) sync_id: i64,
    /// When that sync ended by the server's clock, UTC.
    pub(crate) at: String,
    pub(crate) runs_listed: i64,
    /// `TotalJobRuns` as it said; `None` where it did not.
    pub(crate) total_job_runs: Option<i64>,
}

/// A span for which it is not proved that every run is archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UnprovedSpan {
    /// Its first instant, UTC; `None` where it has no beginning.
    pub(crate) from: Option<String>,
    /// The first instant behind it, UTC; `None` where it has no end.
    pub(crate) to: Option<String>,
    /// `disputed`, `may_be_missing` or `not_looked`, as in `coverage --gaps`.
    pub(crate) state: &'static str,
    /// Archived runs that started in it.
    pub(crate) runs: u64,
    /// Why it is not proved.
    pub(crate) why: String,
}

/// What is known of each job that these options ask for, by GUID.
pub(crate) fn of_common(snapshot: &Snapshot<'_>, common: &CommonOptions) -> Result<Vec<JobCompleteness>> {
    let ages = PurgeAges::read(snapshot, common.purge_age)?;
    of_jobs(snapshot, &common.scope(snapshot)?, &ages)
}

/// What is known of each job that is requested, by GUID.
pub(crate) fn of_jobs(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    ages: &PurgeAges,
) -> Result<Vec<JobCompleteness>> {
    let mut runs: HashMap<i64, (u64, u64)> = HashMap::new();
    snapshot.each_run_coverage(|run| {
        let (archived, listed) = runs.entry(run.job_key).or_default();
        *archived += 1;
        *listed += u64::from(!run.is_absent);
    })?;
    let mut answers: HashMap<i64, CompleteAnswer> = HashMap::new();
    snapshot.each_complete_answer(|answer| {
        answers.insert(answer.job_key, answer);
    })?;
    let freshness = snapshot.job_freshness()?.into_iter();
    let servers: HashMap<i64, Option<i64>> = freshness.map(|job| (job.job_key, job.server_key)).collect();
    let mut jobs: Vec<JobCompleteness> = scope
        .jobs()
        .map(|job| {
            let (runs_archived, runs_listed) = runs.get(&job.job_key).copied().unwrap_or_default();
            JobCompleteness {
                job_id: job.job_id.clone(),
                job_name: job.name.clone(),
                runs_archived,
                runs_listed,
                last_complete_answer: answers.get(&job.job_key).map(|answer| LastAnswer {
                    sync_id: answer.sync_id,
                    at: Instant::from_unix_seconds(answer.ended_unix).to_string(),
                    runs_listed: answer.runs_seen,
                    total_job_runs: answer.total_job_runs,
                }),
                purge_age: ages
                    .or_assumed(servers.get(&job.job_key).copied().flatten())
                    .description(),
                unproved: Vec::new(),
                count_mismatches: 0,
            }
        })
        .collect();
    // Both go by the GUIDs of the jobs.
    let mut at = 0;
    gaps::each(snapshot, scope, ages, |span| {
        while jobs[at].job_id != span.job_id {
            at += 1;
        }
        match span.state {
            GapState::Complete => {}
            GapState::CountMismatch => jobs[at].count_mismatches += 1,
            state => jobs[at].unproved.push(UnprovedSpan {
                from: span.from.map(|from| from.to_string()),
                to: span.to.map(|to| to.to_string()),
                state: state.word(),
                runs: span.runs,
                why: span.why.to_owned(),
            }),
        }
        Ok(())
    })?;
    Ok(jobs)
}

impl JobCompleteness {
    /// Spans in which runs may be missing, or that are disputed; not those before the first and after the last answer.
    pub(crate) fn gaps(&self) -> usize {
        let not_looked = GapState::NotLooked.word();
        let spans = self.unproved.iter();
        spans.filter(|span| span.state != not_looked).count()
    }

    /// How people call it, with its GUID.
    pub(crate) fn title(&self) -> String {
        let title = job_title(Some(&self.job_id), self.job_name.as_deref());
        if title == self.job_id {
            title
        } else {
            format!("{title} ({})", self.job_id)
        }
    }
}

/// What is known, in sentences.
impl fmt::Display for JobCompleteness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last_complete_answer {
            None => write!(f, "The server never gave a complete answer. ")?,
            Some(answer) => {
                let total = answer.total_job_runs.map_or_else(
                    || "did not say TotalJobRuns".to_owned(),
                    |total| format!("said TotalJobRuns {total}"),
                );
                write!(
                    f,
                    "The server's last complete answer (sync {}, {}) listed {} and {total}. ",
                    answer.sync_id,
                    answer.at,
                    counted(answer.runs_listed.unsigned_abs(), "run"),
                )?;
            }
        }
        write!(
            f,
            "{} archived, {} of them still listed. ",
            counted(self.runs_archived, "run"),
            grouped(self.runs_listed)
        )?;
        if self.count_mismatches > 0 {
            write!(
                f,
                "{} with other messages than their MessageCount says. ",
                counted(self.count_mismatches, "run")
            )?;
        }
        if self.unproved.is_empty() {
            return write!(
                f,
                "Every run of the span is proved to be archived ({}).",
                self.purge_age
            );
        }
        write!(f, "Not proved complete ({}):", self.purge_age)?;
        for (number, span) in self.unproved.iter().enumerate() {
            let separator = if number == 0 { "" } else { ";" };
            let from = span.from.as_deref().map(|from| format!(" from {from}"));
            let to = span.to.as_deref().map(|to| format!(" to {to}"));
            write!(
                f,
                "{separator}{}{} ({}: {})",
                from.as_deref().unwrap_or_default(),
                to.as_deref().unwrap_or_default(),
                span.state,
                span.why
            )?;
        }
        write!(f, ".")
    }
}
