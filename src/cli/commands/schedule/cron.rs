//! cron: a block of lines in the account's crontab.

use std::process::{Command, Stdio};

use super::external::{self, done, run};
use super::files::DefinitionFile;
use super::plan::{Plan, Task, When};
use crate::cli::failure::{Exit, Failure};
use crate::text::shell_quoted;

/// The lines around our block.
const BEGIN: &str = "# jobruns begin: written by `jobruns schedule cron`; --remove removes it";
const END: &str = "# jobruns end";

/// The lines for the crontab.
pub(super) fn block(plan: &Plan) -> String {
    let mut lines = format!("{BEGIN}\n");
    for task in &plan.tasks {
        let time = match task.when {
            When::Daily(time) => format!("{} {} * * *", time.minute, time.hour),
            When::Weekly(day, time) => format!("{} {} * * {}", time.minute, time.hour, day as u8),
            When::OnDemand => continue,
        };
        lines.push_str(&format!("{time} {}\n", command_line(plan, task)));
    }
    // cron does not catch up: at the start of the machine, a sync runs if the last one is too old.
    if let (Some(status), Some(sync)) = (plan.task("status"), plan.task("sync")) {
        let age = ["status", "--max-age", "24h"];
        let common = status
            .arguments
            .iter()
            .skip(1)
            .take_while(|word| *word != "--quiet");
        let arguments: Vec<&str> = age.into_iter().chain(common.map(String::as_str)).collect();
        lines.push_str(&format!(
            "@reboot {} --quiet >/dev/null 2>&1 || {}\n",
            line_of(plan, &arguments),
            command_line(plan, sync)
        ));
    }
    lines.push_str(END);
    lines.push('\n');
    lines
}

/// The lines as a file, which `crontab FILE` takes.
pub(super) fn file(plan: &Plan) -> DefinitionFile {
    DefinitionFile {
        name: "jobruns.crontab".to_owned(),
        bytes: block(plan).into_bytes(),
    }
}

/// Whether a file of lines is ours.
pub(super) fn is_ours(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGIN.as_bytes())
}

/// Puts the block into the crontab, in place of the one before; all other lines stay.
pub(super) fn install(plan: &Plan) -> Result<(), Failure> {
    let before = crontab(plan)?;
    let mut lines = without_block(&before)?;
    lines.push_str(&block(plan));
    write(plan, &lines)?;
    tracing::info!("the crontab of {} has the tasks", plan.account);
    Ok(())
}

/// Takes the block out of the crontab; says whether there was one.
pub(super) fn remove(plan: &Plan) -> Result<bool, Failure> {
    let before = crontab(plan)?;
    let lines = without_block(&before)?;
    if lines == before {
        return Ok(false);
    }
    write(plan, &lines)?;
    Ok(true)
}

/// Runs the check as cron would: by `sh`, with hardly any environment, in the home folder.
pub(super) fn test(plan: &Plan) -> Result<Exit, Failure> {
    let Some(task) = plan.task("check") else {
        return Ok(Exit::Done);
    };
    let arguments: Vec<&str> = task.arguments.iter().map(String::as_str).collect();
    let line = shell_line(plan, &arguments);
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
    let mut command = if plan.is_own_account {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &line])
            .env_clear()
            .env("HOME", &home)
            .env("LOGNAME", &plan.account);
        command.current_dir(&home);
        command
    } else {
        let mut command = Command::new("su");
        command
            .args(["-s", "/bin/sh", "-c", &line, "-", &plan.account])
            .env_clear();
        command
    };
    command
        .env("SHELL", "/bin/sh")
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    let program = if plan.is_own_account { "/bin/sh" } else { "su" };
    let status = command
        .status()
        .map_err(|error| external::not_started(program, &error))?;
    external::exit_of_check(program, status)
}

/// What is known of the installed lines of this account; `None` where there are none.
pub(super) fn installed() -> Option<Result<String, String>> {
    let output = run("crontab", &["-l"], None).ok()?;
    let text = external::text(&output.stdout);
    text.lines()
        .any(|line| line == BEGIN)
        .then(|| Ok("this account's crontab has the tasks".to_owned()))
}

/// The crontab as it is; empty where there is none.
fn crontab(plan: &Plan) -> Result<String, Failure> {
    let output = run("crontab", &arguments(plan, &["-l"]), None)?;
    if output.is_success {
        return Ok(external::text(&output.stdout));
    }
    if output.error.contains("no crontab") {
        return Ok(String::new());
    }
    let message = format!("could not read the crontab of {}", plan.account);
    Err(Failure::new(Exit::NotDone, message).with_causes(vec![output.error]))
}

fn write(plan: &Plan, lines: &str) -> Result<(), Failure> {
    done("crontab", &arguments(plan, &["-"]), Some(lines.as_bytes())).map(drop)
}

fn arguments<'p>(plan: &'p Plan, more: &[&'p str]) -> Vec<&'p str> {
    let user: &[&str] = if plan.is_own_account {
        &[]
    } else {
        &["-u", &plan.account]
    };
    [user, more].concat()
}

/// The lines of a crontab without our block.
fn without_block(crontab: &str) -> Result<String, Failure> {
    let mut lines = String::new();
    let mut inside = false;
    for line in crontab.lines() {
        match (inside, line) {
            (false, BEGIN) => inside = true,
            (true, END) => inside = false,
            (true, _) => {}
            (false, line) => {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    if inside {
        let message = format!("the crontab has the line {BEGIN:?} and no {END:?} behind it");
        return Err(Failure::new(Exit::WrongUsage, message)
            .with_hint("nothing was changed: put the block right with `crontab -e`."));
    }
    Ok(lines)
}

fn command_line(plan: &Plan, task: &Task) -> String {
    let arguments: Vec<&str> = task.arguments.iter().map(String::as_str).collect();
    line_of(plan, &arguments)
}

/// A command as the line of a crontab, in which an unescaped `%` would end it.
fn line_of(plan: &Plan, arguments: &[&str]) -> String {
    shell_line(plan, arguments).replace('%', r"\%")
}

fn shell_line(plan: &Plan, arguments: &[&str]) -> String {
    let program = plan.program.display().to_string();
    let words = [program.as_str()].into_iter().chain(arguments.iter().copied());
    words.map(shell_quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_block_is_taken_out_and_a_broken_one_is_refused() {
        let crontab = format!("MAILTO=a\n{BEGIN}\n0 3 * * * jobruns\n{END}\n5 5 * * * other\n");
        assert_eq!(without_block(&crontab).unwrap(), "MAILTO=a\n5 5 * * * other\n");
        assert!(without_block(&format!("{BEGIN}\n5 5 * * * other\n")).is_err());
    }
}
