//! The operating system's password store.
//!
//! Windows: the Credential Manager. Linux: the kernel's key store, which loses its keys at a reboot and when they expire.
//! Other systems have none.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};

use crate::model::Secret;

/// The service under which passwords are kept.
const SERVICE: &str = "jobruns";

/// Stored before the password, to see whether the store can keep one.
const PLACEHOLDER: &str = "no password yet";

/// A user of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    username: String,
    host: String,
}

impl Account {
    /// The account of `username` at the host of `url`; `None` if the URL has no host.
    #[must_use]
    pub fn new(username: &str, url: &str) -> Option<Self> {
        let host = host(url)?;
        Some(Self {
            username: username.to_owned(),
            host,
        })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.username, self.host)
    }
}

/// The host of a URL, in lower case, without user and port.
fn host(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_lowercase())
}

/// What went wrong with the store; never contains the password.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is none, or it denies access.
    #[error("the system's store of passwords cannot be used: {0}")]
    Unavailable(String),
    /// The stored password is not text.
    #[error("the system's store of passwords has something for {0} that is not text")]
    NotText(Account),
}

/// The store of this operating system.
#[derive(Debug, Clone)]
pub struct Keyring(Arc<CredentialStore>);

impl Keyring {
    /// Opens the store.
    ///
    /// # Errors
    /// [`KeyringError::Unavailable`] if there is none.
    pub fn open() -> Result<Self, KeyringError> {
        native_store().map(Self)
    }

    /// The password of `account`, if there is one.
    ///
    /// # Errors
    /// If the store refuses, or the stored password is not text.
    pub fn find(&self, account: &Account) -> Result<Option<Secret>, KeyringError> {
        match self.entry(account)?.get_password() {
            Ok(password) => {
                Ok(Some(Secret::new(password)).filter(|password| password.reveal() != PLACEHOLDER))
            }
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(said(&error, account)),
        }
    }

    /// Stores the password of `account`, in place of an earlier one.
    ///
    /// # Errors
    /// If the store refuses. It then has no password of this account any more, since a store that fails between its steps
    /// may leave the password in an unexpected place.
    pub fn keep(&self, account: &Account, password: &Secret) -> Result<(), KeyringError> {
        let entry = self.entry(account)?;
        // A store that adds an entry and then refuses to link it keeps the entry, and nobody can remove it. It gets no
        // password before it has shown that it can store one.
        if let Err(error) = entry.set_password(PLACEHOLDER) {
            drop(entry.delete_credential());
            return Err(said(&error, account));
        }
        entry.set_password(password.reveal()).map_err(|error| {
            let left = match entry.delete_credential() {
                Ok(()) | Err(Error::NoEntry) => "",
                Err(_) => "; the password may still be there",
            };
            match said(&error, account) {
                KeyringError::Unavailable(why) => KeyringError::Unavailable(format!("{why}{left}")),
                other => other,
            }
        })
    }

    /// Deletes the password of `account`; `false` if there was none.
    ///
    /// # Errors
    /// If the store refuses.
    pub fn forget(&self, account: &Account) -> Result<bool, KeyringError> {
        match self.entry(account)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(said(&error, account)),
        }
    }

    fn entry(&self, account: &Account) -> Result<Entry, KeyringError> {
        let user = account.to_string();
        // Otherwise an entry of the Credential Manager is part of a roaming profile. Other stores do not know this modifier.
        let local = HashMap::from([("persistence", "Local")]);
        self.0
            .build(SERVICE, &user, cfg!(windows).then_some(&local))
            .map_err(|error| said(&error, account))
    }
}

/// The store's error in our words. It is not passed on as it is, since two of its variants contain the password.
fn said(error: &Error, account: &Account) -> KeyringError {
    match error {
        Error::BadEncoding(_) | Error::BadDataFormat(..) => KeyringError::NotText(account.clone()),
        other => KeyringError::Unavailable(other.to_string()),
    }
}

#[cfg(target_os = "linux")]
fn native_store() -> Result<Arc<CredentialStore>, KeyringError> {
    match linux_keyutils_keyring_store::Store::new() {
        Ok(store) => Ok(store),
        Err(error) => Err(KeyringError::Unavailable(error.to_string())),
    }
}

#[cfg(windows)]
fn native_store() -> Result<Arc<CredentialStore>, KeyringError> {
    match windows_native_keyring_store::Store::new() {
        Ok(store) => Ok(store),
        Err(error) => Err(KeyringError::Unavailable(error.to_string())),
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
fn native_store() -> Result<Arc<CredentialStore>, KeyringError> {
    Err(KeyringError::Unavailable(
        "this program knows none on this system".to_owned(),
    ))
}

/// Says whether a stored password survives a reboot.
pub const HOW_LONG: &str = if cfg!(windows) {
    "It stays in the Credential Manager of this Windows user until it is forgotten."
} else {
    "The kernel keeps it until it expires (after some days without use) or the machine restarts, and cron and systemd do \
     not see it; for scheduled tasks use a password file or a credential of systemd."
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_the_user_at_the_bare_host() {
        for (url, host) in [
            ("https://CCS01.corp.example:12431", "ccs01.corp.example"),
            ("https://ccs01/base?x#y", "ccs01"),
            ("https://user:pw@ccs01:1", "ccs01"),
            ("https://[2001:DB8::1]:12431/", "2001:db8::1"),
            ("ccs01", "ccs01"),
        ] {
            let account = Account::new(r"CORP\auditor", url).unwrap();
            assert_eq!(account.to_string(), format!(r"CORP\auditor@{host}"));
        }
        assert_eq!(Account::new("a", "https://"), None);
        assert_eq!(Account::new("a", ""), None);
    }

    #[test]
    fn an_error_never_carries_the_bytes_of_a_password() {
        let account = Account::new("a", "https://b").unwrap();
        let error = said(&Error::BadEncoding(b"hunter2".to_vec()), &account);
        assert!(!format!("{error:?} {error}").contains("104"));
        assert!(matches!(error, KeyringError::NotText(_)));
    }

    // The mock does not know the modifiers that Windows gets.
    #[cfg(not(windows))]
    #[test]
    fn a_kept_password_is_found_and_can_be_forgotten() {
        let store = Keyring(keyring_core::mock::Store::new().unwrap());
        let account = Account::new("a", "https://b").unwrap();
        assert!(store.find(&account).unwrap().is_none());
        store.keep(&account, &Secret::new("hunter2".to_owned())).unwrap();
        assert_eq!(store.find(&account).unwrap().unwrap().reveal(), "hunter2");
        assert!(store.forget(&account).unwrap());
        assert!(!store.forget(&account).unwrap());
    }

    #[cfg(not(windows))]
    #[test]
    fn a_store_that_refuses_never_gets_the_password() {
        let store = Keyring(keyring_core::mock::Store::new().unwrap());
        let account = Account::new("a", "https://b").unwrap();
        let entry = store.entry(&account).unwrap();
        let credential: &keyring_core::mock::Cred = entry.as_any().downcast_ref().unwrap();
        // The first call fails; a second one would succeed.
        credential.set_error(Error::NoEntry);
        let kept = store.keep(&account, &Secret::new("hunter2".to_owned()));
        assert!(matches!(kept, Err(KeyringError::Unavailable(_))), "{kept:?}");
        assert!(store.find(&account).unwrap().is_none());
    }
}
