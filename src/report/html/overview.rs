//! The overview as a page to be opened, or printed.

use chrono::Days;
use maud::html;

use crate::model::Instant;
use crate::report::ReportMeta;
use crate::report::bins::{Bins, RunCounts};
use crate::report::format::PageHeading;
use crate::report::html::chart::{
    Bar, GAPS, Markup, OverTime, Sparks, TimelineRow, TimelineSpan, TimelineSpanKind, bars, heat_map,
    over_time, sparks, timeline,
};
use crate::report::html::{KINDS, PageLayout, PageTable, Sentence, age_of, fact_list, made_with};
use crate::report::numbers::{counted, grouped, percent};
use crate::report::options::Period;
use crate::report::reports::overview::{JobOverview, Overview, Share, Verdict};
use crate::report::reports::overview::{MOST_DRAWN, as_of, by_concern, complete_in_words, day};
use crate::report::table::{Cell, Column, ColumnType};
use crate::report::titles::{minute, time_in as wall_clock};
use crate::text::{capitalized, in_columns};

/// Weeks of the heat map: two years, so that a year can be held against the one before.
const WEEKS: u64 = 104;

pub(in crate::report) fn draw(overview: &Overview, heading: &PageHeading, meta: &ReportMeta) -> String {
    let jobs = by_concern(overview);
    let shown: Vec<&JobOverview> = jobs.iter().copied().take(MOST_DRAWN).collect();
    let left_out = if shown.len() < jobs.len() {
        let all = u64::try_from(jobs.len()).expect("a length fits");
        format!(
            "The {MOST_DRAWN} of {} that need a look first.",
            counted(all, "job")
        )
    } else {
        String::new()
    };
    let rows: Vec<(&str, &Bins<RunCounts>)> = shown.iter().map(|job| (job.title(), &job.by_day)).collect();
    let over_all = over_time(&OverTime {
        title: "Failure rate and runs over time",
        noun: "runs",
        zone: &overview.timezone,
        kinds: KINDS,
        counts: &overview.kinds,
        runs: Some(&overview.by_day),
    });
    let by_job = Sparks {
        title: "Each job over time",
        below: &left_out,
        zone: &overview.timezone,
        rows: &rows,
    };
    let charts = html! {
        (questions(overview))
        (over_all)
        @if jobs.len() > 1 { (sparks(&by_job)) }
        (heat(overview, &shown, &left_out))
        (covered(overview, &shown, &left_out))
        (assets(overview))
    };
    let table = table(overview).draw("Jobs", "overview");
    PageLayout::new("State of the archive", heading)
        .with(as_of_line(overview))
        .with(made_with(meta))
        .with(charts)
        .with(table)
        .document()
}

fn as_of_line(overview: &Overview) -> Markup {
    let finished = overview
        .last_sync
        .as_ref()
        .and_then(|sync| sync.finished_at.as_deref());
    age_of(&as_of(overview), finished)
}

/// A name, for places where it stands in a sentence.
fn in_short(name: &str) -> String {
    const COLUMNS: usize = 48;
    in_columns(name, COLUMNS)
}

fn rate(share: &Share) -> String {
    share
        .hundredths()
        .map_or_else(|| "none finished".to_owned(), percent)
}

/// The three questions, with their answers.
fn questions(overview: &Overview) -> Markup {
    html! {
        div.facts { (complete(overview)) (worse(overview)) (place(overview)) }
        "\n"
    }
}

fn complete(overview: &Overview) -> Markup {
    let totals = &overview.totals;
    let mut small: Vec<Sentence> = Vec::new();
    if totals.first_run_at.is_some() {
        let (first, last) = (totals.first_run_at.as_deref(), totals.last_run_at.as_deref());
        small.push(
            format!(
                "{} of {}, {} to {}",
                counted(totals.runs, "run"),
                counted(totals.jobs, "job"),
                day(first),
                day(last)
            )
            .into(),
        );
    }
    if totals.runs_absent > 0 {
        small.push(
            format!(
                "{} that only the archive still has",
                counted(totals.runs_absent, "run")
            )
            .into(),
        );
    }
    let assessment = &overview.assessment;
    for finding in &assessment.findings {
        let see = format!(" (see {})", finding.command);
        let Some(worst) = &finding.worst else {
            small.push(format!("{}{see}", capitalized(&finding.text)).into());
            continue;
        };
        let before = format!("{}: ", capitalized(&finding.text));
        small.push(match &worst.job {
            Some(job) => Sentence::with_name(&before, in_short(job), format!(", {}{see}", worst.text)),
            None => format!("{before}{}{see}", worst.text).into(),
        });
    }
    for text in &assessment.rests_on {
        small.push(text.clone().into());
    }
    for text in &assessment.not_known {
        small.push(format!("Not known: {text}").into());
    }
    if let Some(by) = &assessment.sync_by {
        small.push(format!("Sync again by {}", minute(by)).into());
    }
    if totals.changes > 0 {
        small.push(
            format!(
                "{} after archiving, {} of finished runs",
                counted(totals.changes, "change"),
                grouped(totals.changes_when_final)
            )
            .into(),
        );
    }
    let mood = if overview.assessment.is_complete {
        "fact is-good"
    } else {
        "fact is-bad"
    };
    let answer = capitalized(&complete_in_words(overview));
    fact_list("Is it complete?", &answer, mood, &small)
}

