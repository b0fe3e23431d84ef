//! `jobruns retain`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use indicatif::DecimalBytes;
use serde::Serialize;

use super::hold::chosen_jobs;
use crate::archive::{
    HeadToPublish, KnownBackup, PlannedJob, ReadOnly, Removal, RetentionPlan, RetentionRule, Writer,
    read_heads, retain,
};
use crate::cli::commands::verify::of_damage;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::in_use;
use crate::cli::output::publish::{HeadList, publish};
use crate::cli::terminal::console::{Console, shown};
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{TerminalColumn, counted, or_dash, print_result, table, width_to_fit};
use crate::config::parse_sha256;
use crate::config::{GlobalSettings, Sources, TableOrJson, parse_line};
use crate::model::{Instant, Sha256, hex, show_duration};
use crate::report::CommonOptions;

/// Removes runs that are older than an age, permanently: a plan first, then exactly that plan
///
/// Without --apply nothing is changed: the plan lists what would go and what holds keep, and its last line is the plan's
/// hash, which --apply takes. Only runs with a final status go, by their end (their start, if they have no end); ages count
/// from the last UTC midnight. Removed are their payloads, messages, texts and quarantined bytes, and every copy of these in
/// dictionaries, free pages and the write-ahead log. What stays is a row in removed_runs, and the ledger. A run that the
/// server still lists is not archived again. Backups are not touched: the command names those that it knows of.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = r#"Examples:
  jobruns retain --older-than 7y --reason "retention schedule R-12"
  jobruns retain --older-than 7y --reason "retention schedule R-12" --apply HASH --head-file heads.txt
  jobruns retain lock 7y

Exit codes: 0 done; 1 it could not be done, or the plan is no longer true; 2 wrong usage, or the age is locked; 3 the head could not be appended to the list; 4 the archive is not intact, so nothing was removed; 5 a sync holds the archive."#
)]
pub(crate) struct RetainArgs {
    #[command(subcommand)]
    action: Option<RetainAction>,

    /// The age from which on runs go: 7y, 12w or 90d; a year counts as 365.25 days, rounded up
    #[arg(long, value_name = "AGE", required = true)]
    older_than: Option<Age>,

    /// Only runs of this job, by its GUID (or the first 8 digits of it, or more) or by its name; may be given several times
    #[arg(long = "job", value_name = "ID|NAME")]
    jobs: Vec<String>,

    /// The reason, for the record
    #[arg(long, value_name = "TEXT", required = true, value_parser = parse_line)]
    reason: Option<String>,

    /// Removes exactly what the plan with this hash lists
    #[arg(long, value_name = "HASH", value_parser = read_hash)]
    apply: Option<Sha256>,

    /// The list of heads, to which a line for this act is appended [config: head_file]
    #[arg(long, value_name = "FILE")]
    head_file: Option<PathBuf>,

    /// The output format [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<TableOrJson>,
}

#[derive(Debug, clap::Subcommand)]
enum RetainAction {
    /// Locks an age below which no run is removed, permanently: it can only be lengthened
    Lock {
        /// The age: 7y, 12w or 90d
        #[arg(value_name = "AGE")]
        age: Age,
    },
}

fn read_hash(text: &str) -> Result<Sha256, String> {
    parse_sha256(text)
        .ok_or_else(|| format!("{text:?} is not the hash of a plan (expected 64 hexadecimal digits)"))
}

/// An age in whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Age {
    days: i64,
}

/// The most days that an age may have: a thousand years.
const MOST_DAYS: i64 = 365_250;

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unreadable = || format!("{text:?} is not an age (expected 7y, 12w or 90d)");
        let text = text.trim();
        let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(unreadable)?;
        let number: i64 = text[..at].parse().map_err(|_| unreadable())?;
        let days = match &text[at..] {
            "d" => Some(number),
            "w" => number.checked_mul(7),
            // So many calendar years never have more days.
            "y" => number.checked_mul(1461).map(|quarters| (quarters + 3) / 4),
            _ => None,
        };
        match days.ok_or_else(unreadable)? {
            0 => Err("an age is at least one day".to_owned()),
            days if days > MOST_DAYS => Err(format!("an age is at most {MOST_DAYS} days")),
            days => Ok(Self { days }),
        }
    }
}

/// Bytes of the archive's file that are cleared in a second, as measured (docs/performance.md).
const BYTES_PER_SECOND: u64 = 40_000_000;

/// What clearing needs beside the archive for a while: a copy of it, and a log as large.
const COPIES_NEEDED: u64 = 2;

