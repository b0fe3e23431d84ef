//! What the reports should say, counted from the bodies in plain code: nothing of the program is used here.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::served::{JOBS, NAMES};

/// A message of a run, and since which sync its run no longer has it.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) fields: Value,
    pub(super) absent: Option<usize>,
}

/// A run as the latest body has it.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) job: usize,
    pub(super) id: String,
    pub(super) fields: Value,
    pub(super) messages: Vec<Message>,
    pub(super) absent: Option<usize>,
    pub(super) first: usize,
    /// For each revision the sync, and the fields as they were.
    pub(super) revisions: Vec<(usize, Value)>,
    has_list: bool,
    has_bad_message: bool,
}

/// Everything after so many syncs.
#[derive(Default)]
pub(super) struct History {
    pub(super) runs: BTreeMap<String, Run>,
    /// For each job the syncs in which it was complete.
    pub(super) complete: [Vec<usize>; JOBS],
}

/// What is asked of a report.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) zone: Tz,
    pub(super) since: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) job: Option<usize>,
    pub(super) include_absent: bool,
}

/// The body as a JSON library reads it: it has no words for half a pair, and tables have none for NUL.
pub(super) fn readable(body: &str) -> String {
    body.replace(r"\u0000", r"\ufffd").replace(r"\ud800", r"\ufffd")
}

pub(super) fn text<'v>(fields: &'v Value, name: &str) -> Option<&'v str> {
    fields[name].as_str()
}

/// Ticks of 100 ns since 1970, and whether the text had no offset; `None` where it is not a time.
pub(super) fn time(fields: &Value, name: &str) -> Option<(i64, bool)> {
    let raw = text(fields, name)?;
    if raw == "0001-01-01T00:00:00" {
        return None;
    }
    if let Some(inner) = raw.strip_prefix("/Date(") {
        return Some((
            inner.trim_end_matches(")/").parse::<i64>().unwrap() * 10_000,
            false,
        ));
    }
    let ticks =
        |at: DateTime<Utc>| at.timestamp() * 10_000_000 + i64::from(at.timestamp_subsec_nanos()) / 100;
    if let Ok(at) = DateTime::parse_from_rfc3339(raw) {
        return Some((ticks(at.to_utc()), false));
    }
    let naive = NaiveDateTime::parse_from_str(raw, "%Y-%m-%dT%H:%M:%S").ok()?;
    Some((ticks(naive.and_utc()), true))
}

pub(super) fn ticks(fields: &Value, name: &str) -> Option<i64> {
    time(fields, name).map(|(ticks, _)| ticks)
}

pub(super) fn shown(ticks: Option<i64>) -> String {
    let Some(ticks) = ticks else { return String::new() };
    let at = DateTime::from_timestamp(ticks.div_euclid(10_000_000), 0).unwrap();
    let fraction = format!(".{:07}", ticks.rem_euclid(10_000_000));
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction}Z", at.format("%Y-%m-%dT%H:%M:%S"))
}

