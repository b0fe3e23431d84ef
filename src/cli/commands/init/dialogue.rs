//! Questions to a person on a terminal, and what the answers mean.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::cli::failure::{Exit, Failure};

/// Prints a line on standard error, where the questions are.
pub(super) fn say(text: &str) {
    // Nothing to do where standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Asks until there is an answer; an empty one means the default.
pub(super) fn ask(question: &str, default: Option<&str>) -> Result<String, Failure> {
    ask_until(question, default, |answer| Ok(answer.to_owned()))
}

/// Asks until `read` takes the answer.
pub(super) fn ask_until<T>(
    question: &str,
    default: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    loop {
        let mut stderr = io::stderr();
        let _ = match default {
            Some(default) => write!(stderr, "{question} [{default}]: "),
            None => write!(stderr, "{question}: "),
        };
        let _ = stderr.flush();
        let mut line = String::new();
        let length = io::stdin()
            .read_line(&mut line)
            .map_err(|error| Failure::new(Exit::NotDone, "could not read the answer").caused_by(&error))?;
        if length == 0 {
            return Err(Failure::new(Exit::WrongUsage, "the answers ended before the last question")
                .with_hint("nothing was written; without a terminal, give the answers as options (`jobruns init --help`)."));
        }
        let answer = match (line.trim(), default) {
            ("", Some(default)) => default,
            ("", None) => continue,
            (answer, _) => answer,
        };
        match read(answer) {
            Ok(answer) => return Ok(answer),
            Err(reason) => say(&format!("  {reason}")),
        }
    }
}

/// Reads yes or no.
///
/// # Errors
/// It is neither.
pub(super) fn yes_or_no(answer: &str) -> Result<bool, String> {
    match answer.to_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("answer yes or no".to_owned()),
    }
}

/// Reads numbers from 1 to `last`, such as `1,3-5`; `None` for `all`.
///
/// # Errors
/// It is something else.
pub(super) fn numbers(answer: &str, last: usize) -> Result<Option<Vec<usize>>, String> {
    if answer.eq_ignore_ascii_case("all") {
        return Ok(None);
    }
    let mut chosen = BTreeSet::new();
    for part in answer.split([',', ' ']).filter(|part| !part.is_empty()) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (from.trim().parse::<usize>(), to.trim().parse::<usize>()) {
            (Ok(from), Ok(to)) if 1 <= from && from <= to && to <= last => chosen.extend(from..=to),
            _ => return Err(format!("{part:?} is not among the numbers 1 to {last}")),
        }
    }
    if chosen.is_empty() {
        return Err("choose at least one".to_owned());
    }
    Ok(Some(chosen.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_chosen_singly_and_in_spans() {
        assert_eq!(numbers("all", 3), Ok(None));
        assert_eq!(numbers("3, 1-2,2", 3), Ok(Some(vec![1, 2, 3])));
        for bad in ["0", "4", "2-1", "x", "1-", ","] {
            assert!(numbers(bad, 3).is_err(), "{bad}");
        }
    }
}
