//! What the server's administrator does after a sync saw the run.

use super::forger::Scene;

pub(crate) const FORGERIES: [&str; 3] = [
    "run-altered-on-the-server",
    "run-deleted-on-the-server",
    "run-listed-again",
];

/// What the look-alike answers for job 3: these runs, of status, number.
fn serve(scene: &Scene, runs: &[(u32, u32)]) {
    let runs: Vec<_> = runs
        .iter()
        .map(|(number, status)| {
            serde_json::json!({"JobRunID": format!("0e0e0e0e-0000-4000-8000-{number:012}"), "Status": status,
                "JobStartTime": "2026-01-01T00:00:00Z", "JobMessages": []})
        })
        .collect();
    let body =
        serde_json::json!({"JobID": scene.story.job(2), "TotalJobRuns": runs.len(), "JobStatusInfo": runs});
    scene.story.server.set_body(2, body.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_forges_later_stands_beside_what_it_said_before() {
    let scene = Scene::new().await;
    let program = &scene.story.program;
    let run = |number: u32| format!("0e0e0e0e-0000-4000-8000-{number:012}");
    let sync = || scene.story.sync(&["--head-file", "heads.txt"]).ends_with(0);
    serve(&scene, &[(1, 5), (2, 5)]);
    sync();
    let before = program.run(&["payload", &run(1)]).ends_with(0).stdout;
    // One failed run becomes a completed one, the other was never there.
    serve(&scene, &[(1, 4)]);
    sync();
    let changes = program
        .run(&["report", "changes", "--format", "csv"])
        .ends_with(0);
    assert!(changes.stdout.contains(&run(1)), "{changes:?}");
    let first = program.run(&["payload", &run(1), "--revision", "1"]).ends_with(0);
    assert_eq!(first.stdout, before);
    let query = format!(
        "SELECT absent_since IS NOT NULL AS gone FROM runs WHERE job_run_id = '{}'",
        run(2)
    );
    let gone = || {
        program
            .run(&["query", &query, "--format", "csv"])
            .ends_with(0)
            .stdout
    };
    assert_eq!(gone(), "gone\n1\n");
    // It comes back; that it was away stands in the ledger.
    serve(&scene, &[(1, 4), (2, 5)]);
    sync();
    assert_eq!(gone(), "gone\n0\n");
    let ledger = program.run(&["ledger", "show", "--run", &run(2)]).ends_with(0);
    assert!(
        ledger.stdout.contains("absent") && ledger.stdout.contains("returned"),
        "{ledger:?}"
    );
    program.run(&["verify", "--head-file", "heads.txt"]).ends_with(0);
}
