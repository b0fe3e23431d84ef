//! Finds the password for a command, and asks for it where a person is there to answer.

use std::io::{self, IsTerminal, Read};

use crate::cli::failure::Failure;
use crate::config::password::VARIABLE;
use crate::config::{
    Account, ConfigError, Keyring, KeyringError, LoginSettings, Origin, PasswordOrigin, PasswordSources,
    Sources, credential_file, find_password,
};
use crate::model::Secret;

/// The password of the user in `login` at the server `url`, and the source that it is from: the first that has one.
///
/// A question is only put where standard input is a terminal. With `-v` the source is shown, never the password.
///
/// # Errors
/// Wrong usage: a source that cannot be read, or none.
pub(crate) fn password(
    login: &LoginSettings,
    url: &str,
    sources: &Sources<'_>,
) -> Result<(Secret, PasswordOrigin), Failure> {
    let account = account(login, url)?;
    find(login, sources, &account, Keyring::open(), true)
}

/// As [`password`], as a task without a terminal finds it: nobody is asked.
pub(crate) fn unattended_password(
    login: &LoginSettings,
    url: &str,
    sources: &Sources<'_>,
) -> Result<(Secret, PasswordOrigin), Failure> {
    let account = account(login, url)?;
    find(login, sources, &account, Keyring::open(), false)
}

/// A password to keep in the operating system's store: as [`password`], with that store left out.
///
/// # Errors
/// Wrong usage: a source that cannot be read, or none.
pub(crate) fn new_password(
    login: &LoginSettings,
    sources: &Sources<'_>,
    account: &Account,
) -> Result<Secret, Failure> {
    find(
        login,
        sources,
        account,
        Err(KeyringError::Unavailable("it is what shall be filled".to_owned())),
        true,
    )
    .map(|(password, _)| password)
}

fn find(
    login: &LoginSettings,
    sources: &Sources<'_>,
    account: &Account,
    keyring: Result<Keyring, KeyringError>,
    may_ask: bool,
) -> Result<(Secret, PasswordOrigin), Failure> {
    let terminal = io::stdin().is_terminal();
    let mut stdin = io::stdin();
    // On a terminal `--password-stdin` is a question, so that the answer is not echoed.
    let by_stdin = login.password_stdin && !terminal;
    let mut ask = |account: &Account| rpassword::prompt_password(format!("Password of {account}: "));
    let file = login.password_file.clone();
    let sources = PasswordSources {
        file: file.map(|path| (path, sources.origin("password_file"))),
        stdin: by_stdin.then_some(&mut stdin as &mut dyn Read),
        variable: std::env::var_os(VARIABLE),
        credential: credential_file(&|name| std::env::var_os(name)),
        keyring,
        prompt: (terminal && may_ask).then_some(&mut ask),
    };
    let (password, origin) = find_password(account, sources)?;
    tracing::debug!("the password of {account} comes from {origin}");
    Ok((password, origin))
}

/// The account that a password belongs to.
///
/// # Errors
/// Wrong usage, where the URL names no host.
pub(crate) fn account(login: &LoginSettings, url: &str) -> Result<Account, Failure> {
    let no_host = || ConfigError::Value {
        origin: Origin::Flag("--url".to_owned()),
        reason: "the URL names no host (expected https://HOST:12431)".to_owned(),
    };
    Ok(Account::new(login.username()?, url).ok_or_else(no_host)?)
}
