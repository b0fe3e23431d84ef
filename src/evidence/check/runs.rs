//! Runs and messages: every row against a fresh reading of the payloads.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::Digest;

use super::csv::{CsvRow, CsvRows};
use super::facts::StatedFacts;
use super::files::{Files, MOST_PAYLOAD, payload_of};
use super::findings::PackageFindings;
use super::ledger::{Ledger, LedgerRevision, LedgerRun, RulesInForce};
use super::lines::ChainLine;
use super::messages::{CELLS, ErrorSummary, HeldMessageCells, basis, message_cells, take_in};
use super::scripts::{CHECK_HTML, CHECK_PY};
use super::summary::CheckSummary;
use crate::decode::{read_run_fields, read_time};
use crate::model::{Decimal, Instant, JobRun, JobStatus, TimeBasis, TimeReading, hex};

const RUNS: &[&str] = &[
    "job_run_id",
    "job_id",
    "status",
    "status_name",
    "started_at",
    "ended_at",
    "duration_seconds",
    "exception",
    "custom_status_text",
    "job_summary",
    "status_details",
    "activity_status_list",
    "message_count",
    "revision",
    "first_seen_at",
    "last_changed_at",
    "absent_since",
    "started_at_raw",
    "ended_at_raw",
    "time_basis",
    "job_name",
];
const MESSAGES: &[&str] = &[
    "job_run_id",
    "job_id",
    "ordinal",
    "occurred_at",
    "message",
    "message_details",
    "category",
    "asset",
    "asset_type",
    "asset_owner",
    "absent_since",
    "occurred_at_raw",
    "time_basis",
    "job_name",
];
const FAILURES: &[&str] = &[
    "job_run_id",
    "job_id",
    "job_name",
    "status_name",
    "started_at",
    "ended_at",
    "duration_seconds",
    "revision",
    "exception",
    "errors",
    "assets",
    "top_message",
    "top_detail",
    "absent_since",
];
const CHANGES: &[&str] = &[
    "job_id",
    "job_name",
    "job_run_id",
    "revision",
    "captured_at",
    "status_before",
    "status",
    "was_final",
    "what",
];

