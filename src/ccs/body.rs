//! The body of an answer, decompressed as it arrives, and limits on a body that makes no progress.
//!
//! The HTTP library decompresses only one gzip member, and only if it is named `gzip` in lower case. Servers and proxies
//! also send several members, `x-gzip` and capital letters (RFC 9110, 8.4.1.3; RFC 1952, 2.2).

use std::io::{self, Write};
use std::time::{Duration, Instant as MonotonicInstant};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// Bytes that must arrive in each [`super::Settings::idle_timeout`] of waiting, unless a run was completed in it.
pub(super) const LEAST_BYTES: u64 = 1024;

/// A body in which no run is completed is given up after this many idle timeouts, however much arrives: even the largest
/// run that is kept takes less over a slow line.
pub(super) const LONGEST_WITHOUT_RUN: u32 = 10;

/// Compressed bytes that are decompressed at a time: gzip expands them at most a thousandfold.
const UNPACKED_AT_A_TIME: usize = 4 << 10;

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Body {
    response: Response,
    packing: Packing,
    progress: BodyProgress,
}

#[derive(Debug)]
enum Packing {
    Plain,
    Gzip {
        decoder: Box<MultiGzDecoder<Vec<u8>>>,
        /// Received, and not decompressed yet.
        waiting: Bytes,
        began: bool,
    },
    /// A compression that was not asked for.
    Unknown,
}

/// Why reading a body failed.
#[derive(Debug)]
pub(super) enum BodyError {
    /// The connection broke, or nothing more arrived.
    Http(reqwest::Error),
    /// What arrived cannot be decompressed, or ends early.
    Unpack(io::Error),
    /// It goes on without making progress.
    NoProgress(Stall),
}

/// How a body fails to make progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    TooSlow(Duration),
    /// Much arrives, but no run is completed.
    NoRun(Duration),
}

impl std::fmt::Display for Stall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooSlow(time) => write!(f, "sent fewer than {LEAST_BYTES} bytes in {time:?}"),
            Self::NoRun(time) => write!(f, "went on for {time:?} without completing a run"),
        }
    }
}

impl Body {
    pub(super) fn new(response: Response, idle_timeout: Duration) -> Self {
        let packing = packing(response.headers());
        Self {
            response,
            packing,
            progress: BodyProgress::new(idle_timeout, MonotonicInstant::now()),
        }
    }

    pub(super) const fn response(&self) -> &Response {
        &self.response
    }

    /// Whether it is compressed in a way that was not asked for.
    pub(super) const fn is_foreign(&self) -> bool {
        matches!(self.packing, Packing::Unknown)
    }

    /// Restarts the limits: to be called when the reader of the body has completed a run.
    pub(super) fn progressed(&mut self) {
        self.progress.reset(MonotonicInstant::now());
    }

    /// The next piece; `None` at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            if let Some(bytes) = self.packing.unpack().map_err(BodyError::Unpack)? {
                return Ok(Some(bytes));
            }
            let began = MonotonicInstant::now();
            let received = self.response.chunk().await.map_err(BodyError::Http)?;
            let Some(bytes) = received else {
                return self.packing.finish().map_err(BodyError::Unpack);
            };
            let now = MonotonicInstant::now();
            if let Some(stall) = self.progress.received(bytes.len() as u64, now - began, now) {
                return Err(BodyError::NoProgress(stall));
            }
            match &mut self.packing {
                Packing::Gzip { waiting, began, .. } => {
                    *began = true;
                    *waiting = bytes;
                }
                Packing::Plain | Packing::Unknown => return Ok(Some(bytes)),
            }
        }
    }
}

impl Packing {
    /// The next piece of what was received; `None` if more must be received first.
    fn unpack(&mut self) -> io::Result<Option<Bytes>> {
        let Self::Gzip { decoder, waiting, .. } = self else {
            return Ok(None);
        };
        while !waiting.is_empty() {
            let some = waiting.len().min(UNPACKED_AT_A_TIME);
            let used = decoder.write(&waiting[..some])?;
            if used == 0 {
                return Err(io::Error::other("what follows its end is not gzip"));
            }
            drop(waiting.split_to(used));
            if waiting.is_empty() {
                // The decoder buffers some output; of an answer that is cut off every run counts.
                decoder.flush()?;
            }
            if !decoder.get_ref().is_empty() {
                return Ok(Some(std::mem::take(decoder.get_mut()).into()));
            }
        }
        Ok(None)
    }

