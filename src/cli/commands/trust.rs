//! `jobruns trust`.

use serde::Serialize;

use crate::ccs::{CertificateFacts, ServedCertificate, served_certificate};
use crate::cli::client::CONNECT_TIMEOUT;
use crate::cli::failure::{Exit, Failure};
use crate::cli::runtime::runtime;
use crate::cli::servers::{self, ServerChoice};
use crate::cli::terminal::console::shown;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{or_dash, print_json, print_text};
use crate::config::{Sources, TableOrJson, UrlSettings};
use crate::model::{Instant, hex};

/// Shows the server's certificate and the SHA-256 fingerprint to pin
///
/// Fetches the certificate without trusting it, and sends nothing else. Compare the fingerprint with the one that the
/// server's administrator sees before you pin it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  jobruns trust --url https://ccs.example:12431")]
pub(crate) struct TrustArgs {
    /// The output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: TableOrJson,

    #[command(flatten)]
    server: UrlSettings,

    #[command(flatten)]
    choice: ServerChoice,
}

#[derive(Serialize)]
struct PrintedCertificate {
    sha256: String,
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    key: String,
    signature: String,
    self_signed: bool,
    authority: bool,
    version: u32,
    handshake_error: Option<String>,
}

pub(crate) fn run(args: &TrustArgs, sources: &Sources<'_>) -> Result<Exit, Failure> {
    let entry = servers::chosen_entry(&args.choice, sources)?;
    let server = entry
        .as_ref()
        .map_or(&args.server, |entry| &entry.settings.server);
    let url = server.url()?;
    let timeout = server.timeout.min(CONNECT_TIMEOUT);
    let certificate = runtime()?.block_on(async {
        let mut cancellation = signals::listen()?;
        tokio::select! {
            certificate = served_certificate(url, timeout) => Ok(certificate?),
            () = cancellation.cancelled() => Err(Failure::new(Exit::Interrupted, "interrupted")),
        }
    })?;
    match args.format {
        TableOrJson::Table => print_text(&text(&certificate.facts, Instant::now()))?,
        TableOrJson::Json => print_json(&shown_facts(&certificate))?,
    }
    match certificate.handshake_problem {
        // The certificate came, and the rest of the handshake failed: no pin mends that.
        Some(problem) => Err(problem.into()),
        None => Ok(Exit::Done),
    }
}

fn shown_facts(certificate: &ServedCertificate) -> PrintedCertificate {
    let facts = &certificate.facts;
    let instant = |instant: Option<Instant>| instant.map(|instant| instant.to_string());
    PrintedCertificate {
        sha256: hex(&facts.fingerprint),
        subject: facts.subject.clone(),
        issuer: facts.issuer.clone(),
        names: facts.names.clone(),
        not_before: instant(facts.not_before),
        not_after: instant(facts.not_after),
        key: facts.key.clone(),
        signature: facts.signature.clone(),
        self_signed: facts.self_signed,
        authority: facts.marked_ca,
        version: facts.version,
        handshake_error: certificate.handshake_problem.as_ref().map(ToString::to_string),
    }
}

fn text(facts: &CertificateFacts, now: Instant) -> String {
    let mut text = facts_text(facts, now);
    text.push_str("\nIf the server's administrator reads the same fingerprint to you, pin it:\n");
    text.push_str(&format!("  --pin {}\n", hex(&facts.fingerprint)));
    text
}

/// What a certificate says, a line each; its fingerprint is the last.
pub(crate) fn facts_text(facts: &CertificateFacts, now: Instant) -> String {
    let mut marks = Vec::new();
    if facts.self_signed {
        marks.push("signed by itself".to_owned());
    }
    if facts.marked_ca {
        marks.push("marked as an authority".to_owned());
    }
    if facts.version < 3 {
        marks.push(format!(
            "X.509 version {}, which only a pin accepts",
            facts.version
        ));
    }
    if facts.not_after.is_some_and(|end| now > end) {
        marks.push("expired, which only a pin accepts".to_owned());
    }
    if facts.not_before.is_some_and(|begin| now < begin) {
        marks.push("not valid yet, which only a pin accepts".to_owned());
    }
    let instant = |instant: Option<Instant>| or_dash(instant.map(|instant| instant.to_string()).as_deref());
    let mut lines = vec![
        ("subject", shown(&facts.subject)),
        ("issuer", shown(&facts.issuer)),
        ("names", shown(&facts.names.join(", "))),
        ("valid from", instant(facts.not_before)),
        ("valid to", instant(facts.not_after)),
        ("key", shown(&facts.key)),
        ("signature", shown(&facts.signature)),
    ];
    if !marks.is_empty() {
        lines.push(("note", marks.join("; ")));
    }
    lines.push(("SHA-256", fingerprint(&facts.fingerprint)));
    lines
        .iter()
        .map(|(label, value)| format!("{label:12}{value}\n"))
        .collect()
}

/// The hash as certificate viewers show it: pairs of capital digits with colons.
fn fingerprint(sha256: &[u8]) -> String {
    let pairs: Vec<String> = sha256.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_pin;

    #[test]
    fn what_is_shown_can_be_pinned() {
        let facts = CertificateFacts {
            fingerprint: [0xA1; 32],
            subject: "CN=ccs".to_owned(),
            issuer: "CN=ccs".to_owned(),
            names: vec!["ccs".to_owned()],
            not_before: Some(Instant::from_unix_seconds(0)),
            not_after: Some(Instant::from_unix_seconds(100)),
            key: "RSA 2048".to_owned(),
            signature: "SHA-256".to_owned(),
            self_signed: true,
            marked_ca: true,
            version: 3,
        };
        let text = text(&facts, Instant::from_unix_seconds(200));
        assert_eq!(parse_pin(&fingerprint(&facts.fingerprint)), Ok([0xA1; 32]));
        assert!(text.contains(&format!("--pin {}", "a1".repeat(32))), "{text}");
        assert!(
            text.contains("signed by itself; marked as an authority; expired"),
            "{text}"
        );
    }
}
