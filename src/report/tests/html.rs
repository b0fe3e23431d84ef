use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::model::Instant;
use crate::report::format::{Format, PageHeading, Style};
use crate::report::html::Present;
use crate::report::html::ROWS_SHOWN;
use crate::report::options::{AssetFilter, MessageFilter, PurgeAgeFlag, Span};
use crate::report::reports::asset_errors::GroupBy;
use crate::report::reports::runs::{RunFilter, WantedStatus};
use crate::report::reports::{
    AssetErrors, Changes, Coverage, FailureTrends, Failures, Messages, MissedRuns, OverviewReport, Runs,
    Vanished,
};
use crate::report::table::{Cell, Column, ColumnType};
use crate::report::testing::{TestArchive, TestMessage, TestRun, job_id, plain, put_revision};
use crate::report::{CommonOptions, Period, Ready, ReportMeta, Request};

/// What an attacker may put into a text to end what it stands in, to run, or to look like another.
const HOSTILE: &str =
    "</script></style></title><svg onload=\"alert(1)\">\"'><!--\u{202e}\u{200b}\x1b[31m\r\n&lt;_a.b";

fn page(archive: &TestArchive, request: &dyn Request) -> String {
    archive.written(request, Format::HTML, Style::default())
}

/// With this above the title of each page.
fn headed(text: &str) -> Style {
    Style {
        heading: PageHeading {
            title: Some(text.to_owned()),
            organisation: Some(text.to_owned()),
        },
        ..Style::default()
    }
}

fn trends(by: Period) -> Ready<FailureTrends> {
    plain(FailureTrends {
        by,
        ..FailureTrends::default()
    })
}

fn day(day: i64, job: usize, status: i64) -> TestRun {
    TestRun {
        job,
        status: Some(status),
        start: Some(day * 864_000_000_000),
        ..TestRun::default()
    }
}

/// What stands between two marks, each time.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> Vec<&'t str> {
    let pieces = text.split(begin).skip(1);
    pieces.map(|piece| piece.split(end).next().unwrap()).collect()
}

#[test]
fn the_policy_names_the_script_and_the_style_that_are_there_and_nothing_else() {
    let archive = TestArchive::new(&[Some("Nightly")], &[day(1, 0, 4)]);
    let page = page(&archive, &trends(Period::Day));
    let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"")[0];
    for (element, directive) in [("script", "script-src"), ("style", "style-src")] {
        let texts = between(&page, &format!("<{element}>"), &format!("</{element}>"));
        assert_eq!(texts.len(), 1, "{element}");
        let hash = STANDARD.encode(Sha256::digest(texts[0]));
        assert!(
            policy.contains(&format!("{directive} 'sha256-{hash}';")),
            "{policy}"
        );
    }
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
        "{policy}"
    );
    for loads in [
        " src=",
        "url(",
        "@import",
        "<link",
        " style=\"",
        "<iframe",
        "http://",
        "https://",
    ] {
        assert!(!page.contains(loads), "{loads}");
    }
}

/// An archive in which this is every text that a server sends.
fn archive_of(text: &'static str) -> TestArchive {
    let message = TestMessage {
        at: Some(0),
        text: Some(text),
        details: Some(text),
        category: Some(text),
        asset: Some(text),
        asset_type: Some(text),
        owner: Some(text),
        is_absent: false,
    };
    let runs: Vec<TestRun> = (0..9)
        .chain(30..40)
        .map(|at| TestRun {
            messages: vec![message.clone()],
            is_absent: at < 2,
            ..day(at, usize::from(at % 3 == 0), 4 + at % 2)
        })
        .collect();
    let archive = TestArchive::new(&[Some(text), Some(other(text))], &runs);
    let connection = archive.connection();
    for sql in [
        "UPDATE _job SET last_error = ?1",
        "UPDATE _run SET exception = ?1, custom_status_text = ?1, job_summary = ?1, status_details = ?1,
             activity_status_list = ?1, started_at_raw = ?1, ended_at_raw = ?1",
    ] {
        connection.execute(sql, [text]).unwrap();
    }
    put_revision(&connection, 101, 1, 1, 0, Some(2));
    put_revision(&connection, 102, 1, 2, 100, Some(4));
    archive
}

