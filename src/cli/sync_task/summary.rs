//! What a sync found, for people and for programs.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;

use crate::archive::{JobFigures, JobRecord, SyncOutcome, SyncRecord};
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::table::{TerminalColumn, counted, table};
use crate::cli::terminal::titles::{TitledJob, list_of_jobs, titles};
use crate::model::{Guid, hex};

/// The summary as programs read it; the order of the fields is that of the contract.
#[derive(Debug, Serialize)]
pub(crate) struct SyncSummary {
    pub(crate) sync_id: i64,
    archive_id: String,
    archive_created: bool,
    clock_skew_seconds: Option<i64>,
    started_at: String,
    finished_at: String,
    outcome: &'static str,
    pub(crate) head: String,
    totals: SyncFigures,
    jobs: Vec<JobSummary>,
    /// From its begin to its end; the jobs ran side by side.
    #[serde(skip)]
    duration: Duration,
    #[serde(skip)]
    ended: SyncOutcome,
}

#[derive(Debug, Serialize)]
struct JobSummary {
    job_id: String,
    name: Option<String>,
    outcome: &'static str,
    error: Option<String>,
    http_status: Option<u16>,
    #[serde(flatten)]
    figures: SyncFigures,
    count_asked: Option<u32>,
    server: Option<String>,
}

#[derive(Debug, Serialize)]
struct SyncFigures {
    attempts: u64,
    runs_seen: u64,
    runs_new: u64,
    runs_changed: u64,
    runs_unchanged: u64,
    runs_quarantined: u64,
    runs_absent: u64,
    messages_new: u64,
    body_bytes: u64,
    seconds: f64,
}

impl From<&JobFigures> for SyncFigures {
    fn from(figures: &JobFigures) -> Self {
        Self {
            attempts: figures.attempts,
            runs_seen: figures.runs_seen,
            runs_new: figures.runs_new,
            runs_changed: figures.runs_changed,
            runs_unchanged: figures.runs_unchanged,
            runs_quarantined: figures.runs_quarantined,
            runs_absent: figures.runs_absent,
            messages_new: figures.messages_new,
            body_bytes: figures.body_bytes,
            seconds: figures.milliseconds as f64 / 1000.0,
        }
    }
}

impl SyncSummary {
    /// The summary of a sync that took so long; `names` has the names of its jobs, as far as they are known.
    pub(crate) fn new(record: &SyncRecord, names: &HashMap<Guid, String>, duration: Duration) -> Self {
        let job = |job: &JobRecord| JobSummary {
            job_id: job.job_id.to_string(),
            name: names.get(&job.job_id).cloned(),
            outcome: job.outcome.as_str(),
            error: job.error.clone(),
            http_status: job.http_status,
            figures: SyncFigures::from(&job.figures),
            count_asked: job.count_asked,
            server: job.server.clone(),
        };
        Self {
            sync_id: record.sync_id,
            archive_id: record.archive_id.to_string(),
            archive_created: record.archive_created,
            clock_skew_seconds: record.clock_skew_seconds,
            started_at: record.started_at.to_string(),
            finished_at: record.finished_at.to_string(),
            outcome: record.outcome.as_str(),
            head: hex(&record.head),
            totals: SyncFigures::from(&record.totals),
            jobs: record.jobs.iter().map(job).collect(),
            duration,
            ended: record.outcome,
        }
    }

    /// The summary as people read it: a line per job and the sums.
    pub(crate) fn text(&self, width: Option<usize>) -> String {
        let columns = [
            TerminalColumn::Text("job"),
            TerminalColumn::Text("outcome"),
            TerminalColumn::Number("runs"),
            TerminalColumn::Number("new"),
            TerminalColumn::Number("changed"),
            TerminalColumn::Number("absent"),
            TerminalColumn::Number("quarantined"),
            TerminalColumn::Number("new messages"),
            TerminalColumn::Number("read"),
            TerminalColumn::Number("seconds"),
        ];
        let titles = self.titles();
        let mut rows: Vec<Vec<String>> = self
            .jobs
            .iter()
            .zip(titles)
            .map(|(job, title)| cells(title, job.outcome, &job.figures, job.figures.seconds))
            .collect();
        if self.jobs.len() > 1 {
            let wall = self.duration.as_secs_f64();
            rows.push(cells("all".to_owned(), self.outcome, &self.totals, wall));
        }
        format!(
            "{}\nSync {} {}. Ledger head {}\n",
            table(&columns, rows, width),
            self.sync_id,
            self.outcome,
            self.head
        )
    }

