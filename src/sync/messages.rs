//! Errors in words.

use crate::ccs::CcsError;
use crate::ccs::retry::{Policy, is_unanswered};
use crate::model::show_duration;

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let words = source.to_string();
        // SQLite's words come twice, the second time with their code in front.
        let said = text
            .rsplit(": ")
            .next()
            .is_some_and(|last| !last.is_empty() && words.ends_with(last));
        if !said && !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = source.source();
    }
    text
}

/// An error of the client that ended the tries of `policy`, with its way out.
pub(super) fn with_hint(error: &CcsError, policy: &Policy) -> String {
    let mut text = chain(error);
    if is_unanswered(error) && policy.waits_for_server() {
        text.push_str(&format!(" (tried again for {})", show_duration(policy.retry_for)));
    }
    match error.hint() {
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
