//! Replays the ledger: checks its chain, and collects what its lines say about everything else.

mod ahead;
mod apply;

use std::collections::HashSet;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sha2::Digest;

use self::ahead::read_ahead;
use super::finding::{Finding, Findings, Remedy};
use super::line_texts::{ACTORS, REASONS, sound_texts};
use super::state::{LedgerState, VerifyScope};
use super::syncs::{self, SyncEnd};
use crate::archive::db::{Db, RowError};
use crate::archive::error::ArchiveError;
use crate::archive::ledger::GENESIS;
use crate::archive::ledger::chain::Subject;
use crate::archive::ledger::entry::{LedgerEntry, Loss, SyncBegan};
use crate::archive::ledger::grammar::Grammar;
use crate::model::{Sha256, hex};

/// Replays the whole ledger: recomputes each hash, takes in what each line says, and compares syncs and quarantine with their
/// tables on the way. Of `heads`, those that the ledger holds are noted.
pub(in crate::archive) fn check(
    connection: &Connection,
    scope: VerifyScope,
    heads: &HashSet<Sha256>,
    findings: &mut Findings,
) -> Result<LedgerState, ArchiveError> {
    let mut ledger = LedgerState {
        head: GENESIS,
        is_whole: scope.is_all(),
        ..LedgerState::default()
    };
    read_ahead(connection, &mut ledger, findings)?;
    let mut pass = Pass {
        connection,
        scope,
        heads,
        next_id: 1,
        open: None,
        presence: Vec::new(),
        grammar: Grammar::new(ledger.lost.payloads.clone()),
        block: 0,
        results_missing: HashSet::new(),
        ledger,
    };
    connection.each(
        "SELECT entry_id, entry, entry_hash FROM ledger ORDER BY entry_id",
        [],
        "read the ledger",
        |row| pass.take_row(row, findings),
    )?;
    pass.ledger.actor_names = sound_texts(connection, ACTORS)?;
    pass.ledger.reason_texts = sound_texts(connection, REASONS)?;
    pass.end(findings)
}

/// The number of the entry that has this hash.
pub(in crate::archive) fn entry_of(
    connection: &Connection,
    head: &Sha256,
) -> Result<Option<i64>, ArchiveError> {
    connection.optional(
        "SELECT entry_id FROM ledger WHERE entry_hash = ?1",
        [head],
        "look a head up in the ledger",
        |row| row.get(0),
    )
}

/// The pass over all lines, in order.
struct Pass<'c> {
    connection: &'c Connection,
    scope: VerifyScope,
    heads: &'c HashSet<Sha256>,
    /// The number that the next entry must have.
    next_id: i64,
    open: Option<SyncBegan>,
    presence: Vec<(i64, Option<i64>)>,
    grammar: Grammar,
    /// The number of acts before the salvage that is being read.
    block: usize,
    /// Syncs whose results a later line says are lost: the chains of jobs are not those that the syncs after them saw.
    results_missing: HashSet<i64>,
    ledger: LedgerState,
}

/// A line that is taken in.
#[derive(Clone, Copy)]
struct LedgerRow {
    entry_id: i64,
    hash: Sha256,
    /// SHA-256 of who acted, where the line says so.
    by: Option<Sha256>,
    /// It is in the scope of the verification.
    is_new: bool,
}

impl LedgerRow {
    fn place(&self) -> String {
        place_of(self.entry_id)
    }
}

fn place_of(entry_id: i64) -> String {
    format!("ledger, entry {entry_id}")
}

