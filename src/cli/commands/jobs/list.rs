//! `jobruns jobs list`.

use std::path::Path;

use serde::Serialize;

use crate::archive::{self, JobState, ReadOnly};
use crate::cli::failure::Failure;
use crate::cli::terminal::table::{TerminalColumn, or_dash, print, print_text, width_to_fit, yes_or_no};
use crate::cli::watch_list::with_jobs_file;
use crate::config::{Sources, TableOrJson};

/// Lists the jobs that the archive knows, with their former names
///
/// The watched ones are those that the next sync without named jobs asks for; a configured jobs file is taken into account.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// The output format; csv can serve as a jobs file
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ListFormat,

    /// Shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    wide: bool,
}

/// The formats of `jobs list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum ListFormat {
    #[default]
    Table,
    Json,
    Csv,
}

#[derive(Serialize)]
struct JobListItem {
    job_id: String,
    name: Option<String>,
    /// `given` by a person, or the `server`'s.
    name_from: Option<&'static str>,
    watched: bool,
    runs: i64,
    server: Option<String>,
    former_names: Vec<FormerNameJson>,
}

#[derive(Serialize)]
struct FormerNameJson {
    name: String,
    since: Option<String>,
    until: String,
}

impl From<JobState> for JobListItem {
    fn from(state: JobState) -> Self {
        let former = |former: archive::FormerName| FormerNameJson {
            name: former.name,
            since: former.since.map(|since| since.to_string()),
            until: former.until.to_string(),
        };
        let from = if state.job.name_given { "given" } else { "server" };
        Self {
            job_id: state.job.job_id,
            name_from: state.job.name.is_some().then_some(from),
            name: state.job.name,
            watched: state.job.watched,
            runs: state.runs,
            server: state.job.server,
            former_names: state.job.former_names.into_iter().map(former).collect(),
        }
    }
}

impl JobListItem {
    /// The former names in one text, each with its last day.
    fn former_names(&self) -> Option<String> {
        let names = self.former_names.iter();
        let names: Vec<String> = names
            .map(|former| format!("{} (until {})", former.name, &former.until[..10]))
            .collect();
        (!names.is_empty()).then(|| names.join("; "))
    }
}

pub(super) fn run(args: &ListArgs, sources: &Sources<'_>, archive: &Path) -> Result<(), Failure> {
    let states = with_jobs_file(ReadOnly::open(archive)?.job_states()?, sources)?;
    let jobs: Vec<JobListItem> = states.into_iter().map(JobListItem::from).collect();
    let format = match args.format {
        ListFormat::Csv => return print_text(&csv_of(&jobs)),
        ListFormat::Json => TableOrJson::Json,
        ListFormat::Table => TableOrJson::Table,
    };
    let columns = [
        TerminalColumn::Text("job_id"),
        TerminalColumn::Text("name"),
        TerminalColumn::Text("watched"),
        TerminalColumn::Number("runs"),
        TerminalColumn::Text("server"),
        TerminalColumn::Text("former names"),
    ];
    print(format, &jobs, &columns, width_to_fit(args.wide), |job| {
        vec![
            job.job_id.clone(),
            or_dash(job.name.as_deref()),
            yes_or_no(job.watched),
            job.runs.to_string(),
            or_dash(job.server.as_deref()),
            or_dash(job.former_names().as_deref()),
        ]
    })
}

fn csv_of(jobs: &[JobListItem]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "job_id",
        "name",
        "name_from",
        "watched",
        "runs",
        "server",
        "former_names",
    ];
    let mut written = writer.write_record(header);
    for job in jobs {
        written = written.and_then(|()| {
            writer.write_record([
                job.job_id.as_str(),
                job.name.as_deref().unwrap_or_default(),
                job.name_from.unwrap_or_default(),
                &yes_or_no(job.watched),
                &job.runs.to_string(),
                job.server.as_deref().unwrap_or_default(),
                &job.former_names().unwrap_or_default(),
            ])
        });
    }
    written.expect("memory takes every byte");
    let bytes = writer.into_inner().expect("memory takes every byte");
    String::from_utf8(bytes).expect("texts of UTF-8 stay UTF-8")
}
