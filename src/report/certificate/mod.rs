//! What a verification proves, in words: for a terminal, and as a certificate to file.

use super::numbers::{counted, grouped};
use crate::archive::VerifyReport;

/// The outcome, in sentences that claim no more than was checked.
#[must_use]
pub(crate) fn conclusion(report: &VerifyReport) -> String {
    let shown = report.findings.len() as u64;
    let findings = shown + report.more_findings;
    if findings > 0 {
        let shown = match report.more_findings {
            0 => String::new(),
            _ => format!(", of which the first {} are shown", grouped(shown)),
        };
        return format!(
            "The archive is not intact: {}{shown}.",
            counted(findings, "finding")
        );
    }
    let but = match report.losses.len() as u64 {
        0 => String::new(),
        losses => format!(
            ", but for {} that its ledger records as lost",
            counted(losses, "thing")
        ),
    };
    match report.newest_held() {
        Some(held) => format!(
            "The archive is intact{but}: it is consistent with itself, and it holds the history up to {held}, as the heads given seal it."
        ),
        None => format!(
            "The archive is consistent with itself{but}; no head was given, so this does not exclude that all of it was rewritten. \
             Compare it with a head that is kept elsewhere: --head HASH or --head-file FILE."
        ),
    }
}