/// The name of the second job, for no two have one that is asked for.
fn other(text: &str) -> &'static str {
    format!("{text}2").leak()
}

/// The page of every report over such an archive, with this as every text that a user can ask for.
fn pages_of(text: &'static str) -> Vec<(String, String)> {
    let archive = archive_of(text);
    let common = CommonOptions {
        jobs: vec![text.to_owned(), other(text).to_owned()],
        ..CommonOptions::default()
    };
    let later = CommonOptions {
        since: Some(Instant::from_unix_seconds(20 * 86_400)),
        until: Some(Instant::from_unix_seconds(60 * 86_400)),
        ..common.clone()
    };
    let before = Span {
        since: Instant::from_unix_seconds(0),
        until: Instant::from_unix_seconds(20 * 86_400),
    };
    let assets = AssetFilter {
        assets: vec![text.to_owned()],
        asset_types: vec![text.to_owned()],
        owners: vec![text.to_owned()],
    };
    let filter = RunFilter {
        messages: MessageFilter {
            assets: assets.clone(),
            search: Some(text.to_owned()),
            ..MessageFilter::default()
        },
        ..RunFilter::default()
    };
    fn ready<R: Present>(common: &CommonOptions, report: R) -> Ready<R> {
        Ready {
            common: common.clone(),
            report,
        }
    }
    let of = |request: &dyn Request| {
        let page = archive.written(request, Format::HTML, headed(text));
        (request.name().to_owned(), page)
    };
    let trends = FailureTrends::default();
    let trends_compared = FailureTrends {
        compare: before.into(),
        ..FailureTrends::default()
    };
    let errors_compared = AssetErrors {
        compare: before.into(),
        ..AssetErrors::default()
    };
    let gaps = Coverage {
        gaps: true,
        purge_age: PurgeAgeFlag {
            purge_age: Some(Duration::from_secs(86_400)),
        },
    };
    let vanished = Vanished {
        purge_age: PurgeAgeFlag {
            purge_age: Some(Duration::from_secs(86_400)),
        },
    };
    let runs = Runs {
        filter: filter.clone(),
    };
    let failures = Failures {
        filter: filter.clone(),
    };
    let mut pages = vec![
        of(&ready(&common, trends)),
        of(&ready(&later, trends_compared)),
        of(&ready(&later, errors_compared)),
        of(&ready(&common, Coverage::default())),
        of(&ready(&common, gaps)),
        of(&ready(&common, MissedRuns::default())),
        of(&ready(&common, vanished)),
        of(&ready(&common, Changes::default())),
        of(&ready(&common, runs)),
        of(&ready(&common, failures)),
        of(&ready(&common, Messages { filter })),
        of(&ready(&common, OverviewReport::default())),
        ("query".to_owned(), query_of(text)),
    ];
    pages.extend(GroupBy::ALL.map(|group_by| {
        let report = AssetErrors {
            assets: assets.clone(),
            group_by,
            ..AssetErrors::default()
        };
        of(&ready(&common, report))
    }));
    pages
}

/// A query whose SQL, columns and cells are this text.
fn query_of(text: &'static str) -> String {
    let about = ReportMeta {
        report: "query".to_owned(),
        options: [("sql".to_owned(), text.into())].into_iter().collect(),
        head: "00".repeat(32),
        tool_version: text.to_owned(),
        ..ReportMeta::default()
    };
    rendered(
        &about,
        &[
            Column::new(text, ColumnType::Any),
            Column::new(text, ColumnType::Text),
        ],
        &[
            [Cell::Text(text), Cell::Null],
            [Cell::Bytes(text.as_bytes()), Cell::Null],
        ],
    )
}

/// The tags of a page, with the names of their attributes but without their values. Where a long word may be broken is
/// left out, since that depends on its letters.
fn tags(page: &str) -> Vec<String> {
    let mut page = page.to_owned();
    for element in ["script", "style"] {
        let inside = between(&page, &format!("<{element}>"), &format!("</{element}>"))[0].to_owned();
        page = page.replace(&inside, "");
    }
    let tags = page.split('<').skip(1).map(|piece| {
        let tag = piece.split('>').next().unwrap();
        tag.split('"').step_by(2).collect::<String>()
    });
    tags.filter(|tag| tag != "wbr" && tag != "br").collect()
}

