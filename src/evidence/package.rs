//! Puts a package together.

use std::collections::HashMap;
use std::io::{self, Read, Seek, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tempfile::SpooledTempFile;

use super::bag::Bag;
use super::check::{CHECK_HTML, CHECK_PY};
use super::error::EvidenceError;
use super::facts::{self, PackageFacts, SampleFacts};
use super::tables::{self, PackageTable, TableForm};
use super::{SampleOptions, readme, workpaper};
use crate::archive::{Extract, Snapshot, extract, presence_at};
use crate::model::{Guid, Instant, Sha256, hex};
use crate::report::definition::Row;
use crate::report::options::Scope;
use crate::report::purge_age::PurgeAges;
use crate::report::reports::sample::Sample;
use crate::report::reports::vanished::{self, VanishedRow};
use crate::report::reports::{Changes, Failures, GapRow, Messages, Removals, Runs, gaps};
use crate::report::{CommonOptions, ReportError};

/// Bytes of a table that wait in memory, not in a temporary file.
const SPOOLED: usize = 1 << 20;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct PackageOptions {
    pub(crate) common: CommonOptions,
    /// The head of the sync; that of the sync that ended last where none is given.
    pub(crate) head: Option<Sha256>,
    /// The sample, where one is asked for.
    pub(crate) sample: Option<SampleOptions>,
    /// Whether owners of assets and who acted are left out, and the payloads that name them.
    pub(crate) redacts_owners: bool,
    /// Whether a package of no run is made.
    pub(crate) allows_empty: bool,
    /// Who prepared it, in their own words.
    pub(crate) prepared_by: Option<String>,
    /// The age at which the server purges runs; learned where none is given.
    pub(crate) purge_age: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MadePackage {
    pub(crate) archive_id: String,
    /// The head to which it is bound.
    pub(crate) head: String,
    /// The sync that ended with it.
    pub(crate) sync_id: i64,
    pub(crate) head_at: String,
    pub(crate) jobs: u64,
    pub(crate) runs: u64,
    pub(crate) payloads: u64,
    /// Runs of the span that a retention rule removed before the head; they are not in it.
    pub(crate) removed: u64,
    pub(crate) files: u64,
    /// Runs that a sample was drawn from; null where none was asked for.
    pub(crate) population: Option<u64>,
    /// Runs that were drawn, spare ones included.
    pub(crate) drawn: Option<u64>,
    /// Whether it is proved that every run of the jobs that started in the span is in it.
    pub(crate) complete: bool,
    /// Whether the spans rest on an assumption about how long a server keeps runs, which proves nothing.
    pub(crate) purge_age_assumed: bool,
}

/// Makes the package of a state of the archive in `out`.
///
/// # Errors
/// [`EvidenceError`]; what `out` holds then is of no use.
pub(crate) fn make(
    source: &Snapshot<'_>,
    options: &PackageOptions,
    out: impl Write + Seek + Send,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<MadePackage, EvidenceError> {
    let made = Package::new(source, options, is_cancelled).and_then(|package| package.write(out));
    if is_cancelled() {
        return Err(EvidenceError::Cancelled);
    }
    made
}

struct Package<'a> {
    options: &'a PackageOptions,
    extract: Extract,
    form: TableForm<'a>,
    facts: PackageFacts,
    purge_ages: Vec<serde_json::Value>,
    gaps: SpooledTempFile,
    vanished: SpooledTempFile,
    removals: SpooledTempFile,
}

impl<'a> Package<'a> {
    /// Takes the runs out of the archive, and leaves those away that are not in the span, once it is known how complete they
    /// are.
    fn new(
        source: &Snapshot<'_>,
        options: &'a PackageOptions,
        is_cancelled: &'a dyn Fn() -> bool,
    ) -> Result<Self, EvidenceError> {
        let scope = options.common.scope(source)?;
        let jobs: Vec<Guid> = if options.common.jobs.is_empty() {
            Vec::new()
        } else {
            scope.jobs().filter_map(|job| job.job_id.parse().ok()).collect()
        };
        let is_needed = |started: Option<Instant>| scope.has_time(started.map(Instant::ticks));
        let extract = extract(source, &jobs, options.head, &is_needed)?;
        let form = TableForm {
            redacts_owners: options.redacts_owners,
            is_cancelled,
        };
        let spool = || tempfile::spooled_tempfile(SPOOLED);
        let (mut gaps, mut vanished, mut removals) = (spool(), spool(), spool());
        let (mut jobs, purge_ages, vanished_runs, removed);
        {
            let snapshot = extract.reader().snapshot()?;
            let scope = whole(options).scope(&snapshot)?;
            let ages = match options.purge_age {
                Some(_) => PurgeAges::read(&snapshot, options.purge_age)?,
                // Runs of other jobs show the purge age of a server, too; what was received after the head does not.
                None => {
                    let presence = presence_at(source, extract.bound())?;
                    PurgeAges::read(&presence.snapshot()?, None)?
                }
            };
            jobs = facts::of_jobs(extract.jobs(), &snapshot, &scope, &ages)?;
            purge_ages = purge_ages_of(&snapshot, &scope, &ages)?;
            let mut table = PackageTable::new(&mut gaps, GapRow::COLUMNS, form)?;
            gaps::each(&snapshot, &scope, &ages, |row| {
                let why = gaps::without_removals(row.why);
                table.row(&GapRow { why, ..row })
            })?;
            table.finish()?;
            let mut table = PackageTable::new(&mut vanished, VanishedRow::COLUMNS, form)?;
            vanished::each(&snapshot, &scope, &ages, |row| table.row(&row))?;
            vanished_runs = table.finish()?;
            removed = tables::write(&Removals::default(), &snapshot, &scope, form, &mut removals)?;
        }
        let (since, until) = (options.common.since, options.common.until);
        extract.keep_span(since.map(|since| since.ticks()), until.map(|until| until.ticks()))?;
        let snapshot = extract.reader().snapshot()?;
        facts::count_runs(&mut jobs, &snapshot, &unbounded().scope(&snapshot)?)?;
        drop(snapshot);
        let runs: u64 = jobs.iter().map(|job| job.runs).sum();
        let (payloads, pieces) = (extract.payloads()?, extract.reader().quarantine()?);
        let facts = PackageFacts {
            archive_id: extract.archive_id(),
            bound: *extract.bound(),
            since,
            until,
            prepared_by: options.prepared_by.clone(),
            redacts_owners: options.redacts_owners,
            sample: options.sample.clone().map(|options| SampleFacts {
                options,
                population: runs,
            }),
            runs,
            failed: jobs.iter().map(|job| job.failed).sum(),
            payloads,
            changes: payloads.saturating_sub(runs),
            vanished: vanished_runs,
            removed,
            pieces: pieces.len() as u64,
            pieces_open: pieces.iter().filter(|piece| piece.accepted_at.is_none()).count() as u64,
            jobs,
        };
        if runs == 0 && !options.allows_empty {
            return Err(EvidenceError::Empty {
                jobs: facts.jobs_in_words(),
                sync: facts.bound.sync_id,
                removed: facts.removed,
            });
        }
        Ok(Self {
            options,
            extract,
            form,
            facts,
            purge_ages,
            gaps,
            vanished,
            removals,
        })
    }

    /// Writes every file, in the order of their names.
    fn write(mut self, out: impl Write + Seek + Send) -> Result<MadePackage, EvidenceError> {
        let facts = &self.facts;
        let head = hex(&facts.bound.head);
        let mut bag = Bag::new(out, format!("jobruns-evidence-{}", &head[..12]), facts.bound.at);
        let snapshot = self.extract.reader().snapshot()?;
        let scope = unbounded().scope(&snapshot)?;
        let work = TableSources {
            snapshot: &snapshot,
            scope: &scope,
            form: self.form,
            most: self.extract.most_bytes()?,
        };
        bag.bytes("README.html", readme::page(facts).as_bytes())?;
        bag.bytes("bag-info.txt", self.bag_info().as_bytes())?;
        bag.bytes(
            "bagit.txt",
            b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        )?;
        bag.bytes("check.html", CHECK_HTML.as_bytes())?;
        bag.bytes("check.py", CHECK_PY.as_bytes())?;
        work.report(&mut bag, "changes", &Changes::default())?;
        work.report(&mut bag, "failures", &Failures::default())?;
        spooled(&mut bag, "data/gaps.csv", &mut self.gaps)?;
        bag.file("data/ledger.txt", work.most, |mut out| {
            self.extract.write_ledger(&mut out)
        })
        .map_err(EvidenceError::from)?;
        work.report(&mut bag, "messages", &Messages::default())?;
        bag.bytes("data/package.json", self.package_json().as_bytes())?;
        if !facts.redacts_owners {
            self.extract.each_payload::<EvidenceError>(|payload| {
                if (self.form.is_cancelled)() {
                    return Err(EvidenceError::Cancelled);
                }
                let name = format!("data/payloads/{}-{}.json", payload.run, payload.revision);
                Ok(bag.bytes(&name, payload.bytes)?)
            })?;
        }
        let pieces = self.extract.reader().quarantine()?;
        bag.file("data/quarantine.csv", work.most, |mut out| {
            tables::write_quarantine(&pieces, self.form, &mut out)
        })
        .map_err(EvidenceError::from)?;
        if !facts.redacts_owners {
            self.extract.each_quarantined::<EvidenceError>(|id, bytes| {
                Ok(bag.bytes(&format!("data/quarantine/{id}.bin"), bytes)?)
            })?;
        }
        spooled(&mut bag, "data/removals.csv", &mut self.removals)?;
        work.report(&mut bag, "runs", &Runs::default())?;
        let sample = facts.sample.as_ref().map(|sample| Sample {
            size: sample.options.size,
            seed: sample.options.seed.clone(),
            spare: sample.options.spare,
            ..Sample::default()
        });
        let drawn = sample
            .as_ref()
            .map(|sample| work.report(&mut bag, "sample", sample))
            .transpose()?;
        spooled(&mut bag, "data/vanished.csv", &mut self.vanished)?;
        bag.file("data/workpaper.xlsx", work.most, |out| {
            workpaper::write(facts, sample.as_ref(), &snapshot, &scope, out)
        })
        .map_err(EvidenceError::from)?;
        for (hash, rules) in self.extract.zone_rules()? {
            bag.bytes(&format!("data/zones/{hash}.tzif"), &rules)?;
        }
        let files = bag.finish()?;
        Ok(MadePackage {
            archive_id: facts.archive_id.to_string(),
            head,
            sync_id: facts.bound.sync_id,
            head_at: facts.bound.at.to_string(),
            jobs: facts.jobs.len() as u64,
            runs: facts.runs,
            payloads: if facts.redacts_owners { 0 } else { facts.payloads },
            removed: facts.removed,
            files,
            population: facts.sample.as_ref().map(|sample| sample.population),
            drawn,
            complete: facts.is_proved(),
            purge_age_assumed: facts.assumes_purge_age(),
        })
    }

    fn bag_info(&self) -> String {
        let bound = &self.facts.bound;
        let day = bound.at.to_string();
        format!(
            "Bag-Software-Agent: jobruns {}\nBagging-Date: {}\nExternal-Description: Evidence of job runs of Symantec CCS\nExternal-Identifier: {}\n",
            env!("CARGO_PKG_VERSION"),
            day.split('T').next().unwrap_or_default(),
            hex(&bound.head),
        )
    }

    fn package_json(&self) -> String {
        let facts = &self.facts;
        let jobs: Vec<_> = facts
            .jobs
            .iter()
            .map(|job| json!({"job_id": job.job.job_id, "name": job.job.name}))
            .collect();
        let sample = facts.sample.as_ref().map(|sample| {
            json!({
                "size": sample.options.size,
                "spare": sample.options.spare,
                "seed": sample.options.seed,
                "population": sample.population,
            })
        });
        let redacted: &[&str] = if facts.redacts_owners { &["owners"] } else { &[] };
        let mut package = json!({
            "format": "jobruns evidence package",
            "version": 1,
            "tool_version": env!("CARGO_PKG_VERSION"),
            "archive_id": facts.archive_id.to_string(),
            "head": hex(&facts.bound.head),
            "sync_id": facts.bound.sync_id,
            "head_at": facts.bound.at.to_string(),
            "jobs": jobs,
            "since": facts.since.map(|since| since.to_string()),
            "until": facts.until.map(|until| until.to_string()),
            "timezone": self.options.common.zone.name(),
            "redacted": redacted,
            "prepared_by": facts.prepared_by,
            "sample": sample,
            "runs": facts.runs,
            "payloads": if facts.redacts_owners { 0 } else { facts.payloads },
            "purge_ages": self.purge_ages,
        });
        if self.options.allows_empty {
            package["allow_empty"] = true.into();
        }
        package.to_string() + "\n"
    }
}

/// What tables are made from.
struct TableSources<'w, 's> {
    snapshot: &'w Snapshot<'s>,
    scope: &'w Scope,
    form: TableForm<'w>,
    /// Bytes that no table exceeds.
    most: u64,
}

impl TableSources<'_, '_> {
    fn report<R: crate::report::definition::Report, W: Write + Seek + Send>(
        &self,
        bag: &mut Bag<W>,
        name: &str,
        report: &R,
    ) -> Result<u64, EvidenceError> {
        bag.file(&format!("data/{name}.csv"), self.most, |mut out| {
            tables::write(report, self.snapshot, self.scope, self.form, &mut out)
        })
        .map_err(EvidenceError::from)
    }
}

/// Every run that is left, and every message of theirs.
fn unbounded() -> CommonOptions {
    CommonOptions {
        include_absent: true,
        ..CommonOptions::default()
    }
}

/// The span that is asked for, of every job that was taken out.
fn whole(options: &PackageOptions) -> CommonOptions {
    CommonOptions {
        since: options.common.since,
        until: options.common.until,
        ..unbounded()
    }
}

fn spooled<W: Write + Seek + Send>(
    bag: &mut Bag<W>,
    name: &str,
    table: &mut SpooledTempFile,
) -> io::Result<()> {
    let bytes = table.stream_position()?;
    table.rewind()?;
    bag.file(name, bytes, |out| io::copy(&mut table.take(bytes), out).map(drop))
}

/// The purge age by which spans and absences were assessed, by job.
fn purge_ages_of(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    ages: &PurgeAges,
) -> Result<Vec<serde_json::Value>, ReportError> {
    let servers: HashMap<i64, Option<i64>> = snapshot
        .job_freshness()?
        .into_iter()
        .map(|job| (job.job_key, job.server_key))
        .collect();
    let said = scope.jobs().map(|job| {
        let server = servers.get(&job.job_key).copied().flatten();
        let age = ages.or_assumed(server);
        json!({
            "job_id": job.job_id,
            "seconds": age.seconds,
            "listed_seconds": age.listed_seconds,
            "known": ages.of(server).is_some(),
            "basis": age.description(),
        })
    });
    Ok(said.collect())
}
