//! Other programs that read what ours writes. A test that finds none leaves its check out and says so.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Whether this program can be started; says so where it cannot.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
pub fn is_there(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("no {program} here: what it would read is not checked");
    }
    found
}

/// Whether there is a Python that unpacks Zstandard; says so where there is none.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
pub fn unpacks_zstandard() -> bool {
    let script = "try:\n from compression import zstd\nexcept ImportError:\n import zstandard";
    let found = Command::new("python3")
        .args(["-c", script])
        .output()
        .is_ok_and(|tried| tried.status.success());
    if !found {
        eprintln!("no python3 with Zstandard here: docs/verify.py was not run");
    }
    found
}

/// Runs a script of the standard library alone, and reads the JSON that it prints; `None` where there is no Python.
#[track_caller]
pub fn python(script: &str, arguments: &[&Path]) -> Option<Value> {
    if !is_there("python3") {
        return None;
    }
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .args(arguments)
        .env("PYTHONUTF8", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
