//! The config file: TOML, one value per setting.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::exports::{Export, UnreadableEntry, read_export};
use super::servers::{ServerEntry, contradiction, read_server};
use super::slip;
use super::text::decode;
use crate::text::nearest;

/// A config file without unknown keys; its values are not parsed yet.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, FileValue>,
    exports: Vec<Export>,
    servers: Vec<ServerEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileValue {
    /// Line, from 1.
    pub(crate) line: usize,
    /// The content of a string; any other value as TOML text.
    pub(crate) text: String,
}

impl ConfigFile {
    /// Reads the file at `path`, which may have these keys.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML, or has a key that is not a setting. The errors give line numbers, never the lines.
    pub fn read(path: &Path, keys: &[String]) -> Result<Self, ConfigError> {
        let what = "config file";
        let path = path.to_path_buf();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(ConfigError::Read { what, path, source }),
        };
        match decode(&bytes) {
            Ok(text) => Self::parse(path, &text, keys),
            Err(source) => Err(ConfigError::Encoding { what, path, source }),
        }
    }

    /// The file's path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Resolves a path from the file, which is relative to the file's own folder.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(path),
            None => path.to_path_buf(),
        }
    }

    /// The reports to write after each sync.
    #[must_use]
    pub fn exports(&self) -> &[Export] {
        &self.exports
    }

    /// The `[[server]]` entries.
    #[must_use]
    pub fn servers(&self) -> &[ServerEntry] {
        &self.servers
    }

    pub(crate) fn value(&self, key: &str) -> Option<&FileValue> {
        self.values.get(key)
    }

    fn parse(path: PathBuf, text: &str, keys: &[String]) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| not_toml(&path, text, &error))?;
        let mut values = BTreeMap::new();
        let mut exports = Vec::new();
        let mut servers = Vec::new();
        for (key, value) in table.get_ref() {
            let (line, _) = place(text, key.span().start);
            let key = key.get_ref();
            if is_password(key) {
                return Err(ConfigError::PasswordInFile { path, line });
            }
            if key == "export" {
                exports = parse_exports(&path, text, line, value.get_ref())?;
                continue;
            }
            if key == "server" {
                servers = parse_servers(&path, text, line, value.get_ref())?;
                continue;
            }
            if !keys.iter().any(|known| known == key) {
                let meant = nearest(key, keys.iter().map(String::as_str)).map(str::to_owned);
                return Err(ConfigError::UnknownKey {
                    path,
                    line,
                    key: key.to_string(),
                    meant,
                });
            }
            let text = scalar(value.get_ref()).map_err(|found| ConfigError::NotOneValue {
                path: path.clone(),
                line,
                key: key.to_string(),
                found,
            })?;
            refuse_control_characters(&path, line, key, &text)?;
            values.insert(key.to_string(), FileValue { line, text });
        }
        // With several servers, nothing would say which of them these belong to.
        for key in ["url", "jobs_file"] {
            if let Some(value) = values.get(key).filter(|_| !servers.is_empty()) {
                return Err(ConfigError::ServerEntry {
                    path,
                    line: value.line,
                    reason: format!("{key} stands beside [[server]] entries; move it into one of them"),
                });
            }
        }
        Ok(Self {
            path,
            values,
            exports,
            servers,
        })
    }
}

/// The error for a file that is not TOML, with what to write instead if the line shows a usual mistake.
fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    let repeated_key = error
        .span()
        .filter(|_| error.message() == "duplicate key")
        .and_then(|span| text.get(span))
        .filter(|key| slip::is_key(key));
    let (message, remedy) = match repeated_key {
        Some(key) => (
            format!("the key {key} is there a second time"),
            Some(
                "keep one of the two; several servers or exports are entries, each below [[server]] or [[export]]"
                    .to_owned(),
            ),
        ),
        None => (
            error.message().to_owned(),
            // The parser may place an error at the end of a line on the next one.
            [line, line.saturating_sub(1)]
                .into_iter()
                .filter_map(|number| text.split('\n').nth(number.checked_sub(1)?))
                .find_map(|line| slip::remedy(line.strip_suffix('\r').unwrap_or(line))),
        ),
    };
    ConfigError::Toml {
        path: path.to_path_buf(),
        line,
        column,
        message,
        remedy,
    }
}

/// The text of a single value; for a list or a table, what it is.
fn scalar(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        DeValue::Boolean(yes) => Ok(yes.to_string()),
        DeValue::Datetime(time) => Ok(time.to_string()),
        DeValue::Array(_) => Err("a list"),
        DeValue::Table(_) => Err("a table"),
    }
}

/// Reads the `[[export]]` entries, whose key is in `line` of `text`.
fn parse_exports(
    path: &Path,
    text: &str,
    line: usize,
    value: &DeValue<'_>,
) -> Result<Vec<Export>, ConfigError> {
    let refused = |line: usize, reason: String| ConfigError::Export {
        path: path.to_path_buf(),
        line,
        reason,
    };
    parse_entries(path, text, line, value, "export", &refused, |line, table| {
        read_export(line, table, is_password)
    })
}

/// Reads the `[[server]]` entries in the same way.
fn parse_servers(
    path: &Path,
    text: &str,
    line: usize,
    value: &DeValue<'_>,
) -> Result<Vec<ServerEntry>, ConfigError> {
    let refused = |line: usize, reason: String| ConfigError::ServerEntry {
        path: path.to_path_buf(),
        line,
        reason,
    };
    let resolve = |name: &str| match path.parent() {
        Some(folder) => folder.join(name),
        None => PathBuf::from(name),
    };
    let servers = parse_entries(path, text, line, value, "server", &refused, |line, table| {
        read_server(line, table, resolve, is_password)
    })?;
    match contradiction(&servers) {
        Some((line, reason)) => Err(refused(line, reason)),
        None => Ok(servers),
    }
}