    /// The last piece; an error if the compressed stream is not complete.
    fn finish(&mut self) -> io::Result<Option<Bytes>> {
        let Self::Gzip {
            decoder, began: true, ..
        } = self
        else {
            return Ok(None);
        };
        decoder.try_finish()?;
        let rest = std::mem::take(decoder.get_mut());
        *self = Self::Plain;
        Ok((!rest.is_empty()).then(|| rest.into()))
    }
}

fn packing(headers: &HeaderMap) -> Packing {
    let mut packed = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(|word| word.trim_ascii().to_ascii_lowercase())
        .filter(|word| !word.is_empty() && word != b"identity");
    match (packed.next().as_deref(), packed.next()) {
        (None, _) => Packing::Plain,
        (Some(b"gzip" | b"x-gzip"), None) => Packing::Gzip {
            decoder: Box::new(MultiGzDecoder::new(Vec::new())),
            waiting: Bytes::new(),
            began: false,
        },
        _ => Packing::Unknown,
    }
}

/// Measures whether a body makes progress.
#[derive(Debug)]
struct BodyProgress {
    limit: Duration,
    /// Time spent waiting since enough arrived last. The time that the reader itself takes is not the server's fault.
    waited: Duration,
    bytes: u64,
    since: MonotonicInstant,
}

impl BodyProgress {
    const fn new(limit: Duration, now: MonotonicInstant) -> Self {
        Self {
            limit,
            waited: Duration::ZERO,
            bytes: 0,
            since: now,
        }
    }

    const fn reset(&mut self, now: MonotonicInstant) {
        self.waited = Duration::ZERO;
        self.bytes = 0;
        self.since = now;
    }

    fn received(&mut self, bytes: u64, waited: Duration, now: MonotonicInstant) -> Option<Stall> {
        self.bytes += bytes;
        self.waited += waited;
        if self.bytes >= LEAST_BYTES {
            self.bytes = 0;
            self.waited = Duration::ZERO;
        }
        let without_run = now.saturating_duration_since(self.since);
        if self.waited >= self.limit {
            Some(Stall::TooSlow(self.limit))
        } else if without_run >= self.limit.saturating_mul(LONGEST_WITHOUT_RUN) {
            Some(Stall::NoRun(self.limit.saturating_mul(LONGEST_WITHOUT_RUN)))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_byte_now_and_then_ends_and_enough_bytes_or_a_run_do_not() {
        let began = MonotonicInstant::now();
        let mut progress = BodyProgress::new(2 * MINUTE, began);
        assert_eq!(progress.received(1, MINUTE, began + MINUTE), None);
        progress.reset(began + MINUTE);
        assert_eq!(progress.received(1, MINUTE, began + 2 * MINUTE), None);
        assert_eq!(progress.received(LEAST_BYTES, MINUTE, began + 3 * MINUTE), None);
        assert_eq!(progress.received(1, MINUTE, began + 4 * MINUTE), None);
        let end = progress.received(1, MINUTE, began + 5 * MINUTE);
        assert_eq!(end, Some(Stall::TooSlow(2 * MINUTE)));
    }

    #[test]
    fn a_body_without_a_run_ends_however_much_it_brings() {
        let began = MonotonicInstant::now();
        let mut progress = BodyProgress::new(MINUTE, began);
        for minute in 1..10 {
            assert_eq!(
                progress.received(1 << 30, Duration::ZERO, began + minute * MINUTE),
                None
            );
        }
        let end = progress.received(1 << 30, Duration::ZERO, began + 10 * MINUTE);
        assert_eq!(end, Some(Stall::NoRun(10 * MINUTE)));
    }

    #[test]
    fn packings_are_known_by_every_name() {
        let packing = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            super::packing(&headers)
        };
        for plain in [&[][..], &["identity"], &["", "Identity "]] {
            assert!(matches!(packing(plain), Packing::Plain), "{plain:?}");
        }
        for gzip in ["gzip", "GZIP", " x-gzip ", "X-GZip", "identity, gzip"] {
            assert!(matches!(packing(&[gzip]), Packing::Gzip { .. }), "{gzip}");
        }
        for unknown in [&["br"][..], &["gzip, gzip"], &["gzip", "br"]] {
            assert!(matches!(packing(unknown), Packing::Unknown), "{unknown:?}");
        }
    }
}