fn worse(overview: &Overview) -> Markup {
    let heading = "Is it getting worse?";
    let Some(comparison) = &overview.comparison else {
        return fact_list(
            heading,
            "Not known",
            "fact",
            &["There are no runs.".to_owned().into()],
        );
    };
    let (big, mood) = match comparison.verdict {
        Verdict::Worse => ("Worse", "fact is-bad"),
        Verdict::Better => ("Better", "fact is-good"),
        Verdict::NoClearChange => ("No clear change", "fact is-good"),
        Verdict::NotKnown => ("Not known", "fact"),
    };
    let told = |name: &str, share: &Share, from: &str, to: &str| {
        let (from, to) = (day(Some(from)), day(Some(to)));
        match share.hundredths() {
            None => format!("{name}: no run has finished, {from} to {to}"),
            Some(rate) => {
                let finished = grouped(share.finished);
                format!(
                    "{name}: {} of {finished} that finished failed, {from} to {to}",
                    percent(rate)
                )
            }
        }
    };
    let jobs = |verdict| {
        let jobs = overview.jobs.iter().filter(|job| job.verdict == verdict).count();
        counted(u64::try_from(jobs).expect("a length fits"), "job")
    };
    let small = [
        told("Now", &comparison.now, &comparison.since, &comparison.until),
        told(
            "Before",
            &comparison.before,
            &comparison.before_since,
            &comparison.since,
        ),
        format!("{} worse, {} better", jobs(Verdict::Worse), jobs(Verdict::Better)),
        format!(
            "Assets with errors now and none before: {}; the other way round: {}",
            grouped(overview.assets_new),
            grouped(overview.assets_gone)
        ),
    ]
    .map(Sentence::from);
    fact_list(heading, big, mood, &small)
}

fn place(overview: &Overview) -> Markup {
    let jobs = by_concern(overview);
    let failing: Vec<&&JobOverview> = jobs.iter().filter(|job| job.now.failed > 0).take(3).collect();
    let Some(worst) = failing.first() else {
        return fact_list("Where?", "No job failed", "fact is-good", &[]);
    };
    let mut small: Vec<Sentence> = failing
        .iter()
        .map(|job| {
            let behind = format!(": {}, before {}", rate(&job.now), rate(&job.before));
            Sentence::with_name("", in_short(job.title()), behind)
        })
        .collect();
    if let Some(asset) = overview.worst_assets.first() {
        let errors = counted(asset.errors, "error");
        let behind = format!(": {errors}, before {}", grouped(asset.errors_before));
        small.push(Sentence::with_name("", asset.title(), behind));
    }
    fact_list("Where?", &in_short(worst.title()), "fact", &small)
}

fn heat(overview: &Overview, shown: &[&JobOverview], left_out: &str) -> Markup {
    let Some((from, end)) = overview.by_day.span() else {
        return Markup::default();
    };
    let weeks: Vec<(&str, Bins<RunCounts>)> = shown
        .iter()
        .map(|job| (job.title(), job.by_day.merged(Period::Week)))
        .collect();
    let rows: Vec<(&str, &Bins<RunCounts>)> = weeks.iter().map(|(title, bins)| (*title, bins)).collect();
    // The last week ends where the next one begins.
    let last = end.pred_opt().map_or(end, |day| Period::Week.first_day(day));
    let end = Period::Week.next(last);
    let earliest = end.checked_sub_days(Days::new(WEEKS * 7)).unwrap_or(from);
    let from = Period::Week.first_day(from).max(earliest);
    let below = format!("By week, in {}, from {from}. {left_out}", overview.timezone);
    heat_map("Jobs by week", below.trim_end(), from, end, &rows)
}

