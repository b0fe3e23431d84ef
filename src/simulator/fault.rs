//! Faults: what the simulator does wrong on request.

use std::str::FromStr;
use std::time::Duration;

/// What goes wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// This status with the document's text; 429 and 503 with `Retry-After` in seconds.
    Status(u16, Option<u64>),
    /// 401, as for a token that was revoked.
    TokenDies,
    /// A proxy's HTML page with status 200.
    Html,
    /// XML in place of JSON.
    Xml,
    /// A redirect to another host.
    Redirect,
    /// The connection is reset in place of an answer.
    HangUp,
    /// The connection is reset after this many bytes of the uncompressed body.
    Reset(u64),
    /// The connection ends after this many bytes of the uncompressed body.
    Cut(u64),
    /// The HTTP answer ends properly after this many bytes, but its JSON does not.
    Short(u64),
    /// Silence of this length after 1,000 bytes.
    Stall(Duration),
    /// The first kilobytes come in small pieces with pauses.
    Drip,
    /// In place of the newest run, something that is not a run: one of several kinds, by number.
    BadRun(u64),
    /// In place of the first message of the newest run, something that is not a message: one of several kinds, by number.
    BadMessage(u64),
    /// The newest run has a lone surrogate, a NUL and a bad byte in its summary.
    OddText,
    /// `TotalJobRuns` and `MessageCount` are wrong.
    WrongCounts,
    /// The answer names another job before its runs.
    OtherJob,
    /// The answer is `[]`.
    Empty,
    /// The answer is `null`.
    Null,
    /// `JobStatusInfo` is `null`.
    NullList,
    /// Runs and fields come in another order.
    Shuffled,
    /// A login or refresh is refused.
    LoginFails,
    /// A login or refresh is answered after this time.
    LoginSlow(Duration),
}

impl FaultKind {
    /// Whether it is a fault of the token URL, not of a job's runs.
    const fn is_of_login(&self) -> bool {
        matches!(self, Self::LoginFails | Self::LoginSlow(_))
    }
}

/// The names of the faults with their argument, and what they do, for `--help` and errors.
pub const FAULT_KINDS: &[(&str, &str)] = &[
    (
        "400, 403, 404, 500",
        "that status with the text of the API document",
    ),
    ("407, 502, 504", "that status with a proxy's HTML page"),
    ("429=SECONDS", "status 429 with Retry-After (default 1)"),
    ("503=SECONDS", "status 503 with Retry-After (default 1)"),
    ("token-dies", "status 401: the token dies before this answer"),
    ("login-fails", "the login or refresh is refused"),
    (
        "login-slow=SECONDS",
        "the login or refresh takes this long (default 5)",
    ),
    ("html", "a proxy's HTML page with status 200"),
    ("xml", "XML with status 200"),
    ("redirect", "a redirect to another host"),
    ("hang-up", "the connection is reset in place of an answer"),
    (
        "reset=BYTES",
        "the connection is reset after this many bytes (default 2000)",
    ),
    (
        "cut=BYTES",
        "the connection ends after this many bytes (default 2000)",
    ),
    (
        "short=BYTES",
        "the answer ends properly after this many bytes (default 2000), but its JSON does not",
    ),
    ("stall=SECONDS", "silence (default 60) after 1,000 bytes"),
    ("drip", "the first 4 KB come in small pieces with pauses"),
    (
        "bad-run=N",
        "the newest run is not a run: 1 an ID that is not a GUID, 2 no ID, 3 null, 4 a number, 5 a text, 6 broken JSON",
    ),
    (
        "bad-message=N",
        "a message of the newest run is not a message: 1 broken JSON, 2 null, 3 a number, 4 a text",
    ),
    ("odd-text", "a lone surrogate, a NUL and a bad byte in a text"),
    ("wrong-counts", "TotalJobRuns and MessageCount are wrong"),
    ("other-job", "the answer names another job"),
    (
        "empty, null, null-list",
        "the answer is []; is null; has null for its runs",
    ),
    ("shuffled", "runs, fields and messages in another order"),
];

/// A fault, and when it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// The job that it happens to, from 1; `None` for every job.
    pub job: Option<u32>,
    /// The request that it happens to, counted from 1 for each job and for the token URL; `None` for every request.
    pub attempt: Option<u32>,
}

/// The text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a fault; write KIND[=ARGUMENT][@JOB][#ATTEMPT], KIND being one of: {kinds}", kinds = names())]
pub struct NoFault(pub String);

