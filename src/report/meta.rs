//! Which report rows belong to: its name, its options, and the state of the archive that was read.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::archive::{NaiveTimeRules, Snapshot, known_schema_version};
use crate::model::{Instant, hex};
use crate::report::reports::JobCompleteness;

/// What rows belong to. Formats that show it beside the rows get it before the first one; the manifest has it too.
///
/// It holds no time of its own: the same archive and options give the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReportMeta {
    /// Name of the report on the command line; `query` for a user's own SQL.
    pub report: String,
    /// What was asked for; relative times as the instants that they became.
    pub options: Map<String, Value>,
    /// What the report says of itself beside its rows: of a sample the population, and how to draw again.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
    /// How complete the jobs are known to be that the rows are about; where it is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) jobs: Vec<JobCompleteness>,
    /// Whether formats say that beside the rows, not the manifest alone.
    #[serde(skip)]
    pub(crate) shows_jobs: bool,
    /// The archive's own id; null before the first sync.
    pub archive_id: Option<String>,
    /// When the last sync that the state has ended, UTC; null before the first.
    pub synced_at: Option<String>,
    /// The ledger's head in the state of the archive that was read, lower-case hexadecimal.
    pub head: String,
    /// By which rules times without offset were read.
    pub naive_time: NaiveTimeRules,
    /// Version of the archive's schema.
    pub schema_version: i64,
    /// Version of this program.
    pub tool_version: String,
}

impl ReportMeta {
    /// The jobs whose completeness formats say beside the rows.
    pub(crate) fn shown_jobs(&self) -> &[JobCompleteness] {
        if self.shows_jobs { &self.jobs } else { &[] }
    }

    /// The `report` with these options, of this state of the archive.
    ///
    /// # Panics
    /// For options that are not a JSON object.
    #[must_use]
    pub fn new(snapshot: &Snapshot<'_>, report: &str, options: &impl Serialize) -> Self {
        let options = serde_json::to_value(options).expect("options are plain values");
        let Value::Object(options) = options else {
            panic!("options of {report} are not a struct");
        };
        Self {
            report: report.to_owned(),
            options,
            facts: Map::new(),
            jobs: Vec::new(),
            shows_jobs: false,
            archive_id: snapshot.archive_id().map(str::to_owned),
            synced_at: snapshot
                .synced_unix()
                .map(|at| Instant::from_unix_seconds(at).to_string()),
            head: hex(&snapshot.head()),
            naive_time: snapshot.naive_time().clone(),
            schema_version: known_schema_version(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
