//! A uniform job-run history: jobs, runs and messages, all drawn from a seed.
//!
//! What [`History`] serves depends on how many nights have passed. Each adds a run to every job, finishes the one that was
//! executing, edits an old one and purges the oldest; some serve a purged one again.

use std::fmt::Write;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

/// The seed and size of a history.
#[derive(Debug, Clone)]
pub struct History {
    /// The same seed gives the same history.
    pub seed: u64,
    /// Number of jobs.
    pub jobs: u32,
    /// Runs of each job before the first night.
    pub runs: u32,
    /// Messages per run, on average.
    pub messages: u32,
    /// Share of message details that are unique, from 0 to 1.
    pub unique: f64,
    /// Number of assets in the messages; the name of the first is empty.
    pub assets: u32,
}

impl Default for History {
    fn default() -> Self {
        Self {
            seed: 1,
            jobs: 3,
            runs: 50,
            messages: 20,
            unique: 0.5,
            assets: 3000,
        }
    }
}

/// 2026-01-01T00:00:00Z: the newest run of the first night starts the day before.
const EPOCH: i64 = 1_767_225_600;
/// Hours between two runs of a job.
const HOURS: [i64; 4] = [24, 12, 24, 168];

const TEXTS: [(&str, &str, &str); 11] = [
    (
        "Windows Data Collector: query returned with message(s).",
        "Windows Machine",
        "Error",
    ),
    (
        "UNIX Data Collector: connection to the target failed.",
        "UNIX Machine",
        "Error",
    ),
    (
        "SQL Data Collector: permission denied on the object.",
        "SQL Server",
        "Error",
    ),
    (
        "Evaluation finished with unknown checks.",
        "Windows Machine",
        "Warning",
    ),
    (
        "The asset could not be reached within the time limit.",
        "Windows Machine",
        "Error",
    ),
    ("Credential test succeeded.", "Windows Machine", "Information"),
    (
        "Oracle Data Collector: listener refused the connection.",
        "Oracle Server",
        "Error",
    ),
    (
        "Agent version is older than the manager's.",
        "UNIX Machine",
        "Warning",
    ),
    ("Data collection was retried.", "UNIX Machine", "Information"),
    (
        "Standard was evaluated with exceptions.",
        "Windows Machine",
        "Warning",
    ),
    (
        "Network device returned an unexpected prompt.",
        "Network Device",
        "Error",
    ),
];

const DETAILS: [&str; 9] = [
    "The credentials for asset have not been configured. Please configure credentials using platform configuration.",
    "Access is denied. (Exception from HRESULT: 0x80070005 (E_ACCESSDENIED))",
    "The RPC server is unavailable. Check that the firewall lets the data collector through.",
    "Timed out while waiting for the target to answer; see the log of the data processing service.",
    "Check 4.2.1 of the standard could not be evaluated on this asset because a needed entity is missing.",
    "Connection established after a retry.",
    "=SUM(A1:A9) is what the target answered to the version query",
    "Die Anmeldung ist fehlgeschlagen: unbekannter Benutzername oder ung\\u00fcltiges Kennwort.\\r\\nSiehe \\\"Protokoll\\\".",
    "接続が拒否されました。ファイアウォールの設定を確認してください。",
];

const OWNERS: [&str; 5] = [
    "\"CORP\\\\asset.owner\"",
    "\"CORP\\\\it.operations\"",
    "\"CORP\\\\db.team\"",
    "null",
    "\"CORP\\\\network\"",
];

const NAMES: [&str; 8] = [
    "Nightly Windows servers",
    "UNIX baseline",
    "SQL Server standard",
    "Weekly full scan",
    "Domain controllers",
    "Oracle hardening",
    "Network devices",
    "DMZ, all assets",
];

/// A small random number generator (Vigna, SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A generator for one thing: the same seed and thing give the same numbers.
    pub(super) fn new(seed: u64, thing: u64) -> Self {
        // Mixed first, so that neighbouring seeds do not give the same numbers, shifted.
        let mut random = Self(Self(seed).next() ^ thing);
        random.next();
        Self(random.next())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(super) fn number(&mut self, bound: u64) -> u32 {
        u32::try_from(self.below(bound)).unwrap_or(0)
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }

    fn chance(&mut self, share: f64) -> bool {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64 <= share && share > 0.0
    }
}

