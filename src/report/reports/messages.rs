//! Every message that is requested, a row each: the columns of the table `messages`.
//!
//! Runs are gone through in their order, and the messages of each in theirs, so nothing but the current row and some
//! texts is held, however many rows there are.

use serde::Serialize;

use super::runs::{RunFilter, job_id, job_ids, time_basis};
use crate::archive::{InSpan, MessageRow, Snapshot};
use crate::model::{Instant, MessageKey};
use crate::report::definition::{EachRow, Report, row};
use crate::report::error::{ReportError, Result};
use crate::report::options::Scope;

/// Every message, with the columns of the table `messages`
///
/// Ordered by run (by start, then by GUID, those without a start last), then by position. --since and --until apply to
/// the message's own time, or to its run's start if it has none. Rows are streamed, so memory stays small however many
/// there are.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = r#"Examples:
  jobruns report messages --since 7d --category error --format jsonl
  jobruns report messages --search "permission denied" --asset SRV-0042
  jobruns report messages --job Nightly --status Faulted --output messages.csv"#)]
pub(crate) struct Messages {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) filter: RunFilter,
}

row! {
    /// A message.
    MessagesRow<'a> {
        job_run_id: &'a str as Text,
        job_id: &'a str as Text,
        ordinal: i64 as Integer,
        occurred_at: Option<Instant> as Instant,
        message: Option<&'a str> as Text,
        message_details: Option<&'a str> as Text,
        category: Option<&'a str> as Text,
        asset: Option<&'a str> as Text,
        asset_type: Option<&'a str> as Text,
        asset_owner: Option<&'a str> as Text,
        absent_since: Option<Instant> as Instant,
        occurred_at_raw: Option<&'a str> as Text,
        time_basis: Option<&'a str> as Text,
        job_name: Option<&'a str> as Text,
    }
}

impl<'a> MessagesRow<'a> {
    /// The row of a message of this run and job.
    pub(in crate::report) fn of(
        message: &MessageRow<'a>,
        job_run_id: &'a str,
        job_id: &'a str,
        job_name: Option<&'a str>,
    ) -> Self {
        Self {
            job_run_id,
            job_id,
            ordinal: message.ordinal,
            occurred_at: message.occurred_ticks.map(Instant::from_ticks),
            message: message.message,
            message_details: message.message_details,
            category: message.category,
            asset: message.asset,
            asset_type: message.asset_type,
            asset_owner: message.asset_owner,
            absent_since: message.absent_since_unix.map(Instant::from_unix_seconds),
            occurred_at_raw: message.occurred_at_raw,
            time_basis: message.occurred_assumed.map(time_basis),
            job_name,
        }
    }
}

impl Report for Messages {
    const NAME: &'static str = "messages";
    const EMPTY: &'static str = "No message matches.";
    type Row<'a> = MessagesRow<'a>;

    /// Runs by start, then by GUID, those without a start last; within a run by ordinal.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        let jobs = job_ids(scope);
        let include_absent = scope.options().include_absent;
        let wanted = self.filter.wanted(snapshot, scope, InSpan::Messages)?;
        let keys = &wanted.keys;
        let mut reader = snapshot.message_reader()?;
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        snapshot.each_run_key::<ReportError>(InSpan::Messages, scope.since(), scope.until(), |run| {
            if !wanted.has(&run) {
                return Ok(());
            }
            let (first, last) = MessageKey::range(run.run_key);
            ranges.clear();
            if keys.is_none() && !scope.has_span() {
                ranges.push((first, last));
            } else {
                // The keys alone first: texts are looked up only of what is written.
                snapshot.each_message_keys(first, last, |message| {
                    if !scope.has_time(message.occurred_ticks.or(run.started_ticks))
                        || !keys.as_ref().is_none_or(|keys| keys.has(&message))
                    {
                        return;
                    }
                    match ranges.last_mut() {
                        Some((_, end)) if *end + 1 == message.message_key => *end = message.message_key,
                        _ => ranges.push((message.message_key, message.message_key)),
                    }
                })?;
            }
            let (job_id, job_name) = (job_id(&jobs, run.job_key)?, scope.name_of(run.job_key));
            for &(first, last) in &ranges {
                reader.each::<ReportError>(first, last, |message| {
                    if message.absent_since_unix.is_none() || include_absent {
                        row(&MessagesRow::of(&message, run.job_run_id, job_id, job_name))?;
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })
    }
}
