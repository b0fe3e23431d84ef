//! Whether and when to try again. Pure: the time and random numbers are parameters.

use std::time::{Duration, SystemTime};

use super::error::{CcsError, ConnectProblem};

/// How often and how long to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The most tries after the first, if answers break off.
    pub retries: u32,
    /// How long to try again if the server does not answer.
    pub retry_for: Duration,
    /// The wait after the first failure; it doubles each time.
    pub first_wait: Duration,
    /// The longest wait, unless the server asks for a longer one.
    pub longest_wait: Duration,
    /// The longest wait that a server's Retry-After can ask for; a longer one is shortened to this.
    pub longest_retry_after: Duration,
}

impl Default for Policy {
    /// Four more tries, or 15 seconds, with waits of about 1, 2, 4 and 8 seconds: as long as a restart of the server's
    /// service takes. A server may ask for waits of up to five minutes.
    fn default() -> Self {
        Self {
            retries: 4,
            retry_for: Duration::from_secs(15),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            longest_retry_after: Duration::from_secs(300),
        }
    }
}

impl Policy {
    /// Whether to try again at all if the server does not answer.
    pub const fn waits_for_server(&self) -> bool {
        self.retries > 0 && !self.retry_for.is_zero()
    }
}

/// Whether CCS itself did not answer: there is no connection, or a proxy (or a server that is starting) answered in its
/// place. Such errors are retried for [`Policy::retry_for`], others [`Policy::retries`] times.
#[must_use]
pub const fn is_unanswered(error: &CcsError) -> bool {
    match error {
        CcsError::Connect { .. } | CcsError::NoAnswer { .. } => may_heal(error),
        CcsError::Silence { bytes, .. } => *bytes == 0,
        CcsError::Status { status, .. } => matches!(status, 502..=504),
        _ => false,
    }
}

/// The wait before the next try of a server that has not answered `tries` times in a row, over a time of `down`; `None` to
/// give up. The last try comes when the time is over; a Retry-After may exceed it.
#[must_use]
pub fn wait_for_server(
    error: &CcsError,
    tries: u32,
    down: Duration,
    policy: &Policy,
    random: f64,
) -> Option<Duration> {
    let left = policy
        .retry_for
        .checked_sub(down)
        .filter(|left| !left.is_zero())?;
    if !policy.waits_for_server() {
        return None;
    }
    Some(match error.retry_after() {
        Some(requested) => granted(requested, policy, random),
        None => doubled(tries, policy, random).min(left),
    })
}

/// The wait before the next try, or `None` if there is none.
///
/// `attempt` counts the tries made so far, from 1; `random` is a number from 0 to 1, which spreads jobs that failed
/// together. Our own wait is between half of the doubled wait and all of it. A Retry-After is a minimum: the wait is that
/// long, plus up to one first wait.
#[must_use]
pub fn next_wait(error: &CcsError, attempt: u32, policy: &Policy, random: f64) -> Option<Duration> {
    if !may_heal(error) {
        return None;
    }
    let wait = own_wait(attempt, policy, random)?;
    Some(match error.retry_after() {
        Some(requested) => granted(requested, policy, random),
        None => wait,
    })
}

/// The wait before the next try after a failure that may be temporary and about which the server said nothing, such as an
/// answer whose JSON ended early.
#[must_use]
pub fn own_wait(attempt: u32, policy: &Policy, random: f64) -> Option<Duration> {
    if attempt > policy.retries {
        return None;
    }
    Some(doubled(attempt, policy, random))
}

/// A wait that the server asks for, plus some time to spread the jobs.
fn granted(requested: Duration, policy: &Policy, random: f64) -> Duration {
    requested.min(policy.longest_retry_after) + policy.first_wait.mul_f64(share(random))
}

/// The wait of our own before a try.
fn doubled(attempt: u32, policy: &Policy, random: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let whole = policy
        .first_wait
        .saturating_mul(1 << doublings)
        .min(policy.longest_wait);
    whole.mul_f64(0.5 + share(random) / 2.0)
}

/// A random number, limited to 0 to 1.
const fn share(random: f64) -> f64 {
    if random.is_finite() {
        random.clamp(0.0, 1.0)
    } else {
        0.5
    }
}

/// Whether the same request may succeed later without anybody changing anything.
#[must_use]
pub const fn may_heal(error: &CcsError) -> bool {
    match error {
        CcsError::Connect { problem, .. } => match problem {
            // A name server may be restarting; retrying a wrong name costs only seconds.
            ConnectProblem::UnknownHost
            | ConnectProblem::Refused
            | ConnectProblem::Unreachable
            | ConnectProblem::TimedOut(_)
            | ConnectProblem::Closed
            | ConnectProblem::ProxyRefused
            | ConnectProblem::Other => true,
            ConnectProblem::ProxyLogin
            | ConnectProblem::NoCertificate
            | ConnectProblem::ClientCertificate => false,
        },
        CcsError::NoAnswer { .. }
        | CcsError::Silence { .. }
        | CcsError::NoProgress { .. }
        | CcsError::Cut { .. } => true,
        // 501 and 505 mean that the server cannot do it at all.
        CcsError::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502..=504 | 506..=599),
        // A page instead of JSON comes from a proxy or a login form, and will come again; the rest needs a person to act.
        _ => false,
    }
}

