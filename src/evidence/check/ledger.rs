//! What the chains say about runs, quarantined pieces and what syncs found.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sha2::Digest;

use super::facts::StatedFacts;
use super::files::Files;
use super::findings::PackageFindings;
use super::lines::{ChainLine, Chains};
use crate::decode::READER_VERSION;
use crate::model::{NaiveZone, Zone, hex};

/// The most bytes of a file of time zone rules.
const MOST_RULES: u64 = 64 << 10;

/// The most files of time zone rules that are read: each stays in memory.
const MOST_ZONES: usize = 100;

/// By which rules times without offset are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RulesInForce {
    Known(NaiveZone),
    /// A later line replaced these rules, and the package does not have them.
    Gone,
}

/// A revision that was not lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct LedgerRevision<'t> {
    pub(super) line: ChainLine<'t>,
    pub(super) number: u64,
    /// The rules by which its times are read.
    pub(super) rules: RulesInForce,
    /// The rules by which they were read when its line was written.
    pub(super) rules_then: RulesInForce,
}

impl<'t> LedgerRevision<'t> {
    pub(super) fn at(&self) -> &'t str {
        self.line.word("at")
    }

    /// The number of its line in the ledger.
    pub(super) fn entry(&self) -> u64 {
        self.line.number.unwrap_or_default()
    }

    /// The start of the run, as written in its line.
    pub(super) fn started(&self) -> Option<&'t str> {
        Some(self.line.word("started")).filter(|started| *started != "-")
    }
}

#[derive(Debug)]
pub(super) struct LedgerRun<'t> {
    pub(super) job: &'t str,
    pub(super) revisions: Vec<LedgerRevision<'t>>,
    pub(super) absent_since: Option<&'t str>,
    /// The line by which a retention rule removed it.
    pub(super) removed: Option<ChainLine<'t>>,
}

impl<'t> LedgerRun<'t> {
    /// The latest revision; every run here has one.
    pub(super) fn latest(&self) -> &LedgerRevision<'t> {
        self.revisions
            .last()
            .expect("runs without a revision were dropped")
    }
}

#[derive(Debug)]
pub(super) struct QuarantinedPiece<'t> {
    pub(super) line: ChainLine<'t>,
    pub(super) accepted_at: Option<&'t str>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger<'t> {
    pub(super) runs: BTreeMap<&'t str, LedgerRun<'t>>,
    /// By number.
    pub(super) pieces: BTreeMap<&'t str, QuarantinedPiece<'t>>,
    /// What each sync found of a job, by the job.
    pub(super) answers: BTreeMap<&'t str, Vec<ChainLine<'t>>>,
    /// Revisions that were lost.
    pub(super) lost: usize,
    /// Jobs whose times a reindex read again.
    pub(super) reindexed: BTreeSet<&'t str>,
}

impl<'t> Ledger<'t> {
    pub(super) fn read(
        chains: &Chains<'t>,
        facts: &StatedFacts,
        files: &mut Files,
        findings: &mut PackageFindings,
    ) -> Self {
        let mut ledger = Self::default();
        let mut zones = Zones::default();
        for (&job, chain) in chains {
            ledger.job(job, chain, facts, &mut zones, files, findings);
        }
        ledger.runs.retain(|_, run| !run.revisions.is_empty());
        for name in files.names() {
            if name.starts_with("data/zones/") && !zones.named.contains(name) {
                findings.add(name, "no line names these rules of a time zone");
            }
        }
        ledger
    }

