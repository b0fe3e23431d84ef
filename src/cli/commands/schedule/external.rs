//! Runs the programs of a scheduler: `systemctl`, `crontab`, `schtasks`.

use std::io::{ErrorKind, Write};
use std::process::{Command, ExitStatus, Stdio};

use crate::cli::failure::{Exit, Failure};

/// What a program wrote, and how it ended.
pub(super) struct ProgramOutput {
    pub(super) is_success: bool,
    pub(super) stdout: Vec<u8>,
    /// What it says of a failure, in one line.
    pub(super) error: String,
}

/// Runs a program with nothing, or these bytes, on its standard input.
///
/// # Errors
/// It cannot be started.
pub(super) fn run(program: &str, arguments: &[&str], stdin: Option<&[u8]>) -> Result<ProgramOutput, Failure> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(if stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| not_started(program, &error))?;
    if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
        // A program that reads none of it says why by itself.
        let _ = pipe.write_all(bytes);
    }
    let output = child
        .wait_with_output()
        .map_err(|error| not_started(program, &error))?;
    let text = [output.stderr.as_slice(), output.stdout.as_slice()]
        .map(text)
        .into_iter()
        .flat_map(|text| text.lines().map(str::trim).map(str::to_owned).collect::<Vec<_>>())
        .find(|line| !line.is_empty());
    Ok(ProgramOutput {
        is_success: output.status.success(),
        error: text.unwrap_or_else(|| output.status.to_string()),
        stdout: output.stdout,
    })
}

/// As [`run`], where any end but success is a failure.
///
/// # Errors
/// It cannot be started, or fails.
pub(super) fn done(program: &str, arguments: &[&str], stdin: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
    let output = run(program, arguments, stdin)?;
    if output.is_success {
        return Ok(output.stdout);
    }
    let message = format!("`{program} {}` failed", arguments.join(" "));
    Err(Failure::new(Exit::NotDone, message).with_causes(vec![output.error]))
}

/// The failure of a program that cannot be started.
pub(super) fn not_started(program: &str, error: &std::io::Error) -> Failure {
    let failure = Failure::new(Exit::NotDone, format!("could not run {program}")).caused_by(error);
    if error.kind() == ErrorKind::NotFound {
        return failure.with_hint(
            "this machine does not have that scheduler: choose another one (systemd, cron or windows), or copy what `jobruns schedule` prints to the machine that has it.",
        );
    }
    failure
}

/// What a program wrote: UTF-16 with a byte order mark, or UTF-8.
pub(super) fn text(bytes: &[u8]) -> String {
    match bytes.strip_prefix(&[0xFF, 0xFE]) {
        Some(rest) => {
            let units: Vec<u16> = rest
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// How a check ended that a scheduler ran.
pub(super) fn exit_of_check(program: &str, status: ExitStatus) -> Result<Exit, Failure> {
    match status.code() {
        Some(code) => exit_of_code(Some(code)),
        None => Err(Failure::new(
            Exit::NotDone,
            format!("{program} was ended: {status}"),
        )),
    }
}

pub(super) fn exit_of_code(code: Option<i32>) -> Result<Exit, Failure> {
    let failed = |exit, message: &str, hint: &str| Err(Failure::new(exit, message).with_hint(hint));
    match code {
        Some(0) => Ok(Exit::Done),
        Some(3) => failed(
            Exit::Findings,
            "the check that the scheduler ran found faults",
            "each line that begins with `fault` says what to do.",
        ),
        Some(2) => failed(
            Exit::WrongUsage,
            "the check that the scheduler ran could not begin: wrong usage",
            "the error above names the setting.",
        ),
        code => {
            let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
            failed(
                Exit::NotDone,
                &format!("the check could not be run by the scheduler (exit code {code})"),
                "what it says above, if anything, is the cause; else run `jobruns check` under the account of the tasks by hand.",
            )
        }
    }
}