fn covered(overview: &Overview, shown: &[&JobOverview], left_out: &str) -> Markup {
    let clock = |ticks| wall_clock(&overview.timezone, Instant::from_ticks(ticks));
    let lines: Vec<TimelineRow> = shown
        .iter()
        .filter_map(|job| {
            let (first, last) = job.span_ticks?;
            let mut pieces = vec![TimelineSpan {
                kind: TimelineSpanKind::There,
                from: clock(first),
                to: clock(last),
                label: counted(job.runs, "run"),
            }];
            pieces.extend(
                job.gap_ticks
                    .iter()
                    .take(200)
                    .map(|&(from, to, missed)| TimelineSpan {
                        kind: TimelineSpanKind::Gap,
                        from: clock(from),
                        to: clock(to),
                        label: format!("{} missed", counted(missed, "run")),
                    }),
            );
            Some(TimelineRow {
                name: job.title().to_owned(),
                pieces,
                number: grouped(job.runs_missed),
            })
        })
        .collect();
    let below = format!(
        "From the first run of each job to its last, in {}. A gap is longer than 2.5 times what is usual between two runs. {left_out}",
        overview.timezone
    );
    timeline(
        "What is covered, and gaps",
        below.trim_end(),
        &GAPS,
        "runs missed",
        &lines,
    )
}

fn assets(overview: &Overview) -> Markup {
    let Some(comparison) = &overview.comparison else {
        return Markup::default();
    };
    let worst: Vec<Bar> = overview
        .worst_assets
        .iter()
        .map(|asset| {
            let (now, before) = (asset.errors, asset.errors_before);
            let change = if now >= before {
                format!("+{}", grouped(now - before))
            } else {
                format!("-{}", grouped(before - now))
            };
            Bar {
                name: asset.title(),
                value: now,
                before: Some(before),
                behind: vec![grouped(before), change],
            }
        })
        .collect();
    let below = format!(
        "Errors from {} to {}, beside those of the {} before.",
        day(Some(&comparison.since)),
        day(Some(&comparison.until)),
        comparison.length
    );
    bars(
        "The worst assets, and how they moved",
        &below,
        "asset",
        "errors",
        &["before", "change"],
        &worst,
    )
}

static COLUMNS: [Column; 14] = [
    Column::new("job", ColumnType::Text),
    Column::new("job_id", ColumnType::Text),
    Column::new("watched", ColumnType::Text),
    Column::new("last_complete_sync_utc", ColumnType::Text),
    Column::new("behind", ColumnType::Text),
    Column::new("first_run_utc", ColumnType::Text),
    Column::new("last_run_utc", ColumnType::Text),
    Column::new("runs", ColumnType::Integer),
    Column::new("rate_now", ColumnType::Text),
    Column::new("rate_before", ColumnType::Text),
    Column::new("verdict", ColumnType::Text),
    Column::new("runs_missed", ColumnType::Integer),
    Column::new("quarantine", ColumnType::Integer),
    Column::new("last_error", ColumnType::Text),
];

/// How fresh each job is, and all that is known of it.
fn table(overview: &Overview) -> PageTable {
    let mut table = PageTable::default();
    table.columns(&COLUMNS);
    for job in by_concern(overview) {
        let time = |at: &Option<String>| at.as_deref().map(|at| minute(at).replace(" UTC", ""));
        let (synced, first, last) = (
            time(&job.last_answered_at),
            time(&job.first_run_at),
            time(&job.last_run_at),
        );
        let shares = [&job.now, &job.before].map(|share| share.hundredths().map(percent));
        let yes = |is| if is { "yes" } else { "no" };
        table.row(&[
            Cell::Text(job.title()),
            Cell::Text(&job.job_id),
            Cell::Text(yes(job.watched)),
            Cell::Text(synced.as_deref().unwrap_or("never")),
            Cell::Text(yes(job.behind)),
            Cell::from(first.as_deref()),
            Cell::from(last.as_deref()),
            Cell::from(job.runs),
            Cell::from(shares[0].as_deref()),
            Cell::from(shares[1].as_deref()),
            Cell::Text(job.verdict.text()),
            Cell::from(job.runs_missed),
            Cell::from(job.quarantine_open),
            Cell::from(job.last_error.as_deref()),
        ]);
    }
    table
}
