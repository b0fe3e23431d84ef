//! From settings to a client of the server: certificates, password, URL.

use std::fs;
use std::time::Duration;

use crate::ccs::{self, Client, Trust, roots_from_pem};
use crate::cli::credentials;
use crate::cli::failure::Failure;
use crate::config::{ConfigError, PasswordOrigin, ServerSettings, Sources, TrustChoice};
use crate::model::Secret;

/// How long connecting may take; a server that is there answers a connection in far less, even over a bad line.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// A client with these settings; the password is found, nothing is asked of the server yet.
pub(crate) fn client(settings: &ServerSettings, sources: &Sources<'_>) -> Result<Client, Failure> {
    let url = settings.server.url()?;
    settings.login.username()?;
    let choice = settings.trust(sources)?;
    // Before the password: no need to type one for a URL that cannot be used.
    ccs::check_base_url(url, &trust(&choice)?)?;
    if choice == TrustChoice::Insecure {
        tracing::warn!(
            "--insecure: the server's certificate is not checked; anybody in between can read the password and \
             change the history. `jobruns trust` shows what to pin instead"
        );
    }
    let (password, origin) = credentials::password(&settings.login, url, sources)?;
    client_with(settings, &choice, password, &origin)
}

/// The same with a password that was found, and where.
///
/// # Errors
/// Wrong usage: the URL, the certificate file.
pub(crate) fn client_with(
    settings: &ServerSettings,
    choice: &TrustChoice,
    password: Secret,
    origin: &PasswordOrigin,
) -> Result<Client, Failure> {
    let client = Client::new(&ccs::Settings {
        base_url: settings.server.url()?.to_owned(),
        username: settings.login.username()?.to_owned(),
        password,
        password_origin: Some(origin.to_string()),
        password_encoding: settings.password_encoding,
        trust: trust(choice)?,
        connect_timeout: settings.server.timeout.min(CONNECT_TIMEOUT),
        idle_timeout: settings.server.timeout,
        rate_limit: settings.rate_limit,
    })?;
    Ok(client)
}

fn trust(choice: &TrustChoice) -> Result<Trust, Failure> {
    Ok(match choice {
        TrustChoice::System => Trust::System,
        TrustChoice::CaCert(path) => {
            let what = "certificate file";
            let pem = fs::read(path).map_err(|source| ConfigError::Read {
                what,
                path: path.clone(),
                source,
            })?;
            Trust::Roots(
                roots_from_pem(&pem)
                    .map_err(|error| Failure::from(error).about(&format!("{}: ", path.display())))?,
            )
        }
        TrustChoice::Pin(sha256) => Trust::Pin(*sha256),
        TrustChoice::Insecure => Trust::Insecure,
    })
}
