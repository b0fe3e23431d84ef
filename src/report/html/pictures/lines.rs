//! The lines of a timeline, one for each job.

use std::collections::HashMap;

use crate::report::html::chart::{TimelineRow, TimelineSpan};
use crate::report::numbers::{counted, grouped};
use crate::report::titles::job_title;

/// Jobs on a timeline at most.
const MOST_LINES: usize = 60;

/// Spans that a job's line shows at most; a job that ran at random would have one between any two runs.
const MOST_PIECES: usize = 200;

/// The lines of a timeline, by job.
#[derive(Debug, Default)]
pub(super) struct JobTimelines {
    numbers: HashMap<String, usize>,
    lines: Vec<(TimelineRow, u64)>,
}

impl JobTimelines {
    /// Adds a span to a job's line, and `weight` to its number.
    pub(super) fn add(&mut self, job_id: &str, name: Option<&str>, piece: TimelineSpan, weight: u64) {
        let number = match self.numbers.get(job_id) {
            Some(&number) => number,
            None => {
                let line = TimelineRow {
                    name: job_title(Some(job_id), name),
                    pieces: Vec::new(),
                    number: String::new(),
                };
                self.lines.push((line, 0));
                self.numbers.insert(job_id.to_owned(), self.lines.len() - 1);
                self.lines.len() - 1
            }
        };
        let (line, sum) = &mut self.lines[number];
        *sum += weight;
        if line.pieces.len() < MOST_PIECES {
            line.pieces.push(piece);
        }
    }

    /// The lines with the largest numbers, the largest first.
    pub(super) fn worst(&self) -> Vec<TimelineRow> {
        let mut lines: Vec<&(TimelineRow, u64)> = self.lines.iter().collect();
        lines.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        lines.truncate(MOST_LINES);
        let numbered = lines.into_iter().map(|(line, sum)| TimelineRow {
            number: grouped(*sum),
            ..line.clone()
        });
        numbered.collect()
    }

    /// What is said where not every job has a line.
    pub(super) fn left_out(&self) -> String {
        if self.lines.len() <= MOST_LINES {
            return String::new();
        }
        let jobs = counted(self.lines.len() as u64, "job");
        format!("The first {MOST_LINES} of {jobs}; the table has the others.")
    }
}
