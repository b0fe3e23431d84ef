//! The ledger's chain, and what its lines tell about everything else.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::Digest;

use super::finding::{Finding, Findings, Remedy};
use super::state::{
    Act, InForce, LastResults, LedgerHold, LedgerJob, LedgerRemoval, LedgerState, ReindexMark, StateChange,
    VerifyScope, knows_rules,
};
use super::{quarantine, syncs};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::chain::Subject;
use crate::archive::ledger::entry::{AcknowledgedEntry, LedgerEntry, Loss, RemovedEntry};
use crate::archive::ledger::grammar::Grammar;
use crate::archive::ledger::{GENESIS, text_hash};
use crate::archive::storage::zones;
use crate::model::{Guid, NaiveZone, Sha256, hex};

/// Reads the whole ledger: each hash afresh, each line for what it tells, syncs and quarantine compared on the way.
/// `heads` are looked for.
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
        open: None,
        presence: Vec::new(),
        grammar: Grammar::new(ledger.lost.payloads.clone()),
        block: 0,
        results_missing: HashSet::new(),
        ledger,
    };
    let mut before = GENESIS;
    let mut expected_id = 1;
    connection.each(
        "SELECT entry_id, entry, entry_hash FROM ledger ORDER BY entry_id",
        [],
        "read the ledger",
        |row| {
            let id: i64 = row.get(0)?;
            let place = || format!("ledger, entry {id}");
            if id != expected_id {
                pass.ledger.chains_hurt = true;
                let finding = Finding::new(Remedy::Restore, place(), "the entries before it are missing");
                findings.push(finding.with(expected_id.to_string(), id.to_string()));
            }
            expected_id = id.saturating_add(1);
            let line = match row.get_ref(1)? {
                ValueRef::Text(line) => line,
                _ => b"",
            };
            let hash = <Sha256>::from(
                sha2::Sha256::new()
                    .chain_update(before)
                    .chain_update(line)
                    .finalize(),
            );
            let found: Sha256 = match row.get_ref(2)? {
                ValueRef::Blob(found) => found.try_into().unwrap_or_default(),
                _ => Sha256::default(),
            };
            if hash != found {
                let what = "its hash is not that of the entry before and its line";
                findings.push(Finding::new(Remedy::Restore, place(), what).with(hex(&hash), hex(&found)));
                pass.ledger.chains_hurt = true;
            }
            if heads.contains(&found) {
                let line = String::from_utf8_lossy(line).into_owned();
                pass.ledger.met.insert(found, (id, line));
            }
            // What follows is judged by the hash that stands there, so that one change is one finding.
            before = found;
            pass.ledger.entries += 1;
            let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned());
            let entry = text.clone().and_then(LedgerEntry::read);
            match entry {
                Ok(entry) => {
                    let was_absent = match &entry {
                        LedgerEntry::Revision(of) => pass.grammar.is_absent(of.run) == Some(true),
                        _ => false,
                    };
                    if let Some(why) = pass.grammar.fault(&entry) {
                        let finding = Finding::new(
                            Remedy::Restore,
                            place(),
                            format!("no line of this program may stand there: {why}"),
                        );
                        findings.push(finding);
                    }
                    pass.grammar.take(id, &found, &entry);
                    pass.chain(&entry, text.unwrap_or_default());
                    if let Some(by) = entry.by() {
                        pass.ledger.actors.entry(*by).or_insert(id);
                    }
                    if let Some(why) = entry.why() {
                        pass.ledger.reasons.entry(*why).or_insert(id);
                    }
                    let (by, acts) = (entry.by().copied(), pass.ledger.acts.len());
                    pass.apply(id, &found, entry, was_absent, findings)?;
                    if let Some(act) = pass.ledger.acts.get_mut(acts) {
                        act.by = by;
                    }
                }
                Err(why) => findings.push(Finding::new(
                    Remedy::Restore,
                    place(),
                    format!("its line cannot be read: {why}"),
                )),
            }
            Ok(())
        },
    )?;
    pass.ledger.head = before;
    pass.ledger.actor_names = sound_texts(connection, ACTORS)?;
    pass.ledger.reason_texts = sound_texts(connection, REASONS)?;
    pass.end(findings)
}

