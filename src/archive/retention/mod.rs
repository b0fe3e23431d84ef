//! Removal by a retention rule: `plan.rs` lists what is old enough, `removal.rs` carries out exactly that plan.
//!
//! The rule itself, which run is old enough and which a hold keeps, is in `archive/ledger/retention.rs`; the rows of holds and
//! removed runs in `archive/storage/retention.rs`, their queries in `archive/queries/retention.rs`, and their verification in
//! `archive/verify/retention.rs`.

mod age;
mod clearing;
mod dictionaries;
mod plan;
mod removal;

pub use age::RetentionAge;
pub use plan::{PlannedJob, RetentionPlan, RetentionRule};
pub use removal::{Removal, retain};