pub(super) fn guid(random: &mut Random) -> String {
    let (a, b) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xFFFF,
        a & 0xFFF,
        0x8000 | b >> 48 & 0x3FFF,
        b & 0xFFFF_FFFF_FFFF
    )
}

impl History {
    fn random(&self, job: u32, run: u32, what: u64) -> Random {
        Random::new(self.seed, (u64::from(job) << 40) ^ (u64::from(run) << 8) ^ what)
    }

    /// The GUID of a job, from 0.
    #[must_use]
    pub fn job_id(&self, job: u32) -> String {
        guid(&mut self.random(job, 0, 1))
    }

    /// The name of a job, from 0.
    #[must_use]
    pub fn job_name(&self, job: u32) -> String {
        let name = NAMES[job as usize % NAMES.len()];
        if (job as usize) < NAMES.len() {
            name.to_owned()
        } else {
            format!("{name} {}", job as usize / NAMES.len() + 1)
        }
    }

    /// The runs that are served after this many nights, newest first.
    pub(super) fn runs_served(&self, job: u32, nights: u32) -> impl DoubleEndedIterator<Item = u32> + use<> {
        // One or two runs are never purged: an old run must stay, to finish and to be edited.
        let purged = if self.runs > 2 { nights } else { 0 };
        // In every third night, the very first run is served again.
        let back = nights >= 3 && (nights + job).is_multiple_of(3) && purged > 0;
        back.then_some(0)
            .into_iter()
            .chain(purged..self.runs + nights)
            .rev()
    }

    fn started(&self, job: u32, run: u32) -> DateTime<Utc> {
        let hours = HOURS[job as usize % HOURS.len()];
        let before = i64::from(self.runs) - i64::from(run);
        let jitter = i64::try_from(self.random(job, run, 2).below(900)).unwrap_or(0);
        DateTime::from_timestamp(
            EPOCH + 3600 * i64::from(job % 7) - before * hours * 3600 + jitter,
            0,
        )
        .unwrap_or_default()
    }

    /// Appends the JSON of a run, with messages if they were asked for.
    pub(super) fn write_run(&self, job: u32, run: u32, nights: u32, messages: bool, out: &mut String) {
        let mut random = self.random(job, run, 3);
        let started = self.started(job, run);
        let duration = i64::try_from(60 + random.below(7200)).unwrap_or(60);
        let executing = run + 1 == self.runs + nights && job.is_multiple_of(3);
        // Each night edits one more, starting in the middle; never the newest, which is new anyway.
        let edited = run >= self.runs / 2 && run < self.runs / 2 + nights && self.runs > 1;
        let status = match (executing, random.below(20)) {
            (true, _) => 2,
            (false, 0..=2) => 5,
            (false, 3) => 7,
            (false, 4) => 6,
            _ => 4,
        };
        let east = FixedOffset::east_opt(19_800).map(|offset| started.with_timezone(&offset));
        let started_text = east.map_or_else(String::new, |time| {
            time.format("%Y-%m-%dT%H:%M:%S%:z").to_string()
        });
        out.push_str("{\"Exception\":");
        out.push_str(if status == 5 {
            "\"One or more data collectors reported errors.\""
        } else {
            "null"
        });
        out.push_str(",\"ActivityStatusList\":");
        out.push_str(if run.is_multiple_of(4) {
            "[{\"Name\":\"Collection\",\"Status\":4},{\"Name\":\"Evaluation\",\"Status\":4}]"
        } else {
            "null"
        });
        out.push_str(",\"CustomStatusText\":");
        out.push_str(if status == 6 {
            "\"Finished with approvals pending\""
        } else {
            "null"
        });
        out.push_str(",\"JobEndTime\":");
        if executing {
            out.push_str("null");
        } else {
            let ended = (started + TimeDelta::seconds(duration)).format("%Y-%m-%dT%H:%M:%S");
            let _ = write!(out, "\"{ended}\"");
        }
        let _ = write!(out, ",\"JobStartTime\":\"{started_text}\",\"JobSummary\":");
        if edited {
            out.push_str("\"Reviewed after the run\"");
        } else {
            out.push_str(if run.is_multiple_of(3) {
                "\"Data collected and evaluated\""
            } else {
                "null"
            });
        }
        let id = guid(&mut self.random(job, run, 4));
        let _ = write!(
            out,
            ",\"Status\":{status},\"StatusDetails\":null,\"JobRunID\":\"{id}\""
        );
        if messages {
            self.write_messages(&mut random, started, edited, out);
        }
        out.push('}');
    }

