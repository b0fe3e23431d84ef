//! The servers of a sync with the jobs that files list as theirs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::archive::JobRow;
use crate::ccs::{self, Client};
use crate::cli::failure::{Exit, Failure};
use crate::cli::servers::{self, ServerChoice};
use crate::config::{
    ConfigFile, JobsFile, ServerEntry, ServerSettings, Sources, SyncSettings, read_jobs_file,
};
use crate::model::Guid;
use crate::sync::{JobList, OtherServer, Server, Servers};

/// Where the jobs of a server are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerLists {
    /// What people call the server, where it has a name.
    name: Option<String>,
    /// The jobs of its entry in the config file.
    of_entry: Option<JobList>,
    jobs_file: Option<PathBuf>,
}

impl ServerLists {
    fn of(entry: &ServerEntry, file: &ConfigFile) -> Self {
        Self {
            name: Some(entry.name.clone()),
            of_entry: Some(JobList {
                path: format!("{}#{}", JobsFile::identity(file.path()), entry.name),
                jobs: entry.jobs.iter().map(|&job| (job, None)).collect(),
            }),
            jobs_file: entry.jobs_file.clone(),
        }
    }

    fn read(&self) -> Result<Vec<JobList>, Failure> {
        let file = self.jobs_file.as_deref().map(read_jobs).transpose()?;
        Ok(self.of_entry.clone().into_iter().chain(file).collect())
    }
}

/// What the entries of the config file list of the jobs of each server; nothing where there are no entries.
///
/// # Errors
/// A file cannot be read; two servers list the same job.
pub(crate) fn listed_by_entries(sources: &Sources<'_>) -> Result<Vec<JobList>, Failure> {
    let Some(file) = sources.file() else {
        return Ok(Vec::new());
    };
    let lists: Vec<ServerLists> = file
        .servers()
        .iter()
        .map(|entry| ServerLists::of(entry, file))
        .collect();
    Ok(read_all(lists.iter())?.into_iter().flatten().collect())
}

/// Which server of the config file each job is asked of.
#[derive(Debug, Default)]
pub(crate) struct JobOwners {
    by_list: HashMap<Guid, String>,
    by_url: HashMap<String, String>,
}

impl JobOwners {
    /// By the entries of the config file.
    ///
    /// # Errors
    /// A file or URL cannot be read; two servers list the same job.
    pub(crate) fn read(sources: &Sources<'_>) -> Result<Self, Failure> {
        let mut owners = Self::default();
        let Some(file) = sources.file() else {
            return Ok(owners);
        };
        let lists: Vec<ServerLists> = file
            .servers()
            .iter()
            .map(|entry| ServerLists::of(entry, file))
            .collect();
        for (entry, files) in file.servers().iter().zip(read_all(lists.iter())?) {
            owners
                .by_url
                .insert(ccs::plain_base_url(&entry.url)?, entry.name.clone());
            for (job, _) in files.into_iter().flat_map(|file| file.jobs) {
                owners.by_list.insert(job, entry.name.clone());
            }
        }
        Ok(owners)
    }

    /// The name of a job's server: of that whose entry lists it, else of that which listed its runs last.
    pub(crate) fn of(&self, job: &JobRow) -> Option<&str> {
        let listed = job.job_id.parse().ok().and_then(|job| self.by_list.get(&job));
        let by_url = || self.by_url.get(job.server.as_deref()?);
        listed.or_else(by_url).map(String::as_str)
    }
}

/// Reads the lists of all servers; no two may list the same job.
fn read_all<'l>(lists: impl Iterator<Item = &'l ServerLists>) -> Result<Vec<Vec<JobList>>, Failure> {
    let mut owners: HashMap<Guid, Option<&str>> = HashMap::new();
    let mut read = Vec::new();
    for list in lists {
        let files = list.read()?;
        let name = list.name.as_deref();
        for (job, _) in files.iter().flat_map(|file| &file.jobs) {
            let owner = *owners.entry(*job).or_insert(name);
            if owner != name {
                let message = format!(
                    "job {job} is listed by the servers {:?} and {:?}",
                    owner.unwrap_or_default(),
                    name.unwrap_or_default()
                );
                return Err(Failure::new(Exit::WrongUsage, message).with_hint(
                    "a job is asked of one server; take it out of the jobs or jobs_file of the other.",
                ));
            }
        }
        read.push(files);
    }
    Ok(read)
}

