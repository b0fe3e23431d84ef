//! `jobruns init`.

mod config_text;
mod dialogue;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::runtime::Runtime;

use self::config_text::{ConfigContents, PasswordPlace, WatchedJobs, jobs_file};
use self::dialogue::{ask, ask_until, numbers, say, yes_or_no};
use crate::archive::{Access, AtomicFile};
use crate::ccs::{CcsError, Client, served_certificate};
use crate::cli::client::{CONNECT_TIMEOUT, client_with};
use crate::cli::commands::trust::facts_text;
use crate::cli::credentials;
use crate::cli::failure::{Exit, Failure};
use crate::cli::runtime::runtime;
use crate::cli::terminal::console::{Console, shown};
use crate::cli::terminal::table::counted;
use crate::config::{
    CONFIG_FILE_NAME, GlobalSettings, HOW_LONG, Keyring, Origin, PasswordOrigin, ServerSettings, Sources,
    TrustChoice,
};
use crate::model::{Guid, Instant, Secret};
use crate::text::nearest;

/// Writes a commented config file and a jobs file, and tries them by a sync of one job
///
/// On a terminal, asks for what is not given: the URL, whether the shown certificate is the right one, the user, the
/// password and where to keep it, and the jobs. Without a terminal, asks nothing: the options say it all, and every job
/// that the server has now is listed unless --job or --watch-all is given. The server is asked before anything is written.
///
/// The files can be read by their owner only, on Windows by whoever may read their folder: run it as the account that runs
/// the scheduled tasks. An existing file is never overwritten without --force.
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  jobruns init
  jobruns init /etc/jobruns/jobruns.toml --archive /var/lib/jobruns/jobruns.db
  jobruns init --url https://ccs.example:12431 --username "CORP\auditor" --pin SHA256 --password-file pw --watch-all

Exit codes: 0 the files are written, and the trial sync was complete; 1 the server could not be asked; 2 wrong usage, or a file is there already; 3 the files are written, and the trial sync was not complete."#)]
pub(crate) struct InitArgs {
    /// The config file to write; jobs.txt and jobruns-password are put into its folder [default: that of --config, else jobruns.toml]
    #[arg(value_name = "FILE")]
    target: Option<PathBuf>,

    /// Overwrites files that are there already
    #[arg(long)]
    force: bool,

    /// A job to watch, by GUID; may be given several times [default: every job that the server has now]
    #[arg(long = "job", value_name = "ID")]
    jobs: Vec<Guid>,

    /// Watches every job that the server has, new ones too
    #[arg(long, conflicts_with = "jobs")]
    watch_all: bool,

    /// Where the password is kept for the scheduled tasks [default: asked on a terminal; else where it was found, if that lasts]
    #[arg(long, value_name = "WHERE", value_enum)]
    store_password: Option<StorePassword>,

    /// Does not try the settings by a sync
    #[arg(long)]
    no_sync: bool,

    #[command(flatten)]
    server: ServerSettings,
}

/// Where a password can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StorePassword {
    /// In a file beside the config file that only its owner may read (on Windows, whoever may read the folder)
    File,
    /// In the operating system's store (`jobruns password set`)
    Store,
    /// Nowhere
    None,
}

/// The name of the jobs file.
const JOBS_FILE: &str = "jobs.txt";

/// The name of the password file.
const PASSWORD_FILE: &str = "jobruns-password";

/// How often a person may type the password: an account must not be locked by this.
const MOST_TRIES: u32 = 3;

