//! The words of the field as types: jobs, runs, messages, statuses, instants.
//!
//! No SQL, no HTTP, no JSON, and no I/O but for the rules of time zones: every other module may use this one, and it uses
//! none.

mod changes;
mod decimal;
mod duration;
mod guid;
mod instant;
mod message;
mod message_key;
mod naive_zone;
mod run;
mod secret;
mod status;
mod zone;

pub use changes::{FieldChange, RUN_FIELDS, RunChanges};
pub use decimal::Decimal;
pub use duration::{NotADuration, parse_duration, parse_positive_duration, show_duration, show_rounded};
pub use guid::{Guid, NotAGuid, guid_beginning};
pub(crate) use instant::TICKS_PER_SECOND;
pub use instant::{Instant, TimeBasis, TimeReading};
pub use message::{Message, OwnedMessage};
pub use message_key::MessageKey;
pub use naive_zone::{NaiveZone, UnknownZone};
pub use run::{JobRun, JobRunParts, MessageParts, Span, TextStore, TimeSpan, UnreadableMessage};
pub(crate) use secret::REDACTED;
pub use secret::Secret;
pub use status::{JobStatus, STATUS_NAMES};
#[cfg(test)]
pub(crate) use zone::named;
pub use zone::{UnreadableRules, Zone, ZoneName, zone_names};

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
