//! What to do next: the one place that names commands and flags to try. Other modules name the condition by the kind of
//! their error.
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
