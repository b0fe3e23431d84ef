//! What auditors do: draw a sample, and draw it again without this program, as `docs/auditors.md` says.

use crate::common::program::Ended;
#[cfg(unix)]
use crate::common::python::is_there;
use crate::common::python::python;
use crate::common::story::Story;
use jobruns::model::hex;
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[cfg(unix)]
const AUDITORS: &str = include_str!("../../docs/auditors.md");
const WORKBOOK: &str = include_str!("../python/xlsx.py");

fn draw(seed: &str, run: &str) -> String {
    hex(&<[u8; 32]>::from(Sha256::digest(format!("{seed}:{run}"))))
}

/// Draws and runs of a population, in the order of the draws.
fn drawn(archive: &Connection, seed: &str, sql: &str) -> Vec<(String, String)> {
    let mut statement = archive.prepare(sql).unwrap();
    let runs = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut all: Vec<_> = runs
        .map(|run| run.map(|run| (draw(seed, &run), run)).unwrap())
        .collect();
    all.sort();
    all
}

fn cells(ended: &Ended) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(ended.stdout.as_bytes());
    let records = reader.records().map(|record| record.unwrap());
    records
        .map(|record| record.iter().map(str::to_owned).collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_the_runs_with_the_lowest_draws_and_its_manifest_says_of_what() {
    let story = Story::synced().await;
    let program = &story.program;
    let seed = "Prüfung 2026: A";
    let job = story.job(1);
    let base = ["report", "sample", "--seed", seed, "--job", &job];
    let with = |more: &[&str]| program.run(&[&base, more].concat());

    let sample = with(&["--size", "4", "--spare", "2", "--manifest", "--output", "s.csv"]).ends_with(0);
    assert_eq!(sample.stdout, "");
    let csv = story.program.read("s.csv");
    assert!(csv.starts_with(
        "rank,is_spare,draw,job_run_id,job_id,job_name,status_name,started_at,ended_at,revision,payload_sha256,entry_id\n"
    ));
    let archive = story.connection();
    let population = drawn(
        &archive,
        seed,
        &format!("SELECT job_run_id FROM runs WHERE job_id = '{job}'"),
    );
    assert_eq!(population.len(), 12);
    let rows = cells(&with(&["--size", "4", "--spare", "2"]));
    assert_eq!(rows.len(), 6);
    for (number, (row, (draw, run))) in rows.iter().zip(&population).enumerate() {
        assert_eq!(row[0], (number + 1).to_string());
        assert_eq!(row[1], if number < 4 { "0" } else { "1" });
        assert_eq!((&row[2], &row[3], &row[4]), (draw, run, &job));
        let (sha256, hash, revision): (String, String, i64) = archive
            .query_row(
                "SELECT payload_sha256, entry_hash, revision FROM run_revisions
                 WHERE job_run_id = ?1 ORDER BY revision DESC LIMIT 1",
                [run],
                |row| row.try_into(),
            )
            .unwrap();
        assert_eq!((&row[9], &row[10]), (&revision.to_string(), &sha256));
        let sealed: String = archive
            .query_row(
                "SELECT lower(hex(entry_hash)) FROM ledger WHERE entry_id = ?1",
                [&row[11]],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(sealed, hash);
    }

    let manifest: Value = serde_json::from_str(&story.program.read("s.csv.manifest.json")).unwrap();
    assert_eq!(manifest["population"], 12);
    assert_eq!(
        (&manifest["sample_drawn"], &manifest["spare_drawn"]),
        (&4.into(), &2.into())
    );
    assert_eq!(manifest["options"]["seed"], seed);
    assert_eq!(manifest["options"]["job"][0], job);
    assert_eq!(manifest["head"].as_str().unwrap().len(), 64);
    assert!(manifest["draw_again"].as_str().unwrap().contains("| sha256sum"));
    let [known] = &manifest["jobs"].as_array().unwrap()[..] else {
        panic!("{manifest}")
    };
    assert_eq!(known["job_id"], job);
    assert_eq!(
        (&known["runs_archived"], &known["runs_listed"]),
        (&12.into(), &12.into())
    );
    assert_eq!(known["last_complete_answer"]["total_job_runs"], 12);
    assert!(known["unproved"].as_array().unwrap().len() >= 2, "{known}");

    // A larger sample begins with the smaller one; the same options give the same bytes.
    let larger = cells(&with(&["--size", "9"]));
    assert!(larger.iter().zip(&rows).all(|(larger, row)| larger[3] == row[3]));
    assert_eq!(with(&["--size", "5"]).stdout, with(&["--size", "5"]).stdout);
    // Who looks at the table reads what it was drawn from, and how far that is proved.
    with(&["--size", "4", "--format", "table"])
        .ends_with(0)
        .shows("Drawn from a population of 12 runs")
        .shows("not proved complete for 1 of 1 job");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_and_a_page_say_how_to_draw_again() {
    let story = Story::synced().await;
    let with = |more: &[&str]| {
        let base = [
            "report", "sample", "--size", "3", "--seed", "s", "--status", "failed",
        ];
        story.program.run(&[&base, more].concat()).ends_with(0)
    };
    with(&["--format", "xlsx", "--output", "s.xlsx"]);
    if let Some(book) = python(WORKBOOK, &[&story.program.path("s.xlsx")]) {
        let about = book["sheets"]["About"]["rows"].to_string();
        for said in [
            "population",
            "option seed",
            "option status",
            "ledger head",
            "sha256sum",
            "last complete answer",
            "Not proved complete",
        ] {
            assert!(about.contains(said), "{said}: {about}");
        }
        assert_eq!(about.matches("completeness of").count(), 3);
    }
    with(&["--format", "html", "--output", "s.html"]);
    let page = story.program.read("s.html");
    for said in [
        "population",
        "sha256sum",
        "How complete the population is known to be",
        "Not proved complete",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_that_makes_no_sense_is_refused_and_a_small_population_is_told() {
    let story = Story::synced().await;
    let sample = |more: &[&str]| story.program.run(&[&["report", "sample"], more].concat());
    for (wrong, said) in [
        (&["--size", "3"][..], "--seed"),
        (&["--seed", "s"], "--size"),
        (&["--size", "0", "--seed", "s"], "--size"),
        (&["--size", "-1", "--seed", "s"], "-1"),
        (&["--size", "3", "--seed", ""], "the seed is empty"),
        (&["--size", "3", "--seed", "  "], "the seed is empty"),
        (&["--size", "3", "--seed", "a\nb"], "one line"),
        (&["--size", "3", "--seed", "s", "--job", "nobody"], "nobody"),
    ] {
        let ended = sample(wrong).ends_with(2).says(said);
        assert_eq!(ended.stdout, "", "{wrong:?}");
    }
    let all = sample(&["--size", "1000", "--spare", "2", "--seed", "s"])
        .ends_with(0)
        .says("smaller than the sample of 1000 that was asked for: all of it was drawn");
    let runs: usize = story
        .connection()
        .query_row("SELECT count(*) FROM runs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(cells(&all).len(), runs);
    assert!(cells(&all).iter().all(|row| row[1] == "0"));
    let size = (runs - 1).to_string();
    sample(&["--size", &size, "--spare", "2", "--seed", "s"])
        .ends_with(0)
        .says("1 spare instead of the 2 that were asked for");
    let none = sample(&["--size", "3", "--seed", "s", "--until", "1990-01-01"])
        .ends_with(0)
        .says("No run matches, so there is nothing to draw from.");
    assert_eq!(cells(&none).len(), 0);
    // It needs options of its own, so `all` leaves it out.
    story
        .program
        .run(&["report", "all", "--output-dir", "all"])
        .ends_with(0);
    assert!(!story.program.path("all/sample.csv").exists());
}

/// The recipe of the shell, word for word but for the job and the year, which are the look-alike's.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_drawn_again_in_a_shell() {
    if !is_there("sha256sum") {
        return;
    }
    let story = Story::synced().await;
    let (name, year): (String, String) = story.connection()
        .query_row(
            "SELECT job_name, substr(started_at, 1, 4) FROM runs GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1",
            [],
            |row| row.try_into(),
        )
        .unwrap();
    let next = (year.parse::<u32>().unwrap() + 1).to_string();
    let blocks: Vec<&str> = AUDITORS
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .collect();
    let [sample, again, ..] = blocks[..] else {
        panic!("{blocks:?}")
    };
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_jobruns"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let script = format!("set -e\n{sample}{again}")
        .replace("Nightly SQL Server", &name)
        .replace("2026-01-01", &format!("{next}-01-01"))
        .replace("2025", &year);
    let ended = Ended::of(story.program.script(&script).env("PATH", path).spawn().unwrap())
        .ends_with(0)
        .shows("the same runs");
    let manifest: Value = serde_json::from_str(&story.program.read("sample.csv.manifest.json")).unwrap();
    assert_eq!(
        ended.stdout.lines().next().unwrap().trim(),
        manifest["population"].to_string()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_of_a_report_says_of_each_job_how_complete_it_is_known_to_be() {
    let story = Story::synced().await;
    let manifest = |arguments: &[&str], file: &str| -> Value {
        story.program.run(arguments).ends_with(0);
        serde_json::from_str(&story.program.read(&format!("{file}.manifest.json"))).unwrap()
    };
    let job = story.job(0);
    let known = manifest(
        &[
            "report",
            "failures",
            "--job",
            &job,
            "--manifest",
            "--output",
            "f.csv",
        ],
        "f.csv",
    );
    let [known] = &known["jobs"].as_array().unwrap()[..] else {
        panic!("{known}")
    };
    assert_eq!(known["job_id"], job);
    assert_eq!(known["last_complete_answer"]["runs_listed"], 12);
    assert_eq!(known["last_complete_answer"]["total_job_runs"], 12);
    assert!(known["purge_age"].as_str().unwrap().contains("assumed"));
    // The purge age decides what is proved: of a server that keeps runs for two years, so much more is.
    let unproved = |purge_age: &str| {
        let said = manifest(
            &[
                "report",
                "runs",
                "--purge-age",
                purge_age,
                "--since",
                "2025-01-01",
                "--manifest",
                "--output",
                "r.csv",
            ],
            "r.csv",
        );
        assert_eq!(said["jobs"].as_array().unwrap().len(), 3);
        said["jobs"][0]["unproved"].as_array().unwrap().len()
    };
    assert_eq!((unproved("30d"), unproved("1500d")), (2, 1));
    let all = manifest(
        &["report", "all", "--manifest", "--output-dir", "all"],
        "all/coverage.csv",
    );
    assert_eq!(all["jobs"].as_array().unwrap().len(), 3);
    // The file itself is the same with a manifest and without.
    let page = |more: &[&str]| {
        let arguments = ["report", "failures", "--format", "xlsx", "--output", "p.xlsx"];
        story.program.run(&[&arguments[..], more].concat()).ends_with(0);
        std::fs::read(story.program.path("p.xlsx")).unwrap()
    };
    assert!(page(&[]) == page(&["--manifest"]));
}
