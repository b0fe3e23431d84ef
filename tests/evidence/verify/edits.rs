//! Edits by SQL: every column, rows added, removed, doubled, swapped; the schema.

use std::collections::BTreeSet;

use crate::common::damage::{ColumnEdit, Patient, column_edits, columns, row_edits, schema_edits};
use crate::common::rich::rich_archive;
use jobruns::archive::{ReadOnly, Writer, acknowledge, read_heads, reindex};
use rusqlite::functions::FunctionFlags;

/// Columns whose edit changes nothing that the archive says, and why it is not found.
const NOT_SAID: [(&str, &str); 11] = [
    // When a migration was applied is nowhere shown.
    ("refinery_schema_history", "applied_on"),
    // Whose run a dictionary was taken from matters to no payload.
    ("dictionary", "job_key"),
    // Bytes of the dictionary that no payload refers to.
    ("dictionary", "bytes"),
    // When a job gets its next dictionary.
    ("dictionary", "runs"),
    // A payload that needs no dictionary is unpacked with one too.
    ("payload", "dictionary_key"),
    // A number within the file, of a job that has nothing yet.
    ("_job", "job_key"),
    // Who has it watched, and whose its name is since when: that it is watched and named so has its line.
    ("_job", "watch_origin"),
    ("_job", "name_given"),
    ("_job", "name_since_unix"),
    // Not computed before it is needed, and computed again where it is gone.
    ("_run", "content_sha256"),
    // A memory by which a sync recognises bytes; not proved where the run was seen in two forms.
    ("_run", "seen_sha256"),
];

