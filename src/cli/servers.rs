//! The server that a command contacts, or the servers: that of the settings, or those of the `[[server]]` entries.

use clap::Parser;

use crate::ccs::{self, Client};
use crate::cli::client::client;
use crate::cli::entries;
use crate::cli::failure::{Exit, Failure};
use crate::config::{Choice, LoginSettings, Origin, ServerEntry, ServerSettings, Sources};

/// Chooses one of the servers of the config file.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerChoice {
    /// The server to contact, by the name of its [[server]] entry in the config file
    #[arg(long = "server", value_name = "NAME")]
    name: Option<String>,
}

impl ServerChoice {
    /// Whether one was chosen.
    pub(crate) const fn is_made(&self) -> bool {
        self.name.is_some()
    }
}

/// The arguments of an entry.
#[derive(Debug, Parser)]
#[command(name = "server", no_binary_name = true, disable_help_flag = true)]
struct ServerEntryArgs {
    #[command(flatten)]
    server: ServerSettings,
}

/// A server with its settings.
pub(crate) struct ChosenServer<'s> {
    /// Its entry, where the config file has entries.
    pub(crate) entry: Option<&'s ServerEntry>,
    pub(crate) settings: ServerSettings,
    pub(crate) sources: Sources<'s>,
}

impl ChosenServer<'_> {
    /// A client of it.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        client(&self.settings, &self.sources).map_err(|failure| match self.entry {
            Some(entry) => failure.about(&format!("server {:?}: ", entry.name)),
            None => failure,
        })
    }

    /// The values that are set for its entry, each with its origin.
    pub(crate) fn own_choices(&self) -> Vec<String> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        let set = self
            .sources
            .choices()
            .iter()
            .filter(|choice| choice.origin != Origin::Default);
        set.map(|choice| {
            let origin = match choice.origin {
                // The keys of an entry are read as the flags of the command line.
                Origin::Flag(_) if entry.arguments.iter().any(|given| is_of(given, &choice.key)) => {
                    place(entry, &self.sources)
                }
                _ => choice.origin.to_string(),
            };
            format!("{} = {} ({origin})", choice.key, choice.value)
        })
        .collect()
    }

    /// What people call it, where it has a name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.entry.map(|entry| entry.name.as_str())
    }
}

/// The servers of a command.
pub(crate) struct ChosenServers<'s> {
    /// Those that are contacted.
    pub(crate) requested: Vec<ChosenServer<'s>>,
    /// The others, with their base URLs.
    pub(crate) others: Vec<(String, &'s ServerEntry)>,
}

/// The servers that `choice` and settings name. Where the config file has entries, a URL of the command line or the
/// environment is another server's, if `may_be_other`.
///
/// # Errors
/// Wrong usage: there is no such entry; an entry cannot be read; flags of one server stand beside entries.
pub(crate) fn chosen<'s>(
    choice: &ServerChoice,
    settings: &ServerSettings,
    sources: &'s Sources<'_>,
    may_be_other: bool,
) -> Result<ChosenServers<'s>, Failure> {
    let Some(mut servers) = of_entries(choice, sources, may_be_other)? else {
        return Ok(ChosenServers {
            requested: vec![ChosenServer {
                entry: None,
                settings: settings.clone(),
                sources: sources.with_choices(sources.choices().to_vec()),
            }],
            others: Vec::new(),
        });
    };
    let is_flag = |key| matches!(sources.origin(key), Origin::Flag(_));
    for server in &mut servers.requested {
        let own = &mut server.settings;
        if is_flag("timeout") {
            own.server.timeout = settings.server.timeout;
        }
        if is_flag("rate_limit") {
            own.rate_limit = settings.rate_limit;
        }
        if is_flag("password_encoding") {
            own.password_encoding = settings.password_encoding;
        }
    }
    match servers.requested.as_mut_slice() {
        [only] => take_password(only, &settings.login, sources),
        _ if settings.login.password_stdin || is_flag("password_file") => {
            let message =
                "a password that is given on the command line is one server's, and there are several";
            return Err(Failure::new(Exit::WrongUsage, message).with_hint(known(sources)));
        }
        _ => {}
    }
    Ok(servers)
}

/// The one server of the entries that `choice` names; `None` where the settings themselves say which.
pub(crate) fn chosen_entry<'s>(
    choice: &ServerChoice,
    sources: &'s Sources<'_>,
) -> Result<Option<ChosenServer<'s>>, Failure> {
    let Some(mut servers) = of_entries(choice, sources, true)? else {
        return Ok(None);
    };
    match (servers.requested.pop(), servers.requested.len()) {
        (Some(only), 0) => Ok(Some(only)),
        _ => {
            let message = "the config file has several servers, and this command takes one";
            Err(Failure::new(Exit::WrongUsage, message).with_hint(known(sources)))
        }
    }
}

