//! `jobruns password`: the operating system's store of passwords.

use crate::cli::credentials;
use crate::cli::failure::{Exit, Failure};
use crate::cli::servers::{self, ServerChoice};
use crate::config::{HOW_LONG, Keyring, LoginSettings, Sources, UrlSettings};

/// Stores a password in the operating system's credential store, or removes it
///
/// On Windows the store is the Credential Manager. On Linux it is the kernel's, which forgets when the machine
/// restarts, and which cron and systemd do not see: for scheduled tasks use a password file or a credential of systemd there.
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  jobruns password set --url https://ccs.example:12431 --username "CORP\auditor"
  jobruns password forget --url https://ccs.example:12431 --username "CORP\auditor""#)]
pub(crate) struct PasswordArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Stores a user's password for a server, for later syncs; asks for it on a terminal
    Set(WhoseArgs),
    /// Removes a user's password for a server
    Forget(WhoseArgs),
}

#[derive(Debug, clap::Args)]
struct WhoseArgs {
    #[command(flatten)]
    server: UrlSettings,

    #[command(flatten)]
    login: LoginSettings,

    #[command(flatten)]
    choice: ServerChoice,
}

pub(crate) fn run(args: &PasswordArgs, sources: &Sources<'_>) -> Result<Exit, Failure> {
    let (Action::Set(whose) | Action::Forget(whose)) = &args.action;
    let entry = servers::chosen_entry(&whose.choice, sources)?.map(|mut entry| {
        servers::take_password(&mut entry, &whose.login, sources);
        entry
    });
    let (server, login, sources) = match &entry {
        Some(entry) => (&entry.settings.server, &entry.settings.login, &entry.sources),
        None => (&whose.server, &whose.login, sources),
    };
    let account = credentials::account(login, server.url()?)?;
    let keyring = Keyring::open()?;
    match &args.action {
        Action::Set(_) => {
            // The store is not a source here: what it holds is to be replaced.
            let password = credentials::new_password(login, sources, &account)?;
            keyring.keep(&account, &password)?;
            tracing::info!("the password of {account} is kept. {HOW_LONG}");
        }
        Action::Forget(_) if keyring.forget(&account)? => {
            tracing::info!("the password of {account} is forgotten");
        }
        Action::Forget(_) => {
            let words = format!("the system's store has no password of {account}");
            return Err(Failure::new(Exit::NotDone, words));
        }
    }
    Ok(Exit::Done)
}
