//! How far a command is: on a terminal a line per task that is drawn again and again, elsewhere a plain line now and then.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant as MonotonicInstant};

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

use crate::cli::terminal::console::{Console, stderr_is_terminal};
use crate::config::TerminalUse;
use crate::text::in_columns;

/// Bars wait this long: what is done by then needs none.
const BARS_WAIT: Duration = Duration::from_millis(250);

/// How often a bar is redrawn: more often would cost time and flicker.
const BAR_PACE: Duration = Duration::from_millis(125);

/// How often a task that goes on gets a line where no bars can be drawn, so that a log shows life.
const LINE_PACE: Duration = Duration::from_secs(30);

/// The same where progress was asked for (`--progress always`).
const EAGER_LINE_PACE: Duration = Duration::from_secs(1);

/// The columns that a bar has for a name: with its figures it fits 80.
const SHOWN_OF_A_NAME: usize = 24;

/// A task whose amount of work is not known.
const WITHOUT_TOTAL: &str = "{spinner} {prefix}  {decimal_bytes:>10}  {msg}  {decimal_bytes_per_sec}";

/// A task with a known number of bytes.
const WITH_TOTAL: &str =
    "{prefix} {bar:20} {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}";

/// The line about all tasks.
const OVERALL: &str = "{spinner} {prefix}, {elapsed} elapsed";

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Bars,
    Lines { pace: Duration },
    Nothing,
}

/// Shows the progress of a command's tasks, each identified by its key. Clones share the display, and any thread may
/// update it.
pub(crate) struct Progress<K>(Arc<ProgressInner<K>>);

impl<K> Clone for Progress<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct ProgressInner<K> {
    console: Console,
    manner: Manner,
    state: Mutex<ProgressState<K>>,
}

struct ProgressState<K> {
    began: MonotonicInstant,
    bars: Bars,
    tasks: HashMap<K, ProgressTask>,
    /// What is said of all tasks together, below the lines of single ones.
    overall: Option<String>,
    overall_bar: Option<ProgressBar>,
}

/// Whether bars may be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bars {
    Wait,
    Show,
    Ended,
}

struct ProgressTask {
    name: String,
    last_line: MonotonicInstant,
    figures: ProgressFigures,
    bar: Option<ProgressBar>,
    began: MonotonicInstant,
}

/// How far a task is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgressFigures {
    pub(crate) bytes: u64,
    /// Bytes to do, where that is known.
    pub(crate) total_bytes: Option<u64>,
    /// What else there is to say.
    pub(crate) text: String,
}