pub(crate) fn run(
    args: &InitArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
) -> Result<Exit, Failure> {
    let target = args.target.as_deref().or(global.config.as_deref());
    let target = target.unwrap_or(Path::new(CONFIG_FILE_NAME));
    let target = std::path::absolute(target).map_err(|error| {
        let message = format!("could not find {}", target.display());
        Failure::new(Exit::WrongUsage, message).caused_by(&error)
    })?;
    // Before any question.
    if !args.force {
        [&target, &target.with_file_name(JOBS_FILE)]
            .into_iter()
            .try_for_each(|path| refuse_existing(path))?;
    }
    let is_dialogue = std::io::stdin().is_terminal();
    let mut server = args.server.clone();
    if is_dialogue {
        ask_for_server(&mut server, sources)?;
    }
    let url = server.server.url()?.trim().to_owned();
    let username = server.login.username()?.to_owned();
    let trust = server.trust(sources)?;
    // One for all requests: connections belong to the runtime that made them.
    let runtime = runtime()?;
    let login = log_in(&runtime, &server, &trust, sources, is_dialogue, console)?;
    let (jobs, trial_job) = choose_jobs(args, &runtime, &login.client, is_dialogue)?;
    let location = password_location(args, &login.origin, is_dialogue)?;

    let folder = target.parent().unwrap_or(Path::new(".")).to_path_buf();
    let password = keep_password(&location, &login, &server, &folder, args.force)?;
    if let WatchedJobs::Listed(listed) = &jobs {
        write(&folder.join(JOBS_FILE), jobs_file(listed).as_bytes(), args.force)?;
    }
    let settings = ConfigContents {
        archive: match sources.origin("archive") {
            Origin::Default => global.archive.clone(),
            _ => absolute(&global.archive),
        },
        url,
        username,
        trust: match trust {
            TrustChoice::CaCert(path) => TrustChoice::CaCert(absolute(&path)),
            trust => trust,
        },
        password,
        jobs,
        jobs_file: PathBuf::from(JOBS_FILE),
        others: others(sources),
    };
    write(&target, settings.toml().as_bytes(), args.force)?;
    if settings.password == PasswordPlace::Elsewhere {
        tracing::warn!(
            "the password is not kept: a scheduled task needs one from a file (password_file), systemd's credentials or `jobruns password set`"
        );
    }
    let exit = match trial_job.filter(|_| !args.no_sync) {
        Some(job) => {
            let is_kept = settings.password != PasswordPlace::Elsewhere
                || !matches!(login.origin, PasswordOrigin::Prompt | PasswordOrigin::Stdin);
            try_out(&target, job, (!is_kept).then_some(&login.password), global)?
        }
        None => Exit::Done,
    };
    let config = crate::text::shell_quoted(&target.display().to_string());
    tracing::info!(
        "next: `jobruns check --config {config}`, then `jobruns schedule systemd|cron|windows --config {config} --install`"
    );
    Ok(exit)
}

/// Where the password will be.
enum PasswordLocation {
    /// In the file that was named.
    Named(PathBuf),
    Found,
    /// Where it is put now.
    New(StorePassword),
}

/// A login that worked.
struct Login {
    client: Client,
    password: Secret,
    origin: PasswordOrigin,
}

/// Decides where the password will be, which on a terminal may be asked.
fn password_location(
    args: &InitArgs,
    origin: &PasswordOrigin,
    is_dialogue: bool,
) -> Result<PasswordLocation, Failure> {
    Ok(match (args.store_password, origin) {
        (None, PasswordOrigin::File(path)) => PasswordLocation::Named(absolute(path)),
        (None, PasswordOrigin::Keyring | PasswordOrigin::Machine | PasswordOrigin::Credential) => {
            PasswordLocation::Found
        }
        (None, _) if is_dialogue => PasswordLocation::New(ask_where_to_store()?),
        (None, _) => PasswordLocation::New(StorePassword::None),
        (Some(place), _) => PasswordLocation::New(place),
    })
}

/// Puts the password where it is to be; where the config file then says that it is.
fn keep_password(
    location: &PasswordLocation,
    login: &Login,
    server: &ServerSettings,
    folder: &Path,
    force: bool,
) -> Result<PasswordPlace, Failure> {
    Ok(match location {
        PasswordLocation::Named(path) => PasswordPlace::File(path.clone()),
        PasswordLocation::Found if login.origin != PasswordOrigin::Credential => PasswordPlace::Store,
        PasswordLocation::New(StorePassword::File) => {
            let path = folder.join(PASSWORD_FILE);
            write(&path, format!("{}\n", login.password.reveal()).as_bytes(), force)?;
            PasswordPlace::File(PathBuf::from(PASSWORD_FILE))
        }
        PasswordLocation::New(StorePassword::Store) => {
            let account = credentials::account(&server.login, server.server.url()?.trim())?;
            Keyring::open()?.keep(&account, &login.password)?;
            tracing::info!("the password of {account} is kept. {HOW_LONG}");
            PasswordPlace::Store
        }
        _ => PasswordPlace::Elsewhere,
    })
}

