use serde_json::Value;

use crate::report::format::{Format, Style};
use crate::report::reports::OverviewReport;
use crate::report::testing::{TestArchive, TestMessage, TestRun, job_id};
use crate::report::{CommonOptions, Ready};

const DAY: i64 = 864_000_000_000;

fn run(job: usize, day: i64, status: i64) -> TestRun {
    TestRun {
        job,
        status: Some(status),
        start: Some(day * DAY),
        end: Some(day * DAY + 36_000_000_000),
        ..TestRun::default()
    }
}

fn error(asset: &'static str) -> TestMessage {
    TestMessage {
        text: Some("it broke"),
        category: Some("Error"),
        asset: Some(asset),
        ..TestMessage::default()
    }
}

/// Job 0 ran daily for 100 days and fails since day 80, job 1 on the first ten days and then on day 90; job 2 never.
fn archive() -> TestArchive {
    let mut runs: Vec<TestRun> = (0..100)
        .map(|day| run(0, day, if day < 80 { 4 } else { 5 }))
        .collect();
    runs.extend((0..10).chain(90..93).map(|day| run(1, day, 4)));
    for run in &mut runs {
        let day = run.start.unwrap() / DAY;
        match (run.job, day) {
            (0, 99) => run.messages = vec![error("new"), error("new"), error("both")],
            (0, 50) => run.messages = vec![error("both"), error("both"), error("gone")],
            (0, 5) => run.messages = vec![error("long ago")],
            _ => {}
        }
    }
    TestArchive::new(&[Some("Nightly"), Some("東京の週次"), None], &runs)
}

fn written(archive: &TestArchive, common: &CommonOptions, format: Format, style: Style) -> String {
    archive.written(&Ready::<OverviewReport>::plain(common), format, style)
}

fn json(archive: &TestArchive, common: &CommonOptions) -> Value {
    serde_json::from_str(&written(archive, common, Format::JSON, Style::default())).unwrap()
}

