//! Coverage: from when to when each job has runs, and where they are missing.

use std::collections::HashMap;

use super::spans;
use crate::report::About;
use crate::report::chart::{GAPS, Line, Piece, PieceKind, counted, grouped, timeline};
use crate::report::page::cells::{count, instant, job_title, places, text, wall_clock, zone};
use crate::report::page::picture::{Drawn, JobGap, Picture};
use crate::report::table::{Cell, Column};

/// Jobs on a timeline at most.
const MOST_LINES: usize = 60;

/// Spans that a job's line shows at most; a job that ran at random would have one between any two runs.
const MOST_PIECES: usize = 200;

/// The lines of a timeline, by job.
#[derive(Debug, Default)]
pub(super) struct Lines {
    numbers: HashMap<String, usize>,
    lines: Vec<(Line, u64)>,
}

impl Lines {
    /// Adds a span to a job's line, and `weight` to its number.
    pub(super) fn add(&mut self, job_id: Option<&str>, name: Option<&str>, piece: Piece, weight: u64) {
        let key = job_id.unwrap_or_default();
        let number = match self.numbers.get(key) {
            Some(&number) => number,
            None => {
                let line = Line {
                    name: job_title(job_id, name),
                    pieces: Vec::new(),
                    number: String::new(),
                };
                self.lines.push((line, 0));
                self.numbers.insert(key.to_owned(), self.lines.len() - 1);
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
    pub(super) fn worst(&self) -> Vec<Line> {
        let mut lines: Vec<&(Line, u64)> = self.lines.iter().collect();
        lines.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        lines.truncate(MOST_LINES);
        let numbered = lines.into_iter().map(|(line, sum)| Line {
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

struct Coverage {
    zone: crate::model::Zone,
    /// Places of job_id, job_name, first_run_at, last_run_at, runs, runs_absent, count_mismatches.
    places: [usize; 7],
    lines: Lines,
    gaps: HashMap<String, Vec<JobGap>>,
    missed: u64,
    jobs: u64,
    runs: u64,
    absent: u64,
    mismatches: u64,
}

pub(in crate::report::page) fn picture(
    about: &About,
    columns: &[Column],
    gaps: &[JobGap],
) -> Option<Box<dyn Picture>> {
    let names = [
        "job_id",
        "job_name",
        "first_run_at",
        "last_run_at",
        "runs",
        "runs_absent",
        "count_mismatches",
    ];
    if let Some(spans) = spans::picture(about, columns) {
        return Some(spans);
    }
    let mut by_job: HashMap<String, Vec<JobGap>> = HashMap::new();
    for gap in gaps {
        by_job.entry(gap.job_id.clone()).or_default().push(gap.clone());
    }
    Some(Box::new(Coverage {
        zone: zone(about),
        places: places(columns, names)?,
        lines: Lines::default(),
        gaps: by_job,
        missed: 0,
        jobs: 0,
        runs: 0,
        absent: 0,
        mismatches: 0,
    }))
}

impl Picture for Coverage {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let [job_id, name, first, last, runs, absent, mismatches] = self.places;
        let runs = count(cells, runs);
        self.jobs += 1;
        self.runs += runs;
        self.absent += count(cells, absent);
        self.mismatches += count(cells, mismatches);
        let (Some(first), Some(last)) = (instant(cells, first), instant(cells, last)) else {
            return;
        };
        let (job_id, name) = (text(cells, job_id), text(cells, name));
        let mut add = |kind, from, to, words, weight| {
            let piece = Piece {
                kind,
                from: wall_clock(self.zone, from),
                to: wall_clock(self.zone, to),
                words,
            };
            self.lines.add(job_id, name, piece, weight);
        };
        add(PieceKind::There, first, last, counted(runs, "run"), 0);
        for gap in self.gaps.get(job_id.unwrap_or_default()).into_iter().flatten() {
            let words = format!("{} missed", counted(gap.runs_missed, "run"));
            add(PieceKind::Gap, gap.from, gap.to, words, gap.runs_missed);
            self.missed += gap.runs_missed;
        }
    }

    fn draw(&self) -> Drawn {
        let mut lead = format!("{} of {}", counted(self.runs, "run"), counted(self.jobs, "job"));
        if self.absent > 0 {
            lead += &format!("; {} of them only the archive still has", grouped(self.absent));
        }
        if self.mismatches > 0 {
            lead += &format!(
                "; {} with other messages than their count says",
                counted(self.mismatches, "run")
            );
        }
        if self.missed > 0 {
            lead += &format!("; {} missed in gaps", counted(self.missed, "run"));
        }
        let below = format!(
            "In {}. A gap is longer than 2.5 times what is usual between two runs. {}",
            self.zone.name(),
            self.lines.left_out()
        );
        let lines = self.lines.worst();
        Drawn {
            lead: lead + ".",
            charts: timeline(
                "From the first run to the last, and gaps",
                below.trim_end(),
                &GAPS,
                "runs missed",
                &lines,
            ),
        }
    }
}
