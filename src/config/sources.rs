//! Flag, else environment, else config file, else default; and which it was.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::error::ConfigError;
use super::file::ConfigFile;
use super::origin::Origin;
use super::setting::Setting;

/// A value and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen<T> {
    /// The value.
    pub value: T,
    /// Where it was found.
    pub origin: Origin,
}

/// A choice that was made, as `-v` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The setting's key.
    pub key: &'static str,
    /// The value in words; never a secret.
    pub value: String,
    /// Where it was found.
    pub origin: Origin,
}

/// Looks up an environment variable; a closure in tests.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// The places where values are looked up, and what was found there so far.
pub struct Sources<'e> {
    environment: Environment<'e>,
    file: Option<ConfigFile>,
    choices: RefCell<Vec<Choice>>,
}

impl<'e> Sources<'e> {
    /// Sources with the environment and the config file, if there is one.
    #[must_use]
    pub fn new(environment: Environment<'e>, file: Option<ConfigFile>) -> Self {
        Self {
            environment,
            file,
            choices: RefCell::default(),
        }
    }

    /// The config file, if there is one.
    #[must_use]
    pub const fn file(&self) -> Option<&ConfigFile> {
        self.file.as_ref()
    }

    /// The choices made since the last call, in their order.
    #[must_use]
    pub fn take_choices(&self) -> Vec<Choice> {
        self.choices.take()
    }

