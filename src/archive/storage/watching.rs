//! What has jobs watched beside a person: jobs files, and the list of a server's jobs.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::jobs::{self, NameFrom, ServerJobs, WatchOrigin, set_origin};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::Head;
use crate::model::{Guid, Instant};

fn origin(connection: &Connection, job_key: i64) -> Result<(bool, Option<String>), ArchiveError> {
    connection.cached().one(
        "SELECT watched, watch_origin FROM _job WHERE job_key = ?1",
        [job_key],
        "read why a job is watched",
        |row| row.try_into(),
    )
}

/// Forgets that jobs files list the job: a person ended its being watched.
pub(in crate::archive) fn forget_files(connection: &Connection, job_key: i64) -> Result<(), ArchiveError> {
    connection.run(
        "DELETE FROM _jobs_file WHERE job_key = ?1",
        [job_key],
        "note which jobs files list a job",
    )?;
    Ok(())
}

/// Watches the jobs that a jobs file lists, and ends that of jobs that it alone had watched and no longer lists; says which
/// these were.
pub(in crate::archive) fn follow_jobs_file(
    connection: &Connection,
    head: &mut Head,
    path: &str,
    listed: &[(Guid, Option<String>)],
    now: Instant,
) -> Result<Vec<Guid>, ArchiveError> {
    let doing = "note the jobs of a jobs file";
    let mut before: HashSet<i64> = HashSet::new();
    connection.each(
        "SELECT job_key FROM _jobs_file WHERE path = ?1",
        [path],
        doing,
        |row| {
            before.insert(row.get(0)?);
            Ok(())
        },
    )?;
    for (job, name) in listed {
        let key = jobs::key_or_insert(connection, head, *job, now, None)?;
        if !before.remove(&key) {
            connection.cached().run(
                "INSERT OR IGNORE INTO _jobs_file (path, job_key) VALUES (?1, ?2)",
                params![path, key],
                doing,
            )?;
        }
        if !origin(connection, key)?.0 {
            jobs::set_watched(connection, head, key, true, now, None)?;
            set_origin(connection, key, Some(WatchOrigin::JobsFile))?;
        }
        if let Some(name) = name {
            jobs::set_name(connection, head, key, name, NameFrom::Person, None)?;
        }
    }
    let mut dropped = Vec::new();
    let mut gone: Vec<i64> = before.into_iter().collect();
    gone.sort_unstable();
    for key in gone {
        connection.cached().run(
            "DELETE FROM _jobs_file WHERE path = ?1 AND job_key = ?2",
            params![path, key],
            doing,
        )?;
        let elsewhere: bool = connection.cached().one(
            "SELECT EXISTS (SELECT 1 FROM _jobs_file WHERE job_key = ?1)",
            [key],
            doing,
            |row| row.get(0),
        )?;
        let (watched, why) = origin(connection, key)?;
        if watched && !elsewhere && why.as_deref() == Some(WatchOrigin::JobsFile.word()) {
            jobs::set_watched(connection, head, key, false, now, None)?;
            set_origin(connection, key, None)?;
            dropped.push(jobs::id(connection, key)?);
        }
    }
    Ok(dropped)
}

