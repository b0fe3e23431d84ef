//! The file of metrics: what the archive tells, and how each command ended last.
//!
//! Several commands share one file, since a collector refuses the same metric out of two files. What only another command
//! knows is taken over from the file that is there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::exposition::{self, Labels, Metric, label};
use super::metrics::{archive_label, of_archive};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::terminal::table::write_all;
use crate::config::Sources;
use crate::model::parse_positive_duration;

/// The metrics of a command's end, its exit code first.
const OF_COMMANDS: [Metric; 4] = [
    Metric::new(
        "jobruns_command_exit_code",
        "How the command ended last: 0 done, 1 not done, 2 wrong usage, 3 findings, 4 archive not intact, 5 held by another sync, 130 interrupted.",
    ),
    Metric::new("jobruns_command_end_timestamp_seconds", "When it ended."),
    Metric::new("jobruns_command_duration_seconds", "How long it took."),
    Metric::new(
        "jobruns_command_last_success_timestamp_seconds",
        "When it ended last with the exit code 0.",
    ),
];

const CERTIFICATE: Metric = Metric::new(
    "jobruns_certificate_expiry_timestamp_seconds",
    "Until when the server's certificate is valid, as the last sync saw it.",
);

pub(super) struct MetricsFile<'m> {
    path: &'m Path,
    archive: &'m Path,
    sources: &'m Sources<'m>,
    purge_age: Option<Duration>,
}

pub(super) struct CommandEnd {
    pub(super) command: &'static str,
    pub(super) exit: Exit,
    /// Seconds since 1970 UTC.
    pub(super) at: i64,
    pub(super) duration: Duration,
    /// Until when the server's certificate is valid, likewise; `None` where it was not seen.
    pub(super) certificate_expiry: Option<i64>,
}

impl<'m> MetricsFile<'m> {
    /// The file at `path`.
    ///
    /// # Errors
    /// Wrong usage: it cannot be written there.
    pub(super) fn new(path: &'m Path, archive: &'m Path, sources: &'m Sources<'m>) -> Result<Self, Failure> {
        // A place that cannot be written is told before the work; the file itself is not touched.
        drop(Output::open(path)?);
        Ok(Self {
            path,
            archive,
            sources,
            purge_age: sources.value("purge_age", parse_positive_duration)?,
        })
    }

    /// Writes the file anew.
    ///
    /// # Errors
    /// It cannot be written; settings that cannot be read.
    pub(super) fn write(&self, end: &CommandEnd) -> Result<(), Failure> {
        let former = fs::read_to_string(self.path).unwrap_or_default();
        let (mut metrics, _) = of_archive(self.archive, self.sources, self.purge_age)?;
        metrics.extend(self.of_commands(end, &former));
        write_all(Output::open(self.path)?, exposition::write(&metrics).as_bytes())
    }

    fn of_commands(&self, end: &CommandEnd, former: &str) -> Vec<Metric> {
        let archive = archive_label(self.archive);
        let command = label("command", end.command);
        let labels = Labels::new(&[&archive, &command]);
        let at = end.at as f64;
        let success = (end.exit == Exit::Done).then_some(at);
        let values = [
            Some(f64::from(end.exit.code())),
            Some(at),
            Some(end.duration.as_secs_f64()),
            success,
        ];
        let mut metrics: Vec<Metric> = OF_COMMANDS
            .into_iter()
            .zip(values)
            .map(|(mut metric, value)| {
                // Of this command only what it does not know anew.
                let kept = metric.samples_in(former, &archive);
                let is_own = format!(",{command}}}");
                let kept = kept.filter(|line| value.is_none() || !line.contains(&is_own));
                metric.samples = kept.map(str::to_owned).collect();
                if let Some(value) = value {
                    metric.add(&labels, value);
                }
                metric.samples.sort();
                metric
            })
            .collect();
        let mut certificate = CERTIFICATE;
        match end.certificate_expiry {
            Some(expiry) => certificate.add(&Labels::new(&[&archive]), expiry as f64),
            None => {
                certificate.samples = certificate
                    .samples_in(former, &archive)
                    .map(str::to_owned)
                    .collect()
            }
        }
        metrics.push(certificate);
        metrics
    }
}
