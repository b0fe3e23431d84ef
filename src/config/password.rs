//! Where the password comes from, in this order:
//!
//! 1. `--password-file FILE`
//! 2. `--password-stdin`
//! 3. the environment variable `JOBRUNS_PASSWORD`
//! 4. the credential `jobruns-password` of systemd: the file of that name in `CREDENTIALS_DIRECTORY`
//! 5. the password file that is set in the environment (`JOBRUNS_PASSWORD_FILE`) or the config file
//! 6. the operating system's store (`jobruns password set`)
//! 7. on Windows, the password kept for the machine (`jobruns password set --machine`)
//! 8. a prompt, if standard input is a terminal
//!
//! A final line break in a file or on standard input is not part of the password; everything else is.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{ConfigError, Missing};
use super::keyring::{Account, Keyring, KeyringError};
use super::machine_store::find_for_machine;
use super::origin::Origin;
use super::sources::Environment;
use super::text::{NotText, decode};
use crate::model::Secret;

/// The most bytes that are read as a password: more than any password has, few enough to notice a wrong file.
const LONGEST_PASSWORD_BYTES: u64 = 64 * 1024;

/// Asks a person for the password of an account.
pub type Prompt<'p> = &'p mut dyn FnMut(&Account) -> io::Result<String>;

/// The available sources.
pub struct PasswordSources<'p> {
    /// The password file, and where it was set.
    pub file: Option<(PathBuf, Origin)>,
    /// Standard input, if `--password-stdin` was given.
    pub stdin: Option<&'p mut dyn Read>,
    /// The value of `JOBRUNS_PASSWORD`.
    pub variable: Option<OsString>,
    /// The file of the systemd credential, if there is one.
    pub credential: Option<PathBuf>,
    /// The operating system's store.
    pub keyring: Result<Keyring, KeyringError>,
    /// The prompt, if standard input is a terminal.
    pub prompt: Option<Prompt<'p>>,
}

/// Where a password came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordOrigin {
    File(PathBuf),
    Stdin,
    /// `JOBRUNS_PASSWORD`.
    Variable,
    /// A credential of systemd.
    Credential,
    /// The operating system's store.
    Keyring,
    /// The store of the machine (Windows).
    Machine,
    Prompt,
}

impl fmt::Display for PasswordOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Stdin => f.write_str("standard input"),
            Self::Variable => f.write_str(VARIABLE),
            Self::Credential => write!(f, "systemd's credential {CREDENTIAL_NAME}"),
            Self::Keyring => f.write_str("the system's store of passwords"),
            Self::Machine => f.write_str("the machine's store of passwords"),
            Self::Prompt => f.write_str("the terminal"),
        }
    }
}

/// The environment variable with the password.
pub const VARIABLE: &str = "JOBRUNS_PASSWORD";

/// The name of the systemd credential with the password (`LoadCredential=jobruns-password:FILE`).
pub const CREDENTIAL_NAME: &str = "jobruns-password";

