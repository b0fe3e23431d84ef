//! Windows: a task of the Task Scheduler for each task, as XML.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant as MonotonicInstant};

use super::external::{self, done, run};
use super::files::{DefinitionFile, not_ours};
use super::plan::{NAMES, Plan, Task, When};
use crate::cli::failure::{Exit, Failure};
use crate::cli::monitoring::event_log;
use crate::cli::terminal::table::print_text;

/// What the description of each task that is ours ends with.
const MARKER: &str = "Written by jobruns schedule windows.";

/// How the Task Scheduler logs the account in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Logon {
    /// With the account's password, which Windows stores; schtasks asks for it
    Password,
    /// Without a password (S4U): no access to shares, or to what the account has encrypted, such as its Credential Manager
    S4u,
    /// As a group managed service account (`DOMAIN\name$`), whose password Windows manages
    Gmsa,
    /// As a built-in account: SYSTEM, LOCAL SERVICE or NETWORK SERVICE
    Service,
}

/// The built-in accounts, and how a definition names them.
const SERVICES: [(&str, &str); 3] = [
    ("SYSTEM", "S-1-5-18"),
    ("LOCAL SERVICE", "S-1-5-19"),
    ("NETWORK SERVICE", "S-1-5-20"),
];

/// The longest that a task may run: a sync of years of history takes its time.
const LONGEST: &str = "PT23H";

/// What a check that the Task Scheduler ran ends its output with, before its exit code.
const CHECK_ENDED: &str = "jobruns-check-ended ";

/// How long `schedule test` waits for the check.
const PATIENCE: Duration = Duration::from_secs(600);

/// How the account logs in, where it was not said.
pub(super) fn logon_of(account: &str) -> Logon {
    if service(account).is_some() {
        Logon::Service
    } else if account.ends_with('$') {
        Logon::Gmsa
    } else {
        Logon::Password
    }
}

fn service(account: &str) -> Option<&'static str> {
    let bare = account.rsplit('\\').next().unwrap_or(account);
    let found = SERVICES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(bare))?;
    Some(found.1)
}

/// All definitions as files that `schtasks /Create /XML` takes: UTF-16 with a byte order mark.
pub(super) fn files(plan: &Plan, logon: Logon) -> Vec<DefinitionFile> {
    plan.tasks
        .iter()
        .map(|task| DefinitionFile {
            name: format!("jobruns-{}.xml", task.name),
            bytes: utf16(&definition(plan, task, logon)),
        })
        .collect()
}

/// All definitions as text.
pub(super) fn text(plan: &Plan, logon: Logon) -> String {
    let definitions = plan.tasks.iter().map(|task| definition(plan, task, logon));
    definitions.collect::<Vec<_>>().join("\n")
}

/// Whether a definition is ours.
pub(super) fn is_ours(bytes: &[u8]) -> bool {
    external::text(bytes).contains(MARKER)
}

/// Registers the tasks, reads each back, and checks that the scheduler kept what was asked for.
pub(super) fn install(plan: &Plan, logon: Logon) -> Result<Exit, Failure> {
    if logon == Logon::Password && !std::io::stdin().is_terminal() {
        let message = format!(
            "Windows stores the password of {} with the tasks, and nobody is there to type it",
            plan.account
        );
        return Err(Failure::new(Exit::WrongUsage, message).with_hint(
            "run it on a terminal, or choose an account without a password: --logon s4u, or a group managed service account (DOMAIN\\name$).",
        ));
    }
    for name in NAMES {
        if let Some(there) = registered(name)?
            && !there.contains(MARKER)
        {
            return Err(not_ours(&format!("the task {}", path_of(name))));
        }
    }
    let mut lost = Vec::new();
    for task in &plan.tasks {
        let definition = definition(plan, task, logon);
        register(plan, task.name, &definition, logon)?;
        let kept = registered(task.name)?.unwrap_or_default();
        lost.extend(
            differences(&definition, &kept)
                .into_iter()
                .map(|difference| format!("{}: {difference}", path_of(task.name))),
        );
        tracing::info!("registered: {}", path_of(task.name));
    }
    for name in NAMES.into_iter().filter(|name| plan.task(name).is_none()) {
        unregister(name)?;
    }
    // The account of the tasks may not have the right to do it.
    if let Err(error) = event_log::register() {
        tracing::warn!(
            "the source of events could not be registered, so the Event Log may get none: {error}"
        );
    }
    if lost.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::new(
        Exit::Findings,
        "the Task Scheduler did not keep what was asked for",
    )
    .with_causes(lost)
    .with_hint("look at the tasks in taskschd.msc; a policy of the domain may forbid a setting."))
}

