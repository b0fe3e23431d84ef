//! Appending to the list of heads, for the commands that do.

use std::error::Error;
use std::path::Path;

use super::failure::Exit;
use crate::archive::{HeadToPublish, Publication, PublishError, ReadOnly, publish_head};
use crate::model::hex;

/// Appends the head of what has just ended (`done` names it) to the list; what could not be appended is told.
pub(super) fn publish(list: &Path, archive: &Path, published: &HeadToPublish, done: &str) -> Exit {
    let result = ReadOnly::open(archive)
        .map_err(PublishError::from)
        .and_then(|reader| publish_head(list, &reader, published));
    let (why, hint) = match result {
        Ok(Publication::Appended) => return Exit::Done,
        Ok(Publication::Refused(why)) => (
            why,
            "check with `jobruns verify --head-file` which archive this is; of a restored backup, `jobruns ledger acknowledge` gives up the heads that it cannot hold."
                .to_owned(),
        ),
        Err(error) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            (format!("{error} ({cause})"), error.hint())
        }
    };
    let head = hex(&published.head);
    tracing::error!(
        head,
        "the head of {done} was not published in {}: {why}. Hint: {hint} The archive itself is written; note the head by hand, \
         or let the next sync publish its own, which covers this one: {head}",
        list.display()
    );
    Exit::Findings
}
