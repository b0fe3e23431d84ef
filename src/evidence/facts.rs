//! What is in a package, counted, and how complete it is known to be: for the page, the workpaper and the summary.

use std::collections::{HashMap, HashSet};

use super::SampleOptions;
use crate::archive::{BoundSync, ExtractedJob, InSpan, Snapshot};
use crate::model::{Guid, Instant, JobStatus};
use crate::report::ReportError;
use crate::report::options::Scope;
use crate::report::purge_age::{Basis, PurgeAges};
use crate::report::reports::completeness::{self, JobCompleteness};
use crate::report::reports::{GapState, gaps};

/// How many spans of a job the page and the workpaper list; the others are only in the table.
const MOST_SPANS: usize = 200;

/// What a package says of itself.
#[derive(Debug)]
pub(super) struct PackageFacts {
    pub(super) archive_id: Guid,
    pub(super) bound: BoundSync,
    pub(super) jobs: Vec<JobFacts>,
    pub(super) since: Option<Instant>,
    pub(super) until: Option<Instant>,
    pub(super) prepared_by: Option<String>,
    pub(super) redacts_owners: bool,
    pub(super) sample: Option<SampleFacts>,
    pub(super) runs: u64,
    pub(super) failed: u64,
    pub(super) payloads: u64,
    /// Revisions after the first.
    pub(super) changes: u64,
    pub(super) vanished: u64,
    /// Runs of the span that a retention rule removed before the head.
    pub(super) removed: u64,
    pub(super) pieces: u64,
    /// Quarantined pieces that are not accepted.
    pub(super) pieces_open: u64,
}

#[derive(Debug)]
pub(super) struct JobFacts {
    pub(super) job: ExtractedJob,
    pub(super) runs: u64,
    pub(super) failed: u64,
    /// Starts of the first and the last run.
    pub(super) first: Option<Instant>,
    pub(super) last: Option<Instant>,
    pub(super) known: JobCompleteness,
    /// Spans of the span that is asked for, in order.
    pub(super) spans: Vec<SpanFacts>,
    /// Spans that are not listed here.
    pub(super) more_spans: usize,
    /// Nobody said how long the server keeps runs, and nothing was learned: what is proved rests on an assumption.
    pub(super) assumes_purge_age: bool,
}

/// What is known of a span of a job's time.
#[derive(Debug)]
pub(super) struct SpanFacts {
    pub(super) from: Option<Instant>,
    pub(super) to: Option<Instant>,
    pub(super) state: GapState,
    pub(super) runs: u64,
    pub(super) why: String,
}

#[derive(Debug)]
pub(super) struct SampleFacts {
    pub(super) options: SampleOptions,
    pub(super) population: u64,
}

/// What is known of each job before runs are left out that are not in the span.
pub(super) fn of_jobs(
    jobs: &[ExtractedJob],
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    ages: &PurgeAges,
) -> Result<Vec<JobFacts>, ReportError> {
    let mut known: HashMap<String, JobCompleteness> = completeness::of_jobs(snapshot, scope, ages)?
        .into_iter()
        .map(|job| (job.job_id.clone(), job))
        .collect();
    let mut spans: HashMap<String, (Vec<SpanFacts>, usize)> = HashMap::new();
    gaps::each(snapshot, scope, ages, |span| {
        if span.state == GapState::CountMismatch {
            return Ok(());
        }
        let (listed, more) = spans.entry(span.job_id.to_owned()).or_default();
        if listed.len() == MOST_SPANS {
            *more += 1;
            return Ok(());
        }
        listed.push(SpanFacts {
            from: span.from,
            to: span.to,
            state: span.state,
            runs: span.runs,
            why: span.why.to_owned(),
        });
        Ok(())
    })?;
    let keys: HashMap<i64, &str> = scope
        .names()
        .iter()
        .map(|job| (job.job_key, &*job.job_id))
        .collect();
    let assumed: HashSet<&str> = snapshot
        .job_freshness()?
        .iter()
        .filter(|job| ages.or_assumed(job.server_key).basis == Basis::Assumed)
        .filter_map(|job| keys.get(&job.job_key).copied())
        .collect();
    Ok(jobs
        .iter()
        .filter_map(|job| {
            let (spans, more_spans) = spans.remove(&job.job_id).unwrap_or_default();
            Some(JobFacts {
                job: job.clone(),
                runs: 0,
                failed: 0,
                first: None,
                last: None,
                known: known.remove(&job.job_id)?,
                spans,
                more_spans,
                assumes_purge_age: assumed.contains(&*job.job_id),
            })
        })
        .collect())
}

