//! Holds, and the age below which no run is removed.

use super::Writer;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::actor;
use crate::archive::ledger::entry::{HoldEntry, LedgerEntry};
use crate::archive::ledger::removal_rule::HoldSpan;
use crate::archive::limits;
use crate::archive::storage::{holds_and_removals, jobs};
use crate::model::{Guid, Instant};

impl Writer {
    /// Adds a hold for each of the jobs, or one for every job where none is named; their numbers. It covers runs whose time from
    /// start to end meets the span.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`] where the archive does not know a job, or the span is over and no run meets it; SQL errors.
    pub fn add_holds(
        &mut self,
        jobs: &[Guid],
        since: Option<Instant>,
        until: Option<Instant>,
        why: &str,
    ) -> Result<Vec<AddedHold>, ArchiveError> {
        let span = HoldSpan {
            since: since.map(Instant::unix_seconds),
            // The second in which the span ends is covered.
            until: until.map(|until| until.unix_seconds() + i64::from(until.ticks() % 10_000_000 != 0)),
        };
        self.transact(|writer| {
            limits::bound(&writer.connection).map_err(|source| ArchiveError::sql("add a hold", source))?;
            let of: Vec<Option<Guid>> = if jobs.is_empty() {
                vec![None]
            } else {
                jobs.iter().copied().map(Some).collect()
            };
            of.into_iter()
                .map(|job| writer.add_hold(job, span, why))
                .collect()
        })
    }

    fn add_hold(&mut self, job: Option<Guid>, span: HoldSpan, why: &str) -> Result<AddedHold, ArchiveError> {
        let now = Instant::now().unix_seconds();
        let job_key = match job {
            None => None,
            Some(job) => Some(
                jobs::key(&self.connection, job)?.ok_or_else(|| ArchiveError::NoSuch {
                    what: format!("job {job}"),
                })?,
            ),
        };
        let runs = holds_and_removals::count_covered(&self.connection, job_key, span)?;
        if runs == 0 && span.until.is_some_and(|until| until <= now) {
            let of = job.map_or_else(|| "any job".to_owned(), |job| format!("job {job}"));
            return Err(ArchiveError::NoSuch {
                what: format!("run of {of} in that span, which is over, so the hold would cover nothing"),
            });
        }
        let id = 1 + self.connection.one(
            "SELECT coalesce(max(hold_id), 0) FROM _hold",
            [],
            "number a hold",
            |row| row.get::<_, i64>(0),
        )?;
        let hold = HoldEntry {
            id,
            job,
            at: now,
            span,
            why: holds_and_removals::keep_reason(&self.connection, why)?,
            by: actor::this(),
        };
        self.append(&LedgerEntry::HoldAdded(hold))?;
        holds_and_removals::insert_hold(&self.connection, &hold)?;
        Ok(AddedHold { id, job, runs })
    }

    /// Releases a hold.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`] where there is no hold of that number, or it was released before; SQL errors.
    pub fn release_hold(&mut self, id: i64, why: &str) -> Result<(), ArchiveError> {
        self.transact(|writer| {
            let found = writer.connection.optional(
                "SELECT job_id, released_at, released_by, release_reason FROM holds WHERE hold_id = ?1",
                [id],
                "read a hold",
                |row| {
                    let text = |index| row.get::<_, Option<String>>(index);
                    Ok((text(0)?, text(1)?, text(2)?, text(3)?))
                },
            )?;
            let no_such = |what| Err(ArchiveError::NoSuch { what });
            let job = match found {
                None => return no_such(format!("hold {id}")),
                Some((job, None, ..)) => job,
                Some((_, Some(at), by, reason)) => {
                    return no_such(format!(
                        "hold {id} in force: it was released at {at} by {} (reason: {})",
                        by.as_deref().unwrap_or("somebody whose name is lost"),
                        reason.as_deref().unwrap_or("lost")
                    ));
                }
            };
            let (at, by) = (Instant::now().unix_seconds(), actor::this());
            let why = holds_and_removals::keep_reason(&writer.connection, why)?;
            writer.append(&LedgerEntry::HoldReleased {
                id,
                job: job.as_deref().map(jobs::stored_guid).transpose()?,
                at,
                why,
                by,
            })?;
            holds_and_removals::release_hold(&writer.connection, id, at, &why, &by)
        })
    }

    /// Locks removal of runs that ended fewer days ago, for good; the number of days that was locked before.
    ///
    /// # Errors
    /// SQL errors. A shorter lock than the one in force changes nothing, which what is returned tells.
    pub fn lock_retention(&mut self, days: i64) -> Result<i64, ArchiveError> {
        self.transact(|writer| {
            let before = holds_and_removals::locked_days(&writer.connection)?;
            if days > before {
                writer.append(&LedgerEntry::RetentionLocked {
                    at: Instant::now().unix_seconds(),
                    days,
                    by: actor::this(),
                })?;
            }
            Ok(before)
        })
    }
}

/// A hold that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedHold {
    /// Its number.
    pub id: i64,
    /// The job whose runs it keeps; none for every job.
    pub job: Option<Guid>,
    /// Runs of the archive that it covers now.
    pub runs: u64,
}
