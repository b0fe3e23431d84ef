//! What somebody with the file does so well that only the list of heads shows it.

use super::forger::{Forgery, Scene, with_payload, word};
use crate::common::python::unpacks_zstandard;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How `verify` ends without heads: 0, or 3 where a loss is named.
    alone: i32,
    /// Forges, and says what must be told with the list.
    forge: fn(&Forgery<'_>) -> Vec<String>,
}

fn at(entry: i64) -> String {
    format!("ledger, entry {entry}")
}

fn line_of_list(line: usize) -> String {
    format!("heads.txt, line {line}")
}

/// Pretends that a salvage lost something, and makes the tables follow.
fn lost(forgery: &Forgery<'_>, lost: &str, sql: &str, told: &str) -> Vec<String> {
    let first = forgery.pretend_salvage(&[lost]);
    forgery.sql(sql);
    forgery.tables_anew();
    vec![at(first), at(first + 1), told.to_owned()]
}

pub(crate) const FORGERIES: &[Row] = &[
    Row {
        name: "salvage-pretended",
        alone: 0,
        forge: |forgery| {
            let first = forgery.pretend_salvage(&[]);
            vec![at(first)]
        },
    },
    Row {
        name: "run-lost-by-a-pretended-salvage",
        alone: 3,
        forge: |forgery| {
            let failed = forgery.failed();
            let line = format!("lost what=payload entry={}", failed.entry);
            let sql = format!("DELETE FROM payload WHERE entry_id = {}", failed.entry);
            lost(forgery, &line, &sql, &format!("revision 1 of run {}", failed.run))
        },
    },
    Row {
        name: "run-lost-and-told-again",
        alone: 3,
        forge: |forgery| {
            // The attack with everything that a true salvage would say: its own sync, and the run received by it.
            let failed = forgery.failed();
            let payload = forgery.whitewashed(&failed.run);
            let (now, sync) = (
                forgery.now(),
                forgery.number("SELECT max(sync_id) + 1 FROM _sync"),
            );
            let began = format!("sync-began sync={sync} at={now} count=1 version=lost process=0");
            let killed = format!("sync-killed sync={sync} at={now}");
            let again = with_payload(&failed.line, &payload)
                .replace("number=1 sync=1 ", &format!("number=2 sync={sync} "));
            let loss = format!("lost what=payload entry={}", failed.entry);
            let first = forgery.pretend_salvage(&[&began, &again, &killed, &loss]);
            forgery.set_payload(first + 2, &payload);
            forgery.sql(&format!("DELETE FROM payload WHERE entry_id = {}", failed.entry));
            forgery.tables_anew();
            vec![at(first), at(first + 4), failed.run]
        },
    },
    Row {
        name: "name-of-a-job-lost",
        alone: 3,
        forge: |forgery| {
            let job = forgery.failed().job;
            let sql = format!("UPDATE _job SET name = NULL WHERE job_id = '{job}'");
            lost(forgery, &format!("lost what=name job={job}"), &sql, &job)
        },
    },
    Row {
        name: "server-of-a-job-lost",
        alone: 3,
        forge: |forgery| {
            let job = forgery.failed().job;
            let sql = format!("UPDATE _job SET server_key = NULL WHERE job_id = '{job}'");
            lost(forgery, &format!("lost what=server job={job}"), &sql, &job)
        },
    },
    Row {
        name: "results-of-a-sync-lost",
        alone: 3,
        forge: |forgery| {
            let sql =
                "DELETE FROM _sync_job WHERE sync_id = 2; DELETE FROM _sync_job_unchanged WHERE sync_id = 2";
            lost(forgery, "lost what=results sync=2", sql, "sync 2")
        },
    },
    Row {
        name: "quarantined-bytes-lost",
        alone: 3,
        forge: |forgery| {
            let sql = "DELETE FROM _quarantined WHERE quarantine_id = 2";
            lost(
                forgery,
                "lost what=quarantined id=2",
                sql,
                "number 2 in quarantine",
            )
        },
    },
    Row {
        name: "zone-changed-by-reindex",
        alone: 0,
        forge: |forgery| {
            let program = &forgery.scene.story.program;
            program
                .run(&[
                    "reindex",
                    "--archive",
                    forgery.name(),
                    "--naive-time",
                    "Asia/Tokyo",
                ])
                .ends_with(0);
            let last = forgery.number("SELECT max(entry_id) FROM ledger");
            vec![at(last), "Asia/Tokyo".to_owned()]
        },
    },
    Row {
        name: "act-covered-by-a-later-head",
        alone: 3,
        forge: |forgery| {
            // A later sync of the forged archive publishes its own head, which excuses nothing.
            let failed = forgery.failed();
            let line = format!("lost what=payload entry={}", failed.entry);
            let sql = format!("DELETE FROM payload WHERE entry_id = {}", failed.entry);
            let told = lost(forgery, &line, &sql, &failed.run);
            let name = forgery.name();
            forgery
                .scene
                .story
                .sync(&["--archive", name, "--head-file", "later.txt"]);
            let program = &forgery.scene.story.program;
            let later = std::fs::read_to_string(program.path("later.txt")).unwrap();
            let before = std::fs::read_to_string(program.path("heads.txt")).unwrap();
            program.write("both.txt", before + &later);
            let told_of: Vec<&str> = told.iter().map(String::as_str).collect();
            forgery.ends_with(&["--head-file", "both.txt"], 4, &told_of);
            told
        },
    },
    Row {
        name: "reason-of-an-acknowledgement-lost",
        alone: 3,
        forge: |forgery| {
            // A restored copy goes on with a list of its own, in which the reason is given; then that is "lost".
            let program = &forgery.scene.story.program;
            std::fs::copy(program.path("first.db"), &forgery.path).unwrap();
            let list = std::fs::read(program.path("heads.txt")).unwrap();
            program.write("restored.txt", list);
            let archive = ["--archive", forgery.name(), "--head-file", "restored.txt"];
            let why = ["ledger", "acknowledge", "--why", "restored"];
            program.run(&[&why[..], &archive].concat()).ends_with(0);
            forgery.ends_with(&["--head-file", "restored.txt"], 0, &["given up"]);
            let seal = forgery.text("SELECT lower(hex(why_sha256)) FROM _reason");
            let first = forgery.pretend_salvage(&[&format!("lost what=why sha256={seal}")]);
            forgery.sql("DELETE FROM _reason");
            let told = [&*at(first), &at(first + 1), &format!("the reason {seal}")];
            forgery.ends_with(&["--head-file", "restored.txt"], 4, &told);
            vec![line_of_list(2), line_of_list(3), told[2].to_owned()]
        },
    },
    Row {
        name: "run-removed-by-a-pretended-rule",
        alone: 0,
        forge: |forgery| {
            let failed = forgery.failed();
            let first = forgery.append(&[&forgery.removal_of(&failed)]);
            forgery.remove_rows(&failed.run);
            vec![at(first), "removed by a retention rule".to_owned(), failed.run]
        },
    },
    Row {
        name: "chain-anew",
        alone: 0,
        forge: |forgery| {
            let failed = forgery.failed();
            forgery.replace_payload(&failed, &forgery.whitewashed(&failed.run));
            forgery.tables_anew();
            [1, 2, 3].map(line_of_list).to_vec()
        },
    },
    Row {
        name: "chain-anew-from-the-middle",
        alone: 0,
        forge: |forgery| {
            // The first head stays true.
            let late = forgery
                .revision("SELECT job_run_id FROM run_revisions WHERE sync_id = 3 AND revision = 1 LIMIT 1");
            let program = &forgery.scene.story.program;
            let payload = program.run(&["payload", &late.run]).ends_with(0).stdout;
            forgery.replace_payload(&late, format!("{payload} ").as_bytes());
            forgery.tables_anew();
            vec![line_of_list(3), "sync 2".to_owned()]
        },
    },
    Row {
        name: "chain-anew-with-other-times",
        alone: 0,
        forge: |forgery| {
            forgery.chain_anew(|line| match word(line, "at") {
                Some(at) => line.replace(at, &at.replacen("20", "19", 1)),
                None => line.to_owned(),
            });
            forgery.sql("UPDATE _archive SET made_unix = unixepoch((SELECT substr(entry, instr(entry, ' at=') + 4, 20) FROM ledger WHERE entry_id = 1))");
            forgery.tables_anew();
            vec![line_of_list(1)]
        },
    },
    Row {
        name: "chain-anew-under-another-id",
        alone: 0,
        forge: |forgery| {
            let other = "11111111-2222-4333-8444-555555555555";
            let id = forgery.text("SELECT archive_id FROM _archive");
            forgery.chain_anew(|line| line.replace(&id, other));
            forgery.sql(&format!("UPDATE _archive SET archive_id = '{other}'"));
            forgery.tables_anew();
            vec!["none of this".to_owned(), id]
        },
    },
    Row {
        name: "chain-cut",
        alone: 0,
        forge: |forgery| {
            // Everything of the last sync goes, and what it changed is as it was.
            let last = forgery.number("SELECT entry_id FROM ledger WHERE entry LIKE 'sync-began sync=3 %'");
            forgery.sql(&format!(
                "DELETE FROM payload WHERE entry_id >= {last};
                 DELETE FROM _sync_job WHERE sync_id = 3;
                 DELETE FROM _sync_job_unchanged WHERE sync_id = 3;
                 DELETE FROM ledger WHERE entry_id >= {last}"
            ));
            forgery.tables_anew();
            vec![line_of_list(3)]
        },
    },
    Row {
        name: "old-copy",
        alone: 0,
        forge: |forgery| {
            let program = &forgery.scene.story.program;
            std::fs::copy(program.path("first.db"), &forgery.path).unwrap();
            vec![line_of_list(2), line_of_list(3), forgery.scene.heads[2].clone()]
        },
    },
    Row {
        name: "old-copy-acknowledged-without-the-list",
        alone: 0,
        forge: |forgery| {
            // The line of the ledger is in order; the list has none, since nobody could write there.
            let program = &forgery.scene.story.program;
            std::fs::copy(program.path("first.db"), &forgery.path).unwrap();
            let list = std::fs::read(program.path("heads.txt")).unwrap();
            program.write("copy.txt", list);
            program
                .run(&[
                    "ledger",
                    "acknowledge",
                    "--archive",
                    forgery.name(),
                    "--head-file",
                    "copy.txt",
                    "--why",
                    "restored",
                ])
                .ends_with(0);
            forgery.ends_with(&["--head-file", "copy.txt"], 0, &["given up"]);
            vec![line_of_list(2), line_of_list(3)]
        },
    },
    Row {
        name: "another-archive",
        alone: 0,
        forge: |forgery| {
            // A sound archive of the same server, made this minute.
            std::fs::remove_file(&forgery.path).unwrap();
            forgery
                .scene
                .story
                .sync(&["--archive", forgery.name()])
                .ends_with(0);
            vec!["none of this".to_owned()]
        },
    },
];

