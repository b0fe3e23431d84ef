//! Pages: a report as one HTML file that loads nothing from elsewhere.
//!
//! A page has a policy that lets nothing run but the script that is named by its hash, nothing style it but its own style
//! sheet, and nothing be loaded at all; foreign text is escaped before that. Without the script it is a page with plain tables.

pub mod chart;
mod index;
mod layout;
mod overview;
mod page;
mod picture;
mod pictures;
mod run;
mod table;
pub mod text;

pub(crate) use index::index;
pub use layout::{
    PageLayout, Sentence, age_of, fact_list, key_values, lead, made_with, section, simple_table,
};
pub(super) use page::FORMAT as HTML;
pub use page::Html;
pub use picture::DrawnPicture;
pub(crate) use picture::{Document, Present};
pub(super) use pictures::failure_trends::KINDS;
pub(crate) use run::{changed, run_page, sealed_by};
pub use table::PageTable;
#[cfg(test)]
pub(super) use table::ROWS_SHOWN;
