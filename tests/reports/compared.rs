//! Each report beside the recount, in several zones and with what can be asked of it.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeZone};
use chrono_tz::Tz;
use serde_json::Value;

use super::recount::{Asked, History, Run, seconds, shown, status, text, ticks, time};
use super::recount::{asset_errors, coverage, failure_trends, failures, missed_runs};
use super::served::{self, JOBS, NAMES};
use crate::common::program::Program;
use crate::common::story::Story;

/// What was served, and the program with what it made of it.
pub(super) struct Told {
    pub(super) program: Program,
    pub(super) ids: [String; JOBS],
    pub(super) history: History,
    /// Begin and end of each sync, in seconds since 1970.
    syncs: Vec<(i64, i64)>,
}

impl Told {
    pub(super) async fn new() -> Self {
        let story = Story::new().await;
        // Jobs are ordered by GUID in the reports; so they are here.
        let mut numbered: Vec<(String, u32)> = (0..3).map(|job| (story.job(job), job)).collect();
        numbered.sort();
        let ids: [String; JOBS] = std::array::from_fn(|job| numbered[job].0.clone());
        let lines = (0..JOBS).map(|job| format!("{} {}\n", ids[job], NAMES[job].unwrap_or_default()));
        story.program.write("jobs.txt", lines.collect::<String>());
        let mut history = History::default();
        let mut syncs = Vec::new();
        for (sync, bodies) in served::rounds(&ids).into_iter().enumerate() {
            if sync > 0 {
                // The archive's clock has seconds.
                tokio::time::sleep(Duration::from_millis(1100)).await;
            }
            for (job, body) in bodies.into_iter().enumerate() {
                history.take(sync, job, &body);
                story.server.set_body(numbered[job].1, body);
            }
            let summary = story
                .program
                .run(&["sync", "--jobs-file", "jobs.txt", "--format", "json"])
                .ends_with(3)
                .json();
            let at = |name: &str| {
                summary[name]
                    .as_str()
                    .unwrap()
                    .parse::<DateTime<chrono::Utc>>()
                    .unwrap()
            };
            syncs.push((at("started_at").timestamp(), at("finished_at").timestamp()));
        }
        Self {
            program: story.program,
            ids,
            history,
            syncs,
        }
    }

    /// The rows of a report, and its header before them.
    #[track_caller]
    pub(super) fn report(&self, name: &str, asked: &Question, more: &[&str]) -> Vec<Vec<String>> {
        let mut arguments = vec!["report", name, "--format", "csv"];
        arguments.extend(asked.flags);
        let of_job = asked.job.map(|job| self.ids[job].clone());
        if let Some(id) = &of_job {
            arguments.extend(["--job", id]);
        }
        arguments.extend(more);
        let ended = self.program.run(&arguments).ends_with(0);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(ended.stdout.as_bytes());
        let rows = reader.records().map(|record| record.unwrap());
        rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
    }

    /// The number of the sync in which an instant of the archive's clock lies.
    #[track_caller]
    fn sync_at(&self, cell: &str) -> String {
        if cell.is_empty() {
            return String::new();
        }
        let at = cell.parse::<DateTime<chrono::Utc>>().unwrap().timestamp();
        let found = self
            .syncs
            .iter()
            .position(|(begin, end)| (*begin..=*end).contains(&at));
        format!(
            "sync {}",
            found.unwrap_or_else(|| panic!("{cell} lies in no sync: {:?}", self.syncs))
        )
    }
}

/// Flags, and what they mean in plain numbers.
pub(super) struct Question {
    pub(super) flags: &'static [&'static str],
    pub(super) zone: Tz,
    pub(super) since: Option<&'static str>,
    pub(super) until: Option<&'static str>,
    pub(super) job: Option<usize>,
    pub(super) include_absent: bool,
}

impl Question {
    pub(super) fn asked(&self) -> Asked {
        // A day begins at its midnight in the zone, which is there in all zones used here.
        let midnight = |day: &str| {
            let day: NaiveDate = day.parse().unwrap();
            let local = day.and_hms_opt(0, 0, 0).unwrap();
            self.zone
                .from_local_datetime(&local)
                .earliest()
                .unwrap()
                .timestamp()
                * 10_000_000
        };
        Asked {
            zone: self.zone,
            since: self.since.map(midnight),
            until: self.until.map(midnight),
            job: self.job,
            include_absent: self.include_absent,
        }
    }
}

