//! A plausible site: six jobs over the two years before a day, and what went wrong there.
//!
//! Runs are numbered by the day on which they start (days since 1970). A run is a function of the seed, the day on which
//! the site was first looked at, and the nights since: each night adds the runs of that day, finishes the one that was
//! executing, edits an old one, and purges those that have become too old.

use std::fmt::Write;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeDelta, Utc};

use super::history::{Random, guid};

/// The server lists the runs of this many days: two years.
const LISTED_DAYS: u32 = 730;
/// The most nights to catch up with: a hundred years.
const MOST_NIGHTS: u32 = 36_500;
/// Seconds east of Greenwich: a start is served in local time.
const EAST: i32 = 2 * 3600;

/// How often a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Nightly,
    /// On this day of the week; Sunday is 0.
    Weekly(u32),
    /// On the first of a month.
    Monthly,
}

#[derive(Debug)]
struct SiteJob {
    name: &'static str,
    rhythm: Frequency,
    /// Start, in hours of UTC.
    hour: u32,
    /// Typical duration in minutes.
    minutes: u64,
    /// The assets it collects from, by number.
    assets: std::ops::Range<u32>,
}

const WINDOWS: std::ops::Range<u32> = 0..70;
const UNIX: std::ops::Range<u32> = 70..110;
const SQL: std::ops::Range<u32> = 110..133;
const NETWORK: std::ops::Range<u32> = 133..143;
const ORACLE: std::ops::Range<u32> = 143..150;
/// Assets of one data collector: forty, after one of them was decommissioned.
const OF_THE_COLLECTOR: std::ops::Range<u32> = 0..41;
/// Assets that were added when the standard's scope grew.
const OF_THE_LARGER_SCOPE: std::ops::Range<u32> = 40..70;

const WINDOWS_NIGHTLY: u32 = 0;
const UNIX_NIGHTLY: u32 = 1;
const SQL_NIGHTLY: u32 = 2;
const NETWORK_WEEKLY: u32 = 4;

const JOBS: [SiteJob; 6] = [
    SiteJob {
        name: "Nightly Windows servers",
        rhythm: Frequency::Nightly,
        hour: 20,
        minutes: 55,
        assets: WINDOWS,
    },
    SiteJob {
        name: "Nightly UNIX servers",
        rhythm: Frequency::Nightly,
        hour: 21,
        minutes: 35,
        assets: UNIX,
    },
    SiteJob {
        name: "Nightly SQL Server",
        rhythm: Frequency::Nightly,
        hour: 22,
        minutes: 20,
        assets: SQL,
    },
    SiteJob {
        name: "Weekly full scan",
        rhythm: Frequency::Weekly(6),
        hour: 18,
        minutes: 240,
        assets: 0..150,
    },
    SiteJob {
        name: "Weekly network devices",
        rhythm: Frequency::Weekly(0),
        hour: 19,
        minutes: 15,
        assets: NETWORK,
    },
    SiteJob {
        name: "Monthly Oracle hardening",
        rhythm: Frequency::Monthly,
        hour: 17,
        minutes: 30,
        assets: ORACLE,
    },
];

const OWNERS: [&str; 4] = [
    "CORP\\\\server.operations",
    "CORP\\\\unix.team",
    "CORP\\\\db.team",
    "CORP\\\\network.team",
];

/// A message's text and details, as JSON.
type SampleTexts = (&'static str, &'static str);

/// The errors that the chronic assets report night after night.
const CHRONIC: [SampleTexts; 5] = [
    (
        "Windows Data Collector: query returned with message(s).",
        "The credentials for asset have not been configured. Please configure credentials using platform configuration.",
    ),
    (
        "The asset could not be reached within the time limit.",
        "The RPC server is unavailable. (Exception from HRESULT: 0x800706BA) Check that the firewall lets the data collector through to port 135 and to the dynamic ports.",
    ),
    (
        "Access to the asset was denied.",
        "Access is denied. (Exception from HRESULT: 0x80070005 (E_ACCESSDENIED))\\r\\nThe account needs to be a member of the local group \\\"Administrators\\\", or remote UAC must be configured.",
    ),
    (
        "UNIX Data Collector: connection to the target failed.",
        "ssh: the host key of the target has changed. Remove the old key from the known hosts of the data collector, if the change is genuine, and run the job again.",
    ),
    (
        "SQL Data Collector: permission denied on the object.",
        "The SELECT permission was denied on the object 'sql_logins', database 'mssqlsystemresource', schema 'sys'. Grant VIEW ANY DEFINITION to the login of the data collector.",
    ),
];

