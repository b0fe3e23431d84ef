//! Takes what is sound out of a damaged archive into a new one.
//!
//! Sound is what a hash proves: a line of the ledger that the chain seals, a payload that has the hash of its line, a text that
//! has the hash of its line, the figures of a sync together. Tables are not copied but rebuilt from these. What the ledger
//! tells of and could not be saved, the new ledger says by `lost` lines, behind a line `salvaged` with the head up to which
//! the old chain held. The damaged file is only read. Rows that SQLite no longer finds its way to are looked for in the file's
//! pages, see [`gather`] and [`pages`].

mod content;
mod gather;
mod lines;
mod pages;
mod scan;
mod unlisted;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, params};

use self::lines::{Decision, LineFilter, OldLine};
use self::scan::scan;
use super::rebuild::rebuild;
use crate::archive::atomic_file::{Access, AtomicFile};
use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing, io_error};
use crate::archive::ledger::entry::{LedgerEntry, Loss, QuarantinedEntry, RevisionEntry, Rules, SyncBegan};
use crate::archive::ledger::{self, Head, actor};
use crate::archive::read_only::ReadOnly;
use crate::archive::storage::revisions::Payloads;
use crate::archive::verify::{self, Verified};
use crate::archive::{limits, open};
use crate::decode::READER_VERSION;
use crate::model::{Guid, Instant, NaiveZone, Sha256};

/// Things lost that are named; the others are counted.
const MAX_NAMED: usize = 10_000;

/// What was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Runs in the new archive.
    pub runs: u64,
    /// Revisions, and so payloads.
    pub revisions: u64,
    /// Lines of the old ledger that were kept.
    pub lines: u64,
    /// What was lost, as text.
    pub lost: Vec<String>,
    /// How much more was lost than is named.
    pub more_lost: u64,
    /// The head up to which the old chain held, and is held by the new one.
    pub old_head: Sha256,
    /// The new ledger's head: the line that says that the salvage ended.
    pub head: Sha256,
    /// When it was made.
    pub at: Instant,
    /// How much of the new archive was checked.
    pub verified: Verified,
}

/// Takes what is sound out of the damaged archive at `damaged` into a new one at `new`, which is checked before it gets its name.
/// `progress` is called with the bytes of payloads taken over.
///
/// # Errors
/// `new` is there already; nothing of `damaged` can be read; disk full and other SQL errors. Then no file is left at `new`.
pub fn salvage(damaged: &Path, new: &Path, progress: &dyn Fn(u64)) -> Result<Salvaged, ArchiveError> {
    if std::fs::symlink_metadata(new).is_ok() {
        return Err(ArchiveError::Exists {
            path: new.to_path_buf(),
        });
    }
    let part = AtomicFile::begin(new, Access::Private).map_err(io_error("make a file beside", new))?;
    part.release_on_network_drive();
    let old = gather::open(damaged, new)?;
    let mut salvaged = {
        // Filled in its place: an empty file would be replaced by another, of which `part` knows nothing.
        open::build(new, part.path())?;
        let connection = open::open_to_write(part.path(), open::IfMissing::Create)?.connection;
        // It is ours, and grows in one transaction.
        limits::unbound(&connection).doing("begin the new archive")?;
        // The whole is one transaction on a file without a name: its log is taken over at the end.
        let transaction =
            rusqlite::Transaction::new_unchecked(&connection, rusqlite::TransactionBehavior::Immediate)
                .doing("begin to salvage")?;
        let salvaged =
            Salvager::new(&old.connection, &transaction).and_then(|work| work.run(old.ends, progress));
        if let Some(unchanging) = &old.unchanging {
            unchanging.check()?;
        }
        let salvaged = salvaged?;
        if salvaged.lines == 0 && salvaged.revisions == 0 {
            let what = format!(
                "{}: no line of a ledger and no run can be read in it",
                damaged.display()
            );
            return Err(ArchiveError::Damaged { what });
        }
        transaction.commit().doing("commit")?;
        // Whole by itself, without a file beside it; the next sync goes back to a log.
        connection
            .pragma_update(None, "journal_mode", "DELETE")
            .doing("take over the write-ahead log")?;
        salvaged
    };
    let report = ReadOnly::open_unchanging(part.path())?.verify(&[salvaged.head])?;
    if let Some(first) = report.findings.first() {
        let what = format!(
            "what was salvaged does not prove itself: {}: {}",
            first.place, first.what
        );
        return Err(ArchiveError::Damaged { what });
    }
    salvaged.verified = report.verified;
    part.name_new().map_err(io_error("give its name to", new))?;
    Ok(salvaged)
}

