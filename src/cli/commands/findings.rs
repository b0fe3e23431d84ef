//! Findings of the demo: what the reports over its archive show, and the command for each.

use std::fmt::Write;
use std::path::Path;

use chrono::{NaiveDate, TimeDelta};

use crate::archive::{ReadOnly, Snapshot};
use crate::cli::failure::Failure;
use crate::model::{Decimal, Instant, Zone};
use crate::report::definition::{Either, Report};
use crate::report::reports::asset_errors::GroupBy;
use crate::report::reports::{AssetErrors, Coverage, FailureTrends};
use crate::report::{CommonOptions, Period, ReportError, local_day};

/// A job counts as stopped after so many of its usual intervals without a run.
const INTERVALS_UNTIL_STOPPED: i32 = 3;

/// The most assets that are named as the worst.
const WORST: usize = 10;

/// A finding as text, and the commands that show it, as they stand behind `jobruns`.
#[derive(Debug)]
struct DemoFinding {
    message: String,
    commands: Vec<String>,
}

/// What the reports show of this archive, as text.
pub(crate) fn findings(archive: &Path) -> Result<String, Failure> {
    let found = ReadOnly::open(archive)?.settled(|reader| {
        let snapshot = reader.snapshot()?;
        let found = [
            worst_week(&snapshot),
            stopped_job(&snapshot),
            worst_assets(&snapshot),
        ];
        found.into_iter().map(|found| reader.confirmed(found)).collect()
    });
    let found: Vec<Option<DemoFinding>> = found.map_err(|error: ReportError| Failure::from(error))?;
    let mut text = String::new();
    for finding in found.into_iter().flatten() {
        let _ = writeln!(text, "- {}", finding.message);
        for command in finding.commands {
            let _ = writeln!(
                text,
                "    jobruns --archive {} report {command}",
                archive.display()
            );
        }
    }
    Ok(text)
}

/// The first and the last start of a run, as days.
pub(crate) fn days_of_runs(archive: &Path) -> Result<Option<(NaiveDate, NaiveDate)>, Failure> {
    let days = ReadOnly::open(archive)?.settled(|reader| {
        let snapshot = reader.snapshot()?;
        let jobs = reader.confirmed(recorded_jobs(&snapshot))?;
        let first = jobs.iter().map(|job| job.first).min();
        Ok(first.zip(jobs.iter().map(|job| job.last).max()))
    });
    days.map_err(|error: ReportError| Failure::from(error))
}

/// The week in which most runs failed, and the most frequent error in it.
fn worst_week(snapshot: &Snapshot<'_>) -> Result<Option<DemoFinding>, ReportError> {
    let report = FailureTrends {
        by: Period::Week,
        all_jobs: true,
        ..FailureTrends::default()
    };
    let mut worst: Option<(u64, u64, NaiveDate)> = None;
    let everything = CommonOptions::default().scope(snapshot)?;
    report.each(snapshot, &everything, &mut |row| {
        if let Either::Standard(row) = row
            && let Some(monday) = row.period_start
        {
            let failed = row.faulted + row.aborted;
            if worst.is_none_or(|(most, ..)| failed > most) {
                worst = Some((failed, row.runs, monday));
            }
        }
        Ok(())
    })?;
    let Some((failed @ 1.., runs, monday)) = worst else {
        return Ok(None);
    };
    let next = monday + TimeDelta::days(7);
    let midnight = |day: NaiveDate| {
        let start = day.and_time(chrono::NaiveTime::MIN).and_utc();
        Instant::from_unix_seconds(start.timestamp())
    };
    let week = CommonOptions {
        since: Some(midnight(monday)),
        until: Some(midnight(next)),
        ..CommonOptions::default()
    };
    let report = AssetErrors {
        top: Some(1),
        group_by: GroupBy::Message,
        ..AssetErrors::default()
    };
    let mut text = format!("In the week of {monday}, {failed} of {runs} runs failed");
    report.each(snapshot, &week.scope(snapshot)?, &mut |row| {
        if let Either::Standard(row) = row
            && let Some(message) = row.top_message
        {
            let _ = write!(
                text,
                ". The error seen most often ({} times): {message}",
                row.errors
            );
        }
        Ok(())
    })?;
    Ok(Some(DemoFinding {
        message: text,
        commands: vec![
            format!(
                "failure-trends --by week --all-jobs --since {} --until {}",
                monday - TimeDelta::days(14),
                next + TimeDelta::days(14)
            ),
            format!("asset-errors --group-by message --since {monday} --until {next}"),
        ],
    }))
}

#[derive(Debug)]
struct RecordedJob {
    name: String,
    runs: u64,
    first: NaiveDate,
    last: NaiveDate,
}

impl RecordedJob {
    /// How many of its usual intervals it has not run by this day.
    fn intervals_without_run(&self, today: NaiveDate) -> i64 {
        let usual = (self.last - self.first).num_days() / i64::try_from(self.runs).unwrap_or(i64::MAX).max(1);
        (today - self.last).num_days() / usual.max(1)
    }
}

fn recorded_jobs(snapshot: &Snapshot<'_>) -> Result<Vec<RecordedJob>, ReportError> {
    let mut jobs = Vec::new();
    let everything = CommonOptions::default().scope(snapshot)?;
    Coverage::default().each(snapshot, &everything, &mut |row| {
        if let Either::Standard(row) = row
            && let (Some(first), Some(last)) = (row.first_run_at, row.last_run_at)
        {
            jobs.push(RecordedJob {
                name: row.job_name.unwrap_or(row.job_id).to_owned(),
                runs: row.runs,
                first: local_day(Zone::UTC, first),
                last: local_day(Zone::UTC, last),
            });
        }
        Ok(())
    })?;
    Ok(jobs)
}

/// The job that has not run for the longest, measured by how often it ran before.
fn stopped_job(snapshot: &Snapshot<'_>) -> Result<Option<DemoFinding>, ReportError> {
    let jobs = recorded_jobs(snapshot)?;
    let Some(newest) = jobs.iter().map(|job| job.last).max() else {
        return Ok(None);
    };
    let stopped = jobs
        .iter()
        .map(|job| (job.intervals_without_run(newest), job))
        .filter(|(intervals, _)| *intervals >= INTERVALS_UNTIL_STOPPED.into())
        .max_by_key(|(intervals, _)| *intervals);
    Ok(stopped.map(|(_, job)| DemoFinding {
        message: format!(
            "The job {:?} has not run since {}; others ran until {newest}",
            job.name, job.last
        ),
        commands: vec!["coverage".to_owned()],
    }))
}

/// The share of all errors that the worst assets have.
fn worst_assets(snapshot: &Snapshot<'_>) -> Result<Option<DemoFinding>, ReportError> {
    let mut errors = Vec::new();
    let everything = CommonOptions::default().scope(snapshot)?;
    AssetErrors::default().each(snapshot, &everything, &mut |row| {
        if let Either::Standard(row) = row
            && row.errors > 0
        {
            errors.push(row.errors);
        }
        Ok(())
    })?;
    let worst = errors.len().min(WORST);
    let (of_worst, all) = (errors[..worst].iter().sum::<u64>(), errors.iter().sum::<u64>());
    let Some(share) = Decimal::ratio(of_worst.into(), all.into(), 2) else {
        return Ok(None);
    };
    Ok(Some(DemoFinding {
        message: format!(
            "{worst} of {} assets with errors have {} of all errors",
            errors.len(),
            share.percent()
        ),
        commands: vec![format!("asset-errors --top {worst}")],
    }))
}
