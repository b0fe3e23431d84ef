use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::report::format::{Format, Style};
use crate::report::page::ROWS_SHOWN;
use crate::report::reports::asset_errors::GroupBy;
use crate::report::reports::{AssetErrors, FailureTrends};
use crate::report::table::{Cell, Column, ColumnType};
use crate::report::testing::{Message, Run, TestArchive, job_id, plain};
use crate::report::{CommonOptions, Period, Ready, ReportMeta, Request};

const SCRIPT: &str = "\"><script>document.title='ran'</script><img src=x onerror=alert(1)>";

fn page(archive: &TestArchive, request: &dyn Request) -> String {
    archive.written(request, Format::HTML, Style::default())
}

fn trends(by: Period) -> Ready<FailureTrends> {
    plain(FailureTrends {
        by,
        ..FailureTrends::default()
    })
}

fn day(day: i64, job: usize, status: i64) -> Run {
    Run {
        job,
        status: Some(status),
        start: Some(day * 864_000_000_000),
        ..Run::default()
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
    let policy = policy.replace("&#39;", "'");
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

#[test]
fn markup_in_every_text_is_shown_and_is_none() {
    let messages = vec![Message {
        at: Some(0),
        text: Some(SCRIPT),
        details: Some(SCRIPT),
        category: Some(SCRIPT),
        asset: Some(SCRIPT),
        asset_type: Some(SCRIPT),
        owner: Some(SCRIPT),
        is_absent: false,
    }];
    let run = Run {
        messages,
        ..day(1, 0, 5)
    };
    let archive = TestArchive::new(&[Some(SCRIPT), Some("other")], &[run, day(2, 1, 4)]);
    let asked = CommonOptions {
        jobs: vec![SCRIPT.to_owned()],
        ..CommonOptions::default()
    };
    let by_message = Ready {
        common: asked,
        report: AssetErrors {
            group_by: GroupBy::Message,
            ..AssetErrors::default()
        },
    };
    for page in [
        page(&archive, &trends(Period::Day)),
        page(&archive, &plain(AssetErrors::default())),
        page(&archive, &by_message),
    ] {
        // Places where a long word may be broken are markup of ours.
        let page = page.replace("<wbr>", "");
        assert_eq!(between(&page, "<script", ">").len(), 1, "{page}");
        assert!(!page.contains("<img"), "{page}");
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
    }
}

#[test]
fn a_page_of_trends_has_its_charts_their_figures_and_what_it_was_made_with() {
    let mut runs: Vec<Run> = (0..40).map(|at| day(at, 0, 4)).collect();
    runs.extend((0..10).map(|at| day(at, 1, 5)));
    runs.push(Run {
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
        between(&page, "<svg class=\"over-time\" role=\"img\" aria-label=\"", "\"").len(),
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
fn a_report_over_nothing_is_a_page_that_says_so() {
    let archive = TestArchive::new(&[], &[]);
    for page in [
        page(&archive, &trends(Period::Day)),
        page(&archive, &plain(AssetErrors::default())),
    ] {
        assert!(page.contains("there are no rows"), "{page}");
        assert!(!page.contains("=\"NaN") && !page.contains(">NaN"), "{page}");
    }
}

#[test]
fn the_same_rows_are_the_same_bytes() {
    let runs: Vec<Run> = (0..500)
        .map(|at| day(at * 3, at.unsigned_abs() as usize % 7, 4 + at % 4))
        .collect();
    let archive = TestArchive::new(&[None; 7], &runs);
    let request = trends(Period::Day);
    assert_eq!(page(&archive, &request), page(&archive, &request));
}

fn query(rows: &[Cell<'_>]) -> String {
    let about = ReportMeta {
        report: "query".to_owned(),
        options: serde_json::Map::new(),
        head: "00".repeat(32),
        schema_version: 1,
        tool_version: "0".to_owned(),
    };
    let mut bytes = Vec::new();
    let mut page = Format::HTML.open(&mut bytes, Style::default(), &about).unwrap();
    page.columns(&[
        Column::new("a_b", ColumnType::Any),
        Column::new("nothing", ColumnType::Any),
    ])
    .unwrap();
    for cell in rows {
        page.row(&[*cell, Cell::Null]).unwrap();
    }
    page.finish().unwrap();
    drop(page);
    String::from_utf8(bytes).unwrap()
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
    let portions = between(&query(&rows), "<tbody class=\"later\">", "</tbody>").len();
    assert_eq!(portions, 5, "of about 200 kB each");
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
