//! What to do next: which command or flag to try after an error of another module, which itself names the condition only.
//! A command's own usage errors carry their hint where they are made.
//!
//! A function per kind of error; `None` where the error says it all.

mod archive;
mod ccs;
mod check;
mod config;
mod report;
mod sync;

pub(crate) use archive::{archive, backup, head_file, held, output, publish, query};
pub(crate) use ccs::ccs;
pub(crate) use check::check;
pub(crate) use config::{config, unread_config_file};
pub(crate) use report::report;
pub(crate) use sync::{NEWER_RULES, no_job, sync};
