//! `jobruns sync`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::archive::{ArchiveError, HeadToPublish, ReadOnly, SyncRecord};
use crate::ccs::Client;
use crate::ccs::retry::Policy;
use crate::cli::client::client;
use crate::cli::commands::scheduled::Scheduled;
use crate::cli::commands::sync_summary::{self, Summary};
use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::cli::new_archive::{may_create, missing, tell_created};
use crate::cli::output::in_use;
use crate::cli::output::publish::{HeadList, publish};
use crate::cli::runtime::runtime;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::print_result;
use crate::config::{GlobalSettings, ListedJob, ServerSettings, Sources, SyncSettings, TableOrJson};
use crate::model::Guid;
use crate::sync::{self, Cancellation, SyncError, SyncEvent};

/// Fetches every run of every watched job into the archive
///
/// If jobs are named, fetches only those, and watches them from then on. Each run is archived whole or not at all; runs
/// that are archived already are recognised and left alone. Nothing is deleted because the server no longer has it.
/// When stopped by Ctrl-C, it keeps what was read.
#[derive(Debug, clap::Args)]
#[command(after_help = r"Examples:
  jobruns sync --url https://ccs.example:12431 --username 'CORP\auditor' --pin SHA256 JOB_ID
  jobruns sync --config /etc/jobruns/jobruns.toml --log-file /var/log/jobruns.log
  jobruns sync --config jobruns.toml --every 15m --format json
  jobruns sync --config jobruns.toml --head-file //audit/worm/heads.txt

Reports that are to be written after each sync stand in the config file: [[export]], report = 'failure-trends', output = 'trends-{date}.csv', and options of `jobruns report` as keys. They are left as they are after a sync that brought nothing; one that cannot be written makes the exit code 3.

Exit codes: 0 complete; 1 nothing could be done; 2 wrong usage; 3 in part (or the head could not be published); 5 another sync holds the archive; 130 interrupted. `jobruns --help` tells where settings and the password come from.")]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    sync: SyncSettings,

    /// Creates the archive if there is none, whatever --quiet and the head file say; leave it out in scheduled tasks
    #[arg(long)]
    new: bool,

    #[command(flatten)]
    server: ServerSettings,
}

pub(crate) fn run(
    args: &SyncArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
) -> Result<Exit, Failure> {
    let settings = &args.sync;
    let jobs = settings.jobs(sources)?;
    let list = in_use::head_file(settings.head_file.as_ref(), sources)?;
    let create_archive = may_create(args.new, global, settings.head_file.as_deref())?;
    let scheduled = Scheduled::of(sources)?;
    let client = client(&args.server, sources)?;
    let options = sync::Options {
        create_archive,
        ..options(jobs, settings, &args.server)
    };
    let progress = Progress::new(console, global.progress);
    runtime()?.block_on(async {
        let cancellation = signals::listen()?;
        let mut sync = One {
            archive: &global.archive,
            client: &client,
            options,
            progress: &progress,
            list: list.as_ref(),
            cancellation,
        };
        match settings.every {
            None => {
                let exit = sync.run_and_tell(settings.format, console).await?;
                Ok(sync.exports(exit, &scheduled, console))
            }
            Some(every) => repeat(&mut sync, every, settings.format, &scheduled, console).await,
        }
    })
}

/// Syncs at a rhythm, counted from start to start, until it is asked to stop. A sync that takes longer than the rhythm
/// is followed by the next at once.
async fn repeat(
    sync: &mut One<'_>,
    every: Duration,
    format: Option<TableOrJson>,
    scheduled: &Scheduled,
    console: &Console,
) -> Result<Exit, Failure> {
    let mut cancellation = sync.cancellation.clone();
    let mut first = true;
    let mut last = Exit::Done;
    while !cancellation.is_cancelled() {
        let next = Instant::now() + every;
        match sync.run_and_tell(format, console).await {
            Ok(exit) => {
                last = sync.exports(exit, scheduled, console);
                // One that vanishes later is not replaced.
                sync.options.create_archive = false;
            }
            // Another sync will have ended by the next time; what else fails at the first try fails at every one.
            Err(failure) if first && failure.exit() != Exit::Held => return Err(failure),
            Err(failure) => {
                last = failure.exit();
                console.tell(&failure);
            }
        }
        first = false;
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = cancellation.cancelled() => {}
        }
    }
    Ok(match last {
        // Nothing could be done for want of an archive or a setting: stopping it does not mend that.
        Exit::WrongUsage => last,
        _ => Exit::Interrupted,
    })
}

