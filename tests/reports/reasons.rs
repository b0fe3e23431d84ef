//! Why, not only which: an auditor's questions, each answered by one command.

use super::compared::{ALL, Question, Told};
use serde_json::Value;

/// What a command prints.
#[track_caller]
fn printed(told: &Told, line: &[&str]) -> String {
    told.program.run(line).ends_with(0).stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn which_runs_failed_in_march_and_why_and_what_changed_in_one_of_them() {
    let told = Told::new().await;
    let berlin = ["--timezone", "Europe/Berlin"];

    // A span of the calendar is the same as its two days, in every report and in the zone.
    for report in ["failures", "failure-trends", "asset-errors", "runs", "messages"] {
        for (span, since, until) in [
            (["--month", "2024-03"], "2024-03-01", "2024-04-01"),
            (["--quarter", "2024-Q1"], "2024-01-01", "2024-04-01"),
            (["--year", "2024"], "2024-01-01", "2025-01-01"),
        ] {
            let line = [&["report", report][..], &berlin, &span].concat();
            let days = [
                &["report", report][..],
                &berlin,
                &["--since", since, "--until", until],
            ]
            .concat();
            assert_eq!(printed(&told, &line), printed(&told, &days), "{report} {span:?}");
        }
    }
    for wrong in [
        ["--month", "2024-03", "--since", "30d"],
        ["--month", "2024-03", "--year", "2024"],
        ["--quarter", "2024-Q1", "--until", "30d"],
    ] {
        let line = [&["report", "failures"][..], &wrong].concat();
        assert_eq!(told.program.run(&line).ends_with(2).stdout, "");
    }

    // The zone may stand in the config file; a flag counts before it.
    let config = |zone: &str| told.program.write("zone.toml", format!("timezone = '{zone}'\n"));
    let march = ["report", "failures", "--month", "2024-03"];
    let from_file = [&march[..], &["--config", "zone.toml"]].concat();
    config("Asia/Kolkata");
    let in_kolkata = printed(&told, &[&march[..], &["--timezone", "Asia/Kolkata"]].concat());
    assert_eq!(printed(&told, &from_file), in_kolkata);
    let flag = [&from_file[..], &berlin].concat();
    assert_eq!(
        printed(&told, &flag),
        printed(&told, &[&march[..], &berlin].concat())
    );
    let verbose = [&from_file[..], &["-v"]].concat();
    let _ = told
        .program
        .run(&verbose)
        .ends_with(0)
        .says("Asia/Kolkata")
        .says("zone.toml");
    config("Asia/Kolkatta");
    let _ = told
        .program
        .run(&from_file)
        .ends_with(2)
        .says("did you mean Asia/Kolkata?")
        .says("zone.toml");

    // Which runs failed is asked of the runs too.
    let runs = |status: &[&str]| printed(&told, &[&["report", "runs"][..], status].concat());
    let failed = runs(&["--status", "failed"]);
    assert_eq!(failed, runs(&["--status", "5", "--status", "aborted"]));
    let failures = told.report("failures", &ALL, &[]);
    assert_eq!(
        failed.matches("413e6d92").count().max(failures.len() - 1),
        failures.len() - 1
    );

    // Assets by a part of their name, in any letter case.
    let column = |rows: &[Vec<String>], column: usize| -> Vec<String> {
        let mut cells: Vec<String> = rows[1..].iter().map(|row| row[column].to_lowercase()).collect();
        cells.sort();
        cells.dedup();
        cells
    };
    let all = column(&told.report("asset-errors", &ALL, &[]), 0);
    let some = column(&told.report("asset-errors", &ALL, &["--asset", "*"]), 0);
    assert_eq!(some, all);
    let name = all.iter().find(|name| name.chars().count() > 2).unwrap();
    let pattern = format!("{}*", name.chars().take(2).collect::<String>().to_uppercase());
    let some = column(&told.report("asset-errors", &ALL, &["--asset", &pattern]), 0);
    assert!(
        some.contains(name) && some.len() < all.len(),
        "{pattern}: {some:?}"
    );

    // Details by themselves: each is as often as the messages have it.
    let details = told.report("asset-errors", &ALL, &["--group-by", "detail"]);
    let messages = told.report("messages", &ALL, &[]);
    for row in &details[1..] {
        let count = messages[1..]
            .iter()
            .filter(|message| message[5] == row[13])
            .count();
        assert_eq!(row[3], count.to_string(), "{row:?}");
        assert_eq!([&row[0], &row[1], &row[2], &row[12]], ["", "", "", ""]);
    }

    // What changed is told by the report, and shown with its values on the page of the run.
    let changes = told.report("changes", &ALL, &[]);
    let changed = changes.last().unwrap();
    let run = &changed[2];
    let page = told
        .program
        .run(&["run", run, "--format", "json"])
        .ends_with(0)
        .json();
    let revisions = page["revisions"].as_array().unwrap();
    assert_eq!(page["run"]["job_run_id"], run.as_str());
    assert_eq!(revisions[0]["what"], Value::Null);
    assert_eq!(revisions[1]["what"], changed[8].as_str());
    let of_run = |row: &&Vec<String>| row[0] == *run;
    let absent_too = Question {
        include_absent: true,
        flags: &["--include-absent"],
        ..ALL
    };
    let held = told.report("messages", &absent_too, &[]);
    assert_eq!(
        page["messages"].as_array().unwrap().len(),
        held.iter().filter(of_run).count()
    );

    // The newest head seals each of them; the hashes are those of the ledger.
    let head = &page["newest_head"];
    assert_eq!(head["sync_id"], 3);
    let ledger = told
        .program
        .run(&["ledger", "show", "--run", run, "--format", "json"])
        .ends_with(0)
        .json();
    for revision in revisions {
        assert_eq!(revision["is_sealed"], true);
        let line = ledger
            .as_array()
            .unwrap()
            .iter()
            .find(|line| line["entry_id"] == revision["entry_id"]);
        let line = line.unwrap();
        assert_eq!(
            [&line["entry"], &line["entry_hash"]],
            [&revision["entry"], &revision["entry_hash"]]
        );
        let number = revision["revision"].to_string();
        let payload = printed(&told, &["payload", run, "--revision", &number]);
        assert_eq!(revision["payload_bytes"], payload.len());
    }
    for word in [head["head"].as_str().unwrap(), &changed[8], run] {
        for format in ["table", "html"] {
            let page = printed(&told, &["run", run, "--format", format]).replace("<wbr>", "");
            assert!(page.contains(word), "{format} lacks {word}: {page}");
        }
    }

    // A run is named in any form; one that is not there, and what is not a run, is told.
    let braced = format!("{{{}}}", run.to_uppercase());
    assert_eq!(printed(&told, &["run", &braced]), printed(&told, &["run", run]));
    told.program
        .run(&["run", "00000000"])
        .ends_with(1)
        .says("has no run 00000000")
        .says("jobruns report runs");
    told.program
        .run(&["run", "nightly"])
        .ends_with(2)
        .says("is not a run");
    told.program.run(&["run", "0000000"]).ends_with(2);
    let several = told.program.run(&["run", &run[..8]]);
    if several.code == Some(2) {
        several.says("give more of its digits");
    }

    // A name that several jobs have says nothing of one of them.
    for job in &told.ids[..2] {
        told.program
            .run(&["jobs", "add", job, "--name", "Twin"])
            .ends_with(0);
    }
    let twins = told
        .program
        .run(&["report", "runs", "--job", "twin"])
        .ends_with(2);
    assert_eq!(twins.stdout, "");
    let _ = twins.says(&told.ids[0]).says(&told.ids[1]);
    told.program
        .run(&["report", "runs", "--job", &told.ids[0][..13]])
        .ends_with(0);
}
