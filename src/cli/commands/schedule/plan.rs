//! What is to run when, whatever scheduler runs it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::archive::resolve;
use crate::cli::failure::{Exit, Failure};
use crate::cli::sync_task::export_entries::ExportEntries;
use crate::config::{GlobalSettings, Origin, Sources};
use crate::model::{parse_duration, show_duration};

/// A time of day, `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeOfDay {
    pub(super) hour: u8,
    pub(super) minute: u8,
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str, below: u8| {
            let is_short = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|&number| is_short && number < below)
        };
        let parts = text.split_once(':');
        let time = parts.and_then(|(hour, minute)| {
            Some(Self {
                hour: number(hour, 24)?,
                minute: number(minute, 60).filter(|_| minute.len() == 2)?,
            })
        });
        time.ok_or_else(|| format!("{text:?} is not a time of day (expected HH:MM, such as 03:00)"))
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Weekday {
    Sunday,
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
}

/// What runs when, and as whom.
#[derive(Debug, clap::Args)]
pub(super) struct ScheduleArgs {
    /// The account that runs the tasks [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,

    /// When the sync runs, every day
    #[arg(long, value_name = "HH:MM", default_value = "03:00")]
    pub(super) sync_at: TimeOfDay,

    /// When the backup runs, every day
    #[arg(long, value_name = "HH:MM", default_value = "05:00")]
    pub(super) backup_at: TimeOfDay,

    /// When the status is checked, every day
    #[arg(long, value_name = "HH:MM", default_value = "07:30")]
    pub(super) status_at: TimeOfDay,

    /// When the archive is verified, once a week
    #[arg(long, value_name = "HH:MM", default_value = "06:00")]
    pub(super) verify_at: TimeOfDay,

    /// The day of the week on which the archive is verified
    #[arg(long, value_name = "DAY", value_enum, default_value = "sunday")]
    pub(super) verify_on: Weekday,

    /// The file to which the archive is backed up, replaced each time; without it, there is no backup task
    #[arg(long, value_name = "FILE")]
    pub(super) backup_to: Option<PathBuf>,

    // Outlasts a reboot at night.
    /// How long the sync tries again while the server does not answer
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "1h")]
    pub(super) retry_for: Duration,
}

/// When a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Daily(TimeOfDay),
    Weekly(Weekday, TimeOfDay),
    /// Only by `jobruns schedule test`.
    OnDemand,
}

#[derive(Debug)]
pub(super) struct Task {
    /// Its name: that of the command.
    pub(super) name: &'static str,
    /// What it does, in a few words.
    pub(super) description: &'static str,
    pub(super) when: When,
    /// The program's arguments.
    pub(super) arguments: Vec<String>,
}

impl Task {
    /// Whether it needs the network and the password.
    pub(super) fn speaks_with_server(&self) -> bool {
        matches!(self.name, "sync" | "check")
    }
}

/// The names of all tasks that a plan may have: what is installed under another name is not ours.
pub(super) const NAMES: [&str; 5] = ["sync", "backup", "status", "verify", "check"];

/// All tasks, and what they need.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) program: PathBuf,
    pub(super) config: PathBuf,
    pub(super) archive: PathBuf,
    pub(super) account: String,
    /// Whether the account is the one that runs this.
    pub(super) is_own_account: bool,
    pub(super) tasks: Vec<Task>,
    /// The arguments that all tasks have behind their command.
    common: Vec<String>,
    /// The folders that the tasks write to; the archive's is the first.
    pub(super) writes: Vec<PathBuf>,
    pub(super) password_file: Option<PathBuf>,
}

impl Plan {
    /// The plan by flags and config file.
    ///
    /// # Errors
    /// Wrong usage: no config file, a path that a scheduler cannot be given, an export that cannot be read.
    pub(super) fn new(
        args: &ScheduleArgs,
        sources: &Sources<'_>,
        global: &GlobalSettings,
    ) -> Result<Self, Failure> {
        let mut plan = Self::of_check(args.account.as_deref(), sources, global)?;
        let mut tasks = vec![plan.new_task(
            "sync",
            When::Daily(args.sync_at),
            "fetches the runs of every watched job",
            &["--quiet", "--retry-for", &show_duration(args.retry_for)],
        )];
        if let Some(target) = &args.backup_to {
            let target = absolute(target)?;
            plan.add_place(&target)?;
            tasks.push(plan.new_task(
                "backup",
                When::Daily(args.backup_at),
                "copies the archive, and checks the copy",
                &["--quiet", "--force", &text(&target)?],
            ));
        }
        tasks.push(plan.new_task(
            "status",
            When::Daily(args.status_at),
            "fails if the archive is not fresh",
            &[
                "--quiet",
                "--max-age",
                "26h",
                "--max-silence",
                "auto",
                "--vanished",
            ],
        ));
        tasks.push(plan.new_task(
            "verify",
            When::Weekly(args.verify_on, args.verify_at),
            "checks the whole archive",
            &["--quiet"],
        ));
        plan.tasks.splice(0..0, tasks);
        Ok(plan)
    }

