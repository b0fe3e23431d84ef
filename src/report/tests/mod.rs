//! What the reports say of archives whose content the test wrote.

mod asset_errors;
mod compare;
mod failure_trends;
mod golden;
mod history;
mod html;
mod options;
mod overview;
mod query;
mod recount;
mod rows;