#[test]
fn hostile_text_is_shown_and_is_neither_markup_nor_anything_that_steers_the_reader() {
    let harmless: &'static str = "x".repeat(HOSTILE.chars().count()).leak();
    for ((place, hostile), (_, harmless)) in pages_of(HOSTILE).into_iter().zip(pages_of(harmless)) {
        assert!(
            hostile
                .replace("<wbr>", "")
                .contains("&lt;svg onload=&quot;alert(1)&quot;&gt;"),
            "{place}"
        );
        assert!(!hostile.contains("No matching rows"), "{place}");
        let steers = |character: char| character != '\n' && crate::text::is_active(character);
        assert_eq!(hostile.find(steers), None, "{place}");
        assert_eq!(tags(&hostile), tags(&harmless), "{place}");
    }
}

#[test]
fn a_page_of_trends_has_its_charts_their_figures_and_what_it_was_made_with() {
    let mut runs: Vec<TestRun> = (0..40).map(|at| day(at, 0, 4)).collect();
    runs.extend((0..10).map(|at| day(at, 1, 5)));
    runs.push(TestRun {
        start: None,
        ..day(0, 1, 7)
    });
    let archive = TestArchive::new(&[Some("Nightly"), None], &runs);
    let page = page(&archive, &trends(Period::Week));
    assert!(page.contains("<p class=\"lead\">51 runs of 2 jobs; 20 % of those that finished failed. 1 run without a start in no chart.</p>"), "{page}");
    // The job without a name goes by its GUID; the one that failed comes first.
    let names = between(&page, "<th scope=\"row\" class=\"name\" title=\"", "\"");
    assert_eq!(names, [job_id(1).as_str(), "Nightly"]);
    assert_eq!(
        between(
            &page,
            "<svg class=\"over-time some\" role=\"img\" aria-label=\"",
            "\""
        )
        .len(),
        1
    );
    assert_eq!(
        between(&page, "<details class=\"figures\">", "</details>").len(),
        2
    );
    // 1970-01-05 to 01-11: seven runs of each job, but three days of the second.
    assert!(
        page.contains(
            "<th scope=\"row\">1970-01-05</th><td>13</td><td>7</td><td>6</td><td>0</td><td>46.15 %</td>"
        ),
        "{page}"
    );
    assert!(page.contains("<dt>by</dt><dd>week</dd>") && page.contains("<dt>ledger head</dt>"));
    assert!(!page.contains("<dt>since</dt>"));
}

#[test]
fn site_and_organisation_stand_above_the_title_where_they_are_given() {
    let archive = TestArchive::new(&[], &[]);
    let style = Style {
        heading: PageHeading {
            title: Some("Berlin".to_owned()),
            organisation: Some("Example & Co".to_owned()),
        },
        ..Style::default()
    };
    for (request, title) in [
        (&trends(Period::Day) as &dyn Request, "Failure trends"),
        (&plain(OverviewReport::default()), "State of the archive"),
    ] {
        let with = archive.written(request, Format::HTML, style.clone());
        let head = format!("<title>{title} - Berlin - Example &amp; Co - jobruns</title>");
        assert!(with.contains(&head), "{with}");
        let above = "<p class=\"owner\"><span>Example &amp; Co</span> <span>Berlin</span> </p><h1>";
        assert!(with.contains(above), "{with}");
        assert!(!page(&archive, request).contains("class=\"owner\""));
    }
}

/// The headings of the table of rows, and the cells of its first row.
fn table_of(page: &str) -> (Vec<&str>, Vec<&str>) {
    let table = between(page, "<table id=\"rows\">", "</table>")[0];
    let texts = |text, begin, end| -> Vec<&str> {
        let cells = between(text, begin, end).into_iter();
        cells.map(|cell| cell.split_once('>').unwrap().1).collect()
    };
    let row = between(table, "<tr>", "</tr>")[1];
    (texts(table, "<th ", "</th>"), texts(row, "<td", "</td>"))
}