/// Seconds without trailing zeros.
pub(super) fn seconds(ticks: i64) -> String {
    let sign = if ticks < 0 { "-" } else { "" };
    let ticks = ticks.abs();
    let all = format!("{sign}{}.{:07}", ticks / 10_000_000, ticks % 10_000_000);
    all.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn status(fields: &Value) -> Option<i64> {
    match fields["Status"].as_str() {
        Some("Faulted") => Some(5),
        _ => fields["Status"].as_i64(),
    }
}

impl Run {
    pub(super) fn start(&self) -> Option<i64> {
        ticks(&self.fields, "JobStartTime")
    }

    pub(super) fn messages(&self, include_absent: bool) -> impl Iterator<Item = &Message> {
        let wanted = move |message: &&Message| include_absent || message.absent.is_none();
        self.messages.iter().filter(wanted)
    }

    fn duration(&self) -> Option<i64> {
        Some(ticks(&self.fields, "JobEndTime")? - self.start()?)
    }
}

impl History {
    /// Takes in what a sync was served of a job.
    pub(super) fn take(&mut self, sync: usize, job: usize, body: &str) {
        let Ok(body) = serde_json::from_str::<Value>(&readable(body)) else {
            return;
        };
        let mut complete = true;
        let mut listed = BTreeSet::new();
        for fields in body["JobStatusInfo"].as_array().unwrap() {
            let id = text(fields, "JobRunID").unwrap().to_lowercase();
            let list = fields["JobMessages"].as_array();
            let has_bad_message = list.is_some_and(|list| list.iter().any(|message| !message.is_object()));
            complete &= !has_bad_message;
            listed.insert(id.clone());
            let run = self.runs.entry(id.clone()).or_insert_with(|| Run {
                job,
                id,
                fields: Value::Null,
                messages: Vec::new(),
                absent: None,
                first: sync,
                revisions: Vec::new(),
                has_list: false,
                has_bad_message,
            });
            run.absent = None;
            if run.fields != *fields {
                run.revisions.push((sync, fields.clone()));
                run.fields = fields.clone();
                run.has_list = list.is_some();
                take_messages(
                    run,
                    list.into_iter().flatten().filter(|message| message.is_object()),
                    sync,
                );
            }
        }
        if complete {
            self.complete[job].push(sync);
            for run in self.runs.values_mut() {
                if run.job == job && !listed.contains(&run.id) && run.absent.is_none() {
                    run.absent = Some(sync);
                }
            }
        }
    }

    /// The runs of the jobs that are asked for.
    pub(super) fn of_jobs(&self, asked: Asked) -> impl Iterator<Item = &Run> {
        let wanted = move |run: &&Run| asked.job.is_none_or(|job| job == run.job);
        self.runs.values().filter(wanted)
    }
}

/// No text comes twice where one of them goes, so a message is known by what it says.
fn take_messages<'v>(run: &mut Run, now: impl Iterator<Item = &'v Value>, sync: usize) {
    let mut left: Vec<bool> = vec![true; run.messages.len()];
    for fields in now {
        let held = (0..left.len()).find(|&at| left[at] && run.messages[at].fields == *fields);
        match held {
            Some(at) => {
                left[at] = false;
                run.messages[at].absent = None;
            }
            None => run.messages.push(Message {
                fields: fields.clone(),
                absent: None,
            }),
        }
    }
    for (message, is_left) in run.messages.iter_mut().zip(left) {
        if is_left && run.has_list && !run.has_bad_message && message.absent.is_none() {
            message.absent = Some(sync);
        }
    }
}

impl Asked {
    pub(super) fn has(&self, ticks: Option<i64>) -> bool {
        match ticks {
            None => self.since.is_none() && self.until.is_none(),
            Some(ticks) => {
                self.since.is_none_or(|since| since <= ticks) && self.until.is_none_or(|until| ticks < until)
            }
        }
    }
}

fn period(ticks: i64, zone: Tz, by: &str) -> NaiveDate {
    let day = zone
        .timestamp_opt(ticks.div_euclid(10_000_000), 0)
        .unwrap()
        .date_naive();
    match by {
        "day" => day,
        "week" => day - chrono::Days::new(day.weekday().num_days_from_monday().into()),
        "month" => day.with_day(1).unwrap(),
        "quarter" => day
            .with_day(1)
            .unwrap()
            .with_month0(day.month0() / 3 * 3)
            .unwrap(),
        _ => NaiveDate::from_ymd_opt(day.year(), 1, 1).unwrap(),
    }
}

/// `above / below` with decimals, halves away from zero.
fn rounded(above: i64, below: i64, decimals: u32) -> String {
    let scale = 10_i64.pow(decimals);
    let twice = 2 * above.abs() * scale;
    let units = (twice + below) / (2 * below);
    let sign = if above < 0 && units != 0 { "-" } else { "" };
    let width = decimals as usize;
    format!("{sign}{}.{:0width$}", units / scale, units % scale)
}

/// The share that failed, empty where nothing finished.
pub(super) fn rate(failed: i64, finished: i64) -> String {
    if finished == 0 {
        return String::new();
    }
    rounded(failed, finished, 4)
}

