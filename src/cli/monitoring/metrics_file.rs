//! The file of metrics: what the archive tells, and how each command ended last.
//!
//! Several commands share one file, since a collector refuses the same metric out of two files. What only another command
//! knows is taken over from the file that is there.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant as MonotonicInstant};

use super::ending::Ending;
use super::exposition::{self, Labels, Metric, label};
use super::metrics::{archive_label, of_archive};
use crate::archive::give_to_owner_of_folder;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::terminal::table::write_all;
use crate::config::Sources;
use crate::model::parse_positive_duration;

/// How long another command that writes the file is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

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
    pub(super) path: &'m Path,
    pub(super) archive: &'m Path,
    pub(super) sources: &'m Sources<'m>,
}

impl MetricsFile<'_> {
    /// Replaces the file.
    ///
    /// # Errors
    /// It cannot be written; settings that cannot be read.
    pub(super) fn write(&self, end: &Ending) -> Result<(), Failure> {
        let purge_age = self.sources.value("purge_age", parse_positive_duration)?;
        let _lock = self.lock();
        let former = fs::read_to_string(self.path).unwrap_or_default();
        let (mut metrics, _) = of_archive(self.archive, self.sources, purge_age)?;
        metrics.extend(self.of_commands(end, &former));
        let output = Output::open(self.path)?;
        if let Some(file) = output.file() {
            give_to_owner_of_folder(file, self.path);
        }
        write_all(output, exposition::write(&metrics).as_bytes())
    }

    /// Locks the file while it is read and replaced, so that commands that end together keep one another's metrics. Gives up
    /// after [`PATIENCE`]: a stuck command must not hold up others.
    fn lock(&self) -> Option<File> {
        let name = format!(".{}.lock", self.path.file_name()?.display());
        let path = self.path.with_file_name(name);
        // One that another account made can at least be read.
        let made = || File::create_new(&path).inspect(|file| give_to_owner_of_folder(file, &path));
        let file = made().or_else(|_| File::open(&path)).ok()?;
        let begun = MonotonicInstant::now();
        while begun.elapsed() < PATIENCE && matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            sleep(Duration::from_millis(10));
        }
        Some(file)
    }

    fn of_commands(&self, end: &Ending, former: &str) -> Vec<Metric> {
        let archive = archive_label(self.archive);
        let command = label("command", end.command);
        let labels = Labels::new(&[&archive, &command]);
        let at = end.finished_at.unix_seconds() as f64;
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
                // Of this command's own metrics, only those that it does not update.
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
