//! Half a year of nights at a server that purges its runs after 90 days, told through the binary: what is said on the
//! morning after each thing that goes wrong, and that nothing is said while all is well.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use crate::common::program::{Ended, Program};
use crate::common::python::is_there;
use crate::common::scripted::{Asked, answering, reply};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::{Value, json};

const JOBS: [&str; 4] = [
    "Nightly servers",
    "Nightly database",
    "Weekly scan",
    "Monthly review",
];
const PURGE_DAYS: i64 = 90;

/// The server: what it lists depends on the night.
#[derive(Clone, Copy, Default)]
struct Site {
    night: i64,
    /// How many seconds the clock of the machine that syncs is ahead of the server's.
    clock_ahead: i64,
    /// How many requests are still refused, as by a server that is starting.
    refusals: u32,
    /// The run of day 80 was edited after it had ended.
    is_edited: bool,
    /// Somebody deleted the runs of days 100 to 102.
    are_deleted: bool,
    /// The last day on which the job of the database ran.
    database_until: i64,
}

fn day(number: i64) -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(number)
}

fn job_id(job: usize) -> String {
    format!("ff761384-4b49-40b4-97d8-{job:012x}")
}

impl Site {
    fn now(self) -> DateTime<Utc> {
        day(self.night) + TimeDelta::hours(3)
    }

    fn has_run(self, job: usize, number: i64) -> bool {
        match job {
            0 => !(self.are_deleted && (100..103).contains(&number)),
            1 => number <= self.database_until,
            2 => number.rem_euclid(7) == 0,
            _ => day(number).day() == 1,
        }
    }

    fn runs(self, job: usize) -> String {
        let runs: Vec<Value> = (self.night - PURGE_DAYS..self.night)
            .filter(|&number| self.has_run(job, number))
            .map(|number| self.run(job, number))
            .collect();
        json!({"TotalJobRuns": runs.len(), "JobStatusInfo": runs}).to_string()
    }

    fn run(self, job: usize, number: i64) -> Value {
        let start = day(number) + TimeDelta::hours(20);
        let failed = job == 0 && number.rem_euclid(30) == 20;
        let is_edited = self.is_edited && job == 0 && number == 80;
        let message = json!({
            "Message": "Access to the asset was denied.",
            "MessageDetails": "Access is denied.",
            "MessageTime": start.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "Category": "Error",
            "AssetName": r"CORP\SRV-01",
            "AssetType": "Windows Machine",
            "AssetOwner": r"CORP\server.team",
        });
        json!({
            "JobRunID": format!("413e6d92-6de0-4a89-{job:04x}-{:012x}", number + 1000),
            "Status": if failed && !is_edited { 5 } else { 4 },
            "JobStartTime": start.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "JobEndTime": (start + TimeDelta::minutes(40)).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "MessageCount": u8::from(failed),
            "JobMessages": if failed { vec![message] } else { Vec::new() },
        })
    }

    fn answer(&mut self, asked: &Asked) -> Vec<u8> {
        let date = self.now().format("Date: %a, %d %b %Y %H:%M:%S GMT\r\n");
        if self.refusals > 0 {
            self.refusals -= 1;
            return reply(503, &date.to_string(), "starting");
        }
        let line = asked.line.to_lowercase();
        let job = (0..JOBS.len()).find(|&job| line.contains(&job_id(job)));
        let named = |job| json!({"JobID": job_id(job), "JobName": JOBS[job]});
        let body = if line.contains("oauth") {
            r#"{"access_token":"a","expires_in":3600}"#.to_owned()
        } else {
            match job {
                Some(job) if line.contains("jobruns") => self.runs(job),
                Some(job) => named(job).to_string(),
                None => json!((0..JOBS.len()).map(named).collect::<Vec<_>>()).to_string(),
            }
        };
        reply(200, &format!("Content-Type: application/json\r\n{date}"), body)
    }
}

/// The site, and the machine that syncs it every night at 3.
struct Machine {
    site: Arc<Mutex<Site>>,
    program: Program,
}

