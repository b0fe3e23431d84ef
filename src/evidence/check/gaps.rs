//! Which spans are proved complete: gaps.csv against what syncs found.

use std::collections::{BTreeMap, BTreeSet};

use super::csv::{CsvRow, CsvRows};
use super::facts::StatedPurgeAge;
use super::form::{instant, is_instant};
use super::lines::ChainLine;
use super::runs::{Check, ExpectedValues};
use crate::model::{Decimal, Instant};

const GAPS: &[&str] = &[
    "job_id",
    "job_name",
    "from",
    "to",
    "state",
    "runs",
    "total_job_runs",
    "last_sync_id",
    "job_run_id",
    "why",
];

const MAY_BE_MISSING: &str =
    "longer than the purge age between two complete answers: runs may have come and gone";
const NOT_LOOKED: [&str; 2] = [
    "no answer to the question for all runs was complete, or none has a certain time",
    "older than the purge age at the first complete answer: runs of that time may have been purged before anybody asked",
];

/// Seconds by which the clocks of server and archive may differ.
const CLOCKS: u64 = 86_400;

/// A complete answer to the question for all runs.
struct AnswerLine<'t> {
    line: ChainLine<'t>,
    agrees: bool,
}

impl AnswerLine<'_> {
    fn second(&self, word: &str) -> i64 {
        instant(self.line.word(word)).map_or(0, Instant::unix_seconds)
    }
}

impl Check<'_, '_> {
    pub(super) fn gaps(&mut self) {
        let mut rows = CsvRows::open(&mut self.files, "gaps", GAPS, self.findings);
        let mut spans: BTreeMap<String, Vec<CsvRow>> = BTreeMap::new();
        let mut mismatches: BTreeMap<String, CsvRow> = BTreeMap::new();
        while let Some(row) = rows.next(&mut self.files, self.findings) {
            if row.get("state") == "count_mismatch" {
                let id = row.get("job_run_id").to_owned();
                let place = format!("data/gaps.csv, run {id}");
                if mismatches.insert(id, row).is_some() {
                    self.findings.add(place, "it is there twice");
                }
            } else {
                spans.entry(row.get("job_id").to_owned()).or_default().push(row);
            }
        }
        self.mismatches(&mismatches);
        if !spans.keys().eq(self.facts.jobs.keys()) {
            let list =
                |jobs: Vec<&String>| jobs.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            let what = "it has other jobs than package.json says";
            let (said, there) = (self.facts.jobs.keys().collect(), spans.keys().collect());
            self.findings
                .differ("data/gaps.csv", what, list(said), list(there));
        }
        let open = spans
            .values()
            .flatten()
            .filter(|row| row.get("state") != "complete")
            .count();
        if open > 0 {
            self.assumed.push(format!(
                "whether the server had more runs in spans that gaps.csv does not call complete: {open}"
            ));
        }
        let answers = self.ledger.answers.values().flat_map(|answers| complete(answers));
        let disputed = answers.filter(|answer| !answer.agrees).count();
        if disputed > 0 {
            self.assumed.push(format!(
                "which is right where the server's own count (TotalJobRuns) is not the number of runs that it listed; complete answers so: {disputed}"
            ));
        }
        for (job, spans) in &spans {
            let Some(answers) = self.ledger.answers.get(job.as_str()) else {
                continue;
            };
            let keeps = self.spans(job, spans, &complete(answers));
            let listed = self.facts.purge_ages.get(job).map_or(0, |age| age.listed_seconds);
            if u64::try_from(keeps).is_ok_and(|keeps| keeps > listed.saturating_add(CLOCKS)) {
                let what = "a span is called complete that is longer than the purge age between two complete answers";
                self.findings
                    .differ(format!("data/gaps.csv, job {job}"), what, listed, keeps);
            }
        }
        let ages: BTreeSet<String> = self
            .facts
            .purge_ages
            .values()
            .map(StatedPurgeAge::words)
            .collect();
        for age in ages {
            self.assumed.push(format!(
                "how long the server lists a run, by which gaps.csv and vanished.csv judge: {age}"
            ));
        }
    }

    fn mismatches(&mut self, found: &BTreeMap<String, CsvRow>) {
        for id in found
            .keys()
            .filter(|id| !self.mismatches.contains_key(id.as_str()))
        {
            let what = "the counts of this run agree, or it is not in this package";
            self.findings.add(format!("data/gaps.csv, run {id}"), what);
        }
        for (id, expected) in std::mem::take(&mut self.mismatches) {
            let place = format!("data/gaps.csv, run {id}");
            match found.get(id) {
                Some(row) => self.same(&place, &expected, row),
                None if self.unproved.contains(id) => {}
                None => {
                    let what = "it is missing: its MessageCount is not the number of its messages";
                    self.findings.add(place, what);
                }
            }
        }
    }

