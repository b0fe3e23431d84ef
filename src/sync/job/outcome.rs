//! How a job ended, decided from how its last try ended and what the archive did with its runs.

use std::time::Instant as MonotonicInstant;

use super::super::messages::{JobProblem, of_client, sentence_with};
use super::end_of_try::Try;
use super::{JobResult, JobWork, milliseconds};
use crate::archive::{JobFigures, JobOutcome, JobRecord, Keys};
use crate::text::counted;

impl JobWork<'_> {
    /// Outcome and error of the job. What an earlier try read is kept, so a job is partial if anything of it was read,
    /// however its last try ended.
    pub(super) fn decide(&self, ended: &Try) -> (JobOutcome, Option<String>) {
        let (outcome, error) = self.judge_answer(ended);
        match &self.other_server {
            Some(before) if outcome != JobOutcome::Failed => {
                let error = error.map_or_else(String::new, |error| format!("{error}; "));
                (
                    JobOutcome::Partial,
                    Some(error + &self.about_other_server(before)),
                )
            }
            _ => (outcome, error),
        }
    }

    fn judge_answer(&self, ended: &Try) -> (JobOutcome, Option<String>) {
        let seen = self.seen_before.max(self.this_try.envelope.runs_seen);
        let in_part = |error: String| {
            if seen == 0 {
                return (JobOutcome::Failed, Some(error));
            }
            let runs = self.this_try.envelope.total_job_runs.map_or_else(
                || counted(seen, "run"),
                |total| format!("{seen} of {}", counted(total.unsigned_abs(), "run")),
            );
            let error = format!("only read in part ({runs}): {error}");
            (JobOutcome::Partial, Some(error))
        };
        match ended {
            Try::Closed if self.tally.last_try.unaccepted > 0 => {
                let error = format!(
                    "{} of {} could not be read, in whole or in part, and {} in quarantine",
                    self.tally.last_try.unaccepted,
                    counted(self.this_try.envelope.runs_seen, "run"),
                    if self.tally.last_try.unaccepted == 1 {
                        "is"
                    } else {
                        "are"
                    }
                );
                (JobOutcome::Partial, Some(error))
            }
            Try::Closed => (JobOutcome::Complete, None),
            Try::Broken { error, .. } => in_part(error.clone()),
            Try::Refused(error) | Try::Stuck(error) => {
                let options = &self.shared.options;
                in_part(of_client(error, &options.retry, options.hint))
            }
            Try::NoAnswer(error) => {
                // Nothing of this answer was stored, whatever it contained.
                if self.seen_before == 0 {
                    (JobOutcome::Failed, Some(error.clone()))
                } else {
                    in_part(error.clone())
                }
            }
            Try::Stopped if seen == 0 => (JobOutcome::Failed, Some("interrupted".to_owned())),
            Try::Stopped => (JobOutcome::Partial, Some("interrupted".to_owned())),
        }
    }

    /// The warning about an answer of a server that is not the job's: a clone or a restored copy may have fewer runs, or
    /// other versions of them.
    fn about_other_server(&self, before: &str) -> String {
        let differing = match self.tally.last_try.differing {
            0 => String::new(),
            1 => " (1 differs from the archived run)".to_owned(),
            many => format!(" ({many} differ from the archived runs)"),
        };
        let server = self.shared.client.base_url();
        let hint = (self.shared.options.hint)(&JobProblem::OtherServer {
            job: self.job,
            before,
            now: server,
        });
        let text = format!(
            "another server answered: {before} listed its runs before, and now {server} does. What is new was archived; \
             runs that were known stay as they are{differing}, and none was marked absent"
        );
        sentence_with(text, hint)
    }

    /// The figures: those of the last answer if it was closed, else of the try that read most, with all that was stored.
    fn figures(&self, begun: MonotonicInstant, ended: &Try) -> JobFigures {
        let tally = &self.tally;
        let mut figures = JobFigures {
            attempts: u64::from(self.attempts),
            runs_seen: self.this_try.envelope.runs_seen,
            runs_new: tally.new,
            runs_changed: tally.changed,
            runs_unchanged: self.this_try.unchanged + tally.last_try.unchanged,
            runs_quarantined: tally.last_try.quarantined,
            runs_absent: 0,
            messages_new: tally.messages_new,
            body_bytes: self.body_bytes,
            milliseconds: milliseconds(begun),
        };
        if !matches!(ended, Try::Closed) && self.seen_before > 0 {
            let stored = tally.new + tally.changed;
            figures.runs_quarantined = tally.last_try.quarantined.max(tally.earlier.quarantined);
            figures.runs_seen = self.this_try.envelope.runs_seen.max(self.seen_before).max(stored);
            figures.runs_unchanged = figures
                .runs_unchanged
                .min(figures.runs_seen.saturating_sub(stored));
        }
        figures
    }

    /// Keys of runs of this job that were present before this sync or listed by an earlier try, and that its complete answer
    /// lacks.
    fn missing(&mut self) -> Keys {
        let mut missing = self.known.present();
        missing.append(&mut self.tally.earlier.listed);
        missing.subtract(&self.this_try.met);
        missing.subtract(&self.tally.last_try.met);
        missing
    }

    pub(super) fn result(
        mut self,
        begun: MonotonicInstant,
        outcome: JobOutcome,
        error: Option<String>,
        ended: &Try,
    ) -> JobResult {
        let figures = self.figures(begun, ended);
        let full = outcome == JobOutcome::Complete && self.question.count == 0;
        // If the server has more runs than it sent, a run that is missing may be one of the rest: none is marked absent.
        let total = self.this_try.envelope.total_job_runs.filter(|_| full);
        let received = i64::try_from(self.this_try.envelope.runs_seen).unwrap_or(i64::MAX);
        let unreadable = self.this_try.envelope.unreadable_total.clone().filter(|_| full);
        let lacking = total.is_some_and(|total| total > received) || unreadable.is_some();
        let missing = if full && !lacking {
            self.missing()
        } else {
            Keys::default()
        };
        for text in self.this_try.anomalies.messages() {
            self.warn(&text);
        }
        if let Some(total) = total.filter(|&total| total != received) {
            let so = if lacking {
                "; no run is marked absent by it"
            } else {
                ""
            };
            self.warn(&format!(
                "the answer says TotalJobRuns {total} and holds {}{so}",
                counted(received.unsigned_abs(), "run")
            ));
        }
        if let Some(total) = unreadable {
            self.warn(&format!(
                "the answer says TotalJobRuns {total}, which is not an integer; no run is marked absent by it"
            ));
        }
        let record = JobRecord {
            job_id: self.job,
            outcome,
            error,
            http_status: self.http_status,
            figures,
            total_job_runs: self.this_try.envelope.total_job_runs,
            server: Some(self.shared.client.base_url().to_owned()),
            count_asked: (self.attempts > 0).then_some(self.question.count),
        };
        JobResult {
            record,
            name: self.name,
            missing,
            interrupted: matches!(ended, Try::Stopped),
        }
    }
}