pub(super) fn failure_trends(
    history: &History,
    ids: &[String; JOBS],
    asked: Asked,
    by: &str,
    all_jobs: bool,
) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<(bool, Option<NaiveDate>, String), Vec<&Run>> = BTreeMap::new();
    for run in history.of_jobs(asked).filter(|run| asked.has(run.start())) {
        let first = run.start().map(|start| period(start, asked.zone, by));
        let job = if all_jobs {
            String::new()
        } else {
            ids[run.job].clone()
        };
        groups.entry((first.is_none(), first, job)).or_default().push(run);
    }
    let row = |((_, first, job), runs): ((bool, Option<NaiveDate>, String), Vec<&Run>)| {
        let of = |codes: &[i64]| {
            let is_one = |run: &&&Run| status(&run.fields).is_some_and(|code| codes.contains(&code));
            runs.iter().filter(is_one).count()
        };
        let (completed, faulted, aborted, unfinished) = (of(&[4]), of(&[5]), of(&[7]), of(&[0, 1, 2, 3]));
        let (failed, finished) = (faulted + aborted, faulted + aborted + completed);
        let messages: Vec<usize> = runs
            .iter()
            .map(|run| run.messages(asked.include_absent).count())
            .collect();
        let durations: Vec<i64> = runs.iter().filter_map(|run| run.duration()).collect();
        let number = |count: usize| count.to_string();
        let name = if all_jobs { None } else { NAMES[runs[0].job] };
        vec![
            first.map_or(String::new(), |day| day.to_string()),
            job,
            name.unwrap_or_default().to_owned(),
            number(runs.len()),
            number(completed),
            number(faulted),
            number(aborted),
            number(unfinished),
            number(runs.len() - finished - unfinished),
            rate(i64::try_from(failed).unwrap(), i64::try_from(finished).unwrap()),
            number(messages.iter().filter(|&&count| count > 0).count()),
            number(messages.iter().sum()),
            match i64::try_from(durations.len()).unwrap() {
                0 => String::new(),
                // Halves of a tenth are told apart from a little less in ticks.
                count => rounded(durations.iter().sum(), count * 10_000_000, 1),
            },
            durations
                .iter()
                .max()
                .map_or(String::new(), |&longest| seconds(longest)),
        ]
    };
    groups.into_iter().map(row).collect()
}

pub(super) fn asset_errors(history: &History, asked: Asked) -> Vec<Vec<String>> {
    type Seen<'h> = (&'h Run, &'h Value, Option<i64>);
    let mut groups: BTreeMap<(&str, &str), Vec<Seen<'_>>> = BTreeMap::new();
    for run in history.of_jobs(asked) {
        for message in run.messages(asked.include_absent) {
            let at = ticks(&message.fields, "DateTime").or(run.start());
            if asked.has(at) {
                let name = |name| text(&message.fields, name).unwrap_or_default();
                let group = groups.entry((name("Asset"), name("AssetType"))).or_default();
                group.push((run, &message.fields, at));
            }
        }
    }
    let mut rows = Vec::new();
    for ((asset, asset_type), messages) in groups {
        let of = |names: &[&str]| {
            let category = |fields: &Value| text(fields, "Category").unwrap_or_default().to_lowercase();
            let fitting = messages
                .iter()
                .filter(|(_, fields, _)| names.contains(&category(fields).as_str()));
            fitting.count()
        };
        let (errors, warnings) = (of(&["error"]), of(&["warning"]));
        let information = of(&["info", "information", "informational"]);
        let runs: BTreeSet<&str> = messages.iter().map(|(run, ..)| run.id.as_str()).collect();
        let jobs: BTreeSet<usize> = messages.iter().map(|(run, ..)| run.job).collect();
        let owner = messages
            .iter()
            .map(|(_, fields, at)| (*at, text(fields, "AssetOwner")))
            .max();
        let top = |name| most_frequent(messages.iter().map(|(_, fields, _)| *fields), name);
        let times = || messages.iter().filter_map(|(.., at)| *at);
        let row = vec![
            asset.to_owned(),
            asset_type.to_owned(),
            owner.unwrap().1.unwrap_or_default().to_owned(),
            messages.len().to_string(),
            errors.to_string(),
            warnings.to_string(),
            information.to_string(),
            (messages.len() - errors - warnings - information).to_string(),
            runs.len().to_string(),
            jobs.len().to_string(),
            shown(times().min()),
            shown(times().max()),
            top("Message"),
            top("MessageDetails"),
        ];
        rows.push((Reverse((errors, messages.len())), asset, asset_type, row));
    }
    rows.sort();
    rows.into_iter().map(|(.., row)| row).collect()
}

