//! Errors in words.

use super::servers::NoServer;
use crate::ccs::CcsError;
use crate::ccs::retry::{Policy, is_unanswered};
use crate::model::{Guid, show_duration};
use crate::text::chain;

/// A problem that ends a job, as far as somebody can do something about it.
#[derive(Debug)]
pub enum JobProblem<'p> {
    /// The client's error.
    Client(&'p CcsError),
    /// Another server answered than the one that has listed the job's runs so far.
    OtherServer {
        job: Guid,
        /// The base URL of the server that has listed its runs so far.
        before: &'p str,
        /// The base URL of the server that answered.
        now: &'p str,
    },
    /// Of several servers, none is known to be the job's own.
    NoServer {
        job: Guid,
        /// The base URL of the server that listed its runs last, which is none of them.
        before: Option<&'p str>,
    },
}

/// What to do about a problem; `None` where the problem says it all.
pub type HintOf = fn(&JobProblem<'_>) -> Option<String>;

/// An error of the client that ended the tries of `policy`, and what to do about it.
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
            format!("{before} listed its runs, and is none of the configured servers"),
            Some(before.as_str()),
        ),
        NoServer::NoneKnown => (
            "no server is known to have it: none of the servers that answered lists it".to_owned(),
            None,
        ),
    };
    sentence_with(text, hint(&JobProblem::NoServer { job, before }))
}

/// A text, and what to do about it as a sentence behind it.
pub(super) fn sentence_with(text: String, hint: Option<String>) -> String {
    match hint {
        // A server's words may end as a sentence does.
        Some(hint) => format!(
            "{}. {}{}",
            text.trim_end_matches('.'),
            hint[..1].to_uppercase(),
            &hint[1..]
        ),
        None => text,
    }
}