const ERRORS: [SampleTexts; 4] = [
    (
        "Data collection ended early.",
        "Timed out while waiting for the target to answer; see the log of the data processing service.",
    ),
    (
        "Data collection ended early.",
        "The network path was not found. (Exception from HRESULT: 0x80070035)",
    ),
    (
        "Logon to the asset failed.",
        "Die Anmeldung ist fehlgeschlagen: unbekannter Benutzername oder ung\\u00fcltiges Kennwort.\\r\\nSiehe \\\"Protokoll\\\".",
    ),
    (
        "The asset refused the connection.",
        "接続が拒否されました。ファイアウォールの設定を確認してください。",
    ),
];

const OTHERS: [(&str, SampleTexts); 4] = [
    (
        "Warning",
        (
            "Evaluation finished with unknown checks.",
            "Check 4.2.1 of the standard could not be evaluated on this asset because a needed entity is missing.",
        ),
    ),
    (
        "Warning",
        (
            "The version of the target was not recognized.",
            "=VERSION() is what the target answered to the version query",
        ),
    ),
    (
        "Information",
        (
            "Data collection was retried.",
            "Connection established after a retry.",
        ),
    ),
    (
        "Information",
        (
            "Data collection took longer than usual.",
            "The target answered slowly.",
        ),
    ),
];

const PASSWORD: SampleTexts = (
    "Credential check failed: the password of CORP\\\\svc-ccs has expired.",
    "The user's password must be changed before signing in. (Exception from HRESULT: 0x80070773) Change the password in the domain and in the platform configuration of CCS.",
);

const COLLECTOR: SampleTexts = (
    "Data collector COLLECTOR-02 did not answer.",
    "The data processing service could not connect to COLLECTOR-02:3993; no data were collected from the assets that it serves.",
);

const OLD_AGENT: SampleTexts = (
    "Agent version is older than the manager's.",
    "Agent 11.1.0, manager 12.6.2: upgrade the agent, or collect without one.",
);

/// A site with a story.
#[derive(Debug, Clone)]
pub struct Site {
    seed: u64,
    /// The day of the first look at the site.
    first_look: u32,
    /// Monday of the week in which the password of the service account was expired.
    password_week: u32,
    /// The first day on which a data collector failed.
    collector_failed: u32,
    /// The first night in which the nightly UNIX job did not run.
    pause: u32,
    /// The day on which a host was decommissioned, and the host.
    decommissioned: (u32, u32),
    /// The day on which the scope of a standard grew.
    scope_grew: u32,
    /// The first day on which one job does not run any more.
    stopped: u32,
}

fn day_number(day: NaiveDate) -> u32 {
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    u32::try_from(days).unwrap_or(0)
}

const fn weekday(day: u32) -> u32 {
    // 1970 began on a Thursday.
    (day + 4) % 7
}

fn midnight(day: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(i64::from(day) * 86_400, 0).unwrap_or_default()
}

impl Site {
    pub const JOBS: u32 = JOBS.len() as u32;

    /// The site as it is on a day, before any night has passed. The last runs are those of the day before.
    #[must_use]
    pub fn on(seed: u64, today: NaiveDate) -> Self {
        let first_look = day_number(today).max(2 * LISTED_DAYS);
        let mut random = Random::new(seed, 0);
        let mut before = |least: u32, span: u64| first_look - least - random.number(span);
        let password_week = before(140, 70);
        let (collector_failed, pause) = (before(14, 8), before(50, 10));
        let (gone, scope_grew, stopped) = (before(200, 60), before(300, 60), before(120, 40));
        let host = 16 + random.number(8);
        Self {
            seed,
            first_look,
            password_week: password_week - (weekday(password_week) + 6) % 7,
            collector_failed,
            pause,
            decommissioned: (gone, host),
            scope_grew,
            stopped,
        }
    }

    /// The site whose oldest nightly runs, at the first look, are of this day.
    #[must_use]
    pub fn since(seed: u64, first_run: NaiveDate) -> Self {
        let first_look = first_run.checked_add_signed(TimeDelta::days(i64::from(LISTED_DAYS)));
        Self::on(seed, first_look.unwrap_or(first_run))
    }