impl<K: Eq + Hash + Copy + Send + 'static> Progress<K> {
    /// A display on `console`, as `--progress` says.
    pub(crate) fn new(console: &Console, when: TerminalUse) -> Self {
        let terminal = stderr_is_terminal() && !console.is_json();
        Self::of_manner(console, manner(when, terminal, console.is_quiet()))
    }

    fn of_manner(console: &Console, manner: Manner) -> Self {
        Self(Arc::new(ProgressInner {
            console: console.clone(),
            manner,
            state: Mutex::new(ProgressState {
                began: MonotonicInstant::now(),
                bars: Bars::Ended,
                tasks: HashMap::new(),
                overall: None,
                overall_bar: None,
            }),
        }))
    }

    /// Whether there are lines where no bars can be drawn.
    pub(crate) fn is_lines(&self) -> bool {
        matches!(self.0.manner, Manner::Lines { .. })
    }

    /// The work begins; `overall` is said of all tasks together.
    pub(crate) fn begin(&self, overall: Option<String>) {
        {
            let mut state = self.state();
            state.began = MonotonicInstant::now();
            state.bars = Bars::Wait;
            state.overall = overall;
        }
        if self.0.manner == Manner::Bars {
            let later: Weak<ProgressInner<K>> = Arc::downgrade(&self.0);
            let show = move || {
                std::thread::sleep(BARS_WAIT);
                if let Some(inner) = later.upgrade() {
                    Self(inner).show_bars();
                }
            };
            // Without a thread there are no bars.
            drop(std::thread::Builder::new().spawn(show));
        }
    }

    /// Says something else of all tasks together.
    pub(crate) fn set_overall(&self, text: String) {
        let mut state = self.state();
        if let Some(bar) = &state.overall_bar {
            bar.set_prefix(text.clone());
        }
        state.overall = Some(text);
    }

    pub(crate) fn start(&self, key: K, name: String) {
        let now = MonotonicInstant::now();
        let mut task = ProgressTask {
            name,
            last_line: now,
            figures: ProgressFigures::default(),
            bar: None,
            began: now,
        };
        let mut state = self.state();
        if state.bars == Bars::Show {
            self.draw(&mut task);
        }
        state.tasks.insert(key, task);
    }

    /// A task goes on. `log` writes a line about it, with its name and the time since it began, where one is due.
    pub(crate) fn moved(&self, key: K, figures: ProgressFigures, log: impl FnOnce(&str, Duration)) {
        let mut state = self.state();
        let Some(task) = state.tasks.get_mut(&key) else {
            return;
        };
        match self.0.manner {
            Manner::Nothing => {}
            Manner::Bars => {
                let had_total = task.figures.total_bytes.is_some();
                task.figures = figures;
                if let Some(bar) = &task.bar {
                    if !had_total && task.figures.total_bytes.is_some() {
                        bar.set_style(style(WITH_TOTAL));
                    }
                    task.figures.show_on(bar);
                }
            }
            Manner::Lines { pace } => {
                if task.last_line.elapsed() >= pace {
                    task.last_line = MonotonicInstant::now();
                    log(&task.name, task.began.elapsed());
                }
            }
        }
    }

    /// A task ended: its name, and how long it took; `None` of one that did not begin.
    pub(crate) fn end(&self, key: K) -> Option<(String, Duration)> {
        let task = self.state().tasks.remove(&key)?;
        if let Some(bar) = task.bar {
            bar.finish_and_clear();
        }
        Some((task.name, task.began.elapsed()))
    }

    /// The name of a task that goes on.
    pub(crate) fn name(&self, key: K) -> Option<String> {
        self.state().tasks.get(&key).map(|task| task.name.clone())
    }

    /// Takes away what is still drawn.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        // What has ended by then is not drawn any more.
        state.bars = Bars::Ended;
        let of_tasks: Vec<ProgressTask> = state.tasks.drain().map(|(_, task)| task).collect();
        let overall = state.overall_bar.take();
        for bar in of_tasks.into_iter().filter_map(|task| task.bar).chain(overall) {
            bar.finish_and_clear();
        }
    }

    fn show_bars(&self) {
        let mut state = self.state();
        let state = &mut *state;
        if state.bars != Bars::Wait {
            return;
        }
        state.bars = Bars::Show;
        if let Some(text) = &state.overall {
            let bar = ProgressBar::no_length().with_style(style(OVERALL));
            let bar = self.0.console.bars().add(bar).with_elapsed(state.began.elapsed());
            bar.set_prefix(text.clone());
            bar.enable_steady_tick(BAR_PACE);
            state.overall_bar = Some(bar);
        }
        for task in state.tasks.values_mut() {
            self.draw(task);
        }
    }

    fn draw(&self, task: &mut ProgressTask) {
        let template = match task.figures.total_bytes {
            Some(_) => WITH_TOTAL,
            None => WITHOUT_TOTAL,
        };
        let bar = ProgressBar::no_length().with_style(style(template));
        // Above the line about all tasks.
        let bar = self.0.console.bars().insert(0, bar);
        bar.set_prefix(in_columns(&task.name, SHOWN_OF_A_NAME));
        task.figures.show_on(&bar);
        bar.enable_steady_tick(BAR_PACE);
        task.bar = Some(bar);
    }

    fn state(&self) -> MutexGuard<'_, ProgressState<K>> {
        // A panic elsewhere leaves figures, not invariants; they can still be shown.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress<()> {
    /// A display of one task that begins now.
    pub(crate) fn of_one(console: &Console, when: TerminalUse, name: &str) -> Self {
        let progress = Self::new(console, when);
        progress.start((), name.to_owned());
        progress.begin(None);
        progress
    }

    /// So many bytes are done, of so many where that is known.
    pub(crate) fn show_bytes(&self, done: u64, total: Option<u64>) {
        let figures = ProgressFigures {
            bytes: total.map_or(done, |total| done.min(total)),
            total_bytes: total,
            text: String::new(),
        };
        self.moved((), figures, |name, _| {
            let of = total.map_or_else(String::new, |total| format!(" of {}", DecimalBytes(total)));
            tracing::info!(done, total, "{name}: {}{of} so far", DecimalBytes(done));
        });
    }
}