/// The servers of the entries, those that `choice` names; `None` where there are none, or where the settings say which.
fn of_entries<'s>(
    choice: &ServerChoice,
    sources: &'s Sources<'_>,
    may_be_other: bool,
) -> Result<Option<ChosenServers<'s>>, Failure> {
    let entries = entries_of(sources);
    if entries.is_empty() {
        return match &choice.name {
            None => Ok(None),
            Some(name) => {
                let message = format!("there is no server {name:?}: the config file has no [[server]] entry");
                Err(Failure::new(Exit::WrongUsage, message))
            }
        };
    }
    let is_url_given = matches!(sources.origin("url"), Origin::Flag(_) | Origin::Variable(_));
    if may_be_other && is_url_given && choice.name.is_none() {
        return Ok(None);
    }
    refuse_flags_of_one_server(sources)?;
    let mut servers = ChosenServers {
        requested: Vec::new(),
        others: Vec::new(),
    };
    for (entry, url) in entries.iter().zip(base_urls(entries, sources)?) {
        if choice.name.as_ref().is_none_or(|name| *name == entry.name) {
            servers.requested.push(read(entry, sources)?);
        } else {
            servers.others.push((url, entry));
        }
    }
    if servers.requested.is_empty() {
        let name = choice.name.as_deref().unwrap_or_default();
        let message = format!("there is no server {name:?} in the config file");
        return Err(Failure::new(Exit::WrongUsage, message).with_hint(known(sources)));
    }
    Ok(Some(servers))
}

fn entries_of<'s>(sources: &'s Sources<'_>) -> &'s [ServerEntry] {
    sources.file().map_or(&[], |file| file.servers())
}

fn known(sources: &Sources<'_>) -> String {
    let names: Vec<&str> = entries_of(sources)
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    format!("choose one by --server NAME: {}.", names.join(", "))
}

/// Settings that only a server's entry may have: a flag would not say for which server it is meant.
const IN_ENTRY: [&str; 5] = ["url", "username", "ca_cert", "pin", "insecure"];

fn refuse_flags_of_one_server(sources: &Sources<'_>) -> Result<(), Failure> {
    let given = IN_ENTRY.into_iter().map(|key| (key, sources.origin(key)));
    let mut given = given.filter(|(key, origin)| {
        matches!(origin, Origin::Flag(_)) || *key == "url" && matches!(origin, Origin::Variable(_))
    });
    match given.next() {
        None => Ok(()),
        Some((key, origin)) => {
            let message = format!(
                "{origin}: the config file has [[server]] entries, where each server has its own {key}"
            );
            Err(Failure::new(Exit::WrongUsage, message).with_hint(
                "leave it out and choose a server by --server NAME, or name another config file by --config.",
            ))
        }
    }
}

/// The base URLs of the entries, as the archive has them.
fn base_urls(entries: &[ServerEntry], sources: &Sources<'_>) -> Result<Vec<String>, Failure> {
    let mut urls: Vec<String> = Vec::new();
    for entry in entries {
        let place = place(entry, sources);
        let url = ccs::plain_base_url(&entry.url)
            .map_err(|error| Failure::from(error).about(&format!("{place}: ")))?;
        if let Some(before) = urls.iter().position(|known| *known == url) {
            let message = format!(
                "{place}: {:?} has the url of {:?}",
                entry.name, entries[before].name
            );
            return Err(Failure::new(Exit::WrongUsage, message).with_hint(
                "one entry per server; its jobs, jobs_file and watch say which jobs are watched.",
            ));
        }
        urls.push(url);
    }
    Ok(urls)
}

fn place(entry: &ServerEntry, sources: &Sources<'_>) -> String {
    let path = sources
        .file()
        .map_or_else(String::new, |file| file.path().display().to_string());
    format!("{path}:{}: [[server]]", entry.line)
}

fn read<'s>(entry: &'s ServerEntry, sources: &'s Sources<'_>) -> Result<ChosenServer<'s>, Failure> {
    let about = format!("{}: ", place(entry, sources));
    let (parsed, choices) = entries::parse::<ServerEntryArgs>(&entry.arguments, sources)?
        .map_err(|message| Failure::new(Exit::WrongUsage, format!("{about}{message}")))?;
    let sources = sources.with_choices(choices);
    let trust = parsed.server.trust(&sources);
    trust.map_err(|error| Failure::from(error).about(&about))?;
    let server = ChosenServer {
        entry: Some(entry),
        settings: parsed.server,
        sources,
    };
    for choice in server.own_choices() {
        tracing::debug!("server {:?}: {choice}", entry.name);
    }
    Ok(server)
}

/// Whether an argument of an entry gives the setting `key`.
fn is_of(argument: &str, key: &str) -> bool {
    let name = argument
        .trim_start_matches('-')
        .split('=')
        .next()
        .unwrap_or_default();
    name.replace('-', "_") == key
}

/// Has the server take the password that is given on the command line, if one is.
pub(crate) fn take_password<'s>(
    server: &mut ChosenServer<'s>,
    given: &LoginSettings,
    sources: &'s Sources<'_>,
) {
    let login = &mut server.settings.login;
    if given.password_stdin {
        login.password_stdin = true;
        login.password_file = None;
    } else if matches!(sources.origin("password_file"), Origin::Flag(_)) {
        login.password_file.clone_from(&given.password_file);
        let is_file = |choice: &&Choice| choice.key == "password_file";
        let own = server.sources.choices().iter().filter(|choice| !is_file(choice));
        let choices = own.chain(sources.choices().iter().filter(is_file));
        server.sources = sources.with_choices(choices.cloned().collect());
    }
}