/// The wait that a Retry-After header asks for: seconds, or an HTTP date (RFC 9110, 10.2.3). `None` for what is
/// neither; a date in the past means no wait.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        // More digits than fit are a very long wait, which is cut later anyway.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = chrono::DateTime::parse_from_rfc2822(value).ok()?;
    Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ccs::RequestPurpose;

    fn status(status: u16, retry_after: Option<u64>) -> CcsError {
        CcsError::Status {
            doing: RequestPurpose::ListJobs,
            url: String::new(),
            status,
            text: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn waits_double_within_their_jitter_and_end() {
        let policy = Policy {
            retries: 8,
            ..Policy::default()
        };
        let error = status(503, None);
        let waits = |random| -> Vec<f64> {
            (1..)
                .map_while(|attempt| next_wait(&error, attempt, &policy, random))
                .map(|wait| wait.as_secs_f64())
                .collect()
        };
        assert_eq!(waits(1.0), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
        assert_eq!(waits(0.0), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!(waits(f64::NAN)[0], 0.75);
        let many = Policy {
            retries: u32::MAX,
            ..policy
        };
        assert_eq!(
            next_wait(&error, 4_000_000_000, &many, 1.0),
            Some(many.longest_wait)
        );
    }

    #[test]
    fn a_server_that_does_not_answer_is_tried_for_a_time_and_at_its_end() {
        let policy = Policy {
            retry_for: Duration::from_secs(100),
            ..Policy::default()
        };
        let refused = CcsError::Connect {
            doing: RequestPurpose::Login,
            url: String::new(),
            proxy: None,
            problem: ConnectProblem::Refused,
            source: None,
        };
        let waits = |error: &CcsError, policy: &Policy| {
            let (mut down, mut waits) = (Duration::ZERO, Vec::new());
            while let Some(wait) = wait_for_server(error, waits.len() as u32 + 1, down, policy, 1.0) {
                down += wait;
                waits.push(wait.as_secs());
            }
            waits
        };
        assert_eq!(waits(&refused, &policy), [1, 2, 4, 8, 16, 32, 37]);
        // The server asks for longer waits.
        assert_eq!(waits(&status(503, Some(59)), &policy), [60, 60]);
        for never in [
            Policy {
                retries: 0,
                ..policy.clone()
            },
            Policy {
                retry_for: Duration::ZERO,
                ..policy.clone()
            },
        ] {
            assert!(waits(&refused, &never).is_empty());
        }
        assert!(is_unanswered(&refused) && is_unanswered(&status(503, None)));
        for answered in [401, 404, 429, 500] {
            assert!(!is_unanswered(&status(answered, None)), "{answered}");
        }
    }

    #[test]
    fn a_retry_after_is_a_floor_and_has_a_ceiling() {
        let policy = Policy::default();
        let wait = |requested, random| next_wait(&status(429, Some(requested)), 1, &policy, random).unwrap();
        assert_eq!(wait(20, 0.0), Duration::from_secs(20));
        assert_eq!(wait(20, 1.0), Duration::from_secs(21));
        assert_eq!(wait(86_400, 0.0), policy.longest_retry_after);
        assert_eq!(wait(u64::MAX, 0.0), policy.longest_retry_after);
        assert_eq!(next_wait(&status(429, Some(1)), 5, &policy, 0.0), None);
        assert_eq!(next_wait(&status(404, Some(1)), 1, &policy, 0.0), None);
    }

    #[test]
    fn only_what_may_heal_is_tried_again() {
        for heals in [408, 429, 500, 502, 503, 504, 599] {
            assert!(may_heal(&status(heals, None)), "{heals}");
        }
        for stays in [204, 400, 401, 403, 404, 407, 410, 501, 505] {
            assert!(!may_heal(&status(stays, None)), "{stays}");
        }
        let connect = |problem| CcsError::Connect {
            doing: RequestPurpose::Login,
            url: String::new(),
            proxy: None,
            problem,
            source: None,
        };
        assert!(may_heal(&connect(ConnectProblem::Refused)));
        assert!(!may_heal(&connect(ConnectProblem::ProxyLogin)));
        assert!(may_heal(&CcsError::Silence {
            doing: RequestPurpose::Login,
            url: String::new(),
            after: Duration::ZERO,
            bytes: 0
        }));
        assert!(!may_heal(&CcsError::LoginRejected {
            url: String::new(),
            username: String::new(),
            password_origin: None,
            status: 401,
            text: String::new()
        }));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:27 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(
            retry_after("99999999999999999999999", now),
            Some(Duration::from_secs(u64::MAX))
        );
        for nothing in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(nothing, now), None, "{nothing}");
        }
    }
}
