//! What stays possible, so that nobody takes more for proved than is.

use super::forger::{Scene, python_is_there};

pub(crate) const FORGERIES: [&str; 5] = [
    "chain-anew-and-no-list",
    "chain-anew-behind-the-newest-head",
    "act-with-its-line-in-the-list",
    "clock-set-back-as-it-is-written-down",
    "archive-deleted",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_no_verifier_can_find_is_known() {
    if !python_is_there() {
        return;
    }
    let scene = Scene::new().await;
    let program = &scene.story.program;

    // Whoever has the program can make another sound chain; without a head nothing tells the two apart.
    let forgery = scene.forge("chain-anew-and-no-list");
    let failed = forgery.failed();
    forgery.replace_payload(&failed, &forgery.whitewashed(&failed.run));
    forgery.tables_anew();
    forgery.ends_with(&[], 0, &[]);
    forgery.ends_with(&["--head-file", "heads.txt"], 4, &[]);

    // The list reaches as far as its newest head.
    scene.story.server.pass_night();
    scene.story.sync(&[]).ends_with(0);
    let forgery = scene.forge("chain-anew-behind-the-newest-head");
    let late =
        forgery.revision("SELECT job_run_id FROM run_revisions WHERE sync_id = 4 AND revision = 1 LIMIT 1");
    let payload = program.run(&["payload", &late.run]).ends_with(0).stdout;
    forgery.replace_payload(&late, format!("{payload} ").as_bytes());
    forgery.tables_anew();
    forgery.ends_with(&["--head-file", "heads.txt"], 0, &["history up to sync 3"]);

    // Whoever can write file and list can do what a salvage does; it is told, and no finding.
    let forgery = scene.forge("act-with-its-line-in-the-list");
    let failed = forgery.failed();
    forgery.pretend_salvage(&[&format!("lost what=payload entry={}", failed.entry)]);
    let head = forgery.head();
    forgery.sql(&format!("DELETE FROM payload WHERE entry_id = {}", failed.entry));
    forgery.tables_anew();
    forgery.ends_with(&["--head-file", "heads.txt"], 4, &[&failed.run]);
    let (now, id) = (forgery.now(), forgery.text("SELECT archive_id FROM _archive"));
    let list = std::fs::read_to_string(program.path("heads.txt")).unwrap();
    program.write("written.txt", format!("{list}{now} salvage {id} {head}\n"));
    forgery.ends_with(&["--head-file", "written.txt"], 0, &[&failed.run, "was lost"]);

    // Times are those of our clock; that it was set back is told with both times.
    let forgery = scene.forge("clock-set-back-as-it-is-written-down");
    let now = forgery.now();
    forgery.append(&[&format!("clock-set-back from={now} at=2020-01-01T00:00:00Z")]);
    forgery.ends_with(&["--head-file", "heads.txt"], 0, &[&now, "2020-01-01T00:00:00Z"]);

    // A file that is gone proves nothing, and is not taken for an empty one.
    let forgery = scene.forge("archive-deleted");
    std::fs::remove_file(&forgery.path).unwrap();
    for ended in scene.verify(forgery.name(), &["--head-file", "heads.txt"]) {
        assert!(!matches!(ended.code, Some(0 | 3)), "{ended:?}");
    }
}
