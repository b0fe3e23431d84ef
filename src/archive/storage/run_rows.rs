//! What a run and its revisions say in the tables, mapped once for those who write them.

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, params};

use super::messages::time_columns;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::RevisionEntry;
use crate::model::{Instant, JobRun, Sha256, TimeReading};

/// Messages of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::archive) struct MessageCounts {
    /// That it still has.
    pub(in crate::archive) present: i64,
    /// Absent ones too.
    pub(in crate::archive) held: i64,
    /// Of those held, the ones that have no time.
    pub(in crate::archive) without_time: i64,
    /// The least and the greatest time of those held.
    pub(in crate::archive) span_ticks: Option<(i64, i64)>,
}

impl MessageCounts {
    /// Counts a message that is held from now on.
    pub(in crate::archive) fn hold(&mut self, occurred: TimeReading) {
        self.held += 1;
        match occurred.instant().map(Instant::ticks) {
            None => self.without_time += 1,
            Some(ticks) => {
                let (first, last) = self.span_ticks.unwrap_or((ticks, ticks));
                self.span_ticks = Some((first.min(ticks), last.max(ticks)));
            }
        }
    }
}

/// What the row of a run says beside the run itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::archive) struct RunState {
    pub(in crate::archive) messages: MessageCounts,
    pub(in crate::archive) revision: i64,
    /// When that revision was received, seconds since 1970 UTC.
    pub(in crate::archive) changed_at: i64,
    /// Of the bytes seen last.
    pub(in crate::archive) seen_sha256: Sha256,
    /// Blind to order; not computed before it is needed.
    pub(in crate::archive) content_sha256: Option<Sha256>,
}

/// What each revision of a run sets anew; [`run_columns`] has the values.
pub(in crate::archive) const RUN_COLUMNS: [&str; 24] = [
    "status",
    "started_ticks",
    "ended_ticks",
    "started_assumed",
    "ended_assumed",
    "started_at_raw",
    "ended_at_raw",
    "exception",
    "custom_status_text",
    "job_summary",
    "status_details",
    "activity_status_list",
    "message_count",
    "has_message_list",
    "unreadable_messages",
    "messages_present",
    "messages_held",
    "messages_without_time",
    "first_message_ticks",
    "last_message_ticks",
    "revision",
    "last_changed_unix",
    "seen_sha256",
    "content_sha256",
];

/// The values of [`RUN_COLUMNS`], in their order.
pub(in crate::archive) fn run_columns<'r>(
    run: &'r JobRun,
    state: &'r RunState,
) -> [ToSqlOutput<'r>; RUN_COLUMNS.len()] {
    let text = |text: Option<&'r str>| text.map_or(NULL, Into::into);
    let (started, started_assumed) = time_columns(run.started());
    let (ended, ended_assumed) = time_columns(run.ended());
    let (first_message, last_message) = state.messages.span_ticks.unzip();
    [
        run.status().map_or(NULL, |status| status.0.into()),
        started.map_or(NULL, Into::into),
        ended.map_or(NULL, Into::into),
        started_assumed.map_or(NULL, Into::into),
        ended_assumed.map_or(NULL, Into::into),
        text(run.started_raw()),
        text(run.ended_raw()),
        text(run.exception()),
        text(run.custom_status_text()),
        text(run.job_summary()),
        text(run.status_details()),
        text(run.activity_status_list()),
        run.message_count().map_or(NULL, Into::into),
        run.messages().is_some().into(),
        count(run.unreadable_messages().len()).into(),
        state.messages.present.into(),
        state.messages.held.into(),
        state.messages.without_time.into(),
        first_message.map_or(NULL, Into::into),
        last_message.map_or(NULL, Into::into),
        state.revision.into(),
        state.changed_at.into(),
        state.seen_sha256.as_slice().into(),
        state
            .content_sha256
            .as_ref()
            .map_or(NULL, |hash| hash.as_slice().into()),
    ]
}

const NULL: ToSqlOutput<'static> = ToSqlOutput::Owned(Value::Null);

/// How many messages, as a column has it.
pub(in crate::archive) fn count(messages: usize) -> i64 {
    i64::try_from(messages).expect("a run's messages fit into memory")
}

/// Stores the row of a revision, of which this ledger entry tells.
pub(in crate::archive) fn insert_revision(
    connection: &Connection,
    entry_id: i64,
    run_key: i64,
    entry: &RevisionEntry,
    run: &JobRun,
) -> Result<(), ArchiveError> {
    connection
        .cached()
        .run(
            "INSERT INTO _revision (entry_id, run_key, revision, sync_id, captured_unix, status,
                 message_count, payload_sha256)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                entry_id,
                run_key,
                entry.number,
                entry.sync,
                entry.at,
                run.status().map(|status| status.0),
                run.message_count(),
                entry.sha256,
            ],
            "store a revision",
        )
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TimeBasis;

    #[test]
    fn the_span_of_messages_grows_to_either_side_and_those_without_a_time_are_counted() {
        let mut counts = MessageCounts::default();
        let at = |ticks| TimeReading::At(Instant::from_ticks(ticks), TimeBasis::Explicit);
        for occurred in [TimeReading::Absent, at(5), at(-7), TimeReading::Unreadable, at(3)] {
            counts.hold(occurred);
        }
        assert_eq!((counts.held, counts.without_time), (5, 2));
        assert_eq!(counts.span_ticks, Some((-7, 5)));
    }
}
