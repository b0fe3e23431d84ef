//! The server's purge age, as a flag of the reports that need it.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::model::parse_positive_duration;

// The purge age, where one is given. Not a doc comment, which clap would show in the help of each report.
#[derive(Debug, Clone, Copy, Default, clap::Args, Serialize)]
pub(crate) struct PurgeAgeFlag {
    /// The age at which the server purges runs, such as 90d: it decides which spans are proved complete, also in manifests,
    /// and which runs vanished early [default: learned from the runs that it stopped listing]
    #[arg(long, env = "JOBRUNS_PURGE_AGE", value_name = "DURATION", value_parser = parse_positive_duration)]
    #[serde(
        rename = "purge_age_seconds",
        skip_serializing_if = "Option::is_none",
        serialize_with = "seconds"
    )]
    pub(crate) purge_age: Option<Duration>,
}

fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs()).serialize(serializer)
}

impl PurgeAgeFlag {
    /// Takes the one that is given for all reports, where none is given here.
    pub(crate) fn resolve(&mut self, for_all: Option<Duration>) {
        self.purge_age = self.given(for_all);
    }

    /// The one given here, else the one for all reports.
    pub(crate) fn given(&self, for_all: Option<Duration>) -> Option<Duration> {
        self.purge_age.or(for_all)
    }
}
