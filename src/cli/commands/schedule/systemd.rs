//! systemd: a service and a timer for each task.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::external::{self, done};
use super::files::{self, DefinitionFile};
use super::plan::{NAMES, Plan, Task, Weekday, When};
use crate::cli::failure::{Exit, Failure};
use crate::config::CREDENTIAL_NAME;

/// The first line of each unit that is ours.
const MARKER: &str =
    "# Written by `jobruns schedule systemd`; `jobruns schedule systemd --remove` removes it.";

/// What keeps a service of the system from doing more than it needs. A manager of a user may not be able to.
const HARDENING: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
";

/// Who manages the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manager {
    System,
    User,
}

impl Manager {
    /// The arguments for `systemctl` and `systemd-run`.
    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::System => &["--system"],
            Self::User => &["--user"],
        }
    }

    /// Whether it runs, asked before anything is written or removed.
    ///
    /// # Errors
    /// It does not, or cannot be reached.
    fn answers(self) -> Result<(), Failure> {
        let hint = match self {
            Self::System => {
                "systemd does not run here: use cron (`jobruns schedule cron`), or write the units for another machine with --output-dir."
            }
            Self::User => {
                "the systemd of this user does not run or cannot be reached: log in as the user itself, not by su or sudo, or leave out --user."
            }
        };
        systemctl(self, &["show", "--property=Version"]).map_err(|failure| failure.with_hint(hint))
    }

    /// Where an administrator, or the user, keeps units.
    fn folder(self) -> Result<PathBuf, Failure> {
        match self {
            Self::System => Ok(PathBuf::from("/etc/systemd/system")),
            Self::User => {
                let folder = |name: &str| {
                    std::env::var_os(name)
                        .map(PathBuf::from)
                        .filter(|path| path.is_absolute())
                };
                folder("XDG_CONFIG_HOME")
                    .or_else(|| folder("HOME").map(|home| home.join(".config")))
                    .map(|folder| folder.join("systemd/user"))
                    .ok_or_else(|| {
                        Failure::new(Exit::WrongUsage, "HOME does not name a folder for the units")
                    })
            }
        }
    }
}

pub(super) fn units(plan: &Plan, manager: Manager) -> Vec<DefinitionFile> {
    let mut units = Vec::new();
    for task in &plan.tasks {
        units.push(DefinitionFile {
            name: format!("jobruns-{}.service", task.name),
            bytes: service(plan, task, manager).into_bytes(),
        });
        if let Some(calendar) = calendar(task.when) {
            units.push(DefinitionFile {
                name: format!("jobruns-{}.timer", task.name),
                bytes: timer(task, &calendar).into_bytes(),
            });
        }
    }
    units
}

/// Writes the units, and starts the timers.
pub(super) fn install(plan: &Plan, manager: Manager) -> Result<(), Failure> {
    manager.answers()?;
    let folder = manager.folder()?;
    let units = units(plan, manager);
    files::write(&folder, &units, is_ours)?;
    // A task of an earlier installation that is no longer wanted.
    let gone: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| plan.task(name).is_none())
        .collect();
    remove_units(&gone, manager, &folder)?;
    systemctl(manager, &["daemon-reload"])?;
    let timers = units
        .iter()
        .map(|unit| unit.name.as_str())
        .filter(|name| name.ends_with(".timer"));
    let timers: Vec<&str> = timers.collect();
    systemctl(manager, &[&["enable", "--now"], timers.as_slice()].concat())?;
    tracing::info!("enabled: {}", timers.join(", "));
    if manager == Manager::User {
        tracing::warn!(
            "timers of a user run only while the user is logged in, unless `loginctl enable-linger` was run once"
        );
    }
    Ok(())
}

/// Stops the timers, and removes our units; says whether there were any.
pub(super) fn remove(manager: Manager) -> Result<bool, Failure> {
    let removed = remove_units(&NAMES, manager, &manager.folder()?)?;
    if removed {
        systemctl(manager, &["daemon-reload"])?;
    }
    Ok(removed)
}

fn remove_units(names: &[&str], manager: Manager, folder: &Path) -> Result<bool, Failure> {
    let mut removed = false;
    for name in names {
        let [timer, service] = ["timer", "service"].map(|kind| format!("jobruns-{name}.{kind}"));
        let path = folder.join(&timer);
        if std::fs::read(&path).is_ok_and(|bytes| is_ours(&bytes)) {
            manager.answers()?;
            systemctl(manager, &["disable", "--now", &timer])?;
        }
        for unit in [timer, service] {
            if files::remove(&folder.join(&unit), is_ours)? {
                tracing::info!("removed: {unit}");
                removed = true;
            }
        }
    }
    Ok(removed)
}

