//! Quarantine, sample, removals and vanished runs.

use std::collections::BTreeMap;

use sha2::Digest;

use super::csv::{Row, Rows};
use super::files::piece_of;
use super::lines::instant;
use super::runs::{Check, Expected};
use crate::model::{Decimal, Instant, hex};

const QUARANTINE: &[&str] = &[
    "quarantine_id",
    "job_id",
    "sync_id",
    "captured_at",
    "position",
    "reason",
    "accepted_at",
];
const SAMPLE: &[&str] = &[
    "rank",
    "is_spare",
    "draw",
    "job_run_id",
    "job_id",
    "job_name",
    "status_name",
    "started_at",
    "ended_at",
    "revision",
    "payload_sha256",
    "entry_id",
];
const REMOVALS: &[&str] = &[
    "job_run_id",
    "job_id",
    "started_at",
    "revisions",
    "messages",
    "removed_at",
    "removed_by",
    "reason",
    "plan",
];
const VANISHED: &[&str] = &[
    "job_run_id",
    "job_id",
    "job_name",
    "status_name",
    "started_at",
    "absent_since",
    "age_days",
    "purge_age_days",
];

fn hash(text: &str) -> String {
    hex(&sha2::Sha256::digest(text.as_bytes()))
}

impl Check<'_, '_> {
    pub(super) fn quarantine(&mut self) {
        let ledger = self.ledger;
        let held = self.keyed("quarantine", QUARANTINE, |row| {
            row.get("quarantine_id").to_owned()
        });
        for number in held
            .keys()
            .filter(|number| !ledger.pieces.contains_key(number.as_str()))
        {
            let what = "the ledger tells of no such piece of these jobs";
            self.findings
                .add(format!("data/quarantine.csv, number {number}"), what);
        }
        for (number, piece) in &ledger.pieces {
            let place = format!("data/quarantine.csv, number {number}");
            let Some(row) = held.get(*number) else {
                self.findings
                    .add(place, "it is missing, and the ledger tells of it");
                continue;
            };
            let word = |name| Some(piece.line.word(name).to_owned());
            let expected = vec![
                ("job_id", word("job")),
                ("sync_id", word("sync")),
                ("captured_at", word("at")),
                ("position", word("position")),
                ("accepted_at", piece.accepted_at.map(str::to_owned)),
            ];
            self.same(&place, &expected, row);
            self.same_hash(&place, "reason", piece.line.word("reason"), row);
            let name = format!("data/quarantine/{number}.bin");
            if self.facts.is_redacted || self.files.broken.contains(&name) {
                continue;
            }
            match self.files.hashes.get(&name) {
                None => self.findings.add(name, "it is missing"),
                Some(found) if found != piece.line.word("kept") => {
                    let what = "its SHA-256 is not the one in the ledger";
                    self.findings.differ(&name, what, piece.line.word("kept"), found);
                }
                Some(_) => {}
            }
        }
        for name in self
            .files
            .names()
            .filter(|name| name.starts_with("data/quarantine/"))
        {
            let is_known = piece_of(name).is_some_and(|number| ledger.pieces.contains_key(number));
            if self.facts.is_redacted || !is_known {
                self.findings
                    .add(name, "it is no piece in quarantine of these jobs");
            }
        }
    }

    /// Compares a text with its hash in a line.
    fn same_hash(&mut self, place: &str, column: &str, expected: &str, row: &Row) {
        let found = hash(row.get(column));
        if found != expected {
            self.findings
                .differ(place, format!("{column} is wrong"), expected, found);
        }
    }

    pub(super) fn sample(&mut self) {
        const FILE: &str = "data/sample.csv";
        let is_there = self.files.size(FILE).is_some();
        let Some(sample) = &self.facts.sample else {
            if is_there {
                self.findings.add(FILE, "package.json says of no sample");
            }
            return;
        };
        if !is_there {
            self.findings
                .add(FILE, "it is missing, and package.json says of a sample");
            return;
        }
        let population = self.rows.len() as u64;
        if sample.population != population {
            let what = "the population of its sample is not the number of runs";
            self.findings
                .differ("data/package.json", what, population, sample.population);
        }
        let draw = |id: &&str| hash(&format!("{}:{id}", sample.seed));
        let mut drawn: Vec<(String, &str)> = self.due.keys().map(|id| (draw(id), *id)).collect();
        drawn.sort();
        drawn.truncate(usize::try_from(sample.size.saturating_add(sample.spare)).unwrap_or(usize::MAX));
        let mut rows = Rows::open(&mut self.files, "sample", SAMPLE, self.findings);
        let mut rank = 0_u64;
        let mut drawn = drawn.into_iter();
        let all = drawn.len();
        while let Some(row) = rows.next(&mut self.files, self.findings) {
            rank += 1;
            let Some((draw, id)) = drawn.next() else { continue };
            let (latest, run) = (self.due[id].latest(), &self.rows[id]);
            let mut expected: Expected = vec![
                ("rank", Some(rank.to_string())),
                ("is_spare", Some(u8::from(rank > sample.size).to_string())),
                ("draw", Some(draw)),
                ("job_run_id", Some(id.to_owned())),
                ("payload_sha256", Some(latest.line.word("sha256").to_owned())),
                ("entry_id", Some(latest.entry().to_string())),
            ];
            let columns = [
                "job_id",
                "job_name",
                "status_name",
                "started_at",
                "ended_at",
                "revision",
            ];
            expected.extend(columns.map(|column| (column, Some(run.get(column).to_owned()))));
            self.same(&format!("{FILE}, rank {rank}"), &expected, &row);
        }
        if rank != all as u64 {
            self.findings
                .differ(FILE, "it has more or fewer rows than were to be drawn", all, rank);
        }
    }

