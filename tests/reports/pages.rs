//! Pages and texts of the overview through the binary: what the formats that show more than rows get, they get here too.

use crate::common::story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_comes_whole_to_formats_that_can_show_it() {
    let story = Story::synced().await;
    let program = &story.program;
    let page = program
        .run(&["report", "overview", "--format", "html"])
        .ends_with(0)
        .stdout;
    assert!(
        page.contains("Is it getting worse?") && page.contains("Jobs by week"),
        "{page}"
    );
    let text = program
        .run(&["report", "overview", "--format", "table"])
        .ends_with(0)
        .stdout;
    assert!(text.contains("IS IT COMPLETE?") && !text.contains('█'), "{text}");
    let blocks = ["report", "overview", "--format", "table", "--blocks", "always"];
    assert!(program.run(&blocks).ends_with(0).stdout.contains('█'));
    let overview = program
        .run(&["report", "overview", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(overview["totals"]["jobs"], 3);
    assert_eq!(overview["jobs"][0]["behind"], false);
    let sql = "SELECT count(*) AS n FROM runs";
    let runs = program
        .run(&["query", sql, "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(overview["totals"]["runs"], runs[0]["n"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_coverage_has_the_gaps_of_the_missed_runs() {
    let story = Story::synced().await;
    let connection = story.connection();
    // All but the last run a hundred days earlier: one gap in each job, and one that is still open.
    let sql = "UPDATE _run SET started_ticks = started_ticks - 86400000000000 WHERE run_key NOT IN
        (SELECT run_key FROM (SELECT run_key, max(started_ticks) FROM _run GROUP BY job_key))";
    connection.execute(sql, []).unwrap();
    let page = story
        .program
        .run(&["report", "coverage", "--format", "html"])
        .ends_with(0)
        .stdout;
    assert_eq!(page.matches("<rect class=\"gap\" x=").count(), 6, "{page}");
    let missed = story.program.run(&["report", "missed-runs"]).ends_with(0).stdout;
    assert_eq!(missed.lines().count(), 7, "{missed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_stand_below_the_table_of_trends_only_where_they_are_asked_for() {
    let story = Story::synced().await;
    let run = |more: &[&str]| {
        let mut arguments = vec!["report", "failure-trends"];
        arguments.extend(more);
        story.program.run(&arguments).ends_with(0).stdout
    };
    let plain = run(&["--format", "table"]);
    let with = run(&["--format", "table", "--blocks", "always"]);
    let below = with.strip_prefix(&plain).unwrap();
    assert_eq!(below.lines().count(), 5, "{below}");
    assert!(
        below.contains("failed of finished by ") && below.contains('█'),
        "{below}"
    );
    assert_eq!(run(&["--blocks", "always"]), run(&[]));
    // Long names leave room for the lines on 80 columns, and are told from each other by their ends.
    let connection = story.connection();
    let sql = "UPDATE _job SET name = printf('The quarterly evaluation of %.250c, region %d', '.', job_key)";
    connection.execute(sql, []).unwrap();
    let with = run(&["--format", "table", "--blocks", "always"]);
    for (at, line) in with.lines().rev().take(3).enumerate() {
        assert!(line.chars().count() <= 80 && line.contains("…"), "{at}: {line}");
        assert!(
            (1..=3).any(|job| line.ends_with(&format!("region {job}"))),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_is_drawn_too() {
    let story = Story::synced().await;
    for report in ["failure-trends", "asset-errors"] {
        let arguments = ["report", report, "--compare", "--since", "2y", "--format", "html"];
        let page = story.program.run(&arguments).ends_with(0).stdout;
        let rows = page.matches("<rect class=\"bar\"").count();
        assert!(rows > 0 && page.contains("Now and before, by "), "{page}");
    }
}
