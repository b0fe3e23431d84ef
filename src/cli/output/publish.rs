//! Appending to the list of heads, for the commands that do.

use std::error::Error;
use std::path::Path;

use crate::archive::{HeadToPublish, Publication, PublishError, ReadOnly, publish_head};
use crate::cli::failure::Exit;
use crate::cli::hints;
use crate::model::hex;

/// Appends the head of what has just ended (`done` names it) to the list; what could not be appended is told.
pub(crate) fn publish(list: &Path, archive: &Path, published: &HeadToPublish, done: &str) -> Exit {
    let reader = ReadOnly::open(archive);
    let archive_id = reader.as_ref().ok().and_then(|reader| reader.archive_id().ok());
    let result = reader
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
            (format!("{error} ({cause})"), hints::publish(&error))
        }
    };
    let head = hex(&published.head);
    // The head of a later sync seals an act, but only its own line says that it was lawful.
    let remedy = if published.what.bytes().all(|byte| byte.is_ascii_digit()) {
        "The next sync's head covers this one.".to_owned()
    } else {
        let line = published.line(archive_id);
        format!(
            "Until this line stands in the list, `jobruns verify` with the list reports the act as a finding: {line}"
        )
    };
    tracing::error!(
        head,
        "the head of {done} could not be appended to {}: {why}. Hint: {hint} The archive itself is written, with the head {head}. {remedy}",
        list.display()
    );
    Exit::Findings
}