#[test]
fn names_stand_where_guids_would_and_durations_are_in_words() {
    let run = TestRun {
        end: Some(864_000_000_000 + 75_000_000_000),
        ..day(1, 0, 4)
    };
    let archive = TestArchive::new(&[None], &[run]);
    let page_of_trends = page(&archive, &trends(Period::Day));
    let (headings, cells) = table_of(&page_of_trends);
    assert_eq!(headings[..2], ["period start", "job name"]);
    assert_eq!(
        headings[headings.len() - 3..],
        ["mean duration", "max duration", "job id"]
    );
    // A job without a name goes by its GUID.
    assert_eq!(cells[1], job_id(0));
    assert_eq!(cells[cells.len() - 2], "2 h 5 min");
    assert!(
        page_of_trends.contains("data-number=\"7500.0\""),
        "{page_of_trends}"
    );
    let page_of_runs = page(&archive, &plain(Runs::default()));
    let (headings, _) = table_of(&page_of_runs);
    assert!(
        headings.contains(&"status name") && !headings.contains(&"status"),
        "{headings:?}"
    );
    assert_eq!(headings[headings.len() - 2..], ["job run id", "job id"]);
}

#[test]
fn runs_that_were_chosen_for_how_they_ended_have_no_rate_of_failures() {
    let archive = TestArchive::new(&[Some("Nightly")], &[day(1, 0, 4), day(2, 0, 5), day(3, 0, 5)]);
    let of = |filter: RunFilter| page(&archive, &plain(Runs { filter }));
    let all = of(RunFilter::default());
    assert!(all.contains("66.67 % of those that finished failed") && all.contains("class=\"rate-line\""));
    let failed = of(RunFilter {
        statuses: vec![WantedStatus::Code(5)],
        ..RunFilter::default()
    });
    assert!(
        failed.contains(">2 runs.<") && failed.contains("class=\"over-time few\""),
        "{failed}"
    );
    assert!(
        !failed.contains("class=\"rate-line\"") && !failed.contains("100 %"),
        "{failed}"
    );
    assert!(failed.contains("<dt>status</dt><dd>Faulted</dd>"), "{failed}");
}

#[test]
fn runs_that_vanished_are_drawn_by_when_and_how_they_had_ended() {
    let absent = |at, job, status| TestRun {
        is_absent: true,
        ..day(at, job, status)
    };
    let runs = [absent(0, 0, 4), absent(0, 1, 5), absent(0, 1, 7), day(0, 0, 5)];
    let archive = TestArchive::new(&[Some("Nightly"), Some("Weekly")], &runs);
    let page = page(
        &archive,
        &plain(Vanished {
            purge_age: PurgeAgeFlag {
                purge_age: Some(Duration::from_secs(86_400)),
            },
        }),
    );
    assert!(
        page.contains(
            ">3 runs of 2 jobs vanished from the server before their purge age, 2 of them failed. "
        ),
        "{page}"
    );
    assert!(
        page.contains("<th scope=\"row\">1970-01-01</th><td>3</td><td>1</td><td>2</td><td>0</td>"),
        "{page}"
    );
}

#[test]
fn a_report_over_nothing_is_a_page_that_says_so() {
    let archive = TestArchive::new(&[], &[]);
    for page in [
        page(&archive, &trends(Period::Day)),
        page(&archive, &plain(AssetErrors::default())),
    ] {
        assert!(page.contains("No matching rows"), "{page}");
        assert!(!page.contains("=\"NaN") && !page.contains(">NaN"), "{page}");
    }
}

#[test]
fn the_same_rows_are_the_same_bytes() {
    let runs: Vec<TestRun> = (0..500)
        .map(|at| day(at * 3, at.unsigned_abs() as usize % 7, 4 + at % 4))
        .collect();
    let archive = TestArchive::new(&[None; 7], &runs);
    let request = trends(Period::Day);
    assert_eq!(page(&archive, &request), page(&archive, &request));
}

