//! Pages: a report as one HTML file that asks nobody for anything.
//!
//! A page has a policy that lets nothing run but the script that is named by its hash, nothing style it but its own style
//! sheet, and nothing be loaded at all; foreign text is escaped before that. Without the script it is a page with plain tables.

mod html;
mod overview;
mod picture;
mod pictures;
mod shell;
mod table;

pub(super) use html::FORMAT as HTML;
pub use html::Html;
pub use picture::Drawn;
pub(crate) use picture::Present;
pub(super) use pictures::failure_trends::KINDS;
pub use shell::{Sentence, age_of, fact_list, lead, page, policy};
pub use table::{PageTable, ROWS_SHOWN};