impl Pass<'_> {
    fn take_row(&mut self, row: &Row<'_>, findings: &mut Findings) -> Result<(), RowError> {
        let entry_id: i64 = row.get(0)?;
        let bytes = match row.get_ref(1)? {
            ValueRef::Text(bytes) => bytes,
            _ => b"",
        };
        let hash: Sha256 = match row.get_ref(2)? {
            ValueRef::Blob(hash) => hash.try_into().unwrap_or_default(),
            _ => Sha256::default(),
        };
        self.check_hash(entry_id, bytes, &hash, findings);
        if self.heads.contains(&hash) {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.ledger.met.insert(hash, (entry_id, text));
        }
        self.ledger.entries += 1;
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned());
        match text.and_then(|text| Ok((text, LedgerEntry::read(text)?))) {
            Ok((text, entry)) => {
                let line = LedgerRow {
                    entry_id,
                    hash,
                    by: entry.by().copied(),
                    is_new: entry_id > self.scope.after,
                };
                self.take_entry(line, text, entry, findings)?;
            }
            Err(why) => findings.push(Finding::new(
                Remedy::Restore,
                place_of(entry_id),
                format!("its line cannot be read: {why}"),
            )),
        }
        Ok(())
    }

    /// Compares number and hash of an entry with those that follow from the entry before, and makes it the head.
    fn check_hash(&mut self, entry_id: i64, line: &[u8], stored: &Sha256, findings: &mut Findings) {
        let ledger = &mut self.ledger;
        if entry_id != self.next_id {
            ledger.chains_hurt = true;
            let finding = Finding::new(
                Remedy::Restore,
                place_of(entry_id),
                "the entries before it are missing",
            );
            findings.push(finding.with(self.next_id.to_string(), entry_id.to_string()));
        }
        self.next_id = entry_id.saturating_add(1);
        let hash: Sha256 = sha2::Sha256::new()
            .chain_update(ledger.head)
            .chain_update(line)
            .finalize()
            .into();
        if hash != *stored {
            let what = "its hash is not that of the entry before and its line";
            let finding = Finding::new(Remedy::Restore, place_of(entry_id), what);
            findings.push(finding.with(hex(&hash), hex(stored)));
            ledger.chains_hurt = true;
        }
        // The next entry is compared with the stored hash, so that one change is one finding.
        ledger.head = *stored;
    }

    fn take_entry(
        &mut self,
        line: LedgerRow,
        text: &str,
        entry: LedgerEntry,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let was_absent = match &entry {
            LedgerEntry::Revision(revision) => self.grammar.is_absent(revision.run) == Some(true),
            _ => false,
        };
        if let Some(why) = self.grammar.fault(&entry) {
            findings.push(Finding::new(
                Remedy::Restore,
                line.place(),
                format!("no line of this program may stand there: {why}"),
            ));
        }
        self.grammar.take(line.entry_id, &line.hash, &entry);
        self.extend_chains(&entry, text);
        if let Some(by) = line.by {
            self.ledger.actors.entry(by).or_insert(line.entry_id);
        }
        if let Some(why) = entry.why() {
            self.ledger.reasons.entry(*why).or_insert(line.entry_id);
        }
        self.apply(&line, entry, was_absent, findings)
    }

    /// Extends the chains of the jobs that a line is about.
    fn extend_chains(&mut self, entry: &LedgerEntry, line: &str) {
        let (chains, subject) = (&mut self.ledger.chains, entry.subject());
        match subject {
            Subject::Nobody => {}
            Subject::Every => {
                self.ledger.common_chain.push(line);
                chains.values_mut().for_each(|chain| chain.push(line));
                if let LedgerEntry::Lost(Loss::Results { sync }) = entry {
                    self.results_missing.remove(sync);
                }
            }
            _ => {
                let named = match subject {
                    Subject::Job(job) | Subject::JobAndRun(job, _) => Some(job),
                    _ => None,
                };
                let other = self.grammar.job_of(subject).filter(|job| Some(*job) != named);
                for job in named.into_iter().chain(other) {
                    let common = self.ledger.common_chain;
                    chains.entry(job).or_insert(common).push(line);
                }
            }
        }
    }

    fn end(mut self, findings: &mut Findings) -> Result<LedgerState, ArchiveError> {
        if self.grammar.in_salvage() {
            let what = "a salvage has begun, and no line says that it ended";
            findings.push(Finding::new(Remedy::Restore, "ledger", what));
            for act in self.ledger.acts.iter_mut().skip(self.block) {
                act.hash = Sha256::default();
            }
        }
        self.ledger.open_sync = self.grammar.open_sync();
        if let Some(began) = self.open.take() {
            syncs::check(
                self.connection,
                &began,
                SyncEnd::Open,
                false,
                true,
                &mut self.ledger,
                findings,
            )?;
        }
        // The sort is stable: of several rows of a run the latest comes last.
        self.presence.sort_by_key(|&(key, _)| key);
        self.presence.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                *kept = *later;
            }
            same
        });
        self.ledger.presence = self.presence;
        Ok(self.ledger)
    }
}
