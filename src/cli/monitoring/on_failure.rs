//! The operator's own command for failures.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant as MonotonicInstant};

use crate::text::at_most;

/// How long it may take.
const TIME: Duration = Duration::from_secs(60);

/// How often it is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// Characters of the command's output that an error quotes.
const MAX_OUTPUT: usize = 500;

/// Variables that hold secrets of ours, which are not its to know.
const SECRETS: [&str; 2] = ["JOBRUNS_PASSWORD", "JOBRUNS_PING_URL"];

/// Runs the command with this input; what is wrong with it comes back in words.
pub(super) fn run(command: &str, input: &str) -> Result<(), String> {
    run_for(command, input, TIME)
}

fn run_for(command: &str, input: &str, time: Duration) -> Result<(), String> {
    let failed = |error: io::Error| format!("it could not be run ({error})");
    // A file, since nobody has to read it while the command runs; standard output and error of ours are not its own.
    let mut output = tempfile::tempfile().map_err(failed)?;
    let mut stdin = tempfile::tempfile().map_err(failed)?;
    stdin
        .write_all(input.as_bytes())
        .and_then(|()| stdin.seek(SeekFrom::Start(0)))
        .map_err(failed)?;
    let mut shell = shell(command);
    for name in SECRETS {
        shell.env_remove(name);
    }
    let mut child = shell
        .stdin(stdin)
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(Stdio::from(output.try_clone().map_err(failed)?))
        .spawn()
        .map_err(failed)?;
    let ended = wait(&mut child, time).map_err(failed)?;
    let why = match ended {
        Some(status) if status.success() => return Ok(()),
        Some(status) => format!("it ended with {status}"),
        None => format!("it was stopped after {} s", time.as_secs()),
    };
    let mut text = Vec::new();
    // The output is an addition; without it, the reason is still reported.
    let _ = output
        .seek(SeekFrom::Start(0))
        .and_then(|_| output.take(4 * MAX_OUTPUT as u64).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    Err(match text.trim() {
        "" => why,
        text => format!("{why}: {}", at_most(text, MAX_OUTPUT)),
    })
}

/// Its end, or `None` where it took too long and was stopped.
fn wait(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = MonotonicInstant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= time {
            stop(child);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("/bin/sh");
    // A group of its own, so that what it started is stopped with it, and Ctrl-C is not for it.
    shell.args(["-c", command]).process_group(0);
    shell
}

#[cfg(unix)]
fn stop(child: &mut Child) {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    let mut shell = Command::new("cmd.exe");
    // cmd has rules of its own for quotes: with /S all between the first and the last is the command, as it is.
    shell
        .args(["/D", "/S", "/C"])
        .raw_arg(format!("\"{command}\""))
        .creation_flags(CREATE_NO_WINDOW);
    shell
}

#[cfg(windows)]
fn stop(child: &mut Child) {
    let _ = child.kill();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_command_gets_its_input_and_what_goes_wrong_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("got");
        let command = format!("cat > '{}'", file.display());
        run(&command, "{}\n").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}\n");
        // One that reads nothing of a long input has not failed.
        run("true", &"x".repeat(1 << 20)).unwrap();
        let why = run("echo no mail today >&2; exit 7", "").unwrap_err();
        assert!(why.contains('7') && why.ends_with("no mail today"), "{why}");
    }

    #[test]
    fn a_command_that_does_not_end_is_stopped_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let alive = folder.path().join("alive");
        let command = format!("(sleep 1; touch '{}') & sleep 60", alive.display());
        let begun = MonotonicInstant::now();
        let why = run_for(&command, "", Duration::from_millis(200)).unwrap_err();
        assert!(why.contains("stopped after"), "{why}");
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(1500));
        assert!(!alive.exists());
    }
}