/// Reads a list of entries, each with `read`; `refused` makes the error for an entry that is wrong.
fn parse_entries<E>(
    path: &Path,
    text: &str,
    line: usize,
    value: &DeValue<'_>,
    kind: &str,
    refused: &dyn Fn(usize, String) -> ConfigError,
    read: impl Fn(usize, &DeTable<'_>) -> Result<E, UnreadableEntry>,
) -> Result<Vec<E>, ConfigError> {
    let not_a_list = |line| refused(line, format!("it is not a table; entries begin with [[{kind}]]"));
    let DeValue::Array(entries) = value else {
        return Err(not_a_list(line));
    };
    let mut found = Vec::new();
    for entry in entries {
        let (line, _) = place(text, entry.span().start);
        let DeValue::Table(table) = entry.get_ref() else {
            return Err(not_a_list(line));
        };
        for (key, value) in table {
            let (line, _) = place(text, key.span().start);
            let values = match value.get_ref() {
                DeValue::Array(items) => items.iter().collect(),
                _ => vec![value],
            };
            for value in values {
                if let DeValue::String(value) = value.get_ref() {
                    refuse_control_characters(path, line, key.get_ref(), value)?;
                }
            }
        }
        found.push(read(line, table).map_err(|why| match why {
            UnreadableEntry::Password => ConfigError::PasswordInFile {
                path: path.to_path_buf(),
                line,
            },
            UnreadableEntry::Form(reason) => refused(line, reason),
        })?);
    }
    Ok(found)
}

/// Refuses control characters, which no setting has. They come from double quotes, in which TOML takes a backslash for the
/// start of an escape: `"CORP\nightly"` contains a line feed.
fn refuse_control_characters(path: &Path, line: usize, key: &str, text: &str) -> Result<(), ConfigError> {
    match text.chars().find(|c| c.is_control()) {
        None => Ok(()),
        Some(control) => Err(ConfigError::ControlCharacter {
            path: path.to_path_buf(),
            line,
            key: key.to_owned(),
            control,
        }),
    }
}

/// Whether a key looks as if its value were the password itself.
fn is_password(key: &str) -> bool {
    let plain: String = key
        .to_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    ["password", "passwd", "pass", "pwd", "pw", "secret", "token"].contains(&plain.as_str())
}

/// Line and column, from 1, of the byte at `offset`.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse(PathBuf::from("etc/jobruns.toml"), text, &keys())
    }

    fn keys() -> Vec<String> {
        ["url", "username", "concurrency", "insecure", "rate_limit"]
            .map(str::to_owned)
            .into()
    }

    #[test]
    fn values_are_kept_with_their_line() {
        let file =
            parse("url = 'https://ccs:12431'\n\nconcurrency = 8\ninsecure = false\nrate_limit = 0.5\n")
                .unwrap();
        let text = |key| file.value(key).map(|value| (value.line, value.text.as_str()));
        assert_eq!(text("url"), Some((1, "https://ccs:12431")));
        assert_eq!(text("concurrency"), Some((3, "8")));
        assert_eq!(text("insecure"), Some((4, "false")));
        assert_eq!(text("rate_limit"), Some((5, "0.5")));
        assert_eq!(text("pin"), None);
    }

    #[test]
    fn a_key_that_is_there_twice_is_named_with_the_line_of_the_second() {
        let error = parse("url = 'x'\nusername = 'a'\nurl = 'y'\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "etc/jobruns.toml:3:1: the key url is there a second time"
        );
        let ConfigError::Toml { remedy, .. } = error else {
            panic!("{error}")
        };
        assert!(remedy.unwrap().starts_with("keep one of the two"));
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_word() {
        let error = parse("url = 'x'\nuser_name = 'a'\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "etc/jobruns.toml:2: there is no setting \"user_name\""
        );
        assert!(
            matches!(&error, ConfigError::UnknownKey { meant: Some(meant), .. } if meant == "username"),
            "{error:?}"
        );
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for text in [
            "password = 'hunter2'",
            "Pass-Word = 'hunter2'",
            "token = 'hunter2'",
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                matches!(error, ConfigError::PasswordInFile { line: 1, .. }),
                "{text}"
            );
            assert!(!format!("{error:?} {error}").contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn broken_toml_is_placed_and_not_repeated() {
        let error = parse("url = 'x'\npassword = 'hunter2\n").unwrap_err();
        assert!(matches!(error, ConfigError::Toml { line: 2, .. }), "{error}");
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }

    #[test]
    fn lists_and_tables_are_no_value() {
        for text in ["url = ['x']", "url = { host = 'x' }", "[url]\nhost = 'x'"] {
            assert!(
                matches!(parse(text), Err(ConfigError::NotOneValue { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn relative_paths_lie_beside_the_file() {
        let file = parse("").unwrap();
        assert_eq!(file.resolve(Path::new("pw.txt")), Path::new("etc").join("pw.txt"));
        let bare = ConfigFile::parse(PathBuf::from("jobruns.toml"), "", &keys()).unwrap();
        assert_eq!(bare.resolve(Path::new("pw.txt")), Path::new("pw.txt"));
        if cfg!(unix) {
            assert_eq!(file.resolve(Path::new("/pw")), Path::new("/pw"));
        }
    }
}