/// A job as the damaged file has it.
struct OldJob {
    name: Option<String>,
    server: Option<String>,
}

struct Salvager<'c> {
    old: &'c Connection,
    new: &'c Connection,
    head: Head,
    now: Instant,
    zone: NaiveZone,
    /// The rules of the zone in force are lost.
    rules_lost: bool,
    payloads: Payloads,
    /// How the sync began that was copied last.
    began: Option<SyncBegan>,
    jobs: HashMap<Guid, OldJob>,
    /// The latest hashes of names and addresses in the ledger.
    names: BTreeMap<Guid, Sha256>,
    servers: BTreeMap<Guid, Sha256>,
    /// Lines to append at the end.
    losses: Vec<Loss>,
    /// Revisions that only their payload can prove, with their entry in the old ledger.
    by_payload: Vec<(i64, RevisionEntry)>,
    /// Runs that a line of the old ledger says were removed.
    removed: HashSet<Guid>,
    /// What lines said of such runs, until the line of the removal is kept.
    awaiting_removal: HashMap<Guid, Vec<Loss>>,
    /// Entries of the old ledger that are missing, from and to.
    gaps: Vec<(i64, i64)>,
    bytes: u64,
    salvaged: Salvaged,
}

impl<'c> Salvager<'c> {
    fn new(old: &'c Connection, new: &'c Connection) -> Result<Self, ArchiveError> {
        let mut servers: HashMap<i64, String> = HashMap::new();
        // A table that is lost as a whole counts as empty: what is missing is reported by name below.
        let _ = scan(old, "_server", "server_key, url", "server_key", |row| {
            if let (Ok(key), Ok(url)) = (row.get(0), row.get(1)) {
                servers.insert(key, url);
            }
            Ok(())
        })?;
        let mut jobs = HashMap::new();
        let _ = scan(
            old,
            "_job",
            "job_key, job_id, name, server_key",
            "job_key",
            |row| {
                let id = row.get::<_, String>(1).ok().and_then(|id| id.parse().ok());
                if let Some(id) = id {
                    let server = row.get::<_, Option<i64>>(3).ok().flatten();
                    let job = OldJob {
                        name: row.get(2).ok().flatten(),
                        server: server.and_then(|key| servers.get(&key).cloned()),
                    };
                    jobs.insert(id, job);
                }
                Ok(())
            },
        )?;
        Ok(Self {
            old,
            new,
            head: ledger::read_head(new)?,
            now: Instant::now(),
            zone: NaiveZone::Utc,
            rules_lost: false,
            payloads: Payloads::default(),
            began: None,
            jobs,
            names: BTreeMap::new(),
            servers: BTreeMap::new(),
            losses: Vec::new(),
            by_payload: Vec::new(),
            removed: HashSet::new(),
            awaiting_removal: HashMap::new(),
            gaps: Vec::new(),
            bytes: 0,
            salvaged: Salvaged {
                runs: 0,
                revisions: 0,
                lines: 0,
                lost: Vec::new(),
                more_lost: 0,
                old_head: ledger::GENESIS,
                head: ledger::GENESIS,
                at: Instant::now(),
                verified: Verified::default(),
            },
        })
    }

    fn run(mut self, ends: bool, progress: &dyn Fn(u64)) -> Result<Salvaged, ArchiveError> {
        let mut filter = LineFilter::new(self.now, self.read_ahead()?);
        let (mut next, mut first) = (1, true);
        let old = self.old;
        let scanned = scan(old, "ledger", "entry_id, entry, entry_hash", "entry_id", |row| {
            let (Ok(entry_id), Ok(line), Ok(hash)) = (row.get(0), row.get(1), row.get(2)) else {
                return Ok(());
            };
            if entry_id != next {
                self.gaps.push((next, entry_id - 1));
            }
            next = entry_id + 1;
            let line = OldLine { entry_id, line, hash };
            self.take_line(&mut filter, &line, &mut first)?;
            progress(self.bytes);
            Ok(())
        })?;
        self.gaps.push((next, i64::MAX));
        for &(from, to) in &self.gaps.clone() {
            if to != i64::MAX {
                self.lose(format!("ledger entries {from} to {to}: they cannot be read"));
            } else if scanned.gaps > 0 || !ends {
                self.lose(format!(
                    "ledger entries from {from} on, if there were any: they cannot be read"
                ));
            }
        }
        if !filter.broken {
            self.append_salvaged(&mut filter)?;
        }
        self.revisions_without_line()?;
        self.prove_by_payload(&mut filter)?;
        self.texts()?;
        self.lose_what_awaits_its_removal();
        self.append_lines(filter.ending())?;
        for loss in std::mem::take(&mut self.losses) {
            self.append(&LedgerEntry::Lost(loss))?;
        }
        if self.rules_lost {
            self.append(&LedgerEntry::Reindexed {
                zone: self.zone.name(),
                rules: Rules::of(self.zone),
                reader: READER_VERSION,
                at: self.now.unix_seconds(),
                by: actor::this(),
            })?;
        }
        self.append(&LedgerEntry::SalvageEnded {
            at: self.now.unix_seconds(),
        })?;
        let (ledger, hurt) = verify::replay(self.new)?;
        if let Some(first) = hurt.first() {
            let what = format!("what was taken out is not whole: {}: {}", first.place, first.what);
            return Err(ArchiveError::Damaged { what });
        }
        self.backups();
        let rebuilt = rebuild(self.new, &ledger, &|_| {})?;
        self.salvaged.runs = rebuilt.runs;
        self.salvaged.revisions = rebuilt.revisions;
        self.salvaged.head = self.head.hash;
        self.salvaged.at = self.now;
        Ok(self.salvaged)
    }

