//! A sync as commands run it: with progress, the names of jobs, the published head and the exports behind it.

pub(crate) mod export_entries;
pub(crate) mod job_progress;
pub(crate) mod server_lists;
pub(crate) mod summary;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant as MonotonicInstant;

use self::export_entries::ExportEntries;
use self::job_progress::JobProgress;
use self::server_lists::SyncServers;
use self::summary::SyncSummary;
use crate::archive::{ArchiveError, HeadToPublish, ReadOnly, SyncRecord};
use crate::cli::failure::{Exit, Failure};
use crate::cli::new_archive::{missing, tell_created};
use crate::cli::output::publish::{HeadList, publish};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::table::{print_result, width_to_fit};
use crate::config::TableOrJson;
use crate::model::Guid;
use crate::sync::{self, Cancellation, SyncError, SyncEvent, SyncOptions};

/// One sync, as often as it is wanted.
pub(crate) struct SyncTask<'s> {
    pub(crate) archive: &'s Path,
    pub(crate) servers: SyncServers,
    pub(crate) options: SyncOptions,
    pub(crate) progress: &'s JobProgress,
    pub(crate) list: Option<&'s HeadList>,
    pub(crate) cancellation: Cancellation,
    /// Whether all of the summary's table is shown, however narrow the terminal is.
    pub(crate) wide: bool,
}

impl SyncTask<'_> {
    /// Syncs once, prints the result, and tells what went wrong.
    pub(crate) async fn run_and_report(
        &self,
        format: Option<TableOrJson>,
        console: &Console,
    ) -> Result<(Exit, SyncSummary), Failure> {
        let (exit, summary) = self.run().await?;
        let text = || summary.text(width_to_fit(self.wide));
        print_result(console, format, text, &summary)?;
        let line = summary.line();
        if console.is_json() || format == Some(TableOrJson::Json) {
            tracing::info!(sync_id = summary.sync_id, head = summary.head, "{line}");
        } else {
            // The table on standard output ends with the same.
            console.note_in_log(&line);
        }
        if let Some(failure) = summary.failure() {
            console.report(&failure);
        }
        Ok((exit, summary))
    }

    /// Syncs once, and says how it ended.
    pub(crate) async fn run(&self) -> Result<(Exit, SyncSummary), Failure> {
        let names: Arc<Mutex<HashMap<Guid, String>>> = Arc::default();
        let events = {
            let (names, progress) = (Arc::clone(&names), self.progress.clone());
            let archive = self.archive.to_path_buf();
            move |event: SyncEvent<'_>| {
                if let SyncEvent::JobEnded {
                    name: Some(name),
                    record,
                } = &event
                {
                    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
                    names.insert(record.job_id, (*name).to_owned());
                }
                if let SyncEvent::Began {
                    archive_created: true,
                    ..
                } = &event
                {
                    tell_created(&archive);
                }
                progress.show(&event);
            }
        };
        let mut options = self.options.clone();
        let is_named = !options.jobs.is_empty();
        let (servers, listed) = self.servers.read(is_named)?;
        if is_named {
            options
                .jobs
                .splice(0..0, listed.into_iter().flat_map(|file| file.jobs));
        }
        let begun = MonotonicInstant::now();
        let syncing = sync::sync(
            self.archive,
            &servers,
            options,
            Box::new(events),
            self.cancellation.clone(),
        );
        // From Ctrl-C on nothing is drawn, so that the end, which a second one can cut short, leaves no stale line.
        let mut cancellation = self.cancellation.clone();
        let cleared_early = async {
            cancellation.cancelled().await;
            self.progress.clear();
            std::future::pending().await
        };
        let ended = tokio::select! {
            ended = syncing => ended,
            never = cleared_early => never,
        };
        self.progress.clear();
        let record = ended.map_err(|error| failure_of(error, self.archive))?;
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        add_archived_names(self.archive, &record, &mut names);
        let exit = self.publish(&record, summary::exit(record.outcome));
        Ok((exit, SyncSummary::new(&record, &names, begun.elapsed())))
    }

    /// Publishes the head: into the log, and to the head file where there is one. A sync that did everything
    /// but this is done in part.
    fn publish(&self, record: &SyncRecord, exit: Exit) -> Exit {
        let Some(list) = self.list else { return exit };
        let to_publish = HeadToPublish {
            at: record.finished_at,
            what: record.sync_id.to_string(),
            head: record.head,
            made: record.archive_created,
        };
        let published = publish(
            list,
            self.archive,
            &to_publish,
            &format!("sync {}", record.sync_id),
        );
        if published == Exit::Done || exit != Exit::Done {
            exit
        } else {
            published
        }
    }

    /// Writes what is to be written after a sync that ended so, and says how all of it ended. After a sync that brought
    /// nothing, files stay as they are: a new one would look fresh and not be.
    pub(crate) fn write_exports(&self, ended: Exit, entries: &ExportEntries, console: &Console) -> Exit {
        if !matches!(ended, Exit::Done | Exit::Findings) {
            return ended;
        }
        let exported =
            tokio::task::block_in_place(|| entries.write(self.archive, &self.cancellation, console));
        if exported == Exit::Done { ended } else { exported }
    }
}

/// The failure, as text; the archive is named where the error itself does not.
fn failure_of(error: SyncError, archive: &Path) -> Failure {
    if matches!(&error, SyncError::Archive(error) if matches!(**error, ArchiveError::Missing { .. } | ArchiveError::Empty { .. }))
    {
        return missing(archive, "which was there at the last sync or when this one began");
    }
    let unnamed = matches!(&error, SyncError::Archive(error) if matches!(**error, ArchiveError::Sql { .. }));
    let failure = Failure::from(error);
    if unnamed {
        failure.about(&format!("{}: ", archive.display()))
    } else {
        failure
    }
}

/// Adds the names that the archive knows: if a job failed, the server gave none.
fn add_archived_names(archive: &Path, record: &SyncRecord, names: &mut HashMap<Guid, String>) {
    if record.jobs.iter().all(|job| names.contains_key(&job.job_id)) {
        return;
    }
    // The sync is done and reported; if the archive cannot be read now, the next command will say it.
    let Ok(states) = ReadOnly::open(archive).and_then(|reader| reader.job_states()) else {
        return;
    };
    for state in states {
        if let (Ok(job_id), Some(name)) = (state.job.job_id.parse(), state.job.name) {
            names.entry(job_id).or_insert(name);
        }
    }
}
