//! Bodies for three syncs of three jobs: times around changes of the clocks and far from today, in every way of writing;
//! texts that break what is careless; runs that change, go and come back.

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::{Map, Value, json};

/// How many jobs there are.
pub(super) const JOBS: usize = 3;

/// How many runs each job has at first.
const RUNS: usize = 36;

/// The name of each job, as a file of jobs has it.
pub(super) const NAMES: [Option<&str>; JOBS] =
    [Some(r#"a, "b" =c"#), Some("Weekly"), Some("=Müller <b>&amp;")];

/// Near these the days of some zone have 23, 24.5, 25 or 23.5 hours; or they are before 1970 or after 2038.
const TIMES: [&str; 9] = [
    "2024-03-30T22:10:00Z", // Berlin's day of 23 hours
    "2024-10-26T21:10:00Z", // and its day of 25
    "2024-04-06T12:40:00Z", // Lord Howe's clocks go back by half an hour
    "2024-10-05T13:00:00Z", // and forth again
    "2024-06-30T18:00:00Z", // the end of a quarter in Kolkata
    "2023-12-31T22:30:00Z", // the end of a year
    "1969-12-31T23:59:59Z",
    "1954-06-01T00:00:00Z",
    "2051-08-09T10:11:12Z",
];

const TEXTS: [&str; 6] = [
    "Link lost",
    "permission, \"denied\"",
    "two\nlines",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "Ünïcode 東京",
];

/// Numbers that look like chance, the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.next(texts.len())]
    }
}

pub(super) fn job_run_id(job: usize, run: usize) -> String {
    format!("{:08x}-6de0-4a89-8752-{:012x}", 0x1000 - job, run * 7919 % 1000)
}

