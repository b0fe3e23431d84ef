//! The lines that a check collects.

use serde::Serialize;

use super::problem::Problem;
use crate::cli::failure::Failure;
use crate::cli::hints;
use crate::cli::terminal::console::shown;

/// How a checked thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// The nightly sync, or a task beside it, will fail.
    Fault,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// What was found of one thing.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) state: State,
    pub(crate) check: &'static str,
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
    /// The server that it is about, by the name of its entry in the config file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    /// Settings left at their default: JSON has them, the text only with `-v`.
    #[serde(skip)]
    is_detail: bool,
}

/// All that was found, in the order in which it was looked at.
#[derive(Debug, Default)]
pub(crate) struct CheckReport {
    pub(crate) lines: Vec<Line>,
    /// The server that what follows is about, where it has a name.
    pub(crate) server: Option<String>,
}

impl CheckReport {
    pub(crate) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(State::Ok, check, message.into(), None);
    }

    /// Something that is fine and that few want to read.
    pub(crate) fn detail(&mut self, check: &'static str, message: String) {
        self.ok(check, message);
        if let Some(line) = self.lines.last_mut() {
            line.is_detail = true;
        }
    }

    pub(crate) fn warning(&mut self, check: &'static str, problem: &Problem) {
        self.problem(State::Warning, check, problem);
    }

    pub(crate) fn fault(&mut self, check: &'static str, problem: &Problem) {
        self.problem(State::Fault, check, problem);
    }

    pub(crate) fn problem(&mut self, state: State, check: &'static str, problem: &Problem) {
        self.add(state, check, problem.to_string(), Some(hints::check(problem)));
    }

    /// An error that a sync would end with.
    pub(crate) fn failure(&mut self, state: State, check: &'static str, failure: impl Into<Failure>) {
        let Failure::Error(error) = failure.into() else {
            return;
        };
        let mut message = error.message;
        for cause in error.causes {
            message.push_str(": ");
            message.push_str(&cause);
        }
        self.add(state, check, message, error.hint);
    }

    fn add(&mut self, state: State, check: &'static str, message: String, remedy: Option<String>) {
        self.lines.push(Line {
            state,
            check,
            message: match &self.server {
                Some(server) => format!("{server}: {message}"),
                None => message,
            },
            server: self.server.clone(),
            remedy: remedy.map(|remedy| remedy.trim_end_matches('.').to_owned()),
            is_detail: false,
        });
    }

    pub(crate) fn count(&self, state: State) -> u64 {
        self.lines.iter().filter(|line| line.state == state).count() as u64
    }

    /// The lines as text; each remedy below its line.
    pub(crate) fn text(&self, with_details: bool) -> String {
        let mut text = String::new();
        for line in self.lines.iter().filter(|line| with_details || !line.is_detail) {
            text.push_str(&format!(
                "{:8} {:11} {}\n",
                line.state.word(),
                line.check,
                shown(&line.message)
            ));
            if let Some(remedy) = &line.remedy {
                text.push_str(&format!("{:21}-> {}\n", "", shown(remedy)));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_how_a_thing_is_and_what_to_do() {
        let mut report = CheckReport::default();
        report.ok("server", "fine");
        report.detail("setting", "retries = 4".to_owned());
        report.fault("jobs", &Problem::NoJobs);
        let text = report.text(false);
        assert!(
            text.starts_with("ok       server      fine\nfault    jobs        no job is watched\n"),
            "{text}"
        );
        assert!(text.contains("-> name jobs once"), "{text}");
        assert!(report.text(true).contains("retries = 4"));
        assert_eq!((report.count(State::Ok), report.count(State::Fault)), (2, 1));
    }
}
