//! Compares this machine's clock with the server's, by the `Date` of its answers.

use std::sync::{Mutex, PoisonError};

use reqwest::header::{DATE, HeaderMap};

use crate::model::Instant;

/// The clock skew by the latest answers.
#[derive(Debug, Default)]
pub(super) struct ClockSkew(Mutex<Option<i64>>);

impl ClockSkew {
    /// Notes the `Date` of an answer whose request was sent at `sent`, and which began at `received`.
    pub(super) fn note(&self, headers: &HeaderMap, sent: Instant, received: Instant) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(|date| chrono::DateTime::parse_from_rfc2822(date.trim()).ok()) else {
            return;
        };
        let skew = least_skew(date.timestamp(), sent.unix_seconds(), received.unix_seconds());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
    }

    /// What was noted since the last call.
    pub(super) fn take(&self) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// This machine's clock minus the server's, in seconds: the smallest difference that explains a `Date` between the two
/// times, since the time that the answer took is not clock skew.
fn least_skew(date: i64, sent: i64, received: i64) -> i64 {
    if date < sent {
        sent - date
    } else if date > received {
        received - date
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_an_answer_takes_is_no_skew() {
        assert_eq!([100, 103, 110].map(|date| least_skew(date, 100, 110)), [0, 0, 0]);
        assert_eq!(least_skew(400, 100, 110), -290);
        assert_eq!(least_skew(40, 100, 110), 60);
    }

    #[test]
    fn what_is_no_date_says_nothing() {
        let skew = ClockSkew::default();
        let at = Instant::from_unix_seconds(784_111_787);
        for (date, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(10)),
            ("soon", None),
            ("\u{7f}", None),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(date) = date.parse() {
                headers.insert(DATE, date);
            }
            skew.note(&headers, at, at);
            assert_eq!(skew.take(), expected, "{date}");
        }
        assert_eq!(skew.take(), None);
    }
}
