//! `[[server]]` entries of the config file: the servers of an archive that has several.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::exports::{UnreadableEntry, text_of};
use crate::model::Guid;
use crate::text::nearest;

/// Keys of an entry that are also flags of the command line.
const SETTINGS: [&str; 9] = [
    "url",
    "username",
    "password_file",
    "password_encoding",
    "ca_cert",
    "pin",
    "insecure",
    "timeout",
    "rate_limit",
];

/// Those whose value is a path, relative to the folder of the config file.
const FILES: [&str; 2] = ["password_file", "ca_cert"];

const OWN: [&str; 4] = ["name", "jobs", "jobs_file", "watch"];

/// A server of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerEntry {
    /// Line of the entry, from 1.
    pub line: usize,
    /// Its name, as in `--server NAME`.
    pub name: String,
    /// Its base URL, as written.
    pub url: String,
    /// Its settings, each as a flag with its value.
    pub arguments: Vec<String>,
    /// The files in these settings.
    pub files: Vec<PathBuf>,
    /// The jobs that the entry lists.
    pub jobs: Vec<Guid>,
    /// A file that lists more jobs.
    pub jobs_file: Option<PathBuf>,
    /// Whether all its jobs are watched; `None` if the entry does not say.
    pub watches_all: Option<bool>,
}

/// Reads the entry in `line`; `resolve` makes paths relative to the folder of the config file.
pub(super) fn read_server(
    line: usize,
    table: &DeTable<'_>,
    resolve: impl Fn(&str) -> PathBuf,
    is_password: impl Fn(&str) -> bool,
) -> Result<ServerEntry, UnreadableEntry> {
    let form = |reason: String| UnreadableEntry::Form(reason);
    let mut entry = ServerEntry {
        line,
        name: String::new(),
        url: String::new(),
        arguments: Vec::new(),
        files: Vec::new(),
        jobs: Vec::new(),
        jobs_file: None,
        watches_all: None,
    };
    for (key, value) in table {
        let key: &str = key.get_ref();
        if is_password(key) {
            return Err(UnreadableEntry::Password);
        }
        let text = || {
            let text = text_of(value.get_ref()).filter(|text| !text.trim().is_empty());
            text.ok_or_else(|| form(format!("its {key} is not one value, or empty")))
        };
        match key {
            "name" => entry.name = text()?.trim().to_owned(),
            "jobs" => entry.jobs = jobs(value.get_ref()).map_err(form)?,
            "jobs_file" => entry.jobs_file = Some(resolve(&text()?)),
            "watch" => {
                entry.watches_all = Some(match &*text()? {
                    "all" => true,
                    "listed" => false,
                    other => return Err(form(format!("its watch is {other:?}, not all or listed"))),
                });
            }
            "insecure" if matches!(value.get_ref(), DeValue::Boolean(false)) => {}
            "insecure" if matches!(value.get_ref(), DeValue::Boolean(true)) => {
                entry.arguments.push("--insecure".to_owned());
            }
            "insecure" => return Err(form("its insecure is not true or false".to_owned())),
            "url" => {
                entry.url = text()?.trim().to_owned();
                entry.arguments.push(format!("--url={}", entry.url));
            }
            _ if FILES.contains(&key) => {
                let path = resolve(&text()?);
                entry.arguments.push(format!("{}={}", flag(key), path.display()));
                entry.files.push(path);
            }
            _ if SETTINGS.contains(&key) => entry.arguments.push(format!("{}={}", flag(key), text()?)),
            _ => {
                let keys = SETTINGS.into_iter().chain(OWN);
                let meant =
                    nearest(key, keys).map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
                return Err(form(format!("{key:?} is not a key of it{meant}")));
            }
        }
    }
    if entry.name.is_empty() {
        return Err(form("it has no name".to_owned()));
    }
    if entry.url.is_empty() {
        return Err(form(format!("{:?} has no url", entry.name)));
    }
    Ok(entry)
}

fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