fn options(jobs: Vec<ListedJob>, settings: &SyncSettings, server: &ServerSettings) -> sync::Options {
    sync::Options {
        jobs: jobs.into_iter().map(|job| (job.job_id, job.name)).collect(),
        count: settings.count,
        concurrency: settings.concurrency,
        retry: Policy {
            retries: server.retries,
            ..Policy::default()
        },
        run_limit: usize::try_from(settings.run_limit).unwrap_or(usize::MAX),
        naive_time: settings.naive_time,
        create_archive: false,
        hint: hints::sync,
    }
}

/// One sync, as often as it is wanted.
pub(crate) struct One<'s> {
    pub(crate) archive: &'s Path,
    pub(crate) client: &'s Client,
    pub(crate) options: sync::Options,
    pub(crate) progress: &'s Progress,
    pub(crate) list: Option<&'s HeadList>,
    pub(crate) cancellation: Cancellation,
}

impl One<'_> {
    /// Syncs once, prints the result, and tells what went wrong.
    pub(crate) async fn run_and_tell(
        &self,
        format: Option<TableOrJson>,
        console: &Console,
    ) -> Result<Exit, Failure> {
        let (exit, summary) = self.run().await?;
        print_result(console, format, || summary.text(), &summary)?;
        let line = summary.line();
        if console.is_json() || format == Some(TableOrJson::Json) {
            tracing::info!(sync_id = summary.sync_id, head = summary.head, "{line}");
        } else {
            // The table on standard output ends with the same.
            console.note_in_log(&line);
        }
        if let Some(failure) = summary.failure() {
            console.tell(&failure);
        }
        Ok(exit)
    }

    /// Syncs once, and says how it ended.
    pub(crate) async fn run(&self) -> Result<(Exit, Summary), Failure> {
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
        let begun = Instant::now();
        let ended = sync::sync(
            self.archive,
            self.client,
            self.options.clone(),
            Box::new(events),
            self.cancellation.clone(),
        )
        .await;
        self.progress.clear();
        let record = ended.map_err(|error| told(error, self.archive))?;
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        add_archived_names(self.archive, &record, &mut names);
        let exit = self.publish(&record, sync_summary::exit(record.outcome));
        Ok((exit, Summary::new(&record, &names, begun.elapsed())))
    }

    /// Lets the head leave the house: into the log, and to the head file where there is one. A sync that did everything
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
    fn exports(&self, ended: Exit, scheduled: &Scheduled, console: &Console) -> Exit {
        if !matches!(ended, Exit::Done | Exit::Findings) {
            return ended;
        }
        let exported =
            tokio::task::block_in_place(|| scheduled.write(self.archive, &self.cancellation, console));
        if exported == Exit::Done { ended } else { exported }
    }
}

/// The failure in words; the archive is named where the error itself does not.
fn told(error: SyncError, archive: &Path) -> Failure {
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

/// Adds the names that the archive knows: of a job that failed the server told none.
fn add_archived_names(archive: &Path, record: &SyncRecord, names: &mut HashMap<Guid, String>) {
    if record.jobs.iter().all(|job| names.contains_key(&job.job_id)) {
        return;
    }
    // The sync is done and told; that its archive cannot be read now is the next command's to say.
    let Ok(states) = ReadOnly::open(archive).and_then(|reader| reader.job_states()) else {
        return;
    };
    for state in states {
        if let (Ok(job_id), Some(name)) = (state.job.job_id.parse(), state.job.name) {
            names.entry(job_id).or_insert(name);
        }
    }
}