#[test]
fn the_last_four_weeks_are_held_against_the_four_before() {
    let overview = json(&archive(), &CommonOptions::default());
    // From day 71 and a bit to the start on day 99: 28 days.
    let comparison = &overview["comparison"];
    assert_eq!(comparison["since"], "1970-03-13T00:00:00.0000001Z");
    assert_eq!(comparison["until"], "1970-04-10T00:00:00.0000001Z");
    assert_eq!(
        comparison["now"],
        serde_json::json!({"runs": 31, "finished": 31, "failed": 20, "failure_rate": 0.6452})
    );
    assert_eq!(
        comparison["before"],
        serde_json::json!({"runs": 28, "finished": 28, "failed": 0, "failure_rate": 0.0})
    );
    assert_eq!(comparison["verdict"], "worse");
    let jobs = overview["jobs"].as_array().unwrap();
    let verdicts: Vec<&str> = jobs.iter().map(|job| job["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["worse", "not_known", "not_known"]);
    let totals = &overview["totals"];
    assert_eq!((&totals["runs"], &totals["failed"]), (&113.into(), &20.into()));
    assert_eq!(totals["last_run_at"], "1970-04-10T00:00:00Z");
}

#[test]
fn assets_are_held_against_what_they_were() {
    let overview = json(&archive(), &CommonOptions::default());
    let assets = overview["worst_assets"].as_array().unwrap();
    let told: Vec<String> = assets
        .iter()
        .map(|asset| {
            format!(
                "{} {} {}",
                asset["asset"], asset["errors"], asset["errors_before"]
            )
        })
        .collect();
    assert_eq!(told, ["\"new\" 2 0", "\"both\" 1 2"]);
    assert_eq!(
        (&overview["assets_new"], &overview["assets_gone"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn gaps_are_those_of_the_missed_runs_and_jobs_that_were_never_complete_are_behind() {
    let overview = json(&archive(), &CommonOptions::default());
    let completeness = &overview["completeness"];
    assert_eq!(
        (&completeness["gaps"], &completeness["runs_missed"]),
        (&1.into(), &80.into())
    );
    assert_eq!(completeness["largest_gaps"][0]["job_id"], job_id(1));
    assert_eq!(completeness["jobs_never_complete"], 3);
    assert_eq!(completeness["jobs_behind"], 3);
}

#[test]
fn a_span_that_was_asked_for_is_held_against_the_one_before_it() {
    let at = |day| Some(crate::model::Instant::from_ticks(day * DAY));
    let common = CommonOptions {
        since: at(90),
        until: at(100),
        jobs: vec!["Nightly".to_owned()],
        ..CommonOptions::default()
    };
    let overview = json(&archive(), &common);
    assert_eq!(overview["totals"]["runs"], 10);
    assert_eq!(overview["comparison"]["before_since"], "1970-03-22T00:00:00Z");
    assert_eq!(overview["comparison"]["before"]["runs"], 10);
    assert_eq!(overview["comparison"]["verdict"], "no_clear_change");
    assert_eq!(overview["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn the_page_of_text_fits_80_columns_whatever_the_names_are() {
    use unicode_width::UnicodeWidthStr;
    let long = "a very long name ".repeat(20);
    let names = [
        Some(long.as_str()),
        Some("東京の週次東京の週次東京の週次東京の週次"),
        Some("\u{202e}x\x1b[2J"),
    ];
    let mut runs: Vec<TestRun> = (0..100).map(|day| run(0, day, 4)).collect();
    runs.extend((0..100).step_by(7).map(|day| run(1, day, 5)));
    runs.push(run(2, 3, 7));
    for archive in [
        TestArchive::new(&names, &runs),
        TestArchive::new(&[], &[]),
        TestArchive::new(&[None], &[run(0, 0, 2)]),
    ] {
        let blocks = Style {
            blocks: true,
            ..Style::default()
        };
        let text = written(&archive, &CommonOptions::default(), Format::TABLE, blocks);
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(
            text.contains("IS IT COMPLETE?") && text.contains("IS IT GETTING WORSE?"),
            "{text}"
        );
        assert!(!text.contains(['\x1b', '\u{202e}']), "{text}");
    }
}

#[test]
fn blocks_are_there_where_they_were_asked_for() {
    let archive = archive();
    let with = |blocks| {
        let style = Style {
            blocks,
            ..Style::default()
        };
        written(&archive, &CommonOptions::default(), Format::TABLE, style)
    };
    assert!(with(true).contains('█') && with(true).contains("by week"));
    assert!(!with(false).contains('█'));
}

#[test]
fn the_page_answers_the_three_questions_with_a_chart_for_each() {
    let page = written(
        &archive(),
        &CommonOptions::default(),
        Format::HTML,
        Style::default(),
    );
    for text in [
        "Is it complete?</h2><div class=\"big\"><bdi>3 jobs never complete, 80 missed runs in 1 gap</bdi></div>",
        "Is it getting worse?</h2><div class=\"big\"><bdi>Worse</bdi></div>",
        "Where?</h2><div class=\"big\"><bdi>Nightly</bdi></div>",
        "Failure rate and runs over time",
        "Each job over time",
        "Jobs by week",
        "What is covered, and gaps",
        "The worst assets, and how they moved",
        "<table id=\"rows\">",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert_eq!(
        page,
        written(
            &archive(),
            &CommonOptions::default(),
            Format::HTML,
            Style::default()
        )
    );
}

#[test]
fn formats_of_rows_have_a_figure_a_row() {
    let csv = written(
        &archive(),
        &CommonOptions::default(),
        Format::CSV,
        Style::default(),
    );
    assert!(
        csv.starts_with("about,job_id,name,figure,value\narchive,,,jobs,3\narchive,,,runs,113\n"),
        "{csv}"
    );
    assert!(
        csv.contains(&format!("\njob,{},Nightly,failed_now,20\n", job_id(0))),
        "{csv}"
    );
    assert!(csv.contains("\nasset,,both,errors_before,2\n"), "{csv}");
}

#[test]
fn an_archive_without_runs_is_told_of_too() {
    let empty = TestArchive::new(&[], &[]);
    let overview = json(&empty, &CommonOptions::default());
    assert_eq!(overview["comparison"], Value::Null);
    let page = written(&empty, &CommonOptions::default(), Format::HTML, Style::default());
    assert!(
        page.contains("Not known") && page.contains("Nothing was ever synced"),
        "{page}"
    );
}
