//! `jobruns sync`.

use std::time::Duration;

use tokio::time::Instant as MonotonicInstant;

use crate::ccs::retry::Policy;
use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::cli::monitoring::Monitoring;
use crate::cli::new_archive::may_create;
use crate::cli::output::in_use;
use crate::cli::runtime::runtime;
use crate::cli::servers::ServerChoice;
use crate::cli::sync_task::SyncTask;
use crate::cli::sync_task::export_entries::ExportEntries;
use crate::cli::sync_task::job_progress::JobProgress;
use crate::cli::sync_task::server_lists::{SyncServers, read_jobs};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::signals;
use crate::config::{GlobalSettings, MonitoringSettings, ServerSettings, Sources, SyncSettings, TableOrJson};
use crate::sync::SyncOptions;

/// Fetches every run of every watched job into the archive
///
/// If jobs are named, fetches only those, and watches them from then on. Each run is archived whole or not at all; runs
/// that are archived already are recognised and left alone. Nothing is deleted because the server no longer has it.
/// When stopped by Ctrl-C, it keeps what was read.
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  jobruns sync --url https://ccs.example:12431 --username "CORP\auditor" --pin SHA256 JOB_ID
  jobruns sync --config /etc/jobruns/jobruns.toml --log-file /var/log/jobruns/jobruns.log
  jobruns sync --config jobruns.toml --every 15m --format json
  jobruns sync --config jobruns.toml --head-file //audit/worm/heads.txt

Reports that are to be written after each sync stand in the config file: [[export]], report = 'failure-trends', output = 'trends-{date}.csv', and options of `jobruns report` as keys. They are left as they are after a sync that brought nothing; one that cannot be written makes the exit code 3.

Exit codes: 0 complete; 1 nothing could be done; 2 wrong usage; 3 in part (or the head could not be published); 5 another sync holds the archive; 130 interrupted. `jobruns --help` tells where settings and the password come from."#)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    sync: SyncSettings,

    /// Creates the archive if there is none, whatever --quiet and the head file say; leave it out in scheduled tasks
    #[arg(long)]
    new: bool,

    #[command(flatten)]
    choice: ServerChoice,

    #[command(flatten)]
    server: ServerSettings,

    #[command(flatten)]
    pub(crate) monitoring: MonitoringSettings,
}

impl SyncArgs {
    /// Whether it syncs again and again.
    pub(crate) const fn repeats(&self) -> bool {
        self.sync.every.is_some()
    }
}

pub(crate) fn run(
    args: &SyncArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
    monitoring: &Monitoring<'_>,
) -> Result<Exit, Failure> {
    let settings = &args.sync;
    let jobs_file = settings.jobs_file(sources);
    // Before the password: no need to type one for a file that cannot be read.
    jobs_file.map(read_jobs).transpose()?;
    let list = in_use::head_file(settings.head_file.as_ref(), sources)?;
    let create_archive = may_create(args.new, global, settings.head_file.as_deref())?;
    let exports = ExportEntries::of(sources)?;
    let servers = SyncServers::of(&args.choice, settings, &args.server, jobs_file, sources)?;
    let options = SyncOptions {
        create_archive,
        ..options(settings, &args.server, sources)?
    };
    let progress = JobProgress::new(console, global.progress);
    runtime()?.block_on(async {
        let cancellation = signals::listen()?;
        let mut sync = SyncTask {
            archive: &global.archive,
            servers,
            options,
            progress: &progress,
            list: list.as_ref(),
            cancellation,
            wide: settings.wide,
        };
        match settings.every {
            None => {
                let exit = one(&sync, settings.format, console, monitoring).await?;
                Ok(sync.write_exports(exit, &exports, console))
            }
            Some(every) => repeat(&mut sync, every, settings.format, &exports, (console, monitoring)).await,
        }
    })
}

/// Syncs once, and keeps the result for the notifications.
async fn one(
    sync: &SyncTask<'_>,
    format: Option<TableOrJson>,
    console: &Console,
    monitoring: &Monitoring<'_>,
) -> Result<Exit, Failure> {
    let ended = sync.run_and_report(format, console).await;
    monitoring.note_certificate(sync.servers.certificate_expiry());
    let (exit, summary) = ended?;
    monitoring.note_sync(summary.line(), &summary);
    Ok(exit)
}

/// Syncs at a rhythm, counted from start to start, until it is asked to stop. A sync that takes longer than the rhythm
/// is followed by the next at once.
async fn repeat(
    sync: &mut SyncTask<'_>,
    every: Duration,
    format: Option<TableOrJson>,
    exports: &ExportEntries,
    (console, monitoring): (&Console, &Monitoring<'_>),
) -> Result<Exit, Failure> {
    let mut cancellation = sync.cancellation.clone();
    let mut first = true;
    let mut last = Exit::Done;
    while !cancellation.is_cancelled() {
        let next = MonotonicInstant::now() + every;
        monitoring.begin().await;
        let ended = one(sync, format, console, monitoring)
            .await
            .map(|exit| sync.write_exports(exit, exports, console));
        monitoring.end(&ended).await;
        match ended {
            Ok(exit) => {
                last = exit;
                // One that vanishes later is not replaced.
                sync.options.create_archive = false;
            }
            // Another sync will have ended by the next time; what else fails at the first try fails at every one.
            Err(failure) if first && failure.exit() != Exit::Locked => return Err(failure),
            Err(failure) => {
                last = failure.exit();
                console.report(&failure);
            }
        }
        first = false;
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = cancellation.cancelled() => {}
        }
    }
    Ok(match last {
        // Nothing could be done without an archive or a setting: stopping it does not mend that.
        Exit::WrongUsage => last,
        _ => Exit::Interrupted,
    })
}

fn options(
    settings: &SyncSettings,
    server: &ServerSettings,
    sources: &Sources<'_>,
) -> Result<SyncOptions, Failure> {
    Ok(SyncOptions {
        jobs: settings.named_jobs().iter().map(|&job| (job, None)).collect(),
        fetch: settings.fetch(sources)?,
        concurrency: settings.concurrency,
        retry: Policy {
            retries: server.retries,
            retry_for: settings.retry_for,
            ..Policy::default()
        },
        run_limit: usize::try_from(settings.run_limit).unwrap_or(usize::MAX),
        naive_time: settings.naive_time,
        create_archive: false,
        hint: hints::sync,
    })
}
