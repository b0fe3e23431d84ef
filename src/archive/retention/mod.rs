//! Removal by a retention rule: a plan of what is old enough, and exactly that plan done.

mod age;
mod clearing;
mod dictionaries;
mod plan;
mod removal;

pub use age::RetentionAge;
pub use plan::{PlannedJob, RetentionPlan, RetentionRule};
pub use removal::{Removal, retain};
