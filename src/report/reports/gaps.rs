//! How complete the history of each job is, span by span: what is proved, and what is not known.
//!
//! # What proves what
//! A complete answer to the question for all runs (`count=0`) lists every run that the server had at that time. A server
//! purges a run when it is older than its purge age, so of the runs that started between the purge age before the answer
//! and the answer none is missing. The moment of the answer lies between begin and end of its sync: a span is counted from
//! the purge age before the end, to the begin. What lies between two such spans nobody can know: a run may have started
//! after the one answer and been purged before the other.
//!
//! Times of answers are by the server's clock, which also times the runs, where the sync knew it by the `Date` of the
//! server. An answer whose time does not fit with those of the other syncs, because the clock was wrong that night, proves
//! nothing; nor does one at which the two clocks differed by more than a day.
//!
//! An answer whose `TotalJobRuns` is not the number of runs that it listed proves nothing by itself: its span is disputed,
//! where no other answer proves it.

use std::collections::HashMap;

use crate::archive::{CompleteAnswer, JobName, Snapshot};
use crate::model::Instant;
use crate::report::definition::row;
use crate::report::error::Result;
use crate::report::options::Scope;
use crate::report::purge_age::PurgeAges;
use crate::report::table::Cell;

/// Seconds by which the clocks of archive and server may differ at an answer that proves something. Whoever checks a package of
/// evidence knows the times by the archive's clock alone.
const MOST_SKEW: u64 = 86_400;

row! {
    /// A span of a job's time; or a run of it whose counts disagree.
    GapRow<'a> {
        job_id: &'a str as Text,
        job_name: Option<&'a str> as Text,
        from: Option<Instant> as Instant,
        to: Option<Instant> as Instant,
        state: GapState as Text,
        runs: u64 as Integer,
        total_job_runs: Option<i64> as Integer,
        last_sync_id: Option<i64> as Integer,
        job_run_id: Option<&'a str> as Text,
        why: &'a str as Text,
    }
}

/// What is known of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GapState {
    /// Every run that started in it is archived.
    Complete,
    /// It was listed, and the server's own total says otherwise.
    Disputed,
    /// Runs may have started and been purged between two answers.
    MayBeMissing,
    /// No answer reaches it.
    NotLooked,
    /// A run has other messages than its count says.
    CountMismatch,
}

impl GapState {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Disputed => "disputed",
            Self::MayBeMissing => "may_be_missing",
            Self::NotLooked => "not_looked",
            Self::CountMismatch => "count_mismatch",
        }
    }

    /// The same for people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Disputed => "disputed",
            Self::MayBeMissing => "may be missing",
            Self::NotLooked => "not looked",
            Self::CountMismatch => "count mismatch",
        }
    }
}

impl From<GapState> for Cell<'_> {
    fn from(state: GapState) -> Self {
        Self::Text(state.word())
    }
}

/// A span that answers tell of. Seconds since 1970 UTC; `to` is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Evidence {
    from: i64,
    to: i64,
    last: CompleteAnswer,
    first_sync_id: i64,
}

/// A span of a job's time and what is known of it; no `from` or `to`: without end on that side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    from: Option<i64>,
    to: Option<i64>,
    state: GapState,
    evidence: Option<Evidence>,
    why: String,
}

/// What the answers of a job tell.
#[derive(Debug, Default)]
struct Answers {
    proved: Vec<Evidence>,
    disputed: Vec<Evidence>,
}

impl Answers {
    fn add(&mut self, answer: CompleteAnswer, purge_age: i64) {
        let evidence = Evidence {
            from: answer.ended_unix.saturating_sub(purge_age),
            to: answer.began_unix,
            last: answer,
            first_sync_id: answer.sync_id,
        };
        // A sync that took longer than the purge age, or a clock that was set or is not to be believed.
        if evidence.from >= evidence.to || answer.skew_seconds.unsigned_abs() > MOST_SKEW {
            return;
        }
        let agrees = answer
            .total_job_runs
            .is_none_or(|total| total == answer.runs_seen);
        let list = if agrees {
            &mut self.proved
        } else {
            &mut self.disputed
        };
        // Syncs come in the order of time, so nearly all join the last span at once.
        match list.last_mut() {
            Some(before)
                if evidence.from <= before.to && before.from <= evidence.from && before.to <= evidence.to =>
            {
                before.to = evidence.to;
                before.last = evidence.last;
            }
            _ => list.push(evidence),
        }
    }