pub(super) const ALL: Question = Question {
    flags: &[],
    zone: Tz::UTC,
    since: None,
    until: None,
    job: None,
    include_absent: false,
};

const QUESTIONS: [Question; 8] = [
    ALL,
    Question {
        flags: &["--timezone", "Europe/Berlin"],
        zone: Tz::Europe__Berlin,
        ..ALL
    },
    Question {
        flags: &[
            "--timezone",
            "Europe/Berlin",
            "--since",
            "2024-03-31",
            "--until",
            "2024-04-01",
        ],
        zone: Tz::Europe__Berlin,
        since: Some("2024-03-31"),
        until: Some("2024-04-01"),
        ..ALL
    },
    Question {
        flags: &["--timezone", "Asia/Kolkata", "--include-absent"],
        zone: Tz::Asia__Kolkata,
        include_absent: true,
        ..ALL
    },
    Question {
        flags: &["--timezone", "Australia/Lord_Howe", "--since", "2024-04-07"],
        zone: Tz::Australia__Lord_Howe,
        since: Some("2024-04-07"),
        ..ALL
    },
    Question {
        flags: &["--timezone", "Australia/Lord_Howe", "--until", "2024-10-06"],
        zone: Tz::Australia__Lord_Howe,
        until: Some("2024-10-06"),
        ..ALL
    },
    Question { job: Some(1), ..ALL },
    Question {
        flags: &["--since", "1950-01-01", "--until", "1970-01-01"],
        since: Some("1950-01-01"),
        until: Some("1970-01-01"),
        ..ALL
    },
];

/// By start, those without one last.
fn in_order(told: &Told, asked: Asked) -> Vec<&Run> {
    let mut runs: Vec<&Run> = told.history.of_jobs(asked).collect();
    runs.sort_by_key(|run| (run.start().is_none(), run.start(), run.id.as_str()));
    runs
}

fn cell(fields: &Value, name: &str) -> String {
    text(fields, name).unwrap_or_default().to_owned()
}

fn assumed(is_assumed: bool) -> &'static str {
    if is_assumed { "assumed" } else { "explicit" }
}

fn runs(told: &Told, asked: Asked) -> Vec<Vec<String>> {
    let names = [
        "None",
        "Pending",
        "Executing",
        "Idle",
        "Completed",
        "Faulted",
        "Custom",
        "Aborted",
    ];
    let row = |run: &&Run| {
        let fields = &run.fields;
        let (start, end) = (time(fields, "JobStartTime"), time(fields, "JobEndTime"));
        let code = status(fields);
        let name = code.map(
            |code| match usize::try_from(code).ok().and_then(|code| names.get(code)) {
                Some(name) => (*name).to_owned(),
                None => format!("Unknown({code})"),
            },
        );
        let basis = match (start, end) {
            (Some((_, a)), Some((_, b))) if a != b => "mixed",
            (Some((_, is_assumed)), _) | (None, Some((_, is_assumed))) => assumed(is_assumed),
            (None, None) => "",
        };
        let duration = start.zip(end).map(|((start, _), (end, _))| seconds(end - start));
        vec![
            run.id.clone(),
            told.ids[run.job].clone(),
            code.map_or(String::new(), |code| code.to_string()),
            name.unwrap_or_default(),
            shown(start.map(|(at, _)| at)),
            shown(end.map(|(at, _)| at)),
            duration.unwrap_or_default(),
            cell(fields, "Exception"),
            cell(fields, "CustomStatusText"),
            cell(fields, "JobSummary"),
            cell(fields, "StatusDetails"),
            fields["ActivityStatusList"].to_string(),
            fields["MessageCount"]
                .as_u64()
                .map_or(String::new(), |count| count.to_string()),
            run.revisions.len().to_string(),
            format!("sync {}", run.first),
            format!("sync {}", run.revisions.last().unwrap().0),
            run.absent.map_or(String::new(), |sync| format!("sync {sync}")),
            cell(fields, "JobStartTime"),
            cell(fields, "JobEndTime"),
            basis.to_owned(),
            NAMES[run.job].unwrap_or_default().to_owned(),
        ]
    };
    let wanted = in_order(told, asked)
        .into_iter()
        .filter(|run| asked.has(run.start()));
    wanted.collect::<Vec<_>>().iter().map(row).collect()
}

