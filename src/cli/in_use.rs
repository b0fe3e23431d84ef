//! The files that the program is using, which none of its outputs may replace or append to.
//!
//! One list for the process, since it is asked in the one place that opens files to write, and filled where settings are
//! settled.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::failure::{Exit, Failure};
use crate::archive::COMPANIONS;
use crate::config::{self, Setting, Sources};

static IN_USE: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());

/// Notes that a file is in use; `what` it is stands in the refusal.
pub(super) fn protect(path: &Path, what: &str) {
    list().push((path.to_path_buf(), what.to_owned()));
}

/// Notes the archive with the files that SQLite and the lock keep beside it, there or not.
pub(super) fn protect_archive(archive: &Path) {
    protect(archive, "the archive");
    // SQLite names them after the file that a link leads to.
    let real = located(archive);
    for base in [archive, &real] {
        for suffix in COMPANIONS {
            let mut companion = base.as_os_str().to_owned();
            companion.push(suffix);
            protect(Path::new(&companion), "a file that belongs to the archive");
        }
    }
}

/// Refuses to write to a file that is in use, by whatever name.
///
/// # Errors
/// Wrong usage, which says what the file is.
pub(super) fn refuse(path: &Path) -> Result<(), Failure> {
    refuse_unless(path, None)
}

/// The list of heads that lines are to be appended to, where one is named: it must not be another file in use.
///
/// # Errors
/// As [`refuse`]; a setting that cannot be read.
pub(super) fn head_file(flag: Option<&PathBuf>, sources: &Sources<'_>) -> Result<Option<PathBuf>, Failure> {
    let list = config::head_file(flag, sources)?;
    if let Some(list) = &list {
        refuse_unless(list, Some(&setting(Setting::HEAD_FILE.key())))?;
    }
    Ok(list)
}

/// What a file is that a setting names.
fn setting(key: &str) -> String {
    format!("the file of the setting {key}")
}

/// Notes the files that the settings name.
pub(super) fn protect_settings(sources: &Sources<'_>) {
    for (path, key) in sources.files() {
        protect(&path, &setting(key));
    }
    if let Some(file) = sources.file() {
        protect(file.path(), "the config file");
    }
}

fn refuse_unless(path: &Path, itself: Option<&str>) -> Result<(), Failure> {
    let place = located(path);
    let file = identity(path);
    let used = list()
        .iter()
        .filter(|(_, what)| itself != Some(what))
        .find(|(used, _)| located(used) == place || (file.is_some() && identity(used) == file))
        .map(|(_, what)| what.clone());
    match used {
        None => Ok(()),
        Some(what) => {
            let words = format!("cannot write to {}: it is {what}", path.display());
            Err(Failure::new(Exit::WrongUsage, words).with_hint("name another file."))
        }
    }
}

fn list() -> std::sync::MutexGuard<'static, Vec<(PathBuf, String)>> {
    IN_USE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The path with its links followed, as far as it is there. Windows does not mind letter case.
fn located(path: &Path) -> PathBuf {
    let real = dunce::canonicalize(path).unwrap_or_else(|_| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        match (absolute.parent().map(dunce::canonicalize), absolute.file_name()) {
            (Some(Ok(folder)), Some(name)) => folder.join(name),
            _ => absolute,
        }
    });
    if cfg!(windows) {
        return PathBuf::from(real.to_string_lossy().to_lowercase());
    }
    real
}

/// What tells a file whatever it is called, without opening it.
fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let data = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some((data.dev(), data.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
