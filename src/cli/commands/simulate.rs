//! `jobruns simulate`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::runtime::runtime;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::print_text;
use crate::model::{Guid, Instant, Zone, hex, parse_duration};
use crate::report::local_day;
use crate::simulator::{CertificateKind, Credentials, FAULT_KINDS, Fault, History, Options, Simulator, Site};

/// Where the look-alike's password comes from, if not the default; there is no flag that takes a password.
const PASSWORD_VARIABLE: &str = "JOBRUNS_SIMULATOR_PASSWORD";

/// Serves a simulated CCS over HTTPS on this machine, for trials and rehearsals
///
/// Serves jobs, runs and messages generated from a seed, on the loopback address only, behind a login and a certificate
/// that a private authority, created on the spot, has signed. Prints what a client needs, and runs until Ctrl-C.
///
/// Without --jobs, --runs, --messages, --unique and --nights it serves a plausible site: six jobs over two years up to
/// today, with assets that fail all the time, a week with an expired password, a job that stopped, and a message that
/// cannot be read (so a sync of all jobs ends with 3). With one of them, it serves uniform random data of that size.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct SimulateArgs {
    /// Port on the loopback address; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 12431)]
    port: u16,

    /// The same seed gives the same history
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Number of jobs [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    jobs: Option<u32>,

    /// Runs per job [default: 50]
    // A weekly job of 100,000 runs begins in the year 109; there is no time to write before the year 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: Option<u32>,

    /// Messages per run, on average [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    messages: Option<u32>,

    /// Share of message details that are unique, from 0 to 1 [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    unique: Option<f64>,

    /// A fault to inject, as KIND[=ARGUMENT][@JOB][#ATTEMPT]; may be given several times
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<String>,

    /// After each answer with a job's runs, a night passes for that job: runs are added, finished, edited, purged, or
    /// return
    #[arg(long)]
    nights: bool,

    /// Serves plain HTTP instead of HTTPS
    #[arg(long)]
    http: bool,

    /// Compresses answers for clients that accept gzip (the default)
    #[arg(long, overrides_with = "no_gzip")]
    gzip: bool,

    /// Never compresses answers
    #[arg(long)]
    no_gzip: bool,

    /// Sends Content-Length instead of chunked answers, where they are not compressed
    #[arg(long)]
    with_length: bool,

    /// The certificate to present
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    certificate: Certificate,

    /// Writes the private authority's certificate to a file, for --ca-cert
    #[arg(long, value_name = "FILE", conflicts_with = "http")]
    ca_out: Option<PathBuf>,

    /// The user who may log in; the password is "simulator", or the value of JOBRUNS_SIMULATOR_PASSWORD
    #[arg(long, value_name = "NAME", default_value = "CORP\\auditor")]
    username: String,

    /// How the password must be encoded
    #[arg(long, value_name = "ENCODING", value_enum, default_value_t)]
    password_encoding: Encoding,

    /// Lifetime of an access token; a refresh token lives half as long again
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    token_life: Duration,

    /// Its clock against this machine's, such as 10m (ahead) or -2h (behind); sent as the Date of each answer
    #[arg(long, value_name = "DURATION", default_value = "0s", allow_hyphen_values = true, value_parser = clock_offset)]
    clock_offset: i64,

    /// Stops after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    lasting: Option<Duration>,
}

/// What certificate the look-alike presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Certificate {
    /// Signed by the private authority
    #[default]
    Signed,
    /// Self-signed
    SelfSigned,
    /// Self-signed and marked as an authority
    SelfSignedAuthority,
    /// Signed by the private authority, but expired
    Expired,
    /// Signed by the private authority, but for another name
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

/// How a password comes to the token URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Encoding {
    /// Base64 of its UTF-8 bytes, as the API document requires
    #[default]
    Base64,
    /// Not encoded, as older servers require
    None,
}

/// Seconds of a duration with a sign.
fn clock_offset(text: &str) -> Result<i64, String> {
    let (sign, length) = match text.strip_prefix('-') {
        Some(length) => (-1, length),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let seconds = parse_duration(length)
        .map_err(|error| error.to_string())?
        .as_secs();
    i64::try_from(seconds)
        .map(|seconds| sign * seconds)
        .map_err(|error| error.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "no number".to_owned())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("a share lies between 0 and 1".to_owned())
    }
}

