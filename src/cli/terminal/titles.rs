//! What jobs are called in tables and messages.

use std::collections::HashMap;

use crate::archive::JobRow;

/// The most jobs that a message names.
const NAMED_JOBS: usize = 3;

/// Digits of a job's GUID that tell two jobs of one name apart.
const SHORT_ID: usize = 8;

/// A job that is to be called something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TitledJob<'j> {
    pub(crate) id: &'j str,
    pub(crate) name: Option<&'j str>,
    /// Base URL of its server.
    pub(crate) server: Option<&'j str>,
}

impl<'j> TitledJob<'j> {
    pub(crate) fn of(job: &'j JobRow) -> Self {
        Self {
            id: &job.job_id,
            name: job.name.as_deref(),
            server: job.server.as_deref(),
        }
    }

    /// What it is called beside others of its name: with its server, or with the beginning of its GUID where one of them
    /// has the same server.
    pub(crate) fn beside<'o>(self, mut others: impl Iterator<Item = Option<&'o str>>) -> String {
        let name = self.name.unwrap_or(self.id);
        match self.server {
            Some(server) if !others.any(|other| other.is_none_or(|other| other == server)) => {
                let host = server.split_once("://").map_or(server, |(_, host)| host);
                format!("{name} ({host})")
            }
            _ => format!("{name} ({})", self.id.get(..SHORT_ID).unwrap_or(self.id)),
        }
    }
}

/// What each job is called: its name, told apart where another job has the same name; the GUID of a job without a name.
pub(crate) fn titles<'j>(jobs: impl Iterator<Item = TitledJob<'j>> + Clone) -> Vec<String> {
    let mut bearers: HashMap<&str, Vec<TitledJob<'_>>> = HashMap::new();
    for job in jobs.clone() {
        if let Some(name) = job.name {
            bearers.entry(name).or_default().push(job);
        }
    }
    jobs.map(|job| match job.name {
        Some(name) if bearers[name].len() > 1 => {
            let others = bearers[name].iter().filter(|other| other.id != job.id);
            job.beside(others.map(|other| other.server))
        }
        Some(name) => name.to_owned(),
        None => job.id.to_owned(),
    })
    .collect()
}

/// The jobs of a message: the title of one, "20 jobs (A, B, C and 17 more)" of several.
pub(crate) fn list_of_jobs(titles: &[&str]) -> String {
    let (named, more) = titles.split_at(titles.len().min(NAMED_JOBS));
    let count = titles.len();
    match (titles, more.len()) {
        ([title], _) => (*title).to_owned(),
        (_, 0) => format!("{count} jobs ({})", named.join(", ")),
        (_, more) => format!("{count} jobs ({} and {more} more)", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_jobs_of_one_name_are_told_apart() {
        let called = |servers: [&'static str; 2]| {
            let jobs = [
                ("aaaaaaaa-1", Some("Nightly"), Some(servers[0])),
                ("bbbbbbbb-2", Some("Weekly"), Some(servers[0])),
                ("cccccccc-3", Some("Nightly"), Some(servers[1])),
                ("dddddddd-4", None, None),
            ];
            titles(
                jobs.into_iter()
                    .map(|(id, name, server)| TitledJob { id, name, server }),
            )
        };
        assert_eq!(
            called(["https://a:1", "https://a:1"]),
            ["Nightly (aaaaaaaa)", "Weekly", "Nightly (cccccccc)", "dddddddd-4"]
        );
        assert_eq!(
            called(["https://a:1", "https://b:1"]),
            ["Nightly (a:1)", "Weekly", "Nightly (b:1)", "dddddddd-4"]
        );
    }

    #[test]
    fn a_message_names_some_of_many_jobs() {
        assert_eq!(list_of_jobs(&["A"]), "A");
        assert_eq!(list_of_jobs(&["A", "B", "C"]), "3 jobs (A, B, C)");
        assert_eq!(
            list_of_jobs(&["A", "B", "C", "D", "E"]),
            "5 jobs (A, B, C and 2 more)"
        );
    }
}
