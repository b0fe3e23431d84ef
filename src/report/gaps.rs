//! How complete the history of each job is, span by span: what is proved, and what is not known.
//!
//! # What proves what
//! A complete answer to the question for all runs (`count=0`) lists every run that the server had at that moment. A server
//! purges a run when it is older than its purge age, so of the runs that started between the purge age before the answer
//! and the answer none is missing. The moment of the answer lies between begin and end of its sync: a span is counted from
//! the purge age before the end, to the begin. What lies between two such spans nobody can know: a run may have started
//! after the one answer and been purged before the other.
//!
//! An answer whose `TotalJobRuns` is not the number of runs that it listed proves nothing by itself: its span is disputed,
//! where no other answer proves it.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::error::ReportError;
use super::options::{Common, Scope};
use super::table::{Cell, Column, Kind, Rows};
use crate::archive::{CompleteAnswer, JobName, Snapshot};
use crate::model::Instant;

/// What can be asked of this report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What every report can be asked; spans are cut at `since` and `until`.
    pub common: Common,
    /// How old a run is when the server purges it.
    pub purge_age: Duration,
}

impl Options {
    /// The options as the manifest has them.
    #[must_use]
    pub fn described(&self) -> Map<String, Value> {
        let mut options = self.common.described();
        options.insert("gaps".to_owned(), true.into());
        options.insert("purge_age_seconds".to_owned(), self.purge_age.as_secs().into());
        options
    }
}

/// The columns, in their order.
pub static COLUMNS: [Column; 10] = [
    Column::new("job_id", Kind::Text),
    Column::new("job_name", Kind::Text),
    Column::new("from", Kind::Instant),
    Column::new("to", Kind::Instant),
    Column::new("state", Kind::Text),
    Column::new("runs", Kind::Integer),
    Column::new("total_job_runs", Kind::Integer),
    Column::new("last_sync_id", Kind::Integer),
    Column::new("job_run_id", Kind::Text),
    Column::new("why", Kind::Text),
];

/// What is known of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Every run that started in it is archived.
    Complete,
    /// It was listed, and the server's own total says otherwise.
    Disputed,
    /// Runs may have started and been purged between two answers.
    MayBeMissing,
    /// No answer reaches it.
    NotLooked,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Disputed => "disputed",
            Self::MayBeMissing => "may_be_missing",
            Self::NotLooked => "not_looked",
        }
    }
}

/// The word for a run whose counts disagree.
const COUNT_MISMATCH: &str = "count_mismatch";

/// A span that answers tell of. Seconds since 1970 UTC; `to` is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    from: i64,
    to: i64,
    /// The last of the answers.
    last: CompleteAnswer,
    /// The first of them.
    first_sync_id: i64,
}

/// A span of a job's time and what is known of it; no `from` or `to`: without end on that side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    from: Option<i64>,
    to: Option<i64>,
    state: State,
    told: Option<Told>,
    why: String,
}

/// What the answers of a job tell.
#[derive(Debug, Default)]
struct Answers {
    proved: Vec<Told>,
    disputed: Vec<Told>,
}

impl Answers {
    fn add(&mut self, answer: CompleteAnswer, purge_age: i64) {
        let told = Told {
            from: answer.ended_unix.saturating_sub(purge_age),
            to: answer.began_unix,
            last: answer,
            first_sync_id: answer.sync_id,
        };
        // A sync that took longer than the purge age, or a clock that was set.
        if told.from >= told.to {
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
            Some(before) if told.from <= before.to && before.from <= told.from && before.to <= told.to => {
                before.to = told.to;
                before.last = told.last;
            }
            _ => list.push(told),
        }
    }

    /// The whole of time, in order.
    fn pieces(mut self) -> Vec<Piece> {
        let proved = joined(std::mem::take(&mut self.proved));
        let disputed = joined(std::mem::take(&mut self.disputed));
        let all = || proved.iter().chain(&disputed);
        let (Some(begin), Some(end)) = (all().map(|told| told.from).min(), all().map(|told| told.to).max())
        else {
            return vec![Piece {
                from: None,
                to: None,
                state: State::NotLooked,
                told: None,
                why: "no answer to the question for all runs was complete".to_owned(),
            }];
        };
        let mut pieces = vec![Piece {
            from: None,
            to: Some(begin),
            state: State::NotLooked,
            told: None,
            why: "before the purge age of the first complete answer; runs of that time may have been purged unseen".to_owned(),
        }];
        let mut at = begin;
        for told in proved.iter().map(Some).chain([None]) {
            let until = told.map_or(end, |told| told.from);
            unproved(&mut pieces, at, until, &disputed);
            if let Some(told) = told {
                pieces.push(told.piece(State::Complete));
                at = told.to;
            }
        }
        let last = all().map(|told| told.last.sync_id).max().unwrap_or_default();
        pieces.push(Piece {
            from: Some(end),
            to: None,
            state: State::NotLooked,
            told: None,
            why: format!("since sync {last} began no answer was complete"),
        });
        pieces
    }
}

