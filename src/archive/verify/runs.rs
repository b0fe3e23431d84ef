//! Runs, revisions, payloads and messages: each run's row and messages against a fresh reading of its payloads.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::finding::{Expected, Finding, Findings, Remedy, printable_value};
use super::report::Verified;
use super::state::{LedgerState, VerifyScope, knows_rules};
use super::texts::{TextBytes, Texts};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, RevisionEntry};
use crate::archive::storage::replay::{Replay, ReplayedMessage};
use crate::archive::storage::revisions::Payloads;
use crate::decode::{read_run, read_run_fields, read_time};
use crate::model::{Instant, JobRun, MessageKey, NaiveZone, TimeBasis, TimeReading, hex};

/// Compares runs, one after the other; holds one of them.
pub(super) struct RunVerifier<'c> {
    connection: &'c Connection,
    ledger: &'c LedgerState,
    payloads: Payloads,
    pub(super) kinds: Texts<2>,
    pub(super) assets: Texts<3>,
    pub(super) details: Texts<1>,
    pub(super) findings: Findings,
    pub(super) verified: Verified,
    /// Runs that were seen last in bytes that are not kept, with the content of those that are.
    pub(super) seen_otherwise: u64,
}

/// A revision's row, and the line that records it.
struct RecordedRevision {
    entry_id: i64,
    entry: Result<RevisionEntry, String>,
    row: [rusqlite::types::Value; 6],
}

impl<'c> RunVerifier<'c> {
    pub(super) fn new(connection: &'c Connection, ledger: &'c LedgerState) -> Self {
        Self {
            connection,
            ledger,
            payloads: Payloads::default(),
            kinds: Texts::new("SELECT message, category FROM _message_kind WHERE kind_key = ?1"),
            assets: Texts::new("SELECT asset, asset_type, asset_owner FROM _asset WHERE asset_key = ?1"),
            details: Texts::new("SELECT message_details FROM _message_detail WHERE detail_key = ?1"),
            findings: Findings::default(),
            verified: Verified::default(),
            seen_otherwise: 0,
        }
    }

    /// Compares everything that the archive says of one run.
    pub(super) fn check(&mut self, run_key: i64) -> Result<(), ArchiveError> {
        let id = self.run_id(run_key)?;
        let name = format!("run {id}");
        let revisions = self.revisions(run_key)?;
        let mut replay = Replay::default();
        let mut content = None;
        let last = revisions.len().saturating_sub(1);
        let mut whole = !revisions.is_empty();
        for (index, revision) in revisions.iter().enumerate() {
            whole &= self.check_revision(&id, revision, index < last, &mut replay, &mut content)?;
        }
        if revisions.is_empty() {
            let what = "the ledger tells of no revision of it";
            self.findings
                .push(Finding::new(Remedy::Reindex, format!("runs, {name}"), what));
            self.verified.messages += self.count_messages(run_key)?;
        } else if whole {
            self.check_row(run_key, &name, &revisions, &replay, content)?;
            self.check_messages(run_key, &name, &replay)?;
        } else {
            // What its messages must be cannot be said without all of its payloads, which were named above.
            self.verified.messages += self.count_messages(run_key)?;
        }
        self.verified.runs += 1;
        Ok(())
    }

    fn run_id(&self, run_key: i64) -> Result<String, ArchiveError> {
        let id = self.connection.cached().optional(
            "SELECT job_run_id FROM _run WHERE run_key = ?1",
            [run_key],
            "read a run",
            |row| Ok(row.get_ref(0)?.as_str().map(str::to_owned)),
        )?;
        Ok(match id {
            Some(Ok(id)) => id,
            _ => format!("in row {run_key}"),
        })
    }

    fn revisions(&self, run_key: i64) -> Result<Vec<RecordedRevision>, ArchiveError> {
        let mut revisions = Vec::new();
        self.connection.cached().each(
            "SELECT v.entry_id, v.revision, l.entry, v.sync_id, v.captured_unix, v.status, v.message_count,
                    v.payload_sha256, v.revision
             FROM _revision v LEFT JOIN ledger l ON l.entry_id = v.entry_id
             WHERE v.run_key = ?1 ORDER BY v.revision",
            [run_key],
            "read the revisions of a run",
            |row| {
                let line = row.get_ref(2)?;
                let entry = match line.as_str().map(LedgerEntry::read) {
                    Ok(Ok(LedgerEntry::Revision(entry))) => Ok(entry),
                    Ok(Ok(_)) => Err("that entry tells of something else".to_owned()),
                    Ok(Err(why)) => Err(why),
                    Err(_) => Err("there is no such entry".to_owned()),
                };
                let value = |index: usize| row.get(index);
                revisions.push(RecordedRevision {
                    entry_id: row.get(0)?,
                    entry,
                    row: [value(3)?, value(4)?, value(5)?, value(6)?, value(7)?, value(8)?],
                });
                Ok(())
            },
        )?;
        Ok(revisions)
    }