    /// Two lines that say that nothing changed; `None` if something did, or if the sync was not complete.
    pub(crate) fn nothing_changed(&self) -> Option<String> {
        let totals = &self.totals;
        let changes = totals.runs_new + totals.runs_changed + totals.runs_absent + totals.messages_new;
        (self.ended == SyncOutcome::Complete && changes == 0).then(|| {
            format!(
                "Nothing changed: of {}, none is new, changed or absent, and no message is new.\nSync {} {}. Ledger head {}\n",
                counted(totals.runs_seen, "run"),
                self.sync_id,
                self.outcome,
                self.head
            )
        })
    }

    /// How the sync ended, in a line for a log.
    pub(crate) fn line(&self) -> String {
        format!(
            "sync {} {}, ledger head {}",
            self.sync_id, self.outcome, self.head
        )
    }

    /// What there is to tell of a sync that is not complete: what went wrong, each cause once with its jobs.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let jobs = self.jobs.len() as u64;
        let incomplete = self.jobs.iter().filter(|job| job.outcome != "complete").count();
        let message = match self.ended {
            SyncOutcome::Complete => return None,
            SyncOutcome::Interrupted => {
                format!("sync {} was interrupted; what was read is kept", self.sync_id)
            }
            SyncOutcome::Failed => format!("sync {} failed", self.sync_id),
            SyncOutcome::Partial => format!(
                "sync {} is partial: {incomplete} of {} not complete",
                self.sync_id,
                counted(jobs, "job")
            ),
        };
        let failure = Failure::new(exit(self.ended), message).with_causes(self.causes());
        if self.totals.runs_quarantined == 0 {
            return Some(failure);
        }
        Some(failure.with_hint(
            "bytes that could not be read are in quarantine: `jobruns quarantine list` shows them, and `jobruns quarantine \
             accept ID --why TEXT` accepts those that somebody has looked at.",
        ))
    }

    /// What went wrong, each cause once with the jobs that it hit.
    pub(crate) fn causes(&self) -> Vec<String> {
        let titles = self.titles();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut causes: Vec<(&JobSummary, String, Vec<&str>)> = Vec::new();
        for (job, title) in self.jobs.iter().zip(&titles) {
            let Some(error) = job.error.as_deref() else {
                continue;
            };
            let cause = without_job(error, &job.job_id);
            let place = *places.entry(cause.clone()).or_insert(causes.len());
            if place == causes.len() {
                causes.push((job, cause, Vec::new()));
            }
            causes[place].2.push(title);
        }
        let more = causes.len().saturating_sub(TOLD_CAUSES);
        let mut lines: Vec<String> = causes
            .iter()
            .take(TOLD_CAUSES)
            .map(|(job, cause, titles)| {
                let error = match titles.as_slice() {
                    [_] => job.error.as_deref().unwrap_or_default(),
                    _ => cause,
                };
                format!("{}: {error}", list_of_jobs(titles))
            })
            .collect();
        if more > 0 {
            lines.push(format!(
                "{more} other errors; `jobruns status` shows the last error of each job"
            ));
        }
        lines
    }

    fn titles(&self) -> Vec<String> {
        let jobs = self.jobs.iter();
        titles(jobs.map(|job| TitledJob {
            id: &job.job_id,
            name: job.name.as_deref(),
            server: job.server.as_deref(),
        }))
    }
}

/// The most causes that are reported of a sync.
const TOLD_CAUSES: usize = 20;

/// The text of an error without its job: the same error of several jobs is then the same text.
fn without_job(error: &str, job_id: &str) -> String {
    error
        .replace(&format!(" of job {job_id}"), "")
        .replace(job_id, "JOB_ID")
}

fn cells(title: String, outcome: &str, figures: &SyncFigures, seconds: f64) -> Vec<String> {
    let count = |number: u64| HumanCount(number).to_string();
    vec![
        title,
        outcome.to_owned(),
        count(figures.runs_seen),
        count(figures.runs_new),
        count(figures.runs_changed),
        count(figures.runs_absent),
        count(figures.runs_quarantined),
        count(figures.messages_new),
        DecimalBytes(figures.body_bytes).to_string(),
        format!("{seconds:.1}"),
    ]
}

