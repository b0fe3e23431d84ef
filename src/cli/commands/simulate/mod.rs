//! `jobruns simulate`.

mod args;
mod shell;
mod startup_text;

use std::path::Path;

pub(crate) use self::args::SimulateArgs;
use self::args::{Encoding, PASSWORD_VARIABLE};
use self::shell::Shell;
use self::startup_text::startup_text;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::runtime::runtime;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::print_text;
use crate::model::{Guid, Instant, Zone};
use crate::report::local_day;
use crate::simulator::{Credentials, Fault, History, Options, Simulator, Site};

pub(crate) fn run(args: SimulateArgs) -> Result<Exit, Failure> {
    let password = match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => Some(password),
        Err(std::env::VarError::NotPresent) => None,
        // The error's own words would show it.
        Err(std::env::VarError::NotUnicode(_)) => {
            let message = format!("{PASSWORD_VARIABLE} holds no valid text");
            return Err(Failure::new(Exit::WrongUsage, message));
        }
    };
    let secret = password.is_some();
    let options = options(&args, password)?;
    runtime()?.block_on(async {
        let mut cancellation = signals::listen()?;
        let server = Simulator::start(options).await?;
        if let Some(path) = &args.ca_out {
            write_certificate(path, server.authority_pem())?;
        }
        print_text(&startup_text(&args, &server, secret, Shell::at_hand()))?;
        let lasting = async {
            match args.lasting {
                Some(lasting) => tokio::time::sleep(lasting).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancellation.cancelled() => {}
            () = lasting => {}
        }
        Ok(Exit::Done)
    })
}

fn options(args: &SimulateArgs, password: Option<String>) -> Result<Options, Failure> {
    let defaults = Options::default();
    let history = History {
        seed: args.seed,
        jobs: args.jobs.unwrap_or(defaults.history.jobs),
        runs: args.runs.unwrap_or(defaults.history.runs),
        messages: args.messages.unwrap_or(defaults.history.messages),
        unique: args.unique.unwrap_or(defaults.history.unique),
        assets: args.assets.unwrap_or(defaults.history.assets),
    };
    let site = (!args.is_uniform()).then(|| Site::on(args.seed, local_day(Zone::UTC, Instant::now())));
    let served = Options {
        history,
        site,
        ..defaults
    };
    let jobs = served.jobs();
    let faults = args.faults.iter().map(|text| fault(text, &jobs));
    let faults = faults.collect::<Result<_, _>>()?;
    Ok(Options {
        port: args.port,
        credentials: Credentials {
            username: args.username.clone(),
            password: password.unwrap_or(Credentials::default().password),
            base64: args.password_encoding == Encoding::Base64,
            access_life: args.token_life,
            refresh_life: args.token_life.saturating_mul(3) / 2,
        },
        faults,
        certificate: args.certificate.into(),
        plain: args.http,
        gzip: !args.no_gzip,
        with_length: args.with_length,
        nights_pass: args.nights,
        clock_offset: args.clock_offset,
        ..served
    })
}

/// Reads a fault, whose job may be a GUID here.
fn fault(text: &str, jobs: &[(String, String)]) -> Result<Fault, Failure> {
    let nowhere = || {
        let message = format!("the fault {text:?} names a job that is not there");
        let hint = format!("jobs are numbered from 1 to {}", jobs.len());
        Failure::new(Exit::WrongUsage, message).with_hint(hint)
    };
    let read = |text: &str| {
        let fault = text.parse::<Fault>();
        fault.map_err(|error| Failure::of(Exit::WrongUsage, &error, None))
    };
    let (kind, place) = text.split_once('@').unwrap_or((text, ""));
    let (job, attempt) = place.split_at(place.find('#').unwrap_or(place.len()));
    let fault = match job.parse::<Guid>() {
        Ok(guid) => {
            let guid = guid.to_string();
            let place = jobs.iter().position(|(id, _)| id.eq_ignore_ascii_case(&guid));
            let job = place.ok_or_else(nowhere)? + 1;
            read(&format!("{kind}@{job}{attempt}"))?
        }
        Err(_) => read(text)?,
    };
    match fault.job {
        Some(job) if job as usize > jobs.len() => Err(nowhere()),
        _ => Ok(fault),
    }
}

fn write_certificate(path: &Path, pem: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut output = Output::open(path)?;
    output
        .write_all(pem.as_bytes())
        .map_err(|error| output.failed(&error))?;
    output.finish()
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn args(arguments: &[&str]) -> Result<SimulateArgs, clap::Error> {
        let command = SimulateArgs::augment_args(clap::Command::new("simulate"));
        let matches = command.try_get_matches_from([&["simulate", "--port", "0"], arguments].concat())?;
        SimulateArgs::from_arg_matches(&matches)
    }

    async fn startup_text(arguments: &[&str], password: Option<&str>) -> String {
        let args = args(arguments).unwrap();
        let options = options(&args, password.map(str::to_owned)).unwrap();
        let server = Simulator::start(options).await.unwrap();
        super::startup_text(&args, &server, password.is_some(), Shell::Posix)
    }

    #[test]
    fn no_gzip_is_undone_by_a_later_gzip() {
        let packs = |arguments: &[&str]| options(&args(arguments).unwrap(), None).unwrap().gzip;
        assert!(packs(&[]) && packs(&["--gzip"]) && packs(&["--no-gzip", "--gzip"]));
        assert!(!packs(&["--no-gzip"]) && !packs(&["--gzip", "--no-gzip"]));
    }

    #[test]
    fn http_has_no_authority() {
        assert!(args(&["--http", "--ca-out", "x"]).is_err());
    }

    #[test]
    fn a_fault_names_its_job_by_number_or_guid() {
        let jobs = Options::default().jobs();
        let second = &jobs[1].0;
        let by_number = fault("cut=9@2#3", &jobs).unwrap();
        assert_eq!(fault(&format!("cut=9@{second}#3"), &jobs).unwrap(), by_number);
        let braced = format!("cut=9@{{{}}}#3", second.to_uppercase());
        assert_eq!(fault(&braced, &jobs).unwrap(), by_number);
        assert_eq!(fault("html", &jobs).unwrap().job, None);
        assert_eq!(fault("html#2", &jobs).unwrap().attempt, Some(2));
        for wrong in ["html@4", "html@aaaaaaaa-0000-4000-8000-000000000001", "htm@1"] {
            let failure = fault(wrong, &jobs).unwrap_err();
            assert_eq!(failure.exit(), Exit::WrongUsage, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_password_from_the_environment_is_never_shown() {
        let text = startup_text(&[], Some("Tr0ub4dor")).await;
        assert!(
            text.contains(PASSWORD_VARIABLE) && !text.contains("Tr0ub4dor"),
            "{text}"
        );
    }
}