    /// Compares a revision's row with its line, and reads its payload into `replay`. Says whether that could be done.
    fn check_revision(
        &mut self,
        run_id: &str,
        revision: &RecordedRevision,
        more: bool,
        replay: &mut Replay,
        content: &mut Option<[u8; 32]>,
    ) -> Result<bool, ArchiveError> {
        let entry_id = revision.entry_id;
        let entry = match &revision.entry {
            Ok(entry) => entry,
            Err(why) => {
                let place = format!("a revision of run {run_id} (ledger, entry {entry_id})");
                let finding = Finding::new(Remedy::Reindex, place, "the ledger does not tell of it");
                self.findings
                    .push(finding.with("a line of the ledger about a revision", why.as_str()));
                return Ok(false);
            }
        };
        let place = || place_of(entry_id, entry);
        let findings = &mut self.findings;
        let mut column = |name: &str, should, found: &rusqlite::types::Value| {
            findings.column(Remedy::Reindex, place, name, should, found.into());
        };
        let [sync, at, status, message_count, sha256, number] = &revision.row;
        column("number", Expected::Integer(entry.number), number);
        column("sync_id", Expected::Integer(entry.sync), sync);
        column("captured_unix", Expected::Integer(entry.at), at);
        column("payload_sha256", Expected::Blob(&entry.sha256), sha256);
        let expected = entry.run.to_string();
        if expected != run_id {
            let finding = Finding::new(
                Remedy::Reindex,
                place(),
                "its run is not the one that the ledger names",
            );
            self.findings.push(finding.with(expected, run_id));
            return Ok(false);
        }
        if self.ledger.removed.contains_key(&entry.run) {
            let what = "the ledger says that its run was removed, and here is a row of it";
            self.findings.push(Finding::new(Remedy::Reindex, place(), what));
            return Ok(false);
        }
        if self.ledger.lost.payloads.contains(&entry_id) {
            let what = "the ledger says that its payload was lost, and here is a row of it";
            self.findings.push(Finding::new(Remedy::Reindex, place(), what));
            return Ok(false);
        }
        let place = || format!("{}, payload", place_of(entry_id, entry));
        let bytes = match self.payloads.read(self.connection, entry_id, entry)? {
            Ok(bytes) => bytes,
            Err(unsound) => {
                let mut finding = Finding::new(Remedy::Restore, place(), unsound.words());
                if let Some(found) = unsound.found() {
                    finding = finding.with(hex(&entry.sha256), found);
                }
                self.findings.push(finding);
                return Ok(false);
            }
        };
        if bytes.len() as u64 != entry.bytes {
            let finding = Finding::new(
                Remedy::Restore,
                place(),
                "it has not as many bytes as the ledger says",
            );
            self.findings
                .push(finding.with(entry.bytes.to_string(), bytes.len().to_string()));
            return Ok(false);
        }
        self.verified.payloads += 1;
        self.verified.payload_bytes += bytes.len() as u64;
        let (zone, reader) = match self.ledger.rules(entry_id, entry) {
            Ok(rules) => rules,
            Err(why) => {
                self.findings.push(Finding::new(
                    Remedy::Restore,
                    place(),
                    format!("its times without offset cannot be read: {why}"),
                ));
                return Ok(false);
            }
        };
        if !knows_rules(reader) {
            let what = format!("it is read by rules of version {reader}, which this program does not have");
            self.findings.push(Finding::new(Remedy::Program, place(), what));
            return Ok(false);
        }
        let read = if more {
            read_run_fields(bytes, zone)
        } else {
            // The hash of content is half of the work of reading, and only a run that was seen in other bytes has one.
            self.connection
                .cached()
                .optional(
                    "SELECT content_sha256 IS NOT NULL FROM _run WHERE job_run_id = ?1",
                    [run_id],
                    "read a run",
                    |row| row.get(0),
                )
                .map(|has: Option<bool>| {
                    if has == Some(true) {
                        read_run(bytes, zone).map(|read| {
                            *content = Some(read.content_sha256);
                            read.run
                        })
                    } else {
                        read_run_fields(bytes, zone)
                    }
                })?
        };
        let run = match read {
            Ok(run) if run.job_run_id() == entry.run => run,
            Ok(run) => {
                let finding = Finding::new(Remedy::Restore, place(), "it is the payload of another run");
                self.findings
                    .push(finding.with(run_id, run.job_run_id().to_string()));
                return Ok(false);
            }
            Err(why) => {
                self.findings.push(Finding::new(
                    Remedy::Restore,
                    place(),
                    format!("it is not a run: {why}"),
                ));
                return Ok(false);
            }
        };
        let place = || place_of(entry_id, entry);
        let started = self.started_when_written(entry_id, entry, &run, zone);
        let findings = &mut self.findings;
        if let Some(started) = started.filter(|started| *started != entry.started) {
            let text = |instant: Option<Instant>| instant.map_or_else(|| "-".to_owned(), |at| at.to_string());
            let what = "the start of its run is not the one that the ledger says";
            let finding = Finding::new(Remedy::Restore, format!("{}, payload", place()), what);
            findings.push(finding.with(text(entry.started), text(started)));
        }
        let should = run.status().map(|status| status.0).into();
        findings.column(Remedy::Reindex, place, "status", should, status.into());
        let should = run.message_count().into();
        findings.column(
            Remedy::Reindex,
            place,
            "message_count",
            should,
            message_count.into(),
        );
        replay.add(run, entry.number, entry.at, more);
        Ok(true)
    }

