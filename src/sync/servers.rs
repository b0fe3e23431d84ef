//! The servers of a sync, and which of them each job is asked of.

use std::collections::HashMap;

use crate::ccs::Client;
use crate::model::Guid;

/// A list of watched jobs: a jobs file, or the jobs of a `[[server]]` entry.
#[derive(Debug, Clone)]
pub struct JobList {
    /// The absolute path of the file, followed by `#` and the name of the entry if it is one. Tells lists apart.
    pub path: String,
    /// Its jobs, with the names that it gives.
    pub jobs: Vec<(Guid, Option<String>)>,
}

/// A server that is asked.
#[derive(Debug, Clone)]
pub struct Server {
    pub client: Client,
    /// Lists of jobs that are watched at this server.
    pub job_lists: Vec<JobList>,
    /// Whether to watch every job that the server has, except those that a person has stopped watching.
    pub watch_all: bool,
}

/// A configured server that this sync leaves aside.
#[derive(Debug, Clone)]
pub struct OtherServer {
    pub url: String,
    /// The jobs that the configuration lists as its own.
    pub jobs: Vec<Guid>,
}

/// The servers of a sync.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    /// Those that are asked, each for its own jobs.
    pub asked: Vec<Server>,
    /// Configured servers whose jobs are left aside.
    pub others: Vec<OtherServer>,
    /// Whether a person chose the one server that is asked: then it is asked for the named jobs, whichever server had them.
    pub is_chosen: bool,
}

/// Which server each job is asked of.
#[derive(Debug, Default)]
pub(super) struct Assigned {
    /// The jobs of each server, in the order of [`Servers::asked`].
    pub(super) of_server: Vec<Vec<Guid>>,
    /// Jobs that no server is asked for.
    pub(super) unassigned: Vec<(Guid, NoServer)>,
}

/// Why no server is asked for a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoServer {
    /// No server is known to have it. A server that lists it is asked for it.
    NoneKnown,
    /// The server that listed its runs last, given by its base URL, is not configured.
    NotConfigured(String),
}

impl Assigned {
    pub(super) fn len(&self) -> usize {
        let of_server: usize = self.of_server.iter().map(Vec::len).sum();
        of_server + self.unassigned.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Client> for Servers {
    /// One server that is asked for every job.
    fn from(client: Client) -> Self {
        Self {
            asked: vec![Server {
                client,
                job_lists: Vec::new(),
                watch_all: false,
            }],
            ..Self::default()
        }
    }
}

impl Servers {
    /// The lists of watched jobs of all servers that are asked.
    pub(super) fn job_lists(&self) -> impl Iterator<Item = &JobList> {
        self.asked.iter().flat_map(|server| &server.job_lists)
    }

    /// Assigns each job to a server. A single server is asked for every job. Of several, a job belongs to the one whose list
    /// in the configuration has it, else to the one that listed its runs last (`server_of`).
    pub(super) fn assign(&self, jobs: &[Guid], server_of: &HashMap<Guid, String>) -> Assigned {
        let mut assigned = Assigned {
            of_server: vec![Vec::new(); self.asked.len()],
            ..Assigned::default()
        };
        let is_only = self.asked.len() == 1 && (self.others.is_empty() || self.is_chosen);
        for &job in jobs {
            let lists = |list: &JobList| list.jobs.iter().any(|(id, _)| *id == job);
            let by_list = |server: &Server| server.job_lists.iter().any(lists);
            let url = server_of.get(&job);
            if is_only {
                assigned.of_server[0].push(job);
            } else if let Some(place) = self.asked.iter().position(by_list) {
                assigned.of_server[place].push(job);
            } else if self.others.iter().any(|other| other.jobs.contains(&job)) {
                // Belongs to a server that this sync leaves aside.
            } else if let Some(url) = url {
                match self
                    .asked
                    .iter()
                    .position(|server| server.client.base_url() == url)
                {
                    Some(place) => assigned.of_server[place].push(job),
                    None if self.others.iter().any(|other| other.url == *url) => {}
                    None => assigned
                        .unassigned
                        .push((job, NoServer::NotConfigured(url.clone()))),
                }
            } else {
                assigned.unassigned.push((job, NoServer::NoneKnown));
            }
        }
        assigned
    }
}
