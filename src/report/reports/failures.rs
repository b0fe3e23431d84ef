//! Every run that failed, a row each, with what its errors say.
//!
//! Runs are gone through one after the other, and of the messages nothing but the distinct texts of one run is held.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::runs::{RunFilter, duration, job_id, job_ids};
use crate::archive::{InSpan, MessageReader, Snapshot};
use crate::model::{Decimal, Instant, JobStatus, MessageKey};
use crate::report::definition::{EachRow, Report, row};
use crate::report::error::{ReportError, Result};
use crate::report::options::{Category, Scope};

/// Runs that failed, and why
///
/// One row per run with the status Faulted or Aborted, newest first (by start, then by GUID); runs without a start come
/// last, and are left out if --since or --until is given. errors, assets, top_message and top_detail are about the run's
/// messages of category error: how many there are, about how many assets (each name with each type; messages about no
/// asset count for none), and the message and the details that occur most often, each counted by itself; of equally
/// frequent ones the first in byte order. A run matches --category, --asset, --asset-type, --owner and --search if one
/// of its messages matches all that are given.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report failures --since 7d
  jobruns report failures --month 2026-01 --job Nightly --output failures.csv
  jobruns report failures --status Aborted --asset SRV-0042")]
pub(crate) struct Failures {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) filter: RunFilter,
}

row! {
    /// A run that failed.
    FailureRow<'a> {
        job_run_id: &'a str as Text,
        job_id: &'a str as Text,
        job_name: Option<&'a str> as Text,
        status_name: Option<&'a str> as Text,
        started_at: Option<Instant> as Instant,
        ended_at: Option<Instant> as Instant,
        duration_seconds: Option<Decimal> as Decimal,
        revision: i64 as Integer,
        exception: Option<&'a str> as Text,
        errors: u64 as Integer,
        assets: u64 as Integer,
        top_message: Option<&'a str> as Text,
        top_detail: Option<&'a str> as Text,
        absent_since: Option<Instant> as Instant,
    }
}

impl Report for Failures {
    const NAME: &'static str = "failures";
    const EMPTY: &'static str = "No run failed.";
    type Row<'a> = FailureRow<'a>;

    /// By start, the latest first, then by GUID; runs without a start last, unless a span is requested.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        let jobs = job_ids(scope);
        let wanted = self.filter.wanted(snapshot, scope, InSpan::Start)?;
        let mut reader = snapshot.message_reader()?;
        let mut errors = RunErrors::default();
        snapshot.each_failed_run_key::<ReportError>(scope.since(), scope.until(), |run| {
            if !wanted.has(&run) {
                return Ok(());
            }
            errors.read(&mut reader, run.run_key, scope.options().include_absent)?;
            snapshot.run_row(run.run_key, |run| {
                let status_name = run.status.map(|status| JobStatus(status).name());
                row(&FailureRow {
                    job_run_id: run.job_run_id,
                    job_id: job_id(&jobs, run.job_key)?,
                    job_name: scope.name_of(run.job_key),
                    status_name: status_name.as_deref(),
                    started_at: run.started_ticks.map(Instant::from_ticks),
                    ended_at: run.ended_ticks.map(Instant::from_ticks),
                    duration_seconds: duration(&run),
                    revision: run.revision,
                    exception: run.exception,
                    errors: errors.count,
                    assets: u64::try_from(errors.assets.len()).expect("a length fits"),
                    top_message: most_frequent(&errors.messages),
                    top_detail: most_frequent(&errors.details),
                    absent_since: run.absent_since_unix.map(Instant::from_unix_seconds),
                })
            })
        })
    }
}

/// What the errors of a run say.
#[derive(Debug, Default)]
struct RunErrors {
    count: u64,
    assets: HashSet<[String; 2]>,
    messages: HashMap<String, u64>,
    details: HashMap<String, u64>,
}

impl RunErrors {
    /// Counts those of this run, in place of what was counted before.
    fn read(&mut self, reader: &mut MessageReader<'_>, run_key: i64, include_absent: bool) -> Result {
        self.count = 0;
        self.assets.clear();
        self.messages.clear();
        self.details.clear();
        let (first, last) = MessageKey::range(run_key);
        reader.each::<ReportError>(first, last, |message| {
            let counts = message.absent_since_unix.is_none() || include_absent;
            if counts && Category::of(message.category) == Category::Error {
                self.count += 1;
                if let Some(asset) = message.asset.filter(|asset| !asset.is_empty()) {
                    let asset_type = message.asset_type.unwrap_or_default();
                    self.assets.insert([asset.to_owned(), asset_type.to_owned()]);
                }
                count(&mut self.messages, message.message);
                count(&mut self.details, message.message_details);
            }
            Ok(())
        })
    }
}

fn count(counts: &mut HashMap<String, u64>, text: Option<&str>) {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return;
    };
    match counts.get_mut(text) {
        Some(count) => *count += 1,
        None => {
            counts.insert(text.to_owned(), 1);
        }
    }
}

/// The most frequent text; of equally frequent ones the first by bytes.
fn most_frequent(counts: &HashMap<String, u64>) -> Option<&str> {
    let best = counts
        .iter()
        .max_by(|(text_a, a), (text_b, b)| a.cmp(b).then(text_b.cmp(text_a)));
    best.map(|(text, _)| text.as_str())
}
