//! What stays possible, so that nobody takes more for proved than is.

use super::forger::{Scene, with_payload, word};
use crate::common::python::unpacks_zstandard;

pub(crate) const FORGERIES: [&str; 6] = [
    "chain-anew-and-no-list",
    "chain-anew-behind-the-newest-head",
    "revision-behind-the-newest-head",
    "act-with-its-line-in-the-list",
    "clock-set-back-as-it-is-written-down",
    "archive-deleted",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_no_verifier_can_find_is_known() {
    if !unpacks_zstandard() {
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

    // So does a further revision in a sync that never was; what the head seals stays beside it.
    let forgery = scene.forge("revision-behind-the-newest-head");
    let (failed, now) = (forgery.failed(), forgery.now());
    let payload = forgery.whitewashed(&failed.run);
    let sync = forgery.number("SELECT max(sync_id) + 1 FROM _sync");
    let line = with_payload(&failed.line, &payload)
        .replace("number=1 sync=1 ", &format!("number=2 sync={sync} "))
        .replace(word(&failed.line, "at").unwrap(), &now);
    let first = forgery.append(&[
        &format!("sync-began sync={sync} at={now} count=0 version=0.1.0 process=1"),
        &line,
        &format!("sync-killed sync={sync} at={now}"),
    ]);
    forgery.set_payload(first + 1, &payload);
    forgery.tables_anew();
    forgery.ends_with(&["--head-file", "heads.txt"], 0, &["history up to sync 3"]);
    let archive = ["--archive", forgery.name()];
    let changes = program.run(&[&["report", "changes", "--format", "csv"], &archive[..]].concat());
    assert!(changes.ends_with(0).stdout.contains(&failed.run));
    let sealed = program.run(&[&["payload", &failed.run, "--revision", "1"], &archive[..]].concat());
    assert!(sealed.ends_with(0).stdout.contains("\"Status\":5"));

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
