//! The program with which a command of the shell begins, and whether the shell finds it.

#[cfg(any(windows, test))]
use std::ffi::OsString;
use std::path::Path;
#[cfg(any(windows, test))]
use std::path::PathBuf;
#[cfg(unix)]
use std::process::{Command, Stdio};

/// The program with which a command of the shell begins, where that is plain to see.
pub(crate) fn program_of(command: &str) -> Option<&str> {
    let command = command.trim();
    let program = match command.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?.0,
        None => command.split_whitespace().next()?,
    };
    let is_plain = !program.contains([
        '=', '$', '`', '(', '{', '|', '&', ';', '<', '>', '\'', '"', '%', '!', '~', '^', '@',
    ]);
    is_plain.then_some(program)
}

/// Whether the shell finds this program, and this account may run it.
#[cfg(unix)]
pub(crate) fn is_there(program: &str) -> bool {
    use rustix::fs::{Access, access};
    let may_run = |path: &str| Path::new(path).is_file() && access(path, Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return may_run(program);
    }
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "command -v -- \"$1\"", "sh", program]);
    let Ok(found) = shell.stdin(Stdio::null()).stderr(Stdio::null()).output() else {
        return false;
    };
    // A path, or the name alone of what the shell does itself. bash also names files that nobody may run.
    let path = String::from_utf8_lossy(&found.stdout);
    found.status.success() && (!path.contains('/') || may_run(path.trim_end_matches('\n')))
}

/// Whether `cmd` finds this program.
#[cfg(windows)]
pub(crate) fn is_there(program: &str) -> bool {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    let extensions = match variable("PATHEXT").into_string() {
        Ok(set) if !set.is_empty() => set,
        _ => ".COM;.EXE;.BAT;.CMD".to_owned(),
    };
    // Without this variable `cmd` looks into the current folder first.
    let mut folders = match std::env::var_os("NoDefaultCurrentDirectoryInExePath") {
        Some(_) => Vec::new(),
        None => vec![PathBuf::from(".")],
    };
    let path = variable("PATH");
    folders.extend(std::env::split_paths(&path));
    is_found_by_cmd(program, &folders, &extensions)
}

/// Whether `cmd` has a command of this name, or finds a file of this name: in one of the folders if it is not a path, as it
/// stands if it has an extension, or with one of the extensions of PATHEXT.
#[cfg(any(windows, test))]
fn is_found_by_cmd(program: &str, folders: &[PathBuf], extensions: &str) -> bool {
    const BUILT_IN: &str = "assoc break call cd chdir cls color copy date del dir dpath echo endlocal erase exit for ftype \
        goto if md mkdir mklink move path pause popd prompt pushd rd rem ren rename rmdir set setlocal shift start time \
        title type ver verify vol";
    if BUILT_IN
        .split_whitespace()
        .any(|name| name.eq_ignore_ascii_case(program))
    {
        return true;
    }
    let is_file = |path: &Path| {
        let with = |extension: &str| {
            PathBuf::from(
                [path.as_os_str(), extension.as_ref()]
                    .into_iter()
                    .collect::<OsString>(),
            )
        };
        path.extension().is_some() && path.is_file()
            || extensions
                .split(';')
                .any(|extension| !extension.is_empty() && with(extension).is_file())
    };
    match program.contains(['\\', '/', ':']) {
        true => is_file(Path::new(program)),
        false => folders.iter().any(|folder| is_file(&folder.join(program))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cmd_finds_its_own_commands_and_files_by_path_and_extension() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["mailer.exe", "tell.cmd", "notes", "a.b.bat"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let by_path = folder
            .path()
            .join("mailer")
            .into_os_string()
            .into_string()
            .unwrap();
        let folders = ["missing".into(), folder.path().to_path_buf()];
        for (program, found) in [
            ("Echo", true),
            ("mailer", true),
            ("mailer.exe", true),
            (&by_path, true),
            ("tell", true),
            ("a.b", true),
            ("notes", false),
            ("mailer.cmd", false),
            ("./mailer", false),
        ] {
            let is_found = is_found_by_cmd(program, &folders, ".com;.exe;;.bat;.cmd");
            assert_eq!(is_found, found, "{program}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_program_of_a_command_is_known_where_it_is_plain_and_then_looked_for() {
        for (command, program, there) in [
            (" sh -c 'x'", Some("sh"), true),
            ("\"/bin/sh\" -c x", Some("/bin/sh"), true),
            ("exit 0", Some("exit"), true),
            ("no-such-program x", Some("no-such-program"), false),
            ("/etc/passwd", Some("/etc/passwd"), false),
            ("-v", Some("-v"), false),
            ("KEY=abc curl", None, true),
            ("$MAILER x", None, true),
            ("(a; b)", None, true),
        ] {
            assert_eq!(program_of(command), program, "{command}");
            assert_eq!(program.is_none_or(is_there), there, "{command}");
        }
    }
}