    /// The start of a run as it was read when the line of its revision was written; `None` where that cannot be said: the rules
    /// of then are gone, and a later line has everything read by others. `zone` is the one in which `run` was read.
    fn started_when_written(
        &self,
        entry_id: i64,
        entry: &RevisionEntry,
        run: &JobRun,
        zone: NaiveZone,
    ) -> Option<Option<Instant>> {
        if !knows_rules(entry.reader) {
            return None;
        }
        let reading = match self.ledger.zone_when_written(entry_id) {
            Some(then) if then == zone => run.started(),
            Some(then) => read_time(run.started_raw().unwrap_or_default(), then),
            None if run.started().basis() == Some(TimeBasis::Assumed) => return None,
            None => run.started(),
        };
        Some(reading.instant())
    }

    fn check_row(
        &mut self,
        run_key: i64,
        name: &str,
        revisions: &[RecordedRevision],
        replay: &Replay,
        content: Option<[u8; 32]>,
    ) -> Result<(), ArchiveError> {
        let (Some(latest), [first, ..], [.., last]) = (replay.latest(), revisions, revisions) else {
            return Ok(());
        };
        let (Ok(first), Ok(entry)) = (&first.entry, &last.entry) else {
            return Ok(());
        };
        let run = &latest.run;
        let counts = replay.counts();
        let (first_message, last_message) = counts.span_ticks.unzip();
        // A run stays with the job that had it first.
        let job = first.job.to_string();
        let assumed = |reading: TimeReading| {
            let basis = reading.basis();
            Expected::from(basis.map(|basis| i64::from(basis == TimeBasis::Assumed)))
        };
        let ticks = |reading: TimeReading| Expected::from(reading.instant().map(Instant::ticks));
        let absent = self
            .ledger
            .presence
            .binary_search_by_key(&run_key, |&(key, _)| key)
            .map(|index| self.ledger.presence[index].1)
            .ok();
        let columns = [
            ("job", Expected::Text(&job)),
            ("status", run.status().map(|status| status.0).into()),
            ("started_ticks", ticks(run.started())),
            ("ended_ticks", ticks(run.ended())),
            ("started_assumed", assumed(run.started())),
            ("ended_assumed", assumed(run.ended())),
            ("started_at_raw", run.started_raw().into()),
            ("ended_at_raw", run.ended_raw().into()),
            ("exception", run.exception().into()),
            ("custom_status_text", run.custom_status_text().into()),
            ("job_summary", run.job_summary().into()),
            ("status_details", run.status_details().into()),
            ("activity_status_list", run.activity_status_list().into()),
            ("message_count", run.message_count().into()),
            (
                "has_message_list",
                Expected::Integer(run.messages().is_some().into()),
            ),
            (
                "unreadable_messages",
                Expected::Integer(i64::try_from(run.unreadable_messages().len()).unwrap_or(i64::MAX)),
            ),
            ("messages_present", Expected::Integer(counts.present)),
            ("messages_held", Expected::Integer(counts.held)),
            ("messages_without_time", Expected::Integer(counts.without_time)),
            ("first_message_ticks", first_message.into()),
            ("last_message_ticks", last_message.into()),
            ("revision", Expected::Integer(latest.revision)),
            ("first_seen_unix", Expected::Integer(latest.first_at)),
            ("last_changed_unix", Expected::Integer(latest.last_at)),
        ];
        let place = || format!("runs, {name}");
        self.connection.cached().each(
            "SELECT j.job_id, r.status, r.started_ticks, r.ended_ticks, r.started_assumed, r.ended_assumed,
                    r.started_at_raw, r.ended_at_raw, r.exception, r.custom_status_text, r.job_summary,
                    r.status_details, r.activity_status_list, r.message_count, r.has_message_list,
                    r.unreadable_messages, r.messages_present, r.messages_held, r.messages_without_time,
                    r.first_message_ticks, r.last_message_ticks, r.revision, r.first_seen_unix,
                    r.last_changed_unix, r.absent_since_unix, r.seen_sha256, r.content_sha256
             FROM _run r LEFT JOIN _job j ON j.job_key = r.job_key WHERE r.run_key = ?1",
            [run_key],
            "read a run",
            |row| {
                for (index, (column, should)) in columns.into_iter().enumerate() {
                    let found = row.get_ref(index)?;
                    self.findings
                        .column(Remedy::Reindex, place, column, should, found);
                }
                // In a part of the ledger, no word about absence says nothing.
                if let Some(since) = absent.or(self.ledger.is_whole.then_some(None)) {
                    let found = row.get_ref(24)?;
                    self.findings
                        .column(Remedy::Reindex, place, "absent_since_unix", since.into(), found);
                }
                // The bytes seen last may be other ones that say the same; then the hash of content must be there to prove it.
                let seen = row.get_ref(25)?;
                let proved = row.get_ref(26)?;
                if proved == ValueRef::Null {
                    self.findings.column(
                        Remedy::Reindex,
                        place,
                        "seen_sha256",
                        Expected::Blob(&entry.sha256),
                        seen,
                    );
                } else if let Some(content) = content {
                    self.seen_otherwise += u64::from(!Expected::Blob(&entry.sha256).is(seen));
                    self.findings.column(
                        Remedy::Reindex,
                        place,
                        "content_sha256",
                        Expected::Blob(&content),
                        proved,
                    );
                }
                Ok(())
            },
        )
    }

