//! A sample of runs for a test of details: drawn by a written rule, so that anybody can draw it again.

pub(crate) mod draw;

use serde::Serialize;
use serde_json::{Map, Value};

use self::draw::{Draw, DrawnSample};
use super::completeness;
use super::removals;
use super::runs::{RunFilter, job_id, job_ids};
use crate::archive::{InSpan, Snapshot};
use crate::model::{Instant, JobStatus, hex};
use crate::report::definition::{EachRow, Report, row};
use crate::report::error::{ReportError, Result};
use crate::report::html::Present;
use crate::report::numbers::counted;
use crate::report::options::{CommonOptions, PurgeAgeFlag, Scope};

/// How to draw again, for those who have the population and the seed.
const DRAW_AGAIN: &str = "The draw of a run is the SHA-256 of the UTF-8 text SEED:JOB_RUN_ID (no line end), in lower-case \
     hexadecimal: printf '%s' 'SEED:JOB_RUN_ID' | sha256sum. Compute it for each run of the population (jobruns report runs \
     with the same filters lists them), sort by it (in a shell or a spreadsheet): the first are the sample, the next are \
     spare.";

/// A sample of runs that anybody can draw again
///
/// The population is every run that matches the filters, those included that the server no longer lists. The draw of a
/// run is the SHA-256 of SEED:JOB_RUN_ID, in lower-case hexadecimal; the runs with the lowest draws are the sample, the
/// next ones spare (is_spare is 1). A larger sample with the same seed begins with the smaller one. The manifest, a sheet
/// of xlsx and the page of html say population, filters, seed, ledger head, how complete the population is known to be,
/// how many recorded runs a retention rule removed, and how to draw again. A population smaller than the sample is drawn whole, and that is said.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report sample --size 25 --seed \"audit 2026\" --job Nightly --year 2025
  jobruns report sample --size 25 --seed A17 --spare 5 --manifest --output sample.csv")]
pub(crate) struct Sample {
    /// How many runs to draw
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) size: u64,

    /// The text that decides which runs are drawn: agree on it before anybody sees the runs
    #[arg(long, value_name = "TEXT", value_parser = seed)]
    pub(crate) seed: String,

    /// How many runs more to draw, which take the place of those that cannot be tested
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) spare: u64,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) filter: RunFilter,

    #[arg(skip)]
    #[serde(flatten)]
    pub(crate) purge_age: PurgeAgeFlag,
}

/// A seed: one line that people can write down and type again.
pub(crate) fn seed(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        Err("the seed is empty: agree on a text, such as \"audit 2026\"")
    } else if text.chars().any(char::is_control) {
        Err("a seed is one line of text")
    } else {
        Ok(text.to_owned())
    }
}

row! {
    /// A run that was drawn.
    SampleRow<'a> {
        rank: u64 as Integer,
        is_spare: bool as Integer,
        draw: &'a str as Text,
        job_run_id: &'a str as Text,
        job_id: &'a str as Text,
        job_name: Option<&'a str> as Text,
        status_name: Option<&'a str> as Text,
        started_at: Option<Instant> as Instant,
        ended_at: Option<Instant> as Instant,
        revision: i64 as Integer,
        payload_sha256: &'a str as Text,
        entry_id: i64 as Integer,
    }
}

impl Sample {
    /// Draws from the runs that match.
    fn drawn(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<DrawnSample<i64>> {
        let wanted = self.filter.wanted(snapshot, scope, InSpan::Start)?;
        let mut draw = Draw::new(&self.seed, self.size.saturating_add(self.spare));
        snapshot.each_run_key::<ReportError>(InSpan::Start, scope.since(), scope.until(), |run| {
            if wanted.has(&run) {
                draw.add(run.job_run_id, run.run_key);
            }
            Ok(())
        })?;
        Ok(draw.finish())
    }

    /// What is drawn of a population so large: runs of the sample, and spare ones.
    fn parts(&self, population: u64) -> (u64, u64) {
        let sample = population.min(self.size);
        (sample, (population - sample).min(self.spare))
    }
}

impl Report for Sample {
    const NAME: &'static str = "sample";
    const EMPTY: &'static str = "No run matches, so there is nothing to draw from.";
    const NEEDS_OPTIONS: bool = true;
    const SHOWS_COMPLETENESS: bool = true;
    type Row<'a> = SampleRow<'a>;

