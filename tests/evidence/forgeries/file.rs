//! What somebody with the file does that both verifiers find without any head.

use jobruns::model::hex;
use rusqlite::functions::FunctionFlags;
use sha2::{Digest, Sha256};

use super::chains::Chains;
use super::forger::{Forgery, Scene, with_payload, word};
use crate::common::python::unpacks_zstandard;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Forges, and says what must be told.
    forge: fn(&Forgery<'_>) -> Vec<String>,
}

/// A sync's beginning and end as the program would seal them, with the number after the last.
fn sync_with(forgery: &Forgery<'_>, at: &str, lines: &[String]) -> (i64, i64) {
    let sync = forgery.number("SELECT max(sync_id) + 1 FROM _sync");
    let begin = format!("sync-began sync={sync} at={at} count=0 version=0.1.0 process=1");
    let end = format!("sync-killed sync={sync} at={at}");
    let mut all = vec![begin.as_str()];
    all.extend(lines.iter().map(String::as_str));
    all.push(&end);
    let first = forgery.append(&all);
    forgery.sql(&format!(
        "INSERT INTO _sync (sync_id, started_unix, outcome, count_asked, process_id, tool_version)
         VALUES ({sync}, unixepoch('{at}'), 'interrupted', 0, 1, '0.1.0')"
    ));
    (first, sync)
}

/// A sync that asked for no job, with the results that somebody makes for it.
fn sync_with_results(
    forgery: &Forgery<'_>,
    make: impl Fn(Chains, i64) -> Chains,
    change: impl Fn(&str) -> String,
) -> Vec<String> {
    let (now, sync, none) = (forgery.now(), next_sync(forgery), "0".repeat(64));
    let begin = format!("sync-began sync={sync} at={now} count=0 version=0.1.0 process=1");
    let end = format!(
        "sync-ended sync={sync} at={now} outcome=complete clock=0 jobs=0 figures={none} results={}",
        "1".repeat(64)
    );
    forgery.append(&[&begin, &end]);
    let (connection, lines) = (forgery.open(), forgery.lines());
    let mut chains = make(Chains::new(&connection, &lines), sync);
    let mut lines: Vec<String> = lines.into_iter().map(|line| chains.take(line)).collect();
    chains.store(&connection);
    let last = lines.last_mut().unwrap();
    *last = change(last);
    forgery.chain_as_it_stands(|line| {
        let is_end = line == end;
        if is_end {
            lines.last().unwrap().clone()
        } else {
            line.to_owned()
        }
    });
    forgery.sql(&format!(
        "INSERT INTO _sync (sync_id, started_unix, finished_unix, outcome, count_asked, process_id, tool_version, head)
         SELECT {sync}, unixepoch('{now}'), unixepoch('{now}'), 'complete', 0, 1, '0.1.0', entry_hash
         FROM ledger ORDER BY entry_id DESC LIMIT 1"
    ));
    vec![format!("ledger, sync {sync}"), "results".to_owned()]
}

fn entry(number: i64) -> Vec<String> {
    vec![format!("ledger, entry {number}")]
}

fn next_sync(forgery: &Forgery<'_>) -> i64 {
    forgery.number("SELECT max(sync_id) + 1 FROM _sync")
}

/// Appends one line, which must be the finding.
fn appended(forgery: &Forgery<'_>, line: &str) -> Vec<String> {
    entry(forgery.append(&[line]))
}

/// Puts one line into a sync of its own, where it must be the finding.
fn in_a_sync(forgery: &Forgery<'_>, line: impl Fn(i64, &str) -> String) -> Vec<String> {
    let (now, sync) = (forgery.now(), next_sync(forgery));
    let (first, _) = sync_with(forgery, &now, &[line(sync, &now)]);
    entry(first + 1)
}

fn edited(forgery: &Forgery<'_>, sql: &str, told: &str) -> Vec<String> {
    let connection = forgery.open();
    let before = connection.total_changes();
    connection.execute_batch(sql).unwrap();
    let is_schema = ["CREATE", "DROP"].iter().any(|word| sql.contains(word));
    assert!(is_schema || connection.total_changes() > before, "{sql}");
    vec![told.to_owned()]
}

/// Removes every row of a run, as if it had never been.
fn delete_run(forgery: &Forgery<'_>, run: &str) {
    let key = forgery.number(&format!("SELECT run_key FROM _run WHERE job_run_id = '{run}'"));
    forgery.sql(&format!(
        "DELETE FROM payload WHERE entry_id IN (SELECT entry_id FROM _revision WHERE run_key = {key});
         DELETE FROM _revision WHERE run_key = {key};
         DELETE FROM _message WHERE message_key >> 24 = {key};
         DELETE FROM _run WHERE run_key = {key}"
    ));
}

