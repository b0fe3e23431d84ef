//! Damage and salvage, again and again, with syncs between: what is lost counts from the salvage on that lost it, and both
//! verifiers name each loss and nothing else.

use crate::common::program::Ended;
use crate::common::python::is_there;
use crate::common::story::Story;
use rusqlite::Connection;
use serde_json::json;

fn run(number: u32) -> String {
    format!("0e0e0e0e-0000-4000-8000-{number:012}")
}

/// What the look-alike answers for job 3: these runs, of number and status; run 6 has a message that cannot be read.
fn serve(story: &Story, runs: &[(u32, u32)]) {
    let runs: Vec<_> = runs
        .iter()
        .map(|&(number, status)| {
            let messages = if number == 6 { json!([7]) } else { json!([]) };
            json!({"JobRunID": run(number), "Status": status, "JobStartTime": "2026-01-01T00:00:00Z",
                "JobMessages": messages})
        })
        .collect();
    let body = json!({"JobID": story.job(2), "TotalJobRuns": runs.len(), "JobStatusInfo": runs});
    story.server.set_body(2, body.to_string());
}

/// An archive that is damaged and salvaged.
struct Ward {
    story: Story,
    archive: String,
    salvages: u32,
    /// What was lost so far: run and revision.
    lost: Vec<String>,
}

impl Ward {
    fn open(&self) -> Connection {
        Connection::open(self.story.program.path(&self.archive)).unwrap()
    }

    /// Serves these runs, and syncs.
    fn night(&self, runs: &[(u32, u32)]) {
        serve(&self.story, runs);
        let job = self.story.job(2);
        let (program, archive) = (&self.story.program, &*self.archive);
        let ended = program.run(&["sync", &job, "--archive", archive, "--head-file", "heads.txt"]);
        // What run 6 has that cannot be read is accepted after the first night.
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
        self.both_agree();
    }

    /// Damages the archive, and goes on with what is salvaged.
    fn salvage(&mut self, sql: &str, lost: &[(u32, u32)]) {
        let connection = self.open();
        let before = connection.total_changes();
        connection
            .execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
            .unwrap();
        assert!(connection.total_changes() > before, "{sql}");
        drop(connection);
        self.salvages += 1;
        let new = format!("salvaged-{}.db", self.salvages);
        let list = ["--head-file", "heads.txt"];
        let program = &self.story.program;
        program
            .run(&[&["salvage", &self.archive, &new], &list[..]].concat())
            .ends_with(3);
        self.archive = new;
        if sql.contains("ledger") {
            // The head behind the damaged line cannot be held.
            let why = [
                "ledger",
                "acknowledge",
                "--why",
                "a bad disk",
                "--archive",
                &self.archive,
            ];
            program.run(&[&why, &list[..]].concat()).ends_with(0);
        }
        let lost = lost.iter().map(|&(number, revision)| (run(number), revision));
        self.lost
            .extend(lost.map(|(run, revision)| format!("revision {revision} of run {run} was lost")));
        self.both_agree();
    }

    /// The last revision of a run loses its payload.
    fn payload_of(&self, number: u32, revision: u32) -> String {
        let (run, archive) = (run(number), self.open());
        let entry: i64 = archive
            .query_row(
                "SELECT entry_id FROM _revision JOIN _run USING (run_key) WHERE job_run_id = ?1 AND _revision.revision = ?2",
                (run, revision),
                |row| row.get(0),
            )
            .unwrap();
        format!("DELETE FROM payload WHERE entry_id = {entry};")
    }

    /// Both verifiers name all that was lost, and have no finding. With the list, which has the lines of the salvages, the
    /// same is no loss that anybody has still to hear of.
    #[track_caller]
    fn both_agree(&self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify.py");
        let program = &self.story.program;
        for (more, code) in [
            (&[][..], if self.lost.is_empty() { 0 } else { 3 }),
            (&["--head-file", "heads.txt"], 0),
        ] {
            let ours = program.run(&[&["verify", "--archive", &self.archive], more].concat());
            let mut python = program.start("python3");
            python
                .args([script, &self.archive])
                .args(more)
                .env("PYTHONUTF8", "1");
            for ended in [ours, Ended::of(python.spawn().unwrap())] {
                let said = format!("{}{}", ended.stdout, ended.stderr);
                assert_eq!(ended.code, Some(code), "{more:?} {}: {ended:?}", self.archive);
                for lost in &self.lost {
                    assert!(said.contains(lost.as_str()), "{lost}: {ended:?}");
                }
                assert_eq!(said.matches(" was lost").count(), self.lost.len(), "{ended:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_loss_counts_from_its_own_salvage_on() {
    if !is_there("python3") {
        return;
    }
    let mut ward = Ward {
        story: Story::new().await,
        archive: "jobruns.db".to_owned(),
        salvages: 0,
        lost: Vec::new(),
    };
    ward.night(&[(1, 5), (2, 5), (3, 5), (4, 5), (5, 5), (6, 5), (7, 5)]);
    // Else the job stays partial, and no run goes absent.
    let accept = ["quarantine", "accept", "1", "--why", "a known bug"];
    ward.story.program.run(&accept).ends_with(0);
    ward.night(&[(1, 5), (3, 4), (4, 5), (5, 5), (6, 5), (7, 5)]);
    // The only revisions of a run, of one that is absent, and of one with something in quarantine.
    let damage = [1, 2, 6].map(|number| ward.payload_of(number, 1)).concat();
    ward.salvage(&damage, &[(1, 1), (2, 1), (6, 1)]);
    // They come as new, others change.
    ward.night(&[(1, 5), (2, 5), (3, 4), (4, 4), (5, 5), (6, 5), (7, 4)]);
    // Again the only one of a run; and one from before the first salvage, of a run that went on behind it.
    let damage = [
        ward.payload_of(1, 1),
        ward.payload_of(4, 1),
        ward.payload_of(7, 2),
    ]
    .concat();
    ward.salvage(&damage, &[(1, 1), (4, 1), (7, 2)]);
    ward.night(&[(1, 5), (2, 5), (3, 4), (4, 6), (6, 5), (7, 4)]);
    // A run was absent, and the line is lost that says that it is listed again.
    ward.night(&[(1, 5), (2, 5), (3, 4), (4, 6), (5, 4), (6, 5), (7, 4)]);
    let returned =
        "UPDATE ledger SET entry = entry || 'x' WHERE entry LIKE 'returned %' AND entry LIKE '%000000005 %'";
    ward.salvage(returned, &[]);
    ward.night(&[(1, 5), (2, 5), (3, 4), (4, 6), (5, 4), (6, 5), (7, 4)]);
    ward.night(&[(1, 5), (2, 5), (3, 4), (4, 6), (6, 5), (7, 4)]);
    // The same, and the revision with which it came is lost, too.
    ward.night(&[(1, 5), (2, 5), (3, 4), (4, 6), (5, 7), (6, 5), (7, 4)]);
    let damage = format!("{returned}; {}", ward.payload_of(5, 3));
    ward.salvage(&damage, &[(5, 3)]);
    ward.night(&[(1, 5), (2, 5), (3, 4), (4, 6), (5, 7), (6, 5), (7, 4)]);
}
