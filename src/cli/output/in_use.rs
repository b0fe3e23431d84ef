//! The files that the program is using, which none of its outputs may replace or append to.
//!
//! One list for the process, since it is asked in the one place that opens files to write, and filled where settings are
//! settled.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::ArgMatches;

use crate::archive::{COMPANIONS, FileIdentity, comparable, resolve};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::device;
use crate::cli::output::publish::HeadList;
use crate::config::Sources;

const ARCHIVE: &str = "the archive";

static IN_USE: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());

/// Notes that a file is in use; `what` it is stands in the refusal.
pub(crate) fn protect(path: &Path, what: &str) {
    list().push((path.to_path_buf(), what.to_owned()));
}

/// Notes the archive with the files that SQLite and the lock keep beside it, there or not.
pub(crate) fn protect_archive(archive: &Path) {
    protect(archive, ARCHIVE);
    // SQLite names them after the file that a link leads to.
    let real = resolve(archive).unwrap_or_else(|_| archive.to_path_buf());
    for suffix in COMPANIONS {
        let mut companion = real.clone().into_os_string();
        companion.push(suffix);
        protect(Path::new(&companion), "a file that belongs to the archive");
    }
}

/// Notes the files that arguments name to be read, of whatever command.
pub(crate) fn protect_arguments(matches: &ArgMatches) {
    for id in FILES_TO_READ {
        for path in matches
            .try_get_many::<PathBuf>(id)
            .ok()
            .flatten()
            .into_iter()
            .flatten()
        {
            protect(path, &setting(id));
        }
    }
    if let Some((_, matches)) = matches.subcommand() {
        protect_arguments(matches);
    }
}

/// Names of arguments whose files are read, or appended to as the list of heads is.
const FILES_TO_READ: [&str; 5] = ["password_file", "jobs_file", "ca_cert", HEAD_FILE, "file"];

/// The setting that names the list of heads.
const HEAD_FILE: &str = "head_file";

/// Refuses to write to a file that is in use, by whatever name.
///
/// # Errors
/// Wrong usage, which says what the file is.
pub(crate) fn refuse(path: &Path) -> Result<(), Failure> {
    refuse_unless(path, None)
}

/// As [`refuse`], for a file that is to be made and may then be the archive itself.
///
/// # Errors
/// Wrong usage, which says what the file is.
pub(crate) fn refuse_new(path: &Path) -> Result<(), Failure> {
    refuse_unless(path, Some(ARCHIVE))
}

/// The list of heads that lines are to be appended to, where one is named: it must not be another file in use.
pub(crate) fn head_file(flag: Option<&PathBuf>, sources: &Sources<'_>) -> Result<Option<HeadList>, Failure> {
    let named = match flag {
        Some(list) => Some(list.clone()),
        None => sources.path(HEAD_FILE)?,
    };
    let Some(path) = named else { return Ok(None) };
    refuse_unless(&path, Some(&setting(HEAD_FILE)))?;
    let in_config_file = |key| {
        let file = sources.file()?;
        Some(file.resolve(file.value(key)?.text.as_ref()))
    };
    let is_configured = in_config_file(HEAD_FILE).as_ref() == Some(&path);
    let of = in_config_file("archive").filter(|_| is_configured);
    Ok(Some(HeadList { path, of }))
}

/// What a file is that a setting names.
fn setting(key: &str) -> String {
    format!("the file of the setting {key}")
}

/// Notes the files that the settings name.
///
/// # Errors
/// Wrong usage: one that Windows takes for a device.
pub(crate) fn protect_settings(sources: &Sources<'_>) -> Result<(), Failure> {
    for key in FILES_TO_READ.into_iter().filter(|&key| key != "file") {
        if let Ok(Some(path)) = sources.path(key) {
            device::refuse(&path)?;
            protect(&path, &setting(key));
        }
    }
    if let Some(file) = sources.file() {
        protect(file.path(), "the config file");
        for entry in file.servers() {
            for path in entry.files.iter().chain(&entry.jobs_file) {
                device::refuse(path)?;
                protect(path, &format!("a file of the server {:?}", entry.name));
            }
        }
    }
    Ok(())
}

fn refuse_unless(path: &Path, itself: Option<&str>) -> Result<(), Failure> {
    device::refuse(path)?;
    let place = located(path);
    // A device or pipe may have many readers and writers.
    let file = path.is_file().then(|| FileIdentity::of(path).ok()).flatten();
    let used = list()
        .iter()
        .filter(|(_, what)| itself != Some(what))
        .find(|(used, _)| located(used) == place || (file.is_some() && FileIdentity::of(used).ok() == file))
        .map(|(_, what)| format!("it is {what}"));
    // An incomplete output of this name would be removed as a leftover.
    let begun = path.file_name().and_then(|name| {
        let prefix = format!(".{}.", name.to_string_lossy());
        let list = list();
        let mut files = list
            .iter()
            .filter(|(used, _)| used.parent() == path.parent() || located(used).parent() == place.parent());
        files.find_map(|(used, what)| {
            let name = used.file_name()?.to_string_lossy().into_owned();
            (name.starts_with(&prefix) && name.ends_with(".part"))
                .then(|| format!("a begun file of that name would look like {what}"))
        })
    });
    match used.or(begun) {
        None => Ok(()),
        Some(why) => {
            let message = format!("cannot write to {}: {why}", path.display());
            Err(Failure::new(Exit::WrongUsage, message).with_hint("name another file."))
        }
    }
}

fn list() -> std::sync::MutexGuard<'static, Vec<(PathBuf, String)>> {
    IN_USE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The path with its links followed, as far as it is there, to be compared with others.
pub(crate) fn located(path: &Path) -> PathBuf {
    comparable(resolve(path).unwrap_or_else(|_| path.to_path_buf()))
}