    /// The plan with the check alone, which nothing starts by itself.
    pub(super) fn of_check(
        account: Option<&str>,
        sources: &Sources<'_>,
        global: &GlobalSettings,
    ) -> Result<Self, Failure> {
        let Some(file) = sources.file() else {
            let message = "scheduled tasks need a config file, and none was found";
            return Err(Failure::new(Exit::WrongUsage, message)
                .with_hint("write one (`jobruns init`), and name it with --config FILE."));
        };
        let config = absolute(file.path())?;
        let archive = resolve(&global.archive)?;
        let program = std::env::current_exe().map_err(|error| {
            Failure::new(Exit::NotDone, "could not find out where this program is").caused_by(&error)
        })?;
        text(&program)?;
        let own = own_account();
        let account = account.map_or_else(|| own.clone(), str::to_owned);
        if account.is_empty() || account.chars().any(char::is_control) {
            return Err(Failure::new(
                Exit::WrongUsage,
                format!("{account:?} is not an account"),
            ));
        }
        let mut common = vec!["--config".to_owned(), text(&config)?];
        if !matches!(sources.origin("archive"), Origin::File { .. }) {
            common.extend(["--archive".to_owned(), text(&archive)?]);
        }
        let password_file = sources.path("password_file")?;
        let mut plan = Self {
            is_own_account: account == own,
            password_file: password_file.as_deref().map(absolute).transpose()?,
            writes: vec![folder_of(&archive)],
            common,
            program,
            config,
            archive,
            account,
            tasks: Vec::new(),
        };
        text(&plan.archive)?;
        plan.password_file.as_deref().map(text).transpose()?;
        for target in ExportEntries::of(sources)?.targets() {
            plan.add_place(&target)?;
        }
        for path in [
            sources.path("head_file")?,
            sources.path("metrics_file")?,
            global.log_file.clone(),
        ]
        .into_iter()
        .flatten()
        {
            plan.add_place(&path)?;
        }
        let check = plan.new_task(
            "check",
            When::OnDemand,
            "tries everything that a sync needs (jobruns schedule test)",
            &[],
        );
        plan.tasks.push(check);
        Ok(plan)
    }

    /// Notes the folder of a file that a task writes.
    fn add_place(&mut self, file: &Path) -> Result<(), Failure> {
        let folder = folder_of(&absolute(file)?);
        text(&folder)?;
        if !self.writes.contains(&folder) {
            self.writes.push(folder);
        }
        Ok(())
    }

    fn new_task(&self, name: &'static str, when: When, description: &'static str, more: &[&str]) -> Task {
        let mut arguments = vec![name.to_owned()];
        arguments.extend(self.common.iter().cloned());
        arguments.extend(more.iter().map(|&word| word.to_owned()));
        Task {
            name,
            description,
            when,
            arguments,
        }
    }

    pub(super) fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// The folder of the config file, in which the tasks run.
    pub(super) fn folder(&self) -> PathBuf {
        folder_of(&self.config)
    }
}

/// The account that runs this, as a scheduler names it.
fn own_account() -> String {
    let user = whoami::username().unwrap_or_default();
    match std::env::var("USERDOMAIN") {
        Ok(domain) if cfg!(windows) && !domain.is_empty() => format!(r"{domain}\{user}"),
        _ => user,
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::new(Exit::WrongUsage, format!("could not find {}", path.display())).caused_by(&error)
    })
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_path_buf()
}

/// A path as a scheduler's definition can hold it.
fn text(path: &Path) -> Result<String, Failure> {
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(Failure::new(
            Exit::WrongUsage,
            format!("{} cannot stand in the definition of a task", path.display()),
        )
        .with_hint("its name has a control character or is not valid Unicode: use another one.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_hours_and_minutes() {
        assert_eq!("3:05".parse(), Ok(TimeOfDay { hour: 3, minute: 5 }));
        assert_eq!("23:59".parse::<TimeOfDay>().unwrap().to_string(), "23:59");
        for bad in ["24:00", "3", "3:5", "03:60", "+3:00", "003:00", "3:00:00", ""] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
    }
}