/// The file of the credential that systemd passed to this process, if any.
#[must_use]
pub fn credential_file(environment: Environment<'_>) -> Option<PathBuf> {
    let folder = environment("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())?;
    let path = PathBuf::from(folder).join(CREDENTIAL_NAME);
    path.exists().then_some(path)
}

/// The password of `account`, from the first source that has one.
///
/// # Errors
/// If the first source that was given cannot be read or is empty, or if there is none.
pub fn find_password(
    account: &Account,
    sources: PasswordSources<'_>,
) -> Result<(Secret, PasswordOrigin), ConfigError> {
    let (flag_file, other_file) = match sources.file {
        Some((path, Origin::Flag(_))) => (Some(path), None),
        Some((path, _)) => (None, Some(path)),
        None => (None, None),
    };
    let found = if let Some(path) = flag_file {
        (from_file(&path)?, PasswordOrigin::File(path))
    } else if let Some(stdin) = sources.stdin {
        (from_stdin(stdin)?, PasswordOrigin::Stdin)
    } else if let Some(value) = sources.variable {
        (from_variable(value)?, PasswordOrigin::Variable)
    } else if let Some(path) = sources.credential {
        (from_credential(&path)?, PasswordOrigin::Credential)
    } else if let Some(path) = other_file {
        (from_file(&path)?, PasswordOrigin::File(path))
    } else if let Some(password) = from_keyring(sources.keyring, account) {
        (password, PasswordOrigin::Keyring)
    } else if let Some(password) = found_or_log(find_for_machine(account), account) {
        (password, PasswordOrigin::Machine)
    } else if let Some(ask) = sources.prompt {
        let origin = "the terminal";
        let answer = ask(account).map_err(|source| ConfigError::ReadPassword { origin, source })?;
        (Secret::new(answer), PasswordOrigin::Prompt)
    } else {
        return Err(ConfigError::Missing(Missing::Password));
    };
    if found.0.reveal().is_empty() {
        return Err(ConfigError::EmptyPassword {
            origin: found.1.to_string(),
        });
    }
    Ok(found)
}

/// The password in the file at `path`.
///
/// # Errors
/// If it cannot be read, if others than its owner can read it (Unix), or if it is not text.
pub fn from_file(path: &Path) -> Result<Secret, ConfigError> {
    read_file(path, "password file", check_rights)
}

/// The password from systemd. Its mode is not checked: only the service and root can reach the file.
fn from_credential(path: &Path) -> Result<Secret, ConfigError> {
    read_file(path, "credential", |_, _| Ok(()))
}

fn read_file(
    path: &Path,
    what: &'static str,
    check_rights: impl Fn(&Path, &std::fs::Metadata) -> Result<(), ConfigError>,
) -> Result<Secret, ConfigError> {
    let unreadable = |source| ConfigError::Read {
        what,
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    // The permissions of the opened file, not of the path: the file may have been replaced in between.
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    check_rights(path, &metadata)?;
    let bytes = read_all(file).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST_PASSWORD_BYTES {
        return Err(ConfigError::LongPasswordFile {
            path: path.to_path_buf(),
            limit: LONGEST_PASSWORD_BYTES,
        });
    }
    text_of(&bytes).map_err(|source| ConfigError::Encoding {
        what,
        path: path.to_path_buf(),
        source,
    })
}

/// Reads the password from a stream.
///
/// # Errors
/// If it cannot be read or is not text.
pub fn from_stdin(stdin: &mut dyn Read) -> Result<Secret, ConfigError> {
    let origin = "standard input";
    let bytes = read_all(stdin).map_err(|source| ConfigError::ReadPassword { origin, source })?;
    if bytes.len() as u64 > LONGEST_PASSWORD_BYTES {
        let source = io::Error::other(format!("it is longer than {LONGEST_PASSWORD_BYTES} bytes"));
        return Err(ConfigError::ReadPassword { origin, source });
    }
    text_of(&bytes).map_err(|source| ConfigError::PasswordNotText { origin, source })
}

fn from_variable(value: OsString) -> Result<Secret, ConfigError> {
    match value.into_string() {
        Ok(text) => Ok(Secret::new(text)),
        Err(_) => Err(ConfigError::PasswordNotText {
            origin: VARIABLE,
            source: NotText::NotUtf8(0),
        }),
    }
}

fn from_keyring(keyring: Result<Keyring, KeyringError>, account: &Account) -> Option<Secret> {
    found_or_log(keyring.and_then(|keyring| keyring.find(account)), account)
}

/// The password from a store. A store that is missing or refuses is not an error, only a detail for `-v`.
fn found_or_log(found: Result<Option<Secret>, KeyringError>, account: &Account) -> Option<Secret> {
    match found {
        Ok(Some(password)) => Some(password),
        Ok(None) => {
            tracing::debug!("a store of passwords has none for {account}");
            None
        }
        Err(error) => {
            tracing::debug!("{error}");
            None
        }
    }
}

/// Reads one byte more than a password may have, at most.
fn read_all(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // Allocated once: a buffer that grows would leave copies of the password in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_PASSWORD_BYTES as usize + 1));
    source.take(LONGEST_PASSWORD_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text_of(bytes: &[u8]) -> Result<Secret, NotText> {
    let text = Zeroizing::new(decode(bytes)?);
    let line = text
        .strip_suffix('\n')
        .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if line.ends_with([' ', '\t']) {
        // `echo secret | jobruns ...` in cmd.exe also sends the space before the bar.
        tracing::warn!("the password ends with a blank, which is taken for a part of it");
    }
    if line.contains(['\n', '\r']) {
        tracing::warn!("the password holds a line break; only one at its end is left out");
    }
    Ok(Secret::new(line.to_owned()))
}

#[cfg(unix)]
fn check_rights(path: &Path, metadata: &std::fs::Metadata) -> Result<(), ConfigError> {
    use std::os::unix::fs::PermissionsExt;

    /// Group and others: read, write, execute.
    const OTHERS: u32 = 0o077;

    let mode = metadata.permissions().mode() & 0o777;
    // A pipe, as in `<(pass show ccs)`, cannot be opened by others.
    if metadata.is_file() && mode & OTHERS != 0 {
        return Err(ConfigError::OpenPasswordFile {
            path: path.to_path_buf(),
            mode,
        });
    }
    Ok(())
}

/// Nothing is checked on Windows: access lists are inherited, and those of the user's own folders are the user's.
#[cfg(not(unix))]
fn check_rights(_: &Path, _: &std::fs::Metadata) -> Result<(), ConfigError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account::new("auditor", "https://ccs").unwrap()
    }

    fn nothing<'p>() -> PasswordSources<'p> {
        let keyring = Err(KeyringError::Unavailable("not in a test".to_owned()));
        PasswordSources {
            file: None,
            stdin: None,
            variable: None,
            credential: None,
            keyring,
            prompt: None,
        }
    }

    fn found(sources: PasswordSources<'_>) -> String {
        find_password(&account(), sources).unwrap().0.reveal().to_owned()
    }

    /// A password file that only its owner can read.
    fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
        let path = folder.path().join("pw");
        std::fs::write(&path, bytes).unwrap();
        set_mode(&path, 0o600);
        path
    }

    #[cfg(unix)]
    fn set_mode(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(not(unix))]
    fn set_mode(_: &Path, _: u32) {}

    #[test]
    fn the_order_of_the_sources_is_as_documented() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, b"file");
        let named = |origin| Some((path.clone(), origin));
        let by_flag = Origin::Flag("--password-file".to_owned());
        let by_variable = Origin::Variable("JOBRUNS_PASSWORD_FILE".to_owned());
        let mut ask = |_: &Account| Ok("asked".to_owned());

        let mut stdin: &[u8] = b"stdin";
        let variable = Some(OsString::from("variable"));
        let all = PasswordSources {
            file: named(by_flag),
            stdin: Some(&mut stdin),
            variable: variable.clone(),
            prompt: Some(&mut ask),
            ..nothing()
        };
        assert_eq!(found(all), "file");
        let mut stdin: &[u8] = b"stdin";
        let file = named(by_variable);
        let sources = PasswordSources {
            file: file.clone(),
            stdin: Some(&mut stdin),
            variable: variable.clone(),
            ..nothing()
        };
        assert_eq!(found(sources), "stdin");
        assert_eq!(
            found(PasswordSources {
                file: file.clone(),
                variable,
                ..nothing()
            }),
            "variable"
        );
        let credential = folder.path().join(CREDENTIAL_NAME);
        std::fs::write(&credential, "credential\n").unwrap();
        assert_eq!(
            found(PasswordSources {
                file: file.clone(),
                credential: Some(credential),
                ..nothing()
            }),
            "credential"
        );
        assert_eq!(
            found(PasswordSources {
                file,
                prompt: Some(&mut ask),
                ..nothing()
            }),
            "file"
        );
        assert_eq!(
            found(PasswordSources {
                prompt: Some(&mut ask),
                ..nothing()
            }),
            "asked"
        );
        assert!(matches!(
            find_password(&account(), nothing()),
            Err(ConfigError::Missing { .. })
        ));
    }

    #[test]
    fn one_final_line_break_is_no_part_of_the_password() {
        let folder = tempfile::tempdir().unwrap();
        for (bytes, password) in [
            (&b"pw"[..], "pw"),
            (b"pw\n", "pw"),
            (b"pw\r\n", "pw"),
            (b"pw\n\n", "pw\n"),
            (b" pw ", " pw "),
            (b"pw\r", "pw\r"),
            (b"\xEF\xBB\xBFpw\r\n", "pw"),
            (b"\xFF\xFEp\0w\0\r\0\n\0", "pw"),
        ] {
            assert_eq!(
                from_file(&file(&folder, bytes)).unwrap().reveal(),
                password,
                "{bytes:?}"
            );
            let mut stream = bytes;
            assert_eq!(from_stdin(&mut stream).unwrap().reveal(), password, "{bytes:?}");
        }
    }

    #[test]
    fn an_empty_password_is_refused_from_every_source() {
        let folder = tempfile::tempdir().unwrap();
        let value = file(&folder, b"\n");
        let chosen = (value, Origin::Flag("--password-file".to_owned()));
        let refused = |sources| {
            let error = find_password(&account(), sources).unwrap_err();
            assert!(matches!(error, ConfigError::EmptyPassword { .. }), "{error}");
        };
        refused(PasswordSources {
            file: Some(chosen),
            ..nothing()
        });
        let mut stdin: &[u8] = b"\r\n";
        refused(PasswordSources {
            stdin: Some(&mut stdin),
            ..nothing()
        });
        refused(PasswordSources {
            variable: Some(OsString::new()),
            ..nothing()
        });
        let mut ask = |_: &Account| Ok(String::new());
        refused(PasswordSources {
            prompt: Some(&mut ask),
            ..nothing()
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, b"hunter2");
        for mode in [0o644, 0o640, 0o604, 0o602] {
            set_mode(&path, mode);
            let error = from_file(&path).unwrap_err();
            assert!(matches!(error, ConfigError::OpenPasswordFile { .. }), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        set_mode(&path, 0o400);
        assert!(from_file(&path).is_ok());
    }

    #[test]
    fn what_is_no_password_file_is_refused_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let long = file(&folder, &vec![b'x'; 64 * 1024 + 1]);
        assert!(matches!(
            from_file(&long),
            Err(ConfigError::LongPasswordFile { .. })
        ));
        let latin = from_file(&file(&folder, b"hunter2\xE4")).unwrap_err();
        assert!(matches!(latin, ConfigError::Encoding { .. }));
        assert!(!format!("{latin:?}").contains("hunter2"));
        assert!(matches!(from_file(folder.path()), Err(ConfigError::Read { .. })));
        assert!(matches!(
            from_file(&folder.path().join("none")),
            Err(ConfigError::Read { .. })
        ));
    }
}