    fn lose(&mut self, what: String) {
        if self.salvaged.lost.len() < MAX_NAMED {
            self.salvaged.lost.push(what);
        } else {
            self.salvaged.more_lost += 1;
        }
    }

    fn append(&mut self, entry: &LedgerEntry) -> Result<(), ArchiveError> {
        // Lines that are copied keep their times.
        ledger::append_unseen(self.new, &mut self.head, entry)
    }

    fn append_line(&mut self, line: &str) -> Result<(), ArchiveError> {
        ledger::append_line(self.new, &mut self.head, line)
    }

    fn append_lines(&mut self, lines: impl IntoIterator<Item = String>) -> Result<(), ArchiveError> {
        lines.into_iter().try_for_each(|line| self.append_line(&line))
    }

    /// Entries of revisions that an earlier salvage lost; notes which runs were removed.
    fn read_ahead(&mut self) -> Result<HashSet<i64>, ArchiveError> {
        let (mut lost, removed) = (HashSet::new(), &mut self.removed);
        let _ = scan(self.old, "ledger", "entry_id, entry", "entry_id", |row| {
            let line = row.get_ref(1).ok().and_then(|line| line.as_str().ok());
            let line = line.filter(|line| line.starts_with("lost ") || line.starts_with("removed "));
            match line.map(LedgerEntry::read) {
                Some(Ok(LedgerEntry::Lost(Loss::Payload { entry_id }))) => drop(lost.insert(entry_id)),
                Some(Ok(LedgerEntry::Removed(entry))) => drop(removed.insert(entry.run)),
                _ => {}
            }
            Ok(())
        })?;
        Ok(lost)
    }

    /// What belonged to runs whose removal could not be kept is lost like anything else.
    fn lose_what_awaits_its_removal(&mut self) {
        let mut runs: Vec<_> = self.awaiting_removal.drain().collect();
        runs.sort_unstable_by_key(|(run, _)| *run);
        for (run, losses) in runs {
            self.losses.extend(losses);
            self.lose(format!("run {run}, and the line that says that it was removed"));
        }
    }

    fn append_salvaged(&mut self, filter: &mut LineFilter) -> Result<(), ArchiveError> {
        self.append_lines(filter.end_earlier_salvage())?;
        ledger::note_clock_at(self.new, &mut self.head, self.now.unix_seconds())?;
        filter.begin_salvage();
        // If not even the first line is sound, the new archive's own first line takes its place.
        let kept = self.salvaged.lines;
        self.salvaged.old_head = if kept == 0 {
            ledger::GENESIS
        } else {
            self.head.hash
        };
        self.append(&LedgerEntry::Salvaged {
            head: self.head.hash,
            entries: self.head.entry_id,
            at: self.now.unix_seconds(),
            by: actor::this(),
        })
    }

