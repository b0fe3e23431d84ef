//! Takes what is sound out of a damaged archive into a new one.
//!
//! Sound is what a hash proves: a line of the ledger that the chain seals, a payload that has the hash of its line, a text that
//! has the hash of its line, the figures of a sync together. Tables are not copied but made anew from these. What the ledger
//! tells of and could not be saved, the new ledger says by `lost` lines, behind a line `salvaged` with the head up to which
//! the old chain held. The damaged file is only read. Rows that SQLite no longer finds its way to are looked for in the file's
//! pages, see [`gather`] and [`pages`].

mod gather;
mod lines;
mod pages;
mod scan;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use self::lines::{Decision, LineFilter, OldLine};
use self::scan::scan;
use super::rebuild::rebuild;
use crate::archive::atomic_file::{Access, AtomicFile};
use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing, io_error};
use crate::archive::ledger::chain::JobChain;
use crate::archive::ledger::entry::{
    LedgerEntry, Loss, QuarantinedEntry, RevisionEntry, Rules, SyncBegan, SyncEnded,
};
use crate::archive::ledger::{self, Head, actor, text_hash};
use crate::archive::read_only::ReadOnly;
use crate::archive::storage::revisions::Payloads;
use crate::archive::storage::syncs::{JobRecord, record_job, seal_results};
use crate::archive::storage::{jobs, zones};
use crate::archive::verify::{self, Expected, Verified, results};
use crate::archive::{limits, open};
use crate::decode::{READER_VERSION, read_run_fields};
use crate::model::{Guid, Instant, NaiveZone, Sha256, Zone, ZoneName};

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
    /// What was lost, in words.
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
/// `progress` hears of the bytes of payloads taken over.
///
/// # Errors
/// `new` is there already; nothing of `damaged` can be read; disk full and other SQL errors. Then no file is left at `new`.
pub fn salvage(damaged: &Path, new: &Path, progress: &dyn Fn(u64)) -> Result<Salvaged, ArchiveError> {
    if std::fs::symlink_metadata(new).is_ok() {
        return Err(ArchiveError::Exists {
            path: new.to_path_buf(),
        });
    }
    // What was the archive's readers' to read stays theirs.
    let access = match std::fs::metadata(damaged) {
        Ok(data) => Access::Like(data.permissions()),
        Err(_) => Access::Private,
    };
    let part = AtomicFile::begin(new, access).map_err(io_error("make a file beside", new))?;
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
    /// Hashes of names and addresses that the ledger tells of, the latest ones.
    names: BTreeMap<Guid, Sha256>,
    servers: BTreeMap<Guid, Sha256>,
    /// Lines to append at the end.
    losses: Vec<Loss>,
    /// Revisions that only their payload can prove, with their entry in the old ledger.
    by_payload: Vec<(i64, RevisionEntry)>,
    /// Runs that a line of the old ledger says were removed.
    removed: HashSet<Guid>,
    /// What lines told of such runs, until the line of the removal is kept.
    awaiting_removal: HashMap<Guid, Vec<Loss>>,
    /// Entries of the old ledger that are missing, from and to.
    gaps: Vec<(i64, i64)>,
    bytes: u64,
    salvaged: Salvaged,
}

