//! Flags, environment, file; credentials.
//!
//! # Where a value comes from
//!
//! From the flag, else the environment (`JOBRUNS_` and the setting's name in capitals), else the config file, else the
//! default. [`Sources`] looks in this order and remembers where it found each value, for `-v`. A setting is defined once, as a field of a struct of [`settings`] or [`global`] (or of a command's own arguments).
//!
//! # Secrets
//!
//! The password has its own sources ([`password`]): it is never a flag and never in the config file. A
//! [`Secret`](crate::model::Secret) prints as redacted. Errors of this module name files, lines and settings; they never
//! quote text of a file that could contain a password.

mod error;
mod exports;
mod file;
mod global;
mod jobs_file;
mod keyring;
mod machine_store;
mod monitoring;
mod origin;
pub(crate) mod password;
mod pin;
mod servers;
mod settings;
mod size;
mod slip;
mod sources;
mod text;
mod values;

pub(crate) use error::{CONFIG_FILE_NAME, ConfigError, Missing};
pub(crate) use exports::Export;
pub(crate) use file::ConfigFile;
pub(crate) use global::{
    GlobalSettings, LogFormat, Proxy, TerminalUse, default_config_files, find_config_file,
};
pub(crate) use jobs_file::{JobsFile, read_jobs_file};
pub(crate) use keyring::{Account, HOW_LONG, Keyring, KeyringError};
pub(crate) use machine_store::{forget_for_machine, keep_for_machine};
pub(crate) use monitoring::MonitoringSettings;
pub(crate) use origin::Origin;
pub(crate) use password::{CREDENTIAL_NAME, PasswordOrigin, PasswordSources, credential_file, find_password};
#[cfg(test)]
pub(crate) use pin::parse_pin;
pub(crate) use pin::parse_sha256;
pub(crate) use servers::ServerEntry;
pub(crate) use settings::{LoginSettings, ServerSettings, SyncSettings, TrustChoice, UrlSettings};
pub(crate) use size::show_size;
pub(crate) use sources::{Choice, Environment, Sources, config_keys, with_variables_in_help};
pub(crate) use values::{TableOrJson, parse_line};
