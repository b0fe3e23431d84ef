//! `jobruns schedule`.

mod cron;
mod external;
mod files;
mod plan;
mod systemd;
mod windows;

use std::path::PathBuf;

use self::plan::{Plan, ScheduleArgs};
use self::systemd::Manager;
use self::windows::Logon;
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::table::print_text;
use crate::config::{GlobalSettings, Sources};

/// Prints, installs or removes the scheduled tasks: sync, backup, status and a weekly verify
///
/// The tasks name this program, the config file and the archive by their absolute paths, ask nothing, wait for a server that
/// is rebooting, catch up on a start that was missed, and never run twice at once.
#[derive(Debug, clap::Args)]
#[command(after_help = r"Examples:
  jobruns schedule systemd --config /etc/jobruns/jobruns.toml --account jobruns
  sudo jobruns schedule systemd --config /etc/jobruns/jobruns.toml --account jobruns --backup-to /mnt/backup/jobruns.db --install
  jobruns schedule cron --config /etc/jobruns/jobruns.toml --install
  jobruns schedule windows --config C:\ProgramData\jobruns\jobruns.toml --account CORP\gmsa-jobruns$ --install
  sudo jobruns schedule test systemd --config /etc/jobruns/jobruns.toml --account jobruns")]
pub(crate) struct ScheduleCommand {
    #[command(subcommand)]
    action: ScheduleAction,
}

#[derive(Debug, clap::Subcommand)]
enum ScheduleAction {
    Systemd(SystemdArgs),
    Cron(CronArgs),
    Windows(WindowsArgs),
    Test(TestArgs),
}

/// What to do with the tasks.
#[derive(Debug, clap::Args)]
struct Deed {
    /// Installs the tasks, in place of those of an earlier call; what is not ours is never replaced
    #[arg(long)]
    install: bool,

    /// Removes the tasks that were installed
    #[arg(long, conflicts_with = "install")]
    remove: bool,
}

/// Services and timers of systemd, hardened, with the password file handed over as a credential
#[derive(Debug, clap::Args)]
struct SystemdArgs {
    #[command(flatten)]
    deed: Deed,

    /// For the current user's own systemd instead of the system's; the services are not hardened
    #[arg(long, conflicts_with = "account")]
    user: bool,

    /// Writes the units to this folder, and starts nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["install", "remove"])]
    output_dir: Option<PathBuf>,

    #[command(flatten)]
    schedule: ScheduleArgs,
}

/// Lines of the account's crontab
#[derive(Debug, clap::Args)]
struct CronArgs {
    #[command(flatten)]
    deed: Deed,

    /// Writes the lines to the file jobruns.crontab in this folder, and installs nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["install", "remove"])]
    output_dir: Option<PathBuf>,

    #[command(flatten)]
    schedule: ScheduleArgs,
}

/// Tasks of the Windows Task Scheduler, as XML
#[derive(Debug, clap::Args)]
struct WindowsArgs {
    #[command(flatten)]
    deed: Deed,

    /// How the account logs in [default: by the account: service for a built-in one, gmsa if its name ends with $, else password]
    #[arg(long, value_name = "HOW", value_enum)]
    logon: Option<Logon>,

    /// Writes the definitions to this folder, as UTF-16, which `schtasks /Create /XML` takes
    #[arg(long, value_name = "DIR", conflicts_with_all = ["install", "remove"])]
    output_dir: Option<PathBuf>,

    #[command(flatten)]
    schedule: ScheduleArgs,
}

/// Runs `check` through the scheduler under the account of the tasks, and shows what it said
///
/// With systemd as a service with the rights and the credential of the sync's; with cron by a shell with cron's
/// environment, since cron cannot start anything at once; on Windows as the installed task \jobruns\check, which writes
/// to jobruns-check.txt beside the archive.
#[derive(Debug, clap::Args)]
struct TestArgs {
    /// The scheduler
    #[arg(value_enum)]
    scheduler: Scheduler,

    /// With systemd: the current user's own
    #[arg(long, conflicts_with = "account")]
    user: bool,

    /// The account that runs the tasks [default: the current one]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

/// The schedulers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scheduler {
    Systemd,
    Cron,
    Windows,
}

pub(crate) fn run(
    command: &ScheduleCommand,
    sources: &Sources<'_>,
    global: &GlobalSettings,
) -> Result<Exit, Failure> {
    let plan = |args: &ScheduleArgs| Plan::new(args, sources, global);
    let removed = match &command.action {
        ScheduleAction::Systemd(args) => {
            let manager = if args.user { Manager::User } else { Manager::System };
            if args.deed.remove {
                systemd::remove(manager)?
            } else {
                let plan = plan(&args.schedule)?;
                tell_what_is_left_out(&plan);
                if args.deed.install {
                    systemd::install(&plan, manager)?;
                    return Ok(Exit::Done);
                }
                let units = systemd::units(&plan, manager);
                if let Some(folder) = &args.output_dir {
                    files::write(folder, &units, systemd::is_ours)?;
                    return Ok(Exit::Done);
                }
                let texts = units
                    .iter()
                    .map(|unit| format!("### {}\n{}\n", unit.name, String::from_utf8_lossy(&unit.bytes)));
                print_text(&texts.collect::<String>())?;
                return Ok(Exit::Done);
            }
        }
        ScheduleAction::Cron(args) => {
            let plan = plan(&args.schedule)?;
            if args.deed.remove {
                cron::remove(&plan)?
            } else {
                tell_what_is_left_out(&plan);
                if args.deed.install {
                    cron::install(&plan)?;
                } else if let Some(folder) = &args.output_dir {
                    files::write(folder, &[cron::file(&plan)], cron::is_ours)?;
                } else {
                    print_text(&cron::block(&plan))?;
                }
                return Ok(Exit::Done);
            }
        }
        ScheduleAction::Windows(args) => {
            if args.deed.remove {
                windows::remove()?
            } else {
                let plan = plan(&args.schedule)?;
                tell_what_is_left_out(&plan);
                let logon = args.logon.unwrap_or_else(|| windows::logon_of(&plan.account));
                if args.deed.install {
                    return windows::install(&plan, logon);
                }
                if let Some(folder) = &args.output_dir {
                    files::write(folder, &windows::files(&plan, logon), windows::is_ours)?;
                } else {
                    print_text(&windows::text(&plan, logon))?;
                }
                return Ok(Exit::Done);
            }
        }
        ScheduleAction::Test(args) => {
            let plan = Plan::of_check(args.account.as_deref(), sources, global)?;
            let manager = if args.user { Manager::User } else { Manager::System };
            return match args.scheduler {
                Scheduler::Systemd => systemd::test(&plan, manager),
                Scheduler::Cron => cron::test(&plan),
                Scheduler::Windows => windows::test(&plan),
            };
        }
    };
    if !removed {
        tracing::info!("there is nothing to remove");
    }
    Ok(Exit::Done)
}

fn tell_what_is_left_out(plan: &Plan) {
    if plan.task("backup").is_none() {
        tracing::info!("there is no backup task: name a file for it with --backup-to FILE");
    }
}

/// What is known of the tasks that are installed for this machine or account; `None` where none are.
pub(crate) fn installed() -> Option<Result<String, String>> {
    if cfg!(windows) {
        return windows::installed();
    }
    systemd::installed().or_else(cron::installed)
}
