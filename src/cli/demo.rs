//! `jobruns demo`.

use std::path::Path;

use clap::Parser;

use super::console::Console;
use super::failure::{Exit, Failure};
use super::progress::Progress;
use super::runtime::runtime;
use super::sync::One;
use super::table::print_text;
use super::{report, signals};
use crate::archive::{ReadOnly, Writer};
use crate::ccs::retry::Policy;
use crate::ccs::{self, Client, Trust, roots_from_pem};
use crate::config::GlobalSettings;
use crate::decode::DEFAULT_RUN_LIMIT;
use crate::model::Secret;
use crate::simulator::{self, Credentials, History, Simulator};
use crate::sync;

/// The demo's own archive, in the current folder.
const ARCHIVE: &str = "jobruns-demo.db";

/// The demo's history: four jobs over three to ten years, in a few seconds on any machine.
const HISTORY: History = History {
    seed: 2026,
    jobs: 4,
    runs: 1_000,
    messages: 6,
    unique: 0.5,
};

/// Runs everything against a simulated server, with nothing to set up
///
/// Starts a simulated CCS over HTTPS on a free loopback port, syncs several jobs into ./jobruns-demo.db, syncs again to
/// show that nothing changes, prints two reports, and suggests what to try next. A second run continues with that
/// archive, one night later.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {}

pub(super) fn run(_args: &DemoArgs, global: &GlobalSettings, console: &Console) -> Result<Exit, Failure> {
    let archive = Path::new(ARCHIVE);
    let nights = nights_so_far(archive)?;
    let exit: Exit = runtime()?.block_on(async {
        let cancellation = signals::listen()?;
        let options = simulator::Options {
            history: HISTORY,
            ..simulator::Options::default()
        };
        let server = Simulator::start(options).await?;
        for _ in 0..nights {
            server.pass_night();
        }
        print_text(&format!(
            "A CCS look-alike answers at {}. Its history: {} jobs with about {} runs each.\n",
            server.base_url(),
            HISTORY.jobs,
            HISTORY.runs
        ))?;
        let client = client(&server)?;
        if archive.exists() {
            // The look-alike is the same one, on another port.
            Writer::open(archive)?.move_jobs(None, None, client.base_url())?;
        }
        let progress = Progress::new(console, global.progress);
        let sync = One {
            archive,
            client: &client,
            options: options_of(&server),
            progress: &progress,
            head_file: None,
            cancellation,
        };
        print_text(&format!("\n1. A sync into {ARCHIVE}\n\n"))?;
        let (first, summary) = sync.run().await?;
        print_text(&summary.text())?;
        if first != Exit::Done {
            return Ok(first);
        }
        print_text("\n2. The same again: nothing is new, nothing changes\n\n")?;
        let (second, summary) = sync.run().await?;
        print_text(&summary.text())?;
        Ok::<_, Failure>(second)
    })?;
    if exit == Exit::Done {
        for (title, words) in REPORTS {
            print_text(&format!(
                "\n{title}: jobruns --archive {ARCHIVE} {}\n\n",
                words.join(" ")
            ))?;
            report(words, archive, console)?;
        }
        print_text(NEXT)?;
    }
    Ok(exit)
}

/// The two reports that the demo shows, as anybody can ask for them.
const REPORTS: [(&str, &[&str]); 2] = [
    (
        "3. How often runs failed",
        &[
            "report",
            "failure-trends",
            "--by",
            "year",
            "--all-jobs",
            "--format",
            "table",
        ],
    ),
    (
        "4. The worst assets",
        &["report", "asset-errors", "--top", "10", "--format", "table"],
    ),
];

/// The words of a report, as they stand behind `jobruns`.
#[derive(Debug, Parser)]
struct ReportLine {
    #[command(flatten)]
    args: report::ReportArgs,
}

fn report(words: &[&str], archive: &Path, console: &Console) -> Result<(), Failure> {
    let ReportLine { args } = ReportLine::try_parse_from(words).expect("they are written above");
    report::run(&args, archive, console).map(drop)
}

/// What to try next.
const NEXT: &str = "
Try next, with this archive:
  jobruns --archive jobruns-demo.db status
  jobruns --archive jobruns-demo.db report overview
  jobruns --archive jobruns-demo.db report overview --format html --output overview.html
  jobruns --archive jobruns-demo.db report failure-trends --by month --output trends.csv
  sqlite3 jobruns-demo.db \"SELECT status_name, count(*) FROM runs GROUP BY 1\"
  jobruns --archive jobruns-demo.db verify
and with a server of your own:
  jobruns trust --url https://HOST:12431
  jobruns sync --help
";

/// How many nights passed at the look-alike, by what the archive has: each run of the demo syncs twice and is one
/// night later than the one before.
fn nights_so_far(archive: &Path) -> Result<u64, Failure> {
    if !archive.exists() {
        return Ok(0);
    }
    let reader = ReadOnly::open(archive)?;
    Ok(reader.syncs_so_far()?.div_ceil(2))
}

fn client(server: &Simulator) -> Result<Client, Failure> {
    let Credentials {
        username, password, ..
    } = Credentials::default();
    let trust = Trust::Roots(roots_from_pem(server.authority_pem().as_bytes())?);
    let settings = ccs::Settings::new(server.base_url(), username, Secret::new(password));
    Ok(Client::new(&ccs::Settings { trust, ..settings })?)
}

fn options_of(server: &Simulator) -> sync::Options {
    let history = server.history();
    sync::Options {
        jobs: (0..history.jobs)
            .map(|job| {
                (
                    history
                        .job_id(job)
                        .parse()
                        .expect("the look-alike's ids are GUIDs"),
                    None,
                )
            })
            .collect(),
        count: 0,
        concurrency: 2,
        retry: Policy::default(),
        run_limit: DEFAULT_RUN_LIMIT,
        naive_time: None,
    }
}
