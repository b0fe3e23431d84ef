//! Where bars are drawn.

use std::io;

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// How often bars are drawn; more flickers over a slow line and shows nothing more.
const DRAWS_PER_SECOND: u8 = 8;

/// Bars on stderr; hidden ones where that is not a terminal.
pub(super) fn bars(is_terminal: bool) -> MultiProgress {
    let target = if is_terminal {
        let terminal = BarTerminal(Term::buffered_stderr());
        ProgressDrawTarget::term_like_with_hz(Box::new(terminal), DRAWS_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    };
    MultiProgress::with_draw_target(target)
}

/// Stderr, whose cursor stands at the begin of the last bar once all are drawn. At its end, where it would be otherwise,
/// the `^C` that a terminal writes for Ctrl-C would begin a new line, and one bar would stay for ever.
#[derive(Debug)]
struct BarTerminal(Term);

impl TermLike for BarTerminal {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}
