//! `jobruns demo`.

use std::path::Path;

use chrono::{Datelike, NaiveDate, TimeDelta};
use clap::Parser;

use super::{findings, report};
use crate::archive::{ReadOnly, Writer};
use crate::ccs::retry::Policy;
use crate::ccs::{self, Client, Trust, roots_from_pem};
use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::cli::runtime::runtime;
use crate::cli::sync_task::SyncTask;
use crate::cli::sync_task::job_progress::JobProgress;
use crate::cli::sync_task::summary::SyncSummary;
use crate::cli::terminal::console::{Console, shown};
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{print_text, width_to_fit};
use crate::config::GlobalSettings;
use crate::decode::DEFAULT_RUN_LIMIT;
use crate::model::{Fetch, Instant, Secret, Zone};
use crate::report::local_day;
use crate::simulator::{self, Credentials, Simulator, Site};
use crate::sync::SyncOptions;

/// The demo's own archive, in the current folder.
const ARCHIVE: &str = "jobruns-demo.db";

/// The seed of the site.
const SEED: u64 = 2026;

/// Runs everything against a simulated server, with nothing to set up
///
/// Starts a simulated CCS over HTTPS on a free loopback port: a site with six jobs and two years of runs, up to today.
/// Syncs all of it into ./jobruns-demo.db, again to show that nothing changes, and once more as if a night had passed;
/// prints two reports, three findings with the commands that show them, and what to try next. A second run continues with
/// that archive, one night later.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The day up to which the history of a new archive goes, such as 2026-01-01; the same day gives the same history
    /// [default: today]
    #[arg(long, value_name = "DAY", value_parser = day)]
    day: Option<NaiveDate>,
}

fn day(text: &str) -> Result<NaiveDate, String> {
    let day = text.parse().ok();
    day.filter(|day: &NaiveDate| (1980..=2999).contains(&day.year()))
        .ok_or_else(|| "expected a day from 1980-01-01 to 2999-12-31".to_owned())
}

pub(crate) fn run(args: &DemoArgs, global: &GlobalSettings, console: &Console) -> Result<Exit, Failure> {
    let archive = Path::new(ARCHIVE);
    let (site, nights) = site(archive, args.day)?;
    let exit: Exit = runtime()?.block_on(async {
        let cancellation = signals::listen()?;
        let options = simulator::Options {
            site: Some(site),
            ..simulator::Options::default()
        };
        let server = Simulator::start(options).await?;
        for _ in 0..nights {
            server.pass_night();
        }
        let say = |text: &str| say(console, text);
        say(&format!(
            "A simulated CCS answers at {}. It lists two years of runs of {} jobs.\n",
            server.base_url(),
            Site::JOBS
        ))?;
        let client = client(&server)?;
        if archive.exists() {
            // It is the same server, on another port.
            Writer::open_existing(archive)?.move_jobs(None, None, client.base_url())?;
        } else {
            // A demo creates its archive without a warning.
            drop(Writer::open(archive)?);
        }
        let progress = JobProgress::new(console, global.progress);
        let sync = SyncTask {
            archive,
            servers: client.clone().into(),
            options: options_of(&server),
            progress: &progress,
            list: None,
            cancellation,
            wide: false,
        };
        say(&format!("\n1. A sync into {ARCHIVE}\n\n"))?;
        let (first, summary) = sync.run().await?;
        say(&sync_text(&summary))?;
        let goes_on =
            first == Exit::Done || (first == Exit::Findings && accept_quarantined(archive, console)?);
        if !goes_on {
            summary.failure().inspect(|failure| console.report(failure));
            return Ok(first);
        }
        say("\n2. Another sync of the same server\n\n")?;
        let (again, summary) = sync.run().await?;
        say(&summary.nothing_changed().unwrap_or_else(|| sync_text(&summary)))?;
        if again != Exit::Done {
            summary.failure().inspect(|failure| console.report(failure));
            return Ok(again);
        }
        server.pass_night();
        say("\n3. The next night: new runs; one ended, one was edited, the oldest are no longer listed\n\n")?;
        let (last, summary) = sync.run().await?;
        say(&sync_text(&summary))?;
        summary.failure().inspect(|failure| console.report(failure));
        Ok::<_, Failure>(last)
    })?;
    if exit == Exit::Done && !console.is_quiet() {
        for (title, arguments) in REPORTS {
            print_text(&format!(
                "\n{title}: jobruns --archive {ARCHIVE} {}\n\n",
                arguments.join(" ")
            ))?;
            report(arguments, archive, console)?;
        }
        let findings = findings::findings(archive)?;
        print_text(&format!(
            "\n6. Findings, and the commands that show them\n\n{findings}"
        ))?;
        print_text(NEXT)?;
    }
    Ok(exit)
}

