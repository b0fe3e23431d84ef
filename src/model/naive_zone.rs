//! The zone of times without an offset.

use std::fmt;
use std::str::FromStr;

use super::zone::{Zone, ZoneName};

/// The zone that is assumed for times without an offset (`--naive-time`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NaiveZone {
    /// The default: the times in the API document's sample only make sense in UTC.
    #[default]
    Utc,
    /// An IANA zone. A local time that occurs twice is taken as the earlier one; a time that never occurs gets the offset
    /// before the jump.
    Iana(Zone),
}

/// The text is not the name of a time zone.
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
    /// `utc` or the IANA name.
    #[must_use]
    pub fn name(self) -> ZoneName {
        match self {
            Self::Utc => ZoneName::UTC,
            Self::Iana(zone) => zone.name().parse().expect("a zone is made by its name"),
        }
    }

    /// The zone with its rules; `None` for UTC.
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