/// The texts of a table that have the hash beside them.
fn sound_texts(
    connection: &Connection,
    (_, sql): (&str, &str),
) -> Result<HashMap<Sha256, String>, ArchiveError> {
    let mut texts = HashMap::new();
    connection.each(sql, [], "read the texts of the ledger's lines", |row| {
        if let (Ok(hash), Ok(text)) = (row.get::<_, Sha256>(0), row.get::<_, String>(1))
            && text_hash(&text) == hash
        {
            texts.insert(hash, text);
        }
        Ok(())
    })?;
    Ok(texts)
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

/// Lines that change how earlier ones are taken.
fn read_ahead(
    connection: &Connection,
    ledger: &mut LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT entry_id, entry FROM ledger
         WHERE entry GLOB 'reindexed *' OR entry GLOB 'naive-time *' OR entry GLOB 'lost *' OR entry GLOB 'removed *'
         ORDER BY entry_id",
        [],
        "read the ledger",
        |row| {
            let Ok(line) = row.get_ref(1)?.as_str() else {
                return Ok(());
            };
            match LedgerEntry::read(line) {
                Ok(
                    ref entry @ (LedgerEntry::Reindexed { zone, ref rules, .. }
                    | LedgerEntry::NaiveTime { zone, ref rules, .. }),
                ) => {
                    let entry_id = row.get(0)?;
                    if let &LedgerEntry::Reindexed { reader, .. } = entry {
                        ledger.reindexed = Some(ReindexMark { entry_id, reader });
                    }
                    ledger.zones.push(InForce {
                        entry_id,
                        name: zone,
                        rules: rules.clone(),
                        zone: Ok(NaiveZone::Utc),
                    });
                }
                Ok(LedgerEntry::Lost(loss)) => match loss {
                    Loss::Payload { entry_id } => drop(ledger.lost.payloads.insert(entry_id)),
                    Loss::Quarantined { id } => drop(ledger.lost.quarantined.insert(id)),
                    Loss::Results { sync } => drop(ledger.lost.results.insert(sync)),
                    // These count from their own line on: the same may be told again behind it.
                    Loss::Name { .. } | Loss::Server { .. } | Loss::Why { .. } | Loss::By { .. } => {}
                },
                Ok(LedgerEntry::Removed(entry)) => {
                    let removal = LedgerRemoval {
                        entry,
                        first_seen: None,
                        absent_since: None,
                    };
                    ledger.removed.entry(entry.run).or_insert(removal);
                }
                // The pass over all lines takes these.
                _ => {}
            }
            Ok(())
        },
    )?;
    let reread = ledger.reindexed.map_or(0, |again| again.entry_id);
    for zone in &mut ledger.zones {
        zone.zone = zones::kept(connection, zone.name, zone.rules.as_ref())?;
        if let Err(why) = &zone.zone
            && zone.entry_id >= reread
        {
            let place = format!("zone_rules, ledger entry {}", zone.entry_id);
            findings.push(Finding::new(Remedy::Restore, place, why.clone()));
        }
    }
    Ok(())
}

/// The pass over all lines, in order.
struct Pass<'c> {
    connection: &'c Connection,
    scope: VerifyScope,
    open: Option<crate::archive::ledger::entry::SyncBegan>,
    presence: Vec<(i64, Option<i64>)>,
    grammar: Grammar,
    /// How many acts came before the salvage whose block this is.
    block: usize,
    /// Syncs whose results a later line says are lost: the chains of jobs are not those that the syncs after them saw.
    results_missing: HashSet<i64>,
    ledger: LedgerState,
}

