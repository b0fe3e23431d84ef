//! `jobruns simulate`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::{Exit, Failure};
use super::output::Output;
use super::table::print_text;
use super::{runtime, stop};
use crate::config::parse_duration;
use crate::model::hex;
use crate::simulator::{CertificateKind, Credentials, FAULT_KINDS, Fault, History, Options, Simulator};

/// A CCS look-alike over HTTPS on this machine, for trials and rehearsals
///
/// Serves jobs, runs and messages drawn from a seed, on the loopback address alone, behind a login and a certificate of a
/// private authority made on the spot. It says what a client needs, and runs until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(super) struct SimulateArgs {
    /// Port on the loopback address; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 12431)]
    port: u16,

    /// Same seed, same history
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How many jobs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    jobs: u32,

    /// Runs of each job
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    runs: u32,

    /// Messages of a run, on average
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    messages: u32,

    /// Share of the message details that are unique, as those of real scanners (0 to 1)
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    unique: f64,

    /// Something that goes wrong, as KIND[=ARGUMENT][@JOB][#ATTEMPT]; may be given several times
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,

    /// A night passes after each request for the runs of a job: runs are added, finished, edited, purged, and return
    #[arg(long)]
    nights: bool,

    /// HTTP without TLS
    #[arg(long)]
    http: bool,

    /// Answers are not packed, even for who asks for gzip
    #[arg(long)]
    no_gzip: bool,

    /// Answers say their length, in place of coming in chunks (where they are not packed)
    #[arg(long)]
    with_length: bool,

    /// What certificate it presents
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    certificate: Certificate,

    /// Where to write the private authority's certificate, for --ca-cert
    #[arg(long, value_name = "FILE", conflicts_with = "http")]
    ca_out: Option<PathBuf>,

    /// Life of an access token
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    token_life: Duration,

    /// Stops by itself after so long
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    lasting: Option<Duration>,
}

/// What certificate the look-alike presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Certificate {
    /// Signed by the private authority
    #[default]
    Signed,
    /// Signed by itself
    SelfSigned,
    /// Signed by itself and marked as an authority
    SelfSignedAuthority,
    /// Signed by the private authority, and expired
    Expired,
    /// Signed by the private authority, for another name
    OtherName,
}

impl From<Certificate> for CertificateKind {
    fn from(kind: Certificate) -> Self {
        match kind {
            Certificate::Signed => Self::Signed,
            Certificate::SelfSigned => Self::SelfSigned,
            Certificate::SelfSignedAuthority => Self::SelfSignedAuthority,
            Certificate::Expired => Self::Expired,
            Certificate::OtherName => Self::OtherName,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "no number".to_owned())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("a share lies between 0 and 1".to_owned())
    }
}

fn after_help() -> String {
    let width = FAULT_KINDS.iter().map(|(kind, _)| kind.len()).max().unwrap_or(0);
    let faults: String = FAULT_KINDS
        .iter()
        .map(|(kind, what)| format!("  {kind:width$}  {what}\n"))
        .collect();
    format!(
        "Faults (JOB counts from 1, ATTEMPT is the request for the runs of that job, from 1; without them all):\n{faults}\n\
         Examples:\n  jobruns simulate --ca-out ca.pem\n  jobruns simulate --port 0 --nights --fault 'cut=9000@2#1' --fault 503=2#1\n"
    )
}

pub(super) fn run(args: SimulateArgs) -> Result<Exit, Failure> {
    let credentials = Credentials {
        access_life: args.token_life,
        ..Credentials::default()
    };
    let options = Options {
        port: args.port,
        history: History {
            seed: args.seed,
            jobs: args.jobs,
            runs: args.runs,
            messages: args.messages,
            unique: args.unique,
        },
        credentials: credentials.clone(),
        faults: args.faults,
        certificate: args.certificate.into(),
        plain: args.http,
        gzip: !args.no_gzip,
        with_length: args.with_length,
        nights_pass: args.nights,
    };
    runtime()?.block_on(async {
        let mut stop = stop::listen()?;
        let server = Simulator::start(options).await?;
        if let Some(path) = &args.ca_out {
            write_certificate(path, server.authority_pem())?;
        }
        // Who has the authority can check what it signed, unless that is wrong in itself.
        let checked = matches!(args.certificate, Certificate::Signed | Certificate::SelfSigned);
        let ca = args.ca_out.as_deref().filter(|_| checked);
        print_text(&told(&server, &credentials, ca, args.lasting))?;
        let lasting = async {
            match args.lasting {
                Some(lasting) => tokio::time::sleep(lasting).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.asked() => {}
            () = lasting => {}
        }
        Ok(Exit::Done)
    })
}

fn write_certificate(path: &Path, pem: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut output = Output::open(path)?;
    output
        .write_all(pem.as_bytes())
        .map_err(|error| output.failed(&error))?;
    output.finish()
}

/// A path as a shell takes it for one word.
fn quoted(path: &str) -> String {
    let bare = |sign: char| sign.is_alphanumeric() || "/\\:._-+".contains(sign);
    if path
        .chars()
        .all(|sign| bare(sign) && (cfg!(windows) || sign != '\\'))
    {
        path.to_owned()
    } else {
        let inner = if cfg!(windows) { "''" } else { "'\\''" };
        format!("'{}'", path.replace('\'', inner))
    }
}

/// What a client needs, and the commands to try.
fn told(
    server: &Simulator,
    credentials: &Credentials,
    ca: Option<&Path>,
    lasting: Option<Duration>,
) -> String {
    use std::fmt::Write;
    let url = server.base_url();
    let pin = hex(&server.certificate_sha256());
    let plain = url.starts_with("http:");
    let trust = if plain {
        "--insecure".to_owned()
    } else if let Some(ca) = ca {
        format!("--ca-cert {}", quoted(&ca.display().to_string()))
    } else {
        format!("--pin {pin}")
    };
    let end = lasting.map_or_else(String::new, |after| {
        format!(", and stops by itself after {after:?}")
    });
    let mut text = format!(
        "A CCS look-alike answers at {url} until Ctrl-C{end}.\n\nuser      {}\npassword  {}\n",
        credentials.username, credentials.password
    );
    if !plain {
        let _ = writeln!(text, "pin       {pin}");
    }
    let history = server.history();
    const SHOWN: u32 = 10;
    for job in 0..history.jobs.min(SHOWN) {
        let _ = writeln!(
            text,
            "job {:<5} {}  {}",
            job + 1,
            history.job_id(job),
            history.job_name(job)
        );
    }
    if history.jobs > SHOWN {
        let _ = writeln!(
            text,
            "and {} more: `jobruns jobs discover` lists them",
            history.jobs - SHOWN
        );
    }
    let user = &credentials.username;
    let first = history.job_id(0);
    let _ = write!(
        text,
        "\nIn another terminal (Linux; in PowerShell $env:JOBRUNS_PASSWORD = '{password}'):\n\
         \x20 export JOBRUNS_URL={url} JOBRUNS_USERNAME='{user}' JOBRUNS_PASSWORD={password}\n\
         \x20 jobruns sync {trust} {first}\n\
         \x20 jobruns sync {trust}\n\
         \x20 jobruns status\n",
        password = credentials.password,
    );
    text
}
