//! What binds the chains of jobs to the head of a sync: its results, of every job that it knew.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use sha2::Digest;

use super::bound::BoundSync;
use super::error::ExtractError;
use super::lines::Chosen;
use super::walk::walk;
use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing};
use crate::archive::ledger::chain::JobChain;
use crate::archive::ledger::entry::SyncEnded;
use crate::archive::ledger::{GENESIS, entry_hash};
use crate::archive::storage::syncs::{began, result_lines};
use crate::archive::verify::results;
use crate::model::{Guid, Sha256, hex};

/// Everything by which the head follows from the lines of the jobs.
#[derive(Debug)]
pub(super) struct Binding {
    /// The hash of the line before the one with the head.
    pub(super) before: Sha256,
    pub(super) sync_ended: String,
    /// Of each job that the sync knew, by GUID: the line of a job that is taken out, of another one its SHA-256.
    pub(super) results: Vec<String>,
    /// The jobs that are taken out, in the order in which their lines are numbered in `temp.chain_line`.
    pub(super) jobs: Vec<Guid>,
}

/// Computes the chains of the jobs that are taken out, keeps their lines in `temp.chain_line` of `target`, and proves that the
/// head follows from them.
pub(super) fn bind(
    source: &Connection,
    target: &Connection,
    bound: &BoundSync,
    ended: &SyncEnded,
    chosen: &Chosen,
) -> Result<Binding, ExtractError> {
    let sync = bound.sync_id;
    let doing = "look up the line before the head";
    let before = source
        .optional(
            "SELECT entry_hash FROM ledger WHERE entry_id = ?1 - 1",
            [bound.entry_id],
            doing,
            |row| row.get(0),
        )?
        .unwrap_or(GENESIS);
    let sync_ended: String = source.one(
        "SELECT entry FROM ledger WHERE entry_id = ?1",
        [bound.entry_id],
        doing,
        |row| row.get(0),
    )?;
    if entry_hash(&before, &sync_ended) != bound.head {
        let what = format!(
            "the hash of ledger entry {} is not that of its line",
            bound.entry_id
        );
        return Err(ArchiveError::Damaged { what }.into());
    }
    let own = own_lines(target, bound, chosen)?;
    if own.is_empty() && !chosen.jobs.is_empty() {
        let why = "what that sync found of its jobs was lost in a salvage";
        return Err(ExtractError::NotBound { sync, why });
    }
    let is_bound = |lines: &BTreeMap<Guid, Sha256>| {
        let mut hash = sha2::Sha256::new();
        lines.values().for_each(|line| hash.update(line));
        <Sha256>::from(hash.finalize()) == ended.results
    };
    // Where the chains of the other jobs stand now is where they stood, unless something came since.
    let mut lines = lines_by_now(source, bound, ended, chosen)?;
    lines.extend(own.iter().map(|(job, line)| (*job, digest(line))));
    if !is_bound(&lines) {
        let walked = walk(source, bound.entry_id, &mut |_, _, _| Ok(()))?;
        lines = walked
            .sealed
            .iter()
            .map(|(job, line)| (*job, digest(line)))
            .collect();
        if !is_bound(&lines)
            || own
                .iter()
                .any(|(job, line)| lines.get(job) != Some(&digest(line)))
        {
            let salvaged: bool = source.one(
                "SELECT EXISTS (SELECT 1 FROM ledger WHERE entry GLOB 'salvaged *')",
                [],
                doing,
                |row| row.get(0),
            )?;
            if salvaged {
                let why = "a salvage lost lines that its results follow from";
                return Err(ExtractError::NotBound { sync, why });
            }
            let what = format!(
                "the results of sync {sync} do not have the hash that follows from the lines of each job"
            );
            return Err(ArchiveError::Damaged { what }.into());
        }
    }
    Ok(Binding {
        before,
        sync_ended,
        results: lines
            .iter()
            .map(|(job, hash)| own.get(job).cloned().unwrap_or_else(|| hex(hash)))
            .collect(),
        jobs: chosen.jobs.iter().copied().collect(),
    })
}

fn digest(line: &str) -> Sha256 {
    sha2::Sha256::digest(line.as_bytes()).into()
}

/// The sealed line of each job that is taken out, all of whose lines are kept on the way.
fn own_lines(
    target: &Connection,
    bound: &BoundSync,
    chosen: &Chosen,
) -> Result<BTreeMap<Guid, String>, ArchiveError> {
    let doing = "keep the lines of the jobs";
    target
        .execute_batch(
            "CREATE TEMP TABLE chain_line (job INTEGER NOT NULL, number INTEGER NOT NULL, entry_id INTEGER, line TEXT NOT NULL,
                 PRIMARY KEY (job, number)) WITHOUT ROWID",
        )
        .doing(doing)?;
    let mut numbers: BTreeMap<Guid, (usize, u64)> = chosen
        .jobs
        .iter()
        .copied()
        .zip((0..).map(|place| (place, 0)))
        .collect();
    let mut walked = walk(target, bound.entry_id, &mut |job, entry_id, line| {
        let Some((place, number)) = numbers.get_mut(&job) else {
            return Ok(());
        };
        *number += 1;
        target
            .cached()
            .run(
                "INSERT INTO temp.chain_line (job, number, entry_id, line) VALUES (?1, ?2, ?3, ?4)",
                params![*place, *number, entry_id, line],
                doing,
            )
            .map(drop)
    })?;
    walked.sealed.retain(|job, _| chosen.jobs.contains(job));
    Ok(walked.sealed)
}

/// The hash of the sealed line of each other job, from the present state of its chain.
fn lines_by_now(
    source: &Connection,
    bound: &BoundSync,
    ended: &SyncEnded,
    chosen: &Chosen,
) -> Result<BTreeMap<Guid, Sha256>, ArchiveError> {
    let mut chains: BTreeMap<Guid, JobChain> = BTreeMap::new();
    source.each(
        "SELECT j.job_id, c.lines, c.hash FROM _chain c JOIN _job j USING (job_key)",
        [],
        "read where the chains of jobs stand",
        |row| {
            if let Ok(job) = row.get_ref(0)?.as_str()?.parse() {
                let (lines, hash) = (row.get(1)?, row.get(2)?);
                chains.insert(job, JobChain { lines, hash });
            }
            Ok(())
        },
    )?;
    let began = began(source, bound.sync_id)?;
    let (records, _) = results(source, bound.sync_id)?;
    let others = chosen.known.difference(&chosen.jobs).copied().collect();
    let lines = result_lines(&began, ended.at, &records, others).filter_map(|(job, line)| {
        let chain = chains.get(&job)?;
        Some((job, digest(&(line + &chain.ending()))))
    });
    Ok(lines.collect())
}