/// An instant in one of the ways in which it may be written, or none in one of several ways.
fn written(dice: &mut Dice, at: DateTime<FixedOffset>) -> Value {
    let offset = |minutes: i32| FixedOffset::east_opt(minutes * 60).unwrap();
    let text = match dice.next(14) {
        0 | 1 => at.with_timezone(&offset(330)).to_rfc3339(),
        2 => (at + TimeDelta::microseconds(123_456))
            .with_timezone(&offset(-210))
            .to_rfc3339(),
        3 | 4 => at.naive_utc().format("%Y-%m-%dT%H:%M:%S").to_string(),
        5 => format!("{}.5Z", at.naive_utc().format("%Y-%m-%dT%H:%M:%S")),
        6 => format!("/Date({})/", at.timestamp_millis()),
        7 => dice
            .of(&["0001-01-01T00:00:00", "", "soon", "2024-02-30T00:00:00Z"])
            .to_owned(),
        8 => return Value::Null,
        _ => at.naive_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    Value::from(text)
}

fn message(dice: &mut Dice, start: DateTime<FixedOffset>) -> Value {
    let delay = TimeDelta::seconds(i64::try_from(dice.next(7200)).unwrap());
    let at = written(dice, start + delay);
    let long = "x".repeat(100_000);
    let assets = [
        "srv-1",
        "srv-2",
        "SRV-1",
        "a,b",
        "\"q\"",
        "=x",
        "",
        "two\nlines",
        "<b>",
        "東京",
    ];
    let mut fields = Map::new();
    fields.insert("DateTime".to_owned(), at);
    fields.insert("Message".to_owned(), json!(dice.of(&TEXTS)));
    fields.insert(
        "MessageDetails".to_owned(),
        match dice.next(6) {
            0 => Value::Null,
            1 => json!("repeated details"),
            _ => json!(format!("detail {}", dice.next(1_000_000))),
        },
    );
    let categories = [
        "Error",
        "ERROR",
        "Warning",
        "Information",
        "Info",
        "informational",
        "Fatal",
        "",
    ];
    fields.insert("Category".to_owned(), json!(dice.of(&categories)));
    fields.insert(
        "Asset".to_owned(),
        match dice.next(40) {
            0 => Value::Null,
            1 => json!(long),
            _ => json!(dice.of(&assets)),
        },
    );
    fields.insert(
        "AssetType".to_owned(),
        match dice.next(4) {
            0 => Value::Null,
            _ => json!(dice.of(&["Windows", "UNIX", ""])),
        },
    );
    fields.insert(
        "AssetOwner".to_owned(),
        match dice.next(3) {
            0 => Value::Null,
            _ => json!(dice.of(&["Team A", "Team B", "o, \"p\""])),
        },
    );
    Value::Object(fields)
}

fn run(dice: &mut Dice, job: usize, number: usize) -> Value {
    let base: DateTime<FixedOffset> = TIMES[number % TIMES.len()].parse().unwrap();
    let start = base + TimeDelta::minutes(i64::try_from(dice.next(180)).unwrap());
    let length = TimeDelta::seconds(i64::try_from(dice.next(20_000)).unwrap() - 500);
    let messages: Vec<Value> = (0..dice.next(7)).map(|_| message(dice, start)).collect();
    let statuses = [
        json!(4),
        json!(4),
        json!(4),
        json!(5),
        json!("Faulted"),
        json!(7),
        json!(0),
        json!(6),
        json!(42),
    ];
    let mut run = json!({
        "JobRunID": job_run_id(job, number).to_uppercase(),
        "Status": statuses[dice.next(statuses.len())],
        "JobStartTime": written(dice, start),
        "JobEndTime": written(dice, start + length),
        "Exception": dice.of(&["", "-1 @ \"x\", y", "boom\r\nat line 1"]),
        "CustomStatusText": null,
        "JobSummary": dice.of(&TEXTS),
        "StatusDetails": "done",
        "ActivityStatusList": [{"a": number}, null],
        "MessageCount": messages.len() + usize::from(dice.next(6) == 0),
        "JobMessages": messages,
    });
    match number {
        10 => run["JobMessages"] = Value::Null,
        11 => drop(run.as_object_mut().unwrap().remove("MessageCount")),
        12 => run["Status"] = json!("no status"),
        _ => {}
    }
    run
}

fn body(job_id: &str, runs: &[Value]) -> String {
    // What no JSON library writes, and servers do.
    json!({"JobID": job_id, "TotalJobRuns": runs.len(), "JobStatusInfo": runs})
        .to_string()
        .replace("repeated details", r"nul \u0000 and half \ud800 a pair")
}

/// For each of three syncs the body of each job.
pub(super) fn rounds(job_ids: &[String; JOBS]) -> [[String; JOBS]; 3] {
    let mut dice = Dice(42);
    let mut jobs: Vec<Vec<Value>> = (0..JOBS)
        .map(|job| (0..RUNS).map(|number| run(&mut dice, job, number)).collect())
        .collect();
    // A message of the last job that is none: that job is never complete.
    jobs[2][0]["JobMessages"].as_array_mut().unwrap().push(json!(5));
    jobs[2][0]["MessageCount"] = json!(1000);
    let extra = |dice: &mut Dice, text: &str| {
        let mut message = message(dice, "2024-07-01T00:00:00Z".parse().unwrap());
        message["Message"] = json!(text);
        message
    };
    for runs in &mut jobs {
        let unique = extra(&mut dice, "soon gone");
        runs[6]["JobMessages"].as_array_mut().unwrap().push(unique);
        runs[3]["Status"] = json!(2);
        runs[4]["Status"] = json!(4);
    }
    let first = bodies(job_ids, &jobs);
    let mut purged = Vec::new();
    for (job, runs) in jobs.iter_mut().enumerate() {
        runs[3]["Status"] = json!(4);
        runs[4]["Status"] = json!(5);
        let late = extra(&mut dice, "late");
        runs[5]["JobMessages"].as_array_mut().unwrap().push(late);
        let messages = runs[6]["JobMessages"].as_array_mut().unwrap();
        messages.retain(|message| message["Message"] != "soon gone");
        purged.push(runs.swap_remove(7 + job));
        runs.push(run(&mut dice, job, RUNS));
        runs.reverse();
    }
    let second = bodies(job_ids, &jobs);
    jobs[0].push(purged.swap_remove(0));
    for runs in &mut jobs {
        let changed = runs.iter_mut().find(|run| run["Status"] == 5).unwrap();
        changed["JobSummary"] = json!("changed");
    }
    let mut third = bodies(job_ids, &jobs);
    third[1] = "{\"JobID\": no JSON".to_owned();
    [first, second, third]
}

fn bodies(job_ids: &[String; JOBS], jobs: &[Vec<Value>]) -> [String; JOBS] {
    std::array::from_fn(|job| body(&job_ids[job], &jobs[job]))
}
