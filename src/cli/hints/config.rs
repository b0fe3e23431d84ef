//! Hints for errors of settings.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::{CONFIG_FILE_NAME, ConfigError, Missing};
use crate::text::shell_quoted;

pub(crate) fn config(error: &ConfigError) -> Option<String> {
    let hint = match error {
        ConfigError::UnknownKey { meant: Some(meant), .. } => format!("did you mean {meant}?"),
        ConfigError::UnknownKey { .. } => {
            "the settings are those of `jobruns sync --help`, with _ in place of -.".to_owned()
        }
        ConfigError::PasswordInFile { .. } => format!("take it out of there; {PASSWORD_WAYS}"),
        ConfigError::Export { .. } => {
            "an entry is report = \"NAME\", output = \"FILE\", and options of that report as keys, with _ in place of -.".to_owned()
        }
        ConfigError::ServerEntry { .. } => {
            "an entry is name = 'NAME', url = 'https://HOST:12431', and of username, password_file, password_encoding, ca_cert, pin, \
             insecure, timeout, rate_limit, jobs, jobs_file and watch those that it needs."
                .to_owned()
        }
        ConfigError::ControlCharacter { .. } => {
            r"write the text in single quotes, which leave backslashes as they are: username = 'CORP\nightly'.".to_owned()
        }
        ConfigError::Missing(setting) => {
            let how = how_to_give(*setting);
            // A config file holds no password, so a missing one says nothing about which file was read.
            match unread_config_file() {
                Some(unread) if !matches!(setting, Missing::Password) => format!("{how} {unread}"),
                _ => how.to_owned(),
            }
        }
        ConfigError::TwoWaysToTrust { .. } => "keep the one that is meant; --pin is the strictest.".to_owned(),
        ConfigError::CountWithFetch { .. } => {
            "leave out the one that is not meant; --count 0 is --fetch full.".to_owned()
        }
        ConfigError::OpenPasswordFile { path, .. } => {
            format!("keep it to its owner: chmod 600 {}", shell_quoted(&path.display().to_string()))
        }
        ConfigError::EmptyPassword { .. } => PASSWORD_WAYS.to_owned(),
        ConfigError::NoJobs { .. } => {
            "put a GUID and an optional name on each line, or leave --jobs-file out to sync all watched jobs."
                .to_owned()
        }
        ConfigError::Toml {
            remedy: Some(remedy), ..
        } => remedy.clone(),
        ConfigError::Read {
            what: "jobs file",
            path,
            source,
        } if source.kind() == ErrorKind::NotFound => format!(
            "`jobruns jobs discover --format jobs-file > {}` writes one with every job of the server, from which the lines of jobs that are not to be watched can be deleted; or correct its path where it is named.",
            shell_quoted(&path.display().to_string())
        ),
        // Windows denies access to a folder that is opened as a file.
        ConfigError::Read { path, source, .. }
            if source.kind() == ErrorKind::PermissionDenied && !path.is_dir() =>
        {
            "check who may read the file; the task that runs jobruns must be able to.".to_owned()
        }
        ConfigError::Read {
            what: "config file",
            path,
            source,
        } if source.kind() == ErrorKind::NotFound => format!(
            "`jobruns init {}` writes it; or correct its path where it is named.",
            shell_quoted(&path.display().to_string())
        ),
        ConfigError::Read { what, source, .. } if source.kind() == ErrorKind::NotFound => {
            format!("create the {what}, or correct its path where it is named; -v shows where each setting comes from.")
        }
        ConfigError::Read { what, .. } => {
            format!("correct the path of the {what} where it is named; -v shows where each setting comes from.")
        }
        _ => return None,
    };
    Some(hint)
}

fn how_to_give(missing: Missing) -> &'static str {
    match missing {
        Missing::Server => {
            "give its base URL by --url https://HOST:12431, JOBRUNS_URL, or url in the config file."
        }
        Missing::User => {
            r"give it by --username CORP\auditor, JOBRUNS_USERNAME, or username in the config file (there in single quotes: 'CORP\auditor')."
        }
        Missing::Password => PASSWORD_WAYS,
    }
}

/// What to say where something is missing that a config file of the current folder may name; `None` without one.
pub(crate) fn unread_config_file() -> Option<String> {
    Path::new(CONFIG_FILE_NAME).exists().then(|| {
        format!("The {CONFIG_FILE_NAME} of the current folder is read only where it is named: --config {CONFIG_FILE_NAME}.")
    })
}

/// How to hand over a password.
const PASSWORD_WAYS: &str = "give the password by --password-file FILE, --password-stdin, \
     JOBRUNS_PASSWORD or `jobruns password set`; on a terminal it is asked for.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_can_be_given_in_three_places_and_a_word_be_meant() {
        for missing in [Missing::Server, Missing::User] {
            let hint = config(&ConfigError::Missing(missing)).unwrap();
            assert!(
                hint.contains("config file") && hint.contains("JOBRUNS_"),
                "{hint}"
            );
        }
        let unknown = ConfigError::UnknownKey {
            path: "jobruns.toml".into(),
            line: 1,
            key: "user_name".to_owned(),
            meant: Some("username".to_owned()),
        };
        assert_eq!(config(&unknown).as_deref(), Some("did you mean username?"));
        let open = ConfigError::OpenPasswordFile {
            path: "my pw".into(),
            mode: 0o644,
        };
        let quoted = if cfg!(windows) { "\"my pw\"" } else { "'my pw'" };
        let hint = config(&open).unwrap();
        assert!(hint.ends_with(&format!("chmod 600 {quoted}")), "{hint}");
    }
}