/// What a check from a head on finds; a script that knows no such check takes the head alone.
pub(crate) const SINCE_A_HEAD: [&str; 2] = ["run-lost-since-a-head", "zone-changed-since-a-head"];

/// What `docs/evidence.md` says of the chains of jobs, done by its words alone, gives the heads of the program.
#[tokio::test(flavor = "multi_thread")]
async fn the_chains_of_jobs_are_those_of_the_document() {
    let scene = Scene::new().await;
    let story = &scene.story;
    // A sync that asks one job, with a job that nobody ever asked.
    let never = "11111111-2222-4333-8444-555555555555";
    story
        .program
        .run(&["jobs", "add", never, "--name", "Quarterly"])
        .ends_with(0);
    story.program.run(&["sync", &story.job(1)]).ends_with(0);
    let forgery = scene.forge("documented");
    let stored = "SELECT group_concat(job_key || ' ' || lines || ' ' || hex(hash)) FROM (SELECT * FROM _chain ORDER BY job_key)";
    let (head, chains) = (forgery.head(), forgery.text(stored));
    assert_eq!(forgery.number("SELECT count(*) FROM _chain"), 5);
    forgery.chain_anew(str::to_owned);
    forgery.chains_anew();
    assert_eq!((forgery.head(), forgery.text(stored)), (head, chains));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_from_a_head_on_finds_what_later_lines_do_to_what_it_seals() {
    if !unpacks_zstandard() {
        return;
    }
    let scene = Scene::new().await;
    let since = |forgery: &Forgery<'_>, told: &[&str]| {
        let head = &scene.heads[1];
        let program = &scene.story.program;
        let ended = program.run(&["verify", "--archive", forgery.name(), "--since-head", head]);
        for words in told {
            assert!(ended.stdout.contains(words), "{words}: {ended:?}");
        }
        ended.ends_with(4);
        forgery.ends_with(&["--head", head], 4, told);
    };
    let forgery = scene.forge(SINCE_A_HEAD[0]);
    let failed = forgery.failed();
    let line = format!("lost what=payload entry={}", failed.entry);
    let sql = format!("DELETE FROM payload WHERE entry_id = {}", failed.entry);
    let words = format!("revision 1 of run {}", failed.run);
    let told = lost(&forgery, &line, &sql, &words);
    since(&forgery, &told.iter().map(String::as_str).collect::<Vec<_>>());
    let forgery = scene.forge(SINCE_A_HEAD[1]);
    let reindex = [
        "reindex",
        "--naive-time",
        "Asia/Tokyo",
        "--archive",
        forgery.name(),
    ];
    scene.story.program.run(&reindex).ends_with(0);
    let last = at(forgery.number("SELECT max(entry_id) FROM ledger"));
    since(&forgery, &[&last, "Asia/Tokyo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_with_the_file_does_well_is_found_by_the_list_of_heads() {
    if !unpacks_zstandard() {
        return;
    }
    let scene = Scene::new().await;
    let mut wrong = Vec::new();
    for row in FORGERIES {
        let forgery = scene.forge(row.name);
        let told = (row.forge)(&forgery);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let alone: &[&str] = if row.alone == 3 {
            &told[told.len() - 1..]
        } else {
            &[]
        };
        wrong.extend(forgery.judged(&[], row.alone, alone));
        wrong.extend(forgery.judged(&["--head-file", "heads.txt"], 4, &told));
        // One published head does as well.
        let newest = &scene.heads[2];
        wrong.extend(forgery.judged(&["--head", newest], 4, &[]));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
