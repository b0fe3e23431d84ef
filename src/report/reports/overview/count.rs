//! Putting the overview together.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::assets;
use super::compare::{Share, SpanComparison, Verdict, Windows, rate};
use super::state::{Completeness, Gap, JobOverview, Overview, SyncOverview, Totals};
use super::text::{MOST_DRAWN, by_concern};
use crate::archive::{InSpan, RunFacts, ServerJobs, Snapshot};
use crate::model::{Instant, hex};
use crate::report::bins::{Bins, Counts, RunCounts};
use crate::report::definition::Report;
use crate::report::error::{ReportError, Result};
use crate::report::options::{Period, Scope, local_day};
use crate::report::purge_age::PurgeAges;
use crate::report::reports::health::{Assessment, HistoryCounts};
use crate::report::reports::{Changes, MissedRuns, coverage, removals};

/// Gaps that are listed one by one.
const MOST_GAPS: usize = 10;

impl Overview {
    /// Reads the state of the archive.
    pub(crate) fn read(snapshot: &Snapshot<'_>, scope: &Scope, purge_age: Option<Duration>) -> Result<Self> {
        let common = scope.options();
        let mut jobs = jobs(snapshot, scope)?;
        let mut overview = Self {
            timezone: common.zone.name().to_owned(),
            head: hex(&snapshot.head()),
            last_sync: snapshot.last_sync()?.map(|sync| SyncOverview {
                sync_id: sync.sync_id,
                started_at: Instant::from_unix_seconds(sync.started_unix).to_string(),
                finished_at: sync
                    .finished_unix
                    .map(|at| Instant::from_unix_seconds(at).to_string()),
                outcome: sync.outcome,
            }),
            totals: Totals::default(),
            completeness: Completeness::default(),
            assessment: Assessment::default(),
            comparison: None,
            jobs: Vec::new(),
            worst_assets: Vec::new(),
            assets_new: 0,
            assets_gone: 0,
            by_day: Bins::new(Period::Day),
            kinds: Bins::new(Period::Day),
        };
        overview.cover(snapshot, scope, &mut jobs)?;
        let windows = windows(snapshot, scope)?;
        overview.count(snapshot, windows, scope, &mut jobs)?;
        overview.find_gaps(snapshot, scope, &mut jobs)?;
        overview.count_changes(snapshot, scope)?;
        if let Some(windows) = windows {
            let assets = assets::read(snapshot, common, windows)?;
            (overview.worst_assets, overview.assets_new, overview.assets_gone) =
                (assets.worst, assets.new, assets.gone);
        }
        overview.totals.jobs = u64::try_from(jobs.len()).expect("a length fits");
        let keys: Vec<i64>;
        (keys, overview.jobs) = jobs.into_iter().unzip();
        overview.count_days(snapshot, scope, &keys)?;
        for job in &overview.jobs {
            overview.completeness.quarantine_open += job.quarantine_open;
            overview.completeness.jobs_behind += u64::from(job.behind);
            let never = job.watched && job.last_answered_at.is_none();
            overview.completeness.jobs_never_complete += u64::from(never);
        }
        overview.assess(snapshot, scope, purge_age)?;
        Ok(overview)
    }

    /// Whether all of it is there, as of the last sync: the same archive gives the same answer.
    fn assess(&mut self, snapshot: &Snapshot<'_>, scope: &Scope, purge_age: Option<Duration>) -> Result {
        let ages = PurgeAges::read(snapshot, purge_age)?;
        let Completeness {
            gaps,
            runs_missed,
            count_mismatches,
            ..
        } = self.completeness;
        let is_open = |job: &&JobOverview| job.open_gap.is_some();
        let open = || self.jobs.iter().filter(is_open);
        let servers = snapshot.server_jobs()?;
        let counts = HistoryCounts {
            count_mismatches,
            gaps: gaps - u64::try_from(open().count()).expect("a length fits"),
            runs_missed: runs_missed - open().filter_map(|job| job.open_gap).sum::<u64>(),
            // Not known if no server listed its jobs.
            unwatched: Some(&servers)
                .filter(|servers| !servers.is_empty())
                .map(|servers| {
                    let nobody =
                        |server: &ServerJobs| (server.unwatched.len() as u64).saturating_sub(server.removed);
                    servers.iter().map(nobody).sum()
                }),
            removed: servers.iter().map(|server| server.removed).sum(),
        };
        let last = snapshot.last_sync()?;
        let at = last.map_or(0, |sync| {
            sync.finished_unix
                .map_or(sync.started_unix, |ended| ended.max(sync.started_unix))
        });
        let at = Instant::from_unix_seconds(at);
        self.assessment = Assessment::read(snapshot, scope, &ages, &counts, at)?;
        Ok(())
    }

