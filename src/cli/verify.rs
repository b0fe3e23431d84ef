//! `jobruns verify`.

use std::path::{Path, PathBuf};

use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;

use super::console::shown;
use super::failure::{Exit, Failure};
use super::table::{print_json, print_text};
use crate::archive::{ArchiveError, Finding, Reader, Verified, VerifyReport, read_heads};
use crate::config::{TableOrJson, parse_sha256};
use crate::model::{Sha256, hex};

/// Proves the archive intact, and changes nothing
///
/// Checks SQLite's own integrity and foreign keys, the ledger's chain of hashes, and every payload against its SHA-256.
/// With --head it also proves that the archive still holds the history that this hash sealed. Ends with 4 if anything is
/// wrong, and names each finding.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns verify
  jobruns verify --head HASH --format json
  jobruns verify --head-file //audit/worm/heads.txt")]
pub(super) struct VerifyArgs {
    /// A ledger head from an earlier sync, kept elsewhere; may be given several times
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    head: Vec<Sha256>,

    /// A file to which `sync --head-file` appended heads, or a list of heads, one a line: each must be held; may be given several times
    #[arg(long, value_name = "FILE")]
    head_file: Vec<PathBuf>,

    /// Text for people (table), or JSON
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: TableOrJson,
}

#[derive(Serialize)]
struct Verdict<'v> {
    intact: bool,
    head: String,
    verified: Verified,
    findings: &'v [Finding],
}

pub(super) fn run(args: &VerifyArgs, archive: &Path) -> Result<Exit, Failure> {
    let (heads, unreadable) = args.lodged_heads()?;
    let report = Reader::open(archive)
        .and_then(|reader| reader.verify(&heads))
        .map_err(of_damage)?;
    let VerifyReport {
        findings,
        verified,
        head,
    } = &report;
    let intact = findings.is_empty();
    match args.format {
        TableOrJson::Table => print_text(&text(&report))?,
        TableOrJson::Json => print_json(&Verdict {
            intact,
            head: hex(head),
            verified: *verified,
            findings,
        })?,
    }
    Ok(match (intact, unreadable) {
        (false, _) => Exit::NotIntact,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Done,
    })
}

impl VerifyArgs {
    /// The heads that must be held, and whether a line of a head file could not be read.
    fn lodged_heads(&self) -> Result<(Vec<Sha256>, bool), Failure> {
        let mut heads = self.head.clone();
        let mut unreadable = false;
        for path in &self.head_file {
            let lodged = read_heads(path)
                .map_err(|error| Failure::of(Exit::WrongUsage, &error, Some(error.hint().to_owned())))?;
            for line in lodged.unreadable_lines {
                unreadable = true;
                tracing::warn!(
                    "{}:{line}: no head stands there, so nothing was proved by it",
                    path.display()
                );
            }
            tracing::info!("{} heads of {} must be held", lodged.heads.len(), path.display());
            heads.extend(lodged.heads);
        }
        Ok((heads, unreadable))
    }
}

/// An archive so damaged that nothing can be looked at is not intact, too.
fn of_damage(error: ArchiveError) -> Failure {
    let damaged = error.is_damage();
    match Failure::from(error) {
        Failure::Told(mut told) if damaged => {
            told.exit = Exit::NotIntact;
            told.hint =
                Some("keep a copy of the file as it is, and go back to a backup of the archive.".to_owned());
            Failure::Told(told)
        }
        failure => failure,
    }
}

fn text(report: &VerifyReport) -> String {
    let mut text = String::new();
    for Finding {
        place,
        what,
        expected,
        found,
    } in &report.findings
    {
        text.push_str(&format!("{}: {}\n", shown(place), shown(what)));
        for (label, value) in [("expected", expected), ("found", found)] {
            if let Some(value) = value {
                text.push_str(&format!("    {label:8} {}\n", shown(value)));
            }
        }
    }
    let Verified {
        entries,
        payloads,
        payload_bytes,
    } = report.verified;
    let verdict = match report.findings.len() {
        0 => "The archive is intact".to_owned(),
        1 => "The archive is not intact: 1 finding".to_owned(),
        findings => format!("The archive is not intact: {findings} findings"),
    };
    text.push_str(&format!(
        "{verdict}. Looked at {} ledger entries and {} payloads of {}. Ledger head {}\n",
        HumanCount(entries),
        HumanCount(payloads),
        DecimalBytes(payload_bytes),
        hex(&report.head)
    ));
    text
}

fn parse_head(text: &str) -> Result<Sha256, String> {
    parse_sha256(text).ok_or_else(|| format!("{text:?} is no ledger head (expected 64 hexadecimal digits)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_with_its_place_and_both_values() {
        let finding = Finding {
            place: "ledger 3".to_owned(),
            what: "its hash is wrong".to_owned(),
            expected: Some("ab".to_owned()),
            found: Some("cd".to_owned()),
        };
        let report = VerifyReport {
            findings: vec![finding],
            verified: Verified::default(),
            head: [0; 32],
        };
        let text = text(&report);
        assert!(
            text.starts_with("ledger 3: its hash is wrong\n    expected ab\n    found    cd\n"),
            "{text}"
        );
        assert!(text.contains("not intact: 1 finding."), "{text}");
    }

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