/// What a row must say: a column and its value.
pub(super) type ExpectedValues = Vec<(&'static str, Option<String>)>;

/// The comparison of a package's tables with its ledger and payloads.
pub(super) struct Check<'c, 't> {
    pub(super) facts: &'c StatedFacts,
    pub(super) ledger: &'c Ledger<'t>,
    pub(super) files: Files,
    pub(super) findings: &'c mut PackageFindings,
    /// The rows of runs.csv by run.
    pub(super) rows: BTreeMap<String, CsvRow>,
    /// Runs that belong to the package and have a row.
    pub(super) due: BTreeMap<&'t str, &'c LedgerRun<'t>>,
    /// Runs of the span that a rule removed, with the lines that say so.
    pub(super) removed: BTreeMap<&'t str, ChainLine<'t>>,
    /// What gaps.csv must say of runs whose counts disagree.
    pub(super) mismatches: BTreeMap<&'t str, ExpectedValues>,
    /// Runs whose payloads are not known, so that their row in gaps.csv may be missing.
    pub(super) unproved: BTreeSet<&'t str>,
    failures: BTreeMap<String, CsvRow>,
    changes: BTreeMap<String, CsvRow>,
    payloads: u64,
    messages: u64,
    /// Removals without who or why.
    pub(super) unsaid: u64,
    /// Runs that an earlier revision puts into the span and the latest does not.
    moved_out: usize,
    pub(super) assumed: Vec<String>,
}

/// What the payloads of a run say, together.
struct Told {
    run: JobRun,
    held: Vec<HeldMessageCells>,
    /// The number of messages, where it disagrees with the run's own count.
    disagrees: Option<(i64, usize)>,
    /// Status by revision.
    statuses: HashMap<u64, Option<JobStatus>>,
}

impl<'c, 't> Check<'c, 't> {
    pub(super) fn new(
        facts: &'c StatedFacts,
        ledger: &'c Ledger<'t>,
        files: Files,
        findings: &'c mut PackageFindings,
    ) -> Self {
        Self {
            facts,
            ledger,
            files,
            findings,
            rows: BTreeMap::new(),
            due: BTreeMap::new(),
            removed: BTreeMap::new(),
            mismatches: BTreeMap::new(),
            unproved: BTreeSet::new(),
            failures: BTreeMap::new(),
            changes: BTreeMap::new(),
            payloads: 0,
            messages: 0,
            unsaid: 0,
            moved_out: 0,
            assumed: Vec::new(),
        }
    }

    pub(super) fn summary(self) -> CheckSummary {
        CheckSummary {
            runs: self.rows.len() as u64,
            payloads: self.payloads,
            messages: self.messages,
            absent: self.due.values().filter(|run| run.absent_since.is_some()).count(),
            removed: self.removed.len() as u64,
            other_checks: [("check.py", CHECK_PY), ("check.html", CHECK_HTML)]
                .into_iter()
                .filter(|(name, ours)| {
                    let ours = hex(&sha2::Sha256::digest(ours.as_bytes()));
                    self.files.hashes.get(*name) != Some(&ours)
                })
                .map(|(name, _)| name)
                .collect(),
            unsaid: self.unsaid,
            moved_out: self.moved_out,
            has_changes: self.due.values().any(|run| run.revisions.len() > 1),
            assumed: self.assumed,
        }
    }

    /// The rows of a table by what names them; a second one is named.
    pub(super) fn keyed(
        &mut self,
        table: &str,
        columns: &'static [&'static str],
        key: impl Fn(&CsvRow) -> String,
    ) -> BTreeMap<String, CsvRow> {
        let mut rows = CsvRows::open(&mut self.files, table, columns, self.findings);
        let mut held = BTreeMap::new();
        while let Some(row) = rows.next(&mut self.files, self.findings) {
            let key = key(&row);
            if held.contains_key(&key) {
                self.findings
                    .add(format!("data/{table}.csv, {key}"), "it is there twice");
            }
            held.insert(key, row);
        }
        held
    }

    /// Compares a row with what it must say, column by column.
    pub(super) fn same(&mut self, place: &str, expected: &ExpectedValues, row: &CsvRow) {
        for (column, value) in expected {
            let (value, found) = (value.as_deref().unwrap_or_default(), row.get(column));
            if value != found {
                self.findings
                    .differ(place, format!("{column} is wrong"), value, found);
            }
        }
    }

    /// Whether times of a job were read again, so that a start may be another than the one that its line says.
    pub(super) fn is_reindexed(&self, job: &str) -> bool {
        self.ledger.reindexed.contains(job)
    }

    pub(super) fn runs(&mut self) {
        self.rows = self.keyed("runs", RUNS, |row| row.get("job_run_id").to_owned());
        self.failures = self.keyed("failures", FAILURES, |row| row.get("job_run_id").to_owned());
        self.changes = self.keyed("changes", CHANGES, |row| {
            format!("run {}, revision {}", row.get("job_run_id"), row.get("revision"))
        });
        self.population();
        self.payload_files();
        self.counts();
        let mut left: BTreeSet<&'t str> = self.due.keys().copied().collect();
        let mut rows = CsvRows::open(&mut self.files, "messages", MESSAGES, self.findings);
        let mut group: Vec<CsvRow> = Vec::new();
        loop {
            let row = rows.next(&mut self.files, self.findings);
            let of_group = |row: &CsvRow| {
                group
                    .first()
                    .is_none_or(|first| first.get("job_run_id") == row.get("job_run_id"))
            };
            match row {
                Some(row) if of_group(&row) => group.push(row),
                row => {
                    self.group(&std::mem::take(&mut group), &mut left);
                    match row {
                        Some(row) => group.push(row),
                        None => break,
                    }
                }
            }
        }
        for id in left {
            self.run(id, &[]);
        }
        for id in std::mem::take(&mut self.failures).into_keys() {
            self.findings.add(
                format!("data/failures.csv, run {id}"),
                "runs.csv has no such run that failed",
            );
        }
        for key in std::mem::take(&mut self.changes).into_keys() {
            let what = "there is no such further revision of a run in this package";
            self.findings.add(format!("data/changes.csv, {key}"), what);
        }
    }

    /// Which runs must be there.
    fn population(&mut self) {
        let ledger = self.ledger;
        for (&id, run) in &ledger.runs {
            if let Some(removed) = run.removed {
                if self.facts.has_time(Some(removed.word("started"))) {
                    self.removed.insert(id, removed);
                }
                continue;
            }
            let has_row = self.rows.contains_key(id);
            if !self.facts.has_time(run.latest().started()) {
                // Its start as it is read now may lie in the span: that is compared with the payload.
                if has_row
                    && self.is_reindexed(run.job)
                    && self.facts.has_time(Some(self.rows[id].get("started_at")))
                {
                    self.due.insert(id, run);
                } else if (run.revisions.iter()).any(|revision| self.facts.has_time(revision.started())) {
                    self.moved_out += 1;
                }
                continue;
            }
            if has_row {
                self.due.insert(id, run);
            } else {
                let entry = run.latest().entry();
                let what = format!("it is missing: the ledger tells of it (data/ledger.txt, entry {entry})");
                self.findings.add(format!("data/runs.csv, run {id}"), what);
            }
        }
        for id in self.rows.keys() {
            if !self.due.contains_key(id.as_str()) {
                let what = "the ledger tells of no such run of these jobs in this span";
                self.findings.add(format!("data/runs.csv, run {id}"), what);
            }
        }
    }

    /// No payload is there that no revision has.
    fn payload_files(&mut self) {
        let mut count = 0;
        for name in self.files.names() {
            if !name.starts_with("data/payloads/") {
                continue;
            }
            count += 1;
            let is_expected = payload_of(name).is_some_and(|(run, number)| {
                let has_number = |run: &LedgerRun<'_>| {
                    run.revisions
                        .iter()
                        .any(|revision| revision.number.to_string() == number)
                };
                let run = self.ledger.runs.get(run).filter(|run| run.removed.is_none());
                !self.facts.is_redacted
                    && run.is_some_and(|run| {
                        let is_in = self.facts.has_time(run.latest().started());
                        has_number(run)
                            && (is_in || payload_of(name).is_some_and(|(run, _)| self.due.contains_key(run)))
                    })
            });
            if !is_expected {
                self.findings
                    .add(name, "it is the payload of no revision of a run in this package");
            }
        }
        if self.facts.payloads != Some(count) {
            let what = "it says another number of payloads than there are";
            let said = self.facts.payloads.unwrap_or_default();
            self.findings.differ("data/package.json", what, count, said);
        }
    }

    fn counts(&mut self) {
        let runs = self.rows.len() as u64;
        if self.facts.runs != Some(runs) {
            let what = "it says another number of runs than data/runs.csv has";
            let said = self.facts.runs.unwrap_or_default();
            self.findings.differ("data/package.json", what, runs, said);
        }
        if runs == 0 && !self.facts.allows_empty {
            let what = "the package has no run, and it was not made with --allow-empty";
            self.findings.add("data/runs.csv", what);
        }
    }

    fn group(&mut self, messages: &[CsvRow], left: &mut BTreeSet<&'t str>) {
        let Some(id) = messages.first().map(|row| row.get("job_run_id")) else {
            return;
        };
        match left.take(id) {
            Some(id) => self.run(id, messages),
            None => {
                let what = "it is not in runs.csv, or its messages do not stand together";
                self.findings.add(format!("data/messages.csv, run {id}"), what);
            }
        }
    }

    /// Everything about one run: payloads, row, messages, failure, changes.
    fn run(&mut self, id: &'t str, messages: &[CsvRow]) {
        let (run, row) = (self.due[id], self.rows[id].clone());
        let told = self.told(id, run);
        let name = self.facts.name_of(run.job).map(str::to_owned);
        let common: ExpectedValues = vec![("job_id", Some(run.job.to_owned())), ("job_name", name)];
        let mut expected = common.clone();
        expected.extend([
            ("revision", Some(run.latest().number.to_string())),
            ("first_seen_at", Some(run.revisions[0].at().to_owned())),
            ("last_changed_at", Some(run.latest().at().to_owned())),
            ("absent_since", run.absent_since.map(str::to_owned)),
        ]);
        match &told {
            Some(told) => expected.extend(said_of(&told.run)),
            None if self.is_reindexed(run.job) => {}
            None => expected.push(("started_at", run.latest().started().map(str::to_owned))),
        }
        self.same(&format!("data/runs.csv, run {id}"), &expected, &row);
        if told.is_some()
            && !self.facts.has_time(run.latest().started())
            && !self.facts.has_time(Some(row.get("started_at")))
        {
            let what = "it did not start in the span of the package";
            self.findings.add(format!("data/runs.csv, run {id}"), what);
        }
        self.messages(id, told.as_ref(), &common, messages);
        let errors = match &told {
            Some(told) => ErrorSummary::of(
                told.held
                    .iter()
                    .map(|held| held.message.each_ref().map(Option::as_deref)),
            ),
            None => ErrorSummary::of(
                messages
                    .iter()
                    .map(|row| CELLS.map(|column| Some(row.get(column)))),
            ),
        };
        self.failure(id, &row, &common, errors);
        for revision in run.revisions.iter().filter(|revision| revision.number > 1) {
            let key = format!("run {id}, revision {}", revision.number);
            let place = format!("data/changes.csv, {key}");
            let Some(change) = self.changes.remove(&key) else {
                self.findings.add(place, "it is missing");
                continue;
            };
            let mut expected = common.clone();
            expected.push(("captured_at", Some(revision.at().to_owned())));
            if let Some(told) = &told {
                let before = told.statuses.get(&(revision.number - 1)).copied().flatten();
                let after = told.statuses.get(&revision.number).copied().flatten();
                let was_final = before.is_some_and(JobStatus::is_final);
                let code = |status: Option<JobStatus>| status.map(|status| status.0.to_string());
                expected.extend([
                    ("status_before", code(before)),
                    ("status", code(after)),
                    ("was_final", Some(u8::from(was_final).to_string())),
                ]);
            }
            self.same(&place, &expected, &change);
        }
        let disagrees = match &told {
            Some(told) => told.disagrees.map(|(count, came)| (count.to_string(), came)),
            // Whether its list of messages was complete is not known here.
            None => {
                self.unproved.insert(id);
                let came = messages
                    .iter()
                    .filter(|row| row.get("absent_since").is_empty())
                    .count();
                let count = row.get("message_count");
                (!count.is_empty() && count != came.to_string()).then(|| (count.to_owned(), came))
            }
        };
        if let Some((count, came)) = disagrees {
            let mut expected = common;
            expected.extend([
                ("from", Some(row.get("started_at").to_owned())),
                ("to", Some(row.get("ended_at").to_owned())),
                ("state", Some("count_mismatch".to_owned())),
                ("runs", Some("1".to_owned())),
                ("total_job_runs", None),
                ("last_sync_id", None),
                (
                    "why",
                    Some(format!("MessageCount {count}, and {came} messages came")),
                ),
            ]);
            self.mismatches.insert(id, expected);
        }
    }

    fn messages(&mut self, id: &str, told: Option<&Told>, common: &ExpectedValues, messages: &[CsvRow]) {
        self.messages += messages.len() as u64;
        if let Some(told) = told
            && told.held.len() != messages.len()
        {
            let what = "it has more or fewer messages than its payloads have";
            let place = format!("data/messages.csv, run {id}");
            self.findings.differ(place, what, told.held.len(), messages.len());
        }
        for (ordinal, row) in messages.iter().enumerate() {
            let mut expected = common.clone();
            expected.push(("ordinal", Some(ordinal.to_string())));
            match told {
                Some(told) => {
                    let Some(held) = told.held.get(ordinal) else { break };
                    expected.extend(CELLS.into_iter().zip(held.message.iter().cloned()));
                    expected.push(("absent_since", held.absent_since.clone()));
                }
                None if self.facts.is_redacted => expected.push(("asset_owner", None)),
                None => {}
            }
            self.same(
                &format!("data/messages.csv, run {id}, message {ordinal}"),
                &expected,
                row,
            );
        }
    }

    fn failure(&mut self, id: &str, row: &CsvRow, common: &ExpectedValues, errors: ErrorSummary) {
        if !["5", "7"].contains(&row.get("status")) {
            return;
        }
        let place = format!("data/failures.csv, run {id}");
        let Some(failure) = self.failures.remove(id) else {
            self.findings
                .add(place, "it is missing, and runs.csv says that it failed");
            return;
        };
        let mut expected = common.clone();
        let columns = [
            "status_name",
            "started_at",
            "ended_at",
            "duration_seconds",
            "revision",
            "exception",
            "absent_since",
        ];
        expected.extend(columns.map(|column| (column, Some(row.get(column).to_owned()))));
        expected.extend([
            ("errors", Some(errors.count.to_string())),
            ("assets", Some(errors.assets.to_string())),
            ("top_message", errors.top_message),
            ("top_detail", errors.top_detail),
        ]);
        self.same(&place, &expected, &failure);
    }

    /// Reads the payloads of a run; `None` where one is missing or cannot be read, which is named, or left out.
    fn told(&mut self, id: &str, run: &LedgerRun<'_>) -> Option<Told> {
        if self.facts.is_redacted {
            return None;
        }
        let (mut held, mut latest, mut statuses, mut whole) = (Vec::new(), None, HashMap::new(), true);
        for revision in &run.revisions {
            let Some(said) = self.payload(id, revision) else {
                whole = false;
                continue;
            };
            statuses.insert(revision.number, said.status());
            let started = started_then(&said, revision);
            if let Some(started) = started.filter(|started| *started != revision.line.word("started")) {
                let what = "the start of its run is not the one that the ledger says";
                let place = format!("data/payloads/{id}-{}.json", revision.number);
                self.findings
                    .differ(place, what, revision.line.word("started"), started);
            }
            if let Some(messages) = said.messages() {
                let is_all = said.unreadable_messages().is_empty();
                take_in(
                    &mut held,
                    messages.map(message_cells).collect(),
                    is_all,
                    revision.at(),
                );
            }
            latest = Some(said);
        }
        let run = latest.filter(|_| whole)?;
        let present = held.iter().filter(|held| held.absent_since.is_none()).count();
        let is_counted = run.messages().is_some() && run.unreadable_messages().is_empty();
        let count = run
            .message_count()
            .filter(|&count| is_counted && usize::try_from(count) != Ok(present));
        Some(Told {
            disagrees: count.map(|count| (count, present)),
            run,
            held,
            statuses,
        })
    }

    fn payload(&mut self, id: &str, revision: &LedgerRevision<'_>) -> Option<JobRun> {
        let name = format!("data/payloads/{id}-{}.json", revision.number);
        let Some(size) = self.files.size(&name) else {
            let entry = revision.entry();
            let what =
                format!("it is missing: the ledger tells of this revision (data/ledger.txt, entry {entry})");
            self.findings.add(name, what);
            return None;
        };
        if size != revision.line.count("bytes") {
            let what = "it does not have as many bytes as the ledger says";
            self.findings
                .differ(name, what, revision.line.word("bytes"), size);
            return None;
        }
        let bytes = self.files.read(&name, MOST_PAYLOAD, self.findings)?;
        let (expected, found) = (revision.line.word("sha256"), hex(&sha2::Sha256::digest(&bytes)));
        if expected != found {
            self.findings
                .differ(name, "its SHA-256 is not the one in the ledger", expected, found);
            return None;
        }
        self.payloads += 1;
        let RulesInForce::Known(zone) = revision.rules else {
            return None;
        };
        match read_run_fields(&bytes, zone) {
            Ok(run) if run.job_run_id().to_string() == id => Some(run),
            Ok(run) => {
                self.findings
                    .differ(name, "it is the payload of another run", id, run.job_run_id());
                None
            }
            Err(why) => {
                self.findings
                    .add(name, format!("it cannot be read as a run ({why})"));
                None
            }
        }
    }
}

