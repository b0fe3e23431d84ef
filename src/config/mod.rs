//! Flags, environment, file; credentials.
//!
//! # Where a value comes from
//!
//! The flag, else the environment (`JOBRUNS_` and the setting's name in capitals), else the config file, else the
//! default. [`Sources`] looks there in this order and remembers where each value was found, so that `-v` can say so.
//! A setting is defined once, as a field of a struct of [`settings`] or [`global`] (or of a command's own arguments).
//!
//! # Secrets
//!
//! The password has sources of its own ([`password`]); it is never a flag and never in the config file. A
//! [`Secret`](crate::model::Secret) prints as redacted. Errors of this module name files, lines and settings, and repeat
//! no text of a file that could hold a password.

mod error;
mod exports;
mod file;
mod global;
mod jobs_file;
mod keyring;
mod machine_store;
mod monitoring;
mod origin;
pub mod password;
mod pin;
mod servers;
mod settings;
mod size;
mod slip;
mod sources;
mod text;
mod values;

pub use error::{CONFIG_FILE_NAME, ConfigError, Missing};
pub use exports::Export;
pub use file::ConfigFile;
pub use global::{
    DEFAULT_ARCHIVE, GlobalSettings, LogFormat, Proxy, When, default_config_files, find_config_file,
};
pub use jobs_file::{JobsFile, ListedJob, read_jobs_file};
pub use keyring::{Account, HOW_LONG, Keyring, KeyringError};
pub use machine_store::{find_for_machine, forget_for_machine, keep_for_machine};
pub use monitoring::MonitoringSettings;
pub use origin::Origin;
pub use password::{CREDENTIAL_NAME, PasswordOrigin, PasswordSources, credential_file, find_password};
pub use pin::{NotAPin, parse_pin, parse_sha256};
pub use servers::ServerEntry;
pub use settings::{FetchChoice, LoginSettings, ServerSettings, SyncSettings, TrustChoice, UrlSettings};
pub use size::{NotASize, parse_size, show_size};
pub use sources::{Choice, Environment, Sources, config_keys, with_variables_in_help};
pub use text::NotText;
pub(crate) use values::parse_line;
pub use values::{MAX_CONCURRENCY, PasswordEncoding, TableOrJson};