    pub(super) fn removals(&mut self) {
        let held = self.keyed("removals", REMOVALS, |row| row.get("job_run_id").to_owned());
        for id in held.keys().filter(|id| !self.removed.contains_key(id.as_str())) {
            let what = "the ledger does not tell that such a run of this span was removed";
            self.findings.add(format!("data/removals.csv, run {id}"), what);
        }
        for (id, run) in self.removed.clone() {
            let place = format!("data/removals.csv, run {id}");
            let Some(row) = held.get(id) else {
                self.findings
                    .add(place, "it is missing, and the ledger tells that it was removed");
                continue;
            };
            let mut expected: Expected = vec![("job_id", Some(run.job.to_owned()))];
            if !self.is_reindexed(run.job) {
                expected.push(("started_at", run.latest().started().map(str::to_owned)));
            }
            if let Some(line) = run.removed {
                let columns = [
                    ("revisions", "revisions"),
                    ("messages", "messages"),
                    ("removed_at", "at"),
                    ("plan", "plan"),
                ];
                expected.extend(columns.map(|(column, word)| (column, Some(line.word(word).to_owned()))));
                // A text that a salvage lost is empty.
                for (column, word) in [("removed_by", "by"), ("reason", "why")] {
                    if !row.get(column).is_empty() {
                        self.same_hash(&place, column, line.word(word), row);
                    }
                }
                if self.facts.is_redacted {
                    expected.push(("removed_by", None));
                }
            }
            self.same(&place, &expected, row);
        }
    }

    pub(super) fn vanished(&mut self) {
        let held = self.keyed("vanished", VANISHED, |row| row.get("job_run_id").to_owned());
        let mut ages: BTreeMap<String, (String, f64)> = BTreeMap::new();
        for (id, row) in &held {
            let place = format!("data/vanished.csv, run {id}");
            let is_gone =
                |run: &&Row| !run.get("absent_since").is_empty() && !run.get("started_at").is_empty();
            let Some(run) = self.rows.get(id).filter(is_gone).cloned() else {
                let what = "runs.csv has no such run that the server stopped listing";
                self.findings.add(place, what);
                continue;
            };
            let said = row.get("purge_age_days");
            let Some(days) = days(said) else {
                self.findings
                    .differ(place, "purge_age_days is not a number of days", "", said);
                continue;
            };
            let age = age(&run);
            let columns = ["job_id", "job_name", "status_name", "started_at", "absent_since"];
            let mut expected: Expected = columns
                .map(|column| (column, Some(run.get(column).to_owned())))
                .into();
            expected.push((
                "age_days",
                Decimal::ratio(age.into(), 86_400, 1).map(|age| age.to_string()),
            ));
            self.same(&place, &expected, row);
            let (first, _) = ages
                .entry(run.get("job_id").to_owned())
                .or_insert_with(|| (said.to_owned(), days));
            if first != said {
                let what = "purge_age_days is not the same as in the other rows of its job";
                self.findings.differ(&place, what, first.clone(), said);
            }
            if seconds(age) > (days * 0.9 + 1.0) * 86_400.0 {
                self.findings
                    .add(place, "it was older than nine tenths of the purge age");
            }
        }
        for (id, run) in &self.rows {
            let Some((_, days)) = ages.get(run.get("job_id")) else {
                continue;
            };
            let is_gone = !run.get("absent_since").is_empty() && !run.get("started_at").is_empty();
            if is_gone && !held.contains_key(id) && seconds(age(run)) < (days * 0.9 - 1.0) * 86_400.0 {
                let what = "it is missing: the server stopped listing it before nine tenths of the purge age";
                self.findings.add(format!("data/vanished.csv, run {id}"), what);
            }
        }
        if !ages.is_empty() {
            let mut said: Vec<String> = ages
                .into_values()
                .map(|(said, _)| format!("{said} days"))
                .collect();
            said.sort();
            said.dedup();
            self.assumed.push(format!(
                "the purge age of the server in vanished.csv: {}",
                said.join(", ")
            ));
        }
    }
}

/// A number of days with one decimal.
fn days(text: &str) -> Option<f64> {
    let (whole, tenth) = text.split_once('.')?;
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    ((1..=9).contains(&whole.len()) && tenth.len() == 1 && are_digits(whole) && are_digits(tenth))
        .then(|| text.parse().ok())?
}

/// Seconds from the start of a run to its absence.
fn age(run: &Row) -> i64 {
    let second = |column: &str| instant(run.get(column)).map(Instant::unix_seconds);
    let age = second("absent_since").zip(second("started_at"));
    age.map_or(0, |(gone, start)| (gone - start).max(0))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of ten thousand years are exact"
)]
fn seconds(age: i64) -> f64 {
    age as f64
}