/// Adds what is to be said of a time that no answer proves: disputed, or that runs may be missing.
fn unproved(pieces: &mut Vec<Piece>, from: i64, to: i64, disputed: &[Told]) {
    let mut at = from;
    let missing = |from: i64, to: i64| Piece {
        from: Some(from),
        to: Some(to),
        state: State::MayBeMissing,
        told: None,
        why: "longer than the purge age between two complete answers: runs may have come and gone".to_owned(),
    };
    for told in disputed.iter().filter(|told| told.from < to && told.to > from) {
        let (begin, end) = (told.from.max(at), told.to.min(to));
        if at < begin {
            pieces.push(missing(at, begin));
        }
        if begin < end {
            pieces.push(Piece {
                from: Some(begin),
                to: Some(end),
                ..told.piece(State::Disputed)
            });
            at = end;
        }
    }
    if at < to {
        pieces.push(missing(at, to));
    }
}

impl Told {
    fn piece(&self, state: State) -> Piece {
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
        Piece {
            from: Some(self.from),
            to: Some(self.to),
            state,
            told: Some(*self),
            why: format!("{answers}; the last listed {} runs, {total}", last.runs_seen),
        }
    }
}

/// The spans in order, those that touch joined.
fn joined(mut spans: Vec<Told>) -> Vec<Told> {
    spans.sort_by_key(|told| (told.from, told.to));
    let mut joined: Vec<Told> = Vec::with_capacity(spans.len());
    for told in spans {
        match joined.last_mut() {
            Some(before) if told.from <= before.to => {
                if told.to > before.to {
                    before.to = told.to;
                    before.last = told.last;
                }
                before.first_sync_id = before.first_sync_id.min(told.first_sync_id);
            }
            _ => joined.push(told),
        }
    }
    joined
}

