//! `jobruns trust`.

use serde::Serialize;

use super::console::shown;
use super::failure::{Exit, Failure};
use super::table::{print_json, print_text};
use super::{runtime, stop, tell_choices};
use crate::ccs::{ServedCertificate, served_certificate};
use crate::config::{Sources, TableOrJson, UrlFlags, UrlSettings};
use crate::model::{Instant, hex};

/// Shows the server's certificate and its SHA-256 fingerprint, to be pinned
///
/// The certificate is fetched without being trusted, and nothing else is asked or sent. Compare the fingerprint with the
/// one that the server's administrator reads to you before you pin it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  jobruns trust --url https://ccs.example:12431")]
pub(super) struct TrustArgs {
    /// Text for people (table), or JSON
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: TableOrJson,

    #[command(flatten)]
    server: UrlFlags,
}

#[derive(Serialize)]
struct Shown {
    sha256: String,
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: String,
    not_after: String,
    self_signed: bool,
    authority: bool,
    version: u32,
}

pub(super) fn run(args: &TrustArgs, sources: &Sources<'_>) -> Result<Exit, Failure> {
    let settings = UrlSettings::choose(&args.server, sources)?;
    tell_choices(sources);
    let certificate = runtime()?.block_on(async {
        let mut stop = stop::listen()?;
        tokio::select! {
            certificate = served_certificate(&settings.url, settings.timeout) => Ok(certificate?),
            () = stop.asked() => Err(Failure::new(Exit::Interrupted, "interrupted")),
        }
    })?;
    match args.format {
        TableOrJson::Table => print_text(&text(&certificate, Instant::now()))?,
        TableOrJson::Json => print_json(&Shown {
            sha256: hex(&certificate.sha256),
            subject: certificate.subject,
            issuer: certificate.issuer,
            names: certificate.names,
            not_before: certificate.not_before.to_string(),
            not_after: certificate.not_after.to_string(),
            self_signed: certificate.self_signed,
            authority: certificate.authority,
            version: certificate.version,
        })?,
    }
    Ok(Exit::Done)
}

fn text(certificate: &ServedCertificate, now: Instant) -> String {
    let ServedCertificate {
        sha256,
        subject,
        issuer,
        names,
        not_before,
        not_after,
        ..
    } = certificate;
    let mut marks = Vec::new();
    if certificate.self_signed {
        marks.push("signed by itself".to_owned());
    }
    if certificate.authority {
        marks.push("marked as an authority".to_owned());
    }
    if certificate.version < 3 {
        marks.push(format!(
            "X.509 version {}, which only a pin accepts",
            certificate.version
        ));
    }
    if now > *not_after {
        marks.push("expired, which only a pin accepts".to_owned());
    }
    if now < *not_before {
        marks.push("not valid yet, which only a pin accepts".to_owned());
    }
    let mut lines = vec![
        ("subject", shown(subject)),
        ("issuer", shown(issuer)),
        ("names", shown(&names.join(", "))),
        ("valid from", not_before.to_string()),
        ("valid to", not_after.to_string()),
    ];
    if !marks.is_empty() {
        lines.push(("note", marks.join("; ")));
    }
    lines.push(("SHA-256", fingerprint(sha256)));
    let mut text: String = lines
        .iter()
        .map(|(label, value)| format!("{label:12}{value}\n"))
        .collect();
    text.push_str("\nIf the server's administrator reads the same fingerprint to you, pin it:\n");
    text.push_str(&format!("  --pin {}\n", hex(sha256)));
    text
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
        let certificate = ServedCertificate {
            sha256: [0xA1; 32],
            subject: "CN=ccs".to_owned(),
            issuer: "CN=ccs".to_owned(),
            names: vec!["ccs".to_owned()],
            not_before: Instant::from_unix_seconds(0),
            not_after: Instant::from_unix_seconds(100),
            self_signed: true,
            authority: true,
            version: 3,
        };
        let text = text(&certificate, Instant::from_unix_seconds(200));
        assert_eq!(parse_pin(&fingerprint(&certificate.sha256)), Ok([0xA1; 32]));
        assert!(text.contains(&format!("--pin {}", "a1".repeat(32))), "{text}");
        assert!(
            text.contains("signed by itself; marked as an authority; expired"),
            "{text}"
        );
    }
}
