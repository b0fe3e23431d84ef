//! Hints for what goes wrong in a sync. They are archived with the error of a job.

use crate::sync::JobProblem;

/// What to do about a problem that ends a job.
pub(crate) fn sync(problem: &JobProblem<'_>) -> Option<String> {
    match problem {
        JobProblem::Client(error) => super::ccs(error),
        JobProblem::OtherServer { job, before, now } => Some(format!(
            "If the job has moved: `jobruns jobs move {job} --from {before} --to {now}`"
        )),
        JobProblem::NoServer {
            job,
            before: Some(before),
        } => Some(format!(
            "Add a [[server]] entry for it, or, if the job has moved: `jobruns jobs move {job} --from {before} --to URL`"
        )),
        JobProblem::NoServer { job, before: None } => Some(format!(
            "List it in the jobs of its [[server]] entry, or ask one server: `jobruns sync {job} --server NAME`"
        )),
    }
}

/// What to do where runs were read by older rules of a zone than there are now.
pub(crate) const NEWER_RULES: &str = "`jobruns reindex` reads them again by the new rules.";

/// What to do where no job is named and none watched.
pub(crate) fn no_job() -> String {
    "name jobs by their GUID, list them in a file (--jobs-file), or watch them: `jobruns jobs add ID`; \
     `jobruns jobs discover` shows what the server has."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_moved_has_a_command_to_paste() {
        let problem = JobProblem::OtherServer {
            job: crate::model::Guid::from_bytes([1; 16]),
            before: "https://one",
            now: "https://two",
        };
        assert_eq!(
            sync(&problem).unwrap(),
            "If the job has moved: `jobruns jobs move 01010101-0101-0101-0101-010101010101 --from https://one --to https://two`"
        );
    }
}
