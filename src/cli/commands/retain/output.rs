//! What `jobruns retain` prints: a plan, or what was removed, as JSON and as text.

use std::path::Path;
use std::time::Duration;

use indicatif::DecimalBytes;
use serde::Serialize;

use crate::archive::{KnownBackup, PlannedJob, Removal, RetentionPlan, folder_of};
use crate::cli::terminal::console::shown;
use crate::cli::terminal::table::{TerminalColumn, counted, or_dash, table, width_to_fit};
use crate::model::{Instant, Sha256, hex, show_duration};

#[derive(Serialize)]
pub(super) struct PlanJson {
    plan: String,
    /// Runs that ended before this time are old enough.
    before: String,
    runs: u64,
    jobs: Vec<PlannedOfJob>,
    held_back: Vec<HeldByHold>,
    /// Runs that are old enough and have no final status.
    not_final: u64,
    needs_bytes: u64,
    free_bytes: Option<u64>,
    estimated_seconds: u64,
    /// The plan of a removal that is recorded and not yet cleared.
    uncleared: Option<String>,
}

#[derive(Serialize)]
struct PlannedOfJob {
    job_id: String,
    name: Option<String>,
    runs: u64,
    messages: u64,
    bytes: u64,
    first_run_at: Option<String>,
    last_run_at: Option<String>,
}

#[derive(Serialize)]
struct HeldByHold {
    hold_id: i64,
    runs: u64,
}

#[derive(Serialize)]
pub(super) struct RemovalJson {
    plan: String,
    runs: u64,
    messages: u64,
    removed_at: Option<String>,
    payloads_packed_anew: u64,
    was_done: bool,
    file_bytes_before: u64,
    file_bytes: u64,
    head: Option<String>,
    backups: Vec<KnownBackup>,
}

impl PlanJson {
    /// `archive` says where the free space counts.
    pub(super) fn of(plan: &RetentionPlan, archive: &Path) -> Self {
        let text = |instant: Option<Instant>| instant.map(|instant| instant.to_string());
        let of_job = |job: &PlannedJob| PlannedOfJob {
            job_id: job.job_id.to_string(),
            name: job.name.clone(),
            runs: job.runs,
            messages: job.messages,
            bytes: job.bytes,
            first_run_at: text(job.first),
            last_run_at: text(job.last),
        };
        let held_back = plan.kept_by_hold.iter().map(|held| HeldByHold {
            hold_id: held.hold_id,
            runs: held.runs,
        });
        Self {
            plan: hex(&plan.hash),
            before: plan.before.to_string(),
            runs: plan.run_count(),
            jobs: plan.jobs.iter().map(of_job).collect(),
            held_back: held_back.collect(),
            not_final: plan.not_final,
            needs_bytes: plan.needs_bytes(),
            free_bytes: fs4::available_space(folder_of(archive)).ok(),
            estimated_seconds: plan.estimated_seconds(),
            uncleared: plan.uncleared.as_ref().map(|hash| hex(hash)),
        }
    }
}

impl RemovalJson {
    /// What was removed by the plan with this hash.
    pub(super) fn of(plan: &Sha256, removal: &Removal) -> Self {
        let recorded = &removal.recorded;
        Self {
            plan: hex(plan),
            runs: recorded.runs,
            messages: recorded.messages,
            removed_at: recorded.head.map(|_| recorded.at.to_string()),
            payloads_packed_anew: recorded.repacked,
            was_done: recorded.already_done,
            file_bytes_before: removal.file_bytes.0,
            file_bytes: removal.file_bytes.1,
            head: recorded.head.as_ref().map(|head| hex(head)),
            backups: removal.backups.clone(),
        }
    }
}

/// What the removal needs, as text.
pub(super) fn cost(plan: &RetentionPlan, archive: &Path) -> String {
    let folder = folder_of(archive);
    let free = fs4::available_space(folder).map_or_else(
        |_| String::new(),
        |free| format!(" ({} are free there)", DecimalBytes(free)),
    );
    format!(
        "It needs up to {} of space in {} for a while{free}, and about {}.",
        DecimalBytes(plan.needs_bytes()),
        folder.display(),
        show_duration(Duration::from_secs(plan.estimated_seconds()))
    )
}

/// The plan for people; its last line is its hash.
pub(super) fn plan_text(planned: &PlanJson, plan: &RetentionPlan, archive: &Path) -> String {
    let mut out = String::new();
    if let Some(uncleared) = &planned.uncleared {
        out.push_str(&format!(
            "The removal by the plan {uncleared} is recorded, and its bytes are not all cleared: run it again with --apply {uncleared}.\n"
        ));
    }
    if planned.runs == 0 {
        out.push_str(&format!(
            "No run that ended before {} would go.\n",
            planned.before
        ));
    } else {
        out.push_str(&format!(
            "{} that ended before {} would go:\n\n",
            counted(planned.runs, "run"),
            planned.before
        ));
        let columns = [
            TerminalColumn::Text("job"),
            TerminalColumn::Number("runs"),
            TerminalColumn::Number("messages"),
            TerminalColumn::Number("bytes"),
            TerminalColumn::Text("first"),
            TerminalColumn::Text("last"),
        ];
        let rows = planned.jobs.iter().map(|job| {
            vec![
                shown(job.name.as_deref().unwrap_or(&job.job_id)),
                job.runs.to_string(),
                job.messages.to_string(),
                job.bytes.to_string(),
                or_dash(job.first_run_at.as_deref()),
                or_dash(job.last_run_at.as_deref()),
            ]
        });
        out.push_str(&table(&columns, rows, width_to_fit(false)));
        out.push('\n');
    }
    for held in &planned.held_back {
        out.push_str(&format!(
            "Hold {} keeps {}.\n",
            held.hold_id,
            counted(held.runs, "run")
        ));
    }
    if planned.not_final > 0 {
        out.push_str(&format!(
            "Kept for want of a final status: {} old enough to go.\n",
            counted(planned.not_final, "run")
        ));
    }
    if planned.runs > 0 {
        out.push_str(&cost(plan, archive));
        out.push('\n');
    }
    out.push_str(&planned.plan);
    out.push('\n');
    out
}

/// What was removed, for people.
pub(super) fn removal_text(done: &RemovalJson, removal: &Removal) -> String {
    let Some(head) = &done.head else {
        return "The plan has no run: nothing was removed.\n".to_owned();
    };
    let mut out = if done.was_done {
        format!(
            "This plan removed {} on {}; nothing of that is left in the archive. Ledger head then {head}\n",
            counted(done.runs, "run"),
            removal.recorded.at
        )
    } else {
        format!(
            "Removed {} with {}, and repacked {}. The file has {} now ({} before). Ledger head {head}\n",
            counted(done.runs, "run"),
            counted(done.messages, "message"),
            counted(done.payloads_packed_anew, "payload"),
            DecimalBytes(done.file_bytes),
            DecimalBytes(done.file_bytes_before)
        )
    };
    for backup in &done.backups {
        let state = if backup.is_there {
            "still holds them"
        } else {
            "is not there any more, as seen from here"
        };
        out.push_str(&format!(
            "The backup {} of {} (made on {}) {state}.\n",
            shown(&backup.path),
            backup.made_at,
            shown(&backup.host)
        ));
    }
    out
}
