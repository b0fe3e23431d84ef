//! `jobruns password`: the operating system's store of passwords.

use crate::cli::credentials;
use crate::cli::failure::{Exit, Failure};
use crate::cli::servers::{self, ServerChoice};
use crate::config::{
    Account, HOW_LONG, Keyring, LoginSettings, Sources, UrlSettings, forget_for_machine, keep_for_machine,
};

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
    action: PasswordAction,
}

#[derive(Debug, clap::Subcommand)]
enum PasswordAction {
    /// Stores a user's password for a server, for later syncs; asks for it on a terminal
    Set(SetArgs),
    /// Removes a user's password for a server
    Forget(WhoseArgs),
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// The account that may read what --machine keeps, such as CORP\gmsa-jobruns$
    #[arg(long, value_name = "NAME", requires = "machine")]
    account: Option<String>,

    #[command(flatten)]
    whose: WhoseArgs,
}

#[derive(Debug, clap::Args)]
struct WhoseArgs {
    #[command(flatten)]
    server: UrlSettings,

    #[command(flatten)]
    login: LoginSettings,

    #[command(flatten)]
    choice: ServerChoice,

    /// On Windows: for the machine instead of the current account's Credential Manager, encrypted by DPAPI; for accounts that
    /// nobody can log on as
    #[arg(long)]
    machine: bool,
}

pub(crate) fn run(args: &PasswordArgs, sources: &Sources<'_>) -> Result<Exit, Failure> {
    let (PasswordAction::Set(SetArgs { whose, .. }) | PasswordAction::Forget(whose)) = &args.action;
    let entry = servers::chosen_entry(&whose.choice, sources)?.map(|mut entry| {
        servers::take_password(&mut entry, &whose.login, sources);
        entry
    });
    let (server, login, sources) = match &entry {
        Some(entry) => (&entry.settings.server, &entry.settings.login, &entry.sources),
        None => (&whose.server, &whose.login, sources),
    };
    let account = credentials::account(login, server.url()?)?;
    match &args.action {
        PasswordAction::Set(args) => set(args, &account, login, sources)?,
        PasswordAction::Forget(whose) => forget(whose, &account)?,
    }
    Ok(Exit::Done)
}

fn set(
    args: &SetArgs,
    account: &Account,
    login: &LoginSettings,
    sources: &Sources<'_>,
) -> Result<(), Failure> {
    if args.whose.machine {
        let Some(reader) = &args.account else {
            let message = "--machine needs the account that may read the password";
            return Err(
                Failure::new(Exit::WrongUsage, message).with_hint("give it by --account DOMAIN\\NAME.")
            );
        };
        let password = credentials::new_password(login, sources, account)?;
        keep_for_machine(account, &password, reader)?;
        tracing::info!(
            "the password of {account} is kept on this machine; {reader} and administrators may read it"
        );
        return Ok(());
    }
    let keyring = Keyring::open()?;
    // The store is not a source here: what it holds is to be replaced.
    let password = credentials::new_password(login, sources, account)?;
    keyring.keep(account, &password)?;
    tracing::info!("the password of {account} is kept. {HOW_LONG}");
    Ok(())
}

fn forget(whose: &WhoseArgs, account: &Account) -> Result<(), Failure> {
    let (was_there, store) = if whose.machine {
        (forget_for_machine(account)?, "the machine's store")
    } else {
        (Keyring::open()?.forget(account)?, "the system's store")
    };
    if !was_there {
        let message = format!("{store} has no password of {account}");
        return Err(Failure::new(Exit::NotDone, message));
    }
    tracing::info!("the password of {account} is forgotten");
    Ok(())
}
