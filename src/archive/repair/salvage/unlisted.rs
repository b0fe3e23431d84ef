//! Revisions whose line is lost, and whose payload proves them.

use super::Salvager;
use std::collections::HashMap;

use super::lines::LineFilter;
use super::scan::scan;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, RevisionEntry, SyncBegan, SyncEnded};
use crate::archive::ledger::text_hash;
use crate::decode::READER_VERSION;
use crate::model::Guid;

impl Salvager<'_> {
    /// Revisions whose line cannot be read, and whose row can: their row names a hash, too.
    pub(super) fn revisions_without_line(&mut self) -> Result<(), ArchiveError> {
        let old = self.old;
        let (gaps, zone) = (self.gaps.clone(), self.zone);
        let mut found = Vec::new();
        let columns = "entry_id, run_key, revision, payload_sha256";
        let _ = scan(old, "_revision", columns, "entry_id", |row| {
            let (Ok(entry_id), Ok(run_key), Ok(number), Ok(sha256)) =
                (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get(2), row.get(3))
            else {
                return Ok(());
            };
            if !gaps.iter().any(|&(from, to)| (from..=to).contains(&entry_id)) {
                return Ok(());
            }
            let ids = old.query_row(
                "SELECT r.job_run_id, j.job_id FROM _run r JOIN _job j ON j.job_key = r.job_key WHERE r.run_key = ?1",
                [run_key],
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
            );
            let ids = ids
                .ok()
                .and_then(|(run, job)| Some((run.parse().ok()?, job.parse().ok()?)));
            let entry = ids.map(|(run, job)| RevisionEntry {
                run,
                number,
                sync: 0,
                at: 0,
                job,
                bytes: u64::MAX,
                sha256,
                reader: READER_VERSION,
                zone: zone.name(),
                started: None,
            });
            found.push((entry_id, entry));
            Ok(())
        })?;
        for (entry_id, entry) in found {
            match entry {
                Some(entry) => self.by_payload.push((entry_id, entry)),
                None => self.lose(format!(
                    "the revision of ledger entry {entry_id}: its run is not known"
                )),
            }
        }
        Ok(())
    }

    /// Takes over revisions that only their payload proves, in a sync of the salvage's own: when they were received is not known.
    pub(super) fn prove_by_payload(&mut self, filter: &mut LineFilter) -> Result<(), ArchiveError> {
        let mut candidates = std::mem::take(&mut self.by_payload);
        candidates.sort_by_key(|(entry_id, entry)| (entry.run, entry.number, *entry_id));
        let mut own_sync = None;
        let mut latest: HashMap<Guid, i64> = HashMap::new();
        for (entry_id, entry) in candidates {
            let RevisionEntry { run, number, .. } = entry;
            let before = latest
                .get(&run)
                .copied()
                .unwrap_or_default()
                .max(filter.latest(run));
            if number <= before {
                self.lose(format!(
                    "revision {number} of run {run} (ledger entry {entry_id}): nothing seals its line, and a later one is kept"
                ));
                continue;
            }
            let sync = match own_sync {
                Some(sync) => sync,
                None => *own_sync.insert(self.begin_own_sync(filter)?),
            };
            if let Some(line) = filter.adding(entry.job) {
                self.append_line(&line)?;
                let added = LedgerEntry::JobAdded {
                    job: entry.job,
                    at: self.now.unix_seconds(),
                    by: None,
                };
                self.take_over(entry_id, added)?;
            }
            let (bytes, started) = match self.payload(entry_id, &entry, self.head.entry_id + 1)? {
                Ok(read) => read,
                Err(why) => {
                    self.lose(format!(
                        "revision {number} of run {run} (ledger entry {entry_id}): {why}"
                    ));
                    continue;
                }
            };
            self.append(&LedgerEntry::Revision(RevisionEntry {
                sync,
                at: self.now.unix_seconds(),
                bytes,
                reader: READER_VERSION,
                zone: self.zone.name(),
                started,
                ..entry
            }))?;
            latest.insert(run, number);
            self.lose(format!(
                "when revision {number} of run {run} (ledger entry {entry_id}) was received: it counts as received now"
            ));
        }
        if let Some(sync) = own_sync {
            // It asked nobody, and where the chains of the jobs stand is not checked within a salvage.
            let nothing = text_hash("");
            self.append(&LedgerEntry::SyncEnded(SyncEnded {
                sync,
                at: self.now.unix_seconds(),
                outcome: "partial".to_owned(),
                clock: None,
                jobs: 0,
                figures: nothing,
                results: nothing,
            }))?;
        }
        Ok(())
    }

    fn begin_own_sync(&mut self, filter: &mut LineFilter) -> Result<i64, ArchiveError> {
        self.append_lines(filter.ending())?;
        let sync = filter.next_sync();
        self.append(&LedgerEntry::SyncBegan(SyncBegan {
            sync,
            at: self.now.unix_seconds(),
            count: Some(1),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id().into(),
        }))?;
        Ok(sync)
    }
}
