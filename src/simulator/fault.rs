//! What the look-alike does wrong on request.

use std::str::FromStr;
use std::time::Duration;

/// Something that goes wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// This status with the document's text; 429 and 503 with `Retry-After` in seconds.
    Status(u16, Option<u64>),
    /// 401, as when a token dies in the middle.
    TokenDies,
    /// A proxy's HTML page with status 200.
    Html,
    /// XML in place of JSON.
    Xml,
    /// A redirect to another host.
    Redirect,
    /// The connection is reset after so many bytes of the body, unpacked.
    Reset(u64),
    /// The connection ends after so many bytes of the body, unpacked.
    Cut(u64),
    /// The HTTP answer ends properly after so many bytes, its JSON does not.
    Short(u64),
    /// Silence after 1,000 bytes, for so long.
    Stall(Duration),
    /// The first kilobytes come in small pieces with pauses.
    Drip,
    /// The newest run is none: one of several kinds, by number.
    BadRun(u64),
    /// A message of the newest run is none.
    BadMessage,
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
    /// Runs and fields come in another order.
    Shuffled,
}

/// Names of the faults, their argument and what they do: for `--help` and errors.
pub const FAULT_KINDS: [(&str, &str); 22] = [
    ("400", "status 400, `JobID is invalid.`"),
    ("403", "status 403, access is denied"),
    ("404", "status 404, job not found"),
    ("429=SECONDS", "status 429 with Retry-After"),
    ("500", "status 500"),
    ("502", "status 502 with an HTML page"),
    ("503=SECONDS", "status 503 with Retry-After"),
    ("token-dies", "status 401: the token dies before this answer"),
    ("html", "a proxy's HTML page with status 200"),
    ("xml", "XML with status 200"),
    ("redirect", "a redirect to another host"),
    ("reset=BYTES", "the connection is reset after so many bytes"),
    ("cut=BYTES", "the connection ends after so many bytes"),
    (
        "short=BYTES",
        "the answer ends properly after so many bytes, its JSON does not",
    ),
    ("stall=SECONDS", "silence after 1,000 bytes"),
    ("drip", "the first 4 KB come in small pieces with pauses"),
    ("bad-run=N", "the newest run is none; N from 1 to 6 chooses how"),
    ("bad-message", "a message of the newest run is none"),
    ("odd-text", "a lone surrogate, a NUL and a bad byte in a text"),
    ("wrong-counts", "TotalJobRuns and MessageCount are wrong"),
    ("other-job", "the answer names another job"),
    (
        "empty, null, shuffled",
        "`[]`; `null`; runs and fields in another order",
    ),
];

/// A fault, and when it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// To which job, from 1; to every job where none is named.
    pub job: Option<u32>,
    /// At which request for the runs of that job, from 1; at every one where none is named.
    pub attempt: Option<u32>,
}

/// The text names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fault; write KIND[=ARGUMENT][@JOB][#ATTEMPT], KIND being one of: {kinds}", kinds = names())]
pub struct NoFault(pub String);

fn names() -> String {
    FAULT_KINDS.map(|(name, _)| name).join(", ")
}

impl Fault {
    pub(super) fn applies(&self, job: u32, attempt: u32) -> bool {
        self.job.is_none_or(|wanted| wanted == job + 1) && self.attempt.is_none_or(|wanted| wanted == attempt)
    }
}

impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let wrong = || NoFault(text.to_owned());
        let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
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
        let kind = match name {
            "400" => FaultKind::Status(400, None),
            "403" => FaultKind::Status(403, None),
            "404" => FaultKind::Status(404, None),
            "429" => FaultKind::Status(429, Some(argument.unwrap_or(1))),
            "500" => FaultKind::Status(500, None),
            "502" => FaultKind::Status(502, None),
            "503" => FaultKind::Status(503, Some(argument.unwrap_or(1))),
            "token-dies" => FaultKind::TokenDies,
            "html" => FaultKind::Html,
            "xml" => FaultKind::Xml,
            "redirect" => FaultKind::Redirect,
            "reset" => FaultKind::Reset(bytes),
            "cut" => FaultKind::Cut(bytes),
            "short" => FaultKind::Short(bytes),
            "stall" => FaultKind::Stall(Duration::from_secs(argument.unwrap_or(60))),
            "drip" => FaultKind::Drip,
            "bad-run" => FaultKind::BadRun(argument.unwrap_or(1)),
            "bad-message" => FaultKind::BadMessage,
            "odd-text" => FaultKind::OddText,
            "wrong-counts" => FaultKind::WrongCounts,
            "other-job" => FaultKind::OtherJob,
            "empty" => FaultKind::Empty,
            "null" => FaultKind::Null,
            "shuffled" => FaultKind::Shuffled,
            _ => return Err(wrong()),
        };
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
    fn every_fault_that_help_names_is_understood() {
        for (names, _) in FAULT_KINDS {
            for name in names.split(", ") {
                let name = name.split('=').next().unwrap();
                assert!(name.parse::<Fault>().is_ok(), "{name}");
            }
        }
    }
}
