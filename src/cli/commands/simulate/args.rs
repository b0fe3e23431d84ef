//! The arguments of `jobruns simulate`.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::parse_duration;
use crate::simulator::{CertificateKind, FAULT_KINDS};

/// Where the look-alike's password comes from, if not the default; there is no flag that takes a password.
pub(super) const PASSWORD_VARIABLE: &str = "JOBRUNS_SIMULATOR_PASSWORD";

/// Serves a simulated CCS over HTTPS on this machine, for trials and rehearsals
///
/// Serves jobs, runs and messages generated from a seed, on the loopback address only, behind a login and a certificate
/// that a private authority, created on the spot, has signed. Prints what a client needs, and runs until Ctrl-C.
///
/// Without --jobs, --runs, --messages, --unique, --assets and --nights it serves a plausible site: six jobs over two years
/// up to today, with assets that fail all the time, a week with an expired password, a job that stopped, and a message that
/// cannot be read (so a sync of all jobs ends with 3). With one of them, it serves uniform random data of that size.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct SimulateArgs {
    /// Port on the loopback address; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 12431)]
    pub(super) port: u16,

    /// The same seed gives the same history
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,

    /// Number of jobs [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) jobs: Option<u32>,

    /// Runs per job [default: 50]
    // A weekly job of 100,000 runs begins in the year 109; there is no time to write before the year 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) runs: Option<u32>,

    /// Messages per run, on average [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(super) messages: Option<u32>,

    /// Share of message details that are unique, from 0 to 1 [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) unique: Option<f64>,

    /// Number of assets that messages are about [default: 3000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) assets: Option<u32>,

    /// A fault to inject, as KIND[=ARGUMENT][@JOB][#ATTEMPT]; may be given several times
    #[arg(long = "fault", value_name = "FAULT")]
    pub(super) faults: Vec<String>,

    /// After each answer with a job's runs, a night passes for that job: runs are added, finished, edited, purged, or
    /// return
    #[arg(long)]
    pub(super) nights: bool,

    /// Serves plain HTTP instead of HTTPS
    #[arg(long)]
    pub(super) http: bool,

    /// Compresses answers for clients that accept gzip (the default)
    #[arg(long, overrides_with = "no_gzip")]
    pub(super) gzip: bool,

    /// Never compresses answers
    #[arg(long)]
    pub(super) no_gzip: bool,

    /// Sends Content-Length instead of chunked answers, where they are not compressed
    #[arg(long)]
    pub(super) with_length: bool,

    /// The certificate to present
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    pub(super) certificate: CertificateChoice,

    /// Writes the private authority's certificate to a file, for --ca-cert
    #[arg(long, value_name = "FILE", conflicts_with = "http")]
    pub(super) ca_out: Option<PathBuf>,

    /// The user who may log in; the password is "simulator", or the value of JOBRUNS_SIMULATOR_PASSWORD
    #[arg(long, value_name = "NAME", default_value = "CORP\\auditor")]
    pub(super) username: String,

    /// How the password must be encoded
    #[arg(long, value_name = "ENCODING", value_enum, default_value_t)]
    pub(super) password_encoding: Encoding,

    /// Lifetime of an access token; a refresh token lives half as long again
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub(super) token_life: Duration,

    /// Its clock against this machine's, such as 10m (ahead) or -2h (behind); sent as the Date of each answer
    #[arg(long, value_name = "DURATION", default_value = "0s", allow_hyphen_values = true, value_parser = clock_offset)]
    pub(super) clock_offset: i64,

    /// Stops after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(super) lasting: Option<Duration>,
}

/// What certificate the look-alike presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum CertificateChoice {
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

impl From<CertificateChoice> for CertificateKind {
    fn from(kind: CertificateChoice) -> Self {
        match kind {
            CertificateChoice::Signed => Self::Signed,
            CertificateChoice::SelfSigned => Self::SelfSigned,
            CertificateChoice::SelfSignedAuthority => Self::SelfSignedAuthority,
            CertificateChoice::Expired => Self::Expired,
            CertificateChoice::OtherName => Self::OtherName,
        }
    }
}

/// How a password comes to the token URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Encoding {
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
    pub(super) const fn is_uniform(&self) -> bool {
        self.jobs.is_some()
            || self.runs.is_some()
            || self.messages.is_some()
            || self.unique.is_some()
            || self.assets.is_some()
            || self.nights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_lie_within_bounds() {
        assert_eq!(share("0.25"), Ok(0.25));
        for wrong in ["1.1", "-0.1", "NaN", "half"] {
            assert!(share(wrong).is_err(), "{wrong}");
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
}