/// The exit code of a sync that ended so.
pub(crate) const fn exit(outcome: SyncOutcome) -> Exit {
    match outcome {
        SyncOutcome::Complete => Exit::Done,
        SyncOutcome::Partial => Exit::Findings,
        SyncOutcome::Failed => Exit::NotDone,
        SyncOutcome::Interrupted => Exit::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::JobOutcome;
    use crate::model::Instant;

    fn record() -> SyncRecord {
        let figures = JobFigures {
            attempts: 2,
            runs_seen: 1030,
            runs_new: 3,
            milliseconds: 1500,
            ..Default::default()
        };
        SyncRecord {
            sync_id: 1,
            archive_id: Guid::from_bytes([2; 16]),
            archive_created: true,
            started_at: Instant::from_unix_seconds(1_767_225_600),
            finished_at: Instant::from_unix_seconds(1_767_225_602),
            outcome: SyncOutcome::Partial,
            head: [0xAB; 32],
            clock_skew_seconds: Some(-2),
            totals: figures,
            jobs: vec![JobRecord {
                job_id: Guid::from_bytes([1; 16]),
                outcome: JobOutcome::Partial,
                error: Some("cut\x1b[2J".to_owned()),
                http_status: Some(200),
                figures,
                total_job_runs: None,
                count_asked: Some(0),
                server: Some("https://ccs".to_owned()),
            }],
        }
    }

    #[test]
    fn the_json_is_that_of_the_contract_in_its_order() {
        let json =
            serde_json::to_string(&SyncSummary::new(&record(), &HashMap::new(), Duration::ZERO)).unwrap();
        let figures = r#""attempts":2,"runs_seen":1030,"runs_new":3,"runs_changed":0,"runs_unchanged":0,"runs_quarantined":0,"runs_absent":0,"messages_new":0,"body_bytes":0,"seconds":1.5"#;
        let head = "ab".repeat(32);
        let expected = format!(
            r#"{{"sync_id":1,"archive_id":"02020202-0202-0202-0202-020202020202","archive_created":true,"clock_skew_seconds":-2,"started_at":"2026-01-01T00:00:00Z","finished_at":"2026-01-01T00:00:02Z","outcome":"partial","head":"{head}","totals":{{{figures}}},"jobs":[{{"job_id":"01010101-0101-0101-0101-010101010101","name":null,"outcome":"partial","error":"cut\u001b[2J","http_status":200,{figures},"count_asked":0,"server":"https://ccs"}}]}}"#
        );
        assert_eq!(json, expected);
    }

    fn parts(failure: &Failure) -> (&str, &[String]) {
        let Failure::Error(report) = failure else {
            panic!("it is told")
        };
        (&report.message, &report.causes)
    }

    #[test]
    fn the_table_has_the_figures_and_the_failure_the_errors() {
        let names = HashMap::from([(Guid::from_bytes([1; 16]), "Nightly".to_owned())]);
        let summary = SyncSummary::new(&record(), &names, Duration::ZERO);
        let text = summary.text(None);
        assert!(text.contains("1,030") && text.contains("Nightly"), "{text}");
        assert!(
            text.contains(&format!("Sync 1 partial. Ledger head {}", "ab".repeat(32))),
            "{text}"
        );
        let failure = summary.failure().unwrap();
        let (message, causes) = parts(&failure);
        assert_eq!(message, "sync 1 is partial: 1 of 1 job not complete");
        assert_eq!(causes, ["Nightly: cut\x1b[2J"]);
    }

    #[test]
    fn the_row_of_all_has_the_time_that_passed() {
        let mut record = record();
        record.jobs.push(record.jobs[0].clone());
        let text = SyncSummary::new(&record, &HashMap::new(), Duration::from_millis(1600)).text(None);
        let all = text.lines().find(|line| line.trim().starts_with("all ")).unwrap();
        assert!(all.ends_with(" 1.6"), "{text}");
    }

    #[test]
    fn each_outcome_has_its_exit_code() {
        let codes = [
            SyncOutcome::Complete,
            SyncOutcome::Failed,
            SyncOutcome::Partial,
            SyncOutcome::Interrupted,
        ];
        assert_eq!(codes.map(|outcome| exit(outcome).code()), [0, 1, 3, 130]);
    }

    #[test]
    fn a_cause_is_reported_once_with_its_jobs_however_many_jobs_and_causes_there_are() {
        let mut record = record();
        let job = record.jobs[0].clone();
        record.jobs = (0..60_000_u32)
            .map(|number| {
                let job_id = Guid::from_bytes(u128::from(number).to_be_bytes());
                let error = match number % 3 {
                    0 => format!("asking for the runs of job {job_id}: refused"),
                    _ => format!("error {number}"),
                };
                JobRecord {
                    job_id,
                    error: Some(error),
                    ..job.clone()
                }
            })
            .collect();
        let names = [0, 3, 6].map(|number: u128| {
            let id = Guid::from_bytes(number.to_be_bytes());
            (id, format!("job {number}"))
        });
        let failure = SyncSummary::new(&record, &names.into(), Duration::ZERO)
            .failure()
            .unwrap();
        let (_, causes) = parts(&failure);
        assert_eq!(
            causes[0],
            "20000 jobs (job 0, job 3, job 6 and 19997 more): asking for the runs: refused"
        );
        assert_eq!(causes.len(), TOLD_CAUSES + 1);
        assert!(
            causes[TOLD_CAUSES].starts_with("39981 other errors"),
            "{causes:?}"
        );
    }
}
