//! What each kind of line says about the archive.

use super::{LedgerRow, Pass};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{
    AcknowledgedEntry, LedgerEntry, Loss, QuarantinedEntry, RemovedEntry, RevisionEntry, Rules, SyncEnded,
};
use crate::archive::verify::finding::{Finding, Findings, Remedy};
use crate::archive::verify::state::{
    Act, ActKind, LastResults, LedgerHold, LedgerJob, LedgerState, knows_rules,
};
use crate::archive::verify::syncs::SyncEnd;
use crate::archive::verify::{quarantine, syncs};
use crate::model::{Guid, ZoneName, hex};

impl Pass<'_> {
    pub(super) fn apply(
        &mut self,
        line: &LedgerRow,
        entry: LedgerEntry,
        was_absent: bool,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let ledger = &mut self.ledger;
        match entry {
            LedgerEntry::Archive { id, at, schema } => {
                if line.entry_id == 1 {
                    (ledger.archive, ledger.schema) = (Some((id, at)), schema);
                }
            }
            LedgerEntry::NaiveTime { zone, rules, at } => self.naive_time(line, at, zone, rules),
            LedgerEntry::Reindexed {
                zone,
                rules,
                reader,
                at,
                ..
            } => {
                if !knows_rules(reader) {
                    let what = format!(
                        "it reads all by rules of version {reader}, which this program does not have"
                    );
                    findings.push(Finding::new(Remedy::Program, line.place(), what));
                }
                let from = ledger.zone.replace(zone);
                ledger.zone_rules = rules;
                self.act(line, at, ActKind::Reindexed { from, to: zone });
            }
            LedgerEntry::JobAdded { job, at, .. } => {
                let whole = line.is_new || self.scope.is_all();
                let added = LedgerJob {
                    added_at: at,
                    last: whole.then(LastResults::default),
                    ..LedgerJob::default()
                };
                ledger.jobs.insert(job, added);
            }
            LedgerEntry::JobWatched { job, watched, .. } => {
                ledger.jobs.entry(job).or_default().watched = watched
            }
            LedgerEntry::JobNamed { job, name, .. } => {
                let job = ledger.jobs.entry(job).or_default();
                (job.name, job.named_at) = (Some(name), line.entry_id);
            }
            LedgerEntry::JobServer { job, server, .. } => {
                ledger.servers.insert(server);
                let job = ledger.jobs.entry(job).or_default();
                (job.server, job.served_at) = (Some(server), line.entry_id);
            }
            LedgerEntry::SyncBegan(began) => {
                ledger.syncs.insert(began.sync);
                self.open = Some(began);
            }
            LedgerEntry::SyncKilled { sync, .. } => {
                self.close(sync, line.is_new, SyncEnd::Killed, findings)?
            }
            LedgerEntry::SyncEnded(ended) => self.sync_ended(line, &ended, findings)?,
            LedgerEntry::Revision(revision) => self.revision(line, &revision, was_absent, findings)?,
            LedgerEntry::Quarantined(piece) => self.quarantined(line, &piece, findings)?,
            LedgerEntry::Accepted { id, at, why, .. } => drop(ledger.accepted.insert(id, (at, why))),
            LedgerEntry::Absent { run, at, .. } => self.presence_of(line, run, Some(at), findings)?,
            LedgerEntry::Returned { run, .. } => self.presence_of(line, run, None, findings)?,
            LedgerEntry::HoldAdded(added) => {
                let hold = LedgerHold {
                    added,
                    released: None,
                };
                ledger.holds.insert(added.id, hold);
            }
            LedgerEntry::HoldReleased { id, at, why, by, .. } => {
                if let Some(hold) = ledger.holds.get_mut(&id) {
                    hold.released = Some((at, why, by));
                }
            }
            LedgerEntry::RetentionLocked { .. } => {}
            LedgerEntry::Removed(removed) => self.removed(line, &removed),
            LedgerEntry::Lost(loss) => self.lost(line, loss, findings),
            LedgerEntry::Salvaged { at, .. } => {
                self.block = ledger.acts.len();
                self.act(line, at, ActKind::Salvaged);
            }
            LedgerEntry::SalvageEnded { .. } => self.salvage_ended(line),
            LedgerEntry::ClockSetBack { from, at } => self.act(line, at, ActKind::ClockSetBack { from }),
            LedgerEntry::Acknowledged(AcknowledgedEntry {
                at, heads, list, why, ..
            }) => {
                ledger.acknowledged.insert(line.hash, (heads, list));
                self.act(line, at, ActKind::Acknowledged { heads, why });
            }
        }
        Ok(())
    }

    fn naive_time(&mut self, line: &LedgerRow, at: i64, zone: ZoneName, rules: Option<Rules>) {
        let release = rules.as_ref().map_or("-", |rules| &rules.release).to_owned();
        self.ledger.zone_rules = rules;
        if self.ledger.zone.replace(zone).is_some() {
            self.act(line, at, ActKind::OtherRules { zone, release });
        }
    }

    fn sync_ended(
        &mut self,
        line: &LedgerRow,
        ended: &SyncEnded,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let sync = ended.sync;
        let lost = &mut self.ledger.lost;
        if lost.results.contains(&sync) {
            self.results_missing.insert(sync);
            let what = format!("what sync {sync} found of its jobs");
            lost.places.insert(Loss::Results { sync }, (line.entry_id, what));
        }
        self.close(sync, line.is_new, SyncEnd::Ended(ended, &line.hash), findings)
    }

    fn revision(
        &mut self,
        line: &LedgerRow,
        revision: &RevisionEntry,
        was_absent: bool,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let (entry_id, ledger) = (line.entry_id, &mut self.ledger);
        if ledger.lost.payloads.contains(&entry_id) {
            ledger.lost.runs.insert(revision.run);
            let what = format!("revision {} of run {}", revision.number, revision.run);
            let places = &mut ledger.lost.places;
            places.insert(Loss::Payload { entry_id }, (entry_id, what));
        } else if let Some(removal) = ledger.removed.get_mut(&revision.run) {
            removal.first_seen.get_or_insert((entry_id, revision.at));
            removal.absent_since = None;
        } else if line.is_new {
            ledger.revisions += 1;
            ledger.payload_bytes += revision.bytes;
            // An answer with this revision lists the run. A run whose payload was lost counts as new, and a salvage may have
            // lost the line that says that it is listed again.
            if was_absent || ledger.lost.runs.contains(&revision.run) {
                self.presence(line, revision.run, None, findings)?;
            }
        }
        Ok(())
    }

    fn quarantined(
        &mut self,
        line: &LedgerRow,
        piece: &QuarantinedEntry,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let (id, ledger) = (piece.id, &mut self.ledger);
        if ledger.lost.quarantined.contains(&id) {
            let what = format!("number {id} in quarantine");
            let places = &mut ledger.lost.places;
            places.insert(Loss::Quarantined { id }, (line.entry_id, what));
        } else if !piece.run.is_some_and(|run| ledger.removed.contains_key(&run)) {
            ledger.quarantined.insert(id);
            if line.is_new {
                quarantine::check(self.connection, piece, &ledger.lost, findings)?;
            }
        }
        Ok(())
    }

    /// Takes in that a run was removed; consecutive lines of one plan become one act.
    fn removed(&mut self, line: &LedgerRow, removed: &RemovedEntry) {
        /// Runs of a removal that are named.
        const NAMED: usize = 3;
        let removal = self.ledger.removed.get(&removed.run);
        let first = removal.and_then(|removal| removal.first_seen);
        let first = first.map_or(line.entry_id, |(first, _)| first);
        if let Some(Act { hash, kind, .. }) = self.ledger.acts.last_mut()
            && let ActKind::Removed {
                runs,
                named,
                sealed,
                last,
                plan,
                ..
            } = kind
            && *plan == removed.plan
            && *last == line.entry_id - 1
        {
            (*runs, *sealed, *last, *hash) = (*runs + 1, first.min(*sealed), line.entry_id, line.hash);
            if named.len() < NAMED {
                named.push(removed.run);
            }
            return;
        }
        let kind = ActKind::Removed {
            runs: 1,
            named: vec![removed.run],
            sealed: first,
            last: line.entry_id,
            plan: removed.plan,
            why: removed.why,
        };
        self.act(line, removed.at, kind);
    }

    /// A list of heads names everything that the salvage did by the hash of this one line.
    fn salvage_ended(&mut self, line: &LedgerRow) {
        for act in self.ledger.acts.iter_mut().skip(self.block) {
            act.hash = line.hash;
            act.in_salvage = true;
        }
        self.block = self.ledger.acts.len();
    }

    /// Takes in that a run became absent, or was listed again.
    fn presence_of(
        &mut self,
        line: &LedgerRow,
        run: Guid,
        since: Option<i64>,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        if let Some(removal) = self.ledger.removed.get_mut(&run) {
            removal.absent_since = since;
        } else if line.is_new {
            self.presence(line, run, since, findings)?;
        }
        Ok(())
    }

    fn act(&mut self, line: &LedgerRow, at: i64, kind: ActKind) {
        self.ledger.acts.push(Act {
            entry_id: line.entry_id,
            hash: line.hash,
            at,
            by: line.by,
            in_salvage: false,
            kind,
        });
    }

    fn lost(&mut self, line: &LedgerRow, loss: Loss, findings: &mut Findings) {
        let job_at = |ledger: &LedgerState, job: &Guid, of: fn(&LedgerJob) -> i64| {
            ledger.jobs.get(job).map(of).filter(|&entry_id| entry_id > 0)
        };
        let ledger = &mut self.ledger;
        let found = match loss {
            Loss::Payload { .. } | Loss::Quarantined { .. } | Loss::Results { .. } => {
                ledger.lost.places.get(&loss).cloned()
            }
            Loss::Name { job } => {
                let at = job_at(ledger, &job, |job| job.named_at);
                ledger.jobs.entry(job).or_default().name = None;
                at.map(|at| (at, format!("the name of job {job}")))
            }
            Loss::Server { job } => {
                let at = job_at(ledger, &job, |job| job.served_at);
                ledger.jobs.entry(job).or_default().server = None;
                at.map(|at| (at, format!("the address of the server of job {job}")))
            }
            Loss::Why { sha256 } => ledger.reasons.remove(&sha256).map(|at| {
                let what = format!("the reason {} that entry {at} names", hex(&sha256));
                (at, what)
            }),
            Loss::By { sha256 } => ledger.actors.remove(&sha256).map(|at| {
                let what = format!("who acted in entry {at} (SHA-256 {})", hex(&sha256));
                (at, what)
            }),
        };
        match found {
            Some((sealed, what)) => {
                // A `lost` line has the time of its salvage.
                let at = self.ledger.acts.last().map(|act| act.at).unwrap_or_default();
                self.act(line, at, ActKind::Lost { sealed, what });
            }
            None => findings.push(Finding::new(
                Remedy::Restore,
                line.place(),
                "it says that something is lost that no line before it tells of",
            )),
        }
    }

    fn close(
        &mut self,
        sync: i64,
        new: bool,
        end: SyncEnd<'_>,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let Some(began) = self.open.take().filter(|began| began.sync == sync) else {
            // The grammar has reported it; the results of the sync are missing in the chains.
            self.ledger.chains_hurt = true;
            return Ok(());
        };
        let proves_chains = self.results_missing.is_empty() && !self.grammar.in_salvage();
        syncs::check(
            self.connection,
            &began,
            end,
            proves_chains,
            new,
            &mut self.ledger,
            findings,
        )
    }

    fn presence(
        &mut self,
        line: &LedgerRow,
        run: Guid,
        since: Option<i64>,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let key: Option<i64> = self.connection.cached().optional(
            "SELECT run_key FROM _run WHERE job_run_id = ?1",
            [run.to_string()],
            "look a run up",
            |row| row.get(0),
        )?;
        match key {
            Some(key) => self.presence.push((key, since)),
            None if self.ledger.lost.runs.contains(&run) => {}
            None => {
                let what = format!("it names run {run}, which is not there");
                findings.push(Finding::new(Remedy::Reindex, line.place(), what));
            }
        }
        Ok(())
    }
}
