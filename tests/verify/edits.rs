//! Edits by SQL: every column, rows added, removed, doubled, swapped; the schema.

use super::common::damage::{Patient, columns};
use super::common::rich::rich_archive;

/// Columns whose edit changes nothing that the archive says, and why it is not found.
const NOT_SAID: [(&str, &str); 8] = [
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
    ("job", "job_key"),
    // Not computed before it is needed, and computed again where it is gone.
    ("run", "content_sha256"),
    // A memory by which a sync recognises bytes; not proved where the run was seen in two forms.
    ("run", "seen_sha256"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_any_column_of_any_table_is_found() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    let (mut tried, mut unfound) = (0, Vec::new());
    for (table, column, kind) in columns(&bench.archive()) {
        let edits: &[&str] = match kind.as_str() {
            "INTEGER" | "INT4" => &["{c} + 1", "1 - {c}", "NULL", "coalesce({c}, 1)"],
            "BLOB" => &[
                "randomblob(length({c}))",
                "NULL",
                "coalesce({c}, randomblob(32))",
                "CAST(substr({c}, 1, length({c}) - 1) AS BLOB)",
            ],
            _ => &["{c} || 'x'", "NULL", "coalesce({c}, 'x')", "''"],
        };
        let mut edited = 0;
        for (number, edit) in edits.iter().enumerate() {
            let value = edit.replace("{c}", &column);
            // Of the rows that the edit would change: the first, and once the last.
            for &order in if number == 0 {
                &["ASC", "DESC"][..]
            } else {
                &["ASC"]
            } {
                let keys = if matches!(table.as_str(), "sync_job" | "sync_job_unchanged") {
                    "(sync_id, job_key)"
                } else {
                    "rowid"
                };
                let key = keys.trim_matches(['(', ')']);
                let descending = key.replace(',', &format!(" {order},"));
                let sql = format!(
                    "UPDATE {table} SET {column} = {value} WHERE {keys} IN
                     (SELECT {key} FROM {table} WHERE {column} IS NOT {value} ORDER BY {descending} {order} LIMIT 1)"
                );
                let Some(outcome) = patient.with_sql(&sql) else {
                    continue;
                };
                edited += 1;
                assert!(!outcome.is_missed(), "{sql}");
                if outcome.found.is_empty() {
                    unfound.push((table.clone(), column.clone()));
                }
            }
        }
        assert!(edited > 0, "{table}.{column} was not edited");
        tried += edited;
    }
    assert!(tried > 300, "{tried}");
    unfound.sort();
    unfound.dedup();
    unfound.retain(|(table, column)| !NOT_SAID.contains(&(table.as_str(), column.as_str())));
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
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for (table, column, _) in columns(&bench.archive()) {
        match tables.last_mut() {
            Some((last, columns)) if *last == table => columns.push(column),
            _ => tables.push((table, vec![column])),
        }
    }
    let mut done = 0;
    for (table, columns) in &tables {
        let key = &columns[0];
        // A doubled row gets a key of its own, and other values where a column must be unique.
        let mut doubled: Vec<String> = columns.clone();
        doubled[0] = format!("(SELECT max({key}) + 1 FROM {table})");
        for (value, column) in doubled.iter_mut().zip(columns) {
            match column.as_str() {
                "job_id" | "job_run_id" | "url" | "status_name" => *value = format!("{column} || '0'"),
                "payload_sha256" if table == "quarantined" => "randomblob(32)".clone_into(value),
                "revision" if table == "revision" => "revision + 100".clone_into(value),
                _ => {}
            }
        }
        let mut statements = vec![
            format!("DELETE FROM {table} WHERE {key} = (SELECT min({key}) FROM {table})"),
            format!("DELETE FROM {table} WHERE {key} = (SELECT max({key}) FROM {table})"),
            format!("DELETE FROM {table}"),
            format!(
                "INSERT INTO {table} ({}) SELECT {} FROM {table} LIMIT 1",
                columns.join(", "),
                doubled.join(", ")
            ),
        ];
        // Each column of two rows exchanged.
        for column in columns.iter().skip(1) {
            statements.push(format!(
                "UPDATE {table} SET {column} = (SELECT o.{column} FROM {table} o WHERE o.{key} =
                     (SELECT min({key}) + max({key}) FROM {table}) - {table}.{key})
                 WHERE {key} IN ((SELECT min({key}) FROM {table}), (SELECT max({key}) FROM {table}))"
            ));
        }
        for sql in statements {
            if let Some(outcome) = patient.with_sql(&sql) {
                assert!(!outcome.is_missed(), "{sql}");
                done += 1;
            }
        }
    }
    assert!(done > 120, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_moved_between_runs_and_places_are_found() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    let one = "(SELECT min(message_key) FROM message)";
    let other = "(SELECT max(message_key) FROM message)";
    for sql in [
        // Two messages of different runs change places.
        format!(
            "UPDATE message SET message_key = -1 WHERE message_key = {one};
             UPDATE message SET message_key = (1 << 24) WHERE message_key = {other};
             UPDATE message SET message_key = (SELECT max(run_key) << 24 FROM run) + 5 WHERE message_key = -1"
        ),
        // A message goes to another run; to a run that is not there; gets another number.
        format!("UPDATE message SET message_key = message_key + (1 << 24) + 100 WHERE message_key = {one}"),
        format!("UPDATE message SET message_key = message_key + (1 << 50) WHERE message_key = {one}"),
        format!("UPDATE message SET message_key = message_key + 1000 WHERE message_key = {one}"),
        // Another text of the same table.
        format!(
            "UPDATE message SET detail_key = (SELECT max(detail_key) FROM message_detail) WHERE message_key = {one}"
        ),
        "UPDATE message_kind SET category = 'Information' WHERE category = 'Error'".to_owned(),
        // A text that no message has.
        "INSERT INTO message_kind (message, category) VALUES ('never said', 'Error')".to_owned(),
        // A run says that it belongs to another job.
        "UPDATE run SET job_key = 2 WHERE run_key = 1".to_owned(),
    ] {
        let outcome = patient.with_sql(&sql).unwrap();
        assert!(!outcome.found.is_empty(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_schema_is_found_and_an_analysts_index_and_view_are_noted() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    let views = [
        "jobs",
        "runs",
        "messages",
        "assets",
        "run_revisions",
        "quarantine",
        "syncs",
        "sync_jobs",
    ];
    let mut edits: Vec<String> = views
        .iter()
        .map(|view| format!("UPDATE sqlite_schema SET sql = sql || ' LIMIT 1' WHERE name = '{view}'"))
        .collect();
    edits.extend(views.iter().map(|view| format!("DROP VIEW {view}")));
    edits.extend(
        [
            "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM message; END",
            "CREATE TRIGGER t INSTEAD OF INSERT ON runs BEGIN SELECT 1; END",
            "DROP INDEX run_by_job",
            "DROP INDEX run_by_start; CREATE INDEX run_by_start ON run (job_key)",
            "UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (watched IN (0, 1))', '') WHERE name = 'job'",
            "DROP VIEW assets; CREATE TABLE assets (asset, asset_type, asset_owner)",
            "DROP TABLE job_statuses",
            "DROP TABLE refinery_schema_history",
            "UPDATE refinery_schema_history SET checksum = '1'",
            "ALTER TABLE run ADD COLUMN more TEXT; UPDATE run SET status = status",
        ]
        .map(str::to_owned),
    );
    for sql in edits {
        let outcome = patient.with_sql(&sql).unwrap_or_else(|| panic!("{sql}"));
        assert!(!outcome.found.is_empty(), "{sql}");
    }
    for (sql, note) in [
        (
            "CREATE INDEX mine ON message (asset_key)",
            "index mine is not ours",
        ),
        ("CREATE VIEW mine AS SELECT 1 AS one", "view mine is not ours"),
    ] {
        let outcome = patient.with_sql(sql).unwrap();
        assert_eq!(outcome.found, [""; 0], "{sql}");
        let report = jobruns::archive::Reader::open(&patient.path())
            .unwrap()
            .verify(&[])
            .unwrap();
        assert!(report.notes[0].contains(note), "{:?}", report.notes);
    }
}
