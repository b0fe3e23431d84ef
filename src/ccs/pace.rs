//! Limits the requests per second.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant as MonotonicInstant;

/// Hands out starting times, evenly spaced. Requests may wait for an answer in parallel; only their starts are paced.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Option<Duration>,
    next: Mutex<Option<MonotonicInstant>>,
}

impl Pace {
    /// A pace of `per_second` requests; no limit if it is `None` or not a positive number.
    pub(super) fn new(per_second: Option<f64>) -> Self {
        let gap = per_second
            .filter(|rate| *rate > 0.0)
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
        Self {
            gap,
            next: Mutex::new(None),
        }
    }

    /// Waits for this request's turn.
    pub(super) async fn turn(&self) {
        let Some(gap) = self.gap else { return };
        let start = {
            // After a panic it still holds a usable time.
            let mut next = self
                .next
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let now = MonotonicInstant::now();
            let start = next.map_or(now, |next| next.max(now));
            *next = start.checked_add(gap);
            start
        };
        tokio::time::sleep_until(start).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_are_evenly_spaced() {
        let pace = Pace::new(Some(20.0));
        let begun = MonotonicInstant::now();
        for _ in 0..3 {
            pace.turn().await;
        }
        assert!(
            begun.elapsed() >= Duration::from_millis(100),
            "{:?}",
            begun.elapsed()
        );
    }

    #[tokio::test]
    async fn no_limit_never_waits() {
        for rate in [None, Some(0.0), Some(-1.0), Some(f64::NAN), Some(f64::INFINITY)] {
            let pace = Pace::new(rate);
            let begun = MonotonicInstant::now();
            for _ in 0..1000 {
                pace.turn().await;
            }
            // A wait of a second each would be a quarter of an hour; a machine with other work stops for seconds.
            assert!(begun.elapsed() < Duration::from_secs(60), "{rate:?}");
        }
    }
}
