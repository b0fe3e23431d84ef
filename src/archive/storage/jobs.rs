//! Jobs: who is watched, what they are called, where they answered.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::LedgerEntry;
use crate::archive::ledger::{self, Head, text_hash};
use crate::model::{Guid, Instant, Sha256};

/// A row of the table `jobs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// GUID.
    pub job_id: String,
    /// Its name, where one is known.
    pub name: Option<String>,
    /// Base URL of the server that answered last.
    pub server: Option<String>,
    /// Whether a sync without named jobs asks for it.
    pub watched: bool,
    /// End of the last sync in which it was complete with `count=0`.
    pub last_synced_at: Option<Instant>,
    /// End of the last sync in which it was complete with `--fetch full` or `auto`.
    pub last_answered_at: Option<Instant>,
    /// Why its last sync was not complete.
    pub last_error: Option<String>,
    /// Whether a person gave the name; else it is the server's.
    pub name_given: bool,
    /// The names that it had before, oldest first.
    pub former_names: Vec<FormerName>,
    /// The jobs files that alone have it watched, by their absolute paths; empty where it is watched otherwise, or not.
    pub only_in_jobs_files: Vec<String>,
}

/// A name that a job had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerName {
    /// The name.
    pub name: String,
    /// Since when it had it, where that is known.
    pub since: Option<Instant>,
    /// Until when.
    pub until: Instant,
}

/// The jobs of a server, as it told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerJobs {
    /// Base URL of the server.
    pub server: String,
    /// When it told them.
    pub listed_at: Instant,
    /// How many it has.
    pub jobs: u64,
    /// Those that are not watched: GUID and name, by name.
    pub unwatched: Vec<(String, String)>,
    /// How many of those a person stopped watching.
    pub removed: u64,
}

/// Who gives a job its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFrom {
    /// A person; it wins over the server's.
    Person,
    /// The server.
    Server,
}

/// A job with the freshness of its runs, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// The job.
    pub job: JobRow,
    /// Runs archived.
    pub runs: i64,
    /// Start of the newest run, as the table `runs` shows it.
    pub newest_run_at: Option<String>,
}

/// What a sync's end changes about a job.
pub(in crate::archive) struct JobEnd<'a> {
    pub(in crate::archive) job_key: i64,
    /// Something of it was read, so that this server has it.
    pub(in crate::archive) answered: bool,
    /// It was named, and is watched from now on if it answered; else it was watched when the sync began.
    pub(in crate::archive) named: bool,
    /// It was complete, and every run was asked for.
    pub(in crate::archive) synced: bool,
    /// It was complete, and nothing new was left out: not with a fixed number of runs.
    pub(in crate::archive) is_current: bool,
    pub(in crate::archive) error: Option<&'a str>,
    pub(in crate::archive) total_job_runs: Option<i64>,
    pub(in crate::archive) server: &'a str,
    pub(in crate::archive) at: Instant,
}

pub(in crate::archive) fn key(connection: &Connection, job_id: Guid) -> Result<Option<i64>, ArchiveError> {
    connection.cached().optional(
        "SELECT job_key FROM _job WHERE job_id = ?1",
        [job_id.to_string()],
        "look a job up",
        |row| row.get(0),
    )
}

/// The job's key; a job never seen is added, unwatched.
pub(in crate::archive) fn key_or_insert(
    connection: &Connection,
    head: &mut Head,
    job_id: Guid,
    now: Instant,
    by: Option<Sha256>,
) -> Result<i64, ArchiveError> {
    if let Some(key) = key(connection, job_id)? {
        return Ok(key);
    }
    let key = connection.cached().insert(
        "INSERT INTO _job (job_id, watched, first_seen_unix) VALUES (?1, 0, ?2)",
        params![job_id.to_string(), now.unix_seconds()],
        "add a job",
    )?;
    ledger::append(
        connection,
        head,
        &LedgerEntry::JobAdded {
            job: job_id,
            at: now.unix_seconds(),
            by,
        },
    )?;
    Ok(key)
}

