//! What is known of the clock by which syncs were timed.
//!
//! A sync has the times of the machine that ran it. Where the server told its own time, the difference is known, and the times
//! are shifted to the server's clock, which also times the runs. Where it did not, only the order of the syncs is certain: a
//! sync that does not fit with the times of the others proves nothing.

use rusqlite::Connection;

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::model::Instant;

/// Something about the clock that makes the times of syncs doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockFinding {
    /// The last sync lies in the future.
    InFuture {
        /// The sync.
        sync_id: i64,
        /// Its latest time.
        at: Instant,
    },
    /// A sync began before the one before it had ended.
    SetBack {
        /// The sync.
        sync_id: i64,
        /// When it began.
        began: Instant,
        /// The latest time of the sync before it.
        before: Instant,
        /// Our clock less the server's at the sync before it, in seconds.
        skew_before: Option<i64>,
        /// The same at the sync itself.
        skew: Option<i64>,
    },
    /// At the last sync, our clock was not the server's.
    Off {
        /// The sync.
        sync_id: i64,
        /// Our clock less the server's, in seconds.
        skew: i64,
    },
}

/// From this difference between our clock and the server's on, in seconds, one of them is wrong.
pub const MOST_CLOCK_SKEW: u64 = 300;

/// How long ago a sync may have begun before which the clock was set back, to be told still, in seconds: two nights.
const TELL_SET_BACK: i64 = 2 * 86_400;

/// What is doubtful about the clock at `now`.
pub(in crate::archive) fn findings(
    connection: &Connection,
    now: Instant,
) -> Result<Vec<ClockFinding>, ArchiveError> {
    let now = now.unix_seconds();
    let (mut findings, mut before) = (Vec::new(), None);
    connection.each(
        "SELECT sync_id, started_unix, coalesce(finished_unix, started_unix), clock_skew_seconds FROM _sync ORDER BY sync_id",
        [],
        "read the times of the syncs",
        |row| {
            let (sync_id, began, ended, skew): (i64, i64, i64, Option<i64>) = row.try_into()?;
            if let Some((_, at, skew_before)) = before
                && began < at
                && began > now.saturating_sub(TELL_SET_BACK)
            {
                findings.push(ClockFinding::SetBack {
                    sync_id,
                    began: Instant::from_unix_seconds(began),
                    before: Instant::from_unix_seconds(at),
                    skew_before,
                    skew,
                });
            }
            before = Some((sync_id, began.max(ended), skew));
            Ok(())
        },
    )?;
    if let Some((sync_id, at, skew)) = before {
        if at > now {
            let at = Instant::from_unix_seconds(at);
            findings.push(ClockFinding::InFuture { sync_id, at });
        }
        if let Some(skew) = skew.filter(|skew| skew.unsigned_abs() >= MOST_CLOCK_SKEW) {
            findings.push(ClockFinding::Off { sync_id, skew });
        }
    }
    Ok(findings)
}

/// A sync with `--fetch full` or `auto` that ended, by the server's clock as far as that is known; seconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct TimedSync {
    pub(in crate::archive) sync_id: i64,
    pub(in crate::archive) began_unix: i64,
    pub(in crate::archive) ended_unix: i64,
    /// This machine's clock less the server's, as far as that is known.
    pub(in crate::archive) skew_seconds: i64,
}

/// The syncs with `--fetch full` or `auto` that ended and whose times fit together, in their order.
pub(in crate::archive) fn timed_syncs(connection: &Connection) -> Result<Vec<TimedSync>, ArchiveError> {
    let syncs: Vec<TimedSync> = connection.all(
        "SELECT sync_id, started_unix, finished_unix, coalesce(clock_skew_seconds, 0) FROM _sync
         WHERE coalesce(count_asked, 0) = 0 AND finished_unix IS NOT NULL ORDER BY sync_id",
        [],
        "read the times of the syncs",
        |row| {
            let (sync_id, began, ended, skew): (i64, i64, i64, i64) = row.try_into()?;
            Ok(TimedSync {
                sync_id,
                began_unix: began.saturating_sub(skew),
                ended_unix: ended.saturating_sub(skew),
                skew_seconds: skew,
            })
        },
    )?;
    let times: Vec<i64> = syncs.iter().map(|sync| sync.began_unix).collect();
    let fits = fitting(&times);
    Ok(syncs
        .into_iter()
        .zip(fits)
        .filter_map(|(sync, fits)| fits.then_some(sync))
        .collect())
}

/// Which of the times are in every longest selection of them that does not go back: one wrong time among right ones is left
/// out, and of two that contradict each other both.
fn fitting(times: &[i64]) -> Vec<bool> {
    let up = lengths(times.iter().copied());
    let mut down = lengths(times.iter().rev().map(|time| time.saturating_neg()));
    down.reverse();
    let longest = up.iter().copied().max().unwrap_or(0);
    let mut at_length = vec![0_u32; longest + 1];
    let in_a_longest = |index: usize| up[index] + down[index] == longest + 1;
    for index in (0..times.len()).filter(|&index| in_a_longest(index)) {
        at_length[up[index]] += 1;
    }
    (0..times.len())
        .map(|index| in_a_longest(index) && at_length[up[index]] == 1)
        .collect()
}

/// For each time, how many can be selected up to it so that none is less than the one before.
fn lengths(times: impl Iterator<Item = i64>) -> Vec<usize> {
    // The least time with which a selection of each length ends.
    let mut ends: Vec<i64> = Vec::new();
    times
        .map(|time| {
            let shorter = ends.partition_point(|&end| end <= time);
            match ends.get_mut(shorter) {
                Some(end) => *end = time,
                None => ends.push(time),
            }
            shorter + 1
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(times: &[i64]) -> Vec<i64> {
        let fits = fitting(times);
        let out = times.iter().zip(fits).filter(|(_, fits)| !fits);
        out.map(|(&time, _)| time).collect()
    }

    #[test]
    fn one_bad_night_is_left_out_whether_ahead_or_behind() {
        assert!(left_out(&[1, 2, 3, 4]).is_empty());
        assert!(left_out(&[1, 1, 2, 2]).is_empty());
        assert_eq!(left_out(&[1, 2, 900, 3, 4]), [900]);
        assert_eq!(left_out(&[101, 102, 5, 103, 104]), [5]);
        assert_eq!(left_out(&[900, 1, 2]), [900]);
        // Two bad nights of many.
        assert_eq!(left_out(&[10, 11, 900, 901, 12, 13, 14]), [900, 901]);
    }

    #[test]
    fn of_two_times_that_contradict_each_other_neither_is_believed() {
        assert_eq!(left_out(&[900, 1]), [900, 1]);
        assert!(left_out(&[]).is_empty());
        assert!(left_out(&[7]).is_empty());
    }
}