/// The table of faults, and examples. Its lines fit narrow terminals, so that the columns stay columns.
fn after_help() -> String {
    const WIDTH: usize = 78;
    let names = FAULT_KINDS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = "Faults (JOB is a number from 1 or a GUID, ATTEMPT the request for the runs of\n\
                    that job, or for a token, from 1; without them all):\n"
        .to_owned();
    for (name, meaning) in FAULT_KINDS {
        let mut line = format!("  {name:names$} ");
        for word in meaning.split(' ') {
            if line.len() + 1 + word.len() > WIDTH {
                text.push_str(&line);
                text.push('\n');
                line = " ".repeat(names + 3);
            }
            line.push(' ');
            line.push_str(word);
        }
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(
        "\nExamples:\n  jobruns simulate --ca-out ca.pem\n  \
         jobruns simulate --port 0 --nights --fault cut=9000@2#1 --fault 503=2#1\n",
    );
    text
}

impl SimulateArgs {
    /// Whether uniform data are asked for, by their size or by nights that pass.
    const fn is_uniform(&self) -> bool {
        self.jobs.is_some()
            || self.runs.is_some()
            || self.messages.is_some()
            || self.unique.is_some()
            || self.nights
    }
}

pub(crate) fn run(args: SimulateArgs) -> Result<Exit, Failure> {
    let password = match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => Some(password),
        Err(std::env::VarError::NotPresent) => None,
        // The error's own words would show it.
        Err(std::env::VarError::NotUnicode(_)) => {
            let words = format!("{PASSWORD_VARIABLE} holds no valid text");
            return Err(Failure::new(Exit::WrongUsage, words));
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
        print_text(&told(&args, &server, secret, Shell::at_hand()))?;
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
        let words = format!("the fault {text:?} names a job that is not there");
        let hint = format!("jobs are numbered from 1 to {}", jobs.len());
        Failure::new(Exit::WrongUsage, words).with_hint(hint)
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

/// The shells whose lines can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shell {
    Posix,
    Cmd,
    Pwsh,
}

impl Shell {
    /// The shell that this program was probably started from. PowerShell adds the user's modules to the two places of the
    /// machine that every process of Windows has in this variable.
    fn at_hand() -> Self {
        let modules = std::env::var("PSModulePath").unwrap_or_default();
        match modules.split(';').count() {
            _ if !cfg!(windows) => Self::Posix,
            0..3 => Self::Cmd,
            _ => Self::Pwsh,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Posix => "sh",
            Self::Cmd => "cmd",
            Self::Pwsh => "PowerShell",
        }
    }

    /// A path or a name as the shell takes it for one word.
    fn quoted(self, word: &str) -> String {
        let bare = |sign: char| {
            sign.is_alphanumeric() || "/:._-+".contains(sign) || (sign == '\\' && self != Self::Posix)
        };
        match self {
            _ if word.chars().all(bare) => word.to_owned(),
            Self::Posix => format!("'{}'", word.replace('\'', r"'\''")),
            Self::Pwsh => format!("'{}'", word.replace('\'', "''")),
            Self::Cmd => format!("\"{word}\""),
        }
    }

    /// A line that sets variables.
    fn set(self, variables: &[(&str, &str)]) -> String {
        // In cmd, the quotes keep what follows the value, such as a blank, from becoming a part of it.
        let (begin, between) = match self {
            Self::Posix => ("export ", " "),
            Self::Cmd => ("", " & "),
            Self::Pwsh => ("", "; "),
        };
        let each = variables.iter().map(|(name, value)| match self {
            Self::Posix => format!("{name}={}", self.quoted(value)),
            Self::Cmd => format!("set \"{name}={value}\""),
            Self::Pwsh => format!("$env:{name} = '{}'", value.replace('\'', "''")),
        });
        format!("  {begin}{}\n", each.collect::<Vec<_>>().join(between))
    }
}

/// What a client needs, and the commands to try. A password that the user chose (`secret`) is not shown.
fn told(args: &SimulateArgs, server: &Simulator, secret: bool, shell: Shell) -> String {
    use std::fmt::Write;
    let url = server.base_url();
    let pin = hex(&server.certificate_sha256());
    // Who has the authority can check what it signed, unless that is wrong in itself.
    let checked = matches!(args.certificate, Certificate::Signed | Certificate::SelfSigned);
    let ca = args.ca_out.as_deref().filter(|_| checked);
    let mut trust = if args.http {
        "--insecure".to_owned()
    } else if let Some(ca) = ca {
        format!("--ca-cert {}", shell.quoted(&ca.display().to_string()))
    } else {
        format!("--pin {pin}")
    };
    if args.password_encoding == Encoding::None {
        trust.push_str(" --password-encoding none");
    }
    let user = &args.username;
    let default = Credentials::default().password;
    let (shown, password) = if secret {
        (format!("what {PASSWORD_VARIABLE} holds"), "...".to_owned())
    } else {
        (default.clone(), default)
    };
    let end = args.lasting.map_or_else(String::new, |after| {
        format!(", and stops by itself after {after:?}")
    });
    let mut text = format!(
        "A CCS look-alike answers at {url} until Ctrl-C{end}.\n\nuser      {user}\npassword  {shown}\n"
    );
    if !args.http {
        let _ = writeln!(text, "pin       {pin}");
    }
    let jobs = server.jobs();
    const SHOWN: usize = 10;
    for ((id, name), number) in jobs.iter().take(SHOWN).zip(1..) {
        let _ = writeln!(text, "job {number:<5} {id}  {name}");
    }
    if jobs.len() > SHOWN {
        let _ = writeln!(
            text,
            "and {} more: `jobruns jobs discover` lists them",
            jobs.len() - SHOWN
        );
    }
    let first = jobs.first().map_or("", |(id, _)| id);
    let variables = shell.set(&[
        ("JOBRUNS_URL", &url),
        ("JOBRUNS_USERNAME", user),
        ("JOBRUNS_PASSWORD", &password),
    ]);
    let _ = write!(
        text,
        "\nIn another terminal ({}):\n\
         {variables}\
         \x20 jobruns sync {trust} {first}\n\
         \x20 jobruns sync {trust}\n\
         \x20 jobruns status\n",
        shell.name()
    );
    text
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

    async fn told(arguments: &[&str], password: Option<&str>) -> String {
        let args = args(arguments).unwrap();
        let options = options(&args, password.map(str::to_owned)).unwrap();
        let server = Simulator::start(options).await.unwrap();
        super::told(&args, &server, password.is_some(), Shell::Posix)
    }

    #[test]
    fn each_shell_gets_lines_that_it_understands() {
        let variables = [("A", r"CORP\it's me"), ("B", "b")];
        for (shell, expected) in [
            (Shell::Posix, "  export A='CORP\\it'\\''s me' B=b\n"),
            (Shell::Cmd, "  set \"A=CORP\\it's me\" & set \"B=b\"\n"),
            (Shell::Pwsh, "  $env:A = 'CORP\\it''s me'; $env:B = 'b'\n"),
        ] {
            assert_eq!(shell.set(&variables), expected);
        }
    }

    #[test]
    fn no_gzip_is_undone_by_a_later_gzip() {
        let packs = |arguments: &[&str]| options(&args(arguments).unwrap(), None).unwrap().gzip;
        assert!(packs(&[]) && packs(&["--gzip"]) && packs(&["--no-gzip", "--gzip"]));
        assert!(!packs(&["--no-gzip"]) && !packs(&["--gzip", "--no-gzip"]));
    }

    #[test]
    fn shares_lie_within_bounds_and_http_has_no_authority() {
        assert_eq!(share("0.25"), Ok(0.25));
        for wrong in ["1.1", "-0.1", "NaN", "half"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
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

    #[test]
    fn help_lists_every_fault_in_narrow_lines() {
        let help = after_help();
        let squashed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (name, meaning) in FAULT_KINDS {
            let entry = squashed(&format!("{name} {meaning}"));
            assert!(squashed(&help).contains(&entry), "{name}: {help}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 78), "{help}");
    }

    #[tokio::test]
    async fn a_password_from_the_environment_is_never_shown() {
        let text = told(&[], Some("Tr0ub4dor")).await;
        assert!(
            text.contains(PASSWORD_VARIABLE) && !text.contains("Tr0ub4dor"),
            "{text}"
        );
    }
}
