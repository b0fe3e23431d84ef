//! What the end of an answer means: read in full, cut off, or not an answer to the question.

use crate::ccs::CcsError;
use crate::decode::{AnswerReader, End, Envelope, NotAnAnswer};
use crate::model::Guid;

/// How one try ended.
#[derive(Debug)]
pub(super) enum Try {
    /// The JSON was closed.
    Closed,
    /// The answer ended early, or stopped making sense after some runs.
    Broken { error: String, may_heal: bool },
    /// The answer began, and the connection failed before its end.
    Stuck(CcsError),
    /// The request failed, or the server refused it.
    Refused(CcsError),
    /// What came is not an answer to the question; nothing of it was stored.
    NoAnswer(String),
    /// The sync was asked to stop.
    Stopped,
}

/// Why the body of an answer was read no further.
pub(super) enum EndOfBody {
    /// The server ended it.
    Closed,
    /// The connection failed, or the server sent nothing more.
    Failed(CcsError),
    /// What arrived cannot be part of an answer.
    Malformed(NotAnAnswer),
    /// It named another job before its first run.
    OtherJob(Guid),
    /// The sync was asked to stop.
    Stopped,
}

/// Judges an answer to the question for the runs of `job`. `bytes` is the length of its body as received.
///
/// Also returns what the answer says about itself; that of another job's answer counts for nothing.
pub(super) fn judge(end: EndOfBody, reader: AnswerReader, job: Guid, bytes: u64) -> (Try, Envelope) {
    let so_far = |reader: &AnswerReader| reader.envelope().clone();
    match end {
        EndOfBody::Stopped => (Try::Stopped, so_far(&reader)),
        EndOfBody::Failed(error) => (Try::Stuck(error), so_far(&reader)),
        EndOfBody::OtherJob(other) => (Try::NoAnswer(about_another(other)), Envelope::default()),
        EndOfBody::Malformed(error) if reader.envelope().runs_seen == 0 => {
            (Try::NoAnswer(error.to_string()), so_far(&reader))
        }
        EndOfBody::Malformed(error) => (broken_for_good(error.to_string()), so_far(&reader)),
        EndOfBody::Closed => match reader.finish() {
            End::Complete(envelope) => (judge_complete(&envelope, job), envelope),
            End::Cut(envelope) => {
                let cut = Try::Broken {
                    error: format!("the answer was cut off after {bytes} bytes"),
                    may_heal: true,
                };
                (cut, envelope)
            }
            End::NotAnAnswer(error) => (Try::NoAnswer(error.to_string()), Envelope::default()),
        },
    }
}

/// Judges an answer whose JSON was closed.
fn judge_complete(envelope: &Envelope, job: Guid) -> Try {
    match envelope.job_id.filter(|&id| id != job) {
        Some(other) if envelope.runs_seen == 0 => Try::NoAnswer(about_another(other)),
        Some(other) => broken_for_good(format!(
            "after its runs the answer says that it is about another job, {other}"
        )),
        None => match envelope.broken_at {
            Some(at) => broken_for_good(format!(
                "commas between its runs are missing or doubled, first at byte {at}: a run may be lacking there"
            )),
            None => Try::Closed,
        },
    }
}

const fn broken_for_good(error: String) -> Try {
    Try::Broken {
        error,
        may_heal: false,
    }
}

fn about_another(job: Guid) -> String {
    format!("the answer is about another job, {job}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "11111111-1111-1111-1111-111111111111";
    const OTHER: &str = "22222222-2222-2222-2222-222222222222";

    /// Judges a body that arrived in one piece, as an answer for [`JOB`].
    fn judged(body: &str) -> (Try, Envelope) {
        let job = JOB.parse().unwrap();
        let mut reader = AnswerReader::new(1 << 10);
        let end = match reader.push(body.as_bytes(), &mut |_| {}) {
            Err(error) => EndOfBody::Malformed(error),
            Ok(()) => match reader.envelope().job_id_at_first_run.filter(|&id| id != job) {
                Some(other) => EndOfBody::OtherJob(other),
                None => EndOfBody::Closed,
            },
        };
        judge(end, reader, job, body.len() as u64)
    }

    /// Runs that were seen, and why they are not all; such an answer is partial.
    #[track_caller]
    fn broken(body: &str) -> (u64, String, bool) {
        match judged(body) {
            (Try::Broken { error, may_heal }, envelope) => (envelope.runs_seen, error, may_heal),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn no_answer(body: &str) -> String {
        match judged(body) {
            (Try::NoAnswer(error), Envelope { runs_seen: 0, .. }) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_whose_json_is_closed_is_complete_with_or_without_runs() {
        let body = format!(r#"{{"JobID":"{JOB}","TotalJobRuns":1,"JobStatusInfo":[{{}}]}}"#);
        assert!(matches!(
            judged(&body),
            (
                Try::Closed,
                Envelope {
                    runs_seen: 1,
                    total_job_runs: Some(1),
                    ..
                }
            )
        ));
        assert!(matches!(judged("[]"), (Try::Closed, _)));
    }

    #[test]
    fn an_answer_that_was_cut_off_may_be_whole_the_next_time() {
        let (runs, error, may_heal) = broken(r#"{"JobStatusInfo":[{},{"a"#);
        assert_eq!((runs, may_heal), (1, true));
        assert_eq!(error, "the answer was cut off after 24 bytes");
    }

    #[test]
    fn json_that_breaks_keeps_the_runs_before_it_and_without_any_is_no_answer() {
        let (runs, error, may_heal) = broken(r#"{"JobStatusInfo":[{},{}]]"#);
        assert_eq!((runs, may_heal), (2, false), "{error}");
        let (runs, error, may_heal) = broken(r#"{"JobStatusInfo":[{}{}]}"#);
        assert_eq!((runs, may_heal), (2, false));
        assert!(error.contains("first at byte 20"), "{error}");
        assert!(no_answer("<html>").contains("byte 0"));
    }

    #[test]
    fn another_job_makes_it_no_answer_unless_runs_came_first() {
        for runs in ["[]", "[{}]"] {
            let error = no_answer(&format!(r#"{{"JobID":"{OTHER}","JobStatusInfo":{runs}}}"#));
            assert_eq!(error, format!("the answer is about another job, {OTHER}"));
        }
        let (runs, error, may_heal) = broken(&format!(r#"{{"JobStatusInfo":[{{}}],"JobID":"{OTHER}"}}"#));
        assert_eq!((runs, may_heal), (1, false));
        assert!(error.ends_with(&format!("about another job, {OTHER}")), "{error}");
    }
}