impl Machine {
    fn new() -> Self {
        let site = Arc::new(Mutex::new(Site {
            database_until: 119,
            ..Site::default()
        }));
        let served = site.clone();
        let url = answering(move |asked| served.lock().unwrap().answer(asked));
        let program = Program::new()
            .with("JOBRUNS_PASSWORD", "x")
            .with("JOBRUNS_CONFIG", "jobruns.toml")
            .with("TZ", "UTC")
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .with("DONT_FAKE_MONOTONIC", "1");
        program.write(
            "jobruns.toml",
            format!(
                "url = '{url}'\ninsecure = true\nusername = 'auditor'\n\
                 jobs_file = 'jobs.txt'\nhead_file = 'heads.txt'\n"
            ),
        );
        let mut jobs = String::new();
        for (job, name) in JOBS.iter().enumerate() {
            writeln!(jobs, "{} {name}", job_id(job)).unwrap();
        }
        program.write("jobs.txt", jobs);
        Self { site, program }
    }

    fn change(&self, change: impl FnOnce(&mut Site)) {
        change(&mut self.site.lock().unwrap());
    }

    /// The binary, so many hours after the sync of this night was due.
    fn at(&self, hours: i64, arguments: &[&str]) -> Ended {
        let site = *self.site.lock().unwrap();
        let now = site.now() + TimeDelta::hours(hours) + TimeDelta::seconds(site.clock_ahead);
        let mut command = self.program.start("faketime");
        command
            .args(["-f", &now.format("@%Y-%m-%d %H:%M:%S").to_string()])
            .arg(env!("CARGO_BIN_EXE_jobruns"))
            .args(arguments);
        Ended::of(command.spawn().unwrap())
    }

    /// The line of the crontab, in the next night.
    fn night(&self) -> Ended {
        self.change(|site| site.night += 1);
        self.at(0, &["sync", "--quiet", "--retry-for", "1h"])
    }

    /// Nights until this one, of which no mail comes.
    fn calm_nights_until(&self, night: i64) {
        while self.site.lock().unwrap().night < night {
            let ended = self.night().ends_with(0);
            assert_eq!(
                (ended.stdout.as_str(), ended.stderr.as_str()),
                ("", ""),
                "night {}",
                self.site.lock().unwrap().night
            );
        }
    }

    /// A command at 7 in the morning.
    fn morning(&self, arguments: &[&str]) -> Ended {
        self.at(4, arguments)
    }

    /// The line of the crontab that looks whether all is well.
    fn status(&self) -> Ended {
        self.morning(&[
            "status",
            "--quiet",
            "--max-age",
            "26h",
            "--max-silence",
            "auto",
            "--vanished",
        ])
    }

    /// A report's rows as JSON.
    fn rows(&self, report: &[&str]) -> Vec<Value> {
        let arguments = [&["report"], report, &["--format", "json"]].concat();
        self.morning(&arguments)
            .ends_with(0)
            .json()
            .as_array()
            .unwrap()
            .clone()
    }

    /// The answer of the overview to whether the history is complete.
    fn answer(&self) -> String {
        let overview = self
            .morning(&["report", "overview", "--format", "json"])
            .ends_with(0)
            .json();
        overview["assessment"]["answer"].as_str().unwrap().to_owned()
    }

