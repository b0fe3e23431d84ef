//! The bytes of an answer with runs, made piece by piece, damaged as a fault asks for.

use std::collections::VecDeque;
use std::sync::Arc;

use super::fault::FaultKind;
use super::served::Served;

/// Bytes made at a time: enough to keep the cost per piece low, few enough to hold in memory.
pub(super) const PIECE: usize = 128 << 10;

/// The answer to a request for runs.
#[derive(Debug)]
pub(super) struct RunsAnswer {
    served: Arc<Served>,
    job: u32,
    nights: u32,
    messages: bool,
    /// Runs to serve, in order.
    runs: VecDeque<u32>,
    faults: Vec<FaultKind>,
    begun: bool,
    ended: bool,
    scratch: String,
}

impl RunsAnswer {
    pub(super) fn new(
        served: Arc<Served>,
        job: u32,
        nights: u32,
        messages: bool,
        runs: VecDeque<u32>,
        faults: Vec<FaultKind>,
    ) -> Self {
        Self {
            served,
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

    /// The next bytes, before compression and damage in transit; `None` at the end.
    pub(super) fn piece(&mut self) -> Option<Vec<u8>> {
        if self.ended {
            return None;
        }
        if let Some(instead) = self.instead_of_runs() {
            self.ended = true;
            return Some(instead.into_bytes());
        }
        let mut out = Vec::with_capacity(PIECE + (64 << 10));
        if !self.begun {
            self.begun = true;
            if self.has(&FaultKind::Shuffled) {
                self.runs = self.runs.iter().rev().copied().collect();
            }
            let id = if self.has(&FaultKind::OtherJob) {
                "00000000-0000-4000-8000-000000000000".to_owned()
            } else {
                self.served.job_id(self.job)
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
            self.served
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

    /// The whole answer, if a fault replaces its runs.
    fn instead_of_runs(&self) -> Option<String> {
        self.faults.iter().find_map(|fault| match fault {
            FaultKind::Empty => Some("[]".to_owned()),
            FaultKind::Null => Some("null".to_owned()),
            FaultKind::NullList => Some(format!(
                "{{ \"TotalJobRuns\":0, \"JobID\":\"{}\", \"JobStatusInfo\":null }}",
                self.served.job_id(self.job)
            )),
            _ => None,
        })
    }

    /// Writes the first run with the damage that a fault asks for.
    fn damaged_run(&mut self, out: &mut Vec<u8>) {
        for fault in self.faults.clone() {
            let Some(run) = self.runs.front().copied() else {
                return;
            };
            self.scratch.clear();
            self.served
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
                FaultKind::BadMessage(kind) => {
                    let bad = match kind {
                        1 => "{\"Message\":}",
                        2 => "null",
                        3 => "42",
                        _ => "\"a message\"",
                    };
                    run.replacen("\"JobMessages\":[", &format!("\"JobMessages\":[{bad},"), 1)
                        .replacen(&format!("[{bad},]"), &format!("[{bad}]"), 1)
                        .into_bytes()
                }
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

    /// Length of the whole, found by making it a second time.
    pub(super) fn length(&self) -> u64 {
        let mut again = Self::new(
            Arc::clone(&self.served),
            self.job,
            self.nights,
            self.messages,
            self.runs.clone(),
            self.faults.clone(),
        );
        std::iter::from_fn(|| again.piece().map(|piece| piece.len() as u64)).sum()
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