/// A GUID as a table holds it.
pub(in crate::archive) fn stored_guid(text: &str) -> Result<Guid, ArchiveError> {
    text.parse().map_err(|_| ArchiveError::Damaged {
        what: format!("{text:?} stands where a GUID is expected"),
    })
}

/// The GUID of a job.
pub(in crate::archive) fn id(connection: &Connection, job_key: i64) -> Result<Guid, ArchiveError> {
    let id: String = connection.cached().one(
        "SELECT job_id FROM _job WHERE job_key = ?1",
        [job_key],
        "look a job up",
        |row| row.get(0),
    )?;
    stored_guid(&id)
}

/// A job's name, and the base URL of the server that answered last.
pub(in crate::archive) fn name_and_server(
    connection: &Connection,
    job_key: i64,
) -> Result<(Option<String>, Option<String>), ArchiveError> {
    connection.cached().one(
        "SELECT j.name, s.url FROM _job j LEFT JOIN _server s ON s.server_key = j.server_key
         WHERE j.job_key = ?1",
        [job_key],
        "look a job up",
        |row| row.try_into(),
    )
}

/// When a job's last complete answer came, where its last one to the question for all came at `since` or later. One that
/// lies in the future came by a wrong clock, and says nothing.
pub(in crate::archive) fn answered_since_full(
    connection: &Connection,
    job_key: i64,
    since: Instant,
) -> Result<Option<Instant>, ArchiveError> {
    let answered: Option<i64> = connection.cached().one(
        "SELECT iif(last_synced_unix BETWEEN ?2 AND ?3, last_answered_unix, NULL) FROM _job WHERE job_key = ?1",
        params![job_key, since.unix_seconds(), Instant::now().unix_seconds()],
        "read when a job answered",
        |row| row.get(0),
    )?;
    Ok(answered.map(Instant::from_unix_seconds))
}

pub(in crate::archive) fn set_watched(
    connection: &Connection,
    head: &mut Head,
    job_key: i64,
    watched: bool,
    now: Instant,
    by: Option<Sha256>,
) -> Result<(), ArchiveError> {
    let changed = connection.cached().run(
        "UPDATE _job SET watched = ?2 WHERE job_key = ?1 AND watched <> ?2",
        params![job_key, watched],
        "watch a job",
    )?;
    if changed == 0 {
        return Ok(());
    }
    let entry = LedgerEntry::JobWatched {
        job: id(connection, job_key)?,
        watched,
        at: now.unix_seconds(),
        by,
    };
    ledger::append(connection, head, &entry)
}

pub(in crate::archive) fn set_name(
    connection: &Connection,
    head: &mut Head,
    job_key: i64,
    name: &str,
    from: NameFrom,
    by: Option<Sha256>,
) -> Result<(), ArchiveError> {
    let doing = "name a job";
    // Most tools end a text at NUL.
    let name = &*name.replace('\0', "\u{fffd}");
    let now = Instant::now().unix_seconds();
    let given = from == NameFrom::Person;
    if given {
        connection.cached().run(
            "UPDATE _job SET name_given = 1 WHERE job_key = ?1 AND name IS ?2 AND name_given = 0",
            params![job_key, name],
            doing,
        )?;
    }
    let former = connection.cached().run(
        "INSERT INTO _former_name (job_key, name, since_unix, until_unix)
         SELECT job_key, name, name_since_unix, ?4 FROM _job
         WHERE job_key = ?1 AND name <> ?2 AND (?3 OR name_given = 0)",
        params![job_key, name, given, now],
        doing,
    )?;
    let changed = connection.cached().run(
        "UPDATE _job SET name = ?2, name_given = ?3, name_since_unix = ?4
         WHERE job_key = ?1 AND name IS NOT ?2 AND (?3 OR name_given = 0)",
        params![job_key, name, given, now],
        doing,
    )?;
    debug_assert!(former <= changed, "a former name has a later one");
    if changed == 0 {
        return Ok(());
    }
    let entry = LedgerEntry::JobNamed {
        job: id(connection, job_key)?,
        name: text_hash(name),
        at: Instant::now().unix_seconds(),
        by,
    };
    ledger::append(connection, head, &entry)
}

