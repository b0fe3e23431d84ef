//! How far a command is that walks through an archive: one bar on a terminal, now and then a line elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

use crate::cli::terminal::console::{Console, stderr_is_terminal};
use crate::cli::terminal::progress::{Manner, manner};
use crate::config::When;

/// The bar waits this long: what is done by then needs none.
const BAR_WAIT: Duration = Duration::from_millis(250);

/// Shows bytes done of bytes to do; may be told from any thread.
pub(crate) struct ByteProgress {
    console: Console,
    manner: Manner,
    what: &'static str,
    began: Instant,
    state: Mutex<ByteProgressState>,
}

struct ByteProgressState {
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl ByteProgress {
    /// A display of `what` on `console`, as `--progress` says.
    pub(crate) fn new(console: &Console, when: When, what: &'static str) -> Self {
        let terminal = stderr_is_terminal() && !console.is_json();
        let now = Instant::now();
        Self {
            console: console.clone(),
            manner: manner(when, terminal, console.is_quiet()),
            what,
            began: now,
            state: Mutex::new(ByteProgressState {
                bar: None,
                last_line: now,
            }),
        }
    }

    /// So many bytes are done, of so many.
    pub(crate) fn show(&self, done: u64, total: u64) {
        // A panic elsewhere leaves a bar, not an invariant.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.manner {
            Manner::Nothing => {}
            Manner::Bars => {
                if state.bar.is_none() && self.began.elapsed() >= BAR_WAIT {
                    state.bar = Some(self.bar(total));
                }
                if let Some(bar) = &state.bar {
                    bar.set_length(total);
                    bar.set_position(done.min(total));
                }
            }
            Manner::Lines { pace } => {
                if state.last_line.elapsed() >= pace {
                    state.last_line = Instant::now();
                    let what = self.what;
                    let (shown_done, shown_total) = (DecimalBytes(done), DecimalBytes(total));
                    tracing::info!(done, total, "{what}: {shown_done} of {shown_total} so far");
                }
            }
        }
    }

    /// Takes away what is still drawn.
    pub(crate) fn clear(&self) {
        let bar = self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .bar
            .take();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    fn bar(&self, total: u64) -> ProgressBar {
        let template =
            "{prefix} {wide_bar} {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}";
        let style =
            ProgressStyle::with_template(template).expect("the template is a constant, tried by a test");
        let bar = ProgressBar::new(total).with_style(style);
        let bar = self.console.bars().add(bar);
        bar.set_prefix(self.what);
        bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    #[test]
    fn a_bar_follows_the_bytes_after_a_while() {
        let console = Console::new(LogFormat::Text, When::Never, 1);
        let mut shown_progress = ByteProgress::new(&console, When::Never, "verify");
        shown_progress.manner = Manner::Bars;
        shown_progress.show(1, 10);
        assert!(shown_progress.state.lock().unwrap().bar.is_none());
        shown_progress.began -= BAR_WAIT;
        shown_progress.show(12, 10);
        let bar = shown_progress.state.lock().unwrap().bar.clone().unwrap();
        assert_eq!((bar.position(), bar.length()), (10, Some(10)));
        shown_progress.clear();
        assert!(bar.is_finished());
    }
}
