//! Bodies that are made while they are sent, whole or damaged on request.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::Frame;

use super::fault::FaultKind;
use super::history::History;
use super::line::Breaker;

/// What an answer's bytes come from.
pub(super) type Body = BoxBody<Bytes, std::io::Error>;

/// Bytes that are made at a time.
const PIECE: usize = 128 << 10;

/// The answer to a request for runs.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) history: Arc<History>,
    pub(super) job: u32,
    pub(super) nights: u32,
    pub(super) messages: bool,
    /// Runs to serve, in order.
    pub(super) runs: VecDeque<u32>,
    pub(super) faults: Vec<FaultKind>,
    begun: bool,
    ended: bool,
    scratch: String,
}

impl Answer {
    pub(super) fn new(
        history: Arc<History>,
        job: u32,
        nights: u32,
        messages: bool,
        runs: VecDeque<u32>,
        faults: Vec<FaultKind>,
    ) -> Self {
        Self {
            history,
            job,
            nights,
            messages,
            runs,
            faults,
            begun: false,
            ended: false,
            scratch: String::new(),
        }
    }

    fn has(&self, fault: &FaultKind) -> bool {
        self.faults.contains(fault)
    }

    /// The next bytes, as they would be without packing or damage on the way; `None` at the end.
    fn piece(&mut self) -> Option<Vec<u8>> {
        if self.ended {
            return None;
        }
        let mut out = Vec::with_capacity(PIECE + (64 << 10));
        if self.has(&FaultKind::Empty) || self.has(&FaultKind::Null) {
            self.ended = true;
            return Some(if self.has(&FaultKind::Empty) {
                b"[]".to_vec()
            } else {
                b"null".to_vec()
            });
        }
        if !self.begun {
            self.begun = true;
            if self.has(&FaultKind::Shuffled) {
                self.runs = self.runs.iter().rev().copied().collect();
            }
            let id = if self.has(&FaultKind::OtherJob) {
                "00000000-0000-4000-8000-000000000000".to_owned()
            } else {
                self.history.job_id(self.job)
            };
            let total = self.runs.len() + usize::from(self.has(&FaultKind::WrongCounts)) * 7;
            out.extend_from_slice(
                format!("{{ \"TotalJobRuns\":{total}, \"JobID\":\"{id}\", \"JobStatusInfo\":[").as_bytes(),
            );
            self.damaged_run(&mut out);
        }
        while out.len() < PIECE {
            let Some(run) = self.runs.pop_front() else {
                out.extend_from_slice(b"] }");
                self.ended = true;
                break;
            };
            self.scratch.clear();
            self.history
                .write_run(self.job, run, self.nights, self.messages, &mut self.scratch);
            if self.has(&FaultKind::WrongCounts) {
                self.scratch = self
                    .scratch
                    .replacen("\"MessageCount\":", "\"MessageCount\":9", 1);
            }
            if self.has(&FaultKind::Shuffled) {
                out.extend_from_slice(shuffled(&self.scratch).as_bytes());
            } else {
                out.extend_from_slice(self.scratch.as_bytes());
            }
            if !self.runs.is_empty() {
                out.extend_from_slice(b", ");
            }
        }
        Some(out)
    }

    /// Puts a run that is none, or an odd one, in the place of the first.
    fn damaged_run(&mut self, out: &mut Vec<u8>) {
        for fault in self.faults.clone() {
            let Some(run) = self.runs.front().copied() else {
                return;
            };
            self.scratch.clear();
            self.history
                .write_run(self.job, run, self.nights, self.messages, &mut self.scratch);
            let run = self.scratch.clone();
            let damaged: Vec<u8> = match fault {
                FaultKind::BadRun(1) => run
                    .replacen("\"JobRunID\":\"", "\"JobRunID\":\"no-", 1)
                    .into_bytes(),
                FaultKind::BadRun(2) => run.replacen("\"JobRunID\"", "\"RunID\"", 1).into_bytes(),
                FaultKind::BadRun(3) => b"null".to_vec(),
                FaultKind::BadRun(4) => b"42".to_vec(),
                FaultKind::BadRun(5) => b"\"a run\"".to_vec(),
                FaultKind::BadRun(_) => run.replacen("\"Status\":", "\"Status\" ", 1).into_bytes(),
                FaultKind::BadMessage => run
                    .replacen("\"JobMessages\":[", "\"JobMessages\":[{\"Message\":},", 1)
                    .replace("},]", "}]")
                    .into_bytes(),
                FaultKind::OddText => {
                    let marked = run.replacen(
                        "\"StatusDetails\":null",
                        "\"StatusDetails\":\"a\\ud800b\\u0000c@d\"",
                        1,
                    );
                    marked
                        .bytes()
                        .map(|byte| if byte == b'@' { 0xFF } else { byte })
                        .collect()
                }
                _ => continue,
            };
            self.runs.pop_front();
            out.extend_from_slice(&damaged);
            if !self.runs.is_empty() {
                out.extend_from_slice(b", ");
            }
        }
    }

