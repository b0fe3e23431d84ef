//! What a check proved and did not prove, as sentences.

use super::facts::StatedFacts;
use super::ledger::Ledger;
use crate::report::numbers::{counted, grouped};

/// What a check compared, for its report.
pub(super) struct CheckSummary {
    pub(super) runs: u64,
    pub(super) payloads: u64,
    pub(super) messages: u64,
    pub(super) absent: usize,
    pub(super) removed: u64,
    pub(super) unsaid: u64,
    pub(super) moved_out: usize,
    pub(super) has_changes: bool,
    /// Checkers in the package that are not those of this program.
    pub(super) other_checks: Vec<&'static str>,
    pub(super) assumed: Vec<String>,
}

impl CheckSummary {
    pub(super) fn proved(
        &self,
        facts: &StatedFacts,
        ledger: &Ledger<'_>,
        published: Option<bool>,
    ) -> Vec<String> {
        let job = |(id, name): (&String, &Option<String>)| {
            name.as_ref()
                .map_or_else(|| id.clone(), |name| format!("{name} ({id})"))
        };
        let jobs: Vec<String> = facts.jobs.iter().map(job).collect();
        let span = match (&facts.since, &facts.until) {
            (None, None) => "without bounds".to_owned(),
            (since, until) => {
                let or =
                    |bound: &Option<String>, word: &str| bound.clone().unwrap_or_else(|| word.to_owned());
                format!("from {} to {}", or(since, "the beginning"), or(until, "the end"))
            }
        };
        let mut lines = vec![format!("jobs: {}; runs that started {span}", jobs.join(", "))];
        lines.push(match (self.runs, self.removed) {
            (0, 0) => "the archive had recorded no run of these jobs in this span, and that is all that this package proves".to_owned(),
            (runs, removed) => format!(
                "recorded runs of these jobs in this span: {}; in the package: {runs}, of which the server no longer listed {}; removed by a retention rule before the head, as the ledger proves: {removed}",
                grouped(runs + removed),
                grouped(self.absent as u64),
                runs = grouped(runs),
                removed = grouped(removed),
            ),
        });
        lines.push(if facts.is_redacted {
            "when each run was recorded, changed and went absent, and the hash of each of its payloads".to_owned()
        } else {
            format!(
                "{} with the hashes in the ledger; runs.csv, {} of messages.csv, failures.csv and changes.csv say what they say",
                counted(self.payloads, "payload"),
                counted(self.messages, "row")
            )
        });
        if let Some(sample) = &facts.sample {
            lines.push(format!(
                "the sample is the draw by the seed \"{}\": {}, and {} spare",
                sample.seed.replace('"', "\\\""),
                counted(self.runs.min(sample.size), "run"),
                self.runs.saturating_sub(sample.size).min(sample.spare)
            ));
        }
        if !ledger.pieces.is_empty() {
            lines.push(format!(
                "{} in quarantine",
                counted(ledger.pieces.len() as u64, "piece")
            ));
        }
        lines.push(match published {
            Some(_) => "by the head that was given, this is what the archive held then, if that head was published elsewhere at that time",
            None => "no head was given: the package agrees with itself, and whoever has the program could have made another one. Compare its head with one that was published elsewhere (--head, --head-file)",
        }.to_owned());
        lines
    }

    pub(super) fn not_proved(&self, facts: &StatedFacts, ledger: &Ledger<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        if facts.is_redacted {
            lines.push("what runs and messages say, since owners were left out (--redact-owners) and with them the payloads".to_owned());
        }
        lines.extend(self.assumed.iter().cloned());
        if self.unsaid > 0 {
            lines.push(format!(
                "by whom, or why, runs were removed, which data/removals.csv leaves empty: {}",
                self.unsaid
            ));
        }
        if ledger.lost > 0 {
            lines.push(format!(
                "{} that a salvage of a damaged archive could not save",
                counted(ledger.lost as u64, "revision")
            ));
        }
        if !ledger.reindexed.is_empty() && (facts.since.is_some() || facts.until.is_some()) {
            lines.push("whether a run is missing whose start lies in the span only since times were read anew (reindex)".to_owned());
        }
        for name in &self.other_checks {
            lines.push(format!("{name} of the package is not the one of this program: it is of another version, or was changed"));
        }
        if self.moved_out > 0 {
            lines.push(format!(
                "{} whose start an earlier revision puts into this span and the latest does not: not in the package",
                counted(self.moved_out as u64, "recorded run")
            ));
        }
        if self.has_changes {
            lines.push("what changed in each revision (changes.csv, column what)".to_owned());
        }
        lines.push(
            "workpaper.xlsx and README.html: whether they say the same as the CSV files; who prepared the package, and how it was sampled, but for the draw"
                .to_owned(),
        );
        lines.push(
            "that the server told the truth, and what it had deleted before it was first asked".to_owned(),
        );
        lines
    }
}