/// Why a job is watched, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) enum WatchOrigin {
    /// A person or a sync asked for it.
    Asked,
    /// Jobs files alone list it.
    JobsFile,
    /// A person ended it.
    Removed,
}

impl WatchOrigin {
    pub(in crate::archive) const fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::JobsFile => "jobs_file",
            Self::Removed => "removed",
        }
    }
}

/// Notes why a job is watched, or not.
pub(in crate::archive) fn set_origin(
    connection: &Connection,
    job_key: i64,
    origin: Option<WatchOrigin>,
) -> Result<(), ArchiveError> {
    connection.cached().run(
        "UPDATE _job SET watch_origin = ?2 WHERE job_key = ?1 AND watch_origin IS NOT ?2",
        params![job_key, origin.map(WatchOrigin::word)],
        "note why a job is watched",
    )?;
    Ok(())
}

/// Notes a job's part in a sync that ends.
pub(in crate::archive) fn end(
    connection: &Connection,
    head: &mut Head,
    end: &JobEnd<'_>,
) -> Result<(), ArchiveError> {
    connection.cached().run(
        "UPDATE _job SET last_error = ?2,
             last_synced_unix = CASE WHEN ?3 THEN ?4 ELSE last_synced_unix END,
             last_answered_unix = CASE WHEN ?6 THEN ?4 ELSE last_answered_unix END,
             total_job_runs = CASE WHEN ?3 THEN coalesce(?5, total_job_runs) ELSE total_job_runs END
         WHERE job_key = ?1",
        params![
            end.job_key,
            end.error,
            end.synced,
            end.at.unix_seconds(),
            end.total_job_runs,
            end.is_current
        ],
        "note how a job's sync ended",
    )?;
    if !end.answered {
        return Ok(());
    }
    if end.named {
        set_watched(connection, head, end.job_key, true, end.at, None)?;
        set_origin(connection, end.job_key, Some(WatchOrigin::Asked))?;
    }
    // A job moves to another server only when somebody says so.
    let (_, known) = name_and_server(connection, end.job_key)?;
    if known.is_none() {
        set_server(connection, head, end.job_key, end.server, end.at, None)?;
    }
    Ok(())
}

/// Notes the server that lists a job's runs; says whether it is another one than before.
fn set_server(
    connection: &Connection,
    head: &mut Head,
    job_key: i64,
    server: &str,
    at: Instant,
    by: Option<Sha256>,
) -> Result<bool, ArchiveError> {
    let doing = "note the server of a job";
    let server_key: i64 = connection.cached().one(
        "INSERT INTO _server (url) VALUES (?1) ON CONFLICT (url) DO UPDATE SET url = excluded.url
         RETURNING server_key",
        [server],
        doing,
        |row| row.get(0),
    )?;
    let moved = connection.cached().run(
        "UPDATE _job SET server_key = ?2 WHERE job_key = ?1 AND server_key IS NOT ?2",
        [job_key, server_key],
        doing,
    )?;
    if moved > 0 {
        let entry = LedgerEntry::JobServer {
            job: id(connection, job_key)?,
            server: text_hash(server),
            at: at.unix_seconds(),
            by,
        };
        ledger::append(connection, head, &entry)?;
    }
    Ok(moved > 0)
}

/// Says of a job, or of every job, that another server lists its runs from now on; with `from`, only of those that
/// were there. Says how many moved.
pub(in crate::archive) fn move_to(
    connection: &Connection,
    head: &mut Head,
    job: Option<Guid>,
    from: Option<&str>,
    to: &str,
    by: Sha256,
) -> Result<u64, ArchiveError> {
    let keys: Vec<i64> = connection.all(
        "SELECT j.job_key FROM _job j JOIN _server s ON s.server_key = j.server_key
         WHERE (?1 IS NULL OR j.job_id = ?1) AND (?2 IS NULL OR s.url = ?2) ORDER BY j.job_id",
        params![job.map(|job| job.to_string()), from],
        "read the servers of the jobs",
        |row| row.get(0),
    )?;
    let mut moved = 0;
    for key in keys {
        moved += u64::from(set_server(connection, head, key, to, Instant::now(), Some(by))?);
    }
    Ok(moved)
}