/// Removes our tasks; says whether there were any.
pub(super) fn remove() -> Result<bool, Failure> {
    let mut removed = false;
    for name in NAMES {
        removed |= unregister(name)?;
    }
    Ok(removed)
}

/// Runs the installed check by the Task Scheduler, waits for its end, and shows what it said.
pub(super) fn test(plan: &Plan) -> Result<Exit, Failure> {
    let output = check_output(plan);
    if registered("check")?.is_none() {
        let message = format!("the task {} does not exist", path_of("check"));
        return Err(Failure::new(Exit::NotDone, message)
            .with_hint("install the tasks first: `jobruns schedule windows --install`."));
    }
    // What an earlier check said must not be taken for this one's.
    match std::fs::remove_file(&output) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("could not remove {}", output.display());
            return Err(Failure::new(Exit::NotDone, message).caused_by(&error));
        }
        _ => {}
    }
    done("schtasks", &["/Run", "/TN", &path_of("check")], None)?;
    let begun = MonotonicInstant::now();
    while begun.elapsed() < PATIENCE {
        let text = std::fs::read(&output).unwrap_or_default();
        let text = external::text(&text);
        let ended = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(CHECK_ENDED));
        if let Some(code) = ended {
            let lines = text.lines().filter(|line| !line.starts_with(CHECK_ENDED));
            print_text(&lines.map(|line| format!("{line}\n")).collect::<String>())?;
            return external::exit_of_code(code.trim().parse().ok());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let message = format!(
        "the check that the Task Scheduler ran as {} did not end within 10 minutes, or never began",
        plan.account
    );
    Err(Failure::new(Exit::NotDone, message).with_hint(
        "look at the task's last run result in taskschd.msc; the account needs the right to log on as a batch job.",
    ))
}

/// What is known of the installed sync; `None` where there is none.
pub(super) fn installed() -> Option<Result<String, String>> {
    let there = registered("sync").ok().flatten()?;
    let task = path_of("sync");
    Some(
        match element(&there, "Settings").and_then(|settings| element(settings, "Enabled")) {
            Some("false") => Err(format!("the task {task} is installed, and is disabled")),
            _ => Ok(format!("the task {task} is installed")),
        },
    )
}

fn path_of(name: &str) -> String {
    format!(r"\jobruns\{name}")
}

/// The definition of a task that is registered.
fn registered(name: &str) -> Result<Option<String>, Failure> {
    let output = run("schtasks", &["/Query", "/TN", &path_of(name), "/XML"], None)?;
    let definition = output.is_success.then(|| external::text(&output.stdout));
    // Wine has a schtasks that does nothing and succeeds.
    Ok(definition.filter(|text| text.contains("<Task")))
}

fn unregister(name: &str) -> Result<bool, Failure> {
    let Some(there) = registered(name)? else {
        return Ok(false);
    };
    if !there.contains(MARKER) {
        return Err(not_ours(&format!("the task {}", path_of(name))));
    }
    done("schtasks", &["/Delete", "/TN", &path_of(name), "/F"], None)?;
    tracing::info!("removed: {}", path_of(name));
    Ok(true)
}