/// Runs the check as a service with the properties of the sync's, and passes on what it says and how it ends.
pub(super) fn test(plan: &Plan, manager: Manager) -> Result<Exit, Failure> {
    let program = "systemd-run";
    let Some(task) = plan.task("check") else {
        return Ok(Exit::Done);
    };
    manager.answers()?;
    let mut command = Command::new(program);
    command
        .args(manager.flags())
        .args(["--pipe", "--wait", "--collect", "--quiet"]);
    for property in properties(plan, task, manager).lines() {
        // Here no `%` stands for anything.
        command.arg(format!("--property={}", property.replace("%%", "%")));
    }
    // systemd-run takes the words as they are.
    command
        .arg("--")
        .arg(&plan.program)
        .args(&task.arguments)
        .stdin(Stdio::null());
    let status = command
        .status()
        .map_err(|error| external::not_started(program, &error))?;
    match status.code().and_then(|code| not_set_up(plan, code)) {
        Some(failure) => Err(failure),
        None => external::exit_of_check(program, status),
    }
}

/// What kept systemd from starting the program at all, by the status that the service has then (`systemd.exec(5)`).
fn not_set_up(plan: &Plan, status: i32) -> Option<Failure> {
    let account = &plan.account;
    let (why, hint) = match status {
        200 => {
            let folder = plan.folder();
            let why = format!("the account {account} may not enter {}", folder.display());
            (why, "let it read the config file's folder.".to_owned())
        }
        203 => {
            let program = plan.program.display();
            let why = format!("the account {account} may not run {program}");
            (
                why,
                "install the program where every account may run it.".to_owned(),
            )
        }
        217 => {
            let why = format!("there is no account {account}");
            (why, "create it, or name another one with --account.".to_owned())
        }
        226 => {
            let folder = plan.writes.first()?.display();
            let why = format!("the folder of the archive, {folder}, is not there");
            (why, "make it, or connect its drive.".to_owned())
        }
        243 => {
            let file = plan.password_file.as_ref()?.display();
            let why = format!("the password file {file} cannot be read");
            (why, "put it there; that root can read it is enough.".to_owned())
        }
        _ => return None,
    };
    let message = format!("systemd could not start the check (status {status}): {why}");
    Some(Failure::new(Exit::NotDone, message).with_hint(hint))
}

/// What is known of the installed sync; `None` where there is none.
pub(super) fn installed() -> Option<Result<String, String>> {
    let manager = [Manager::System, Manager::User].into_iter().find(|manager| {
        let timer = manager.folder().map(|folder| folder.join("jobruns-sync.timer"));
        timer.is_ok_and(|timer| timer.exists())
    })?;
    let show = |unit: &str, property: &str| {
        let property = format!("--property={property}");
        let arguments = [manager.flags(), &["show", "--value", &property, unit]].concat();
        let output = done("systemctl", &arguments, None).ok()?;
        Some(external::text(&output).trim().to_owned())
    };
    let timer = "jobruns-sync.timer";
    Some(match show(timer, "ActiveState").as_deref() {
        Some("active") => {
            let next = show(timer, "NextElapseUSecRealtime").unwrap_or_default();
            match show("jobruns-sync.service", "Result").as_deref() {
                Some("success") | None => Ok(format!("{timer} is active, the next start is {next}")),
                Some(result) => Err(format!("{timer} is active, and the last sync failed ({result})")),
            }
        }
        Some(state) => Err(format!("{timer} is installed, and is {state}")),
        None => Err(format!("{timer} is installed, and systemctl does not answer")),
    })
}

fn systemctl(manager: Manager, arguments: &[&str]) -> Result<(), Failure> {
    done("systemctl", &[manager.flags(), arguments].concat(), None).map(drop)
}

pub(super) fn is_ours(bytes: &[u8]) -> bool {
    bytes.starts_with(MARKER.as_bytes())
}