pub(crate) const FORGERIES: &[Row] = &[
    Row {
        name: "status-edited",
        forge: |forgery| {
            let run = forgery.failed().run;
            let sql = format!("UPDATE _run SET status = 4 WHERE job_run_id = '{run}'");
            edited(forgery, &sql, &run)
        },
    },
    Row {
        name: "category-edited",
        forge: |forgery| {
            let sql = "UPDATE _message_kind SET category = 'Information' WHERE category = 'Error'";
            edited(forgery, sql, "category")
        },
    },
    Row {
        name: "message-deleted",
        forge: |forgery| {
            let run = forgery.text(
                "SELECT job_run_id FROM _message JOIN _run USING (run_key) ORDER BY message_key LIMIT 1",
            );
            let sql = "DELETE FROM _message WHERE message_key = (SELECT min(message_key) FROM _message)";
            edited(forgery, sql, &run)
        },
    },
    Row {
        name: "run-deleted",
        forge: |forgery| {
            let run = forgery.failed().run;
            delete_run(forgery, &run);
            vec![run]
        },
    },
    Row {
        name: "payload-replaced",
        forge: |forgery| {
            let failed = forgery.failed();
            forgery.set_payload(failed.entry, &forgery.whitewashed(&failed.run));
            let place = format!("run {}, revision 1 (ledger, entry {})", failed.run, failed.entry);
            vec![place]
        },
    },
    Row {
        name: "absence-edited",
        forge: |forgery| {
            let run = forgery.text("SELECT job_run_id FROM runs WHERE absent_since IS NOT NULL LIMIT 1");
            let sql = format!("UPDATE _run SET absent_since_unix = NULL WHERE job_run_id = '{run}'");
            edited(forgery, &sql, &run)
        },
    },
    Row {
        name: "figures-edited",
        forge: |forgery| {
            let sql = "UPDATE _sync_job SET runs_seen = runs_seen + 1 WHERE sync_id = 1";
            edited(forgery, sql, "sync 1")
        },
    },
    Row {
        name: "acceptance-edited",
        forge: |forgery| {
            let sql = "UPDATE _quarantined SET accepted_why = 'approved by the board' WHERE accepted_why IS NOT NULL";
            edited(forgery, sql, "quarantine")
        },
    },
    Row {
        name: "values-no-program-writes",
        forge: |forgery| edited(forgery, "UPDATE _run SET ended_assumed = 2", "ended_assumed"),
    },
    Row {
        name: "row-of-the-archive-edited",
        forge: |forgery| edited(forgery, "UPDATE _archive SET only = 2", "only"),
    },
    Row {
        name: "line-edited",
        forge: |forgery| {
            let sql = "UPDATE ledger SET entry = replace(entry, 'count=0', 'count=9') WHERE entry LIKE 'sync-began sync=2 %'";
            let line = forgery.number("SELECT entry_id FROM ledger WHERE entry LIKE 'sync-began sync=2 %'");
            edited(forgery, sql, &format!("ledger, entry {line}"))
        },
    },
    Row {
        name: "line-removed",
        forge: |forgery| {
            forgery.sql("DELETE FROM ledger WHERE entry_id = 9; UPDATE ledger SET entry_id = entry_id - 1 WHERE entry_id > 9");
            entry(9)
        },
    },
    Row {
        name: "view-edited",
        forge: |forgery| {
            let sql = "DROP VIEW quarantine; CREATE VIEW quarantine AS SELECT 1 AS quarantine_id";
            edited(forgery, sql, "view quarantine")
        },
    },
    Row {
        name: "trigger-added",
        forge: |forgery| {
            let sql = "CREATE TRIGGER forget AFTER INSERT ON _run BEGIN DELETE FROM _run; END";
            edited(forgery, sql, "trigger forget")
        },
    },
    Row {
        name: "unique-index-added",
        forge: |forgery| {
            let sql = "CREATE UNIQUE INDEX quicker ON _revision (entry_id, status)";
            edited(forgery, sql, "index quicker")
        },
    },
    Row {
        name: "name-of-sqlite",
        forge: |forgery| {
            forgery.sql(
                "CREATE UNIQUE INDEX quicker ON _run (job_run_id, status);
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET name = 'sqlite_autoindex__run_9', sql = replace(sql, 'quicker', 'sqlite_autoindex__run_9')
                 WHERE name = 'quicker'",
            );
            vec!["sqlite_autoindex__run_9".to_owned()]
        },
    },
    Row {
        name: "name-of-sqlite-in-capitals",
        forge: |forgery| {
            forgery.sql(
                "CREATE INDEX quicker ON _run (status);
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET name = 'SQLite_quicker', sql = replace(sql, 'quicker', 'SQLite_quicker')
                 WHERE name = 'quicker'",
            );
            vec!["index SQLite_quicker".to_owned()]
        },
    },
    Row {
        name: "trigger-in-capitals",
        forge: |forgery| {
            forgery.sql(
                "CREATE TRIGGER zz AFTER INSERT ON _run BEGIN UPDATE _run SET status = 4; END;
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET type = 'TRIGGER' WHERE name = 'zz'",
            );
            vec!["TRIGGER zz".to_owned()]
        },
    },
    Row {
        name: "unique-index-in-capitals",
        forge: |forgery| {
            forgery.sql(
                "CREATE UNIQUE INDEX uq ON _message_kind (kind_key);
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET name = 'UQ' WHERE name = 'uq'",
            );
            vec!["index UQ".to_owned()]
        },
    },
    Row {
        name: "index-of-a-table-in-capitals",
        forge: |forgery| {
            forgery.sql(
                "CREATE INDEX quick ON _run (status);
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET tbl_name = '_RUN' WHERE name = 'quick'",
            );
            vec!["index quick".to_owned()]
        },
    },
    Row {
        name: "migration-edited",
        forge: |forgery| {
            let sql = "UPDATE refinery_schema_history SET checksum = '1'";
            edited(forgery, sql, "refinery_schema_history")
        },
    },
    Row {
        name: "migration-added",
        forge: |forgery| {
            let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                SELECT 2, 'the_next', applied_on, checksum FROM refinery_schema_history";
            edited(forgery, sql, "refinery_schema_history")
        },
    },
    Row {
        name: "lost-without-a-salvage",
        forge: |forgery| {
            let failed = forgery.failed();
            delete_run(forgery, &failed.run);
            appended(forgery, &format!("lost what=payload entry={}", failed.entry))
        },
    },
    Row {
        name: "lost-and-told-again",
        forge: |forgery| {
            // A failed run becomes a completed one, with its old time of receipt.
            let failed = forgery.failed();
            let payload = forgery.whitewashed(&failed.run);
            let again = with_payload(&failed.line, &payload);
            let first = forgery.append(&[&format!("lost what=payload entry={}", failed.entry), &again]);
            forgery.set_payload(first + 1, &payload);
            forgery.sql(&format!("DELETE FROM payload WHERE entry_id = {}", failed.entry));
            forgery.sql(&format!(
                "UPDATE _revision SET entry_id = {} WHERE entry_id = {}",
                first + 1,
                failed.entry
            ));
            vec![
                format!("ledger, entry {first}"),
                format!("ledger, entry {}", first + 1),
            ]
        },
    },
    Row {
        name: "revision-told-again",
        forge: |forgery| {
            let failed = forgery.failed();
            let line = with_payload(&failed.line, &forgery.whitewashed(&failed.run));
            let mut told = appended(forgery, &line);
            told.push("no sync is open".to_owned());
            told
        },
    },
    Row {
        name: "revision-number-twice",
        forge: |forgery| {
            let failed = forgery.failed();
            let mut told = in_a_sync(forgery, |sync, now| {
                let line = with_payload(&failed.line, b"{}");
                line.replace("sync=1 ", &format!("sync={sync} "))
                    .replace(word(&line, "at").unwrap(), now)
            });
            told.push(failed.run);
            told
        },
    },
    Row {
        name: "revision-dated-into-a-closed-sync",
        forge: |forgery| {
            let failed = forgery.failed();
            let line = failed.line.replace("number=1 ", "number=2 ");
            in_a_sync(forgery, |_, now| line.replace(word(&line, "at").unwrap(), now))
        },
    },
    Row {
        name: "time-runs-backwards",
        forge: |forgery| {
            let old = word(&forgery.lines()[0], "at").unwrap().replace("20", "19");
            let (first, _) = sync_with(forgery, &old, &[]);
            entry(first)
        },
    },
    Row {
        name: "clock-set-back-from-nowhere",
        forge: |forgery| {
            let line = "clock-set-back from=2031-01-01T00:00:00Z at=2020-01-01T00:00:00Z";
            appended(forgery, line)
        },
    },
    Row {
        name: "sync-number-again",
        forge: |forgery| {
            let now = forgery.now();
            let line = format!("sync-began sync=2 at={now} count=0 version=0.1.0 process=1");
            appended(forgery, &line)
        },
    },
    Row {
        name: "sync-number-skipped",
        forge: |forgery| {
            let (now, sync) = (forgery.now(), next_sync(forgery) + 1);
            appended(
                forgery,
                &format!("sync-began sync={sync} at={now} count=0 version=0.1.0 process=1"),
            )
        },
    },
    Row {
        name: "sync-ended-again",
        forge: |forgery| {
            let line = forgery
                .lines()
                .into_iter()
                .find(|line| line.starts_with("sync-ended sync=2 "));
            let now = forgery.now();
            let line = line.unwrap();
            appended(forgery, &line.replace(word(&line, "at").unwrap(), &now))
        },
    },
    Row {
        name: "absent-outside-a-sync",
        forge: |forgery| {
            let (now, run) = (forgery.now(), forgery.failed().run);
            forgery.sql(&format!(
                "UPDATE _run SET absent_since_unix = unixepoch('{now}') WHERE job_run_id = '{run}'"
            ));
            appended(forgery, &format!("absent run={run} sync=3 at={now}"))
        },
    },
    Row {
        name: "absent-and-never-there",
        forge: |forgery| {
            in_a_sync(forgery, |sync, now| {
                format!("absent run=11111111-2222-4333-8444-555555555555 sync={sync} at={now}")
            })
        },
    },
    Row {
        name: "returned-and-never-gone",
        forge: |forgery| {
            let run = forgery.text("SELECT job_run_id FROM runs WHERE absent_since IS NULL LIMIT 1");
            let mut told = in_a_sync(forgery, |sync, now| {
                format!("returned run={run} sync={sync} at={now}")
            });
            told.push(run);
            told
        },
    },
    Row {
        name: "accepted-again",
        forge: |forgery| {
            let line = forgery
                .lines()
                .into_iter()
                .find(|line| line.starts_with("accepted id=1 "));
            let line = line.unwrap();
            let now = forgery.now();
            let why = "0".repeat(64);
            let line = line
                .replace(word(&line, "at").unwrap(), &now)
                .replace(word(&line, "why").unwrap(), &why);
            appended(forgery, &line)
        },
    },
    Row {
        name: "accepted-by-another-hash",
        forge: |forgery| {
            let (now, why) = (forgery.now(), "approved by the board");
            let hash: String = hex(&<[u8; 32]>::from(Sha256::digest(why)));
            forgery.sql(&format!(
                "UPDATE _quarantined SET accepted_unix = unixepoch('{now}'), accepted_why = '{why}' WHERE quarantine_id = 2"
            ));
            let line = format!(
                "accepted id=2 at={now} sha256={hash} why={hash} by={}",
                forgery.by()
            );
            let mut told = appended(forgery, &line);
            told.push("its sha256 is not that of number 2 in quarantine".to_owned());
            told
        },
    },
    Row {
        name: "accepted-and-never-quarantined",
        forge: |forgery| {
            let (now, hash) = (forgery.now(), "0".repeat(64));
            appended(
                forgery,
                &format!(
                    "accepted id=99 at={now} sha256={hash} why={hash} by={}",
                    forgery.by()
                ),
            )
        },
    },
    Row {
        name: "quarantine-number-again",
        forge: |forgery| {
            let lines = forgery.lines();
            let line = lines
                .iter()
                .find(|line| line.starts_with("quarantined id=1 "))
                .unwrap();
            in_a_sync(forgery, |sync, now| {
                line.replace("sync=2 ", &format!("sync={sync} "))
                    .replace(word(line, "at").unwrap(), now)
            })
        },
    },
    Row {
        name: "job-added-again",
        forge: |forgery| {
            let (now, job) = (forgery.now(), forgery.failed().job);
            appended(forgery, &format!("job-added job={job} at={now} by=-"))
        },
    },
    Row {
        name: "zone-changed-without-reindex",
        forge: |forgery| {
            let line = forgery
                .lines()
                .into_iter()
                .find(|line| line.starts_with("naive-time "));
            let line = line.unwrap();
            let now = forgery.now();
            let line = line
                .replace("zone=utc", "zone=Asia/Tokyo")
                .replace(word(&line, "at").unwrap(), &now);
            appended(forgery, &line)
        },
    },
    Row {
        name: "second-archive-line",
        forge: |forgery| {
            let now = forgery.now();
            let line = format!("archive id=11111111-2222-4333-8444-555555555555 at={now} schema=1");
            appended(forgery, &line)
        },
    },
    Row {
        name: "salvage-of-another-history",
        forge: |forgery| {
            let (now, head) = (forgery.now(), "0".repeat(64));
            let line = format!("salvaged at={now} head={head} entries=5 by={}", forgery.by());
            let first = forgery.append(&[&line, &format!("salvage-ended at={now}")]);
            entry(first)
        },
    },
    Row {
        name: "salvage-without-end",
        forge: |forgery| {
            let (now, head, entries) = (forgery.now(), forgery.head(), forgery.lines().len());
            let failed = forgery.failed();
            delete_run(forgery, &failed.run);
            let line = format!(
                "salvaged at={now} head={head} entries={entries} by={}",
                forgery.by()
            );
            forgery.append(&[&line, &format!("lost what=payload entry={}", failed.entry)]);
            vec!["salvage".to_owned()]
        },
    },
    Row {
        name: "payload-of-nobody",
        forge: |forgery| {
            forgery.set_payload(1, b"{}");
            vec!["payload".to_owned()]
        },
    },
    Row {
        name: "revisions-swapped",
        forge: |forgery| {
            let failed = forgery.failed();
            let other = forgery
                .revision("SELECT job_run_id FROM runs WHERE status = 4 AND revision = 1 ORDER BY 1 LIMIT 1");
            let key = |entry: i64| {
                forgery.number(&format!("SELECT run_key FROM _revision WHERE entry_id = {entry}"))
            };
            let (one, two) = (key(failed.entry), key(other.entry));
            forgery.sql(&format!(
                "UPDATE _revision SET revision = 9, run_key = {two} WHERE entry_id = {};
                 UPDATE _revision SET run_key = {one} WHERE entry_id = {};
                 UPDATE _revision SET revision = 1 WHERE revision = 9",
                failed.entry, other.entry
            ));
            vec![failed.run, other.run]
        },
    },
    Row {
        name: "run-doubled",
        forge: |forgery| {
            let run = forgery.failed().run;
            let other = "11111111-2222-4333-8444-555555555555";
            let columns = forgery.text("SELECT group_concat(name) FROM pragma_table_info('_run') WHERE name NOT IN ('run_key', 'job_run_id')");
            forgery.sql(&format!(
                "INSERT INTO _run (run_key, job_run_id, {columns})
                 SELECT (SELECT max(run_key) + 1 FROM _run), '{other}', {columns} FROM _run WHERE job_run_id = '{run}'"
            ));
            vec!["run".to_owned()]
        },
    },
    Row {
        name: "sync-removed",
        forge: |forgery| {
            let sql = "DELETE FROM _sync_job WHERE sync_id = 2; DELETE FROM _sync_job_unchanged WHERE sync_id = 2; DELETE FROM _sync WHERE sync_id = 2";
            edited(forgery, sql, "sync")
        },
    },
    Row {
        name: "result-of-a-job-removed",
        forge: |forgery| {
            let sql = "DELETE FROM _sync_job WHERE sync_id = 2 AND error IS NOT NULL";
            edited(forgery, sql, "sync 2")
        },
    },
    Row {
        name: "name-removed",
        forge: |forgery| {
            let job = forgery.failed().job;
            let sql = format!("UPDATE _job SET name = NULL WHERE job_id = '{job}'");
            edited(forgery, &sql, &job)
        },
    },
    Row {
        name: "quarantined-bytes-replaced",
        forge: |forgery| {
            let hash = hex(&<[u8; 32]>::from(Sha256::digest(b"{}")));
            let sql = format!(
                "UPDATE _quarantined SET payload = x'7b7d', payload_bytes = 2, payload_sha256 = x'{hash}' WHERE quarantine_id = 2"
            );
            edited(forgery, &sql, "quarantine")
        },
    },
    Row {
        name: "rules-of-a-zone-added",
        forge: |forgery| {
            let sql = "INSERT INTO _zone_rules (sha256, zone, release, tzif) VALUES (zeroblob(32), 'Europe/Berlin', '2026a', x'00')";
            edited(forgery, sql, "zone_rules")
        },
    },
    Row {
        name: "index-emptied",
        forge: |forgery| {
            // An index needs what no other program has, so that SQLite compares none of that table.
            let connection = forgery.open();
            let (name, sql): (String, String) = connection
                .query_row(
                    "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = '_run' AND sql IS NOT NULL LIMIT 1",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .unwrap();
            let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
            connection
                .create_scalar_function("of_ours", 1, flags, |_| Ok(1))
                .unwrap();
            connection
                .execute_batch(&format!(
                    "DROP INDEX {name}; {sql} WHERE run_key < 0; CREATE INDEX theirs ON _run (of_ours(status));
                     PRAGMA writable_schema = ON"
                ))
                .unwrap();
            let is_whole = "UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1";
            assert_eq!(connection.execute(is_whole, [&name, &sql]).unwrap(), 1);
            vec![name]
        },
    },
    Row {
        name: "line-before-the-first",
        forge: |forgery| {
            let sql = "INSERT INTO ledger SELECT 0, entry, entry_hash FROM ledger WHERE entry_id = 1";
            edited(forgery, sql, "ledger, entry 0")
        },
    },
    Row {
        name: "heads-copied-into-another-chain",
        forge: |forgery| {
            // Every published hash stands where it stood, beside a chain with other bytes.
            let failed = forgery.failed();
            let heads = forgery.lines();
            let is_end = |line: &String| line.starts_with("sync-ended ");
            let ends: Vec<i64> = (1..)
                .zip(&heads)
                .filter(|(_, line)| is_end(line))
                .map(|(entry, _)| entry)
                .collect();
            forgery.replace_payload(&failed, &forgery.whitewashed(&failed.run));
            for (entry, head) in ends.iter().zip(&forgery.scene.heads) {
                forgery.sql(&format!(
                    "UPDATE ledger SET entry_hash = x'{head}' WHERE entry_id = {entry}"
                ));
            }
            entry(ends[0])
        },
    },
    Row {
        name: "line-in-another-form",
        forge: |forgery| {
            let (now, job) = (forgery.now(), forgery.failed().job.to_uppercase());
            appended(forgery, &format!("job-watched job={job} at={now} by=-"))
        },
    },
    Row {
        name: "number-in-another-form",
        forge: |forgery| {
            let failed = forgery.failed();
            let first = forgery.pretend_salvage(&[&format!("lost what=payload entry=+{}", failed.entry)]);
            forgery.sql(&format!("DELETE FROM payload WHERE entry_id = {}", failed.entry));
            entry(first + 1)
        },
    },
    Row {
        name: "revision-of-another-job",
        forge: |forgery| {
            let failed = forgery.failed();
            let other = forgery.text(&format!(
                "SELECT job_id FROM _job WHERE job_id <> '{}' LIMIT 1",
                failed.job
            ));
            let payload = forgery.whitewashed(&failed.run);
            let (now, sync) = (forgery.now(), next_sync(forgery));
            let line = with_payload(&failed.line, &payload)
                .replace("number=1 sync=1 ", &format!("number=2 sync={sync} "))
                .replace(word(&failed.line, "at").unwrap(), &now)
                .replace(&failed.job, &other);
            let (first, _) = sync_with(forgery, &now, &[line]);
            forgery.set_payload(first + 1, &payload);
            forgery.tables_anew();
            forgery.sql(&format!(
                "UPDATE _run SET job_key = (SELECT job_key FROM _job WHERE job_id = '{other}') WHERE job_run_id = '{}'",
                failed.run
            ));
            vec![failed.run]
        },
    },
    Row {
        name: "revision-with-the-payload-of-another-run",
        forge: |forgery| {
            let failed = forgery.failed();
            let program = &forgery.scene.story.program;
            let other = forgery
                .revision("SELECT job_run_id FROM runs WHERE status = 4 AND revision = 1 ORDER BY 1 LIMIT 1");
            let theirs = program.run(&["payload", &other.run]).ends_with(0).stdout;
            let ours = program.run(&["payload", &failed.run]).ends_with(0).stdout;
            let (now, sync) = (forgery.now(), next_sync(forgery));
            let line = |number: i64, payload: &str| {
                with_payload(&failed.line, payload.as_bytes())
                    .replace("number=1 sync=1 ", &format!("number={number} sync={sync} "))
                    .replace(word(&failed.line, "at").unwrap(), &now)
            };
            let (first, _) = sync_with(forgery, &now, &[line(2, &theirs), line(3, &ours)]);
            let key = format!("SELECT run_key FROM _revision WHERE entry_id = {}", failed.entry);
            for (entry, number, payload) in [(first + 1, 2, &theirs), (first + 2, 3, &ours)] {
                forgery.set_payload(entry, payload.as_bytes());
                forgery.sql(&format!(
                    "INSERT INTO _revision (entry_id, run_key, revision, sync_id, captured_unix, status, message_count, payload_sha256)
                     SELECT {entry}, run_key, {number}, {sync}, unixepoch('{now}'), status, message_count,
                         x'{}' FROM _revision WHERE entry_id = {}",
                    hex(&<[u8; 32]>::from(Sha256::digest(payload))),
                    failed.entry
                ));
            }
            forgery.sql(&format!(
                "UPDATE _run SET revision = 3, last_changed_unix = unixepoch('{now}') WHERE run_key = ({key})"
            ));
            vec![format!(
                "run {}, revision 2 (ledger, entry {})",
                failed.run,
                first + 1
            )]
        },
    },
    Row {
        name: "rules-of-reading-that-nobody-has",
        forge: |forgery| {
            let now = forgery.now();
            let first = forgery.append(&[&format!(
                "reindexed at={now} reader=99 zone=utc rules=- release=- by={}",
                forgery.by()
            )]);
            vec![format!("ledger, entry {first}"), "rules of version 99".to_owned()]
        },
    },
    Row {
        name: "sync-ended-with-another-number-of-jobs",
        forge: |forgery| {
            let (now, sync) = (forgery.now(), next_sync(forgery));
            let none = hex(&<[u8; 32]>::from(Sha256::digest(b"")));
            forgery.append(&[
                &format!("sync-began sync={sync} at={now} count=0 version=0.1.0 process=1"),
                &format!(
                    "sync-ended sync={sync} at={now} outcome=complete clock=0 jobs=3 figures={none} results={none}"
                ),
            ]);
            forgery.sql(&format!(
                "INSERT INTO _sync (sync_id, started_unix, finished_unix, outcome, count_asked, process_id, tool_version, head)
                 SELECT {sync}, unixepoch('{now}'), unixepoch('{now}'), 'complete', 0, 1, '0.1.0', entry_hash
                 FROM ledger ORDER BY entry_id DESC LIMIT 1"
            ));
            vec![format!("sync {sync}"), "not as many jobs".to_owned()]
        },
    },
    Row {
        name: "clock-of-a-sync-edited",
        forge: |forgery| {
            let sql = "UPDATE _sync SET clock_skew_seconds = 7200 WHERE sync_id = 1";
            edited(forgery, sql, "sync 1")
        },
    },
    Row {
        name: "clock-of-a-sync-in-another-form",
        forge: |forgery| {
            sync_with_results(
                forgery,
                |chains, _| chains,
                |line| line.replace(" clock=0 ", " clock=+0 "),
            );
            entry(i64::try_from(forgery.lines().len()).unwrap())
        },
    },
    Row {
        name: "removed-despite-a-hold",
        forge: |forgery| {
            let failed = forgery.failed();
            forgery.command(&["hold", "add", "--reason", "a lawsuit"]);
            let first = forgery.append(&[&forgery.removal_of(&failed)]);
            vec![
                format!("ledger, entry {first}"),
                format!("hold 1 keeps run {}", failed.run),
            ]
        },
    },
    Row {
        name: "removed-before-its-time",
        forge: |forgery| {
            let failed = forgery.failed();
            forgery.command(&["retain", "lock", "900y"]);
            appended(forgery, &forgery.removal_of(&failed))
        },
    },
    Row {
        name: "removed-and-still-there",
        forge: |forgery| {
            let failed = forgery.failed();
            forgery.append(&[&forgery.removal_of(&failed)]);
            vec![failed.run]
        },
    },
    Row {
        name: "removed-and-told-again",
        forge: |forgery| {
            let (failed, now) = (forgery.failed(), forgery.now());
            forgery.append(&[&forgery.removal_of(&failed)]);
            forgery.remove_rows(&failed.run);
            let sync = next_sync(forgery);
            let again = failed
                .line
                .replace("number=1 sync=1 ", &format!("number=2 sync={sync} "));
            let again = again.replace(word(&failed.line, "at").unwrap(), &now);
            let (first, _) = sync_with(forgery, &now, &[again]);
            entry(first + 1)
        },
    },
    Row {
        name: "removed-without-a-line",
        forge: |forgery| {
            let failed = forgery.failed();
            let run = &failed.run;
            forgery.sql(&format!(
                "INSERT INTO _removed_run (job_run_id, job_key, revisions, messages, removed_unix, removed_by, removed_why, plan)
                 SELECT job_run_id, job_key, 1, 2, 1767225600, zeroblob(32), zeroblob(32), zeroblob(32) FROM _run WHERE job_run_id = '{run}';
                 DELETE FROM payload WHERE entry_id = {entry};
                 DELETE FROM _revision WHERE entry_id = {entry};
                 DELETE FROM _message WHERE run_key = (SELECT run_key FROM _run WHERE job_run_id = '{run}');
                 DELETE FROM _run WHERE job_run_id = '{run}'",
                entry = failed.entry
            ));
            vec![failed.run]
        },
    },
    Row {
        name: "removed-run-edited",
        forge: |forgery| {
            let failed = forgery.failed();
            forgery.append(&[&forgery.removal_of(&failed)]);
            forgery.remove_rows(&failed.run);
            edited(
                forgery,
                "UPDATE _removed_run SET messages = messages + 1",
                &failed.run,
            )
        },
    },
    Row {
        name: "removed-run-forgotten",
        forge: |forgery| {
            let failed = forgery.failed();
            forgery.append(&[&forgery.removal_of(&failed)]);
            forgery.remove_rows(&failed.run);
            edited(forgery, "DELETE FROM _removed_run", &failed.run)
        },
    },
    Row {
        name: "hold-edited",
        forge: |forgery| {
            forgery.command(&["hold", "add", "--reason", "a lawsuit"]);
            edited(forgery, "UPDATE _hold SET until_unix = 1", "holds")
        },
    },
    Row {
        name: "hold-removed",
        forge: |forgery| {
            forgery.command(&["hold", "add", "--reason", "a lawsuit"]);
            edited(forgery, "DELETE FROM _hold", "holds")
        },
    },
    Row {
        name: "hold-released-by-another-line",
        forge: |forgery| {
            forgery.command(&["hold", "add", "--reason", "a lawsuit"]);
            let (now, by) = (forgery.now(), forgery.by());
            let why = forgery.text("SELECT lower(hex(why_sha256)) FROM _reason");
            appended(
                forgery,
                &format!("hold-released id=2 job=- at={now} why={why} by={by}"),
            )
        },
    },
    Row {
        name: "lock-shortened",
        forge: |forgery| {
            forgery.command(&["retain", "lock", "7y"]);
            let (now, by) = (forgery.now(), forgery.by());
            appended(forgery, &format!("retention-locked at={now} days=1 by={by}"))
        },
    },
    Row {
        name: "who-edited",
        forge: |forgery| edited(forgery, "UPDATE _actor SET actor = 'nobody@nowhere'", "_actor"),
    },
    Row {
        name: "who-removed",
        forge: |forgery| edited(forgery, "DELETE FROM _actor", "_actor"),
    },
    Row {
        name: "who-of-another-line",
        forge: |forgery| {
            // Bytes are accepted by somebody of whom nothing else is said.
            let (now, why, other) = (forgery.now(), "approved by the board", "0".repeat(64));
            forgery.sql(&format!(
                "UPDATE _quarantined SET accepted_unix = unixepoch('{now}'), accepted_why = '{why}' WHERE quarantine_id = 2"
            ));
            let hash =
                forgery.text("SELECT lower(hex(payload_sha256)) FROM _quarantined WHERE quarantine_id = 2");
            let why = hex(&<[u8; 32]>::from(Sha256::digest(why)));
            forgery.append(&[&format!(
                "accepted id=2 at={now} sha256={hash} why={why} by={other}"
            )]);
            vec!["_actor".to_owned(), other]
        },
    },
    Row {
        name: "start-of-a-run-edited",
        forge: |forgery| {
            // A further revision of the run counts as one of another year, and all else follows from it.
            let (failed, now) = (forgery.failed(), forgery.now());
            let payload = forgery.whitewashed(&failed.run);
            let sync = next_sync(forgery);
            let line = with_payload(&failed.line, &payload)
                .replace("number=1 sync=1 ", &format!("number=2 sync={sync} "))
                .replace(word(&failed.line, "at").unwrap(), &now)
                .replace(word(&failed.line, "started").unwrap(), "2001-01-01T00:00:00Z");
            let (first, _) = sync_with(forgery, &now, &[line]);
            forgery.set_payload(first + 1, &payload);
            forgery.tables_anew();
            vec![failed.run, "start of its run".to_owned()]
        },
    },
    Row {
        name: "chain-of-a-job-edited",
        forge: |forgery| {
            let job = forgery.failed().job;
            let sql = format!(
                "UPDATE _chain SET hash = zeroblob(32) WHERE job_key = (SELECT job_key FROM _job WHERE job_id = '{job}')"
            );
            edited(forgery, &sql, &job)
        },
    },
    Row {
        name: "lines-of-a-job-miscounted",
        forge: |forgery| {
            let job = forgery.failed().job;
            let sql = format!(
                "UPDATE _chain SET lines = lines - 1 WHERE job_key = (SELECT job_key FROM _job WHERE job_id = '{job}')"
            );
            edited(forgery, &sql, &job)
        },
    },
    Row {
        name: "chain-of-every-job-removed",
        forge: |forgery| edited(forgery, "DELETE FROM _chain WHERE job_key = 0", "_chain"),
    },
    Row {
        name: "chain-of-nobody-added",
        forge: |forgery| {
            edited(
                forgery,
                "INSERT INTO _chain VALUES (99, 1, zeroblob(32))",
                "_chain",
            )
        },
    },
    Row {
        name: "results-with-another-chain",
        forge: |forgery| {
            // A sync seals another chain of a job than its lines make.
            let other = |line: &str| line.replace(word(line, "results").unwrap(), &"1".repeat(64));
            sync_with_results(forgery, |chains, _| chains, other)
        },
    },
    Row {
        name: "results-without-a-job-that-was-not-asked",
        forge: |forgery| {
            let job = forgery.failed().job;
            let of_one_job = |chains: Chains, sync| chains.of_one_job_in(sync, &job);
            sync_with_results(forgery, of_one_job, str::to_owned)
        },
    },
    Row {
        name: "line-of-no-kind",
        forge: |forgery| {
            let run = forgery.failed().run;
            appended(forgery, &format!("removed run={run}"))
        },
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_with_the_file_does_is_found_without_any_head() {
    if !unpacks_zstandard() {
        return;
    }
    let scene = Scene::new().await;
    let mut wrong = Vec::new();
    for row in FORGERIES {
        let forgery = scene.forge(row.name);
        let told = (row.forge)(&forgery);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        wrong.extend(forgery.judged(&[], 4, &told));
        wrong.extend(forgery.judged(&["--head-file", "heads.txt"], 4, &told));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
