//! Checks a package by the rules of `docs/evidence-package.md`, using only its bytes.
//!
//! # What it shares with what made the package
//! Only how a run is read (`decode`). ZIP file, CSV files, ledger and chains are read by separate code, and `check.py` and
//! `check.html` share nothing at all. Each checker checks the others, and all of them check the maker.
//!
//! # Bounds
//! The package is not trusted. Sizes are compared with what the ZIP file can hold before anything is unpacked. In memory are
//! one run, the lines of the ledger, and a few hundred bytes per run.

mod csv;
mod facts;
mod files;
mod findings;
mod form;
mod gaps;
mod ledger;
mod lines;
mod messages;
mod runs;
mod scripts;
mod summary;
mod tables;
mod zip;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use self::facts::StatedFacts;
use self::files::Files;
use self::findings::{PackageFindings, Unreadable};
use self::ledger::Ledger;
use self::runs::Check;
use crate::archive::PublishedHeads;
use crate::model::{Guid, Sha256, hex};
use crate::report::numbers::counted;

pub use self::findings::PackageFinding;
pub use self::scripts::{CHECK_HTML, CHECK_PY};

/// Why a package cannot be checked at all.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct UnreadablePackage {
    why: String,
    /// What was found until then.
    pub findings: Vec<PackageFinding>,
}

/// What a check of a package found.
#[derive(Debug, Serialize)]
pub struct PackageReport {
    /// Nothing was found.
    pub sound: bool,
    /// The outcome in a sentence.
    pub conclusion: String,
    /// The id of the archive that it was made from.
    pub archive_id: String,
    /// The head to which it is bound.
    pub head: String,
    /// Whether that head is among the given published ones; null if none was given.
    pub head_published: Option<bool>,
    /// Runs in the package.
    pub runs: u64,
    /// Payloads that have their hashes.
    pub payloads: u64,
    /// Rows of messages that were checked.
    pub messages: u64,
    /// What was checked and is right; empty if there are findings.
    pub proved: Vec<String>,
    /// What was not proved or not compared; empty if there are findings.
    pub not_proved: Vec<String>,
    /// What is wrong.
    pub findings: Vec<PackageFinding>,
    /// How many findings are not listed.
    pub more_findings: u64,
}

/// Checks a package. `heads` and `lists` are what was published elsewhere.
///
/// # Errors
/// [`UnreadablePackage`]: not a ZIP file, a truncated one, or a version that this program does not know.
pub fn check_package(
    path: &Path,
    heads: &[Sha256],
    lists: &[PublishedHeads],
) -> Result<PackageReport, UnreadablePackage> {
    let mut findings = PackageFindings::default();
    match check(path, heads, lists, &mut findings) {
        Ok(report) => Ok(report),
        Err(Unreadable(why)) => Err(UnreadablePackage {
            why,
            findings: findings.listed,
        }),
    }
}

fn check(
    path: &Path,
    heads: &[Sha256],
    lists: &[PublishedHeads],
    findings: &mut PackageFindings,
) -> Result<PackageReport, Unreadable> {
    let mut files = Files::open(path, findings)?;
    let facts = StatedFacts::read(&mut files, findings)?;
    files.check_manifests(findings);
    let text = files
        .text("data/ledger.txt", findings)
        .ok_or_else(|| Unreadable("data/ledger.txt is missing or cannot be read".to_owned()))?;
    let chains = lines::read(&text, &facts, findings);
    let published = check_heads(&facts, heads, lists, findings);
    let info = files.text("bag-info.txt", findings).unwrap_or_default();
    let day = facts.head_at.split('T').next().unwrap_or_default();
    for (name, value) in [("Bagging-Date", day), ("External-Identifier", &facts.head)] {
        let is_so_named = |line: &&str| {
            line.get(..name.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(name))
        };
        let wanted = format!("{name}: {value}");
        if !info.split('\n').filter(is_so_named).eq([&*wanted]) {
            findings.add("bag-info.txt", format!("its one line {name} is not {wanted}"));
        }
    }
    let ledger = Ledger::read(&chains, &facts, &mut files, findings);
    let mut check = Check::new(&facts, &ledger, files, findings);
    check.runs();
    check.quarantine();
    check.sample();
    check.removals();
    check.vanished();
    check.gaps();
    let said = check.summary();
    let sound = findings.count == 0;
    let (proved, not_proved) = if sound {
        (
            said.proved(&facts, &ledger, published),
            said.not_proved(&facts, &ledger),
        )
    } else {
        Default::default()
    };
    Ok(PackageReport {
        sound,
        conclusion: conclusion(&facts, findings.count, published),
        archive_id: facts.archive_id.clone(),
        head: facts.head.clone(),
        head_published: published,
        runs: said.runs,
        payloads: said.payloads,
        messages: said.messages,
        proved,
        not_proved,
        more_findings: findings.count - findings.listed.len() as u64,
        findings: std::mem::take(&mut findings.listed),
    })
}

fn conclusion(facts: &StatedFacts, findings: u64, published: Option<bool>) -> String {
    if findings > 0 {
        return format!(
            "The evidence package is not sound: {}.",
            counted(findings, "finding")
        );
    }
    let sync = format!("sync {} of {}", facts.sync_id.unwrap_or_default(), facts.head_at);
    match published {
        Some(_) => format!("The evidence package is sound, and bound to the published head of {sync}."),
        None => format!(
            "The evidence package of {sync} is sound in itself. No head was given, so this does not exclude that all of it was made up."
        ),
    }
}

/// Whether the package is bound to one of the published heads; `None` if none is given.
fn check_heads(
    facts: &StatedFacts,
    heads: &[Sha256],
    lists: &[PublishedHeads],
    findings: &mut PackageFindings,
) -> Option<bool> {
    let listed = lists.iter().flat_map(|list| &list.heads);
    let others: BTreeSet<String> = listed
        .clone()
        .filter_map(|line| Some(line.archive?.to_string()))
        .filter(|archive| *archive != facts.archive_id)
        .collect();
    let is_ours = |archive: Option<Guid>| archive.is_none_or(|id| id.to_string() == facts.archive_id);
    let listed = listed.filter(|line| is_ours(line.archive)).map(|line| &line.head);
    let ours: Vec<String> = heads.iter().chain(listed).map(|head| hex(head)).collect();
    if ours.is_empty() && others.is_empty() {
        return None;
    }
    let is_bound = ours.contains(&facts.head);
    let what = "the package is not bound to a head that was given";
    let first = |texts: Vec<String>| texts.into_iter().take(3).collect::<Vec<_>>().join(", ");
    if ours.is_empty() {
        let what = format!("{what}: they are heads of other archives");
        let others = first(others.into_iter().collect());
        findings.differ("data/package.json", what, others, &facts.archive_id);
    } else if !is_bound {
        findings.differ("data/package.json", what, first(ours), &facts.head);
    }
    Some(is_bound)
}
