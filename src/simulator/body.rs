//! Bodies that are sent while they are made, whole or damaged in transit.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::Frame;

use super::answer::{PIECE, RunsAnswer};
use super::fault::FaultKind;
use super::line::Breaker;

pub(super) type AnswerBody = BoxBody<Bytes, std::io::Error>;

/// The bytes of a job's runs.
#[derive(Debug)]
pub(super) enum Source {
    /// Made while they are sent.
    Made(Box<RunsAnswer>),
    /// Set by a test.
    Set(Bytes),
}

impl Source {
    /// The next bytes; `None` at the end.
    fn piece(&mut self) -> Option<Bytes> {
        match self {
            Self::Made(answer) => answer.piece().map(Bytes::from),
            Self::Set(bytes) if bytes.is_empty() => None,
            Self::Set(bytes) => Some(bytes.split_to(bytes.len().min(PIECE))),
        }
    }

    /// The `Content-Length` to announce: that of the whole body for a cut one, of the shorter body for a short one. Makes
    /// the whole a second time, which takes a while.
    pub(super) fn length(&self, faults: &[FaultKind]) -> u64 {
        let whole = match self {
            Self::Made(answer) => answer.length(),
            Self::Set(bytes) => bytes.len() as u64,
        };
        faults.iter().fold(whole, |length, fault| match fault {
            FaultKind::Short(bytes) => length.min(*bytes),
            _ => length,
        })
    }

    /// The stream of the body, with the faults in how it is sent.
    pub(super) fn stream(self, faults: &[FaultKind], gzip: bool, breaker: Breaker) -> AnswerBody {
        let end = faults.iter().find_map(|fault| match fault {
            FaultKind::Reset(bytes) => Some((*bytes, BodyEnd::Reset)),
            FaultKind::Cut(bytes) => Some((*bytes, BodyEnd::Cut)),
            FaultKind::Short(bytes) => Some((*bytes, BodyEnd::Orderly)),
            _ => None,
        });
        let stall = faults.iter().find_map(|fault| match fault {
            FaultKind::Stall(silence) => Some(*silence),
            _ => None,
        });
        let sending = Sending {
            source: self,
            pack: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
            sent: 0,
            end,
            stall,
            drip: faults.contains(&FaultKind::Drip),
            rest: Bytes::new(),
            over: false,
            breaker,
        };
        let frames = stream::unfold(sending, |mut sending| async move {
            let next = sending.next().await?;
            Some((next.map(Frame::data), sending))
        });
        BodyExt::boxed(StreamBody::new(Box::pin(frames)))
    }
}

/// How a body ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyEnd {
    /// As HTTP ends a whole body.
    Orderly,
    Cut,
    /// The connection is reset.
    Reset,
}

#[derive(Debug)]
struct Sending {
    source: Source,
    pack: Option<GzEncoder<Vec<u8>>>,
    /// Bytes sent, before compression.
    sent: u64,
    /// The most bytes to send, before compression, and how the body ends there.
    end: Option<(u64, BodyEnd)>,
    stall: Option<Duration>,
    drip: bool,
    rest: Bytes,
    over: bool,
    breaker: Breaker,
}

impl Sending {
    async fn next(&mut self) -> Option<std::io::Result<Bytes>> {
        let bytes = match self.raw().await {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => return Some(Err(error)),
            // What the compressor has held back.
            None => {
                return self
                    .pack
                    .take()?
                    .finish()
                    .ok()
                    .filter(|rest| !rest.is_empty())
                    .map(|rest| Ok(Bytes::from(rest)));
            }
        };
        let Some(pack) = &mut self.pack else {
            return Some(Ok(bytes));
        };
        let packed = pack.write_all(&bytes).and_then(|()| pack.flush());
        Some(packed.map(|()| Bytes::from(std::mem::take(pack.get_mut()))))
    }

    /// The next bytes before compression, with the damage that a fault asks for.
    async fn raw(&mut self) -> Option<std::io::Result<Bytes>> {
        if self.over {
            return None;
        }
        let mut bytes = if self.rest.is_empty() {
            self.source.piece()?
        } else {
            std::mem::take(&mut self.rest)
        };
        if self.sent == 0 && (self.drip || self.stall.is_some()) && bytes.len() > 1000 {
            self.rest = bytes.split_off(1000);
        } else if let Some(silence) = self.stall.take() {
            tokio::time::sleep(silence).await;
        } else if self.drip && self.sent < 4096 && bytes.len() > 64 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.rest = bytes.split_off(64);
        }
        if let Some((limit, end)) = self.end {
            let room = usize::try_from(limit.saturating_sub(self.sent)).unwrap_or(usize::MAX);
            if room == 0 {
                self.over = true;
                return self.break_off(end).await;
            }
            if bytes.len() > room {
                let beyond = bytes.split_off(room);
                // What a stall or a drip held back comes after it, and the limit holds for it, too.
                if self.rest.is_empty() {
                    self.rest = beyond;
                }
            }
        }
        self.sent += bytes.len() as u64;
        Some(Ok(bytes))
    }

    async fn break_off(&mut self, end: BodyEnd) -> Option<std::io::Result<Bytes>> {
        if end == BodyEnd::Orderly {
            return None;
        }
        // Lets what was sent before reach the socket: when a body fails, the server drops what it has not written.
        tokio::time::sleep(Duration::from_millis(50)).await;
        if end == BodyEnd::Reset {
            self.breaker.reset();
        }
        Some(Err(std::io::Error::other("cut on request")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(bytes: &[u8], faults: &[FaultKind]) -> (Vec<u8>, bool) {
        let source = Source::Set(Bytes::copy_from_slice(bytes));
        let mut body = source.stream(faults, false, Breaker::default());
        let mut all = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => all.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) => return (all, false),
            }
        }
        (all, true)
    }

    #[tokio::test]
    async fn a_body_ends_where_a_fault_says_also_when_it_drips() {
        let whole: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        assert_eq!(sent(&whole, &[]).await, (whole.clone(), true));
        assert_eq!(sent(&whole, &[FaultKind::Drip]).await, (whole.clone(), true));
        for limit in [0, 1, 999, 1000, 1001, 1100, 5000, 200_000] {
            let start = whole[..limit].to_vec();
            let bytes = limit as u64;
            assert_eq!(
                sent(&whole, &[FaultKind::Cut(bytes)]).await,
                (start.clone(), false)
            );
            assert_eq!(
                sent(&whole, &[FaultKind::Short(bytes)]).await,
                (start.clone(), true)
            );
            let dripping = [FaultKind::Drip, FaultKind::Reset(bytes)];
            assert_eq!(sent(&whole, &dripping).await, (start, false), "{limit}");
        }
        assert_eq!(
            sent(&whole, &[FaultKind::Cut(300_000)]).await,
            (whole.clone(), true)
        );
    }

    #[test]
    fn the_length_is_that_of_the_bytes_promised() {
        let source = || Source::Set(Bytes::from_static(b"0123456789"));
        assert_eq!(source().length(&[]), 10);
        assert_eq!(source().length(&[FaultKind::Cut(4)]), 10);
        assert_eq!(source().length(&[FaultKind::Short(4)]), 4);
        assert_eq!(source().length(&[FaultKind::Short(40)]), 10);
    }
}