    /// How many nights must pass until this is the day of the newest runs.
    #[must_use]
    pub fn nights_until(&self, newest_run: NaiveDate) -> u32 {
        (day_number(newest_run) + 1)
            .saturating_sub(self.first_look)
            .min(MOST_NIGHTS)
    }

    fn random(&self, job: u32, day: u32, what: u64) -> Random {
        Random::new(
            self.seed,
            1 << 60 | u64::from(job) << 40 | u64::from(day) << 8 | what,
        )
    }

    /// The GUID of a job, from 0.
    #[must_use]
    pub fn job_id(&self, job: u32) -> String {
        guid(&mut self.random(job, 0, 1))
    }

    /// The name of a job, from 0.
    #[must_use]
    pub fn job_name(&self, job: u32) -> String {
        JOBS[job as usize % JOBS.len()].name.to_owned()
    }

    /// The runs that are served after this many nights, newest first.
    pub(super) fn runs_served(&self, job: u32, nights: u32) -> impl DoubleEndedIterator<Item = u32> + use<> {
        let today = self.first_look.saturating_add(nights);
        let rhythm = JOBS[job as usize % JOBS.len()].rhythm;
        let end = if job == NETWORK_WEEKLY {
            self.stopped
        } else {
            today
        };
        let pause = (job == UNIX_NIGHTLY).then_some(self.pause..self.pause + 5);
        (today - LISTED_DAYS..end)
            .filter(move |day| match rhythm {
                Frequency::Nightly => true,
                Frequency::Weekly(on) => weekday(*day) == on,
                Frequency::Monthly => midnight(*day).day() == 1,
            })
            .filter(move |day| pause.as_ref().is_none_or(|pause| !pause.contains(day)))
            .rev()
    }

    fn has_expired_password(&self, day: u32) -> bool {
        (self.password_week..self.password_week + 7).contains(&day)
    }

    fn lacks_collector(&self, job: u32, day: u32) -> bool {
        job == WINDOWS_NIGHTLY && (self.collector_failed..self.collector_failed + 4).contains(&day)
    }

