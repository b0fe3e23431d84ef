//! Disks of a test's own: mounts that nobody else sees.

use super::program::{Ended, Program};

#[allow(clippy::print_stderr, reason = "a test that cannot be made here says so")]
/// A script in a mount namespace of its own, where it is root and `$0` is the binary; its mounts end with it. `None`
/// where the system lets nobody have one.
pub fn in_a_namespace(program: &Program, script: &str) -> Option<Ended> {
    use std::process::{Command, Stdio};

    let allowed = Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !allowed {
        eprintln!("skipped: `unshare -rm mount` is not allowed here");
        return None;
    }
    let mut command = program.start("unshare");
    command.args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_jobruns")]);
    Some(Ended::of(command.spawn().unwrap()))
}
