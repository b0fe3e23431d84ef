//! The texts of errors that end a job.

use super::servers::NoServer;
use crate::ccs::CcsError;
use crate::ccs::retry::{Policy, is_unanswered};
use crate::model::{Guid, show_duration};
use crate::text::chain;

/// A problem that ends a job, and that a person may be able to fix.
#[derive(Debug)]
pub enum JobProblem<'p> {
    /// The request failed.
    Client(&'p CcsError),
    /// The server that answered is not the one that has listed the job's runs so far.
    OtherServer {
        job: Guid,
        /// The base URL of the server that has listed its runs so far.
        before: &'p str,
        /// The base URL of the server that answered.
        now: &'p str,
    },
    /// None of several servers is known to have the job.
    NoServer {
        job: Guid,
        /// The base URL of the server that listed its runs last, which is not configured.
        before: Option<&'p str>,
    },
}

/// Says what to do about a problem; `None` if its text is enough.
pub type HintOf = fn(&JobProblem<'_>) -> Option<String>;

/// An error of the client after the last try that `policy` allows, and what to do about it.
pub(super) fn of_client(error: &CcsError, policy: &Policy, hint: HintOf) -> String {
    let mut text = chain(error);
    if is_unanswered(error) && policy.waits_for_server() {
        text.push_str(&format!(" (tried again for {})", show_duration(policy.retry_for)));
    }
    sentence_with(text, hint(&JobProblem::Client(error)))
}

/// A job that none of several servers was asked for.
pub(super) fn of_unassigned(job: Guid, why: &NoServer, hint: HintOf) -> String {
    let (text, before) = match why {
        NoServer::NotConfigured(before) => (
            format!("{before} listed its runs before, and is not one of the configured servers"),
            Some(before.as_str()),
        ),
        NoServer::NoneKnown => (
            "no server is known to have it: none of the servers that answered lists it".to_owned(),
            None,
        ),
    };
    sentence_with(text, hint(&JobProblem::NoServer { job, before }))
}

/// A text, followed by the hint as a sentence of its own.
pub(super) fn sentence_with(text: String, hint: Option<String>) -> String {
    match hint {
        // The text of a server may end with a period already.
        Some(hint) => format!(
            "{}. {}{}",
            text.trim_end_matches('.'),
            hint[..1].to_uppercase(),
            &hint[1..]
        ),
        None => text,
    }
}