    fn count_messages(&self, run_key: i64) -> Result<u64, ArchiveError> {
        self.connection.cached().one(
            "SELECT count(*) FROM _message WHERE message_key BETWEEN ?1 AND ?2",
            MessageKey::range(run_key),
            "count the messages of a run",
            |row| row.get(0),
        )
    }

    fn check_messages(&mut self, run_key: i64, name: &str, replay: &Replay) -> Result<(), ArchiveError> {
        let mut expected = replay.messages().peekable();
        let place = |ordinal: i64| format!("messages, {name}, ordinal {ordinal}");
        let missing = |ordinal: i64| {
            Finding::new(
                Remedy::Reindex,
                place(ordinal),
                "it is not there, and its run has it",
            )
        };
        self.connection.cached().each(
            "SELECT message_key, occurred_ticks, occurred_assumed, absent_since_unix, occurred_at_raw,
                    kind_key, asset_key, detail_key
             FROM _message WHERE message_key BETWEEN ?1 AND ?2 ORDER BY message_key",
            MessageKey::range(run_key),
            "read the messages of a run",
            |row| {
                self.verified.messages += 1;
                let ordinal = MessageKey::from_stored(row.get(0)?).ordinal();
                while let Some(before) = expected.next_if(|message| message.ordinal < ordinal) {
                    self.findings.push(missing(before.ordinal));
                }
                match expected.next_if(|message| message.ordinal == ordinal) {
                    Some(message) => {
                        let place = || place(ordinal);
                        let found = FoundMessage {
                            times: [row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?, row.get_ref(4)?],
                            kind: self.kinds.get(self.connection, row.get(5)?)?,
                            asset: self.assets.get(self.connection, row.get(6)?)?,
                            detail: match row.get(7)? {
                                None => Some(&[None]),
                                Some(key) => self.details.get(self.connection, key)?,
                            },
                        };
                        found.compare(&message, place, &mut self.findings);
                    }
                    None => {
                        let finding = Finding::new(Remedy::Reindex, place(ordinal), "its run never had it");
                        self.findings.push(finding);
                    }
                }
                Ok(())
            },
        )?;
        for left in expected {
            self.findings.push(missing(left.ordinal));
        }
        Ok(())
    }
}

/// What a finding about a revision or its payload is called.
fn place_of(entry_id: i64, entry: &RevisionEntry) -> String {
    let RevisionEntry { run, number, .. } = entry;
    format!("run {run}, revision {number} (ledger, entry {entry_id})")
}