    /// Appends the JSON of a run, with messages if they were asked for.
    pub(super) fn write_run(&self, job: u32, day: u32, nights: u32, messages: bool, out: &mut String) {
        let plan = &JOBS[job as usize % JOBS.len()];
        let mut random = self.random(job, day, 2);
        let started = midnight(day)
            + TimeDelta::hours(plan.hour.into())
            + TimeDelta::seconds(random.number(240).into());
        let seconds = plan.minutes * 45 + random.below(plan.minutes * 30);
        let ended = started + TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0));
        let executing = job == WINDOWS_NIGHTLY && day + 1 == self.first_look.saturating_add(nights);
        // Each night edits one more run.
        let edited = job == WINDOWS_NIGHTLY
            && (self.first_look - 40..(self.first_look - 40).saturating_add(nights)).contains(&day);
        let (expired, no_collector) = (self.has_expired_password(day), self.lacks_collector(job, day));
        let lot = random.below(100);
        let status = match (executing, lot) {
            (true, _) => 2,
            (_, 0..90) if expired => 5,
            (_, 0..75) if no_collector => 5,
            (_, 0..3) => 5,
            (_, 3) => 7,
            (_, 4) => 6,
            _ => 4,
        };
        out.push_str("{\"Exception\":");
        out.push_str(match status {
            5 if expired => "\"The password of the account CORP\\\\svc-ccs has expired.\"",
            5 if no_collector => "\"The data collector COLLECTOR-02 did not answer.\"",
            5 => "\"One or more data collectors reported errors.\"",
            _ => "null",
        });
        out.push_str(",\"ActivityStatusList\":");
        out.push_str(match status {
            4 => "[{\"Name\":\"Collection\",\"Status\":4},{\"Name\":\"Evaluation\",\"Status\":4}]",
            _ => "null",
        });
        out.push_str(",\"CustomStatusText\":");
        out.push_str(match status {
            6 => "\"Finished with approvals pending\"",
            _ => "null",
        });
        out.push_str(",\"JobEndTime\":");
        if executing {
            out.push_str("null");
        } else {
            let _ = write!(out, "\"{}\"", ended.format("%Y-%m-%dT%H:%M:%S"));
        }
        let _ = write!(out, ",\"JobStartTime\":\"{}\",\"JobSummary\":", local(started));
        out.push_str(match (edited, status) {
            (true, _) => "\"Reviewed by CORP\\\\auditor: one message was a false alarm\"",
            (false, 4) => "\"Data collected and evaluated\"",
            _ => "null",
        });
        let id = guid(&mut self.random(job, day, 3));
        let _ = write!(
            out,
            ",\"Status\":{status},\"StatusDetails\":null,\"JobRunID\":\"{id}\""
        );
        if messages {
            self.write_messages(job, day, (started, seconds), edited, out);
        }
        out.push('}');
    }

    fn write_messages(
        &self,
        job: u32,
        day: u32,
        (started, seconds): (DateTime<Utc>, u64),
        edited: bool,
        out: &mut String,
    ) {
        let mut messages: Vec<(DateTime<Utc>, String)> = Vec::new();
        let mut random = self.random(job, day, 4);
        for asset in JOBS[job as usize % JOBS.len()].assets.clone() {
            let in_scope = !OF_THE_LARGER_SCOPE.contains(&asset) || day >= self.scope_grew;
            let (gone, decommissioned) = self.decommissioned;
            if !in_scope || (asset == decommissioned && day >= gone) {
                continue;
            }
            // Some assets have errors more often than others of their kind.
            let mut habits = Random::new(self.seed, u64::from(asset) << 8 | 7);
            let mut put = |category: &str, words: SampleTexts, unique: bool, random: &mut Random| {
                let time = started + TimeDelta::seconds(i64::try_from(random.below(seconds)).unwrap_or(0));
                messages.push((time, self.message(asset, time, category, words, unique, random)));
            };
            if let Some(words) = self.chronic(asset)
                && random.below(100) < 50 + habits.below(45)
            {
                let unique = random.below(2) == 0;
                put("Error", words, unique, &mut random);
            }
            if self.has_expired_password(day) && random.below(100) < 80 {
                put("Error", PASSWORD, false, &mut random);
            }
            if self.lacks_collector(job, day) && OF_THE_COLLECTOR.contains(&asset) {
                put("Error", COLLECTOR, false, &mut random);
            }
            if asset == decommissioned && random.below(100) < 60 {
                put("Warning", OLD_AGENT, false, &mut random);
            }
            let lot = random.below(1000);
            if lot < 2 + habits.below(12) {
                put("Error", random.clone().pick(&ERRORS), true, &mut random);
            } else if lot < 40 {
                let (category, words) = random.clone().pick(&OTHERS);
                put(category, words, asset.is_multiple_of(2), &mut random);
            }
        }
        messages.sort_by_key(|(time, _)| *time);
        if edited {
            messages.pop();
        }
        let mut messages: Vec<String> = messages.into_iter().map(|(_, message)| message).collect();
        // The server miscounted the messages of one run, and sends bytes that are not a message with another.
        let miscounted = usize::from(job == UNIX_NIGHTLY && day == self.first_look - 30);
        if job == SQL_NIGHTLY && day == self.first_look - 20 {
            messages.push("{\"DateTime\":\"\",\"Message\":}".to_owned());
        }
        let _ = write!(
            out,
            ",\"MessageCount\":{},\"JobMessages\":[{}]",
            messages.len() + miscounted,
            messages.join(",")
        );
    }

    /// The error of a chronic asset: five Windows servers, three UNIX servers and two SQL Servers.
    fn chronic(&self, asset: u32) -> Option<SampleTexts> {
        let mut random = Random::new(self.seed, 5);
        let (windows, unix, sql) = (random.number(8), random.number(13), random.number(11));
        let place = |from: u32, step: u32, count: u32| {
            let behind = asset.checked_sub(from)?;
            (behind.is_multiple_of(step) && behind / step < count).then_some(behind / step)
        };
        if let Some(place) = place(windows, 8, 5) {
            // Not all chronic assets fail for the same reason.
            return Some(CHRONIC[place as usize % 3]);
        }
        if place(UNIX.start + unix, 13, 3).is_some() {
            return Some(CHRONIC[3]);
        }
        place(SQL.start + sql, 11, 2).map(|_| CHRONIC[4])
    }

    fn message(
        &self,
        asset: u32,
        time: DateTime<Utc>,
        category: &str,
        (text, details): SampleTexts,
        unique: bool,
        random: &mut Random,
    ) -> String {
        let (kind, prefix, owner) = if WINDOWS.contains(&asset) {
            ("Windows Machine", "WIN", OWNERS[0])
        } else if UNIX.contains(&asset) {
            ("UNIX Machine", "LNX", OWNERS[1])
        } else if SQL.contains(&asset) {
            ("SQL Server", "SQL", OWNERS[2])
        } else if NETWORK.contains(&asset) {
            ("Network Device", "FW", OWNERS[3])
        } else {
            ("Oracle Server", "ORA", OWNERS[2])
        };
        let site = Random::new(self.seed, u64::from(asset) << 8 | 6).pick(&["BER", "LON", "NYC", "PUN"]);
        let name = format!("{prefix}-{site}-{asset:03}");
        let mut more = String::new();
        if unique {
            let _ = write!(
                more,
                " (host {}.corp.example, after {} ms, correlation {:016x})",
                name.to_lowercase(),
                random.below(90_000),
                random.next()
            );
        }
        format!(
            "{{\"DateTime\":\"{}\",\"Message\":\"{text}\",\"MessageDetails\":\"{details}{more}\",\"Category\":\"{category}\",\
             \"Asset\":\"CORP\\\\{name}\",\"AssetType\":\"{kind}\",\"AssetOwner\":\"{owner}\"}}",
            local(time)
        )
    }
}