    /// What the report `coverage` says.
    fn cover(&mut self, snapshot: &Snapshot<'_>, scope: &Scope, jobs: &mut [(i64, JobOverview)]) -> Result {
        let mut found: HashMap<String, u64> = HashMap::new();
        coverage::each_job(snapshot, scope, |row| {
            self.totals.runs_listed += row.runs_listed;
            self.totals.runs_absent += row.runs_absent;
            self.completeness.count_mismatches += row.count_mismatches;
            found.insert(row.job_id.to_owned(), row.runs);
            Ok(())
        })?;
        self.totals.runs_removed += removals::count(snapshot, scope)?;
        for (_, job) in jobs {
            job.runs = found.get(&job.job_id).copied().unwrap_or(0);
            self.totals.runs += job.runs;
        }
        Ok(())
    }

    fn count(
        &mut self,
        snapshot: &Snapshot<'_>,
        windows: Option<Windows>,
        scope: &Scope,
        jobs: &mut [(i64, JobOverview)],
    ) -> Result {
        let places: HashMap<i64, usize> = (jobs.iter().map(|(job_key, _)| *job_key)).zip(0..).collect();
        let (mut all_now, mut all_before) = (RunCounts::default(), RunCounts::default());
        let mut shares = vec![(RunCounts::default(), RunCounts::default()); jobs.len()];
        let mut sum = RunCounts::default();
        snapshot.each_run_facts::<ReportError>(|run| {
            let (Some(&place), Some(ticks)) = (places.get(&run.job_key), run.started_ticks) else {
                return Ok(());
            };
            let runs = one_run(&run);
            if let Some(windows) = windows {
                if windows.is_now(ticks) {
                    shares[place].0 += runs;
                    all_now += runs;
                } else if windows.is_before(ticks) {
                    shares[place].1 += runs;
                    all_before += runs;
                }
            }
            // Runs before the span are there for the comparison alone.
            if !scope.has_time(Some(ticks)) {
                return Ok(());
            }
            let day = local_day(scope.options().zone, Instant::from_ticks(ticks));
            let RunCounts { failed, finished, .. } = runs;
            sum += runs;
            self.by_day.add(day, runs);
            self.kinds
                .add(day, Counts([finished - failed, failed, 1 - finished]));
            let job = &mut jobs[place].1;
            job.failed += failed;
            job.finished += finished;
            let (first, last) = job.span_ticks.unwrap_or((ticks, ticks));
            job.span_ticks = Some((first.min(ticks), last.max(ticks)));
            Ok(())
        })?;
        for ((_, job), (now, before)) in jobs.iter_mut().zip(shares) {
            (job.now, job.before) = (now.into(), before.into());
            job.verdict = Verdict::of(&job.now, &job.before);
            let time = |ticks| Instant::from_ticks(ticks).to_string();
            job.first_run_at = job.span_ticks.map(|(first, _)| time(first));
            job.last_run_at = job.span_ticks.map(|(_, last)| time(last));
        }
        (self.totals.finished, self.totals.failed) = (sum.finished, sum.failed);
        self.totals.failure_rate = rate(sum);
        let spans = || jobs.iter().filter_map(|(_, job)| job.span_ticks);
        let time = |ticks| Instant::from_ticks(ticks).to_string();
        self.totals.first_run_at = spans().map(|(first, _)| first).min().map(time);
        self.totals.last_run_at = spans().map(|(_, last)| last).max().map(time);
        self.comparison = windows
            .map(|windows| SpanComparison::new(windows, Share::from(all_now), Share::from(all_before)));
        Ok(())
    }

