//! Pages: a report as one HTML file that asks nobody for anything.
//!
//! A page has a policy that lets nothing run but the script that is named by its hash, nothing style it but its own style
//! sheet, and nothing be loaded at all; foreign text is escaped before that. Without the script it is a page with plain tables.

mod cells;
mod picture;
mod pictures;
mod shell;
mod table;

pub(super) use cells::{asset_title, time_in as wall_clock};
pub use picture::{Drawn, JobGap, Picture, picture_of};
pub(super) use pictures::failure_trends::KINDS;
pub use shell::{Sentence, age_of, fact_list, lead, page, policy};
pub use table::{PageTable, ROWS_SHOWN};