fn register(plan: &Plan, name: &str, definition: &str, logon: Logon) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::NotDone, "could not write the definition of a task").caused_by(&error)
    };
    let mut file = tempfile::Builder::new()
        .suffix(".xml")
        .tempfile()
        .map_err(failed)?;
    file.write_all(&utf16(definition)).map_err(failed)?;
    // Closed, or schtasks may not read it.
    let file = file.into_temp_path();
    let program = "schtasks";
    let task = path_of(name);
    let mut command = Command::new(program);
    command.args(["/Create", "/F", "/TN", &task, "/XML"]).arg(&file);
    match logon {
        // Without /RP, schtasks asks for the password itself.
        Logon::Password => command.args(["/RU", &plan.account]),
        Logon::Gmsa => command
            .args(["/RU", &plan.account, "/RP", ""])
            .stdin(Stdio::null()),
        Logon::S4u | Logon::Service => command.stdin(Stdio::null()),
    };
    let status = if logon == Logon::Password {
        tracing::info!("the password of {} for the task {task}:", plan.account);
        let status = command
            .status()
            .map_err(|error| external::not_started(program, &error))?;
        (status.success(), status.to_string())
    } else {
        let output = command
            .output()
            .map_err(|error| external::not_started(program, &error))?;
        let text = external::text(if output.stderr.is_empty() {
            &output.stdout
        } else {
            &output.stderr
        });
        (output.status.success(), text.trim().to_owned())
    };
    if status.0 {
        return Ok(());
    }
    let message = format!("could not register the task {task}");
    Err(Failure::new(Exit::NotDone, message)
        .with_causes(vec![status.1])
        .with_hint("run it as administrator; the account needs the right to log on as a batch job."))
}

/// The settings that the scheduler must have kept, by what was asked for and what it gave back.
fn differences(requested: &str, kept: &str) -> Vec<String> {
    const SETTINGS: [&str; 9] = [
        "StartWhenAvailable",
        "MultipleInstancesPolicy",
        "ExecutionTimeLimit",
        "Hidden",
        "LogonType",
        "DisallowStartIfOnBatteries",
        "Command",
        "Arguments",
        "StartBoundary",
    ];
    // What Windows leaves out of a definition because it is the default.
    let default = |name: &str| match name {
        "Hidden" | "StartWhenAvailable" => Some("false"),
        "MultipleInstancesPolicy" => Some("IgnoreNew"),
        "DisallowStartIfOnBatteries" => Some("true"),
        _ => None,
    };
    let value = |xml, name| {
        let value = element(xml, name).or_else(|| default(name));
        value.map(unescaped)
    };
    SETTINGS
        .into_iter()
        .filter(|name| element(requested, name).is_some() && value(requested, name) != value(kept, name))
        .map(|name| {
            format!(
                "{name} is {} instead of {}",
                value(kept, name).unwrap_or_else(|| "missing".to_owned()),
                value(requested, name).unwrap_or_default()
            )
        })
        .collect()
}

/// The text of the first element of this name.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
        .map(|(text, _)| text.trim())
}

/// Where the check writes what it says.
fn check_output(plan: &Plan) -> PathBuf {
    plan.archive.with_file_name("jobruns-check.txt")
}