/// The text that the field has most often; of equally frequent ones the first by bytes, empty where there is none.
fn most_frequent<'h>(messages: impl Iterator<Item = &'h Value>, name: &str) -> String {
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    for fields in messages {
        if let Some(text) = text(fields, name).filter(|text| !text.is_empty()) {
            *said.entry(text).or_default() += 1;
        }
    }
    let top = said.iter().max_by_key(|&(text, count)| (*count, Reverse(*text)));
    top.map_or(String::new(), |(text, _)| (*text).to_owned())
}

pub(super) fn failures(history: &History, ids: &[String; JOBS], asked: Asked) -> Vec<Vec<String>> {
    let is_failed = |run: &&Run| matches!(status(&run.fields), Some(5 | 7)) && asked.has(run.start());
    let mut runs: Vec<&Run> = history.of_jobs(asked).filter(is_failed).collect();
    runs.sort_by_key(|run| (run.start().is_none(), Reverse(run.start()), run.id.as_str()));
    let row = |run: &&Run| {
        let is_error = |message: &&Message| {
            text(&message.fields, "Category").is_some_and(|name| name.eq_ignore_ascii_case("error"))
        };
        let errors: Vec<&Value> = run
            .messages(asked.include_absent)
            .filter(is_error)
            .map(|message| &message.fields)
            .collect();
        let asset = |fields: &&Value| {
            let name = text(fields, "Asset").filter(|name| !name.is_empty())?.to_owned();
            Some((name, text(fields, "AssetType").unwrap_or_default().to_owned()))
        };
        let assets: BTreeSet<(String, String)> = errors.iter().filter_map(asset).collect();
        let name = if status(&run.fields) == Some(5) {
            "Faulted"
        } else {
            "Aborted"
        };
        vec![
            run.id.clone(),
            ids[run.job].clone(),
            NAMES[run.job].unwrap_or_default().to_owned(),
            name.to_owned(),
            shown(run.start()),
            shown(ticks(&run.fields, "JobEndTime")),
            run.duration().map_or(String::new(), seconds),
            run.revisions.len().to_string(),
            text(&run.fields, "Exception").unwrap_or_default().to_owned(),
            errors.len().to_string(),
            assets.len().to_string(),
            most_frequent(errors.iter().copied(), "Message"),
            most_frequent(errors.iter().copied(), "MessageDetails"),
            run.absent.map_or(String::new(), |sync| format!("sync {sync}")),
        ]
    };
    runs.iter().map(row).collect()
}

/// `finished` are the ends of the syncs in seconds since 1970.
pub(super) fn coverage(
    history: &History,
    ids: &[String; JOBS],
    asked: Asked,
    finished: &[i64],
) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for job in (0..JOBS).filter(|&job| asked.job.is_none_or(|asked| asked == job)) {
        let of_job = Asked {
            job: Some(job),
            ..asked
        };
        let runs: Vec<&Run> = history
            .of_jobs(of_job)
            .filter(|run| asked.has(run.start()))
            .collect();
        let absent = runs.iter().filter(|run| run.absent.is_some()).count();
        let starts = || runs.iter().filter_map(|run| run.start());
        let is_wrong = |run: &&&Run| {
            let said = run.fields["MessageCount"].as_u64();
            let held = run.messages(false).count() as u64;
            run.has_list && !run.has_bad_message && said.is_some_and(|said| said != held)
        };
        let ends: Vec<i64> = history.complete[job].iter().map(|&sync| finished[sync]).collect();
        let gaps = ends.windows(2).filter(|pair| {
            asked.since.is_none_or(|since| pair[1] * 10_000_000 > since)
                && asked.until.is_none_or(|until| pair[0] * 10_000_000 < until)
        });
        let longest = gaps.map(|pair| pair[1] - pair[0]).max();
        rows.push(vec![
            ids[job].clone(),
            NAMES[job].unwrap_or_default().to_owned(),
            shown(starts().min()),
            shown(starts().max()),
            runs.len().to_string(),
            (runs.len() - absent).to_string(),
            absent.to_string(),
            shown(ends.last().map(|end| end * 10_000_000)),
            longest.map_or(String::new(), |gap| gap.to_string()),
            runs.iter().filter(is_wrong).count().to_string(),
            twice_usual(&in_order(starts())).map_or(String::new(), |twice| (twice / 20_000_000).to_string()),
            silence(history, job, asked, finished).map_or(String::new(), |(_, from, to)| {
                ((to - from).max(0) / 10_000_000).to_string()
            }),
        ]);
    }
    rows.sort();
    rows
}