fn local(time: DateTime<Utc>) -> String {
    let local = FixedOffset::east_opt(EAST).map(|offset| time.with_timezone(&offset));
    local.map_or_else(String::new, |time| {
        time.format("%Y-%m-%dT%H:%M:%S%:z").to_string()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).unwrap()
    }

    /// The runs of all jobs as JSON, those with damaged bytes left out, with the number of their job.
    fn runs(site: &Site, nights: u32) -> Vec<(u32, serde_json::Value)> {
        let mut runs = Vec::new();
        for job in 0..Site::JOBS {
            for run in site.runs_served(job, nights) {
                let mut text = String::new();
                site.write_run(job, run, nights, true, &mut text);
                runs.extend(serde_json::from_str(&text).ok().map(|run| (job, run)));
            }
        }
        runs
    }

    /// Day of the start, asset, text and category of each message.
    fn messages(runs: &[(u32, serde_json::Value)]) -> Vec<[String; 4]> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let of_run = |(_, run): &(u32, serde_json::Value)| {
            let start = text(&run["JobStartTime"])[..10].to_owned();
            let messages = run["JobMessages"].as_array().unwrap().clone().into_iter();
            messages.map(move |message| {
                let [asset, words, category] =
                    ["Asset", "Message", "Category"].map(|name| text(&message[name]));
                [start.clone(), asset, words, category]
            })
        };
        runs.iter().flat_map(of_run).collect()
    }

    fn date(day: u32) -> String {
        midnight(day).format("%Y-%m-%d").to_string()
    }

    #[test]
    fn a_seed_and_a_day_make_one_history() {
        let site = Site::on(7, day());
        let made = runs(&site, 1);
        assert_eq!(made, runs(&Site::on(7, day()), 1));
        assert_ne!(made, runs(&Site::on(8, day()), 1));
        assert_ne!(made, runs(&Site::on(7, day() + TimeDelta::days(1)), 1));
        let nightly = site.runs_served(WINDOWS_NIGHTLY, 0);
        let days: Vec<u32> = nightly.collect();
        assert_eq!(date(days[0]), "2025-12-31");
        let first = midnight(*days.last().unwrap()).date_naive();
        assert_eq!(
            runs(&Site::since(7, first), 1),
            made,
            "found again by its first day"
        );
        assert_eq!(site.nights_until(day()), 1);
        let ids = |seed| -> BTreeSet<String> {
            let made = runs(&Site::on(seed, day()), 0);
            made.iter().map(|(_, run)| run["JobRunID"].to_string()).collect()
        };
        assert!(ids(7).is_disjoint(&ids(8)));
    }

    #[test]
    fn every_seed_and_day_has_the_whole_story() {
        for (seed, days) in [(1, 0), (2, 1), (2026, 100), (u64::MAX, 366)] {
            let site = Site::on(seed, day() + TimeDelta::days(days));
            let runs = runs(&site, 0);
            assert!((2_000..4_000).contains(&runs.len()), "{}", runs.len());
            let messages = messages(&runs);
            assert!((8_000..20_000).contains(&messages.len()), "{}", messages.len());

            let mut errors: BTreeMap<&str, usize> = BTreeMap::new();
            for [_, asset, _, category] in &messages {
                *errors.entry(asset.as_str()).or_default() += usize::from(category == "Error");
            }
            assert!((145..=150).contains(&errors.len()), "{}", errors.len());
            let mut counts: Vec<usize> = errors.into_values().collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            let (worst, all) = (counts[..10].iter().sum::<usize>(), counts.iter().sum::<usize>());
            assert!(
                worst * 10 > all * 6,
                "ten assets have most errors: {worst} of {all}"
            );
            assert!(counts[9] > counts[10] * 3, "{counts:?}");

            let in_password_week = |(_, run): &&(u32, serde_json::Value)| {
                let start = &run["JobStartTime"].as_str().unwrap()[..10];
                (date(site.password_week)..date(site.password_week + 7)).contains(&start.to_owned())
            };
            let week: Vec<_> = runs.iter().filter(in_password_week).collect();
            let faulted = week.iter().filter(|(_, run)| run["Status"] == 5).count();
            assert!(faulted * 10 > week.len() * 6, "{faulted} of {}", week.len());
            assert_eq!(weekday(site.password_week), 1, "a Monday");

            let without_collector: BTreeSet<&str> = messages
                .iter()
                .filter(|[_, _, text, _]| text == COLLECTOR.0)
                .map(|[_, asset, ..]| asset.as_str())
                .collect();
            assert_eq!(without_collector.len(), 40);

            let (gone, host) = site.decommissioned;
            let host = format!("-{host:03}");
            let of_host = messages.iter().filter(|[_, asset, ..]| asset.ends_with(&host));
            let last = of_host.map(|[start, ..]| start).max().unwrap();
            assert!(*last < date(gone) && *last > date(gone - 14), "{last}");

            let in_scope = |range: std::ops::Range<u32>| -> usize {
                let range = date(range.start)..date(range.end);
                let assets: BTreeSet<&str> = messages
                    .iter()
                    .filter(|[start, asset, ..]| asset.contains("WIN") && range.contains(start))
                    .map(|[_, asset, ..]| asset.as_str())
                    .collect();
                assets.len()
            };
            let (before, after) = (
                in_scope(site.scope_grew - 365..site.scope_grew),
                in_scope(site.scope_grew..site.scope_grew + 90),
            );
            assert!(before <= 40 && after > before + 20, "{before}, then {after}");

            let newest = site.runs_served(NETWORK_WEEKLY, 0).next().unwrap();
            assert!(newest < site.first_look - 100, "one job runs no more");
            let unix: Vec<u32> = site.runs_served(UNIX_NIGHTLY, 0).collect();
            assert!(
                unix.windows(2).any(|pair| pair[0] - pair[1] == 6),
                "nights are missing"
            );
        }
    }

    #[test]
    fn one_run_has_bytes_that_are_no_message_and_one_is_miscounted() {
        let site = Site::on(7, day());
        let served: usize = (0..Site::JOBS).map(|job| site.runs_served(job, 0).count()).sum();
        let runs = runs(&site, 0);
        assert_eq!(runs.len() + 1, served);
        let miscounted = runs
            .iter()
            .filter(|(_, run)| run["MessageCount"] != run["JobMessages"].as_array().unwrap().len());
        assert_eq!(miscounted.count(), 1);
    }

    #[test]
    fn a_night_adds_finishes_edits_and_purges() {
        let site = Site::on(7, day());
        let written = |day, nights| {
            let mut text = String::new();
            site.write_run(WINDOWS_NIGHTLY, day, nights, true, &mut text);
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        for nights in 0..30 {
            let served = |nights| site.runs_served(WINDOWS_NIGHTLY, nights).collect::<Vec<_>>();
            let (before, after) = (served(nights), served(nights + 1));
            assert_eq!(after[1..], before[..before.len() - 1], "one came, and one went");
            assert_eq!(written(before[0], nights)["Status"], 2, "the newest is executing");
            assert_ne!(written(before[0], nights + 1)["Status"], 2, "and has ended");
            let is_edited = |day: &&u32| written(**day, nights) != written(**day, nights + 1);
            assert_eq!(after[2..].iter().filter(is_edited).count(), 1);
        }
    }
}
