//! Quarantine, sample, removals and vanished runs.

use sha2::Digest;

use super::csv::{CsvRow, CsvRows};
use super::files::piece_of;
use super::form::instant;
use super::runs::{Check, ExpectedValues};
use crate::model::{Decimal, hex};

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

    /// Compares a text with the hash of it in a line.
    fn same_hash(&mut self, place: &str, column: &str, expected: &str, row: &CsvRow) {
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
        let mut rows = CsvRows::open(&mut self.files, "sample", SAMPLE, self.findings);
        let mut rank = 0_u64;
        let mut drawn = drawn.into_iter();
        let all = drawn.len();
        while let Some(row) = rows.next(&mut self.files, self.findings) {
            rank += 1;
            let Some((draw, id)) = drawn.next() else { continue };
            let (latest, run) = (self.due[id].latest(), &self.rows[id]);
            let mut expected: ExpectedValues = vec![
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
        for (id, line) in self.removed.clone() {
            let place = format!("data/removals.csv, run {id}");
            let Some(row) = held.get(id) else {
                self.findings
                    .add(place, "it is missing, and the ledger tells that it was removed");
                continue;
            };
            let columns = [
                ("job_id", "job"),
                ("started_at", "started"),
                ("revisions", "revisions"),
                ("messages", "messages"),
                ("removed_at", "at"),
                ("plan", "plan"),
            ];
            let word = |word| {
                Some(line.word(word))
                    .filter(|word| *word != "-")
                    .map(str::to_owned)
            };
            let mut expected: ExpectedValues = columns.map(|(column, name)| (column, word(name))).into();
            // If a salvage lost a text, the cell is empty.
            for (column, word) in [("removed_by", "by"), ("reason", "why")] {
                if !row.get(column).is_empty() {
                    self.same_hash(&place, column, line.word(word), row);
                }
            }
            if self.facts.is_redacted {
                expected.push(("removed_by", None));
            }
            let is_unsaid = |column: &str| row.get(column).is_empty();
            self.unsaid +=
                u64::from(is_unsaid("reason") || is_unsaid("removed_by") && !self.facts.is_redacted);
            self.same(&place, &expected, row);
        }
    }

    pub(super) fn vanished(&mut self) {
        let mut held = self.keyed("vanished", VANISHED, |row| row.get("job_run_id").to_owned());
        for (id, run) in self.rows.clone() {
            let place = format!("data/vanished.csv, run {id}");
            let age = age(&run);
            let purge = self
                .facts
                .purge_ages
                .get(run.get("job_id"))
                .filter(|purge| purge.is_known);
            let early = purge
                .zip(age)
                .filter(|(purge, age)| *age < i128::from(purge.seconds) * 9 / 10);
            match (early, held.remove(&id)) {
                (None, None) => {}
                (None, Some(_)) => {
                    let what = "runs.csv has no such run that the server stopped listing before nine tenths of the purge age";
                    self.findings.add(place, what);
                }
                (Some(_), None) => {
                    let what =
                        "it is missing: the server stopped listing it before nine tenths of the purge age";
                    self.findings.add(place, what);
                }
                (Some((purge, age)), Some(row)) => {
                    let columns = ["job_id", "job_name", "status_name", "started_at", "absent_since"];
                    let mut expected: ExpectedValues = columns
                        .map(|column| (column, Some(run.get(column).to_owned())))
                        .into();
                    let days = |seconds| Decimal::ratio(seconds, 86_400, 1).map(|days| days.to_string());
                    expected.push(("age_days", days(age)));
                    expected.push(("purge_age_days", days(purge.seconds.into())));
                    self.same(&place, &expected, &row);
                }
            }
        }
        for id in held.into_keys() {
            let what = "runs.csv has no such run that the server stopped listing before nine tenths of the purge age";
            self.findings.add(format!("data/vanished.csv, run {id}"), what);
        }
    }
}

/// Seconds from the start of a run to its absence; `None` if it is not absent or has no start.
fn age(run: &CsvRow) -> Option<i128> {
    let second = |column: &str| instant(run.get(column)).map(|at| i128::from(at.unix_seconds()));
    let (gone, start) = second("absent_since").zip(second("started_at"))?;
    Some((gone - start).max(0))
}