    /// The whole of time, in order.
    fn segments(mut self) -> Vec<Segment> {
        let proved = joined(std::mem::take(&mut self.proved));
        let disputed = joined(std::mem::take(&mut self.disputed));
        let all = || proved.iter().chain(&disputed);
        let (Some(begin), Some(end)) = (
            all().map(|evidence| evidence.from).min(),
            all().map(|evidence| evidence.to).max(),
        ) else {
            return vec![Segment {
                from: None,
                to: None,
                state: GapState::NotLooked,
                evidence: None,
                why: "no answer to the question for all runs was complete, or none has a certain time"
                    .to_owned(),
            }];
        };
        let mut segments = vec![Segment {
            from: None,
            to: Some(begin),
            state: GapState::NotLooked,
            evidence: None,
            why: "older than the purge age at the first complete answer: runs of that time may have been purged before anybody asked".to_owned(),
        }];
        let mut at = begin;
        for evidence in proved.iter().map(Some).chain([None]) {
            let until = evidence.map_or(end, |evidence| evidence.from);
            unproved(&mut segments, at, until, &disputed);
            if let Some(evidence) = evidence {
                segments.push(evidence.segment(GapState::Complete));
                at = evidence.to;
            }
        }
        let last = all()
            .map(|evidence| evidence.last.sync_id)
            .max()
            .unwrap_or_default();
        segments.push(Segment {
            from: Some(end),
            to: None,
            state: GapState::NotLooked,
            evidence: None,
            why: format!("since sync {last} began no answer was complete"),
        });
        segments
    }
}

/// Adds what is to be said of a time that no answer proves: disputed, or that runs may be missing.
fn unproved(segments: &mut Vec<Segment>, from: i64, to: i64, disputed: &[Evidence]) {
    let mut at = from;
    let missing = |from: i64, to: i64| Segment {
        from: Some(from),
        to: Some(to),
        state: GapState::MayBeMissing,
        evidence: None,
        why: "longer than the purge age between two complete answers: runs may have come and gone".to_owned(),
    };
    for evidence in disputed
        .iter()
        .filter(|evidence| evidence.from < to && evidence.to > from)
    {
        let (begin, end) = (evidence.from.max(at), evidence.to.min(to));
        if at < begin {
            segments.push(missing(at, begin));
        }
        if begin < end {
            segments.push(Segment {
                from: Some(begin),
                to: Some(end),
                ..evidence.segment(GapState::Disputed)
            });
            at = end;
        }
    }
    if at < to {
        segments.push(missing(at, to));
    }
}

impl Evidence {
    fn segment(&self, state: GapState) -> Segment {
        let Self {
            last, first_sync_id, ..
        } = self;
        let answers = if *first_sync_id == last.sync_id {
            format!("by the complete answer of sync {first_sync_id}")
        } else {
            format!("by complete answers of syncs {first_sync_id} to {}", last.sync_id)
        };
        let total = last.total_job_runs.map_or_else(
            || "which did not say TotalJobRuns".to_owned(),
            |total| format!("TotalJobRuns {total}"),
        );
        Segment {
            from: Some(self.from),
            to: Some(self.to),
            state,
            evidence: Some(*self),
            why: format!("{answers}; the last listed {} runs, {total}", last.runs_seen),
        }
    }
}

/// The spans in order, those that touch joined.
fn joined(mut spans: Vec<Evidence>) -> Vec<Evidence> {
    spans.sort_by_key(|evidence| (evidence.from, evidence.to));
    let mut joined: Vec<Evidence> = Vec::with_capacity(spans.len());
    for evidence in spans {
        match joined.last_mut() {
            Some(before) if evidence.from <= before.to => {
                if evidence.to > before.to {
                    before.to = evidence.to;
                    before.last = evidence.last;
                }
                before.first_sync_id = before.first_sync_id.min(evidence.first_sync_id);
            }
            _ => joined.push(evidence),
        }
    }
    joined
}

impl Segment {
    /// The part of it within the span requested, seconds since 1970 UTC; `None` where there is none.
    fn within(mut self, since: Option<i64>, until: Option<i64>) -> Option<Self> {
        self.from = match (self.from, since) {
            (Some(from), Some(since)) => Some(from.max(since)),
            (from, since) => from.or(since),
        };
        self.to = match (self.to, until) {
            (Some(to), Some(until)) => Some(to.min(until)),
            (to, until) => to.or(until),
        };
        match (self.from, self.to) {
            (Some(from), Some(to)) if from >= to => None,
            _ => Some(self),
        }
    }
}

