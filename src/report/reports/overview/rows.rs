//! The overview a figure a row, for formats that know nothing but rows.

use super::compare::{Share, SpanComparison};
use super::state::{Asset, JobOverview, Overview};
use crate::report::definition::row;
use crate::report::error::Result;
use crate::report::table::Cell;

row! {
    /// A figure: what it is about, its name, and its value.
    FigureRow<'a> {
        about: &'a str as Text,
        job_id: Option<&'a str> as Text,
        name: Option<&'a str> as Text,
        figure: &'a str as Text,
        value: Cell<'a> as Any,
    }
}

/// Names a figure: what it is about, GUID and name, and which it is.
type FigureName<'a> = (&'a str, Option<&'a str>, Option<&'a str>, &'a str);

/// Takes a figure.
type PutFigure<'f> = dyn FnMut(FigureName<'_>, Cell<'_>) -> Result + 'f;

pub(super) fn each(overview: &Overview, mut row: impl FnMut(FigureRow<'_>) -> Result) -> Result {
    let put: &mut PutFigure<'_> = &mut |(about, job_id, name, figure), value| {
        row(FigureRow {
            about,
            job_id,
            name,
            figure,
            value,
        })
    };
    put_archive(overview, put)?;
    if let Some(comparison) = &overview.comparison {
        put_comparison(comparison, put)?;
    }
    for job in &overview.jobs {
        put_job(job, put)?;
    }
    for asset in &overview.worst_assets {
        put_asset(asset, put)?;
    }
    Ok(())
}

fn put_archive(overview: &Overview, put: &mut PutFigure<'_>) -> Result {
    let totals = &overview.totals;
    for (figure, count) in [
        ("jobs", totals.jobs),
        ("runs", totals.runs),
        ("runs_listed", totals.runs_listed),
        ("runs_absent", totals.runs_absent),
        ("finished", totals.finished),
        ("failed", totals.failed),
        ("changes", totals.changes),
        ("changes_when_final", totals.changes_when_final),
        ("gaps", overview.completeness.gaps),
        ("runs_missed", overview.completeness.runs_missed),
        ("count_mismatches", overview.completeness.count_mismatches),
        ("quarantine_open", overview.completeness.quarantine_open),
        ("jobs_behind", overview.completeness.jobs_behind),
        ("jobs_never_complete", overview.completeness.jobs_never_complete),
        ("assets_new", overview.assets_new),
        ("assets_gone", overview.assets_gone),
    ] {
        put(("archive", None, None, figure), Cell::from(count))?;
    }
    if totals.runs_removed > 0 {
        let removed = Cell::from(totals.runs_removed);
        put(("archive", None, None, "runs_removed"), removed)?;
    }
    let assessment = &overview.assessment;
    put(
        ("archive", None, None, "is_complete"),
        Cell::from(assessment.is_complete),
    )?;
    put(("archive", None, None, "answer"), Cell::Text(&assessment.answer))?;
    put(
        ("archive", None, None, "sync_by"),
        Cell::from(assessment.sync_by.as_deref()),
    )?;
    for finding in &assessment.findings {
        let name = ("finding", None, None, finding.kind.label());
        put(name, Cell::from(finding.count))?;
    }
    put(
        ("archive", None, None, "failure_rate"),
        totals.failure_rate.into(),
    )?;
    let sync = overview.last_sync.as_ref();
    for (figure, value) in [
        ("first_run_at", totals.first_run_at.clone()),
        ("last_run_at", totals.last_run_at.clone()),
        (
            "last_sync_finished_at",
            sync.and_then(|sync| sync.finished_at.clone()),
        ),
        ("last_sync_outcome", sync.and_then(|sync| sync.outcome.clone())),
        ("ledger_head", Some(overview.head.clone())),
    ] {
        put(("archive", None, None, figure), Cell::from(value.as_deref()))?;
    }
    Ok(())
}

fn put_comparison(comparison: &SpanComparison, put: &mut PutFigure<'_>) -> Result {
    for (figure, value) in [
        ("since", comparison.since.as_str()),
        ("until", &comparison.until),
        ("before_since", &comparison.before_since),
        ("verdict", comparison.verdict.text()),
    ] {
        put(("comparison", None, None, figure), Cell::Text(value))?;
    }
    for (figure, value) in shares(&comparison.now, &comparison.before) {
        put(("comparison", None, None, figure), value)?;
    }
    Ok(())
}

fn put_job(job: &JobOverview, put: &mut PutFigure<'_>) -> Result {
    let id = Some(job.job_id.as_str());
    let name = job.job_name.as_deref();
    for (figure, count) in [
        ("runs", job.runs),
        ("finished", job.finished),
        ("failed", job.failed),
        ("gaps", job.gaps),
        ("runs_missed", job.runs_missed),
        ("quarantine_open", job.quarantine_open),
        ("watched", u64::from(job.watched)),
        ("behind", u64::from(job.behind)),
    ] {
        put(("job", id, name, figure), Cell::from(count))?;
    }
    for (figure, value) in shares(&job.now, &job.before) {
        put(("job", id, name, figure), value)?;
    }
    for (figure, value) in [
        ("verdict", Some(job.verdict.text())),
        ("first_run_at", job.first_run_at.as_deref()),
        ("last_run_at", job.last_run_at.as_deref()),
        ("last_answered_at", job.last_answered_at.as_deref()),
        ("last_error", job.last_error.as_deref()),
    ] {
        put(("job", id, name, figure), Cell::from(value))?;
    }
    Ok(())
}

fn put_asset(asset: &Asset, put: &mut PutFigure<'_>) -> Result {
    let title = asset.title();
    put(("asset", None, Some(&title), "errors"), Cell::from(asset.errors))?;
    put(
        ("asset", None, Some(&title), "errors_before"),
        Cell::from(asset.errors_before),
    )?;
    Ok(())
}

fn shares(now: &Share, before: &Share) -> [(&'static str, Cell<'static>); 6] {
    [
        ("finished_now", Cell::from(now.finished)),
        ("failed_now", Cell::from(now.failed)),
        ("failure_rate_now", Cell::from(now.failure_rate)),
        ("finished_before", Cell::from(before.finished)),
        ("failed_before", Cell::from(before.failed)),
        ("failure_rate_before", Cell::from(before.failure_rate)),
    ]
}