fn in_order(starts: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut starts: Vec<i64> = starts.collect();
    starts.sort_unstable();
    starts
}

/// Twice the median interval; none where it has no length.
fn twice_usual(starts: &[i64]) -> Option<i64> {
    let mut lengths: Vec<i64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    lengths.sort_unstable();
    let middle = lengths.len() / 2;
    let twice = match lengths.len() {
        0 => return None,
        odd if odd % 2 == 1 => 2 * lengths[middle],
        _ => lengths[middle - 1] + lengths[middle],
    };
    (twice > 0).then_some(twice)
}

/// The starts of a job before the end of the question, and its open interval: from the last of them, where that is the
/// last of all, to the last complete sync or the end of the question.
fn silence(history: &History, job: usize, asked: Asked, finished: &[i64]) -> Option<(Vec<i64>, i64, i64)> {
    let of_job = Asked {
        job: Some(job),
        ..asked
    };
    let all = in_order(history.of_jobs(of_job).filter_map(|run| run.start()));
    let before = |start: &i64| asked.until.is_none_or(|until| *start < until);
    let starts: Vec<i64> = all.iter().copied().filter(before).collect();
    let from = *starts.last()?;
    let answered = finished[*history.complete[job].last()?] * 10_000_000;
    let to = asked.until.map_or(answered, |until| until.min(answered));
    (starts.len() == all.len()).then_some((starts, from, to))
}

fn usual_text(twice_usual: i64) -> String {
    if twice_usual % 2 == 0 {
        return seconds(twice_usual / 2);
    }
    // Half a tick is 0.00000005 seconds.
    format!(
        "{}.{:07}5",
        twice_usual / 20_000_000,
        twice_usual / 2 % 10_000_000
    )
}

/// `factor` in tenths.
pub(super) fn missed_runs(
    history: &History,
    ids: &[String; JOBS],
    asked: Asked,
    factor: i128,
    finished: &[i64],
) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for job in (0..JOBS).filter(|&job| asked.job.is_none_or(|asked| asked == job)) {
        let of_job = Asked {
            job: Some(job),
            ..asked
        };
        let starts = in_order(
            history
                .of_jobs(of_job)
                .filter_map(|run| run.start().filter(|&start| asked.has(Some(start)))),
        );
        let mut add = |from: i64, to: Option<i64>, twice_usual: i64, missed: i128| {
            let row = vec![
                ids[job].clone(),
                NAMES[job].unwrap_or_default().to_owned(),
                shown(Some(from)),
                shown(to),
                usual_text(twice_usual),
                missed.to_string(),
            ];
            rows.push((ids[job].clone(), from, row));
        };
        let is_long =
            |length: i64, twice_usual: i64| i128::from(length) * 20 > factor * i128::from(twice_usual);
        if let Some(twice) = twice_usual(&starts) {
            for pair in starts.windows(2) {
                let length = pair[1] - pair[0];
                if is_long(length, twice) {
                    let nearest = (i128::from(length) * 4 + i128::from(twice)) / (2 * i128::from(twice));
                    add(pair[0], Some(pair[1]), twice, nearest - 1);
                }
            }
        }
        if let Some((starts, from, to)) = silence(history, job, asked, finished)
            && let Some(twice) = twice_usual(&starts)
            && starts.len() >= 3
            && asked.since.is_none_or(|since| to > since)
            && is_long(to - from, twice)
        {
            add(from, None, twice, i128::from(to - from) * 2 / i128::from(twice));
        }
    }
    rows.sort();
    rows.into_iter().map(|(.., row)| row).collect()
}
