//! Appending to the list of heads, for the commands that do.

use std::error::Error;
use std::path::Path;

use super::failure::Exit;
use crate::archive::{HeadToLodge, LodgeError, Lodging, Reader, lodge_head};
use crate::model::hex;

/// Appends the head of what has just ended (`done` names it) to the list; what could not be appended is told.
pub(super) fn lodge(list: &Path, archive: &Path, lodged: &HeadToLodge, done: &str) -> Exit {
    let result = Reader::open(archive)
        .map_err(LodgeError::from)
        .and_then(|reader| lodge_head(list, &reader, lodged));
    let (why, hint) = match result {
        Ok(Lodging::Lodged) => return Exit::Done,
        Ok(Lodging::Refused(why)) => (
            why,
            "check with `jobruns verify --head-file` which archive this is; of a restored backup, `jobruns ledger acknowledge` gives up the heads that it cannot hold."
                .to_owned(),
        ),
        Err(error) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            (format!("{error} ({cause})"), error.hint())
        }
    };
    let head = hex(&lodged.head);
    tracing::error!(
        head,
        "the head of {done} was not lodged in {}: {why}. Hint: {hint} The archive itself is written; note the head by hand, \
         or let the next sync lodge its own, which covers this one: {head}",
        list.display()
    );
    Exit::Findings
}
