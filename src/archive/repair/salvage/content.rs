//! What the lines of the old ledger vouch for: zone rules, payloads, results, quarantined bytes, reasons, names. Each is taken
//! over if it has the hash of its line, else it is lost.

use super::Salvager;
use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::chain::JobChain;
use crate::archive::ledger::entry::{LedgerEntry, Loss, QuarantinedEntry, RevisionEntry, Rules, SyncEnded};
use crate::archive::ledger::{actor, text_hash};
use crate::archive::storage::syncs::{JobRecord, record_job, seal_results};
use crate::archive::storage::{jobs, zones};
use crate::archive::verify::{Expected, results};
use crate::decode::read_run_fields;
use crate::model::{Guid, Instant, NaiveZone, Sha256, Zone, ZoneName};

impl Salvager<'_> {
    /// Takes over the rules of a zone. Where they are lost, those that this program knows take their place, and every time is
    /// read by them.
    pub(super) fn zone(&mut self, name: ZoneName, rules: Option<&Rules>) -> Result<(), ArchiveError> {
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
    pub(super) fn zone_of_revision(&mut self, line: &str) -> Result<(), ArchiveError> {
        let Ok(LedgerEntry::Revision(entry)) = LedgerEntry::read(line) else {
            return Ok(());
        };
        if entry.zone == self.zone.name() || self.rules_lost {
            return Ok(());
        }
        let newest: Option<Rules> = self
            .old
            .query_row(
                "SELECT sha256, release FROM _zone_rules WHERE zone = ?1 ORDER BY release DESC LIMIT 1",
                [entry.zone.as_str()],
                |row| {
                    let (sha256, release) = (row.get(0)?, row.get(1)?);
                    Ok(Rules { sha256, release })
                },
            )
            .optional()
            .unwrap_or_default();
        self.zone(entry.zone, newest.as_ref())?;
        self.append(&LedgerEntry::NaiveTime {
            zone: self.zone.name(),
            rules: Rules::of(self.zone),
            at: self.now.unix_seconds(),
        })
    }

    /// Copies the payload of a revision, where it is the one that its line names and can be read as that run.
    pub(super) fn payload(
        &mut self,
        old_entry_id: i64,
        entry: &RevisionEntry,
        new_entry: i64,
    ) -> Result<Result<(u64, Option<Instant>), String>, ArchiveError> {
        let bytes = match self.payloads.read(self.old, old_entry_id, entry) {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(unsound)) => return Ok(Err(unsound.words())),
            Err(error) => return Ok(Err(format!("{error}"))),
        };
        let started = match read_run_fields(bytes, self.zone) {
            Ok(run) if run.job_run_id() == entry.run => run.started().instant(),
            Ok(_) => return Ok(Err("it is the payload of another run".to_owned())),
            Err(why) => return Ok(Err(format!("it is not a run: {why}"))),
        };
        let length = bytes.len() as u64;
        self.bytes += length;
        let damaged = |error: rusqlite::Error| error.to_string();
        let row: Result<(Option<i64>, Vec<u8>), String> = self
            .old
            .prepare_cached("SELECT dictionary_key, data FROM payload WHERE entry_id = ?1")
            .and_then(|mut statement| statement.query_row([old_entry_id], |row| row.try_into()))
            .map_err(damaged);
        let (dictionary, data) = match row {
            Ok(row) => row,
            Err(why) => return Ok(Err(why)),
        };
        if let Some(key) = dictionary
            && let Err(why) = self.dictionary(key, entry.job)?
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
    pub(super) fn results(&mut self, ended: &SyncEnded) -> Result<(), ArchiveError> {
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

    pub(super) fn quarantined(&mut self, entry: &QuarantinedEntry) -> Result<(), ArchiveError> {
        let found = self.old.query_row(
            "SELECT reason, payload FROM _quarantined WHERE quarantine_id = ?1",
            [entry.id],
            |row| {
                let sound = Expected::TextOf(&entry.reason).is(row.get_ref(0)?)
                    && Expected::BytesOf(&entry.kept).is(row.get_ref(1)?);
                Ok(sound.then_some((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))
            },
        );
        let job_key = jobs::key(self.new, entry.job)?;
        let (Ok(Some((reason, payload))), Some(job_key)) = (found, job_key) else {
            self.lose_quarantined(entry.id);
            return Ok(());
        };
        self.new
            .run(
                "INSERT INTO _quarantined (quarantine_id, job_key, sync_id, captured_unix, position, reason,
                     payload, payload_bytes, payload_sha256)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    entry.id,
                    job_key,
                    entry.sync,
                    entry.at,
                    entry.position,
                    reason,
                    payload,
                    entry.bytes,
                    entry.sha256,
                ],
                "keep unreadable bytes in quarantine",
            )
            .map(drop)
    }

    pub(super) fn accepted(&mut self, id: i64, at: i64, why: &Sha256) -> Result<(), ArchiveError> {
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
    pub(super) fn reason(&mut self, hash: &Sha256) -> Result<(), ArchiveError> {
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
    pub(super) fn actor(&mut self, by: &Sha256) -> Result<(), ArchiveError> {
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

    /// Names and addresses, where they have the hash of their line.
    pub(super) fn texts(&mut self) -> Result<(), ArchiveError> {
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
