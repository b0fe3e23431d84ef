//! `jobruns retain`.

mod output;

use std::path::{Path, PathBuf};

use self::output::{PlanJson, RemovalJson, cost, plan_text, removal_text};
use super::hold::chosen_jobs;
use crate::archive::{HeadToPublish, ReadOnly, RetentionAge, RetentionPlan, RetentionRule, Writer, retain};
use crate::cli::commands::verify::of_damage;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::in_use;
use crate::cli::output::publish::{HeadList, publish};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{counted, print_result};
use crate::config::parse_sha256;
use crate::config::{GlobalSettings, Sources, TableOrJson, parse_line};
use crate::model::{Instant, Sha256};
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

    /// The age at which runs are removed: 7y, 18mo, 12w or 90d; years and months count as the most days they can have
    #[arg(long, value_name = "AGE", required = true)]
    older_than: Option<RetentionAge>,

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
        /// The age: 7y, 18mo, 12w or 90d
        #[arg(value_name = "AGE")]
        age: RetentionAge,
    },
}

fn read_hash(text: &str) -> Result<Sha256, String> {
    parse_sha256(text)
        .ok_or_else(|| format!("{text:?} is not the hash of a plan (expected 64 hexadecimal digits)"))
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
        None => {
            let planned = PlanJson::of(&plan, archive);
            print_result(
                console,
                args.format,
                || plan_text(&planned, &plan, archive),
                &planned,
            )?;
            Ok(Exit::Done)
        }
        Some(hash) => {
            let list = in_use::head_file(args.head_file.as_ref(), sources)?;
            apply(&plan, &rule, hash, list, args.format, archive, console)
        }
    }
}

fn lock(age: RetentionAge, archive: &Path) -> Result<Exit, Failure> {
    let days = age.days;
    let before = Writer::open_existing(archive)?.lock_retention(days)?;
    if days < before {
        let message =
            format!("removal is locked for runs of less than {before} days, and {days} days are fewer");
        return Err(Failure::new(Exit::WrongUsage, message).with_hint("a lock can only be lengthened."));
    }
    tracing::info!(days, "no run is removed before it is {days} days old");
    Ok(Exit::Done)
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
        tracing::info!(
            "removing {}. {}",
            counted(plan.run_count(), "run"),
            cost(plan, archive)
        );
    }
    let removal = retain(archive, rule, hash).map_err(of_damage)?;
    let done = RemovalJson::of(hash, &removal);
    print_result(console, format, || removal_text(&done, &removal), &done)?;
    let (Some(list), Some(head)) = (list, removal.recorded.head) else {
        return Ok(Exit::Done);
    };
    if removal.recorded.already_done && list.has(&head) {
        return Ok(Exit::Done);
    }
    let published = HeadToPublish {
        at: removal.recorded.at,
        what: "retain".to_owned(),
        head,
        made: false,
    };
    Ok(publish(&list, archive, &published, "this removal"))
}
