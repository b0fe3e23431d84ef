//! Selects the ledger lines that are about the extracted jobs.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, params};

use crate::archive::db::{Db, RowError};
use crate::archive::error::ArchiveError;
use crate::archive::ledger::chain::Subject;
use crate::archive::ledger::entry::{LedgerEntry, RemovedEntry};
use crate::model::{Guid, Instant, Sha256};

/// What the selected lines are about.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// The jobs that are taken out, by GUID.
    pub(super) jobs: BTreeSet<Guid>,
    /// Every job that the ledger knows.
    pub(super) known: BTreeSet<Guid>,
    /// Entries of the revisions of their runs.
    pub(super) revisions: BTreeSet<i64>,
    /// Numbers of the pieces in quarantine that came from them.
    pub(super) quarantined: BTreeSet<i64>,
    /// Hashes of who acted and why, as lines name them.
    pub(super) texts: BTreeSet<Sha256>,
    /// Removals of their runs behind the head: what was removed no longer exists.
    pub(super) removed_later: Vec<LaterRemoval>,
    /// The last sync that began.
    pub(super) last_sync: i64,
    /// Their runs, with the start that the latest revision says.
    runs: HashMap<Guid, Option<Instant>>,
    /// Runs with a piece in quarantine.
    runs_in_quarantine: HashSet<Guid>,
}

/// The removal of a run behind the head.
#[derive(Debug)]
pub(super) struct LaterRemoval {
    /// The number of its line.
    pub(super) entry_id: i64,
    pub(super) entry: RemovedEntry,
    /// The start that the latest revision up to the head says.
    pub(super) started: Option<Instant>,
    /// Whether pieces in quarantine were removed with it.
    pub(super) had_pieces: bool,
}

/// Copies the lines up to an entry that are about the jobs or about syncs; about every job if none is named.
pub(super) fn copy_lines(
    source: &Connection,
    target: &Connection,
    until: i64,
    jobs: &[Guid],
) -> Result<Chosen, ArchiveError> {
    let mut chosen = Chosen {
        jobs: jobs.iter().copied().collect(),
        ..Chosen::default()
    };
    let takes_all = jobs.is_empty();
    source.each(
        "SELECT entry_id, entry, entry_hash FROM ledger WHERE entry_id <= ?1 ORDER BY entry_id",
        [until],
        "read the ledger",
        |row| {
            let (entry_id, line): (i64, &str) = (row.get(0)?, row.get_ref(1)?.as_str()?);
            let entry = LedgerEntry::read(line).map_err(|why| {
                let what = format!("ledger entry {entry_id} cannot be read: {why}");
                RowError::from(ArchiveError::Damaged { what })
            })?;
            if let Subject::Job(job) | Subject::JobAndRun(job, _) = entry.subject() {
                chosen.known.insert(job);
                if takes_all {
                    chosen.jobs.insert(job);
                }
            }
            if chosen.takes(entry_id, &entry) {
                chosen.texts.extend(entry.by().into_iter().chain(entry.why()));
                target.cached().run(
                    "INSERT INTO ledger (entry_id, entry, entry_hash) VALUES (?1, ?2, ?3)",
                    params![entry_id, line, row.get::<_, Sha256>(2)?],
                    "copy the ledger's lines",
                )?;
            }
            Ok(())
        },
    )?;
    source.each(
        "SELECT entry, entry_id FROM ledger WHERE entry_id > ?1 AND entry GLOB 'removed *'",
        [until],
        "read the ledger",
        |row| {
            if let Ok(LedgerEntry::Removed(entry)) = LedgerEntry::read(row.get_ref(0)?.as_str()?)
                && let Some(&started) = chosen.runs.get(&entry.run)
            {
                chosen.removed_later.push(LaterRemoval {
                    entry_id: row.get(1)?,
                    entry,
                    started,
                    had_pieces: chosen.runs_in_quarantine.contains(&entry.run),
                });
            }
            Ok(())
        },
    )?;
    Ok(chosen)
}

impl Chosen {
    /// Whether a line is about one of the jobs, or about a sync.
    fn takes(&mut self, entry_id: i64, entry: &LedgerEntry) -> bool {
        match entry {
            LedgerEntry::SyncBegan(began) => self.last_sync = began.sync,
            LedgerEntry::Revision(revision) if self.jobs.contains(&revision.job) => {
                self.runs.insert(revision.run, revision.started);
                self.revisions.insert(entry_id);
            }
            LedgerEntry::Quarantined(piece) if self.jobs.contains(&piece.job) => {
                self.quarantined.insert(piece.id);
                self.runs_in_quarantine.extend(piece.run);
            }
            _ => {}
        }
        match entry.subject() {
            Subject::Nobody => matches!(
                entry,
                LedgerEntry::SyncBegan(_)
                    | LedgerEntry::SyncKilled { .. }
                    | LedgerEntry::SyncEnded(_)
                    | LedgerEntry::SalvageEnded { .. }
            ),
            Subject::Every => true,
            Subject::Job(job) => self.jobs.contains(&job),
            Subject::JobAndRun(job, run) => self.jobs.contains(&job) || self.runs.contains_key(&run),
            Subject::Run(run) => self.runs.contains_key(&run),
            Subject::Quarantined(id) => self.quarantined.contains(&id),
            Subject::Revision(entry_id) => self.revisions.contains(&entry_id),
        }
    }
}