pub(in crate::archive) fn watched(connection: &Connection) -> Result<Vec<Guid>, ArchiveError> {
    let texts: Vec<String> = connection.all(
        "SELECT job_id FROM _job WHERE watched = 1 ORDER BY job_id",
        [],
        "list the watched jobs",
        |row| row.get(0),
    )?;
    texts
        .iter()
        .map(|text| {
            text.parse().map_err(|error| ArchiveError::Damaged {
                what: format!("a job's id: {error}"),
            })
        })
        .collect()
}

/// The base URL of the server that listed the runs of each job last.
pub(in crate::archive) fn servers(connection: &Connection) -> Result<HashMap<Guid, String>, ArchiveError> {
    let rows: Vec<(String, String)> = connection.all(
        "SELECT j.job_id, s.url FROM _job j JOIN _server s ON s.server_key = j.server_key",
        [],
        "read the servers of the jobs",
        |row| row.try_into(),
    )?;
    rows.into_iter()
        .map(|(job, url)| Ok((stored_guid(&job)?, url)))
        .collect()
}

pub(in crate::archive) fn states(connection: &Connection) -> Result<Vec<JobState>, ArchiveError> {
    let mut former = former_names(connection)?;
    let mut files = jobs_files(connection)?;
    connection.all(
        "SELECT j.job_id, j.name, s.url, j.watched, j.last_synced_unix, j.last_error,
                (SELECT count(*) FROM _run r WHERE r.job_key = j.job_key),
                (SELECT r.started_at FROM _run r WHERE r.job_key = j.job_key
                 ORDER BY r.started_ticks DESC LIMIT 1),
                j.job_key, j.name_given, j.watched = 1 AND j.watch_origin IS 'jobs_file', j.last_answered_unix
         FROM _job j LEFT JOIN _server s ON s.server_key = j.server_key ORDER BY j.job_id",
        [],
        "list the jobs",
        |row| {
            let key: i64 = row.get(8)?;
            let only_in_files: bool = row.get(10)?;
            Ok(JobState {
                job: JobRow {
                    job_id: row.get(0)?,
                    name: row.get(1)?,
                    server: row.get(2)?,
                    watched: row.get(3)?,
                    last_synced_at: row.get::<_, Option<i64>>(4)?.map(Instant::from_unix_seconds),
                    last_answered_at: row.get::<_, Option<i64>>(11)?.map(Instant::from_unix_seconds),
                    last_error: row.get(5)?,
                    name_given: row.get(9)?,
                    former_names: former.remove(&key).unwrap_or_default(),
                    only_in_jobs_files: files.remove(&key).filter(|_| only_in_files).unwrap_or_default(),
                },
                runs: row.get(6)?,
                newest_run_at: row.get(7)?,
            })
        },
    )
}

fn former_names(connection: &Connection) -> Result<HashMap<i64, Vec<FormerName>>, ArchiveError> {
    let mut former: HashMap<i64, Vec<FormerName>> = HashMap::new();
    connection.each(
        "SELECT job_key, name, since_unix, until_unix FROM _former_name ORDER BY former_key",
        [],
        "read the former names of jobs",
        |row| {
            former.entry(row.get(0)?).or_default().push(FormerName {
                name: row.get(1)?,
                since: row.get::<_, Option<i64>>(2)?.map(Instant::from_unix_seconds),
                until: Instant::from_unix_seconds(row.get(3)?),
            });
            Ok(())
        },
    )?;
    Ok(former)
}

fn jobs_files(connection: &Connection) -> Result<HashMap<i64, Vec<String>>, ArchiveError> {
    let mut files: HashMap<i64, Vec<String>> = HashMap::new();
    connection.each(
        "SELECT job_key, path FROM _jobs_file ORDER BY path",
        [],
        "read which jobs files list a job",
        |row| {
            files.entry(row.get(0)?).or_default().push(row.get(1)?);
            Ok(())
        },
    )?;
    Ok(files)
}
