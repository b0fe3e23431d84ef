//! The settings by name.

/// What a config file is called where none is named.
pub const CONFIG_FILE_NAME: &str = "jobruns.toml";

/// A setting, by its key in the config file (`rate_limit`); the flag and the environment variable follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting(&'static str);

impl Setting {
    /// Its key in the config file: `rate_limit`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        self.0
    }

    /// Its flag: `--rate-limit`.
    #[must_use]
    pub fn flag(self) -> String {
        format!("--{}", self.0.replace('_', "-"))
    }

    /// Its environment variable: `JOBRUNS_RATE_LIMIT`.
    #[must_use]
    pub fn variable(self) -> String {
        format!("JOBRUNS_{}", self.0.to_uppercase())
    }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident = $key:literal;)*) => {
        impl Setting {
            $($(#[$doc])* pub const $name: Self = Self($key);)*
        }

        /// The keys that a config file may have.
        pub const KEYS: &[&str] = &[$($key),*];
    };
}

settings! {
    /// The archive's file.
    ARCHIVE = "archive";
    /// Text or JSON on stderr.
    LOG_FORMAT = "log_format";
    /// A file that gets the same lines as stderr.
    LOG_FILE = "log_file";
    /// When to colour.
    COLOR = "color";
    /// When to draw progress.
    PROGRESS = "progress";
    /// The server's base URL.
    URL = "url";
    /// The user to log in as.
    USERNAME = "username";
    /// The file with the password.
    PASSWORD_FILE = "password_file";
    /// How the token URL wants the password.
    PASSWORD_ENCODING = "password_encoding";
    /// A file with the certificates of the authorities to trust.
    CA_CERT = "ca_cert";
    /// The SHA-256 of the server's certificate.
    PIN = "pin";
    /// No check of the certificate.
    INSECURE = "insecure";
    /// Longest silence of the server.
    TIMEOUT = "timeout";
    /// Further tries per job.
    RETRIES = "retries";
    /// Requests per second.
    RATE_LIMIT = "rate_limit";
    /// A file that lists jobs.
    JOBS_FILE = "jobs_file";
    /// Runs asked for per job.
    COUNT = "count";
    /// Jobs fetched at once.
    CONCURRENCY = "concurrency";
    /// The zone of times without offset.
    NAIVE_TIME = "naive_time";
    /// The rhythm of repeated syncs.
    EVERY = "every";
    /// A file that gets the ledger's head of each sync.
    HEAD_FILE = "head_file";
    /// The age at which the server purges runs.
    PURGE_AGE = "purge_age";
    /// The largest run that is read.
    RUN_LIMIT = "run_limit";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_and_variable_follow_from_the_key() {
        assert_eq!(Setting::RATE_LIMIT.flag(), "--rate-limit");
        assert_eq!(Setting::RATE_LIMIT.variable(), "JOBRUNS_RATE_LIMIT");
        assert!(KEYS.contains(&"rate_limit"));
    }
}