impl Pass<'_> {
    fn apply(
        &mut self,
        entry_id: i64,
        hash: &Sha256,
        entry: LedgerEntry,
        was_absent: bool,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let new = entry_id > self.scope.after;
        let ledger = &mut self.ledger;
        match entry {
            LedgerEntry::Archive { id, at, schema } => {
                if entry_id == 1 {
                    (ledger.archive, ledger.schema) = (Some((id, at)), schema);
                }
            }
            LedgerEntry::NaiveTime { zone, rules, at } => {
                let earlier = ledger.zone.replace(zone);
                ledger.zone_rules = rules;
                if earlier.is_some() {
                    let release = ledger.zone_rules.as_ref().map_or("-", |rules| &rules.release);
                    let release = release.to_owned();
                    self.act(
                        entry_id,
                        hash,
                        Some(at),
                        StateChange::OtherRules { zone, release },
                    );
                }
            }
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
                    findings.push(Finding::new(
                        Remedy::Program,
                        format!("ledger, entry {entry_id}"),
                        what,
                    ));
                }
                let from = ledger.zone.replace(zone);
                ledger.zone_rules = rules;
                self.act(
                    entry_id,
                    hash,
                    Some(at),
                    StateChange::Reindexed { from, to: zone },
                );
            }
            LedgerEntry::JobAdded { job, at, .. } => {
                let whole = new || self.scope.is_all();
                ledger.jobs.insert(
                    job,
                    LedgerJob {
                        added_at: at,
                        last: whole.then(LastResults::default),
                        ..LedgerJob::default()
                    },
                );
            }
            LedgerEntry::JobWatched { job, watched, .. } => {
                ledger.jobs.entry(job).or_default().watched = watched
            }
            LedgerEntry::JobNamed { job, name, .. } => {
                let job = ledger.jobs.entry(job).or_default();
                (job.name, job.named_at) = (Some(name), entry_id);
            }
            LedgerEntry::JobServer { job, server, .. } => {
                ledger.servers.insert(server);
                let job = ledger.jobs.entry(job).or_default();
                (job.server, job.served_at) = (Some(server), entry_id);
            }
            LedgerEntry::SyncBegan(began) => {
                ledger.syncs.insert(began.sync);
                self.open = Some(began);
            }
            LedgerEntry::SyncKilled { sync, .. } => {
                self.close(sync, new, syncs::SyncEnd::Killed, findings)?
            }
            LedgerEntry::SyncEnded(ended) => {
                let sync = ended.sync;
                if ledger.lost.results.contains(&sync) {
                    self.results_missing.insert(sync);
                    let what = format!("what sync {sync} found of its jobs");
                    ledger
                        .lost
                        .places
                        .insert(Loss::Results { sync }, (entry_id, what));
                }
                self.close(sync, new, syncs::SyncEnd::Ended(&ended, hash), findings)?;
            }
            LedgerEntry::Revision(revision) => {
                if ledger.lost.payloads.contains(&entry_id) {
                    ledger.lost.runs.insert(revision.run);
                    let what = format!("revision {} of run {}", revision.number, revision.run);
                    ledger
                        .lost
                        .places
                        .insert(Loss::Payload { entry_id }, (entry_id, what));
                } else if let Some(removal) = ledger.removed.get_mut(&revision.run) {
                    removal.first_seen.get_or_insert((entry_id, revision.at));
                    removal.absent_since = None;
                } else if new {
                    ledger.revisions += 1;
                    ledger.payload_bytes += revision.bytes;
                    // Whoever sent it lists the run. A run that was lost comes as if it were new, and a salvage may have lost
                    // the line that says that it is listed again.
                    if was_absent || ledger.lost.runs.contains(&revision.run) {
                        self.presence(entry_id, revision.run, None, findings)?;
                    }
                }
            }
            LedgerEntry::Quarantined(entry) => {
                if ledger.lost.quarantined.contains(&entry.id) {
                    let id = entry.id;
                    let what = format!("number {id} in quarantine");
                    ledger
                        .lost
                        .places
                        .insert(Loss::Quarantined { id }, (entry_id, what));
                } else if !entry.run.is_some_and(|run| ledger.removed.contains_key(&run)) {
                    ledger.quarantined.insert(entry.id);
                    if new {
                        quarantine::check(self.connection, &entry, &ledger.lost, findings)?;
                    }
                }
            }
            LedgerEntry::Accepted { id, at, why, .. } => drop(ledger.accepted.insert(id, (at, why))),
            LedgerEntry::Absent { run, at, .. } => {
                self.presence_of(entry_id, new, run, Some(at), findings)?
            }
            LedgerEntry::Returned { run, .. } => self.presence_of(entry_id, new, run, None, findings)?,
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
            LedgerEntry::Removed(entry) => self.removed(entry_id, hash, &entry),
            LedgerEntry::Lost(loss) => self.lost(entry_id, hash, loss, findings),
            LedgerEntry::Salvaged { at, .. } => {
                self.block = ledger.acts.len();
                self.act(entry_id, hash, Some(at), StateChange::Salvaged);
            }
            LedgerEntry::SalvageEnded { .. } => {
                // The list of heads names all that the salvage did by this one line.
                for act in ledger.acts.iter_mut().skip(self.block) {
                    act.hash = *hash;
                    act.in_salvage = true;
                }
                self.block = ledger.acts.len();
            }
            LedgerEntry::ClockSetBack { from, at } => {
                self.act(entry_id, hash, Some(at), StateChange::ClockSetBack { from })
            }
            LedgerEntry::Acknowledged(AcknowledgedEntry {
                at, heads, list, why, ..
            }) => {
                ledger.acknowledged.insert(*hash, (heads, list));
                self.act(entry_id, hash, Some(at), StateChange::Acknowledged { heads, why });
            }
        }
        Ok(())
    }

    /// Takes a removal in; the lines of one are told as one act.
    fn removed(&mut self, entry_id: i64, hash: &Sha256, entry: &RemovedEntry) {
        /// Runs of a removal that are told by name.
        const NAMED: usize = 3;
        let removal = self.ledger.removed.get(&entry.run);
        let first = removal.and_then(|removal| removal.first_seen);
        let first = first.map_or(entry_id, |(first, _)| first);
        if let Some(Act {
            hash: of_act, deed, ..
        }) = self.ledger.acts.last_mut()
            && let StateChange::Removed {
                runs,
                named,
                sealed,
                last,
                plan,
                ..
            } = deed
            && *plan == entry.plan
            && *last == entry_id - 1
        {
            (*runs, *sealed, *last, *of_act) = (*runs + 1, first.min(*sealed), entry_id, *hash);
            if named.len() < NAMED {
                named.push(entry.run);
            }
            return;
        }
        let deed = StateChange::Removed {
            runs: 1,
            named: vec![entry.run],
            sealed: first,
            last: entry_id,
            plan: entry.plan,
            why: entry.why,
        };
        self.act(entry_id, hash, Some(entry.at), deed);
    }

    /// Takes in that a run went, or came back.
    fn presence_of(
        &mut self,
        entry_id: i64,
        new: bool,
        run: Guid,
        since: Option<i64>,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        if let Some(removal) = self.ledger.removed.get_mut(&run) {
            removal.absent_since = since;
        } else if new {
            self.presence(entry_id, run, since, findings)?;
        }
        Ok(())
    }

    /// Moves the chains of the jobs on of which a line tells.
    fn chain(&mut self, entry: &LedgerEntry, line: &str) {
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

    fn act(&mut self, entry_id: i64, hash: &Sha256, at: Option<i64>, deed: StateChange) {
        // A `lost` line has the time of its salvage.
        let at = at
            .or(self.ledger.acts.last().map(|act| act.at))
            .unwrap_or_default();
        let hash = *hash;
        self.ledger.acts.push(Act {
            entry_id,
            hash,
            at,
            by: None,
            in_salvage: false,
            deed,
        });
    }

    fn lost(&mut self, entry_id: i64, hash: &Sha256, loss: Loss, findings: &mut Findings) {
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
            Some((sealed, what)) => self.act(entry_id, hash, None, StateChange::Lost { sealed, what }),
            None => findings.push(Finding::new(
                Remedy::Restore,
                format!("ledger, entry {entry_id}"),
                "it says that something is lost that no line before it tells of",
            )),
        }
    }

    fn close(
        &mut self,
        sync: i64,
        new: bool,
        end: syncs::SyncEnd<'_>,
        findings: &mut Findings,
    ) -> Result<(), ArchiveError> {
        let Some(began) = self.open.take().filter(|began| began.sync == sync) else {
            // The grammar has told of it, and what the sync found is missing in the chains.
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
        entry_id: i64,
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
                let place = format!("ledger, entry {entry_id}");
                findings.push(Finding::new(
                    Remedy::Reindex,
                    place,
                    format!("it names run {run}, which is not there"),
                ));
            }
        }
        Ok(())
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
                syncs::SyncEnd::Open,
                false,
                true,
                &mut self.ledger,
                findings,
            )?;
        }
        // Stable, so that of one run the latest stands last.
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