impl Piece {
    /// The part of it within the span asked for, seconds since 1970 UTC; `None` where there is none.
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

/// Writes the report: by the GUID of the job, its spans in the order of time, then its runs whose counts disagree.
///
/// # Errors
/// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
pub fn write(snapshot: &Snapshot<'_>, options: &Options, rows: &mut dyn Rows) -> Result<(), ReportError> {
    let scope = options.common.scope(snapshot)?;
    let purge_age = i64::try_from(options.purge_age.as_secs()).unwrap_or(i64::MAX);
    let mut answers: HashMap<i64, Answers> = HashMap::new();
    snapshot.each_complete_answer(|answer| {
        if scope.has_job(answer.job_key) {
            answers.entry(answer.job_key).or_default().add(answer, purge_age);
        }
    })?;
    rows.columns(&COLUMNS)?;
    for job in scope.names().iter().filter(|job| scope.has_job(job.job_key)) {
        let answers = answers.remove(&job.job_key).unwrap_or_default();
        write_spans(snapshot, options, job, answers, rows)?;
        write_mismatches(snapshot, &scope, job, rows)?;
    }
    rows.finish()?;
    Ok(())
}

fn write_spans(
    snapshot: &Snapshot<'_>,
    options: &Options,
    job: &JobName,
    answers: Answers,
    rows: &mut dyn Rows,
) -> Result<(), ReportError> {
    let starts = snapshot.starts_of_job(job.job_key, None, None)?;
    // Runs that started before that second.
    let before = |second: i64| {
        let bound = Instant::from_unix_seconds(second).ticks();
        starts.partition_point(|&start| start < bound)
    };
    let seconds = |instant: Option<Instant>| instant.map(Instant::unix_seconds);
    let (since, until) = (seconds(options.common.since), seconds(options.common.until));
    for piece in answers
        .pieces()
        .into_iter()
        .filter_map(|piece| piece.within(since, until))
    {
        let begin = piece.from.map_or(0, before);
        let end = piece.to.map_or(starts.len(), before);
        rows.row(&[
            Cell::Text(&job.job_id),
            Cell::text(job.name.as_deref()),
            Cell::unix(piece.from),
            Cell::unix(piece.to),
            Cell::Text(piece.state.word()),
            Cell::count(end.saturating_sub(begin) as u64),
            piece
                .told
                .and_then(|told| told.last.total_job_runs)
                .map_or(Cell::Null, Cell::Integer),
            piece
                .told
                .map_or(Cell::Null, |told| Cell::Integer(told.last.sync_id)),
            Cell::Null,
            Cell::Text(&piece.why),
        ])?;
    }
    Ok(())
}

fn write_mismatches(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    job: &JobName,
    rows: &mut dyn Rows,
) -> Result<(), ReportError> {
    snapshot.each_count_mismatch(job.job_key, |run| {
        if !scope.has_time(run.started_ticks) {
            return Ok(());
        }
        let why = format!(
            "MessageCount {}, and {} messages came",
            run.message_count, run.messages
        );
        rows.row(&[
            Cell::Text(&job.job_id),
            Cell::text(job.name.as_deref()),
            Cell::ticks(run.started_ticks),
            Cell::ticks(run.ended_ticks),
            Cell::Text(COUNT_MISMATCH),
            Cell::Integer(1),
            Cell::Null,
            Cell::Null,
            Cell::Text(run.job_run_id),
            Cell::Text(&why),
        ])?;
        Ok(())
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
            runs_seen,
            total_job_runs: total,
        }
    }

    fn pieces(purge_age: i64, all: &[CompleteAnswer]) -> Vec<String> {
        let mut answers = Answers::default();
        for &answer in all {
            answers.add(answer, purge_age);
        }
        let pieces = answers.pieces();
        for pair in pieces.windows(2) {
            assert_eq!(pair[0].to, pair[1].from, "no time is left out");
        }
        let end = |end: Option<i64>| end.map_or_else(|| "-".to_owned(), |end| end.to_string());
        let show = |piece: &Piece| format!("{}..{} {}", end(piece.from), end(piece.to), piece.state.word());
        pieces.iter().map(show).collect()
    }

    #[test]
    fn syncs_closer_than_the_purge_age_prove_one_span() {
        let all = [
            answer(1, 1000, 1010, 5, Some(5)),
            answer(2, 1050, 1060, 5, None),
            answer(3, 1100, 1110, 6, Some(6)),
        ];
        assert_eq!(
            pieces(100, &all),
            ["-..910 not_looked", "910..1100 complete", "1100..- not_looked"]
        );
        assert!(pieces(100, &all[..1])[1].contains("910..1000"));
    }

    #[test]
    fn between_syncs_further_apart_than_the_purge_age_runs_may_be_missing() {
        let all = [
            answer(1, 1000, 1010, 5, Some(5)),
            answer(2, 1200, 1210, 5, Some(5)),
        ];
        assert_eq!(
            pieces(100, &all),
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
        assert_eq!(pieces(100, &all)[1], "910..1090 complete");
    }

    #[test]
    fn an_answer_that_its_own_total_contradicts_proves_nothing() {
        let all = [
            answer(1, 1000, 1010, 5, Some(5)),
            answer(2, 1050, 1060, 5, Some(7)),
            answer(3, 1300, 1310, 5, Some(4)),
        ];
        assert_eq!(
            pieces(100, &all),
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
        assert_eq!(pieces(100, &[]), ["-..- not_looked"]);
        // A sync longer than the purge age proves nothing either.
        assert_eq!(
            pieces(5, &[answer(1, 1000, 1010, 5, Some(5))]),
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
            pieces(100, &all),
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
        let piece = |from, to| Piece {
            from,
            to,
            state: State::Complete,
            told: None,
            why: String::new(),
        };
        let cut = |piece: Piece, since, until| piece.within(since, until).map(|piece| (piece.from, piece.to));
        assert_eq!(
            cut(piece(None, Some(10)), Some(5), Some(20)),
            Some((Some(5), Some(10)))
        );
        assert_eq!(cut(piece(None, None), None, Some(20)), Some((None, Some(20))));
        assert_eq!(cut(piece(Some(1), Some(10)), Some(10), None), None);
    }
}