    fn write_messages(&self, random: &mut Random, started: DateTime<Utc>, edited: bool, out: &mut String) {
        let mean = u64::from(self.messages);
        let count = if mean == 0 {
            0
        } else {
            mean / 4 + random.below(mean + mean / 2 + 1)
        };
        let skipped = u64::from(edited && count > 1);
        let _ = write!(out, ",\"MessageCount\":{},\"JobMessages\":[", count - skipped);
        // All messages have the date of the start; minute and second are drawn.
        let date = (started + TimeDelta::minutes(330))
            .format("%Y-%m-%dT%H")
            .to_string();
        let mut first = true;
        for number in 0..count {
            let (text, kind, category) = random.pick(&TEXTS);
            let asset = random.below(self.assets.into());
            let (minute, second) = (random.below(60), random.below(60));
            let details = random.pick(&DETAILS);
            let unique = random.chance(self.unique);
            let (port, took, correlation) =
                (random.below(64_000) + 1024, random.below(90_000), random.next());
            if number < skipped {
                continue;
            }
            if !first {
                out.push(',');
            }
            first = false;
            let _ = write!(
                out,
                "{{\"DateTime\":\"{date}:{minute:02}:{second:02}+05:30\",\"Message\":\"{text}\",\"MessageDetails\":\""
            );
            if unique {
                let short = details.get(..40).unwrap_or(DETAILS[1]);
                let _ = write!(
                    out,
                    "{short} Host SRV-{asset:04}.corp.example:{port} after {took} ms, correlation {correlation:016x}-{:016x}",
                    correlation.rotate_left(17) ^ port
                );
            } else {
                out.push_str(details);
            }
            let _ = write!(out, "\",\"Category\":\"{category}\",\"Asset\":\"");
            if asset != 0 {
                let _ = write!(out, "CORP\\\\SRV-{asset:04}");
            }
            let owner = OWNERS[usize::try_from(asset % 5).unwrap_or(0)];
            let _ = write!(out, "\",\"AssetType\":\"{kind}\",\"AssetOwner\":{owner}}}");
        }
        out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History {
            seed: 7,
            jobs: 3,
            runs: 10,
            messages: 8,
            ..History::default()
        }
    }

    fn run(job: u32, run: u32, nights: u32) -> serde_json::Value {
        let mut text = String::new();
        history().write_run(job, run, nights, true, &mut text);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn equal_seeds_make_equal_histories_of_sound_json() {
        for number in 0..10 {
            let made = run(1, number, 0);
            assert_eq!(made, run(1, number, 0));
            assert_eq!(
                made["MessageCount"],
                made["JobMessages"].as_array().unwrap().len()
            );
        }
        let other = History { seed: 8, ..history() };
        assert_ne!(other.job_id(0), history().job_id(0));
    }

    #[test]
    fn nights_add_finish_edit_purge_and_return() {
        let served = |nights| history().runs_served(0, nights).collect::<Vec<_>>();
        assert_eq!(served(0), (0..10).rev().collect::<Vec<_>>());
        assert_eq!(served(1), (1..11).rev().collect::<Vec<_>>());
        assert_eq!(served(3).last(), Some(&0), "the first run is there again");
        assert_eq!(served(100).len(), 10, "as many go as come");
        for night in 0..30 {
            let newest = 9 + night;
            assert_eq!(run(0, newest, night)["Status"], 2, "the newest is executing");
            assert_ne!(
                run(0, newest, night + 1)["Status"],
                2,
                "and has finished a night later"
            );
            let served = served(night + 1);
            let changed: Vec<u32> = served
                .into_iter()
                .filter(|&number| number < newest && run(0, number, night) != run(0, number, night + 1))
                .collect();
            assert_eq!(changed, [5 + night], "one old run is edited, and is still served");
        }
    }

    #[test]
    fn neighbouring_seeds_share_no_run() {
        let ids = |seed| {
            let history = History { seed, ..history() };
            let run = move |number| {
                let mut text = String::new();
                history.write_run(0, number, 0, false, &mut text);
                serde_json::from_str::<serde_json::Value>(&text).unwrap()["JobRunID"].to_string()
            };
            (0..400).map(run).collect::<std::collections::HashSet<_>>()
        };
        for (one, other) in [(0, 1), (1, 257), (2, 258)] {
            assert_eq!(ids(one).len(), 400);
            assert!(ids(one).is_disjoint(&ids(other)), "{one} {other}");
        }
    }
}