/// The servers of a sync, whose lists of jobs are read again before each.
#[derive(Debug, Default)]
pub(crate) struct SyncServers {
    requested: Vec<(Client, ServerLists, bool)>,
    others: Vec<(String, ServerLists)>,
    /// Whether one was chosen by its name.
    is_chosen: bool,
    /// A jobs file of settings, whose jobs are those of the only server that is asked.
    jobs_file: Option<PathBuf>,
}

impl From<Client> for SyncServers {
    fn from(client: Client) -> Self {
        Self {
            requested: vec![(client, ServerLists::default(), false)],
            ..Self::default()
        }
    }
}

impl SyncServers {
    /// Those of the settings; passwords are found, nothing is asked of a server yet.
    ///
    /// # Errors
    /// Wrong usage.
    pub(crate) fn of(
        choice: &ServerChoice,
        sync: &SyncSettings,
        server: &ServerSettings,
        jobs_file: Option<&Path>,
        sources: &Sources<'_>,
    ) -> Result<Self, Failure> {
        let chosen = servers::chosen(choice, server, sources, false)?;
        if jobs_file.is_some() && chosen.requested.len() > 1 {
            let message = "a jobs file lists the jobs of one server, and there are several";
            return Err(Failure::new(Exit::WrongUsage, message)
                .with_hint("set jobs_file in the [[server]] entry, or choose a server by --server NAME."));
        }
        let lists = |entry: Option<&ServerEntry>| match (entry, sources.file()) {
            (Some(entry), Some(file)) => ServerLists::of(entry, file),
            _ => ServerLists::default(),
        };
        let mut requested = Vec::new();
        for server in &chosen.requested {
            let watch_all = sync.watches_all(server.entry.and_then(|entry| entry.watches_all));
            requested.push((server.client()?, lists(server.entry), watch_all));
        }
        let others = chosen.others.into_iter();
        let servers = Self {
            requested,
            others: others.map(|(url, entry)| (url, lists(Some(entry)))).collect(),
            is_chosen: choice.is_made(),
            jobs_file: jobs_file.map(Path::to_path_buf),
        };
        // Before the first sync, so that wrong usage is reported as such.
        servers.read(false)?;
        Ok(servers)
    }

    /// Until when the certificate of each server is valid that was connected to, in seconds since 1970 UTC: the earliest.
    pub(crate) fn certificate_expiry(&self) -> Option<i64> {
        let clients = self.requested.iter();
        clients
            .filter_map(|(client, ..)| client.certificate_expiry())
            .min()
    }

    /// The servers with what files list now, and the jobs file of settings.
    ///
    /// # Errors
    /// A file cannot be read; two servers list the same job.
    pub(super) fn read(&self, is_named: bool) -> Result<(Servers, Option<JobList>), Failure> {
        let lists = self.requested.iter().map(|(_, lists, _)| lists);
        let lists = lists.chain(self.others.iter().map(|(_, lists)| lists));
        let mut read = read_all(lists)?.into_iter();
        let mut requested: Vec<Server> = self
            .requested
            .iter()
            .zip(read.by_ref())
            .map(|((client, _, watch_all), job_lists)| Server {
                client: client.clone(),
                job_lists,
                watch_all: *watch_all,
            })
            .collect();
        let others = self.others.iter().zip(read);
        let others = others.map(|((url, _), files)| OtherServer {
            url: url.clone(),
            jobs: files
                .iter()
                .flat_map(|file| &file.jobs)
                .map(|(job, _)| *job)
                .collect(),
        });
        let others = others.collect();
        let mut listed = None;
        if let (Some(path), [only]) = (&self.jobs_file, requested.as_mut_slice()) {
            let file = read_jobs(path)?;
            only.job_lists.push(file.clone());
            listed = Some(file);
        }
        let servers = Servers {
            asked: requested,
            others,
            is_chosen: self.is_chosen && is_named,
        };
        Ok((servers, listed))
    }
}

/// Reads the jobs file, and says which lines name a job again.
pub(crate) fn read_jobs(path: &Path) -> Result<JobList, Failure> {
    let JobsFile { jobs, repeated_lines } = read_jobs_file(path)?;
    for line in repeated_lines {
        tracing::debug!("{}:{line}: a job of an earlier line again", path.display());
    }
    Ok(JobList {
        path: JobsFile::identity(path),
        jobs: jobs.into_iter().map(|job| (job.job_id, job.name)).collect(),
    })
}
