//! What a sync found, for people and for programs.

use std::collections::HashMap;

use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;

use crate::archive::{JobFigures, JobRecord, SyncOutcome, SyncRecord};
use crate::cli::failure::Exit;
use crate::cli::terminal::console::shown;
use crate::cli::terminal::table::{Column, table};
use crate::model::{Guid, hex};

/// The summary as programs read it; the order of the fields is that of the contract.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    sync_id: i64,
    archive_id: String,
    archive_created: bool,
    clock_skew_seconds: Option<i64>,
    started_at: String,
    finished_at: String,
    outcome: &'static str,
    head: String,
    totals: Figures,
    jobs: Vec<JobSummary>,
}

#[derive(Debug, Serialize)]
struct JobSummary {
    job_id: String,
    name: Option<String>,
    outcome: &'static str,
    error: Option<String>,
    http_status: Option<u16>,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Debug, Serialize)]
struct Figures {
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

impl From<&JobFigures> for Figures {
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

impl Summary {
    /// The summary of a sync; `names` has the names of its jobs, as far as they are known.
    pub(crate) fn new(record: &SyncRecord, names: &HashMap<Guid, String>) -> Self {
        let job = |job: &JobRecord| JobSummary {
            job_id: job.job_id.to_string(),
            name: names.get(&job.job_id).cloned(),
            outcome: job.outcome.as_str(),
            error: job.error.clone(),
            http_status: job.http_status,
            figures: Figures::from(&job.figures),
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
            totals: Figures::from(&record.totals),
            jobs: record.jobs.iter().map(job).collect(),
        }
    }

    /// The summary as people read it: a line per job, the sums, what went wrong and what to do about it.
    pub(crate) fn text(&self) -> String {
        let columns = [
            Column::Text("job"),
            Column::Text("outcome"),
            Column::Number("runs"),
            Column::Number("new"),
            Column::Number("changed"),
            Column::Number("absent"),
            Column::Number("quarantined"),
            Column::Number("new messages"),
            Column::Number("read"),
            Column::Number("seconds"),
        ];
        let mut rows: Vec<Vec<String>> = self
            .jobs
            .iter()
            .map(|job| cells(job.title(), job.outcome, &job.figures))
            .collect();
        if self.jobs.len() > 1 {
            rows.push(cells("all", self.outcome, &self.totals));
        }
        let mut text = table(&columns, rows);
        // A refused login, say, is the same for every job: told once.
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut told: Vec<(&str, Vec<&JobSummary>)> = Vec::new();
        for job in &self.jobs {
            let Some(error) = job.error.as_deref() else {
                continue;
            };
            let place = *places.entry(error).or_insert(told.len());
            if place == told.len() {
                told.push((error, Vec::new()));
            }
            told[place].1.push(job);
        }
        for (error, jobs) in told {
            let title = match jobs.as_slice() {
                [job] => job.title().to_owned(),
                _ if jobs.len() == self.jobs.len() => "every job".to_owned(),
                _ => jobs.iter().map(|job| job.title()).collect::<Vec<_>>().join(", "),
            };
            text.push_str(&format!(
                "\n{} ({}): {}\n",
                shown(&title),
                jobs[0].outcome,
                shown(error)
            ));
        }
        if self.totals.runs_quarantined > 0 {
            text.push_str(
                "\nBytes that could not be read are in quarantine: `jobruns quarantine list` shows them, and \
                 `jobruns quarantine accept ID --why TEXT` ends their being reported.\n",
            );
        }
        text.push_str(&format!(
            "\nSync {} {}. Ledger head {}\n",
            self.sync_id, self.outcome, self.head
        ));
        text
    }
}

impl JobSummary {
    fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.job_id)
    }
}

fn cells(title: &str, outcome: &str, figures: &Figures) -> Vec<String> {
    let count = |number: u64| HumanCount(number).to_string();
    vec![
        title.to_owned(),
        outcome.to_owned(),
        count(figures.runs_seen),
        count(figures.runs_new),
        count(figures.runs_changed),
        count(figures.runs_absent),
        count(figures.runs_quarantined),
        count(figures.messages_new),
        DecimalBytes(figures.body_bytes).to_string(),
        format!("{:.1}", figures.seconds),
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
            }],
        }
    }

    #[test]
    fn the_json_is_that_of_the_contract_in_its_order() {
        let json = serde_json::to_string(&Summary::new(&record(), &HashMap::new())).unwrap();
        let figures = r#""attempts":2,"runs_seen":1030,"runs_new":3,"runs_changed":0,"runs_unchanged":0,"runs_quarantined":0,"runs_absent":0,"messages_new":0,"body_bytes":0,"seconds":1.5"#;
        let head = "ab".repeat(32);
        let expected = format!(
            r#"{{"sync_id":1,"archive_id":"02020202-0202-0202-0202-020202020202","archive_created":true,"clock_skew_seconds":-2,"started_at":"2026-01-01T00:00:00Z","finished_at":"2026-01-01T00:00:02Z","outcome":"partial","head":"{head}","totals":{{{figures}}},"jobs":[{{"job_id":"01010101-0101-0101-0101-010101010101","name":null,"outcome":"partial","error":"cut\u001b[2J","http_status":200,{figures}}}]}}"#
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn the_table_names_the_job_and_its_error_without_executing_it() {
        let names = HashMap::from([(Guid::from_bytes([1; 16]), "Nightly".to_owned())]);
        let text = Summary::new(&record(), &names).text();
        assert!(text.contains(r"Nightly (partial): cut\u{1b}[2J"), "{text}");
        assert!(
            text.contains("1,030") && text.contains(&"ab".repeat(32)),
            "{text}"
        );
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
    fn errors_are_told_once_with_all_their_jobs_however_many_jobs_and_errors_there_are() {
        let mut record = record();
        let job = record.jobs[0].clone();
        record.jobs = (0..60_000_u32)
            .map(|number| JobRecord {
                job_id: Guid::from_bytes(u128::from(number).to_be_bytes()),
                error: Some(match number % 3 {
                    0 => "refused".to_owned(),
                    _ => format!("error {number}"),
                }),
                ..job.clone()
            })
            .collect();
        let names = [0, 3].map(|number: u128| {
            let id = Guid::from_bytes(number.to_be_bytes());
            (id, format!("job {number}"))
        });
        let text = Summary::new(&record, &names.into()).text();
        assert_eq!(text.matches("): refused\n").count(), 1);
        assert!(
            text.contains("\njob 0, job 3, 00000000-"),
            "{}",
            &text[text.len() - 500..]
        );
        assert_eq!(text.matches("(partial): error ").count(), 40_000);
    }
}