impl ProgressFigures {
    fn show_on(&self, bar: &ProgressBar) {
        if let Some(total) = self.total_bytes {
            bar.set_length(total);
        }
        bar.set_position(self.bytes);
        bar.set_message(self.text.clone());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant, tried by a test")
}

const fn manner(when: TerminalUse, terminal: bool, quiet: bool) -> Manner {
    match when {
        TerminalUse::Never => Manner::Nothing,
        // Stderr leaves the lines out; a log file has them.
        _ if quiet => Manner::Lines { pace: LINE_PACE },
        TerminalUse::Auto | TerminalUse::Always if terminal => Manner::Bars,
        TerminalUse::Auto => Manner::Lines { pace: LINE_PACE },
        TerminalUse::Always => Manner::Lines {
            pace: EAGER_LINE_PACE,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    fn with_bars<K: Eq + Hash + Copy + Send + 'static>() -> Progress<K> {
        let console = Console::new(LogFormat::Text, TerminalUse::Never, 1);
        Progress::of_manner(&console, Manner::Bars)
    }

    #[test]
    fn bars_are_for_terminals_and_quiet_is_quiet() {
        let usual = Manner::Lines { pace: LINE_PACE };
        let eager = Manner::Lines {
            pace: EAGER_LINE_PACE,
        };
        assert_eq!(manner(TerminalUse::Auto, true, false), Manner::Bars);
        assert_eq!(manner(TerminalUse::Auto, false, false), usual);
        assert_eq!(manner(TerminalUse::Always, false, false), eager);
        assert_eq!(manner(TerminalUse::Never, true, false), Manner::Nothing);
        assert_eq!(manner(TerminalUse::Always, true, true), usual);
        assert_eq!(manner(TerminalUse::Never, true, true), Manner::Nothing);
    }

    #[test]
    fn tasks_are_followed_from_start_to_end_with_one_line_about_all() {
        let progress = with_bars::<u8>();
        progress.start(1, "Nightly".to_owned());
        progress.begin(Some("0/1 jobs".to_owned()));
        progress.show_bars();
        let figures = ProgressFigures {
            bytes: 1000,
            total_bytes: None,
            text: "3 of 12 runs".to_owned(),
        };
        progress.moved(1, figures, |_, _| panic!("a bar needs no line"));
        assert_eq!(progress.name(1).as_deref(), Some("Nightly"));
        let bar = progress.state().tasks[&1].bar.clone().unwrap();
        assert_eq!((bar.position(), bar.message().as_str()), (1000, "3 of 12 runs"));
        let overall = progress.state().overall_bar.clone().unwrap();
        assert_eq!(overall.prefix(), "0/1 jobs");
        assert_eq!(progress.end(1).unwrap().0, "Nightly");
        assert!(bar.is_finished() && progress.end(1).is_none());
        progress.set_overall("1/1 jobs".to_owned());
        assert_eq!(overall.prefix(), "1/1 jobs");
        progress.clear();
        assert!(overall.is_finished());
        // A line that comes too late is not drawn.
        progress.show_bars();
        assert!(progress.state().overall_bar.is_none());
    }

    #[test]
    fn bytes_get_a_bar_once_their_number_is_known() {
        let progress = with_bars::<()>();
        progress.start((), "verify".to_owned());
        progress.begin(None);
        progress.show_bars();
        let bar = progress.state().tasks[&()].bar.clone().unwrap();
        progress.show_bytes(7, None);
        assert_eq!((bar.position(), bar.length()), (7, None));
        progress.show_bytes(12, Some(10));
        assert_eq!((bar.position(), bar.length()), (10, Some(10)));
        progress.clear();
        assert!(bar.is_finished());
    }
}
