//! The overview as a page of text: 80 columns, whatever is in the names.

use std::fmt::Write;

use super::compare::{Share, Verdict};
use super::state::{Asset, JobOverview, Overview};
use crate::report::blocks::Blocks;
use crate::report::numbers::{counted, grouped, percent};
use crate::report::reports::health::FindingKind;
use crate::report::titles::minute;
use crate::text::{begin_in_columns, columns_of, in_columns, visible};

/// Columns of the page.
const WIDTH: usize = 80;

/// Columns of a job's name.
const NAME: usize = 26;

/// Columns before what a fact says.
const FACT: usize = 20;

/// Columns of a job's line.
const LINE: usize = 22;

/// Jobs and assets that the page lists.
const MOST: usize = 10;

/// The page; with lines of blocks where the terminal can show them.
pub(in crate::report) fn write(overview: &Overview, with_blocks: bool) -> String {
    let mut page = Page(String::new());
    page.line("The state of the archive");
    page.line(&as_of(overview));
    page.line(&format!("ledger head {}", overview.head));
    complete(&mut page, overview);
    worse(&mut page, overview);
    jobs(&mut page, overview, with_blocks);
    assets(&mut page, overview);
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(begin_in_columns(text, WIDTH).trim_end());
        self.0.push('\n');
    }

    fn heading(&mut self, question: &str, answer: &str) {
        self.0.push('\n');
        self.line(&format!("{question}  {answer}"));
    }

    fn fact(&mut self, name: &str, text: &str) {
        self.line(&format!("  {name:<18}{text}"));
    }

    /// A further line of a fact, that ends in a foreign name.
    fn fact_of(&mut self, text: &str, name: &str) {
        let room = WIDTH.saturating_sub(FACT + columns_of(text) + 2);
        self.fact("", &format!("{text}  {}", in_columns(name, room)));
    }
}

/// An asset in exactly so many columns: as much of its name as its type leaves room for.
fn asset_cell(asset: &Asset, columns: usize) -> String {
    let title = asset.title();
    let (Some(name), Some(kind)) = (&asset.asset, &asset.asset_type) else {
        return cell(&title, columns);
    };
    if columns_of(&visible(&title)) <= columns {
        return cell(&title, columns);
    }
    let kind = in_columns(kind, columns / 3);
    let name = in_columns(name, columns.saturating_sub(columns_of(&kind) + 3));
    cell(&format!("{name} · {kind}"), columns)
}

/// The text in exactly so many columns.
fn cell(text: &str, columns: usize) -> String {
    let mut cell = in_columns(text, columns);
    let used = columns_of(&cell);
    cell.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    cell
}

/// The day of an instant as the overview shows it, or a mark that there is none.
pub(in crate::report) fn day(at: Option<&str>) -> &str {
    at.and_then(|at| at.split('T').next()).unwrap_or("?")
}

/// Which state of the archive this is.
pub(in crate::report) fn as_of(overview: &Overview) -> String {
    match &overview.last_sync {
        None => "Nothing was ever synced into it.".to_owned(),
        Some(sync) => match (&sync.finished_at, &sync.outcome) {
            (Some(at), Some(outcome)) => {
                format!("As of the sync that ended {outcome} at {}.", minute(at))
            }
            _ => format!("A sync began at {} and has not ended.", minute(&sync.started_at)),
        },
    }
}

/// Whether it is complete, in a few words.
pub(in crate::report) fn complete_in_words(overview: &Overview) -> String {
    let assessment = &overview.assessment;
    if overview.totals.runs == 0 && assessment.is_complete {
        return "no runs".to_owned();
    }
    assessment.answer.clone()
}

fn complete(page: &mut Page, overview: &Overview) {
    let (totals, completeness) = (&overview.totals, &overview.completeness);
    page.heading("IS IT COMPLETE?", &complete_in_words(overview));
    let mut runs = format!(
        "{} of {}",
        counted(totals.runs, "run"),
        counted(totals.jobs, "job")
    );
    if totals.first_run_at.is_some() {
        let (first, last) = (totals.first_run_at.as_deref(), totals.last_run_at.as_deref());
        let _ = write!(runs, ", {} to {}", day(first), day(last));
    }
    page.fact("archived", &runs);
    if totals.runs_absent > 0 {
        page.fact(
            "archive alone",
            &format!(
                "{} that the server no longer lists",
                counted(totals.runs_absent, "run")
            ),
        );
    }
    if totals.runs_removed > 0 {
        let removed = counted(totals.runs_removed, "run");
        page.fact("removed", &format!("{removed}, by a retention rule"));
    }
    let assessment = &overview.assessment;
    for finding in &assessment.findings {
        page.fact(finding.kind.label(), &finding.text);
        if let Some(worst) = &finding.worst {
            let job = worst.job.as_deref().map(|job| in_columns(job, 30));
            let job = job.map_or_else(String::new, |job| format!("{job}: "));
            page.fact("", &format!("{job}{}", worst.text));
        }
        if finding.kind == FindingKind::MissedRuns {
            for gap in completeness
                .largest_gaps
                .iter()
                .filter(|gap| gap.to.is_some())
                .take(3)
            {
                let title = gap.job_name.as_deref().unwrap_or(&gap.job_id);
                let (from, to) = (day(Some(&gap.from)), day(gap.to.as_deref()));
                let missed = format!("{} missed", grouped(gap.runs_missed));
                page.fact_of(&format!("{from} to {to}  {missed}"), title);
            }
        }
        page.fact("", &format!("see `{}`", finding.command));
    }
    for text in &assessment.rests_on {
        page.fact("rests on", text);
    }
    for text in &assessment.not_known {
        page.fact("not known", text);
    }
    if let Some(by) = &assessment.sync_by {
        page.fact("sync again by", &minute(by));
    }
    if totals.changes > 0 {
        let changes = counted(totals.changes, "change");
        let late = grouped(totals.changes_when_final);
        page.fact(
            "changed",
            &format!("{changes} after archiving, {late} of finished runs"),
        );
    }
}

