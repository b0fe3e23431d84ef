//! The chains of jobs, line by line, as the ledger and the results of syncs make them.

use std::collections::{BTreeMap, HashSet};

use rusqlite::Connection;

use crate::archive::db::{Db, RowError};
use crate::archive::error::ArchiveError;
use crate::archive::ledger::chain::{JobChain, Subject};
use crate::archive::ledger::entry::{LedgerEntry, Loss, SyncBegan};
use crate::archive::ledger::grammar::Grammar;
use crate::archive::storage::syncs::result_lines;
use crate::archive::verify::results;
use crate::model::{Guid, Sha256};

/// Takes each line of the chain of each job, with its number in the ledger; a result of a sync has none.
pub(super) type EachLine<'f> = &'f mut dyn FnMut(Guid, Option<i64>, &str) -> Result<(), ArchiveError>;

/// The chains at the end of a walk.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Of each job that has a line.
    pub(super) chains: BTreeMap<Guid, JobChain>,
    /// Of each of them the line of its result in the last sync that ended, with where its chain stands.
    pub(super) sealed: BTreeMap<Guid, String>,
}

/// Goes through the ledger up to an entry, and shows each line of each chain.
pub(super) fn walk(connection: &Connection, until: i64, each: EachLine<'_>) -> Result<Walked, ArchiveError> {
    let lost = LaterLosses::read(connection, until)?;
    let mut walk = Walk {
        connection,
        grammar: Grammar::new(lost.payloads),
        lost_results: lost.results,
        common: Vec::new(),
        common_chain: JobChain::default(),
        open: None,
        walked: Walked::default(),
        each,
    };
    connection.each(
        "SELECT entry_id, entry, entry_hash FROM ledger WHERE entry_id <= ?1 ORDER BY entry_id",
        [until],
        "follow the chains of jobs",
        |row| {
            let (entry_id, hash): (i64, Sha256) = (row.get(0)?, row.get(2)?);
            walk.line(entry_id, &hash, row.get_ref(1)?.as_str()?)
                .map_err(RowError::from)
        },
    )?;
    Ok(walk.walked)
}

/// What later lines say was lost.
#[derive(Default)]
struct LaterLosses {
    payloads: HashSet<i64>,
    results: HashSet<i64>,
}

impl LaterLosses {
    fn read(connection: &Connection, until: i64) -> Result<Self, ArchiveError> {
        let mut lost = Self::default();
        connection.each(
            "SELECT entry FROM ledger WHERE entry_id <= ?1 AND entry GLOB 'lost *'",
            [until],
            "read the ledger",
            |row| {
                match LedgerEntry::read(row.get_ref(0)?.as_str()?) {
                    Ok(LedgerEntry::Lost(Loss::Payload { entry_id })) => drop(lost.payloads.insert(entry_id)),
                    Ok(LedgerEntry::Lost(Loss::Results { sync })) => drop(lost.results.insert(sync)),
                    _ => {}
                }
                Ok(())
            },
        )?;
        Ok(lost)
    }
}

struct Walk<'c, 'f> {
    connection: &'c Connection,
    grammar: Grammar,
    lost_results: HashSet<i64>,
    /// Lines about every job: the chain of a new job begins with them.
    common: Vec<(i64, String)>,
    common_chain: JobChain,
    open: Option<SyncBegan>,
    walked: Walked,
    each: EachLine<'f>,
}

impl Walk<'_, '_> {
    fn line(&mut self, entry_id: i64, hash: &Sha256, line: &str) -> Result<(), ArchiveError> {
        let entry = LedgerEntry::read(line).map_err(|why| ArchiveError::Damaged {
            what: format!("ledger entry {entry_id} cannot be read: {why}"),
        })?;
        self.grammar.take(entry_id, hash, &entry);
        match entry.subject() {
            Subject::Nobody => {}
            Subject::Every => {
                self.common_chain.push(line);
                self.common.push((entry_id, line.to_owned()));
                for (job, chain) in &mut self.walked.chains {
                    chain.push(line);
                    (self.each)(*job, Some(entry_id), line)?;
                }
            }
            subject => {
                let named = match subject {
                    Subject::Job(job) | Subject::JobAndRun(job, _) => Some(job),
                    _ => None,
                };
                let other = self.grammar.job_of(subject).filter(|job| Some(*job) != named);
                for job in named.into_iter().chain(other) {
                    self.push(job, Some(entry_id), line)?;
                }
            }
        }
        match entry {
            LedgerEntry::SyncBegan(began) => self.open = Some(began),
            LedgerEntry::SyncKilled { .. } => self.open = None,
            LedgerEntry::SyncEnded(ended) => {
                let began = self.open.take().filter(|began| began.sync == ended.sync);
                if let Some(began) = began.filter(|began| !self.lost_results.contains(&began.sync)) {
                    self.results(&began, ended.at)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, job: Guid, entry_id: Option<i64>, line: &str) -> Result<(), ArchiveError> {
        if !self.walked.chains.contains_key(&job) {
            for (entry_id, common) in &self.common {
                (self.each)(job, Some(*entry_id), common)?;
            }
        }
        let chain = self.walked.chains.entry(job).or_insert(self.common_chain);
        chain.push(line);
        (self.each)(job, entry_id, line)
    }

    fn results(&mut self, began: &SyncBegan, ended: i64) -> Result<(), ArchiveError> {
        let (records, _) = results(self.connection, began.sync)?;
        let jobs: Vec<Guid> = self.walked.chains.keys().copied().collect();
        self.walked.sealed.clear();
        for (job, line) in result_lines(began, ended, &records, jobs) {
            self.push(job, None, &line)?;
            let ending = self.walked.chains[&job].ending();
            self.walked.sealed.insert(job, line + &ending);
        }
        Ok(())
    }
}