    fn job(
        &mut self,
        job: &'t str,
        chain: &[ChainLine<'t>],
        facts: &StatedFacts,
        zones: &mut Zones,
        files: &mut Files,
        findings: &mut PackageFindings,
    ) {
        let is_zone = |line: &ChainLine<'_>| matches!(line.kind(), "naive-time" | "reindexed");
        let reread = chain.iter().rposition(|line| line.kind() == "reindexed");
        let is_reread = |at: usize| reread.is_some_and(|reread| at < reread);
        let rules: HashMap<usize, RulesInForce> = (0..)
            .zip(chain)
            .filter(|(_, line)| is_zone(line))
            .map(|(at, line)| (at, zones.rules(line, is_reread(at), files, findings)))
            .collect();
        let again = reread.map(|reread| rules[&reread]);
        let lost = lost(chain, findings);
        self.lost += lost.len();
        if reread.is_some() {
            self.reindexed.insert(job);
        }
        let answers = self.answers.entry(job).or_default();
        let (mut then, mut zone, mut name) = (RulesInForce::Known(NaiveZone::Utc), "utc", None);
        for (at, line) in chain.iter().enumerate() {
            match line.kind() {
                "naive-time" | "reindexed" => (then, zone) = (rules[&at], line.word("zone")),
                "revision" => {
                    let id = line.word("run");
                    let run = self.runs.entry(id).or_insert_with(|| LedgerRun {
                        job,
                        revisions: Vec::new(),
                        absent_since: None,
                        removed: None,
                    });
                    if line.word("job") != job || run.job != job {
                        let what = format!("its run {id} is of another job than the chain");
                        findings.differ(line.place(), what, job, line.word("job"));
                        continue;
                    }
                    if line.number.is_some_and(|number| lost.contains(&number)) {
                        continue;
                    }
                    if line.word("zone") != zone {
                        let what = "its zone is not the one that the lines before it say";
                        findings.differ(line.place(), what, zone, line.word("zone"));
                    }
                    if line.count("reader") > u64::from(READER_VERSION) {
                        let what = format!(
                            "it is read by rules of a version that this program does not know: {}",
                            line.word("reader")
                        );
                        findings.add(line.place(), what);
                    }
                    let number = line.count("number");
                    if let Some(before) = run.revisions.last().filter(|before| number <= before.number) {
                        let what =
                            format!("revision {number} of run {id} follows revision {}", before.number);
                        findings.add(line.place(), what);
                    }
                    run.revisions.push(LedgerRevision {
                        line: *line,
                        number,
                        rules: again.filter(|_| is_reread(at)).unwrap_or(then),
                        rules_then: then,
                    });
                    run.absent_since = None;
                }
                kind @ ("absent" | "returned") => match self.runs.get_mut(line.word("run")) {
                    Some(run) => run.absent_since = Some(line.word("at")).filter(|_| kind == "absent"),
                    None => findings.add(
                        line.place(),
                        format!("run {} has no revision before it", line.word("run")),
                    ),
                },
                "removed" => {
                    if let Some(run) = self.runs.get_mut(line.word("run")) {
                        run.removed = Some(*line);
                        self.pieces
                            .retain(|_, piece| piece.line.word("run") != line.word("run"));
                    }
                }
                "quarantined" if line.word("job") == job => {
                    let piece = QuarantinedPiece {
                        line: *line,
                        accepted_at: None,
                    };
                    self.pieces.insert(line.word("id"), piece);
                }
                "accepted" => {
                    if let Some(piece) = self.pieces.get_mut(line.word("id")) {
                        piece.accepted_at = Some(line.word("at"));
                    }
                }
                "job-named" => name = Some(line.word("name")),
                "lost" if line.word("what") == "name" => name = None,
                "lost" if line.word("what") == "quarantined" => {
                    self.pieces.remove(line.word("id"));
                }
                "job" => answers.push(*line),
                _ => {}
            }
        }
        let said = facts
            .name_of(job)
            .map(|name| hex(&sha2::Sha256::digest(name.as_bytes())));
        if said.as_deref() != name {
            let what = format!("the name of job {job} is not the one that the ledger names");
            let shown = |hash: Option<&str>| hash.unwrap_or("no name").to_owned();
            findings.differ("data/package.json", what, shown(name), shown(said.as_deref()));
        }
    }
}

/// The entries of revisions whose payloads were lost.
fn lost(chain: &[ChainLine<'_>], findings: &mut PackageFindings) -> HashSet<u64> {
    let numbers = chain.iter().filter(|line| line.kind() == "revision");
    let told: HashSet<u64> = numbers.filter_map(|line| line.number).collect();
    let mut lost = HashSet::new();
    for line in chain {
        if line.kind() != "lost" || line.word("what") != "payload" {
            continue;
        }
        let entry = line.count("entry");
        lost.insert(entry);
        if !told.contains(&entry) {
            let what = format!(
                "it says that the payload of entry {entry} was lost, which is not a revision of this job"
            );
            findings.add(line.place(), what);
        }
    }
    lost
}

/// The time zone rules of the package.
#[derive(Default)]
struct Zones {
    known: HashMap<(String, String), RulesInForce>,
    /// The files that lines name.
    named: HashSet<String>,
}

impl Zones {
    /// The rules in force from this line on.
    fn rules(
        &mut self,
        line: &ChainLine<'_>,
        is_reread: bool,
        files: &mut Files,
        findings: &mut PackageFindings,
    ) -> RulesInForce {
        let (hash, zone) = (line.word("rules"), line.word("zone"));
        if hash == "-" {
            return RulesInForce::Known(NaiveZone::Utc);
        }
        let file = format!("data/zones/{hash}.tzif");
        self.named.insert(file.clone());
        if files.size(&file).is_none() {
            if !is_reread {
                let what = format!(
                    "it is missing, and {} names these rules of the time zone",
                    line.place()
                );
                findings.add(file, what);
            }
            return RulesInForce::Gone;
        }
        if self.known.len() >= MOST_ZONES {
            findings.add(
                file,
                format!("the package has more than {MOST_ZONES} rules of time zones"),
            );
            return RulesInForce::Gone;
        }
        let key = (hash.to_owned(), zone.to_owned());
        *self.known.entry(key).or_insert_with(|| {
            let Some(tzif) = files.read(&file, MOST_RULES, findings) else {
                return RulesInForce::Gone;
            };
            let found = hex(&sha2::Sha256::digest(&tzif));
            if found != hash {
                findings.differ(&file, "its SHA-256 is not its name", hash, found);
                return RulesInForce::Gone;
            }
            let read = zone
                .parse()
                .map_err(|_| format!("{zone} is not the name of a time zone"))
                .and_then(|name| {
                    Zone::from_tzif(name, line.word("release"), tzif).map_err(|error| error.to_string())
                });
            match read {
                Ok(zone) => RulesInForce::Known(NaiveZone::Iana(zone)),
                Err(why) => {
                    findings.add(&file, why);
                    RulesInForce::Gone
                }
            }
        })
    }
}