/// The start of a run as it was read when its line was written; `None` where the rules of then are gone.
fn started_then(run: &JobRun, revision: &LedgerRevision<'_>) -> Option<String> {
    let word = |reading: TimeReading| {
        reading
            .instant()
            .map_or_else(|| "-".to_owned(), |at| at.to_string())
    };
    let started = run.started();
    if revision.rules_then == revision.rules || started.basis() == Some(TimeBasis::Explicit) {
        return Some(word(started));
    }
    match revision.rules_then {
        RulesInForce::Known(zone) => Some(
            run.started_raw()
                .map_or_else(|| "-".to_owned(), |raw| word(read_time(raw, zone))),
        ),
        RulesInForce::Gone => None,
    }
}

/// What runs.csv must say of a run, as far as its payload decides.
fn said_of(run: &JobRun) -> ExpectedValues {
    let time = |reading: TimeReading| reading.instant().map(|at| at.to_string());
    let text = |text: Option<&str>| text.map(str::to_owned);
    let (started, ended) = (run.started(), run.ended());
    let duration = started.instant().zip(ended.instant()).map(|(start, end)| {
        Decimal::seconds(i128::from(Instant::ticks(end)) - i128::from(Instant::ticks(start))).to_string()
    });
    let time_basis = match (started.basis(), ended.basis()) {
        (Some(one), Some(other)) if one != other => Some("mixed"),
        (one, other) => one.or(other).map(basis),
    };
    vec![
        ("status", run.status().map(|status| status.0.to_string())),
        (
            "status_name",
            run.status().map(|status| status.name().into_owned()),
        ),
        ("started_at", time(started)),
        ("ended_at", time(ended)),
        ("duration_seconds", duration),
        ("exception", text(run.exception())),
        ("custom_status_text", text(run.custom_status_text())),
        ("job_summary", text(run.job_summary())),
        ("status_details", text(run.status_details())),
        ("activity_status_list", text(run.activity_status_list())),
        (
            "message_count",
            run.message_count().map(|count| count.to_string()),
        ),
        ("started_at_raw", text(run.started_raw())),
        ("ended_at_raw", text(run.ended_raw())),
        ("time_basis", text(time_basis)),
    ]
}