    /// The spans of a job; returns for how many seconds the server must list a run for what is called complete.
    fn spans(&mut self, job: &str, spans: &[CsvRow], answers: &[AnswerLine<'_>]) -> i64 {
        let facts = self.facts;
        let whole = |bound: &Option<String>| bound.as_deref().map(whole_seconds).unwrap_or_default();
        let (mut begin, until) = (whole(&facts.since), whole(&facts.until));
        let mut starts: Vec<i64> = self
            .rows
            .values()
            .filter(|row| row.get("job_id") == job)
            .filter_map(|row| instant(row.get("started_at")).map(Instant::ticks))
            .collect();
        starts.sort_unstable();
        let mut keeps = 0;
        for (number, row) in (1..).zip(spans) {
            let place = format!("data/gaps.csv, job {job}, span {number}");
            let is_last = number == spans.len();
            let (from, to) = (row.get("from").to_owned(), row.get("to").to_owned());
            let expected = vec![
                ("job_name", facts.name_of(job).map(str::to_owned)),
                ("from", Some(begin)),
                ("to", Some(if is_last { until.clone() } else { to.clone() })),
                ("job_run_id", None),
            ];
            self.same(&place, &expected, row);
            let are_instants = [&from, &to]
                .into_iter()
                .all(|end| end.is_empty() || is_instant(end));
            let are_reversed = !from.is_empty() && !to.is_empty() && from >= to;
            if !are_instants || are_reversed || to.is_empty() && !is_last {
                self.findings
                    .add(place, "its times are not those of a span behind the one before");
                break;
            }
            // The table has bounds without their fractions.
            let exact = |is_outer, bound: &'_ Option<String>, end: &str| match is_outer {
                true => bound.as_deref().and_then(instant),
                false => instant(end),
            };
            let before = |end: Option<Instant>, all| {
                end.map_or(all, |end| starts.partition_point(|&start| start < end.ticks()))
            };
            let (since, until) = (
                exact(number == 1, &facts.since, &from),
                exact(is_last, &facts.until, &to),
            );
            let runs = before(until, starts.len()).saturating_sub(before(since, 0));
            self.same(&place, &vec![("runs", Some(runs.to_string()))], row);
            keeps = keeps.max(self.span(job, number, row, answers));
            begin = to;
        }
        keeps
    }

