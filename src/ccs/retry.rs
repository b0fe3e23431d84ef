//! Whether another try makes sense, and when. Pure: the attempt, the error and a random number in, a wait or a no out.

use std::time::Duration;

use super::error::CcsError;

/// The longest wait between two tries, whatever the server asks for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The wait before the second try, before it is spread.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Whether what went wrong may heal by itself.
#[must_use]
pub const fn may_heal(error: &CcsError) -> bool {
    match error {
        CcsError::Connect { .. }
        | CcsError::Silence { .. }
        | CcsError::Cut { .. }
        | CcsError::Request { .. } => true,
        CcsError::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
        // A second try of these only annoys, or locks an account.
        CcsError::Url { .. }
        | CcsError::Certificate { .. }
        | CcsError::Tls { .. }
        | CcsError::LoginRefused { .. }
        | CcsError::NoToken { .. }
        | CcsError::Unauthorized { .. }
        | CcsError::NotJson { .. }
        | CcsError::Redirected { .. } => false,
    }
}

/// The wait before try `attempt + 1`, after `attempt` tries (from 1) have failed; `None` where it is the last.
///
/// Doubles from half a second, spread by `random` (0 to 1) over its upper half, so that many clients do not come back at
/// once. A `Retry-After` is honoured, up to [`LONGEST_WAIT`].
#[must_use]
pub fn wait(attempt: u32, retries: u32, asked: Option<Duration>, random: f64) -> Option<Duration> {
    if attempt > retries {
        return None;
    }
    let doubled = FIRST_WAIT
        .saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX))
        .min(LONGEST_WAIT);
    let spread = doubled.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
    Some(asked.map_or(spread, |asked| asked.max(spread)).min(LONGEST_WAIT))
}

/// `Retry-After` of an error, where the server said one.
#[must_use]
pub const fn asked_wait(error: &CcsError) -> Option<Duration> {
    match error {
        CcsError::Status { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3) seen from `now` in Unix seconds.
pub(super) fn read_retry_after(value: &str, now: i64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(value).ok()?;
    u64::try_from(date.timestamp() - now)
        .ok()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let waits: Vec<_> = (1..=4)
            .map(|attempt| wait(attempt, 3, None, 1.0).map(|w| w.as_millis()))
            .collect();
        assert_eq!(waits, [Some(500), Some(1000), Some(2000), None]);
        assert_eq!(wait(1, 3, None, 0.0), Some(Duration::from_millis(250)));
        assert_eq!(wait(40, 50, None, 1.0), Some(LONGEST_WAIT));
        assert_eq!(wait(1, 0, None, 1.0), None);
    }

    #[test]
    fn the_server_may_ask_for_longer_but_not_for_ever() {
        assert_eq!(
            wait(1, 3, Some(Duration::from_secs(7)), 0.5),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            wait(1, 3, Some(Duration::from_secs(9999)), 0.5),
            Some(LONGEST_WAIT)
        );
        assert_eq!(read_retry_after("12", 0), Some(Duration::from_secs(12)));
        let now = 1_445_412_480 - 60;
        assert_eq!(
            read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now),
            Some(Duration::from_secs(60))
        );
        assert_eq!(read_retry_after("soon", 0), None);
    }

    #[test]
    fn statuses_that_heal_and_those_that_do_not() {
        let status = |status| CcsError::Status {
            url: String::new(),
            status,
            text: String::new(),
            retry_after: None,
        };
        let healing: Vec<u16> = [400, 403, 404, 407, 408, 429, 500, 502, 503, 504]
            .into_iter()
            .filter(|&code| may_heal(&status(code)))
            .collect();
        assert_eq!(healing, [408, 429, 500, 502, 503, 504]);
    }
}