/// Texts of the ledger's lines: the name of the table, and the query.
const ACTORS: (&str, &str) = ("_actor", "SELECT by_sha256, actor FROM _actor");
const REASONS: (&str, &str) = ("_reason", "SELECT why_sha256, why FROM _reason");

/// Compares the reasons that people gave.
pub(super) fn check_reasons(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    check_texts(connection, REASONS, ledger.reasons.clone(), findings)
}

/// Compares who acted.
pub(super) fn check_actors(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    check_texts(connection, ACTORS, ledger.actors.clone(), findings)
}

/// Compares texts that stand in a table of their own with the hashes that lines name.
fn check_texts(
    connection: &Connection,
    (table, sql): (&str, &str),
    mut missing: HashMap<Sha256, i64>,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let mut wrong = |hash: &Sha256, what| {
        let place = format!("{table}, {}", hex(hash));
        findings.push(Finding::new(Remedy::Restore, place, what));
    };
    connection.each(sql, [], "read the texts of the ledger's lines", |row| {
        let hash: Sha256 = row.get(0)?;
        let sound = row.get_ref(1)?.as_str().is_ok_and(|text| text_hash(text) == hash);
        if !sound || missing.remove(&hash).is_none() {
            wrong(&hash, "no line of the ledger tells of this text");
        }
        Ok(())
    })?;
    for hash in missing.into_keys() {
        wrong(&hash, "it is not there, and the ledger tells of it");
    }
    Ok(())
}
