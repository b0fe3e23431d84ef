//! The state of the jobs' chains in the table `_chain`: a sync continues from it without reading the ledger.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rusqlite::{Connection, params};

use super::chain::{JobChain, Subject};
use super::entry::LedgerEntry;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::model::Guid;

const DOING: &str = "follow the chain of a job";

/// The chains that were extended within one transaction, by job; `None` is the chain of the lines about every job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MovedChains(BTreeMap<Option<Guid>, JobChain>);

impl MovedChains {
    /// Extends the chains of the jobs that a line is about.
    pub(super) fn push(
        &mut self,
        connection: &Connection,
        entry: &LedgerEntry,
        line: &str,
    ) -> Result<(), ArchiveError> {
        match entry.subject() {
            Subject::Nobody => {}
            Subject::Job(job) => self.chain(connection, job)?.push(line),
            Subject::Every => {
                self.every(connection)?;
                for chain in self.0.values_mut() {
                    chain.push(line);
                }
            }
            Subject::Run(run) => {
                if let Some(job) = job_of_run(connection, run)? {
                    self.chain(connection, job)?.push(line);
                }
            }
            Subject::JobAndRun(job, run) => {
                self.chain(connection, job)?.push(line);
                if let Some(other) = job_of_run(connection, run)?.filter(|other| *other != job) {
                    self.chain(connection, other)?.push(line);
                }
            }
            Subject::Quarantined(id) => {
                let job = "SELECT j.job_id FROM _quarantined q JOIN _job j ON j.job_key = q.job_key
                           WHERE q.quarantine_id = ?1";
                if let Some(job) = connection
                    .cached()
                    .optional(job, [id], DOING, |row| row.get::<_, String>(0))?
                {
                    self.chain(connection, guid(&job)?)?.push(line);
                }
            }
            // Only a salvage writes such lines, and it computes the chains by reading its whole ledger.
            Subject::Revision(_) => {}
        }
        Ok(())
    }

    fn chain(&mut self, connection: &Connection, job: Guid) -> Result<&mut JobChain, ArchiveError> {
        let common = self.0.get(&None).copied();
        match self.0.entry(Some(job)) {
            Entry::Occupied(chain) => Ok(chain.into_mut()),
            Entry::Vacant(place) => {
                let stored = connection.cached().optional(
                    "SELECT c.lines, c.hash FROM _job j JOIN _chain c ON c.job_key = j.job_key WHERE j.job_id = ?1",
                    [job.to_string()],
                    DOING,
                    |row| Ok(JobChain { lines: row.get(0)?, hash: row.get(1)? }),
                )?;
                let chain = match stored.or(common) {
                    Some(chain) => chain,
                    None => stored_common(connection)?,
                };
                Ok(place.insert(chain))
            }
        }
    }

    /// Loads every chain.
    fn every(&mut self, connection: &Connection) -> Result<(), ArchiveError> {
        connection.each(
            "SELECT j.job_id, c.lines, c.hash FROM _chain c JOIN _job j ON j.job_key = c.job_key",
            [],
            DOING,
            |row| {
                let chain = JobChain {
                    lines: row.get(1)?,
                    hash: row.get(2)?,
                };
                self.0
                    .entry(Some(guid(row.get_ref(0)?.as_str()?)?))
                    .or_insert(chain);
                Ok(())
            },
        )?;
        if let Entry::Vacant(place) = self.0.entry(None) {
            place.insert(stored_common(connection)?);
        }
        Ok(())
    }

    /// The chain of every known job, in order of the jobs.
    pub(super) fn jobs(
        &mut self,
        connection: &Connection,
    ) -> Result<impl Iterator<Item = (Guid, &mut JobChain)>, ArchiveError> {
        self.every(connection)?;
        Ok(self
            .0
            .iter_mut()
            .filter_map(|(job, chain)| job.map(|job| (job, chain))))
    }

    /// Stores the chains.
    pub(super) fn store(&mut self, connection: &Connection) -> Result<(), ArchiveError> {
        for (job, chain) in std::mem::take(&mut self.0) {
            connection.cached().run(
                "INSERT OR REPLACE INTO _chain (job_key, lines, hash)
                 SELECT coalesce(j.job_key, 0), ?2, ?3 FROM (SELECT 1) LEFT JOIN _job j ON j.job_id = ?1",
                params![job.map(|job| job.to_string()), chain.lines, chain.hash],
                DOING,
            )?;
        }
        Ok(())
    }
}

fn stored_common(connection: &Connection) -> Result<JobChain, ArchiveError> {
    let stored = connection.cached().optional(
        "SELECT lines, hash FROM _chain WHERE job_key = 0",
        [],
        DOING,
        |row| {
            Ok(JobChain {
                lines: row.get(0)?,
                hash: row.get(1)?,
            })
        },
    )?;
    Ok(stored.unwrap_or_default())
}

fn job_of_run(connection: &Connection, run: Guid) -> Result<Option<Guid>, ArchiveError> {
    let job: Option<String> = connection.cached().optional(
        "SELECT j.job_id FROM _run r JOIN _job j ON j.job_key = r.job_key WHERE r.job_run_id = ?1",
        [run.to_string()],
        DOING,
        |row| row.get(0),
    )?;
    job.as_deref().map(guid).transpose()
}

fn guid(text: &str) -> Result<Guid, ArchiveError> {
    text.parse().map_err(|_| ArchiveError::Damaged {
        what: format!("{text:?} stands where a GUID is expected"),
    })
}
