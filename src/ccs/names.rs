//! The names of jobs.
//!
//! The API document does not say where in an answer the properties of a job are, so every object with a `JobID` and a
//! `JobName`, at any depth and in any letter case, counts as a job.

use serde_json::Value;

use super::client::Client;
use super::error::{CcsError, RequestPurpose};
use super::text::mended_json;
use crate::model::Guid;

/// Jobs on a page.
const PAGE_SIZE: u32 = 200;

/// The filter that matches every job: the API document calls `Attributes` mandatory.
const EVERY_JOB: &str = "Attributes=JobName%20Contains%20%27%27&";

/// The most pages that are read; a server that sends more repeats itself for ever.
const MOST_PAGES: u64 = 10_000;

/// The longest page that is read, in bytes: the properties of 200 jobs take a fraction of it.
const LONGEST_PAGE: usize = 64 * 1024 * 1024;

/// A job and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedJob {
    pub job_id: Guid,
    pub name: String,
}

impl Client {
    /// The name of `job`; `None` if the server does not provide it, for whatever reason, which is logged: a sync does not
    /// need names.
    pub async fn job_name(&self, job: Guid) -> Option<String> {
        let doing = RequestPurpose::JobName(job);
        match self.page(doing, &format!("Jobs/{job}")).await {
            Ok(page) => {
                let mut jobs = Vec::new();
                collect(&page, &mut jobs);
                self.only_sayable(jobs)
                    .find(|found| found.job_id == job)
                    .map(|found| found.name)
            }
            Err(error) => {
                tracing::debug!(%error, "no name for the job");
                None
            }
        }
    }

    /// All jobs that the server lists, page by page, in its order, each once.
    ///
    /// # Errors
    /// A page could not be fetched or read.
    pub async fn discover(&self) -> Result<Vec<NamedJob>, CcsError> {
        let mut jobs: Vec<NamedJob> = Vec::new();
        let mut known = std::collections::HashSet::new();
        let mut filter = EVERY_JOB;
        for number in 0..MOST_PAGES {
            let mut page = self.list_page(filter, number).await;
            if number == 0 && page.as_ref().is_err_and(|error| error.http_status() == Some(400)) {
                // A server that does not accept the filter may not need one.
                filter = "";
                page = self.list_page(filter, number).await;
            }
            let page = page?;
            let mut found = Vec::new();
            collect(&page, &mut found);
            let before = jobs.len();
            jobs.extend(self.only_sayable(found).filter(|job| known.insert(job.job_id)));
            // A page without a new job is the end, whatever `TotalPages` says: some servers repeat the last page.
            let last = total_pages(&page).is_some_and(|total| number + 1 >= total);
            if last || jobs.len() == before {
                break;
            }
        }
        Ok(jobs)
    }

    async fn list_page(&self, filter: &str, number: u64) -> Result<Value, CcsError> {
        let path = format!("Jobs?{filter}page={number}&pagesize={PAGE_SIZE}");
        self.page(RequestPurpose::ListJobs, &path).await
    }

    /// Names go into the archive: one that contains a password or a token is left out.
    fn only_sayable(&self, jobs: Vec<NamedJob>) -> impl Iterator<Item = NamedJob> {
        jobs.into_iter().filter(|job| !self.holds_secret(&job.name))
    }

    async fn page(&self, doing: RequestPurpose, path: &str) -> Result<Value, CcsError> {
        let answer = self.get(doing, self.endpoint(path)).await?;
        let url = answer.url().to_owned();
        let bytes = answer.into_bytes(LONGEST_PAGE).await?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        serde_json::from_str(&mended_json(bytes)).map_err(|_| CcsError::Unusable {
            doing,
            url,
            reason: "it is not JSON",
        })
    }
}

/// The value of a field, whatever the letter case of its name; the last one if there are several.
fn field<'value>(object: &'value serde_json::Map<String, Value>, name: &str) -> Option<&'value Value> {
    object
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .next_back()
}

/// Adds every job within `value`. The recursion is bounded, since serde_json reads at most 128 levels.
fn collect(value: &Value, jobs: &mut Vec<NamedJob>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, jobs)),
        Value::Object(object) => {
            let job_id = field(object, "JobID").and_then(Value::as_str);
            let name = field(object, "JobName").and_then(Value::as_str);
            if let (Some(Ok(job_id)), Some(name)) = (job_id.map(str::parse), name)
                && !name.trim().is_empty()
            {
                jobs.push(NamedJob {
                    job_id,
                    name: name.to_owned(),
                });
            }
            object.values().for_each(|item| collect(item, jobs));
        }
        _ => {}
    }
}

/// `TotalPages`, wherever it is.
fn total_pages(value: &Value) -> Option<u64> {
    match value {
        Value::Array(items) => items.iter().find_map(total_pages),
        Value::Object(object) => match field(object, "TotalPages") {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => object.values().find_map(total_pages),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_found_at_any_depth_and_in_any_letter_case() {
        let page: Value = serde_json::from_str(
            r#"{"Result":[{"Job":{"jobid":"{FF761384-4b49-40b4-97d8-0de38669075a}","JOBNAME":"Nightly"}},
                {"JobID":"no guid","JobName":"x"},{"JobID":"a282d163-2248-4904-8135-0eaf08be8e55","JobName":" "},
                {"JobID":"a282d163-2248-4904-8135-0eaf08be8e55","JobName":"Weekly"}],"Paging":{"totalPages":"3"}}"#,
        )
        .unwrap();
        let mut jobs = Vec::new();
        collect(&page, &mut jobs);
        let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["Nightly", "Weekly"]);
        assert_eq!(total_pages(&page), Some(3));
    }
}