/// Tables that no line of the ledger seals: nothing that the archive says depends on them, as `docs/evidence.md` tells.
const NOT_SEALED: [&str; 6] = [
    "_backup",
    "_clearing",
    "_former_name",
    "_job_list",
    "_jobs_file",
    "_listed_job",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_any_column_of_any_table_is_found() {
    let bench = rich_archive(3).await;
    // Rules of a zone are kept where times without offset are read in one.
    reindex(
        &bench.archive(),
        Some("Europe/Berlin".parse().unwrap()),
        &|_, _| {},
    )
    .unwrap();
    // A list with a head that the archive cannot hold, given up.
    let list = bench.archive().with_file_name("heads.txt");
    let archive: String = bench.value("SELECT archive_id FROM _archive");
    let line = format!("2026-01-31T03:00:00Z 9 {archive} {}\n", "ab".repeat(32));
    std::fs::write(&list, line).unwrap();
    acknowledge(
        &bench.archive(),
        &read_heads(&list).unwrap(),
        "a backup was restored",
    )
    .unwrap();
    bench
        .connection()
        .execute_batch(
            "INSERT INTO _former_name VALUES (1, 1, 'Before', NULL, 1767225600);
             INSERT INTO _job_list VALUES ('https://ccs.example:12431', 1767225600);
             INSERT INTO _jobs_file VALUES ('/etc/jobruns/jobs.txt', 1);
             INSERT INTO _listed_job VALUES ('https://ccs.example:12431', '0e0e0e0e-0000-4000-8000-000000000077', 'Listed');
             INSERT INTO _backup VALUES ('/mnt/backup/monday.db', 1767225600, 'archive-host');
             INSERT INTO _clearing VALUES (zeroblob(32), 1767225600);
             PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .unwrap();
    let patient = Patient::new(&bench.archive());
    let (mut tried, mut unfound) = (0, Vec::new());
    let mut untouched: BTreeSet<(String, String)> = BTreeSet::new();
    for (table, column, _) in columns(&bench.archive()) {
        untouched.insert((table, column));
    }
    for ColumnEdit { table, column, sql } in column_edits(&bench.archive()) {
        let Some(outcome) = patient.with_sql(&sql) else {
            continue;
        };
        tried += 1;
        assert!(!outcome.is_missed(), "{sql}");
        untouched.remove(&(table.clone(), column.clone()));
        if outcome.found.is_empty() {
            unfound.push((table, column));
        }
    }
    assert!(untouched.is_empty(), "not edited: {untouched:?}");
    assert!(tried > 300, "{tried}");
    unfound.sort();
    unfound.dedup();
    unfound.retain(|(table, column)| {
        !NOT_SEALED.contains(&table.as_str()) && !NOT_SAID.contains(&(table.as_str(), column.as_str()))
    });
    assert_eq!(
        unfound,
        [],
        "edits that change nothing said, and are not known as such"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_added_removed_doubled_and_swapped_are_found() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    let mut done = 0;
    for sql in row_edits(&bench.archive()) {
        if let Some(outcome) = patient.with_sql(&sql) {
            assert!(!outcome.is_missed(), "{sql}");
            done += 1;
        }
    }
    assert!(done > 120, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_moved_between_runs_and_places_are_found() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    let one = "(SELECT min(message_key) FROM _message)";
    let other = "(SELECT max(message_key) FROM _message)";
    for sql in [
        // Two messages of different runs change places.
        format!(
            "UPDATE _message SET message_key = -1 WHERE message_key = {one};
             UPDATE _message SET message_key = (1 << 24) WHERE message_key = {other};
             UPDATE _message SET message_key = (SELECT max(run_key) << 24 FROM _run) + 5 WHERE message_key = -1"
        ),
        // A message goes to another run; to a run that is not there; gets another number.
        format!("UPDATE _message SET message_key = message_key + (1 << 24) + 100 WHERE message_key = {one}"),
        format!("UPDATE _message SET message_key = message_key + (1 << 50) WHERE message_key = {one}"),
        format!("UPDATE _message SET message_key = message_key + 1000 WHERE message_key = {one}"),
        // Another text of the same table.
        format!(
            "UPDATE _message SET detail_key = (SELECT max(detail_key) FROM _message_detail) WHERE message_key = {one}"
        ),
        "UPDATE _message_kind SET category = 'Information' WHERE category = 'Error'".to_owned(),
        // A text that no message has.
        "INSERT INTO _message_kind (message, category) VALUES ('never said', 'Error')".to_owned(),
        // A run says that it belongs to another job.
        "UPDATE _run SET job_key = CASE job_key WHEN 1 THEN 2 ELSE 1 END WHERE run_key = 1".to_owned(),
    ] {
        let outcome = patient.with_sql(&sql).unwrap();
        assert!(!outcome.found.is_empty(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_schema_is_found_and_an_analysts_index_and_view_are_noted() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    for sql in schema_edits() {
        let outcome = patient.with_sql(&sql).unwrap_or_else(|| panic!("{sql}"));
        assert!(!outcome.found.is_empty(), "{sql}");
    }
    for (sql, note) in [
        (
            "CREATE INDEX mine ON _message (asset_key)",
            "index mine was added by somebody",
        ),
        ("CREATE VIEW mine AS SELECT 1 AS one", "view mine was added by somebody"),
        // In the code page of some tool.
        (
            "PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema VALUES ('view', 'mine', 'mine', 0, CAST(X'4352454154452056494557206D696E652041532053454C454354203120415320FC' AS TEXT))",
            "view mine was added by somebody",
        ),
    ] {
        let outcome = patient.with_sql(sql).unwrap();
        assert_eq!(outcome.found, [""; 0], "{sql}");
        let report = jobruns::archive::ReadOnly::open(&patient.path())
            .unwrap()
            .verify(&[])
            .unwrap();
        assert!(report.notes[0].contains(note), "{:?}", report.notes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_with_a_function_that_we_lack_hides_nothing_and_is_dropped_by_the_next_writer() {
    let bench = rich_archive(3).await;
    let theirs = |sql: &str| {
        let connection = bench.connection();
        let flags = FunctionFlags::SQLITE_DETERMINISTIC;
        connection
            .create_scalar_function("theirs", 1, flags, |context| context.get::<i64>(0))
            .unwrap();
        connection.execute_batch(sql).unwrap();
    };
    let verified = || ReadOnly::open(&bench.archive()).unwrap().verify(&[]).unwrap();
    theirs("CREATE INDEX mine ON _run (theirs(coalesce(status, 0)))");
    // Others of theirs beside it, on tables of both kinds.
    theirs(
        "CREATE INDEX some_rows ON _run (status) WHERE status = 5; CREATE INDEX in_words ON _run (status || 'x');
         CREATE INDEX other ON _sync_job (theirs(runs_seen)); CREATE INDEX beside ON _sync_job (runs_seen)",
    );
    let report = verified();
    assert!(report.is_intact(), "{report:?}");
    let note = "index mine on _run uses a function or collation that this program lacks";
    assert!(
        report.notes.iter().any(|told| told.starts_with(note)),
        "{:?}",
        report.notes
    );

    // Beside it our own indexes are held against their table: one is left out while a row changes.
    let root: i64 = bench.value("SELECT rootpage FROM sqlite_schema WHERE name = 'run_by_job'");
    theirs("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'run_by_job'");
    theirs("UPDATE _run SET job_key = 1 + job_key % 3 WHERE run_key = 1");
    let row = "'index', 'run_by_job', '_run'";
    let sql = "'CREATE INDEX run_by_job ON _run (job_key, started_ticks)'";
    theirs(&format!(
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ({row}, {root}, {sql})"
    ));
    theirs("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = name");
    let found = verified().findings;
    assert!(
        found
            .iter()
            .any(|finding| finding.what.contains("index run_by_job and its table differ")),
        "{found:?}"
    );

    let bench = rich_archive(3).await;
    let connection = bench.connection();
    connection
        .create_scalar_function("theirs", 1, FunctionFlags::SQLITE_DETERMINISTIC, |context| {
            context.get::<i64>(0)
        })
        .unwrap();
    connection
        .execute_batch("CREATE INDEX mine ON _run (theirs(coalesce(status, 0)))")
        .unwrap();
    drop(connection);
    drop(Writer::open(&bench.archive()).unwrap());
    let indexes: i64 = bench.value("SELECT count(*) FROM sqlite_schema WHERE name = 'mine'");
    assert_eq!(indexes, 0);
}