    /// A variable of the environment; an empty one counts as not set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<OsString> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// The files that environment and config file name to be read: passwords, jobs, certificates, heads.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, &'static str)> {
        let settings = [
            Setting::PASSWORD_FILE,
            Setting::JOBS_FILE,
            Setting::CA_CERT,
            Setting::HEAD_FILE,
        ];
        settings
            .into_iter()
            .filter_map(|setting| {
                let variable = self.variable(&setting.variable()).map(PathBuf::from);
                let path = variable.or_else(|| self.path_in_file(setting))?;
                Some((path, setting.key()))
            })
            .collect()
    }

    /// The path that the config file names, whatever flags and environment say.
    #[must_use]
    pub fn path_in_file(&self, setting: Setting) -> Option<PathBuf> {
        let (text, _) = self.in_file(setting)?;
        Some(self.file.as_ref()?.resolve(text.as_ref()))
    }

    /// The value of `setting`, or `None` where it was given nowhere. `read` reads the text of environment and file;
    /// `show` makes the text for `-v`.
    ///
    /// # Errors
    /// [`ConfigError::Value`] where the text cannot be read.
    pub fn find<T, E: fmt::Display>(
        &self,
        setting: Setting,
        flag: Option<T>,
        read: impl Fn(&str) -> Result<T, E>,
        show: impl Fn(&T) -> String,
    ) -> Result<Option<Chosen<T>>, ConfigError> {
        let refused = |origin: Origin, reason: String| ConfigError::Value { origin, reason };
        let chosen = if let Some(value) = flag {
            Chosen {
                value,
                origin: Origin::Flag(setting.flag()),
            }
        } else if let Some(text) = self.variable(&setting.variable()) {
            let origin = Origin::Variable(setting.variable());
            let text = text.into_string();
            let text = text.map_err(|_| refused(origin.clone(), "it is not valid Unicode".to_owned()))?;
            let value = read(&text).map_err(|why| refused(origin.clone(), why.to_string()))?;
            Chosen { value, origin }
        } else if let Some((text, origin)) = self.in_file(setting) {
            let value = read(text).map_err(|why| refused(origin.clone(), why.to_string()))?;
            Chosen { value, origin }
        } else {
            return Ok(None);
        };
        self.note(setting, show(&chosen.value), chosen.origin.clone());
        Ok(Some(chosen))
    }

    /// As [`Self::find`], with a default for what was given nowhere.
    ///
    /// # Errors
    /// [`ConfigError::Value`] where the text cannot be read.
    pub fn find_or<T, E: fmt::Display>(
        &self,
        setting: Setting,
        flag: Option<T>,
        read: impl Fn(&str) -> Result<T, E>,
        show: impl Fn(&T) -> String,
        default: T,
    ) -> Result<T, ConfigError> {
        if let Some(chosen) = self.find(setting, flag, read, &show)? {
            return Ok(chosen.value);
        }
        self.note(setting, show(&default), Origin::Default);
        Ok(default)
    }

    /// The path of `setting`; one from the config file is relative to that file's folder.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for an empty path.
    pub fn find_path(
        &self,
        setting: Setting,
        flag: Option<PathBuf>,
    ) -> Result<Option<Chosen<PathBuf>>, ConfigError> {
        let chosen = if let Some(value) = flag {
            Chosen {
                value,
                origin: Origin::Flag(setting.flag()),
            }
        } else if let Some(path) = self.variable(&setting.variable()) {
            Chosen {
                value: path.into(),
                origin: Origin::Variable(setting.variable()),
            }
        } else if let (Some((text, origin)), Some(file)) = (self.in_file(setting), &self.file) {
            // An empty text would be the folder of the file, which nobody means.
            let value = if text.is_empty() {
                PathBuf::new()
            } else {
                file.resolve(text.as_ref())
            };
            Chosen { value, origin }
        } else {
            return Ok(None);
        };
        if chosen.value.as_os_str().is_empty() {
            let reason = "the path is empty".to_owned();
            return Err(ConfigError::Value {
                origin: chosen.origin,
                reason,
            });
        }
        self.note(setting, chosen.value.display().to_string(), chosen.origin.clone());
        Ok(Some(chosen))
    }

    /// Notes a choice that was made elsewhere.
    pub fn note(&self, setting: Setting, value: String, origin: Origin) {
        self.choices.borrow_mut().push(Choice {
            key: setting.key(),
            value,
            origin,
        });
    }

    fn in_file(&self, setting: Setting) -> Option<(&str, Origin)> {
        let file = self.file.as_ref()?;
        let value = file.value(setting.key())?;
        let path = file.path().to_path_buf();
        Some((
            &value.text,
            Origin::File {
                path,
                line: value.line,
                key: setting.key(),
            },
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Sources of a test: pairs of the environment, and the text of a config file.
    pub(crate) fn with_sources<R>(
        environment: &[(&str, &str)],
        file: Option<&str>,
        test: impl FnOnce(&Sources<'_>) -> R,
    ) -> R {
        let folder = tempfile::tempdir().unwrap();
        let file = file.map(|text| {
            let path = folder.path().join("jobruns.toml");
            std::fs::write(&path, text).unwrap();
            ConfigFile::read(&path).unwrap()
        });
        let look_up = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        test(&Sources::new(&look_up, file))
    }

    fn retries(flag: Option<u32>, environment: &[(&str, &str)], file: Option<&str>) -> (u32, u8) {
        with_sources(environment, file, |sources| {
            let read = |text: &str| text.parse::<u32>();
            let value = sources
                .find_or(Setting::RETRIES, flag, read, u32::to_string, 4)
                .unwrap();
            (value, sources.take_choices()[0].origin.rank())
        })
    }

    #[test]
    fn flag_wins_over_environment_over_file_over_default() {
        let environment = [("JOBRUNS_RETRIES", "2")];
        let file = Some("retries = 3");
        assert_eq!(retries(Some(1), &environment, file), (1, 0));
        assert_eq!(retries(None, &environment, file), (2, 1));
        assert_eq!(retries(None, &[], file), (3, 2));
        assert_eq!(retries(None, &[], None), (4, 3));
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        assert_eq!(retries(None, &[("JOBRUNS_RETRIES", "")], None), (4, 3));
    }

    #[test]
    fn a_bad_value_names_its_place() {
        let error = |environment: &[(&str, &str)], file| {
            with_sources(environment, file, |sources| {
                let read = |text: &str| text.parse::<u32>();
                sources
                    .find(Setting::RETRIES, None, read, u32::to_string)
                    .unwrap_err()
                    .to_string()
            })
        };
        assert!(error(&[("JOBRUNS_RETRIES", "x")], None).starts_with("JOBRUNS_RETRIES: "));
        assert!(error(&[], Some("\nretries = 'x'")).contains("jobruns.toml:2: retries: "));
    }

    #[test]
    fn a_path_of_the_file_is_relative_to_it_and_one_of_the_environment_is_not() {
        with_sources(
            &[("JOBRUNS_CA_CERT", "ca.pem")],
            Some("password_file = 'pw'"),
            |sources| {
                let found = |setting| sources.find_path(setting, None).unwrap().unwrap().value;
                assert!(found(Setting::PASSWORD_FILE).is_absolute());
                assert_eq!(found(Setting::CA_CERT), PathBuf::from("ca.pem"));
            },
        );
    }
}
