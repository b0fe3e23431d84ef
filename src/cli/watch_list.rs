//! Which jobs are watched, as `sync`, `status` and `jobs list` all mean it: those that the archive notes, with what the
//! configured jobs file says by now.

use std::path::Path;

use crate::archive::{JobRow, JobState, ServerJobs};
use crate::cli::failure::Failure;
use crate::cli::sync_task::server_lists::{listed_by_entries, read_jobs};
use crate::cli::terminal::console::shown;
use crate::config::Sources;
use crate::text::counted;

/// The jobs as the next sync will take them: a job that a jobs file or an entry of the config file lists is watched, and one
/// that these alone had watched and no longer list is not.
pub(crate) fn with_jobs_file(states: Vec<JobState>, sources: &Sources<'_>) -> Result<Vec<JobState>, Failure> {
    with_named_jobs_file(states, sources, sources.path("jobs_file")?.as_deref())
}

pub(crate) fn with_named_jobs_file(
    mut states: Vec<JobState>,
    sources: &Sources<'_>,
    jobs_file: Option<&Path>,
) -> Result<Vec<JobState>, Failure> {
    let mut files = listed_by_entries(sources)?;
    if let Some(path) = jobs_file {
        files.push(read_jobs(path)?);
    }
    if files.is_empty() {
        return Ok(states);
    }
    for state in &mut states {
        let mut only_in = state.job.only_in_jobs_files.iter();
        let is_followed = |path: &String| files.iter().any(|file| file.path == *path);
        if !state.job.only_in_jobs_files.is_empty() && only_in.all(is_followed) {
            state.job.watched = false;
        }
    }
    for (job, name) in files.into_iter().flat_map(|file| file.jobs) {
        let id = job.to_string();
        match states.iter_mut().find(|state| state.job.job_id == id) {
            Some(state) => state.job.watched = true,
            None => states.push(JobState {
                job: JobRow {
                    job_id: id,
                    name_given: name.is_some(),
                    name,
                    server: None,
                    watched: true,
                    last_synced_at: None,
                    last_answered_at: None,
                    last_error: None,
                    former_names: Vec::new(),
                    only_in_jobs_files: Vec::new(),
                },
                runs: 0,
                newest_run_at: None,
            }),
        }
    }
    states.sort_by(|one, other| one.job.job_id.cmp(&other.job.job_id));
    Ok(states)
}

/// The most names that are reported of jobs that are not watched.
const MOST_NAMES: usize = 3;

/// Reports for each server how many of its jobs are not watched. If a server never listed its jobs, nothing is known.
pub(crate) fn report_unwatched(servers: &[ServerJobs], is_watched: impl Fn(&str) -> bool) {
    for server in servers {
        // The jobs file may watch some that the archive does not know yet.
        let unwatched: Vec<&(String, String)> = server
            .unwatched
            .iter()
            .filter(|(job_id, _)| !is_watched(job_id))
            .collect();
        let count = unwatched.len();
        if count == 0 {
            continue;
        }
        let names: Vec<String> = unwatched
            .iter()
            .take(MOST_NAMES)
            .map(|(_, name)| shown(name))
            .collect();
        tracing::info!(
            unwatched = count,
            "not watched: {count} of {} that {} had at {}: {}{}{}; `jobruns jobs discover` lists them, and \
             `jobruns sync --watch-all` watches every job that was not removed",
            counted(server.jobs, "job"),
            server.server,
            server.listed_at,
            names.join(", "),
            if count > MOST_NAMES { ", ..." } else { "" },
            match server.removed {
                0 => String::new(),
                removed => format!(" ({removed} of them removed by `jobruns jobs remove`)"),
            }
        );
    }
}