    /// States of the spans of every job that have an end.
    fn spans(&self) -> Vec<String> {
        let rows = self.rows(&["coverage", "--gaps"]);
        let closed = rows
            .iter()
            .filter(|row| !row["from"].is_null() && !row["to"].is_null());
        closed
            .map(|row| row["state"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What `verify` says, which finds the archive intact.
    #[track_caller]
    fn is_intact(&self, newest: &str) {
        let verified = self.morning(&["verify"]).ends_with(0).stdout;
        assert!(
            verified.contains(&format!("history up to {newest} is held")) && verified.contains("not held: 0"),
            "{verified}"
        );
    }
}

/// What cron mails: nothing.
#[track_caller]
fn is_silent(ended: Ended) {
    let ended = ended.ends_with(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}

const COMPLETE: &str = "complete as far as the server told";

#[test]
fn half_a_year_of_nights_is_told_without_false_reassurance_and_without_needless_alarm() {
    if !is_there("faketime") {
        return;
    }
    let machine = Machine::new();
    calm(&machine);
    a_run_is_edited(&machine);
    runs_are_deleted(&machine);
    a_job_stops(&machine);
    the_clock_jumps(&machine);
    the_server_is_down(&machine);
    the_archive_is_moved(&machine);
    a_rehearsal(&machine);
    nobody_syncs(&machine);
    the_archive_is_edited(&machine);
}

fn calm(machine: &Machine) {
    // Nothing is created unnoticed.
    machine.night().ends_with(2).says("--new creates a new archive");
    machine.at(0, &["sync", "--quiet", "--new"]).ends_with(0);
    is_silent(machine.status());
    machine
        .morning(&["report", "vanished", "--format", "table"])
        .ends_with(0)
        .shows("Whether runs vanished early is not known");
    machine.calm_nights_until(99);
    is_silent(machine.status());
    machine
        .morning(&["status"])
        .ends_with(0)
        .says("sync again by 2026-07-08")
        .says("purge age 90.3 days, learned from 213 runs");
    assert_eq!(machine.answer(), COMPLETE);
    assert_eq!(machine.spans(), ["complete"; 4]);
    machine
        .morning(&["report", "vanished", "--format", "table"])
        .ends_with(0)
        .shows("No run vanished from the server before its purge age.");
    machine.is_intact("sync 99 of 2026-04-10");
}

fn a_run_is_edited(machine: &Machine) {
    machine.change(|site| site.is_edited = true);
    is_silent(machine.night());
    is_silent(machine.status());
    let changes = machine.rows(&["changes"]);
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (
            &changes[0]["was_final"],
            &changes[0]["status_before"],
            &changes[0]["status"]
        ),
        (&json!(1), &json!(5), &json!(4))
    );
    machine
        .morning(&["report", "overview", "--format", "table"])
        .ends_with(0)
        .shows("1 change after archiving, 1 of finished runs");
    machine.is_intact("sync 100 of 2026-04-11");
}

fn runs_are_deleted(machine: &Machine) {
    machine.calm_nights_until(109);
    machine.change(|site| site.are_deleted = true);
    is_silent(machine.night());
    machine
        .status()
        .ends_with(3)
        .says("Nightly servers: runs that the server no longer lists, long before their purge age: 3");
    let vanished = machine.rows(&["vanished"]);
    let days: Vec<&str> = vanished
        .iter()
        .map(|row| &row["started_at"].as_str().unwrap()[..10])
        .collect();
    assert_eq!(days, ["2026-04-11", "2026-04-12", "2026-04-13"]);
    assert_eq!(machine.answer(), "3 runs vanished early");
    assert_eq!(machine.spans(), ["complete"; 4]);
    machine.is_intact("sync 110 of 2026-04-21");
    // It is mailed once.
    is_silent(machine.night());
    is_silent(machine.status());
    assert_eq!(machine.answer(), "3 runs vanished early");
}

fn a_job_stops(machine: &Machine) {
    // Late by a day is not stopped; two other jobs are silent as long as ever.
    machine.calm_nights_until(121);
    is_silent(machine.status());
    machine.calm_nights_until(123);
    let mail = machine
        .status()
        .ends_with(3)
        .says("Nightly database: it has stopped: its last run began at 2026-04-30T20:00:00Z")
        .says("so 3 runs are missing");
    assert_eq!(mail.stderr.lines().count(), 1, "{mail:?}");
    assert_eq!(machine.answer(), "3 runs vanished early, 1 job stopped");
    let missed = machine.rows(&["missed-runs"]);
    let open: Vec<&Value> = missed.iter().filter(|row| row["to"].is_null()).collect();
    assert_eq!(
        (open.len(), &open[0]["job_name"]),
        (1, &json!("Nightly database"))
    );
    machine.is_intact("sync 123 of 2026-05-04");
    // Once it is listed again, with the runs of those days, the alarm ends.
    machine.change(|site| site.database_until = i64::MAX);
    machine.calm_nights_until(124);
    is_silent(machine.status());
}

fn the_clock_jumps(machine: &Machine) {
    machine.calm_nights_until(139);
    machine.change(|site| site.clock_ahead = 5 * 365 * 86_400);
    is_silent(machine.night());
    let ahead = machine
        .status()
        .ends_with(3)
        .says("at the last sync, 140, this machine's clock was 1825d ahead of the server's");
    assert_eq!(ahead.stderr.lines().count(), 1, "no job has stopped: {ahead:?}");
    assert_eq!(machine.answer(), "3 runs vanished early, the clock is doubtful");
    machine.change(|site| site.clock_ahead = 0);
    machine
        .morning(&["status"])
        .ends_with(3)
        .says("the last sync, 140, lies in the future");
    is_silent(machine.night());
    machine
        .status()
        .ends_with(3)
        .says("sync 141 began at 2026-05-22")
        .says("the clock was set back");
    assert_eq!(machine.spans(), ["complete"; 4]);
    assert_eq!(machine.rows(&["vanished"]).len(), 3);
    machine
        .morning(&["verify"])
        .ends_with(0)
        .shows("note: the clock was set back from 2031-05-20");
    machine.calm_nights_until(143);
    is_silent(machine.status());
    assert_eq!(machine.answer(), "3 runs vanished early");
}

fn the_server_is_down(machine: &Machine) {
    machine.calm_nights_until(149);
    // As long as the sync has patience for it, nobody hears of it.
    machine.change(|site| site.refusals = 3);
    is_silent(machine.night());
    is_silent(machine.status());
    machine.change(|site| {
        site.refusals = u32::MAX;
        site.night += 1;
    });
    let down = machine
        .at(0, &["sync", "--quiet", "--retry-for", "1s"])
        .ends_with(1)
        .says("4 jobs (Nightly servers, Nightly database, Weekly scan and 1 more)")
        .says("answered 503 (tried again for 1s)");
    assert!(down.stderr.lines().count() <= 3, "{down:?}");
    machine
        .status()
        .ends_with(3)
        .says("Nightly servers: its last complete answer is older than 26h");
    assert_eq!(machine.answer(), "3 runs vanished early, 4 jobs behind");
    machine.is_intact("sync 151 of 2026-06-01");
    machine.change(|site| site.refusals = 0);
    is_silent(machine.night());
    is_silent(machine.status());
    assert_eq!(machine.answer(), "3 runs vanished early");
    assert_eq!(machine.spans(), ["complete"; 4]);
}

fn the_archive_is_moved(machine: &Machine) {
    let (here, there) = (
        machine.program.path("jobruns.db"),
        machine.program.path("moved.db"),
    );
    std::fs::rename(&here, &there).unwrap();
    machine
        .night()
        .ends_with(2)
        .says("there is no archive at jobruns.db")
        .says("put it back");
    for arguments in [
        &["status", "--quiet", "--max-age", "26h"][..],
        &["verify", "--quiet"],
        &["report", "overview"],
        &["report", "coverage", "--gaps"],
        &["report", "vanished"],
    ] {
        machine
            .morning(arguments)
            .ends_with(1)
            .says("there is no archive at jobruns.db");
    }
    assert!(!here.exists());
    std::fs::rename(&there, &here).unwrap();
    is_silent(machine.night());
    is_silent(machine.status());
    machine.is_intact("sync 153 of 2026-06-04");
}

fn a_rehearsal(machine: &Machine) {
    machine.calm_nights_until(159);
    let heads = || std::fs::read_to_string(machine.program.path("heads.txt")).unwrap();
    let newest = |text: &str| text.lines().last().unwrap().to_owned();
    let before = newest(&heads());
    let rehearse = |more: &[&str]| {
        let arguments = [&["sync", "--archive", "rehearsal.db"], more].concat();
        machine.at(1, &arguments)
    };
    rehearse(&["--quiet"]).ends_with(2).says("--new");
    rehearse(&["--new"]).ends_with(0);
    assert_ne!(newest(&heads()), before);
    // The list has lines of both, and each archive its own.
    machine
        .morning(&["verify"])
        .ends_with(0)
        .shows("lines of other archives left aside: 1");
    machine
        .morning(&["verify", "--archive", "rehearsal.db"])
        .ends_with(0)
        .shows("history up to sync 1 of 2026-06-09 is held");
    machine.calm_nights_until(180);
    is_silent(machine.status());
    assert_eq!(machine.answer(), "3 runs vanished early");
    machine.is_intact("sync 179 of 2026-06-30");
}

fn nobody_syncs(machine: &Machine) {
    machine.change(|site| site.night += 100);
    machine
        .status()
        .ends_with(3)
        .says("a complete sync was needed by 2026-09-27")
        .says("sync now");
    is_silent(machine.night());
    assert!(
        machine.answer().starts_with("4 spans not proved, "),
        "{}",
        machine.answer()
    );
    let spans = machine.spans();
    let lost = spans.iter().filter(|state| *state == "may_be_missing").count();
    assert_eq!((spans.len(), lost), (12, 4), "{spans:?}");
}

fn the_archive_is_edited(machine: &Machine) {
    let archive = rusqlite::Connection::open(machine.program.path("jobruns.db")).unwrap();
    archive
        .execute("UPDATE _run SET status = 4 WHERE status = 5 AND run_key = (SELECT max(run_key) FROM _run WHERE status = 5)", [])
        .unwrap();
    drop(archive);
    machine
        .morning(&["verify", "--quiet"])
        .ends_with(4)
        .says("status");
}
