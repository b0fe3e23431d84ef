//! The config file and the jobs file as `jobruns init` writes them.

use std::path::PathBuf;

use crate::cli::terminal::console::shown;
use crate::config::TrustChoice;
use crate::model::{Guid, hex};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PasswordPlace {
    File(PathBuf),
    /// In the operating system's store.
    Store,
    /// Nowhere: whoever runs a command gives it.
    Elsewhere,
}

/// Which jobs are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WatchedJobs {
    /// All that the server has, new ones too.
    All,
    /// Those of the jobs file, each with the server's name for it.
    Listed(Vec<(Guid, String)>),
}

/// What the config file says.
#[derive(Debug)]
pub(super) struct ConfigContents {
    pub(super) archive: PathBuf,
    pub(super) url: String,
    pub(super) username: String,
    pub(super) trust: TrustChoice,
    pub(super) password: PasswordPlace,
    pub(super) jobs: WatchedJobs,
    /// The name of the jobs file, beside the config file.
    pub(super) jobs_file: PathBuf,
    /// Other settings that were given: key and value.
    pub(super) others: Vec<(String, String)>,
}

impl ConfigContents {
    pub(super) fn toml(&self) -> String {
        let path = |path: &PathBuf| quoted(&path.display().to_string());
        let trust = match &self.trust {
            TrustChoice::Pin(sha256) => format!(
                "# The SHA-256 of the server's certificate (`jobruns trust` shows it); no other one is trusted.\npin = '{}'",
                hex(sha256)
            ),
            TrustChoice::CaCert(file) => {
                format!("# The authority that signs the server's certificate.\nca_cert = {}", path(file))
            }
            TrustChoice::Insecure => {
                "# Nothing is checked: anybody in between can read the password. Pin the certificate instead (`jobruns trust`).\ninsecure = true"
                    .to_owned()
            }
            TrustChoice::System => "# The server's certificate is checked against the system's authorities.".to_owned(),
        };
        let password = match &self.password {
            PasswordPlace::File(file) => {
                format!("# Only the account that runs the syncs may read it.\npassword_file = {}", path(file))
            }
            PasswordPlace::Store => {
                "# The password is in the system's store, for the account that ran `jobruns password set`.".to_owned()
            }
            PasswordPlace::Elsewhere => {
                "# The password does not belong in this file. A file that only the owner may read:\n# password_file = 'jobruns-password'"
                    .to_owned()
            }
        };
        let jobs = match &self.jobs {
            WatchedJobs::All => {
                "# Every job that the server has is watched, new ones too.\nwatch = 'all'".to_owned()
            }
            WatchedJobs::Listed(_) => format!(
                "# The jobs to watch, one per line.\njobs_file = {}",
                path(&self.jobs_file)
            ),
        };
        let mut others: String = self
            .others
            .iter()
            .map(|(key, value)| format!("{key} = {}\n", quoted(value)))
            .collect();
        if !others.is_empty() {
            others.insert(0, '\n');
        }
        format!(
            "# Settings of jobruns: those of `jobruns sync --help`, with _ in place of -. Relative paths are relative to the\n\
             # folder of this file. Text in single quotes is taken as it is: 'CORP\\auditor'.\n\n\
             # The archive. It belongs on a local disk.\narchive = {}\n\n\
             url = {}\nusername = {}\n\n{trust}\n\n{password}\n\n{jobs}\n{others}\n\
             # A list of ledger heads on another machine, by which `jobruns verify` proves the history.\n\
             # head_file = '//audit/worm/jobruns-heads.txt'\n\n\
             # A file that gets the lines of every command, with times.\n\
             # log_file = 'jobruns.log'\n\n\
             # Reports that are written after each sync: options of `jobruns report NAME` as keys.\n\
             # [[export]]\n\
             # report = 'failure-trends'\n\
             # by = 'month'\n\
             # output = 'failure-trends.csv'\n",
            path(&self.archive),
            quoted(&self.url),
            quoted(&self.username),
        )
    }
}

/// The jobs file. Names are comments: one in a jobs file would replace the server's for ever.
pub(super) fn jobs_file(jobs: &[(Guid, String)]) -> String {
    let mut text =
        "# Jobs to watch, one per line: a GUID, and optionally a name that replaces the one on the server.\n"
            .to_owned();
    for (job, name) in jobs {
        text.push_str(&format!("{job}  # {}\n", shown(name).replace('\n', " ")));
    }
    text
}

/// A text in TOML: as it is in single quotes where that can be.
fn quoted(text: &str) -> String {
    if !text.contains('\'') && !text.chars().any(char::is_control) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_toml_is_read_back_as_it_was() {
        for text in [r"CORP\auditor", "it's", "a\"b\\c'", "tab\t'"] {
            let table = toml::de::DeTable::parse(&format!("x = {}", quoted(text))).map(|table| {
                table
                    .get_ref()
                    .get("x")
                    .unwrap()
                    .get_ref()
                    .as_str()
                    .unwrap()
                    .to_owned()
            });
            assert_eq!(table.unwrap(), text);
        }
    }
}
