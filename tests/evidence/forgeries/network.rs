//! What somebody between us and the server does.

use super::forger::Scene;

pub(crate) const FORGERIES: [&str; 3] = ["other-server-in-between", "answer-cut", "answer-for-another-job"];

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_on_the_network_does_leaves_no_false_run() {
    let scene = Scene::new().await;
    let program = &scene.story.program;
    let state = "SELECT (SELECT count(*) FROM run_revisions), (SELECT count(*) FROM runs WHERE absent_since IS NOT NULL)";
    let state = || {
        program
            .run(&["query", state, "--format", "csv"])
            .ends_with(0)
            .stdout
    };
    let before = state();
    let job = scene.story.job(0);
    // Another server answers under the name, with a certificate of its own.
    let pin = "00".repeat(32);
    program
        .run(&["sync", &job, "--pin", &pin, "--head-file", "heads.txt"])
        .ends_with(1);
    assert_eq!(state(), before);
    // An answer that ends early, and one to another question: neither marks a run absent.
    for fault in ["cut=3000", "other-job"] {
        scene.story.fault(fault);
        let ended = program.run(&["sync", &job, "--head-file", "heads.txt"]);
        assert!(matches!(ended.code, Some(1 | 3)), "{fault}: {ended:?}");
        assert_eq!(state(), before, "{fault}");
    }
    program.run(&["verify", "--head-file", "heads.txt"]).ends_with(0);
}
