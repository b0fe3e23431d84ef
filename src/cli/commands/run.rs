//! `jobruns run`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::archive::{ReadOnly, Snapshot};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::terminal::console::shown;
use crate::cli::terminal::table::{TerminalColumn, table, width_to_fit, write_all};
use crate::model::guid_beginning;
use crate::report::format::PageHeading;
use crate::report::html::{changed, run_page, sealed_by};
use crate::report::run_page::{CellTexts, RunPage, RunPageRevision};
use crate::text::shortened;

/// Shows one run: its fields, its messages, and every archived state of it with what changed
///
/// Each state has the SHA-256 of its bytes as received, which are checked against it, its line of the ledger with the
/// line's hash, and whether the newest head, that of the sync that ended last, seals it. `jobruns verify` proves the
/// ledger itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns run 3c6bafcd
  jobruns run 3c6bafcd-9b04-4c9b-8b4b-6a1f2c9f0d11 --format html --output run.html
  jobruns run 3c6bafcd --format json")]
pub(crate) struct RunArgs {
    /// The run, by its GUID or the first 8 digits of it, or more
    #[arg(value_name = "RUN")]
    run: String,

    /// The output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: PageFormat,

    /// Writes to a file, which is replaced only once the new one is complete; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    wide: bool,

    #[command(flatten)]
    heading: PageHeading,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum PageFormat {
    /// Text for people.
    #[default]
    Table,
    /// A page for a browser.
    Html,
    /// One JSON object for programs.
    Json,
}

pub(crate) fn run(args: &RunArgs, archive: &Path) -> Result<Exit, Failure> {
    let beginning = guid_beginning(&args.run).ok_or_else(|| {
        let message = format!(
            "{:?} is not a run: expected a GUID, or its first 8 digits or more",
            args.run
        );
        Failure::new(Exit::WrongUsage, message)
    })?;
    let file = file(args);
    if args.format == PageFormat::Html && file.is_none() && std::io::stdout().is_terminal() {
        let message = "a page of html is not for a terminal";
        return Err(Failure::new(Exit::WrongUsage, message).with_hint("name a file with --output."));
    }
    // The place comes before the archive: that it cannot be written is reported at once.
    let output = file.map_or_else(|| Ok(Output::stdout()), Output::open)?;
    let text = ReadOnly::open(archive)?.settled(|reader| {
        let snapshot = reader.snapshot()?;
        reader.confirmed(page(&snapshot, &beginning, args))
    })?;
    write_all(output, text.as_bytes())?;
    Ok(Exit::Done)
}

/// The file to write; `None` for standard output.
fn file(args: &RunArgs) -> Option<&Path> {
    args.output.as_deref().filter(|path| *path != Path::new("-"))
}

fn page(snapshot: &Snapshot<'_>, beginning: &str, args: &RunArgs) -> Result<String, Failure> {
    let found = snapshot.runs_beginning(beginning)?;
    let run_key = match &found[..] {
        [(run_key, _)] => *run_key,
        [] => {
            snapshot.refuse_removed(beginning)?;
            let message = format!("the archive has no run {beginning}");
            let hint = "`jobruns report runs` and `jobruns report failures` list runs with their GUIDs.";
            return Err(Failure::new(Exit::NotDone, message).with_hint(hint));
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|(_, id)| id.as_str()).collect();
            let message = format!("several runs have a GUID that begins with {beginning}");
            let hint = format!("give more of its digits: {}.", ids.join(", "));
            return Err(Failure::new(Exit::WrongUsage, message).with_hint(&hint));
        }
    };
    let run = RunPage::read(snapshot, run_key)?;
    Ok(match args.format {
        PageFormat::Table => {
            let width = file(args).map_or_else(|| width_to_fit(args.wide), |_| None);
            text(&run, snapshot, width)?
        }
        PageFormat::Html => run_page(&run, snapshot, &args.heading)?,
        PageFormat::Json => run.to_json(snapshot)?,
    })
}

/// Letters of a text that a line has room for.
const LETTERS: usize = 300;

fn text(run: &RunPage, snapshot: &Snapshot<'_>, width_to_fit: Option<usize>) -> Result<String, Failure> {
    let mut out = format!("Run {}\n\n", run.fact("job_run_id"));
    let width = run.facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, text) in &run.facts {
        out.push_str(&format!("  {name:width$}  {}\n", brief(text)));
    }
    for revision in &run.revisions {
        out.push_str(&of_revision(revision, run));
    }
    let mut messages = CellTexts::default();
    run.messages(snapshot, &mut messages)?;
    out.push_str(&format!("\nMessages: {}\n", messages.rows.len()));
    if !messages.rows.is_empty() {
        const COLUMNS: [&str; 7] = [
            "ordinal",
            "occurred_at",
            "category",
            "asset",
            "message",
            "message_details",
            "absent_since",
        ];
        let places = COLUMNS.map(|name| messages.names.iter().position(|known| known == name));
        let cells = |row: &Vec<String>| {
            let cells = places
                .iter()
                .map(|place| place.map_or("", |place| row[place].as_str()));
            cells.map(str::to_owned).collect::<Vec<String>>()
        };
        out.push('\n');
        out.push_str(&table(
            &COLUMNS.map(TerminalColumn::Text),
            messages.rows.iter().map(cells),
            width_to_fit,
        ));
    }
    Ok(out)
}

fn of_revision(revision: &RunPageRevision, run: &RunPage) -> String {
    let mut out = format!(
        "\nRevision {}, archived {} by sync {}: {}\n",
        revision.revision,
        revision.captured_at,
        revision.sync_id,
        revision.status_name.as_deref().unwrap_or("-")
    );
    if let Some(what) = &revision.what {
        out.push_str(&format!("  changed    {}\n", shown(changed(what))));
    }
    for field in revision.changes.iter().flat_map(|changes| &changes.fields) {
        let value = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), brief);
        let (before, after) = (value(&field.before), value(&field.after));
        out.push_str(&format!(
            "             {}: {before} -> {after}\n",
            shown(&field.name)
        ));
    }
    out.push_str(&format!(
        "  payload    {} bytes, SHA-256 {}\n  ledger     line {}: {}\n  hash       {}\n  sealed by  {}\n",
        revision.payload_bytes,
        revision.payload_sha256,
        revision.entry_id,
        shown(&revision.entry),
        revision.entry_hash,
        sealed_by(revision, run.head.as_ref())
    ));
    out
}

/// A text on one line, and not too long.
fn brief(text: &str) -> String {
    match shortened(text, LETTERS) {
        Some(short) => shown(short) + "...",
        None => shown(text),
    }
}