fn worse(page: &mut Page, overview: &Overview) {
    let Some(comparison) = &overview.comparison else {
        page.heading("IS IT GETTING WORSE?", Verdict::NotKnown.text());
        return;
    };
    page.heading("IS IT GETTING WORSE?", comparison.verdict.text());
    for (name, share, from, to) in [
        ("now", comparison.now, &comparison.since, &comparison.until),
        (
            "before",
            comparison.before,
            &comparison.before_since,
            &comparison.since,
        ),
    ] {
        let rate = share.hundredths().map_or_else(|| "-".to_owned(), percent);
        let finished = grouped(share.finished);
        let (from, to) = (day(Some(from)), day(Some(to)));
        page.fact(name, &format!("{rate:>8} of {finished} failed, {from} to {to}"));
    }
    let rate = percent_of(overview.totals.failed, overview.totals.finished);
    page.fact(
        "ever",
        &format!("{rate:>8} of {} failed", grouped(overview.totals.finished)),
    );
}

fn percent_of(failed: u64, finished: u64) -> String {
    let runs = crate::report::bins::RunCounts {
        runs: finished,
        failed,
        finished,
    };
    runs.rate().map_or_else(|| "-".to_owned(), percent)
}

/// Jobs that are drawn at most, on a page or in text.
pub(in crate::report) const MOST_DRAWN: usize = 24;

/// Jobs in the order of concern: worse first, then those that fail most.
pub(in crate::report) fn by_concern(overview: &Overview) -> Vec<&JobOverview> {
    let mut jobs: Vec<&JobOverview> = overview.jobs.iter().collect();
    jobs.sort_by_key(|job| {
        let rate = job.now.hundredths().unwrap_or(0);
        std::cmp::Reverse((job.verdict == Verdict::Worse, rate, job.now.failed, job.failed))
    });
    jobs
}

fn jobs(page: &mut Page, overview: &Overview, with_blocks: bool) {
    if overview.jobs.is_empty() {
        return;
    }
    let jobs = by_concern(overview);
    let shown = &jobs[..jobs.len().min(MOST)];
    let blocks = Blocks::of(shown.iter().map(|job| &job.by_day), LINE).filter(|_| with_blocks);
    page.heading("WHERE?", "jobs by failure rate, now and before");
    let line = blocks.map_or_else(String::new, |blocks| format!("by {}", blocks.by().name()));
    page.line(&format!(
        "  {} {} {:>8} {:>8}  {}",
        cell("job", NAME),
        cell(&line, LINE),
        "before",
        "now",
        ""
    ));
    for job in shown {
        let rate = |share: &Share| share.hundredths().map_or_else(|| "-".to_owned(), percent);
        let line = blocks.map_or_else(String::new, |blocks| blocks.line(&job.by_day));
        let verdict = match job.verdict {
            Verdict::Worse | Verdict::Better => job.verdict.text(),
            Verdict::NoClearChange | Verdict::NotKnown => "",
        };
        page.line(&format!(
            "  {} {} {:>8} {:>8}  {verdict}",
            cell(job.title(), NAME),
            cell(&line, LINE),
            rate(&job.before),
            rate(&job.now)
        ));
    }
    if jobs.len() > shown.len() {
        let rest = u64::try_from(jobs.len() - shown.len()).expect("a length fits");
        page.line(&format!("  and {} more", grouped(rest)));
    }
}

fn assets(page: &mut Page, overview: &Overview) {
    if overview.worst_assets.is_empty() {
        return;
    }
    page.0.push('\n');
    let name = NAME + 1 + LINE;
    page.line(&format!(
        "  {} {:>8} {:>8}",
        cell("asset by errors", name),
        "before",
        "now"
    ));
    for asset in overview.worst_assets.iter().take(MOST) {
        let (before, now) = (grouped(asset.errors_before), grouped(asset.errors));
        page.line(&format!("  {} {before:>8} {now:>8}", asset_cell(asset, name)));
    }
    let (new, gone) = (grouped(overview.assets_new), grouped(overview.assets_gone));
    page.line(&format!(
        "  assets with errors now and none before: {new}; the other way round: {gone}"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_shortened_to_its_columns() {
        assert_eq!(cell("a\x1b", 4), "a␛  ");
        let asset = Asset {
            asset: Some("a long name of a server, number 17".to_owned()),
            asset_type: Some("Windows Machine".to_owned()),
            errors: 1,
            errors_before: 0,
            top_message: None,
        };
        assert_eq!(asset_cell(&asset, 40), "a long name of …umber 17 · Windows …hine");
    }
}