fn service(plan: &Plan, task: &Task, manager: Manager) -> String {
    let mut order = String::new();
    if task.speaks_with_server() && manager == Manager::System {
        order.push_str("Wants=network-online.target\nAfter=network-online.target\n");
    }
    // At a start that makes up for missed ones, the state of the archive is that after the sync.
    if !task.speaks_with_server() {
        order.push_str("After=jobruns-sync.service\n");
    }
    // No exit code but 0 is a success: 130 after SIGTERM is a sync that was cut short, 5 one that did not run.
    format!(
        "{MARKER}\n[Unit]\nDescription=jobruns {}: {}\n{order}\n[Service]\nType=oneshot\nExecStart={}\n{}",
        task.name,
        task.description,
        command_line(&plan.program, &task.arguments),
        properties(plan, task, manager)
    )
}

/// Account, rights and password of a task's service.
fn properties(plan: &Plan, task: &Task, manager: Manager) -> String {
    let mut lines = format!(
        "WorkingDirectory={}\n",
        escaped(&plan.folder().display().to_string())
    );
    if manager == Manager::User {
        lines.push_str("NoNewPrivileges=yes\n");
        return lines;
    }
    lines.insert_str(0, &format!("User={}\n", escaped(&plan.account)));
    if let Some(file) = plan.password_file.as_ref().filter(|_| task.speaks_with_server()) {
        let file = escaped(&file.display().to_string());
        lines.push_str(&format!("LoadCredential={CREDENTIAL_NAME}:{file}\n"));
    }
    lines.push_str(HARDENING);
    // root without its capabilities may not write what belongs to others.
    if plan.account != "root" {
        lines.push_str("CapabilityBoundingSet=\n");
    }
    // A private /tmp would hide what lies there.
    let in_tmp = |path: &Path| ["/tmp", "/var/tmp"].iter().any(|tmp| path.starts_with(tmp));
    let mut used = plan
        .writes
        .iter()
        .chain([&plan.config, &plan.program])
        .chain(&plan.password_file);
    if !used.any(|path| in_tmp(path)) {
        lines.push_str("PrivateTmp=yes\n");
    }
    for (index, folder) in plan.writes.iter().enumerate() {
        // A share that is not there must not keep the sync from running.
        let optional = if index == 0 { "" } else { "-" };
        let folder = quoted(&format!("{optional}{}", folder.display()), false);
        lines.push_str(&format!("ReadWritePaths={folder}\n"));
    }
    lines
}

fn timer(task: &Task, calendar: &str) -> String {
    format!(
        "{MARKER}\n[Unit]\nDescription=Runs jobruns {} on schedule\n\n[Timer]\nOnCalendar={calendar}\n\
         # Catches up on a start that was missed while the machine was off.\nPersistent=true\n\n\
         [Install]\nWantedBy=timers.target\n",
        task.name
    )
}

fn calendar(when: When) -> Option<String> {
    match when {
        When::Daily(time) => Some(format!("*-*-* {time}:00")),
        When::Weekly(day, time) => {
            let day = match day {
                Weekday::Sunday => "Sun",
                Weekday::Monday => "Mon",
                Weekday::Tuesday => "Tue",
                Weekday::Wednesday => "Wed",
                Weekday::Thursday => "Thu",
                Weekday::Friday => "Fri",
                Weekday::Saturday => "Sat",
            };
            Some(format!("{day} *-*-* {time}:00"))
        }
        When::OnDemand => None,
    }
}

/// Program and arguments as `ExecStart=` takes them.
fn command_line(program: &Path, arguments: &[String]) -> String {
    let mut line = quoted(&program.display().to_string(), false);
    for argument in arguments {
        line.push(' ');
        line.push_str(&quoted(argument, true));
    }
    line
}

/// A word of a unit file: quoted where it must be. `$` stands for variables in arguments alone.
fn quoted(text: &str, is_argument: bool) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,=".contains(c);
    let mut word = escaped(text);
    if is_argument {
        word = word.replace('$', "$$");
    }
    if !text.is_empty() && text.chars().all(plain) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', r"\\").replace('"', "\\\""))
}

/// A value in which no `%` stands for anything.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_and_nothing_in_them_is_expanded() {
        assert_eq!(quoted("/usr/bin/jobruns", true), "/usr/bin/jobruns");
        assert_eq!(quoted(r#"/a b/100%/$x"\"#, true), r#""/a b/100%%/$$x\"\\""#);
        assert_eq!(quoted("/a$b", false), "\"/a$b\"");
    }
}