#[derive(Serialize)]
struct Planned {
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
struct RetainJson {
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

pub(crate) fn run(
    args: &RetainArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
) -> Result<Exit, Failure> {
    let archive = global.archive.as_path();
    if let Some(RetainAction::Lock { age }) = &args.action {
        return lock(*age, archive);
    }
    let (Some(age), Some(why)) = (args.older_than, args.reason.clone()) else {
        return Err(Failure::new(
            Exit::WrongUsage,
            "--older-than and --reason are needed",
        ));
    };
    let options = CommonOptions {
        jobs: args.jobs.clone(),
        ..CommonOptions::default()
    };
    let (plan, rule) = ReadOnly::open(archive)?.settled(|reader| {
        let rule = RetentionRule {
            days: age.days,
            jobs: chosen_jobs(reader, &options)?,
            why: why.clone(),
            now: Instant::now(),
        };
        let plan = reader.snapshot()?.retention_plan(&rule).map_err(Failure::from);
        reader.confirmed(plan).map(|plan| (plan, rule))
    })?;
    match &args.apply {
        None => show(&plan, archive, args.format, console),
        Some(hash) => {
            let list = in_use::head_file(args.head_file.as_ref(), sources)?;
            apply(&plan, &rule, hash, list, args.format, archive, console)
        }
    }
}

fn lock(age: Age, archive: &Path) -> Result<Exit, Failure> {
    let days = age.days;
    let before = Writer::open_existing(archive)?.lock_retention(days)?;
    if days < before {
        let words =
            format!("removal is locked for runs of less than {before} days, and {days} days are fewer");
        return Err(Failure::new(Exit::WrongUsage, words).with_hint("a lock can only be lengthened."));
    }
    tracing::info!(days, "no run is removed before it is {days} days old");
    Ok(Exit::Done)
}

/// The archive's folder.
fn folder_of(archive: &Path) -> &Path {
    let folder = archive.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

/// What the removal needs, in words.
fn cost(plan: &RetentionPlan, archive: &Path) -> String {
    let folder = folder_of(archive);
    let free = fs4::available_space(folder).map_or_else(
        |_| String::new(),
        |free| format!(" ({} are free there)", DecimalBytes(free)),
    );
    format!(
        "It needs up to {} of space in {} for a while{free}, and about {}.",
        DecimalBytes(plan.file_bytes * COPIES_NEEDED),
        folder.display(),
        show_duration(Duration::from_secs(seconds(plan)))
    )
}

fn seconds(plan: &RetentionPlan) -> u64 {
    1 + plan.file_bytes / BYTES_PER_SECOND
}

fn show(
    plan: &RetentionPlan,
    archive: &Path,
    format: Option<TableOrJson>,
    console: &Console,
) -> Result<Exit, Failure> {
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
    let held_back = plan.held_back.iter().map(|held| HeldByHold {
        hold_id: held.hold_id,
        runs: held.runs,
    });
    let planned = Planned {
        plan: hex(&plan.hash),
        before: plan.before.to_string(),
        runs: plan.jobs.iter().map(|job| job.runs).sum(),
        jobs: plan.jobs.iter().map(of_job).collect(),
        held_back: held_back.collect(),
        not_final: plan.not_final,
        needs_bytes: plan.file_bytes * COPIES_NEEDED,
        free_bytes: fs4::available_space(folder_of(archive)).ok(),
        estimated_seconds: seconds(plan),
        uncleared: plan.uncleared.as_ref().map(|hash| hex(hash)),
    };
    print_result(console, format, || as_text(&planned, plan, archive), &planned)?;
    Ok(Exit::Done)
}

fn as_text(planned: &Planned, plan: &RetentionPlan, archive: &Path) -> String {
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

fn apply(
    plan: &RetentionPlan,
    rule: &RetentionRule,
    hash: &Sha256,
    list: Option<HeadList>,
    format: Option<TableOrJson>,
    archive: &Path,
    console: &Console,
) -> Result<Exit, Failure> {
    signals::end_at_first(
        console,
        "interrupted: the runs are either all there or all removed; run it again to finish a removal",
    )?;
    if plan.hash == *hash && !plan.jobs.is_empty() {
        let runs: u64 = plan.jobs.iter().map(|job| job.runs).sum();
        tracing::info!("removing {}. {}", counted(runs, "run"), cost(plan, archive));
    }
    let removal = retain(archive, rule, hash).map_err(of_damage)?;
    let head = removal.head;
    let done = RetainJson {
        plan: hex(hash),
        runs: removal.runs,
        messages: removal.messages,
        removed_at: head.map(|_| removal.at.to_string()),
        payloads_packed_anew: removal.packed_anew,
        was_done: removal.was_done,
        file_bytes_before: removal.file_bytes.0,
        file_bytes: removal.file_bytes.1,
        head: head.as_ref().map(|head| hex(head)),
        backups: removal.backups.clone(),
    };
    print_result(console, format, || done_text(&done, &removal), &done)?;
    let (Some(list), Some(head)) = (list, head) else {
        return Ok(Exit::Done);
    };
    if removal.was_done
        && read_heads(&list.path).is_ok_and(|known| known.heads.iter().any(|line| line.head == head))
    {
        return Ok(Exit::Done);
    }
    let published = HeadToPublish {
        at: removal.at,
        what: "retain".to_owned(),
        head,
        made: false,
    };
    Ok(publish(&list, archive, &published, "this removal"))
}

fn done_text(done: &RetainJson, removal: &Removal) -> String {
    let Some(head) = &done.head else {
        return "The plan has no run: nothing was removed.\n".to_owned();
    };
    let mut out = if done.was_done {
        format!(
            "This plan removed {} on {}; nothing of that is left in the archive. Ledger head then {head}\n",
            counted(done.runs, "run"),
            removal.at
        )
    } else {
        format!(
            "Removed {} with {}, and packed {} anew. The file has {} now ({} before). Ledger head {head}\n",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_never_shorter_than_so_many_calendar_years() {
        let days = |text: &str| text.parse::<Age>().map(|age| age.days);
        assert_eq!(
            ["1y", "2y", "3y", "4y", "7y", "12w", "90d"].map(|age| days(age).unwrap()),
            [366, 731, 1096, 1461, 2557, 84, 90]
        );
        for wrong in [
            "7",
            "7x",
            "y",
            "",
            "-7y",
            "1.5y",
            "0d",
            "0y",
            "99999999999999999999y",
            "9000y",
        ] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