fn jobs(value: &DeValue<'_>) -> Result<Vec<Guid>, String> {
    let DeValue::Array(items) = value else {
        return Err("its jobs are not a list".to_owned());
    };
    let job = |value: &DeValue<'_>| match value {
        DeValue::String(text) => text.parse().ok(),
        _ => None,
    };
    let jobs = items.iter().map(|item| job(item.get_ref()));
    let jobs: Option<Vec<Guid>> = jobs.collect();
    jobs.ok_or_else(|| "its jobs are not GUIDs in quotes".to_owned())
}

/// The first contradiction between two entries: the line of the second, and the reason.
pub(super) fn contradiction(entries: &[ServerEntry]) -> Option<(usize, String)> {
    for (place, entry) in entries.iter().enumerate() {
        for before in &entries[..place] {
            if before.name.eq_ignore_ascii_case(&entry.name) {
                let words = format!(
                    "{:?} is also the name of the one in line {}",
                    entry.name, before.line
                );
                return Some((entry.line, words));
            }
            if let Some(job) = entry.jobs.iter().find(|job| before.jobs.contains(job)) {
                let words = format!(
                    "job {job} is also a job of {:?} (line {})",
                    before.name, before.line
                );
                return Some((entry.line, words));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const JOB: &str = "ff761384-4b49-40b4-97d8-0de38669075a";

    fn read(text: &str) -> Result<ServerEntry, UnreadableEntry> {
        let table = DeTable::parse(text).unwrap();
        let resolve = |path: &str| Path::new("etc").join(path);
        read_server(7, table.get_ref(), resolve, |key| key == "password")
    }

    #[test]
    fn keys_are_settings_of_the_command_line_and_lists_of_jobs() {
        let entry = read(&format!(
            "name = 'london'\nurl = 'https://a:1'\nca_cert = 'ca.pem'\ninsecure = false\njobs = ['{JOB}']\nwatch = 'all'"
        ))
        .unwrap();
        assert_eq!(
            (entry.line, &*entry.name, entry.watches_all),
            (7, "london", Some(true))
        );
        let ca_cert = format!("--ca-cert={}", Path::new("etc").join("ca.pem").display());
        assert_eq!(entry.arguments, [&ca_cert, "--url=https://a:1"]);
        assert_eq!(entry.jobs, [JOB.parse().unwrap()]);
    }

    #[test]
    fn what_an_entry_cannot_be_is_told_and_no_value_repeated() {
        for (text, reason) in [
            ("url = 'https://a'", "it has no name"),
            ("name = 'a'", "\"a\" has no url"),
            ("name = ''\nurl = 'x'", "its name is not one value, or empty"),
            (
                "name = 'a'\nurl = ['hunter2']",
                "its url is not one value, or empty",
            ),
            (
                "name = 'a'\nurl = 'x'\njobs = ['hunter2']",
                "its jobs are not GUIDs in quotes",
            ),
            (
                "name = 'a'\nurl = 'x'\ninsecure = 'hunter2'",
                "its insecure is not true or false",
            ),
            (
                "name = 'a'\nurl = 'x'\njob_file = 'y'",
                "\"job_file\" is not a key of it; did you mean jobs_file?",
            ),
        ] {
            assert_eq!(
                read(text),
                Err(UnreadableEntry::Form(reason.to_owned())),
                "{text}"
            );
        }
        assert_eq!(
            read("name = 'a'\npassword = 'hunter2'"),
            Err(UnreadableEntry::Password)
        );
    }

    #[test]
    fn two_entries_have_neither_a_name_nor_a_job_in_common() {
        let entry = |line, name: &str, jobs: &[&str]| ServerEntry {
            line,
            name: name.to_owned(),
            url: String::new(),
            arguments: Vec::new(),
            files: Vec::new(),
            jobs: jobs.iter().map(|job| job.parse().unwrap()).collect(),
            jobs_file: None,
            watches_all: None,
        };
        assert_eq!(contradiction(&[entry(1, "a", &[JOB]), entry(2, "b", &[])]), None);
        let (line, words) = contradiction(&[entry(1, "a", &[]), entry(2, "A", &[])]).unwrap();
        assert!(
            line == 2 && words.contains("name of the one in line 1"),
            "{words}"
        );
        let (_, words) = contradiction(&[entry(1, "a", &[JOB]), entry(2, "b", &[JOB])]).unwrap();
        assert!(words.contains("also a job of \"a\""), "{words}");
    }
}