    fn take_line(
        &mut self,
        filter: &mut LineFilter,
        old: &OldLine,
        first: &mut bool,
    ) -> Result<(), ArchiveError> {
        let mut decision = filter.decide(old);
        if decision == Decision::Broken {
            self.append_salvaged(filter)?;
            decision = filter.decide(old);
        }
        match decision {
            Decision::Keep(lines) => {
                if std::mem::take(first) && !filter.broken {
                    // The old archive goes on: its own first line takes the place of the new file's.
                    self.new.run("DELETE FROM ledger", [], "begin the ledger")?;
                    self.head = ledger::read_head(self.new)?;
                }
                self.salvaged.lines += 1;
                for line in lines {
                    self.zone_of_revision(&line)?;
                    self.append_line(&line)?;
                    let entry = LedgerEntry::read(&line);
                    if let Ok(Some(by)) = entry.as_ref().map(LedgerEntry::by) {
                        self.actor(by)?;
                    }
                    if let Ok(Some(why)) = entry.as_ref().map(LedgerEntry::why) {
                        self.reason(why)?;
                    }
                    match entry {
                        // An earlier salvage has said so already.
                        Ok(LedgerEntry::Lost(loss)) => {
                            self.losses.retain(|known| *known != loss);
                            for losses in self.awaiting_removal.values_mut() {
                                losses.retain(|known| *known != loss);
                            }
                            match loss {
                                Loss::Name { job } => drop(self.names.remove(&job)),
                                Loss::Server { job } => drop(self.servers.remove(&job)),
                                _ => {}
                            }
                        }
                        Ok(entry) => self.take_over(old.entry_id, entry)?,
                        Err(why) => return Err(ArchiveError::Damaged { what: why }),
                    }
                }
            }
            Decision::ByPayload(entry) => self.by_payload.push((old.entry_id, *entry)),
            Decision::Broken => {}
            Decision::Drop(why) => {
                let kind = old.line.split(' ').next().unwrap_or_default();
                let kind: String = kind.chars().take(20).collect();
                self.lose(format!("ledger entry {} ({kind}): {why}", old.entry_id));
            }
        }
        Ok(())
    }

    /// Copies what belongs to the line that was just appended and is stored outside the ledger.
    fn take_over(&mut self, old_entry_id: i64, entry: LedgerEntry) -> Result<(), ArchiveError> {
        match entry {
            LedgerEntry::NaiveTime { zone, rules, .. } | LedgerEntry::Reindexed { zone, rules, .. } => {
                self.zone(zone, rules.as_ref())?
            }
            LedgerEntry::JobAdded { job, at, .. } => {
                self.new.run(
                    "INSERT INTO _job (job_id, watched, first_seen_unix) VALUES (?1, 0, ?2)",
                    params![job.to_string(), at],
                    "add a job",
                )?;
            }
            LedgerEntry::JobNamed { job, name, .. } => drop(self.names.insert(job, name)),
            LedgerEntry::JobServer { job, server, .. } => drop(self.servers.insert(job, server)),
            LedgerEntry::SyncBegan(began) => self.began = Some(began),
            LedgerEntry::SyncEnded(ended) => self.results(&ended)?,
            LedgerEntry::Revision(revision) if self.removed.contains(&revision.run) => {
                let entry_id = self.head.entry_id;
                let losses = self.awaiting_removal.entry(revision.run).or_default();
                losses.push(Loss::Payload { entry_id });
            }
            LedgerEntry::Quarantined(QuarantinedEntry {
                id, run: Some(run), ..
            }) if self.removed.contains(&run) => {
                let losses = self.awaiting_removal.entry(run).or_default();
                losses.push(Loss::Quarantined { id });
            }
            LedgerEntry::Removed(entry) => drop(self.awaiting_removal.remove(&entry.run)),
            LedgerEntry::Revision(revision) => {
                if let Err(why) = self.payload(old_entry_id, &revision, self.head.entry_id)? {
                    self.losses.push(Loss::Payload {
                        entry_id: self.head.entry_id,
                    });
                    let RevisionEntry { run, number, .. } = revision;
                    self.lose(format!(
                        "revision {number} of run {run} (ledger entry {old_entry_id}): {why}"
                    ));
                }
            }
            LedgerEntry::Quarantined(entry) => self.quarantined(&entry)?,
            LedgerEntry::Accepted { id, at, why, .. } => self.accepted(id, at, &why)?,
            _ => {}
        }
        Ok(())
    }

    /// Notes on backups, as far as they can be read: no hash proves them, but a removal has to name the copies.
    fn backups(&self) {
        let doing = "keep the notes on backups";
        let noted: Result<Vec<(String, i64, String)>, _> =
            self.old
                .all("SELECT path, made_unix, host FROM _backup", [], doing, |row| {
                    row.try_into()
                });
        for (path, made, host) in noted.unwrap_or_default() {
            // A note that fits into no row is dropped.
            let sql = "INSERT OR IGNORE INTO _backup (path, made_unix, host) VALUES (?1, ?2, ?3)";
            let _ = self.new.run(sql, params![path, made, host], doing);
        }
    }
}