/// Notes the jobs that a server has, and the names that it gives to known ones of its own; with `watch_new`, watches those
/// that are not and whose watching no person ended. Says which are watched from now on.
pub(in crate::archive) fn note_server_jobs(
    connection: &Connection,
    head: &mut Head,
    server: &str,
    listed: &[(Guid, String)],
    watch_new: bool,
    now: Instant,
) -> Result<Vec<(Guid, String)>, ArchiveError> {
    replace_list(connection, server, listed, now)?;
    let mut known: HashMap<String, (i64, bool, Option<String>, bool)> = HashMap::new();
    connection.each(
        "SELECT j.job_id, j.job_key, j.watched, j.watch_origin, s.url <> ?1
         FROM _job j LEFT JOIN _server s ON s.server_key = j.server_key",
        [server],
        "read the jobs",
        |row| {
            let is_elsewhere = row.get::<_, Option<bool>>(4)?.unwrap_or(false);
            known.insert(row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?, is_elsewhere));
            Ok(())
        },
    )?;
    let mut new = Vec::new();
    for (job, name) in listed {
        let (key, watched, origin) = match known.get(&job.to_string()) {
            // A clone lists the jobs of another server, and perhaps under other names.
            Some((_, _, _, true)) => continue,
            Some((key, watched, origin, false)) => (*key, *watched, origin.as_deref()),
            None if watch_new => (
                jobs::key_or_insert(connection, head, *job, now, None)?,
                false,
                None,
            ),
            None => continue,
        };
        if watch_new && !watched && origin != Some(WatchOrigin::Removed.word()) {
            jobs::set_watched(connection, head, key, true, now, None)?;
            set_origin(connection, key, Some(WatchOrigin::Asked))?;
            new.push((*job, name.clone()));
        }
        jobs::set_name(connection, head, key, name, NameFrom::Server, None)?;
    }
    Ok(new)
}

/// Writes only what is another than before.
fn replace_list(
    connection: &Connection,
    server: &str,
    listed: &[(Guid, String)],
    now: Instant,
) -> Result<(), ArchiveError> {
    let doing = "note the jobs of a server";
    connection.run(
        "INSERT INTO _job_list (server, listed_unix) VALUES (?1, ?2)
         ON CONFLICT (server) DO UPDATE SET listed_unix = excluded.listed_unix",
        params![server, now.unix_seconds()],
        doing,
    )?;
    let mut before: HashMap<String, String> = HashMap::new();
    connection.each(
        "SELECT job_id, name FROM _listed_job WHERE server = ?1",
        [server],
        doing,
        |row| {
            before.insert(row.get(0)?, row.get(1)?);
            Ok(())
        },
    )?;
    for (job, name) in listed {
        let job = job.to_string();
        // Most tools end a text at NUL.
        let name = name.replace('\0', "\u{fffd}");
        if before.remove(&job).as_ref() != Some(&name) {
            connection.cached().run(
                "INSERT OR REPLACE INTO _listed_job (server, job_id, name) VALUES (?1, ?2, ?3)",
                params![server, job, name],
                doing,
            )?;
        }
    }
    for job in before.keys() {
        connection.cached().run(
            "DELETE FROM _listed_job WHERE server = ?1 AND job_id = ?2",
            params![server, job],
            doing,
        )?;
    }
    Ok(())
}

/// The jobs of each server that told them, and which of them are not watched.
pub(in crate::archive) fn server_jobs(connection: &Connection) -> Result<Vec<ServerJobs>, ArchiveError> {
    let doing = "read the jobs of a server";
    let mut servers: Vec<ServerJobs> = connection.all(
        "SELECT l.server, l.listed_unix, (SELECT count(*) FROM _listed_job j WHERE j.server = l.server)
         FROM _job_list l ORDER BY l.server",
        [],
        doing,
        |row| {
            Ok(ServerJobs {
                server: row.get(0)?,
                listed_at: Instant::from_unix_seconds(row.get(1)?),
                jobs: row.get::<_, i64>(2)?.unsigned_abs(),
                unwatched: Vec::new(),
                removed: 0,
            })
        },
    )?;
    for server in &mut servers {
        server.unwatched = connection.all(
            "SELECT l.job_id, l.name FROM _listed_job l
             WHERE l.server = ?1 AND NOT EXISTS (SELECT 1 FROM _job j WHERE j.job_id = l.job_id AND j.watched = 1)
             ORDER BY l.name, l.job_id",
            [&server.server],
            doing,
            |row| row.try_into(),
        )?;
        server.removed = connection
            .one(
                "SELECT count(*) FROM _listed_job l JOIN _job j ON j.job_id = l.job_id
             WHERE l.server = ?1 AND j.watched = 0 AND j.watch_origin = 'removed'",
                [&server.server],
                doing,
                |row| row.get::<_, i64>(0),
            )?
            .unsigned_abs();
    }
    Ok(servers)
}
