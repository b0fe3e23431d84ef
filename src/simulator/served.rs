//! What the simulator serves: a uniform history, or a site.

use super::history::History;
use super::site::Site;

#[derive(Debug, Clone)]
pub(super) enum Served {
    Uniform(History),
    Site(Site),
}

impl Served {
    pub(super) const fn jobs(&self) -> u32 {
        match self {
            Self::Uniform(history) => history.jobs,
            Self::Site(_) => Site::JOBS,
        }
    }

    /// GUID and name of each job.
    pub(super) fn list(&self) -> Vec<(String, String)> {
        (0..self.jobs())
            .map(|job| (self.job_id(job), self.job_name(job)))
            .collect()
    }

    pub(super) fn job_id(&self, job: u32) -> String {
        match self {
            Self::Uniform(history) => history.job_id(job),
            Self::Site(site) => site.job_id(job),
        }
    }

    pub(super) fn job_name(&self, job: u32) -> String {
        match self {
            Self::Uniform(history) => history.job_name(job),
            Self::Site(site) => site.job_name(job),
        }
    }

    /// The job with a GUID, in any letter case.
    pub(super) fn job_with_id(&self, id: &str) -> Option<u32> {
        (0..self.jobs()).find(|&job| self.job_id(job).eq_ignore_ascii_case(id))
    }

    /// The runs that are served after this many nights, newest first.
    pub(super) fn runs_served(&self, job: u32, nights: u32) -> Box<dyn DoubleEndedIterator<Item = u32>> {
        match self {
            Self::Uniform(history) => Box::new(history.runs_served(job, nights)),
            Self::Site(site) => Box::new(site.runs_served(job, nights)),
        }
    }

    /// Appends the JSON of a run, with messages if they were asked for.
    pub(super) fn write_run(&self, job: u32, run: u32, nights: u32, messages: bool, out: &mut String) {
        match self {
            Self::Uniform(history) => history.write_run(job, run, nights, messages, out),
            Self::Site(site) => site.write_run(job, run, nights, messages, out),
        }
    }

    /// The properties of a job, as `Jobs` and `Jobs/<id>` return them.
    pub(super) fn job_properties(&self, job: u32) -> String {
        format!(
            "{{\"JobID\":\"{}\",\"JobName\":{},\"JobCategory\":\"Collection - Evaluation - Reporting\",\"JobType\":\"Scheduled\",\
             \"JobCreationTime\":\"2019-03-01T08:00:00\",\"JobModifiedTime\":\"2024-03-01T08:00:00\",\"LastRunStatus\":4,\"LastRunDate\":null}}",
            self.job_id(job).to_uppercase(),
            serde_json::Value::from(self.job_name(job)),
        )
    }
}