fn definition(plan: &Plan, task: &Task, logon: Logon) -> String {
    let trigger = match task.when {
        When::Daily(time) => format!(
            "    <CalendarTrigger>\n      <StartBoundary>2026-01-01T{time}:00</StartBoundary>\n      <ScheduleByDay>\n        \
             <DaysInterval>1</DaysInterval>\n      </ScheduleByDay>\n    </CalendarTrigger>\n"
        ),
        When::Weekly(day, time) => format!(
            "    <CalendarTrigger>\n      <StartBoundary>2026-01-01T{time}:00</StartBoundary>\n      <ScheduleByWeek>\n        \
             <DaysOfWeek><{day:?} /></DaysOfWeek>\n        <WeeksInterval>1</WeeksInterval>\n      </ScheduleByWeek>\n    \
             </CalendarTrigger>\n"
        ),
        When::OnDemand => String::new(),
    };
    let (user, logon_type) = match logon {
        Logon::Password | Logon::Gmsa => (plan.account.as_str(), "      <LogonType>Password</LogonType>\n"),
        Logon::S4u => (plan.account.as_str(), "      <LogonType>S4U</LogonType>\n"),
        Logon::Service => (service(&plan.account).unwrap_or(&plan.account), ""),
    };
    let (command, arguments) = action(plan, task);
    format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>jobruns {name}: {description}. {MARKER}</Description>
    <URI>{uri}</URI>
  </RegistrationInfo>
  <Triggers>
{trigger}  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
{logon_type}      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>true</Hidden>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <WakeToRun>false</WakeToRun>
    <ExecutionTimeLimit>{LONGEST}</ExecutionTimeLimit>
    <Priority>7</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{command}</Command>
      <Arguments>{arguments}</Arguments>
      <WorkingDirectory>{folder}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"#,
        name = task.name,
        description = escaped(task.description),
        uri = escaped(&path_of(task.name)),
        user = escaped(user),
        command = escaped(&command),
        arguments = escaped(&arguments),
        folder = escaped(&plan.folder().display().to_string()),
    )
}

/// Program and arguments of a task. The check's output goes to a file, since a task has none of its own.
fn action(plan: &Plan, task: &Task) -> (String, String) {
    let program = plan.program.display().to_string();
    let arguments: Vec<String> = task.arguments.iter().map(|word| quoted(word)).collect();
    let arguments = arguments.join(" ");
    if task.when != When::OnDemand {
        return (program, arguments);
    }
    let output = quoted(&check_output(plan).display().to_string());
    let line = format!(
        "/d /v:on /s /c \"{} {arguments} > {output} 2>&1 & echo {CHECK_ENDED}!ERRORLEVEL!>> {output}\"",
        quoted(&program)
    );
    ("cmd.exe".to_owned(), line)
}

/// A word of a Windows command line, by the rules of the C runtime.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || r"\/._-+:,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut line = String::from("\"");
    let mut backslashes = 0;
    for c in word.chars() {
        if c == '"' {
            line.push_str(&"\\".repeat(backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        line.push(c);
    }
    line.push_str(&"\\".repeat(backslashes));
    line.push('"');
    line
}

/// A text in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The text that an escaped one stands for: the scheduler may escape other characters than we do.
fn unescaped(xml: &str) -> String {
    let text = xml
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    text.replace("&apos;", "'").replace("&amp;", "&")
}

/// The text as UTF-16 with a byte order mark and Windows' line ends.
fn utf16(text: &str) -> Vec<u8> {
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_says_how_it_logs_in() {
        assert_eq!(logon_of(r"CORP\svc-jobruns"), Logon::Password);
        assert_eq!(logon_of(r"CORP\gmsa-jobruns$"), Logon::Gmsa);
        assert_eq!(logon_of(r"NT AUTHORITY\Local Service"), Logon::Service);
        assert_eq!(logon_of("system"), Logon::Service);
    }

    #[test]
    fn words_are_quoted_by_the_rules_of_windows() {
        assert_eq!(quoted(r"C:\jobruns\jobruns.toml"), r"C:\jobruns\jobruns.toml");
        assert_eq!(quoted(r"C:\Program Files\x"), r#""C:\Program Files\x""#);
        assert_eq!(quoted(r"a b\"), r#""a b\\""#);
        assert_eq!(quoted(r#"a"b"#), r#""a\"b""#);
    }

    #[test]
    fn what_the_scheduler_did_not_keep_is_named() {
        let requested = "<Task><StartWhenAvailable>true</StartWhenAvailable><Hidden>true</Hidden>\
                     <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy></Task>";
        assert_eq!(differences(requested, requested), [""; 0]);
        let kept = requested.replace("<StartWhenAvailable>true</StartWhenAvailable>", "");
        assert_eq!(
            differences(requested, &kept),
            ["StartWhenAvailable is false instead of true"]
        );
        let kept = requested.replace("<MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>", "");
        assert_eq!(
            differences(requested, &kept),
            [""; 0],
            "the default may be left out"
        );
    }
}
