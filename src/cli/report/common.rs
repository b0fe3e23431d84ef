//! What every report can be asked, and how its words are read.

use super::super::failure::{Exit, Failure};
use crate::model::{Instant, Zone};
use crate::report::{Common, UnknownTimeZone, read_moment, read_zone};

/// What every report can be asked.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What counts")]
pub(super) struct CommonArgs {
    /// Only what is not before: 2024-03-01 (midnight in the zone), 2024-03-01T06:00:00Z, or 30d, 12w, 6mo, 2y ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only what is before: like --since
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// The zone that decides which day something belongs to (IANA); instants in cells stay UTC
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    timezone: Zone,

    /// Only this job, by GUID or name; may be given several times
    #[arg(long = "job", value_name = "ID|NAME")]
    jobs: Vec<String>,

    /// Messages that their run no longer has count too
    #[arg(long)]
    include_absent: bool,
}

fn zone(text: &str) -> Result<Zone, UnknownTimeZone> {
    read_zone(text)
}

/// The instant that a flag names, where it is given.
pub(super) fn moment(
    flag: &str,
    text: Option<&str>,
    zone: Zone,
    now: Instant,
) -> Result<Option<Instant>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let instant = read_moment(text, zone, now)
        .map_err(|error| Failure::new(Exit::WrongUsage, format!("{flag}: {error}")))?;
    tracing::debug!("{flag} {text} = {instant}");
    Ok(Some(instant))
}

impl CommonArgs {
    pub(super) fn options(&self, now: Instant) -> Result<Common, Failure> {
        Ok(Common {
            since: moment("--since", self.since.as_deref(), self.timezone, now)?,
            until: moment("--until", self.until.as_deref(), self.timezone, now)?,
            zone: self.timezone,
            jobs: self.jobs.clone(),
            include_absent: self.include_absent,
        })
    }
}
