//! The domain as types: jobs, runs, messages, statuses, instants.
//!
//! No SQL, no HTTP, no JSON, and no I/O except for the rules of time zones. Every other module may use this one, and it uses
//! none.

mod changes;
mod decimal;
mod duration;
mod fetch;
mod guid;
mod instant;
mod message;
mod message_key;
mod naive_zone;
mod run;
mod secret;
mod status;
mod zone;

pub(crate) use changes::{FieldChange, RUN_FIELDS, RunChanges};
pub(crate) use decimal::Decimal;
pub(crate) use duration::{
    NotADuration, parse_duration, parse_positive_duration, show_duration, show_rounded,
};
pub(crate) use guid::guid_beginning;
pub(crate) use instant::TICKS_PER_SECOND;
pub(crate) use instant::TimeBasis;
pub(crate) use message::{Message, OwnedMessage};
pub(crate) use message_key::MessageKey;
pub(crate) use run::{JobRunParts, MessageParts, TextRange, TextStore, TimeSpan, UnreadableMessage};
pub(crate) use secret::REDACTED;
pub(crate) use status::{JobStatus, STATUS_NAMES};
pub(crate) use zone::ZoneName;
#[cfg(test)]
pub(crate) use zone::named;

// What tests, benches and fuzzing use.
pub use fetch::Fetch;
pub use guid::Guid;
pub use instant::{Instant, TimeReading};
pub use naive_zone::NaiveZone;
pub use run::JobRun;
pub use secret::Secret;
pub use zone::{Zone, zone_names};

/// A SHA-256 digest: 32 bytes.
pub type Sha256 = [u8; 32];

/// Lower-case hexadecimal text of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}