    fn resolve(&mut self, common: &mut CommonOptions, _now: Instant) -> Result {
        self.purge_age.resolve(common.purge_age);
        Ok(())
    }

    /// By draw, the lowest first.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        let jobs = job_ids(scope);
        for ((draw, run_key), rank) in self.drawn(snapshot, scope)?.runs.into_iter().zip(1..) {
            let latest = snapshot.latest_revision(run_key)?;
            snapshot.run_row::<ReportError>(run_key, |run| {
                let status_name = run.status.map(|status| JobStatus(status).name());
                row(&SampleRow {
                    rank,
                    is_spare: rank > self.size,
                    draw: &hex(&draw),
                    job_run_id: run.job_run_id,
                    job_id: job_id(&jobs, run.job_key)?,
                    job_name: scope.name_of(run.job_key),
                    status_name: status_name.as_deref(),
                    started_at: run.started_ticks.map(Instant::from_ticks),
                    ended_at: run.ended_ticks.map(Instant::from_ticks),
                    revision: run.revision,
                    payload_sha256: &hex(&latest.payload_sha256),
                    entry_id: latest.entry_id,
                })
            })?;
        }
        Ok(())
    }

    /// What was drawn from how many, and how complete that population is known to be.
    fn notes(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Vec<String>> {
        let population = self.drawn(snapshot, scope)?.population;
        if population == 0 {
            return Ok(Vec::new());
        }
        let (sample, spare) = self.parts(population);
        let mut notes = vec![format!(
            "Drawn from a population of {}: a sample of {sample} and {spare} spare, by SHA-256 of seed and run.",
            counted(population, "run")
        )];
        if sample < self.size {
            notes.push(format!(
                "The population is smaller than the sample of {} that was asked for: all of it was drawn.",
                self.size
            ));
        } else if spare < self.spare {
            notes.push(format!(
                "The population has no more runs: {spare} spare instead of the {} that were asked for.",
                self.spare
            ));
        }
        let removed = removals::count(snapshot, scope)?;
        if removed > 0 {
            notes.push(format!(
                "{} of these jobs and this span were recorded and later removed by a retention rule: they are not in the population and cannot be drawn (jobruns report removals lists them).",
                counted(removed, "run")
            ));
        }
        let jobs = completeness::of_common(snapshot, scope.options())?;
        let unproved = jobs.iter().filter(|job| !job.unproved.is_empty()).count();
        notes.push(match unproved {
            0 => "The population is proved complete for the whole span.".to_owned(),
            unproved => format!(
                "The population is not proved complete for {unproved} of {}: coverage --gaps and the manifest name the spans.",
                counted(jobs.len() as u64, "job")
            ),
        });
        Ok(notes)
    }

    fn facts(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Map<String, Value>> {
        let population = self.drawn(snapshot, scope)?.population;
        let (sample, spare) = self.parts(population);
        Ok([
            ("population", Value::from(population)),
            ("sample_drawn", sample.into()),
            ("spare_drawn", spare.into()),
            ("runs_removed", removals::count(snapshot, scope)?.into()),
            ("draw_again", DRAW_AGAIN.into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect())
    }
}

impl Present for Sample {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_line_of_text() {
        assert_eq!(seed(" audit 2026"), Ok(" audit 2026".to_owned()));
        for text in ["", " \u{a0}", "a\nb"] {
            assert!(seed(text).is_err(), "{text:?}");
        }
    }
}