fn rendered(about: &ReportMeta, columns: &[Column], rows: &[[Cell<'_>; 2]]) -> String {
    let mut bytes = Vec::new();
    let style = headed(&about.tool_version);
    let mut page = Format::HTML.open(&mut bytes, style, about).unwrap();
    page.columns(columns).unwrap();
    for row in rows {
        page.row(row).unwrap();
    }
    page.finish().unwrap();
    drop(page);
    String::from_utf8(bytes).unwrap()
}

fn query(cells: &[Cell<'_>]) -> String {
    let about = ReportMeta {
        report: "query".to_owned(),
        head: "00".repeat(32),
        tool_version: "0".to_owned(),
        ..ReportMeta::default()
    };
    let columns = [
        Column::new("a_b", ColumnType::Any),
        Column::new("nothing", ColumnType::Any),
    ];
    let rows: Vec<[Cell<'_>; 2]> = cells.iter().map(|cell| [*cell, Cell::Null]).collect();
    rendered(&about, &columns, &rows)
}

#[test]
fn past_the_first_rows_a_page_says_where_the_rest_is() {
    let rows: Vec<Cell<'_>> = (0..7_000).map(Cell::Integer).collect();
    let page = query(&rows);
    assert!(page.contains("the first 5,000 of 7,000 rows"));
    assert_eq!(between(&page, "<td class=\"n\">", "</td>").len(), ROWS_SHOWN);
    assert!(page.contains("<td class=\"n\">4,999</td>") && !page.contains(">5,000</td>"));
    assert!(!query(&rows[..5_000]).contains("the first"));
}

#[test]
fn rows_come_in_portions_that_a_browser_can_lay_out_whether_they_are_many_or_long() {
    let rows: Vec<Cell<'_>> = (0..1_000).map(Cell::Integer).collect();
    assert_eq!(
        between(&query(&rows), "<tbody class=\"later\">", "</tbody>").len(),
        4
    );
    let long = "long ".repeat(200);
    let rows: Vec<Cell<'_>> = (0..1_000).map(|_| Cell::Text(&long)).collect();
    let shown_progress = between(&query(&rows), "<tbody class=\"later\">", "</tbody>").len();
    assert_eq!(shown_progress, 5, "of about 200 kB each");
}

#[test]
fn empty_columns_are_named_and_left_out_and_long_texts_are_cut_with_a_word() {
    let long = "y".repeat(100_000);
    let page = query(&[Cell::Text("two\nlines\x1b[2J\u{202e}"), Cell::Text(&long)]);
    assert!(page.contains("left out: nothing."));
    assert!(page.contains("two<br>lines␛[2J\\u{202e}"), "{page}");
    assert!(page.contains("y<span class=\"cut\">… and 99,000 letters more</span>"));
    assert!(page.contains(">a_b</th>"));
}

#[test]
fn a_page_of_asset_errors_counts_what_its_rows_are() {
    let message = |asset| TestMessage {
        category: Some("Error"),
        asset,
        ..TestMessage::default()
    };
    let run = TestRun {
        messages: vec![message(Some("A")), message(Some("B")), message(None)],
        ..day(1, 0, 5)
    };
    let archive = TestArchive::new(&[None], &[run]);
    let of = |group_by| {
        let report = AssetErrors {
            group_by,
            ..AssetErrors::default()
        };
        page(&archive, &plain(report))
    };
    let assets = of(GroupBy::Asset);
    assert!(
        assets.contains(">2 assets and messages without one: 3 errors, "),
        "{assets}"
    );
    assert!(of(GroupBy::Category).contains(">1 category: 3 errors, "));
}

#[test]
fn headings_have_their_units_and_say_what_a_gap_is_between() {
    let archive = TestArchive::new(&[Some("Nightly")], &[day(1, 0, 4)]);
    let coverage = page(&archive, &plain(Coverage::default()));
    assert!(
        !coverage.contains("longest gap<") && !coverage.contains("silent<"),
        "{coverage}"
    );
    let vanished = page(&archive, &plain(Vanished::default()));
    assert!(
        vanished.contains(">age (days)</th>") && vanished.contains(">purge age (days)</th>"),
        "{vanished}"
    );
}