/// Prints what the demo shows, unless `--quiet`.
fn say(console: &Console, text: &str) -> Result<(), Failure> {
    if console.is_quiet() {
        return Ok(());
    }
    print_text(text)
}

/// A sync's summary, and what went wrong.
fn sync_text(summary: &SyncSummary) -> String {
    let mut text = summary.text(width_to_fit(false));
    for cause in summary.causes() {
        text.push_str(&format!("\n{}\n", shown(&cause)));
    }
    text
}

/// Accepts the bytes in quarantine, as after an inspection; says whether there were any.
fn accept_quarantined(archive: &Path, console: &Console) -> Result<bool, Failure> {
    const WHY: &str = "a damaged message, known to the server's administrator";
    let rows = ReadOnly::open(archive)?.quarantine()?;
    let mut accepted = false;
    for row in rows.iter().filter(|row| row.accepted_at.is_none()) {
        let id = row.quarantine_id;
        Writer::open_existing(archive)?.accept(id, WHY)?;
        say(
            console,
            &format!(
                "\nThese bytes stay in the archive. The demo accepts them, so that they end no further sync as partial:\n\
             \x20 jobruns --archive {ARCHIVE} quarantine show {id}\n\
             \x20 jobruns --archive {ARCHIVE} quarantine accept {id} --why {WHY:?}\n"
            ),
        )?;
        accepted = true;
    }
    Ok(accepted)
}

/// The two reports that the demo shows, as anybody can ask for them.
const REPORTS: [(&str, &[&str]); 2] = [
    (
        "4. How often runs failed",
        &[
            "report",
            "failure-trends",
            "--by",
            "quarter",
            "--all-jobs",
            "--format",
            "table",
        ],
    ),
    (
        "5. The worst assets",
        &["report", "asset-errors", "--top", "10", "--format", "table"],
    ),
];

/// The words of a report, as they stand behind `jobruns`.
#[derive(Debug, Parser)]
struct ReportLine {
    #[command(flatten)]
    args: report::ReportArgs,
}

fn report(arguments: &[&str], archive: &Path, console: &Console) -> Result<(), Failure> {
    let ReportLine { args } = ReportLine::try_parse_from(arguments).expect("they are written above");
    args.run(archive, console).map(drop)
}

/// What to try next.
const NEXT: &str = "
Try next, with this archive:
  jobruns --archive jobruns-demo.db status
  jobruns --archive jobruns-demo.db report overview
  jobruns --archive jobruns-demo.db report overview --format html --output overview.html
  jobruns --archive jobruns-demo.db report missed-runs
  jobruns --archive jobruns-demo.db report changes
  sqlite3 jobruns-demo.db \"SELECT status_name, count(*) FROM runs GROUP BY 1\"
  jobruns --archive jobruns-demo.db verify
and with a server of your own:
  jobruns trust --url https://HOST:12431
  jobruns sync --help
";

/// The site, and the nights that have passed there by what the archive has. The last sync of a run of the demo is one
/// night later than the others, and the next run goes on from there. A new archive begins with the state of the day before.
fn site(archive: &Path, day: Option<NaiveDate>) -> Result<(Site, u32), Failure> {
    let days = if archive.exists() {
        findings::days_of_runs(archive)?
    } else {
        None
    };
    match (days, day) {
        (None, day) => {
            let today = day.unwrap_or_else(|| local_day(Zone::UTC, Instant::now()));
            Ok((Site::on(SEED, today - TimeDelta::days(1)), 0))
        }
        (Some((first, newest)), None) => {
            let site = Site::since(SEED, first);
            let nights = site.nights_until(newest);
            Ok((site, nights))
        }
        (Some(_), Some(_)) => {
            let arguments = format!("--day is for a new archive, and {ARCHIVE} has runs already");
            let hint = format!("leave out --day, or move {ARCHIVE} away");
            Err(Failure::new(Exit::WrongUsage, arguments).with_hint(hint))
        }
    }
}

fn client(server: &Simulator) -> Result<Client, Failure> {
    let Credentials {
        username, password, ..
    } = Credentials::default();
    let trust = Trust::Roots(roots_from_pem(server.authority_pem().as_bytes())?);
    let settings = ccs::Settings::new(server.base_url(), username, Secret::new(password));
    Ok(Client::new(&ccs::Settings { trust, ..settings })?)
}

fn options_of(server: &Simulator) -> SyncOptions {
    let guid = |id: String| id.parse().expect("the server's job ids are GUIDs");
    let jobs = server.jobs();
    SyncOptions {
        jobs: jobs.into_iter().map(|(id, _)| (guid(id), None)).collect(),
        fetch: Fetch::Full,
        concurrency: 2,
        retry: Policy::default(),
        run_limit: DEFAULT_RUN_LIMIT,
        naive_time: None,
        create_archive: false,
        hint: hints::sync,
    }
}
