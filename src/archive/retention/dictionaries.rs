//! Dictionaries that hold bytes of removed runs are replaced, and the payloads that need them packed anew.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, params};

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, RevisionEntry};
use crate::archive::storage::dictionary::{DictionaryMaker, head_of};
use crate::archive::storage::payload::Packer;
use crate::archive::storage::revisions::Payloads;
use crate::model::Guid;

const DOING: &str = "pack payloads anew";

/// Replaces the dictionaries of a job whose bytes do not all come from runs that are left; to be called when the removed rows
/// are gone. Says how many payloads were packed anew.
pub(super) fn replace(connection: &Connection, job_key: i64) -> Result<u64, ArchiveError> {
    let dictionaries: Vec<(i64, Vec<u8>)> = connection.all(
        "SELECT dictionary_key, bytes FROM dictionary WHERE job_key = ?1 ORDER BY dictionary_key",
        [job_key],
        DOING,
        |row| row.try_into(),
    )?;
    let mut packed = 0;
    for (key, bytes) in dictionaries {
        if !is_of_runs_left(connection, &bytes)? {
            packed += replace_one(connection, key)?;
        }
    }
    // A fresh dictionary is due after so many more runs, and there are fewer now.
    connection.run(
        "UPDATE dictionary SET runs = min(runs, (SELECT count(*) FROM _run r WHERE r.job_key = ?1)) WHERE job_key = ?1",
        [job_key],
        DOING,
    )?;
    Ok(packed)
}

/// Keys of the jobs of which a dictionary names one of these runs: an answer may list runs of another job.
pub(super) fn jobs_that_name(
    connection: &Connection,
    runs: &HashSet<Guid>,
) -> Result<BTreeSet<i64>, ArchiveError> {
    let mut jobs = BTreeSet::new();
    connection.each("SELECT job_key, bytes FROM dictionary", [], DOING, |row| {
        let bytes = row.get_ref(1)?.as_blob().unwrap_or_default();
        if Guid::all_in(bytes).any(|run| runs.contains(&run)) {
            jobs.insert(row.get(0)?);
        }
        Ok(())
    })?;
    Ok(jobs)
}

/// Whether the bytes are beginnings of payloads that are left, one after the other. What cannot be told is replaced.
fn is_of_runs_left(connection: &Connection, bytes: &[u8]) -> Result<bool, ArchiveError> {
    let named: HashSet<Guid> = Guid::all_in(bytes).collect();
    let mut payloads = Payloads::default();
    let mut heads: Vec<Vec<u8>> = Vec::new();
    for run in named {
        let revisions: Vec<(i64, String)> = connection.all(
            "SELECT l.entry_id, l.entry FROM _run r JOIN _revision v ON v.run_key = r.run_key
             JOIN ledger l ON l.entry_id = v.entry_id WHERE r.job_run_id = ?1",
            [run.to_string()],
            DOING,
            |row| row.try_into(),
        )?;
        for (entry_id, line) in revisions {
            let entry = revision_of(entry_id, &line)?;
            if let Ok(payload) = payloads.read(connection, entry_id, &entry)? {
                heads.push(head_of(payload).to_vec());
            }
        }
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some(head) = heads
            .iter()
            .find(|head| !head.is_empty() && rest.starts_with(head))
        else {
            return Ok(false);
        };
        rest = &rest[head.len()..];
    }
    Ok(true)
}

/// Makes a dictionary anew from the payloads that need it; without any that is a sample, they are packed without one.
fn replace_one(connection: &Connection, key: i64) -> Result<u64, ArchiveError> {
    let entries: Vec<i64> = connection.all(
        "SELECT entry_id FROM payload WHERE dictionary_key = ?1 ORDER BY entry_id",
        [key],
        DOING,
        |row| row.get(0),
    )?;
    let mut old = OldPayloads {
        connection,
        payloads: Payloads::default(),
    };
    let (mut maker, mut made) = (DictionaryMaker::default(), None);
    for &entry_id in &entries {
        made = maker.see(old.read(entry_id)?);
        if made.is_some() {
            break;
        }
    }
    let bytes = made.map(|made| made.bytes);
    let no_memory = |_| ArchiveError::NoMemory {
        what: "packing payloads".to_owned(),
    };
    let mut packer = Packer::new(bytes.as_deref()).map_err(no_memory)?;
    let new_key = bytes.as_ref().map(|_| key);
    for &entry_id in &entries {
        let data = packer.pack(old.read(entry_id)?).map_err(no_memory)?;
        connection.cached().run(
            "UPDATE payload SET data = ?2, dictionary_key = ?3 WHERE entry_id = ?1",
            params![entry_id, data, new_key],
            DOING,
        )?;
    }
    match bytes {
        Some(bytes) => connection.run(
            "UPDATE dictionary SET bytes = ?2 WHERE dictionary_key = ?1",
            params![key, bytes],
            DOING,
        )?,
        None => connection.run("DELETE FROM dictionary WHERE dictionary_key = ?1", [key], DOING)?,
    };
    Ok(entries.len() as u64)
}

/// Payloads as they were: the unpacker has the dictionary in memory that is being replaced.
struct OldPayloads<'c> {
    connection: &'c Connection,
    payloads: Payloads,
}

impl OldPayloads<'_> {
    fn read(&mut self, entry_id: i64) -> Result<&[u8], ArchiveError> {
        let line: String = self.connection.cached().one(
            "SELECT entry FROM ledger WHERE entry_id = ?1",
            [entry_id],
            "read the ledger",
            |row| row.get(0),
        )?;
        let entry = revision_of(entry_id, &line)?;
        self.payloads
            .read(self.connection, entry_id, &entry)?
            .map_err(|unsound| ArchiveError::DamagedPayload {
                entry_id,
                why: unsound.words(),
            })
    }
}

fn revision_of(entry_id: i64, line: &str) -> Result<RevisionEntry, ArchiveError> {
    match LedgerEntry::read(line) {
        Ok(LedgerEntry::Revision(entry)) => Ok(entry),
        _ => Err(ArchiveError::Damaged {
            what: format!("the ledger's entry {entry_id} is not a revision, and a payload names it"),
        }),
    }
}