impl<'c> Salvager<'c> {
    fn new(old: &'c Connection, new: &'c Connection) -> Result<Self, ArchiveError> {
        let mut servers: HashMap<i64, String> = HashMap::new();
        // A table that is lost altogether is as one without rows: what is missed is told by name below.
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
            let (Ok(entry), Ok(line), Ok(hash)) = (row.get(0), row.get(1), row.get(2)) else {
                return Ok(());
            };
            if entry != next {
                self.gaps.push((next, entry - 1));
            }
            next = entry + 1;
            let line = OldLine { entry, line, hash };
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
                Some(Ok(LedgerEntry::Lost(Loss::Payload { entry }))) => drop(lost.insert(entry)),
                Some(Ok(LedgerEntry::Removed(claim))) => drop(removed.insert(claim.run)),
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
        // Where not even the first line is sound, the new archive's own one stands there.
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
                        Ok(claim) => self.take_over(old.entry, claim)?,
                        Err(why) => return Err(ArchiveError::Damaged { what: why }),
                    }
                }
            }
            Decision::ByPayload(claim) => self.by_payload.push((old.entry, *claim)),
            Decision::Broken => {}
            Decision::Drop(why) => {
                let kind = old.line.split(' ').next().unwrap_or_default();
                let kind: String = kind.chars().take(20).collect();
                self.lose(format!("ledger entry {} ({kind}): {why}", old.entry));
            }
        }
        Ok(())
    }

    /// Takes over what a line that was just appended tells of and what stands elsewhere.
    fn take_over(&mut self, old_entry: i64, claim: LedgerEntry) -> Result<(), ArchiveError> {
        match claim {
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
                let entry = self.head.entry_id;
                let losses = self.awaiting_removal.entry(revision.run).or_default();
                losses.push(Loss::Payload { entry });
            }
            LedgerEntry::Quarantined(QuarantinedEntry {
                id, run: Some(run), ..
            }) if self.removed.contains(&run) => {
                let losses = self.awaiting_removal.entry(run).or_default();
                losses.push(Loss::Quarantined { id });
            }
            LedgerEntry::Removed(claim) => drop(self.awaiting_removal.remove(&claim.run)),
            LedgerEntry::Revision(revision) => {
                if let Err(why) = self.payload(old_entry, &revision, self.head.entry_id)? {
                    self.losses.push(Loss::Payload {
                        entry: self.head.entry_id,
                    });
                    let RevisionEntry { run, number, .. } = revision;
                    self.lose(format!(
                        "revision {number} of run {run} (ledger entry {old_entry}): {why}"
                    ));
                }
            }
            LedgerEntry::Quarantined(claim) => self.quarantined(&claim)?,
            LedgerEntry::Accepted { id, at, why, .. } => self.accepted(id, at, &why)?,
            _ => {}
        }
        Ok(())
    }

    /// Takes over the rules of a zone. Where they are lost, those that this program knows take their place, and every time is
    /// read by them.
    fn zone(&mut self, name: ZoneName, rules: Option<&Rules>) -> Result<(), ArchiveError> {
        let kept = zones::kept(self.old, name, rules).ok().and_then(Result::ok);
        let ours = || name.as_str().parse::<NaiveZone>().ok();
        // The same bytes, from whichever release we have them.
        let same = || {
            let (rules, ours) = (rules?, ours()?.rules()?);
            let same = ours.sha256() == rules.sha256;
            let same = same.then(|| Zone::from_tzif(name, &rules.release, ours.tzif().to_vec()).ok());
            same.flatten().map(NaiveZone::Iana)
        };
        self.rules_lost = false;
        self.zone = match kept.or_else(same) {
            Some(zone) => zone,
            None => {
                self.lose(format!("the rules of the time zone {name}"));
                self.rules_lost = true;
                ours().unwrap_or_default()
            }
        };
        zones::keep(self.new, self.zone)
    }

    /// Says the zone of a revision where the line that said it is lost.
    fn zone_of_revision(&mut self, line: &str) -> Result<(), ArchiveError> {
        let Ok(LedgerEntry::Revision(claim)) = LedgerEntry::read(line) else {
            return Ok(());
        };
        if claim.zone == self.zone.name() || self.rules_lost {
            return Ok(());
        }
        let newest: Option<Rules> = self
            .old
            .query_row(
                "SELECT sha256, release FROM _zone_rules WHERE zone = ?1 ORDER BY release DESC LIMIT 1",
                [claim.zone.as_str()],
                |row| {
                    let (sha256, release) = (row.get(0)?, row.get(1)?);
                    Ok(Rules { sha256, release })
                },
            )
            .optional()
            .unwrap_or_default();
        self.zone(claim.zone, newest.as_ref())?;
        self.append(&LedgerEntry::NaiveTime {
            zone: self.zone.name(),
            rules: Rules::of(self.zone),
            at: self.now.unix_seconds(),
        })
    }

    /// Copies the payload of a revision, where it is the one that its line names and can be read as that run.
    fn payload(
        &mut self,
        old_entry: i64,
        claim: &RevisionEntry,
        new_entry: i64,
    ) -> Result<Result<(u64, Option<Instant>), String>, ArchiveError> {
        let bytes = match self.payloads.read(self.old, old_entry, claim) {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(unsound)) => return Ok(Err(unsound.words())),
            Err(error) => return Ok(Err(format!("{error}"))),
        };
        let started = match read_run_fields(bytes, self.zone) {
            Ok(run) if run.job_run_id() == claim.run => run.started().instant(),
            Ok(_) => return Ok(Err("it is the payload of another run".to_owned())),
            Err(why) => return Ok(Err(format!("it is not a run: {why}"))),
        };
        let length = bytes.len() as u64;
        self.bytes += length;
        let damaged = |error: rusqlite::Error| error.to_string();
        let row: Result<(Option<i64>, Vec<u8>), String> = self
            .old
            .prepare_cached("SELECT dictionary_key, data FROM payload WHERE entry_id = ?1")
            .and_then(|mut statement| statement.query_row([old_entry], |row| row.try_into()))
            .map_err(damaged);
        let (dictionary, data) = match row {
            Ok(row) => row,
            Err(why) => return Ok(Err(why)),
        };
        if let Some(key) = dictionary
            && let Err(why) = self.dictionary(key, claim.job)?
        {
            return Ok(Err(why));
        }
        self.new.cached().run(
            "INSERT INTO payload (entry_id, dictionary_key, data) VALUES (?1, ?2, ?3)",
            params![new_entry, dictionary, data],
            "store a payload",
        )?;
        Ok(Ok((length, started)))
    }

    fn dictionary(&self, key: i64, job: Guid) -> Result<Result<(), String>, ArchiveError> {
        let known: Option<i64> = self.new.cached().optional(
            "SELECT 1 FROM dictionary WHERE dictionary_key = ?1",
            [key],
            "look a dictionary up",
            |row| row.get(0),
        )?;
        if known.is_some() {
            return Ok(Ok(()));
        }
        let found = self.old.query_row(
            "SELECT bytes, runs FROM dictionary WHERE dictionary_key = ?1",
            [key],
            |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, i64>(1).unwrap_or_default(),
                ))
            },
        );
        let (bytes, runs) = match found {
            Ok(found) => found,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let job_key = jobs::key(self.new, job)?;
        self.new.run(
            "INSERT INTO dictionary (dictionary_key, job_key, bytes, runs) VALUES (?1, ?2, ?3, ?4)",
            params![key, job_key, bytes, runs],
            "store a dictionary",
        )?;
        Ok(Ok(()))
    }

    /// Copies what a sync found of its jobs, where it has the hash of its line.
    fn results(&mut self, ended: &SyncEnded) -> Result<(), ArchiveError> {
        let read = results(self.old, ended.sync);
        let began = self.began.take().filter(|began| began.sync == ended.sync);
        let sound = match (read, began) {
            (Ok((records, None)), Some(began)) => {
                // The figures prove themselves, wherever the chains of the jobs stood.
                let jobs: BTreeSet<Guid> = records.iter().map(|record| record.job_id).collect();
                let mut chains = vec![JobChain::default(); jobs.len()];
                let chains = jobs.into_iter().zip(&mut chains);
                let sealed = seal_results(&began, ended.at, &records, chains);
                (sealed.figures == ended.figures).then_some(records)
            }
            _ => None,
        };
        let known = |record: &JobRecord| jobs::key(self.new, record.job_id);
        if let Some(records) = sound {
            let keys: Vec<Option<i64>> = records.iter().map(known).collect::<Result<_, _>>()?;
            if let Some(keys) = keys.into_iter().collect::<Option<Vec<i64>>>() {
                for (record, key) in records.iter().zip(keys) {
                    record_job(self.new, ended.sync, key, record)?;
                }
                return Ok(());
            }
        }
        self.losses.push(Loss::Results { sync: ended.sync });
        self.lose(format!("what sync {} found of its jobs", ended.sync));
        Ok(())
    }

    fn lose_quarantined(&mut self, id: i64) {
        self.losses.push(Loss::Quarantined { id });
        self.lose(format!("number {id} in quarantine"));
    }

    fn quarantined(&mut self, claim: &QuarantinedEntry) -> Result<(), ArchiveError> {
        let found = self.old.query_row(
            "SELECT reason, payload FROM _quarantined WHERE quarantine_id = ?1",
            [claim.id],
            |row| {
                let sound = Expected::TextOf(&claim.reason).is(row.get_ref(0)?)
                    && Expected::BytesOf(&claim.kept).is(row.get_ref(1)?);
                Ok(sound.then_some((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))
            },
        );
        let job_key = jobs::key(self.new, claim.job)?;
        let (Ok(Some((reason, payload))), Some(job_key)) = (found, job_key) else {
            self.lose_quarantined(claim.id);
            return Ok(());
        };
        self.new
            .run(
                "INSERT INTO _quarantined (quarantine_id, job_key, sync_id, captured_unix, position, reason,
                     payload, payload_bytes, payload_sha256)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    claim.id,
                    job_key,
                    claim.sync,
                    claim.at,
                    claim.position,
                    reason,
                    payload,
                    claim.bytes,
                    claim.sha256,
                ],
                "keep unreadable bytes in quarantine",
            )
            .map(drop)
    }

    fn accepted(&mut self, id: i64, at: i64, why: &Sha256) -> Result<(), ArchiveError> {
        let mut awaiting = self.awaiting_removal.values().flatten();
        if awaiting.any(|loss| *loss == Loss::Quarantined { id }) {
            return Ok(());
        }
        let found = self.old.query_row(
            "SELECT accepted_why FROM _quarantined WHERE quarantine_id = ?1",
            [id],
            |row| row.get::<_, Option<String>>(0),
        );
        let text = found.ok().flatten().filter(|text| text_hash(text) == *why);
        if text.is_none() {
            // Its reason is part of it: without it, it is lost as a whole.
            self.new.run(
                "DELETE FROM _quarantined WHERE quarantine_id = ?1",
                [id],
                "leave out a piece of the quarantine",
            )?;
            self.lose_quarantined(id);
            return Ok(());
        }
        self.new
            .run(
                "UPDATE _quarantined SET accepted_unix = ?2, accepted_why = ?3 WHERE quarantine_id = ?1",
                params![id, at, text],
                "accept bytes in quarantine",
            )
            .map(drop)
    }

    /// Copies a reason that a person gave.
    fn reason(&mut self, hash: &Sha256) -> Result<(), ArchiveError> {
        let found = self
            .old
            .query_row("SELECT why FROM _reason WHERE why_sha256 = ?1", [hash], |row| {
                row.get::<_, String>(0)
            });
        match found.ok().filter(|why| text_hash(why) == *hash) {
            Some(why) => {
                self.new.run(
                    "INSERT OR IGNORE INTO _reason (why_sha256, why) VALUES (?1, ?2)",
                    params![hash, why],
                    "keep a reason",
                )?;
            }
            None if self.losses.contains(&Loss::Why { sha256: *hash }) => {}
            None => {
                self.losses.push(Loss::Why { sha256: *hash });
                self.lose(format!(
                    "the reason {} that somebody gave",
                    crate::model::hex(hash)
                ));
            }
        }
        Ok(())
    }

    /// Copies who acted.
    fn actor(&mut self, by: &Sha256) -> Result<(), ArchiveError> {
        let found = self
            .old
            .query_row("SELECT actor FROM _actor WHERE by_sha256 = ?1", [by], |row| {
                row.get::<_, String>(0)
            });
        let ours = || actor::text_of(by).map(str::to_owned);
        let loss = Loss::By { sha256: *by };
        match found.ok().filter(|actor| text_hash(actor) == *by).or_else(ours) {
            Some(actor) => {
                self.new.cached().run(
                    "INSERT OR IGNORE INTO _actor (by_sha256, actor) VALUES (?1, ?2)",
                    params![by, actor],
                    "keep who acted",
                )?;
            }
            None if self.losses.contains(&loss) => {}
            None => {
                self.losses.push(loss);
                self.lose(format!("who acted under the hash {}", crate::model::hex(by)));
            }
        }
        Ok(())
    }

    /// Revisions whose line cannot be read, and whose row can: their row names a hash, too.
    fn revisions_without_line(&mut self) -> Result<(), ArchiveError> {
        let old = self.old;
        let (gaps, zone) = (self.gaps.clone(), self.zone);
        let mut found = Vec::new();
        let columns = "entry_id, run_key, revision, payload_sha256";
        let _ = scan(old, "_revision", columns, "entry_id", |row| {
            let (Ok(entry), Ok(run_key), Ok(number), Ok(sha256)) =
                (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get(2), row.get(3))
            else {
                return Ok(());
            };
            if !gaps.iter().any(|&(from, to)| (from..=to).contains(&entry)) {
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
            let claim = ids.map(|(run, job)| RevisionEntry {
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
            found.push((entry, claim));
            Ok(())
        })?;
        for (entry, claim) in found {
            match claim {
                Some(claim) => self.by_payload.push((entry, claim)),
                None => self.lose(format!(
                    "the revision of ledger entry {entry}: its run is not known"
                )),
            }
        }
        Ok(())
    }

    /// Takes over revisions that only their payload proves, in a sync of the salvage's own: when they were received is not known.
    fn prove_by_payload(&mut self, filter: &mut LineFilter) -> Result<(), ArchiveError> {
        let mut candidates = std::mem::take(&mut self.by_payload);
        candidates.sort_by_key(|(entry, claim)| (claim.run, claim.number, *entry));
        let mut own_sync = None;
        let mut latest: HashMap<Guid, i64> = HashMap::new();
        for (entry, claim) in candidates {
            let RevisionEntry { run, number, .. } = claim;
            let before = latest
                .get(&run)
                .copied()
                .unwrap_or_default()
                .max(filter.latest(run));
            if number <= before {
                self.lose(format!(
                    "revision {number} of run {run} (ledger entry {entry}): nothing seals its line, and a later one is kept"
                ));
                continue;
            }
            let sync = match own_sync {
                Some(sync) => sync,
                None => *own_sync.insert(self.begin_own_sync(filter)?),
            };
            if let Some(line) = filter.adding(claim.job) {
                self.append_line(&line)?;
                let added = LedgerEntry::JobAdded {
                    job: claim.job,
                    at: self.now.unix_seconds(),
                    by: None,
                };
                self.take_over(entry, added)?;
            }
            let (bytes, started) = match self.payload(entry, &claim, self.head.entry_id + 1)? {
                Ok(read) => read,
                Err(why) => {
                    self.lose(format!(
                        "revision {number} of run {run} (ledger entry {entry}): {why}"
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
                ..claim
            }))?;
            latest.insert(run, number);
            self.lose(format!(
                "when revision {number} of run {run} (ledger entry {entry}) was received: it counts as received now"
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

    /// Names and addresses, where they have the hash of their line.
    fn texts(&mut self) -> Result<(), ArchiveError> {
        let doing = "name a job";
        for (job, hash) in std::mem::take(&mut self.names) {
            let name = self.jobs.get(&job).and_then(|old| old.name.as_deref());
            match name.filter(|name| text_hash(name) == hash) {
                Some(name) => {
                    self.new.run(
                        "UPDATE _job SET name = ?2 WHERE job_id = ?1",
                        params![job.to_string(), name],
                        doing,
                    )?;
                }
                None => {
                    self.losses.push(Loss::Name { job });
                    self.lose(format!("the name of job {job}"));
                }
            }
        }
        for (job, hash) in std::mem::take(&mut self.servers) {
            let url = self.jobs.get(&job).and_then(|old| old.server.as_deref());
            match url.filter(|url| text_hash(url) == hash) {
                Some(url) => {
                    self.new
                        .run("INSERT OR IGNORE INTO _server (url) VALUES (?1)", [url], doing)?;
                    self.new.run(
                        "UPDATE _job SET server_key = (SELECT server_key FROM _server WHERE url = ?2)
                         WHERE job_id = ?1",
                        params![job.to_string(), url],
                        doing,
                    )?;
                }
                None => {
                    self.losses.push(Loss::Server { job });
                    self.lose(format!("the address of the server of job {job}"));
                }
            }
        }
        Ok(())
    }
}