    /// Length that the answer says, found by making it once more.
    pub(super) fn length(&self) -> u64 {
        let mut again = Self::new(
            Arc::clone(&self.history),
            self.job,
            self.nights,
            self.messages,
            self.runs.clone(),
            self.faults.clone(),
        );
        let mut length = 0;
        while let Some(piece) = again.piece() {
            length += piece.len() as u64;
        }
        // Too short a JSON in a whole HTTP answer says its own length; one that breaks says the length it should have had.
        self.faults.iter().fold(length, |length, fault| match fault {
            FaultKind::Short(bytes) => length.min(*bytes),
            _ => length,
        })
    }

    /// The stream of the body, on the connection of `breaker`.
    pub(super) fn stream(self, gzip: bool, breaker: Breaker) -> Body {
        let limits = self.faults.iter().find_map(|fault| match fault {
            FaultKind::Reset(bytes) => Some((*bytes, End::Reset)),
            FaultKind::Cut(bytes) => Some((*bytes, End::Cut)),
            FaultKind::Short(bytes) => Some((*bytes, End::Sound)),
            _ => None,
        });
        let stall = self.faults.iter().find_map(|fault| match fault {
            FaultKind::Stall(silence) => Some(*silence),
            _ => None,
        });
        let drip = self.has(&FaultKind::Drip);
        let pack = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        let sending = Sending {
            answer: self,
            pack,
            sent: 0,
            limits,
            breaker,
            stall,
            drip,
            rest: Vec::new(),
            over: false,
        };
        let frames = stream::unfold(sending, |mut sending| async move {
            let next = sending.next().await?;
            Some((next.map(|bytes| Frame::data(Bytes::from(bytes))), sending))
        });
        BodyExt::boxed(StreamBody::new(SyncStream(Box::pin(frames))))
    }
}

/// `BoxBody` wants its stream to be `Sync`, which it is while only one task polls it, behind a lock that nobody contends.
struct SyncStream<S>(std::pin::Pin<Box<S>>);

impl<S: futures_util::Stream> futures_util::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

/// How a body ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Reset,
    Cut,
    /// As HTTP wants it.
    Sound,
}

struct Sending {
    answer: Answer,
    pack: Option<GzEncoder<Vec<u8>>>,
    sent: u64,
    /// Bytes to send at most, and what happens there.
    limits: Option<(u64, End)>,
    breaker: Breaker,
    stall: Option<Duration>,
    drip: bool,
    rest: Vec<u8>,
    over: bool,
}

impl Sending {
    async fn next(&mut self) -> Option<std::io::Result<Vec<u8>>> {
        let bytes = match self.raw().await {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => return Some(Err(error)),
            // What the packing holds back to the end.
            None => {
                return self
                    .pack
                    .take()?
                    .finish()
                    .ok()
                    .filter(|rest| !rest.is_empty())
                    .map(Ok);
            }
        };
        let Some(pack) = &mut self.pack else {
            return Some(Ok(bytes));
        };
        let packed = pack.write_all(&bytes).and_then(|()| pack.flush());
        Some(packed.map(|()| std::mem::take(pack.get_mut())))
    }

    /// The next bytes before packing, with the damage asked for.
    async fn raw(&mut self) -> Option<std::io::Result<Vec<u8>>> {
        if self.over {
            return None;
        }
        let mut bytes = if self.rest.is_empty() {
            self.answer.piece()?
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
        if let Some((limit, end)) = self.limits {
            let room = usize::try_from(limit - self.sent.min(limit)).unwrap_or(usize::MAX);
            if room == 0 {
                self.over = true;
                if end == End::Sound {
                    return None;
                }
                // What was sent before is on its way: the server drops what it has not written when a body breaks.
                tokio::time::sleep(Duration::from_millis(50)).await;
                if end == End::Reset {
                    self.breaker.reset();
                }
                return Some(Err(std::io::Error::other("cut on request")));
            }
            if bytes.len() > room {
                self.rest = bytes.split_off(room);
            }
        }
        self.sent += bytes.len() as u64;
        Some(Ok(bytes))
    }
}

/// The run with its fields and messages in another order.
fn shuffled(run: &str) -> String {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_str(run) else {
        return run.to_owned();
    };
    let members = members.into_iter().rev().map(|(name, mut value)| {
        if let serde_json::Value::Array(elements) = &mut value
            && name == "JobMessages"
        {
            elements.reverse();
        }
        (name, value)
    });
    serde_json::Value::Object(members.collect()).to_string()
}