/// A message's row, its texts looked up; `None` where a key leads nowhere.
struct FoundMessage<'a> {
    /// Ticks, whether the offset was assumed, since when it is absent, the text of its time.
    times: [ValueRef<'a>; 4],
    kind: Option<&'a TextBytes<2>>,
    asset: Option<&'a TextBytes<3>>,
    detail: Option<&'a TextBytes<1>>,
}

impl FoundMessage<'_> {
    fn compare(&self, expected: &ReplayedMessage<'_>, place: impl Fn() -> String, findings: &mut Findings) {
        let message = &expected.message;
        let basis = message.occurred.basis();
        let times = [
            (
                "occurred_ticks",
                message.occurred.instant().map(Instant::ticks).into(),
            ),
            (
                "occurred_assumed",
                basis.map(|basis| i64::from(basis == TimeBasis::Assumed)).into(),
            ),
            ("absent_since_unix", expected.absent_since.into()),
            ("occurred_at_raw", message.occurred_raw.into()),
        ];
        for ((column, should), &found) in times.into_iter().zip(&self.times) {
            findings.column(Remedy::Reindex, &place, column, should, found);
        }
        let kind = [("message", message.message), ("category", message.category)];
        texts("kind_key", self.kind, kind, &place, findings);
        let asset = [
            ("asset", message.asset),
            ("asset_type", message.asset_type),
            ("asset_owner", message.asset_owner),
        ];
        texts("asset_key", self.asset, asset, &place, findings);
        let detail = [("message_details", message.message_details)];
        texts("detail_key", self.detail, detail, &place, findings);
    }
}

/// Compares the texts behind a key.
fn texts<const N: usize>(
    key: &str,
    found: Option<&TextBytes<N>>,
    expected: [(&str, Option<&str>); N],
    place: impl Fn() -> String,
    findings: &mut Findings,
) {
    let Some(found) = found else {
        let what = format!("its {key} names a row that is not there");
        findings.push(Finding::new(Remedy::Reindex, place(), what));
        return;
    };
    for ((column, should), found) in expected.into_iter().zip(found) {
        if should.map(str::as_bytes) != found.as_deref() {
            let what = format!("its {column} is not what payloads and ledger say");
            let shown = |text: Option<&[u8]>| printable_value(text.map_or(ValueRef::Null, ValueRef::Text));
            let finding = Finding::new(Remedy::Reindex, place(), what);
            findings.push(finding.with(shown(should.map(str::as_bytes)), shown(found.as_deref())));
        }
    }
}

/// Reports revisions that the ledger records and that have no row.
pub(super) fn check_missing_revisions(
    connection: &Connection,
    scope: VerifyScope,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT l.entry_id, l.entry FROM ledger l LEFT JOIN _revision v ON v.entry_id = l.entry_id
         WHERE l.entry_id > ?1 AND v.entry_id IS NULL AND l.entry GLOB 'revision *' ORDER BY l.entry_id",
        [scope.after],
        "compare revisions with the ledger",
        |row| {
            let entry_id: i64 = row.get(0)?;
            if ledger.lost.payloads.contains(&entry_id) {
                return Ok(());
            }
            let line: String = row.get(1)?;
            let place = match LedgerEntry::read(&line) {
                Ok(LedgerEntry::Revision(entry)) if ledger.removed.contains_key(&entry.run) => return Ok(()),
                Ok(LedgerEntry::Revision(entry)) => place_of(entry_id, &entry),
                _ => format!("a revision (ledger, entry {entry_id})"),
            };
            let finding = Finding::new(
                Remedy::Reindex,
                place,
                "it is not there, and the ledger tells of it",
            );
            findings.push(finding.with(line, "nothing"));
            Ok(())
        },
    )
}

/// Names messages of runs that are not there; `met` is how many messages the runs have.
pub(super) fn check_orphans(
    connection: &Connection,
    met: u64,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let doing = "look for messages without a run";
    // Quicker than to look at each row, and not ended by the limit on statements: only where the pages are sound.
    if findings.is_empty() {
        let count: u64 = connection.one("SELECT count(*) FROM _message", [], doing, |row| row.get(0))?;
        if count == met {
            return Ok(());
        }
    }
    connection.each(
        "SELECT m.run_key, count(*) FROM _message m LEFT JOIN _run r ON r.run_key = m.run_key
         WHERE r.run_key IS NULL GROUP BY m.run_key",
        [],
        doing,
        |row| {
            let (key, messages): (i64, u64) = (row.get(0)?, row.get(1)?);
            let what = format!("{messages} messages name a run that is not there");
            findings.push(Finding::new(
                Remedy::Reindex,
                format!("message, run_key {key}"),
                what,
            ));
            Ok(())
        },
    )
}