    /// Counts the runs by day of the jobs that are drawn; of all jobs they would take too much memory.
    fn count_days(&mut self, snapshot: &Snapshot<'_>, scope: &Scope, keys: &[i64]) -> Result {
        let drawn = by_concern(self).into_iter().take(MOST_DRAWN);
        let drawn: HashSet<String> = drawn.map(|job| job.job_id.clone()).collect();
        for (job, &key) in self.jobs.iter_mut().zip(keys) {
            if drawn.contains(&job.job_id) {
                snapshot.each_run_facts_of_job::<ReportError>(key, |run| {
                    if let Some(ticks) = run.started_ticks.filter(|&ticks| scope.has_time(Some(ticks))) {
                        let day = local_day(scope.options().zone, Instant::from_ticks(ticks));
                        job.by_day.add(day, one_run(&run));
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// What the report `missed-runs` says.
    fn find_gaps(
        &mut self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        jobs: &mut [(i64, JobOverview)],
    ) -> Result {
        let places: HashMap<String, usize> = jobs
            .iter()
            .enumerate()
            .map(|(place, (_, job))| (job.job_id.clone(), place))
            .collect();
        let mut gaps = Vec::new();
        MissedRuns::default().each(snapshot, scope, &mut |row| {
            let runs_missed = row.count();
            if let Some(&place) = places.get(row.job_id) {
                let job = &mut jobs[place].1;
                job.gaps += 1;
                job.runs_missed += runs_missed;
                if row.to.is_none() {
                    job.open_gap = Some(runs_missed);
                }
                job.gap_ticks
                    .push((row.from.ticks(), row.end().ticks(), runs_missed));
            }
            gaps.push(Gap {
                job_id: row.job_id.to_owned(),
                job_name: row.job_name.map(str::to_owned),
                from: row.from.to_string(),
                to: row.to.map(|to| to.to_string()),
                runs_missed,
            });
            Ok(())
        })?;
        self.completeness.gaps = u64::try_from(gaps.len()).expect("a length fits");
        self.completeness.runs_missed = gaps.iter().map(|gap| gap.runs_missed).sum();
        // The order among equals is that of the report.
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.runs_missed));
        gaps.truncate(MOST_GAPS);
        self.completeness.largest_gaps = gaps;
        Ok(())
    }

    /// What the report `changes` says.
    fn count_changes(&mut self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result {
        let totals = &mut self.totals;
        Changes {}.each(snapshot, scope, &mut |row| {
            totals.changes += 1;
            totals.changes_when_final += u64::from(row.was_final);
            Ok(())
        })
    }
}

/// The jobs that are asked for, by GUID, with their keys and their freshness.
fn jobs(snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Vec<(i64, JobOverview)>> {
    let fresh = snapshot.job_freshness()?;
    let newest = fresh.iter().filter_map(|job| job.last_answered_unix).max();
    let mut fresh: HashMap<i64, _> = fresh.into_iter().map(|job| (job.job_key, job)).collect();
    let chosen = scope.names().iter().filter(|job| scope.has_job(job.job_key));
    let jobs = chosen.filter_map(|name| {
        let fresh = fresh.remove(&name.job_key)?;
        let answered = fresh.last_answered_unix;
        let job = JobOverview {
            job_id: name.job_id.clone(),
            job_name: name.name.clone(),
            watched: fresh.is_watched,
            last_answered_at: answered.map(|at| Instant::from_unix_seconds(at).to_string()),
            behind: fresh.is_watched && (fresh.last_error.is_some() || is_behind(answered, newest)),
            last_error: fresh.last_error,
            runs: 0,
            first_run_at: None,
            last_run_at: None,
            failed: 0,
            finished: 0,
            now: Share::default(),
            before: Share::default(),
            verdict: Verdict::NotKnown,
            gaps: 0,
            runs_missed: 0,
            quarantine_open: u64::try_from(fresh.open_quarantine).unwrap_or(0),
            by_day: Bins::new(Period::Day),
            gap_ticks: Vec::new(),
            open_gap: None,
            span_ticks: None,
        };
        Some((name.job_key, job))
    });
    Ok(jobs.collect())
}

/// Whether a job was last complete so much before another one that a night was left out; both in seconds since 1970.
fn is_behind(synced: Option<i64>, newest: Option<i64>) -> bool {
    /// A day, and what nights differ by.
    const A_NIGHT_SECONDS: i64 = 26 * 3600;
    match (synced, newest) {
        (None, _) => true,
        (Some(synced), Some(newest)) => newest - synced > A_NIGHT_SECONDS,
        (Some(_), None) => false,
    }
}

/// A run, as one that is counted.
fn one_run(run: &RunFacts) -> RunCounts {
    let failed = u64::from(matches!(run.status, Some(5 | 7)));
    RunCounts {
        runs: 1,
        failed,
        finished: failed + u64::from(run.status == Some(4)),
    }
}

/// The two spans to be compared; `None` where no run lies in what was asked for.
fn windows(snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Option<Windows>> {
    let mut span: Option<(i64, i64)> = None;
    snapshot.each_run_place(InSpan::Start, scope.since(), scope.until(), |run| {
        if let Some(ticks) = run.started_ticks.filter(|_| scope.has_job(run.job_key)) {
            let (first, last) = span.unwrap_or((ticks, ticks));
            span = Some((first.min(ticks), last.max(ticks)));
        }
    })?;
    Ok(span.map(|(first, last)| Windows::of(scope.since(), scope.until(), first, last)))
}
