//! The zone of times that say none.

use std::fmt;
use std::str::FromStr;

use super::zone::{Zone, ZoneName};

/// The zone in which a time without offset is read (`--naive-time`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NaiveZone {
    /// The API's own sample only makes sense so.
    #[default]
    Utc,
    /// An IANA zone. A local time that occurs twice is the earlier one; one that never occurs takes the
    /// offset before the jump.
    Iana(Zone),
}

/// The text names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time zone (expected `utc` or an IANA name such as Europe/Berlin)")]
pub struct UnknownZone(pub String);

impl FromStr for NaiveZone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        if text.eq_ignore_ascii_case("utc") {
            return Ok(Self::Utc);
        }
        Zone::newest(text)
            .map(Self::Iana)
            .ok_or_else(|| UnknownZone(text.to_owned()))
    }
}

impl NaiveZone {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> ZoneName {
        match self {
            Self::Utc => ZoneName::UTC,
            Self::Iana(zone) => zone.name().parse().expect("a zone is made by its name"),
        }
    }

    /// The rules; none for UTC.
    #[must_use]
    pub const fn rules(self) -> Option<Zone> {
        match self {
            Self::Utc => None,
            Self::Iana(zone) => Some(zone),
        }
    }
}

impl fmt::Display for NaiveZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utc => f.write_str("utc"),
            Self::Iana(zone) => f.write_str(zone.name()),
        }
    }
}