/// Stands in `why` before the number of runs that a rule removed.
const REMOVED: &str = "; runs removed by a retention rule: ";

/// `why` without the removed runs, for who has a table of them.
pub(crate) fn without_removals(why: &str) -> &str {
    why.split(REMOVED).next().unwrap_or(why)
}

/// Yields the rows by the GUID of the job: its spans in the order of time, then its runs whose counts disagree. Spans are cut
/// at the ends of the one requested.
pub(crate) fn each(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    ages: &PurgeAges,
    mut row: impl FnMut(GapRow<'_>) -> Result,
) -> Result {
    let mut answers = answers(snapshot, scope, ages)?;
    for job in scope.jobs() {
        let answers = answers.remove(&job.job_key).unwrap_or_default();
        each_span(snapshot, scope, job, answers, &mut row)?;
        each_mismatch(snapshot, scope, job, &mut row)?;
    }
    Ok(())
}

/// What the answers of each job tell that is requested.
fn answers(snapshot: &Snapshot<'_>, scope: &Scope, ages: &PurgeAges) -> Result<HashMap<i64, Answers>> {
    let jobs = snapshot.job_freshness()?;
    let ages: HashMap<i64, i64> = jobs
        .iter()
        .map(|job| (job.job_key, ages.or_assumed(job.server_key).listed_seconds))
        .collect();
    let mut answers: HashMap<i64, Answers> = HashMap::new();
    snapshot.each_complete_answer(|answer| {
        if scope.has_job(answer.job_key)
            && let Some(&age) = ages.get(&answer.job_key)
        {
            answers.entry(answer.job_key).or_default().add(answer, age);
        }
    })?;
    Ok(answers)
}

fn each_span(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    job: &JobName,
    answers: Answers,
    row: &mut impl FnMut(GapRow<'_>) -> Result,
) -> Result {
    let starts = snapshot.starts_of_job(job.job_key, None, None)?;
    let removed_starts = snapshot.removed_starts_of_job(job.job_key)?;
    // Of these, those between two seconds.
    let between = |starts: &[i64], from: Option<i64>, to: Option<i64>| {
        let before = |second: i64| {
            let bound = Instant::from_unix_seconds(second).ticks();
            starts.partition_point(|&start| start < bound)
        };
        let end = to.map_or(starts.len(), before);
        end.saturating_sub(from.map_or(0, before)) as u64
    };
    let options = scope.options();
    let (since, until) = (
        options.since.map(Instant::unix_seconds),
        options.until.map(Instant::unix_seconds),
    );
    let segments = answers.segments().into_iter();
    for segment in segments.filter_map(|segment| segment.within(since, until)) {
        let removed = between(&removed_starts, segment.from, segment.to);
        let mut why = segment.why;
        if removed > 0 {
            why.push_str(&format!("{REMOVED}{removed}"));
        }
        row(GapRow {
            job_id: &job.job_id,
            job_name: job.name.as_deref(),
            from: segment.from.map(Instant::from_unix_seconds),
            to: segment.to.map(Instant::from_unix_seconds),
            state: segment.state,
            runs: between(&starts, segment.from, segment.to) - removed,
            total_job_runs: segment.evidence.and_then(|evidence| evidence.last.total_job_runs),
            last_sync_id: segment.evidence.map(|evidence| evidence.last.sync_id),
            job_run_id: None,
            why: &why,
        })?;
    }
    Ok(())
}

fn each_mismatch(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    job: &JobName,
    row: &mut impl FnMut(GapRow<'_>) -> Result,
) -> Result {
    snapshot.each_count_mismatch(job.job_key, |run| {
        if !scope.has_time(run.started_ticks) {
            return Ok(());
        }
        let why = format!(
            "MessageCount {}, and {} messages came",
            run.message_count, run.messages
        );
        row(GapRow {
            job_id: &job.job_id,
            job_name: job.name.as_deref(),
            from: run.started_ticks.map(Instant::from_ticks),
            to: run.ended_ticks.map(Instant::from_ticks),
            state: GapState::CountMismatch,
            runs: 1,
            total_job_runs: None,
            last_sync_id: None,
            job_run_id: Some(run.job_run_id),
            why: &why,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sync, when it began and ended, what it listed and what the total was.
    fn answer(
        sync_id: i64,
        began_unix: i64,
        ended_unix: i64,
        runs_seen: i64,
        total: Option<i64>,
    ) -> CompleteAnswer {
        CompleteAnswer {
            job_key: 1,
            sync_id,
            began_unix,
            ended_unix,
            skew_seconds: 0,
            runs_seen,
            total_job_runs: total,
        }
    }

    fn segments(purge_age: i64, all: &[CompleteAnswer]) -> Vec<String> {
        let mut answers = Answers::default();
        for &answer in all {
            answers.add(answer, purge_age);
        }
        let segments = answers.segments();
        for pair in segments.windows(2) {
            assert_eq!(pair[0].to, pair[1].from, "no time is left out");
        }
        let end = |end: Option<i64>| end.map_or_else(|| "-".to_owned(), |end| end.to_string());
        let show = |segment: &Segment| {
            format!(
                "{}..{} {}",
                end(segment.from),
                end(segment.to),
                segment.state.word()
            )
        };
        segments.iter().map(show).collect()
    }

    #[test]
    fn syncs_closer_than_the_purge_age_prove_one_span() {
        let all = [
            answer(1, 1000, 1010, 5, Some(5)),
            answer(2, 1050, 1060, 5, None),
            answer(3, 1100, 1110, 6, Some(6)),
        ];
        assert_eq!(
            segments(100, &all),
            ["-..910 not_looked", "910..1100 complete", "1100..- not_looked"]
        );
        assert!(segments(100, &all[..1])[1].contains("910..1000"));
    }

    #[test]
    fn between_syncs_further_apart_than_the_purge_age_runs_may_be_missing() {
        let all = [
            answer(1, 1000, 1010, 5, Some(5)),
            answer(2, 1200, 1210, 5, Some(5)),
        ];
        assert_eq!(
            segments(100, &all),
            [
                "-..910 not_looked",
                "910..1000 complete",
                "1000..1110 may_be_missing",
                "1110..1200 complete",
                "1200..- not_looked"
            ]
        );
        // To the second: the end of the second less the purge age is the begin of the first.
        let all = [
            answer(1, 1000, 1010, 5, Some(5)),
            answer(2, 1090, 1100, 5, Some(5)),
        ];
        assert_eq!(segments(100, &all)[1], "910..1090 complete");
    }

    #[test]
    fn an_answer_that_its_own_total_contradicts_proves_nothing() {
        let all = [
            answer(1, 1000, 1010, 5, Some(5)),
            answer(2, 1050, 1060, 5, Some(7)),
            answer(3, 1300, 1310, 5, Some(4)),
        ];
        assert_eq!(
            segments(100, &all),
            [
                "-..910 not_looked",
                "910..1000 complete",
                "1000..1050 disputed",
                "1050..1210 may_be_missing",
                "1210..1300 disputed",
                "1300..- not_looked"
            ]
        );
    }

    #[test]
    fn a_job_that_was_never_complete_is_not_known_at_all() {
        assert_eq!(segments(100, &[]), ["-..- not_looked"]);
        // A sync longer than the purge age proves nothing either.
        assert_eq!(
            segments(5, &[answer(1, 1000, 1010, 5, Some(5))]),
            ["-..- not_looked"]
        );
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_nothing_out() {
        let all = [
            answer(1, 1000, 1010, 5, Some(5)),
            answer(2, 500, 510, 5, Some(5)),
            answer(3, 1020, 1030, 5, Some(5)),
        ];
        assert_eq!(
            segments(100, &all),
            [
                "-..410 not_looked",
                "410..500 complete",
                "500..910 may_be_missing",
                "910..1020 complete",
                "1020..- not_looked"
            ]
        );
    }

    #[test]
    fn a_span_asked_for_cuts_the_pieces() {
        let segment = |from, to| Segment {
            from,
            to,
            state: GapState::Complete,
            evidence: None,
            why: String::new(),
        };
        let cut = |segment: Segment, since, until| {
            segment
                .within(since, until)
                .map(|segment| (segment.from, segment.to))
        };
        assert_eq!(
            cut(segment(None, Some(10)), Some(5), Some(20)),
            Some((Some(5), Some(10)))
        );
        assert_eq!(cut(segment(None, None), None, Some(20)), Some((None, Some(20))));
        assert_eq!(cut(segment(Some(1), Some(10)), Some(10), None), None);
    }
}
