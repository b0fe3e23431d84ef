//! Passwords that Windows keeps for the machine, for accounts that nobody can log on as, such as a group managed service
//! account: nobody can fill their Credential Manager.
//!
//! Each is a file in `%ProgramData%\jobruns\passwords`, encrypted by DPAPI with the machine's key. The encryption protects
//! copies of the file; on the machine itself, only the file's access list does: the one account, SYSTEM and the
//! administrators.

use super::keyring::{Account, KeyringError};
use crate::model::Secret;

#[cfg(windows)]
pub use self::windows::{find_for_machine, forget_for_machine, keep_for_machine};

#[cfg(not(windows))]
const WHY: &str = "only Windows has a store of the machine";

/// Stores the password of `account` for the machine; the Windows account `reader` may read it.
///
/// # Errors
/// There is no such store on this system.
#[cfg(not(windows))]
pub fn keep_for_machine(_: &Account, _: &Secret, _: &str) -> Result<(), KeyringError> {
    Err(KeyringError::Unavailable(WHY.to_owned()))
}

/// The password of `account` that is stored for the machine, if any.
///
/// # Errors
/// None here.
#[cfg(not(windows))]
pub const fn find_for_machine(_: &Account) -> Result<Option<Secret>, KeyringError> {
    Ok(None)
}

/// Deletes the password of `account` that is stored for the machine; `false` if there was none.
///
/// # Errors
/// There is no such store on this system.
#[cfg(not(windows))]
pub fn forget_for_machine(_: &Account) -> Result<bool, KeyringError> {
    Err(KeyringError::Unavailable(WHY.to_owned()))
}

#[cfg(windows)]
mod windows {
    use std::fmt::Display;
    use std::fs::{self, File};
    use std::io::{ErrorKind, Write};
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use sha2::Digest;
    use windows_dpapi::{Scope, decrypt_data, encrypt_data};
    use zeroize::Zeroizing;

    use super::{Account, KeyringError, Secret};
    use crate::model::hex;

    /// SYSTEM and the administrators as SIDs, since their names differ by language.
    const ADMINISTRATORS: [&str; 2] = ["*S-1-5-18:(F)", "*S-1-5-32-544:(F)"];

    fn failed(doing: &str, why: impl Display) -> KeyringError {
        KeyringError::Unavailable(format!("could not {doing}: {why}"))
    }

    fn file_of(account: &Account) -> Result<PathBuf, KeyringError> {
        let data = std::env::var_os("ProgramData").map(PathBuf::from);
        let data = data
            .filter(|data| data.is_absolute())
            .ok_or_else(|| KeyringError::Unavailable("ProgramData does not name a folder".to_owned()))?;
        let name = hex(&sha2::Sha256::digest(account.to_string().as_bytes()));
        Ok(data
            .join("jobruns")
            .join("passwords")
            .join(format!("{name}.dpapi")))
    }

    /// Stores the password of `account` for the machine; the Windows account `reader` may read it.
    ///
    /// # Errors
    /// If Windows refuses; then nothing is stored.
    pub fn keep_for_machine(account: &Account, password: &Secret, reader: &str) -> Result<(), KeyringError> {
        let path = file_of(account)?;
        let sealed = encrypt_data(
            password.reveal().as_bytes(),
            Scope::Machine,
            Some(account.to_string().as_bytes()),
        )
        .map_err(|error| failed("encrypt the password", error))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| failed("create the folder of the passwords", error))?;
        }
        forget_for_machine(account)?;
        let mut file = File::create_new(&path).map_err(|error| failed("create the file", error))?;
        // Before the file has anything to read.
        let kept = restrict(&path, reader).and_then(|()| {
            file.write_all(&sealed)
                .map_err(|error| failed("write the file", error))
        });
        if kept.is_err() {
            drop(file);
            // What is left contains no password.
            let _ = fs::remove_file(&path);
        }
        kept
    }

    /// Lets `reader` read the file and administrators do anything with it, and nobody else.
    fn restrict(path: &std::path::Path, reader: &str) -> Result<(), KeyringError> {
        let doing = "restrict who may read the file";
        let output = Command::new("icacls")
            .arg(path)
            .args(["/inheritance:r", "/grant:r", &format!("{reader}:(R)")])
            .args(ADMINISTRATORS)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(doing, error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(doing, format!("icacls: {}", said.trim())))
    }

    /// The password of `account` that is stored for the machine, if any.
    ///
    /// # Errors
    /// If this account may not read it, or the file comes from another machine.
    pub fn find_for_machine(account: &Account) -> Result<Option<Secret>, KeyringError> {
        let sealed = match fs::read(file_of(account)?) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read the password that is kept for the machine", error)),
        };
        let bytes = decrypt_data(&sealed, Scope::Machine, Some(account.to_string().as_bytes()))
            .map(Zeroizing::new)
            .map_err(|error| failed("decrypt the password that is kept for the machine", error))?;
        match std::str::from_utf8(&bytes) {
            Ok(password) => Ok(Some(Secret::new(password.to_owned()))),
            Err(_) => Err(KeyringError::NotText(account.clone())),
        }
    }

    /// Deletes the password of `account` that is stored for the machine; `false` if there was none.
    ///
    /// # Errors
    /// If Windows refuses.
    pub fn forget_for_machine(account: &Account) -> Result<bool, KeyringError> {
        match fs::remove_file(file_of(account)?) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("remove the password that is kept for the machine", error)),
        }
    }
}
