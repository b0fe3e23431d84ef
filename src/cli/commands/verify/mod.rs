//! `jobruns verify`.

mod args;
mod heads;
mod pack;
mod text;

use std::io::{self, IsTerminal};
use std::path::Path;

use serde::Serialize;

use self::args::VerifyFormat;
use self::heads::{lines_without_head, read_lists};
use self::text::text;
use crate::archive::{
    ArchiveError, Finding, HeadsOf, Holdings, PublishedHeads, ReadOnly, Verified, VerifyOptions,
    VerifyReport, verify_script,
};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{counted, json, unprinted, write_all};
use crate::config::{GlobalSettings, Sources};
use crate::model::{Instant, hex};
use crate::report::certificate::{Certificate, conclusion};

pub(crate) use self::args::{VerifyArgs, parse_head};

#[derive(Serialize)]
struct VerifyJson<'v> {
    intact: bool,
    conclusion: String,
    archive_id: Option<String>,
    head: String,
    heads: &'v [HeadsOf],
    verified_at: String,
    tool_version: &'static str,
    verified: Verified,
    holdings: &'v Holdings,
    findings: &'v [Finding],
    more_findings: u64,
    losses: &'v [String],
    notes: &'v [String],
}

impl<'v> VerifyJson<'v> {
    fn of(report: &'v VerifyReport, verified_at: Instant) -> Self {
        Self {
            intact: report.is_intact(),
            conclusion: conclusion(report),
            archive_id: report.archive.map(|id| id.to_string()),
            head: hex(&report.head),
            heads: &report.heads,
            verified_at: verified_at.to_string(),
            tool_version: env!("CARGO_PKG_VERSION"),
            verified: report.verified,
            holdings: &report.holdings,
            findings: &report.findings,
            more_findings: report.more_findings,
            losses: &report.losses,
            notes: &report.notes,
        }
    }
}

pub(crate) fn run(
    args: &VerifyArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
) -> Result<Exit, Failure> {
    let to_stdout = args.output.as_deref().is_none_or(|file| file == Path::new("-"));
    if args.format == Some(VerifyFormat::Html) && to_stdout && io::stdout().is_terminal() {
        let message = "html is not a format for a terminal";
        return Err(Failure::new(Exit::WrongUsage, message).with_hint("name a file with --output."));
    }
    let output = match &args.output {
        Some(file) => Output::open(file)?,
        None => Output::stdout(),
    };
    if args.script {
        write_all(output, verify_script().as_bytes())?;
        return Ok(Exit::Done);
    }
    if let Some(path) = &args.pack {
        return pack::run(args, path, sources, console, output);
    }
    signals::end_at_first(
        console,
        "interrupted before all was verified: nothing is known of the rest",
    )?;
    let shown_progress = Progress::of_one(console, global.progress, "verify");
    let verified_at = Instant::now();
    let lists = args.published_heads(sources)?;
    let options = VerifyOptions {
        heads: args.head.clone(),
        lists,
        since_head: args.since_head,
    };
    let report = ReadOnly::open(&global.archive)
        .and_then(|reader| {
            reader.verify_with(&options, &|progress| {
                shown_progress.show_bytes(progress.done_bytes, Some(progress.total_bytes));
            })
        })
        .or_else(|error| VerifyReport::of_foreign_schema(&error).ok_or_else(|| of_damage(error)));
    shown_progress.clear();
    let report = report?;
    let (archive, time) = (global.archive.display().to_string(), verified_at.to_string());
    let certificate = Certificate {
        archive: &archive,
        verified_at: &time,
        report: &report,
    };
    let written = match args.format {
        Some(VerifyFormat::Html) => certificate.html(&args.heading),
        Some(VerifyFormat::Markdown) => certificate.markdown(),
        Some(VerifyFormat::Json) => json(&VerifyJson::of(&report, verified_at)),
        Some(VerifyFormat::Table) | None => text(&report),
    };
    if args.format.is_some() || args.output.is_some() || !console.is_quiet() {
        write_all(output, written.as_bytes())?;
    }
    outcome(&report, &archive, console)
}

/// How the command ends: what was found decides.
fn outcome(report: &VerifyReport, archive: &str, console: &Console) -> Result<Exit, Failure> {
    let failure = if !report.is_intact() {
        let findings = counted(report.findings.len() as u64 + report.more_findings, "finding");
        let message = format!("the archive {archive} is not intact: {findings}");
        let causes = report
            .findings
            .iter()
            .map(|finding| format!("{}: {}", finding.place, finding.what));
        let failure = Failure::new(Exit::NotIntact, message);
        let failure = failure.with_causes(unprinted(console, causes));
        match report.findings.first() {
            Some(finding) => failure.with_hint(finding.next),
            None => failure,
        }
    } else if !report.losses.is_empty() {
        let message = format!(
            "{} in the archive {archive}",
            counted(report.losses.len() as u64, "loss")
        );
        let causes = unprinted(console, report.losses.iter().cloned());
        Failure::new(Exit::Findings, message).with_causes(causes)
    } else if report.has_unreadable_lines() {
        let lines = report
            .heads
            .iter()
            .map(|heads| heads.unreadable_lines.len() as u64);
        lines_without_head(lines.sum())
    } else {
        return Ok(Exit::Done);
    };
    Err(failure)
}

impl VerifyArgs {
    /// The lists of heads: those of the flags, else the configured one.
    fn published_heads(&self, sources: &Sources<'_>) -> Result<Vec<PublishedHeads>, Failure> {
        let configured = match self.head_file.is_empty() {
            true => sources.path("head_file")?,
            false => None,
        };
        read_lists(self.head_file.iter().chain(&configured))
    }
}

/// An archive so damaged that nothing can be looked at is not intact, too.
pub(crate) fn of_damage(error: ArchiveError) -> Failure {
    let damaged = error.is_damage();
    match Failure::from(error) {
        Failure::Error(mut report) if damaged => {
            report.exit = Exit::NotIntact;
            report.hint =
                Some("keep a copy of the file as it is, and go back to a backup of the archive.".to_owned());
            Failure::Error(report)
        }
        failure => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_cannot_even_be_read_is_not_intact() {
        let damaged = ArchiveError::Damaged {
            what: "pages".to_owned(),
        };
        assert_eq!(of_damage(damaged).exit(), Exit::NotIntact);
        let missing = ArchiveError::Missing { path: "a.db".into() };
        assert_eq!(of_damage(missing).exit(), Exit::NotDone);
    }
}