fn messages(told: &Told, asked: Asked) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for run in in_order(told, asked) {
        for (ordinal, message) in run.messages.iter().enumerate() {
            let fields = &message.fields;
            let at = time(fields, "DateTime");
            let counts = asked.has(ticks(fields, "DateTime").or(run.start()));
            if !counts || (message.absent.is_some() && !asked.include_absent) {
                continue;
            }
            let raw = text(fields, "DateTime")
                .filter(|raw| at.is_none() && !["", "0001-01-01T00:00:00"].contains(raw));
            rows.push(vec![
                run.id.clone(),
                told.ids[run.job].clone(),
                ordinal.to_string(),
                shown(at.map(|(at, _)| at)),
                cell(fields, "Message"),
                cell(fields, "MessageDetails"),
                cell(fields, "Category"),
                cell(fields, "Asset"),
                cell(fields, "AssetType"),
                cell(fields, "AssetOwner"),
                message
                    .absent
                    .map_or(String::new(), |sync| format!("sync {sync}")),
                raw.unwrap_or_default().to_owned(),
                at.map_or("", |(_, is_assumed)| assumed(is_assumed)).to_owned(),
                NAMES[run.job].unwrap_or_default().to_owned(),
            ]);
        }
    }
    rows
}

/// Without the time, which is that of the sync.
fn changes(told: &Told, asked: Asked) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for run in told.history.of_jobs(asked) {
        for (number, pair) in (2..).zip(run.revisions.windows(2)) {
            let ((_, fields_before), (sync, fields)) = (&pair[0], &pair[1]);
            let (before, after) = (status(fields_before), status(fields));
            let code = |code: Option<i64>| code.map_or(String::new(), |code| code.to_string());
            let was_final = before.is_some_and(|code| (4..=7).contains(&code));
            let row = vec![
                told.ids[run.job].clone(),
                NAMES[run.job].unwrap_or_default().to_owned(),
                run.id.clone(),
                format!("{number}"),
                format!("sync {sync}"),
                code(before),
                code(after),
                u8::from(was_final).to_string(),
                what(fields_before, fields),
            ];
            rows.push((*sync, run.job, run.id.clone(), row));
        }
    }
    rows.sort();
    rows.into_iter().map(|(.., row)| row).collect()
}

/// What two states of a run do not have in common.
fn what(before: &Value, after: &Value) -> String {
    // In the order in which every body has them.
    let named = after
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "JobMessages");
    let names: Vec<&str> = named
        .filter(|&name| before[name] != after[name])
        .map(String::as_str)
        .collect();
    let list = |fields: &Value| fields["JobMessages"].as_array().cloned().unwrap_or_default();
    let without = |some: &Value, others: &Value| {
        let mut others = list(others);
        let mut missing = 0;
        for message in list(some) {
            match others.iter().position(|other| *other == message) {
                Some(at) => drop(others.swap_remove(at)),
                None => missing += 1,
            }
        }
        missing
    };
    let plural = |count: usize| if count == 1 { "message" } else { "messages" };
    let (added, gone) = (without(after, before), without(before, after));
    let messages = match (added, gone) {
        (0, 0) => String::new(),
        (0, gone) => format!("{gone} {} gone", plural(gone)),
        (added, 0) => format!("{added} {} added", plural(added)),
        (added, gone) => format!("{added} {} added, {gone} gone", plural(added)),
    };
    let parts = [names.join(", "), messages];
    let said: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    said.join("; ")
}

