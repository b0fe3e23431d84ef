//! `jobruns verify --pack`.

use std::path::Path;

use serde::Serialize;

use super::args::{VerifyArgs, VerifyFormat};
use super::heads::lines_without_head;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::terminal::console::{Console, shown};
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{counted, json, unprinted, write_all};
use crate::config::Sources;
use crate::evidence::check::{PackageFinding, PackageReport, check_package};
use crate::model::Instant;

#[derive(Serialize)]
struct PackageJson<'r> {
    package: String,
    #[serde(flatten)]
    report: &'r PackageReport,
    verified_at: String,
    tool_version: &'static str,
}

/// Checks an evidence package, and no archive.
pub(super) fn run(
    args: &VerifyArgs,
    path: &Path,
    sources: &Sources<'_>,
    console: &Console,
    output: Output,
) -> Result<Exit, Failure> {
    if matches!(args.format, Some(VerifyFormat::Html | VerifyFormat::Markdown)) {
        let message = "a package is checked with --format table or json";
        return Err(Failure::new(Exit::WrongUsage, message));
    }
    signals::end_at_first(
        console,
        "interrupted before all was checked: nothing is known of the rest",
    )?;
    let name = path.display().to_string();
    let lists = args.published_heads(sources)?;
    let report = check_package(path, &args.head, &lists).map_err(|unreadable| {
        let failure = Failure::new(
            if unreadable.findings.is_empty() {
                Exit::NotDone
            } else {
                Exit::NotIntact
            },
            format!("could not check the evidence package {name}: {unreadable}"),
        );
        failure.with_causes(unreadable.findings.iter().map(line).collect())
    })?;
    let written = match args.format {
        Some(VerifyFormat::Json) => json(&PackageJson {
            package: name.clone(),
            report: &report,
            verified_at: Instant::now().to_string(),
            tool_version: env!("CARGO_PKG_VERSION"),
        }),
        _ => text(&report),
    };
    if args.format.is_some() || args.output.is_some() || !console.is_quiet() {
        write_all(output, written.as_bytes())?;
    }
    if report.sound {
        return match lists.iter().map(|list| list.unreadable_lines.len() as u64).sum() {
            0 => Ok(Exit::Done),
            lines => Err(lines_without_head(lines)),
        };
    }
    let findings = counted(report.findings.len() as u64 + report.more_findings, "finding");
    let message = format!("the evidence package {name} is not sound: {findings}");
    let causes = unprinted(console, report.findings.iter().map(line));
    Err(Failure::new(Exit::NotIntact, message).with_causes(causes))
}

fn line(finding: &PackageFinding) -> String {
    format!("{}: {}", finding.place, finding.what)
}

fn text(report: &PackageReport) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        text.push_str(&format!("{}: {}\n", shown(&finding.place), shown(&finding.what)));
        for (label, value) in [("expected", &finding.expected), ("found", &finding.found)] {
            if let Some(value) = value {
                text.push_str(&format!("    {label:8} {}\n", shown(value)));
            }
        }
    }
    if report.more_findings > 0 {
        text.push_str(&format!(
            "and {}\n",
            counted(report.more_findings, "more finding")
        ));
    }
    text.push_str(&format!("{}\n", report.conclusion));
    for (heading, lines) in [
        ("Checked and found right", &report.proved),
        ("Not proved or not compared", &report.not_proved),
    ] {
        if !lines.is_empty() {
            text.push_str(&format!("{heading}:\n"));
            for line in lines {
                text.push_str(&format!("- {}\n", shown(line)));
            }
        }
    }
    text.push_str(&format!(
        "Archive {}, ledger head {}\n",
        report.archive_id, report.head
    ));
    text
}