    /// What a span says of itself; returns for how many seconds the server must list a run if it is called complete.
    fn span(&mut self, job: &str, number: usize, row: &CsvRow, answers: &[AnswerLine<'_>]) -> i64 {
        let place = format!("data/gaps.csv, job {job}, span {number}");
        let why = row.get("why");
        let has = |sync: &str| answers.iter().position(|answer| answer.line.word("sync") == sync);
        match row.get("state") {
            state @ ("complete" | "disputed") => {
                let is_complete = state == "complete";
                let named = syncs_of(why).and_then(|(first, last)| Some((has(first)?, has(last)?)));
                let fits = named.filter(|&(first, last)| {
                    first <= last
                        && answers[first].agrees == is_complete
                        && answers[last].agrees == is_complete
                });
                let Some((first, last)) = fits else {
                    let what = format!("no complete answer in the ledger says that this span is {state}");
                    self.findings.differ(place, what, "", why);
                    return 0;
                };
                let word = |at: usize, name| answers[at].line.word(name);
                let total = Some(word(last, "total")).filter(|total| *total != "-");
                let by = match first == last {
                    true => format!("by the complete answer of sync {}", word(first, "sync")),
                    false => format!(
                        "by complete answers of syncs {} to {}",
                        word(first, "sync"),
                        word(last, "sync")
                    ),
                };
                let said = total.map_or_else(
                    || "which did not say TotalJobRuns".to_owned(),
                    |total| format!("TotalJobRuns {total}"),
                );
                let expected: ExpectedValues = vec![
                    ("last_sync_id", Some(word(last, "sync").to_owned())),
                    ("total_job_runs", total.map(str::to_owned)),
                    (
                        "why",
                        Some(format!(
                            "{by}; the last listed {} runs, {said}",
                            word(last, "seen")
                        )),
                    ),
                ];
                self.same(&place, &expected, row);
                match is_complete {
                    true => self.reach(job, number, row, &answers[first..=last]),
                    false => 0,
                }
            }
            state @ ("may_be_missing" | "not_looked") => {
                self.same(
                    &place,
                    &vec![("last_sync_id", None), ("total_job_runs", None)],
                    row,
                );
                let since = why
                    .strip_prefix("since sync ")
                    .and_then(|rest| rest.strip_suffix(" began no answer was complete"));
                let is_right = match (state, since) {
                    (_, Some(sync)) => has(sync).is_some(),
                    ("may_be_missing", None) => why == MAY_BE_MISSING,
                    (_, None) => NOT_LOOKED.contains(&why),
                };
                if !is_right {
                    self.findings.differ(place, "why is wrong", "", why);
                }
                0
            }
            state => {
                self.findings.differ(place, "state is wrong", "", state);
                0
            }
        }
    }

    /// For how many seconds the server must list a run, that no run of a span that is called complete is missing.
    fn reach(&mut self, job: &str, number: usize, row: &CsvRow, answers: &[AnswerLine<'_>]) -> i64 {
        let second = |text: &str| instant(text).map(Instant::unix_seconds);
        let Some((from, to)) = second(row.get("from")).zip(second(row.get("to"))) else {
            let place = format!("data/gaps.csv, job {job}, span {number}");
            self.findings
                .add(place, "no answer can say that a span without bounds is complete");
            return 0;
        };
        let last = &answers[answers.len() - 1];
        let behind = to - last.second("began");
        let is_cut = self
            .facts
            .until
            .as_deref()
            .map(whole_seconds)
            .is_some_and(|until| until == row.get("to"));
        let clocks = i64::try_from(CLOCKS).unwrap_or(i64::MAX);
        if behind > clocks || !is_cut && behind < -clocks {
            let place = format!("data/gaps.csv, job {job}, span {number}");
            let what = format!("it does not end when sync {} began", last.line.word("sync"));
            self.findings
                .differ(place, what, last.line.word("began"), row.get("to"));
        } else if !is_cut && behind != 0 {
            self.assumed.push(format!(
                "data/gaps.csv, job {job}: by {} s span {number} ends otherwise than sync {} began: the difference between the clocks",
                behind.abs(),
                last.line.word("sync")
            ));
        }
        let agreeing: Vec<&AnswerLine<'_>> = answers.iter().filter(|answer| answer.agrees).collect();
        let first = agreeing[0].second("at") - from;
        let between = agreeing
            .windows(2)
            .map(|pair| pair[1].second("at") - pair[0].second("began"));
        between.fold(first.max(0), i64::max)
    }
}

/// The complete answers to the question for all runs, in the order of time.
fn complete<'t>(answers: &[ChainLine<'t>]) -> Vec<AnswerLine<'t>> {
    let is_full = |line: &&ChainLine<'_>| line.word("outcome") == "complete" && line.word("count") == "0";
    let answer = |line: &ChainLine<'t>| {
        let total = line.word("total");
        AnswerLine {
            line: *line,
            agrees: total == "-" || total == line.word("seen"),
        }
    };
    let mut seen = BTreeSet::new();
    let once = |line: &&ChainLine<'t>| seen.insert(line.word("sync"));
    answers.iter().filter(is_full).filter(once).map(answer).collect()
}

/// The first and the last sync that `why` names.
fn syncs_of(why: &str) -> Option<(&str, &str)> {
    let (by, _) = why.split_once(';')?;
    match by.strip_prefix("by the complete answer of sync ") {
        Some(sync) => Some((sync, sync)),
        None => by
            .strip_prefix("by complete answers of syncs ")?
            .split_once(" to "),
    }
}

/// An instant without its fraction.
fn whole_seconds(text: &str) -> String {
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text.to_owned(),
    }
}

impl StatedPurgeAge {
    fn words(&self) -> String {
        let days = |seconds: u64| {
            Decimal::ratio(seconds.into(), 86_400, 1)
                .map(|days| days.to_string())
                .unwrap_or_default()
        };
        let basis = if self.is_known {
            "as the package says"
        } else {
            "as the package assumes"
        };
        if self.seconds == self.listed_seconds {
            return format!("{} days, {basis}", days(self.seconds));
        }
        format!(
            "{} days ({} days for sure), {basis}",
            days(self.seconds),
            days(self.listed_seconds)
        )
    }
}