fn ask_for_server(server: &mut ServerSettings, sources: &Sources<'_>) -> Result<(), Failure> {
    if server.server.url().is_err() {
        server.server.set_url(ask(
            "URL of the CCS server, such as https://ccs.example:12431",
            None,
        )?);
    }
    let url = server.server.url()?.to_owned();
    let timeout = server.server.timeout.min(CONNECT_TIMEOUT);
    if server.trust(sources)? == TrustChoice::System {
        let served = runtime()?.block_on(served_certificate(&url, timeout))?;
        say("\nThe server presents this certificate:\n");
        say(&facts_text(&served.facts, Instant::now()));
        say("Compare the SHA-256 with the one that the server's administrator sees.");
        if ask_until(
            "Is it the same, so that it can be pinned (yes or no)?",
            None,
            yes_or_no,
        )? {
            server.set_pin(served.facts.fingerprint);
        } else {
            let ca = ask(
                "PEM file with the certificate of its authority, or system for the system's",
                Some("system"),
            )?;
            if ca != "system" {
                server.set_ca_cert(PathBuf::from(ca));
            }
        }
    }
    if server.login.username().is_err() {
        server
            .login
            .set_username(ask(r"CCS user, such as CORP\auditor", None)?);
    }
    Ok(())
}

fn log_in(
    runtime: &Runtime,
    server: &ServerSettings,
    trust: &TrustChoice,
    sources: &Sources<'_>,
    is_dialogue: bool,
    console: &Console,
) -> Result<Login, Failure> {
    let url = server.server.url()?;
    let mut tries = 0;
    loop {
        let (password, origin) = credentials::password(&server.login, url, sources)?;
        let client = client_with(server, trust, password.clone(), &origin)?;
        tries += 1;
        match runtime.block_on(client.login()) {
            Ok(()) => {
                return Ok(Login {
                    client,
                    password,
                    origin,
                });
            }
            Err(error @ CcsError::LoginRejected { .. })
                if is_dialogue && origin == PasswordOrigin::Prompt && tries < MOST_TRIES =>
            {
                console.report(&error.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The jobs to watch, and one of them for the trial.
fn choose_jobs(
    args: &InitArgs,
    runtime: &Runtime,
    client: &Client,
    is_dialogue: bool,
) -> Result<(WatchedJobs, Option<Guid>), Failure> {
    let found = match runtime.block_on(client.discover()) {
        Ok(mut found) => {
            found.sort_by(|one, other| one.name.cmp(&other.name));
            found
        }
        // Some servers do not list their jobs, but answer for each.
        Err(error) if !args.jobs.is_empty() => {
            tracing::debug!(%error, "the server does not list its jobs");
            for &job in &args.jobs {
                runtime.block_on(client.job_runs(job, 1))?;
            }
            Vec::new()
        }
        Err(error) => {
            return Err(Failure::from(error).with_further_hint("Or name the jobs by --job ID."));
        }
    };
    let all: Vec<(Guid, String)> = found.into_iter().map(|job| (job.job_id, job.name)).collect();
    let first = |jobs: &[(Guid, String)]| jobs.first().map(|(job, _)| *job);
    if args.watch_all {
        return Ok((WatchedJobs::All, first(&all)));
    }
    if !args.jobs.is_empty() {
        if !all.is_empty() {
            args.jobs.iter().try_for_each(|&job| refuse_unknown(job, &all))?;
        }
        let name_of = |job: Guid| {
            all.iter()
                .find(|(known, _)| *known == job)
                .map(|(_, name)| name.clone())
        };
        let listed: Vec<(Guid, String)> = args
            .jobs
            .iter()
            .map(|&job| (job, name_of(job).unwrap_or_default()))
            .collect();
        return Ok((WatchedJobs::Listed(listed.clone()), first(&listed)));
    }
    if all.is_empty() {
        let message = "the server lists no job";
        return Err(Failure::new(Exit::NotDone, message)
            .with_hint("look at the permissions of the user, or name the jobs by --job ID."));
    }
    if !is_dialogue {
        return Ok((WatchedJobs::Listed(all.clone()), first(&all)));
    }
    say(&format!(
        "\nThe server has {}:\n",
        counted(all.len() as u64, "job")
    ));
    for (number, (_, name)) in all.iter().enumerate() {
        say(&format!("{:5}  {}", number + 1, shown(name)));
    }
    let question = "\nWhich are to be watched? Numbers such as 1,3-5, or all, new ones too";
    match ask_until(question, Some("all"), |answer| numbers(answer, all.len()))? {
        None => Ok((WatchedJobs::All, first(&all))),
        Some(numbers) => {
            let listed: Vec<(Guid, String)> = numbers.iter().map(|number| all[number - 1].clone()).collect();
            Ok((WatchedJobs::Listed(listed.clone()), first(&listed)))
        }
    }
}

/// The most jobs that are named in place of one that the server does not have.
const MOST_NAMES: usize = 5;

fn refuse_unknown(job: Guid, all: &[(Guid, String)]) -> Result<(), Failure> {
    if all.iter().any(|(known, _)| *known == job) {
        return Ok(());
    }
    let ids: Vec<String> = all.iter().map(|(known, _)| known.to_string()).collect();
    let near = nearest(&job.to_string(), ids.iter().map(String::as_str));
    let named = |(id, (_, name)): (&String, &(Guid, String))| format!("{} ({id})", shown(name));
    let jobs = || ids.iter().zip(all);
    let hint = match jobs().find(|(id, _)| Some(id.as_str()) == near) {
        Some(meant) => format!("did you mean {}?", named(meant)),
        None => {
            let some: Vec<String> = jobs().take(MOST_NAMES).map(named).collect();
            let more = if all.len() > MOST_NAMES { ", ..." } else { "" };
            format!("it has {}{more}", some.join(", "))
        }
    };
    let message = format!("the server has no job {job}");
    Err(Failure::new(Exit::WrongUsage, message).with_hint(format!(
        "{hint} Nothing was written; `jobruns jobs discover` lists all jobs."
    )))
}

fn ask_where_to_store() -> Result<StorePassword, Failure> {
    say("\nThe scheduled tasks need the password:");
    say(
        "  file   in a file that only this account can read; it survives a reboot, and cron and systemd find it",
    );
    say(&format!("  store  in the system's store. {HOW_LONG}"));
    say("  none   nowhere: it is typed or handed over each time");
    let default = if cfg!(windows) { "store" } else { "file" };
    ask_until("Where is it to be kept?", Some(default), |answer| match answer {
        "file" => Ok(StorePassword::File),
        "store" => Ok(StorePassword::Store),
        "none" => Ok(StorePassword::None),
        _ => Err("answer file, store or none".to_owned()),
    })
}

/// Syncs one job with the written settings, as a command of its own; a password that is kept nowhere goes by a pipe.
fn try_out(
    config: &Path,
    job: Guid,
    password: Option<&Secret>,
    global: &GlobalSettings,
) -> Result<Exit, Failure> {
    tracing::info!("trial: a sync of job {job}");
    let not_started = |error: std::io::Error| {
        Failure::new(
            Exit::Findings,
            "the settings are written, and the trial sync could not be started",
        )
        .caused_by(&error)
    };
    let mut command = Command::new(std::env::current_exe().map_err(not_started)?);
    command
        .args(["sync", "--new", "--config"])
        .arg(config)
        .arg(job.to_string());
    if global.is_quiet() {
        command.arg("--quiet");
    }
    command.stdin(Stdio::null());
    if password.is_some() {
        command.arg("--password-stdin").stdin(Stdio::piped());
    }
    let mut child = command.spawn().map_err(not_started)?;
    if let (Some(password), Some(mut pipe)) = (password, child.stdin.take()) {
        // A sync that does not read it says why by itself.
        let _ = pipe.write_all(password.reveal().as_bytes());
    }
    let status = child.wait().map_err(not_started)?;
    if status.success() {
        return Ok(Exit::Done);
    }
    Err(Failure::new(
        Exit::Findings,
        format!("the settings are written, and the trial sync was not complete ({status})"),
    )
    .with_hint(format!(
        "`jobruns check --config {}` says what is wrong.",
        crate::text::shell_quoted(&config.display().to_string())
    )))
}

/// Other settings of the server that were given by flags or the environment.
fn others(sources: &Sources<'_>) -> Vec<(String, String)> {
    sources
        .choices()
        .iter()
        .filter(|choice| {
            ["password_encoding", "timeout", "retries", "rate_limit"].contains(&choice.key.as_str())
        })
        .filter(|choice| choice.origin != Origin::Default)
        .map(|choice| (choice.key.clone(), choice.value.clone()))
        .collect()
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(
        Failure::new(Exit::WrongUsage, format!("{} is there already", path.display()))
            .with_hint("nothing was changed: name another file, or overwrite it with --force."),
    )
}

/// Writes a file that only its owner can read.
fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::NotDone, format!("could not write {}", path.display())).caused_by(&error)
    };
    let file = AtomicFile::begin(path, Access::Private).map_err(failed)?;
    file.file().write_all(bytes).map_err(failed)?;
    let named = if force { file.replace() } else { file.name_new() };
    match named {
        Ok(()) => {
            tracing::info!("written: {}", path.display());
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => refuse_existing(path),
        Err(error) => Err(failed(error)),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