#[track_caller]
pub(super) fn same(what: &str, found: &[Vec<String>], wanted: &[Vec<String>], header: &str) {
    assert_eq!(found[0].join(","), header, "{what}");
    let found = &found[1..];
    for (number, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert_eq!(found, wanted, "{what}, row {number}");
    }
    assert_eq!(found.len(), wanted.len(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_says_what_the_served_bodies_say() {
    let told = Told::new().await;
    let finished: Vec<i64> = told.syncs.iter().map(|(_, end)| *end).collect();
    let mut rows = 0;
    for question in &QUESTIONS {
        let asked = question.asked();
        let what = |report: &str| format!("{report} {:?}, job {:?}", question.flags, question.job);
        for (by, all_jobs) in [
            ("day", false),
            ("week", true),
            ("month", false),
            ("quarter", true),
            ("year", false),
        ] {
            let mut flags = vec!["--by", by];
            flags.extend(all_jobs.then_some("--all-jobs"));
            let wanted = failure_trends(&told.history, &told.ids, asked, by, all_jobs);
            rows += wanted.len();
            same(
                &what("failure-trends"),
                &told.report("failure-trends", question, &flags),
                &wanted,
                "period_start,job_id,job_name,runs,completed,faulted,aborted,unfinished,other,failure_rate,\
                 runs_with_messages,messages,mean_duration_seconds,max_duration_seconds",
            );
        }
        let wanted = asset_errors(&told.history, asked);
        rows += wanted.len();
        same(
            &what("asset-errors"),
            &told.report("asset-errors", question, &[]),
            &wanted,
            "asset,asset_type,asset_owner,messages,errors,warnings,information,other,runs,jobs,first_seen,last_seen,\
             top_message,top_detail",
        );
        same(
            &what("coverage"),
            &told.report("coverage", question, &[]),
            &coverage(&told.history, &told.ids, asked, &finished),
            "job_id,job_name,first_run_at,last_run_at,runs,runs_listed,runs_absent,last_synced_at,longest_gap_seconds,\
             count_mismatches,usual_seconds,silent_seconds",
        );
        for (factor, tenths) in [("2.5", 25), ("1.1", 11)] {
            let wanted = missed_runs(&told.history, &told.ids, asked, tenths, &finished);
            rows += wanted.len();
            same(
                &what("missed-runs"),
                &told.report("missed-runs", question, &["--factor", factor]),
                &wanted,
                "job_id,job_name,from,to,usual_seconds,runs_missed",
            );
        }
        let with_syncs = |mut rows: Vec<Vec<String>>, columns: &[usize]| {
            for row in rows.iter_mut().skip(1) {
                for &column in columns {
                    row[column] = told.sync_at(&row[column]);
                }
            }
            rows
        };
        let wanted = runs(&told, asked);
        rows += wanted.len();
        same(
            &what("runs"),
            &with_syncs(told.report("runs", question, &[]), &[14, 15, 16]),
            &wanted,
            "job_run_id,job_id,status,status_name,started_at,ended_at,duration_seconds,exception,custom_status_text,\
             job_summary,status_details,activity_status_list,message_count,revision,first_seen_at,last_changed_at,\
             absent_since,started_at_raw,ended_at_raw,time_basis,job_name",
        );
        let wanted = failures(&told.history, &told.ids, asked);
        rows += wanted.len();
        same(
            &what("failures"),
            &with_syncs(told.report("failures", question, &[]), &[13]),
            &wanted,
            "job_run_id,job_id,job_name,status_name,started_at,ended_at,duration_seconds,revision,exception,errors,\
             assets,top_message,top_detail,absent_since",
        );
        let wanted = messages(&told, asked);
        rows += wanted.len();
        same(
            &what("messages"),
            &with_syncs(told.report("messages", question, &[]), &[10]),
            &wanted,
            "job_run_id,job_id,ordinal,occurred_at,message,message_details,category,asset,asset_type,asset_owner,\
             absent_since,occurred_at_raw,time_basis,job_name",
        );
        // Changes are asked for by the time at which they were archived.
        let is_within = asked.has(Some(finished[1] * 10_000_000));
        let wanted = if is_within {
            changes(&told, asked)
        } else {
            Vec::new()
        };
        assert!(!is_within || wanted.len() >= 3);
        let found = told.report("changes", question, &[]);
        let place = |row: &Vec<String>| [4, 0, 2, 3].map(|column| row[column].clone());
        assert!(found[1..].is_sorted_by_key(place), "by time, then by GUIDs");
        // A sync that goes on into the next second has its changes in the order of seconds; the recount knows syncs alone.
        let mut found = with_syncs(found, &[4]);
        found[1..].sort_by_key(place);
        same(
            &what("changes"),
            &found,
            &wanted,
            "job_id,job_name,job_run_id,revision,captured_at,status_before,status,was_final,what",
        );
    }
    assert!(rows > 2000, "only {rows} rows were compared");
}
