//! What `status` says of the clock by which syncs were timed.

use std::time::Duration;

use crate::archive::ClockFinding;
use crate::cli::failure::Exit;
use crate::model::show_rounded;

/// Says what is doubtful about the clock; a check finds fault with a difference from the server's clock too.
pub(crate) fn report(findings: &[ClockFinding], is_check: bool) -> Exit {
    let mut exit = Exit::Done;
    for finding in findings {
        match finding {
            ClockFinding::InFuture { sync_id, at } => tracing::error!(
                sync_id,
                "the last sync, {sync_id}, lies in the future ({at}): the clock was ahead then, or is behind now; check the \
                 clock, then sync again"
            ),
            ClockFinding::SetBack {
                sync_id,
                began,
                before,
                skew_before,
                skew,
            } => tracing::error!(
                sync_id,
                "sync {sync_id} began at {began}, before the time of the sync before it ({before}{}): the clock was set back in \
                 between{}. Check the clock; `jobruns report coverage --gaps` leaves out the syncs whose times do not fit",
                against_server(*skew_before),
                against_server(*skew),
            ),
            ClockFinding::Off { sync_id, skew } => {
                let message = format!(
                    "at the last sync, {sync_id}, this machine's clock was {}; set the wrong one of the two, then sync again",
                    difference(*skew)
                );
                if !is_check {
                    tracing::warn!(sync_id, "{message}");
                    continue;
                }
                tracing::error!(sync_id, "{message}");
            }
        }
        exit = Exit::Findings;
    }
    exit
}

/// How far the clock was from the server's, where that is known and worth telling.
fn against_server(skew: Option<i64>) -> String {
    match skew {
        Some(seconds) if seconds.unsigned_abs() >= 60 => {
            format!(", when the clock was {}", difference(seconds))
        }
        _ => String::new(),
    }
}

fn difference(skew: i64) -> String {
    format!(
        "{} {} the server's",
        show_rounded(Duration::from_secs(skew.unsigned_abs())),
        if skew > 0 { "ahead of" } else { "behind" }
    )
}