/// Counts the runs of each job that are left.
pub(super) fn count_runs(
    jobs: &mut [JobFacts],
    snapshot: &Snapshot<'_>,
    scope: &Scope,
) -> Result<(), ReportError> {
    let places: HashMap<i64, usize> = scope
        .names()
        .iter()
        .filter_map(|name| {
            let place = jobs.iter().position(|job| job.job.job_id == name.job_id)?;
            Some((name.job_key, place))
        })
        .collect();
    snapshot.each_run_key::<ReportError>(InSpan::Start, None, None, |run| {
        let Some(job) = places.get(&run.job_key).map(|&place| &mut jobs[place]) else {
            return Ok(());
        };
        job.runs += 1;
        job.failed += u64::from(run.status.is_some_and(|status| JobStatus(status).is_failure()));
        // Runs come in the order of their starts.
        if let Some(start) = run.started_ticks.map(Instant::from_ticks) {
            job.first = job.first.or(Some(start));
            job.last = Some(start);
        }
        Ok(())
    })
}

impl JobFacts {
    /// How people call the job.
    pub(super) fn title(&self) -> &str {
        self.job.name.as_deref().unwrap_or(&self.job.job_id)
    }

    /// Whether it is proved that every run that started in the span is archived.
    pub(super) const fn is_proved(&self) -> bool {
        self.known.unproved.is_empty() && !self.assumes_purge_age
    }

    /// Runs that started in spans whose runs are all archived.
    pub(super) fn runs_in_proved_spans(&self) -> u64 {
        let proved = self.spans.iter().filter(|span| span.state == GapState::Complete);
        proved.map(|span| span.runs).sum()
    }
}

/// A point in time for people: of a midnight the day alone.
pub(super) fn readable(at: Instant) -> String {
    let text = at.to_string();
    match text.strip_suffix("T00:00:00Z") {
        Some(day) => day.to_owned(),
        None => text.replace('T', " ").replace('Z', " UTC"),
    }
}

impl PackageFacts {
    /// The span, as text.
    pub(super) fn span(&self) -> String {
        let (since, until) = (self.since.map(readable), self.until.map(readable));
        match (since, until) {
            (None, None) => "of all times".to_owned(),
            (Some(since), None) => format!("that started from {since} on"),
            (None, Some(until)) => format!("that started before {until}"),
            (Some(since), Some(until)) => format!("that started from {since} to before {until}"),
        }
    }

    /// Whether what is proved of a job rests on an assumption about how long its server keeps runs.
    pub(super) fn assumes_purge_age(&self) -> bool {
        self.jobs.iter().any(|job| job.assumes_purge_age)
    }

    pub(super) fn jobs_in_words(&self) -> String {
        match &self.jobs[..] {
            [job] => job.title().to_owned(),
            [one, other] => format!("{} and {}", one.title(), other.title()),
            jobs => format!("{} jobs", jobs.len()),
        }
    }

    /// Whether the population of every job is proved to be complete.
    pub(super) fn is_proved(&self) -> bool {
        self.jobs.iter().all(JobFacts::is_proved)
    }

    /// Runs whose MessageCount disagrees with the messages that they have.
    pub(super) fn count_mismatches(&self) -> u64 {
        self.jobs.iter().map(|job| job.known.count_mismatches).sum()
    }
}