fn names() -> String {
    let names: Vec<&str> = FAULT_KINDS.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl Fault {
    /// Whether it happens to this request for the runs of a job (from 0).
    pub(super) fn applies(&self, job: u32, attempt: u32) -> bool {
        !self.kind.is_of_login() && self.job.is_none_or(|wanted| wanted == job + 1) && self.is_due(attempt)
    }

    /// Whether it happens to this request to the token URL.
    pub(super) fn applies_to_login(&self, attempt: u32) -> bool {
        self.kind.is_of_login() && self.is_due(attempt)
    }

    fn is_due(&self, attempt: u32) -> bool {
        self.attempt.is_none_or(|wanted| wanted == attempt)
    }
}

impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let wrong = || NoFault(text.to_owned());
        let number = |text: &str| match text.parse::<u32>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(wrong()),
        };
        let (rest, attempt) = match text.split_once('#') {
            Some((rest, attempt)) => (rest, Some(number(attempt)?)),
            None => (text, None),
        };
        let (rest, job) = match rest.split_once('@') {
            Some((rest, job)) => (rest, Some(number(job)?)),
            None => (rest, None),
        };
        let (name, argument) = match rest.split_once('=') {
            Some((name, argument)) => (name, Some(argument.parse::<u64>().map_err(|_| wrong())?)),
            None => (rest, None),
        };
        let bytes = argument.unwrap_or(2000);
        let seconds = |default| Duration::from_secs(argument.unwrap_or(default));
        let kind = match (name, argument) {
            ("429", _) => FaultKind::Status(429, Some(argument.unwrap_or(1))),
            ("503", _) => FaultKind::Status(503, Some(argument.unwrap_or(1))),
            ("login-slow", _) => FaultKind::LoginSlow(seconds(5)),
            ("reset", _) => FaultKind::Reset(bytes),
            ("cut", _) => FaultKind::Cut(bytes),
            ("short", _) => FaultKind::Short(bytes),
            ("stall", _) => FaultKind::Stall(seconds(60)),
            ("bad-run", None | Some(1..=6)) => FaultKind::BadRun(argument.unwrap_or(1)),
            ("bad-message", None | Some(1..=4)) => FaultKind::BadMessage(argument.unwrap_or(1)),
            (_, Some(_)) => return Err(wrong()),
            ("400" | "403" | "404" | "407" | "500" | "502" | "504", None) => {
                FaultKind::Status(name.parse().map_err(|_| wrong())?, None)
            }
            ("token-dies", None) => FaultKind::TokenDies,
            ("login-fails", None) => FaultKind::LoginFails,
            ("html", None) => FaultKind::Html,
            ("xml", None) => FaultKind::Xml,
            ("redirect", None) => FaultKind::Redirect,
            ("hang-up", None) => FaultKind::HangUp,
            ("drip", None) => FaultKind::Drip,
            ("odd-text", None) => FaultKind::OddText,
            ("wrong-counts", None) => FaultKind::WrongCounts,
            ("other-job", None) => FaultKind::OtherJob,
            ("empty", None) => FaultKind::Empty,
            ("null", None) => FaultKind::Null,
            ("null-list", None) => FaultKind::NullList,
            ("shuffled", None) => FaultKind::Shuffled,
            _ => return Err(wrong()),
        };
        if kind.is_of_login() && job.is_some() {
            return Err(wrong());
        }
        Ok(Self { kind, job, attempt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_kind_argument_job_attempt() {
        let fault: Fault = "cut=512@2#1".parse().unwrap();
        assert_eq!(
            fault,
            Fault {
                kind: FaultKind::Cut(512),
                job: Some(2),
                attempt: Some(1)
            }
        );
        assert!(fault.applies(1, 1) && !fault.applies(0, 1) && !fault.applies(1, 2));
        assert!("html".parse::<Fault>().unwrap().applies(5, 9));
        assert!(
            "cutt"
                .parse::<Fault>()
                .unwrap_err()
                .to_string()
                .contains("bad-run")
        );
    }

    #[test]
    fn what_a_kind_does_not_take_is_refused() {
        for wrong in [
            "html=1",
            "403=5",
            "bad-run=7",
            "bad-run=0",
            "bad-message=5",
            "cut=x",
            "cut=-1",
            "html@0",
            "html#0",
            "html@",
            "login-fails@1",
            "#1",
            "",
        ] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn faults_of_the_login_leave_the_runs_alone() {
        let fault: Fault = "login-fails#2".parse().unwrap();
        assert!(fault.applies_to_login(2) && !fault.applies_to_login(1) && !fault.applies(0, 2));
        assert!(!"html".parse::<Fault>().unwrap().applies_to_login(1));
    }

    #[test]
    fn every_fault_that_help_names_is_understood() {
        for (names, _) in FAULT_KINDS {
            for name in names.split(", ") {
                let name = name.split('=').next().unwrap();
                assert!(name.parse::<Fault>().is_ok(), "{name}");
            }
        }
    }
}
