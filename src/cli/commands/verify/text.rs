//! What a verification found, as text for a terminal.

use indicatif::{DecimalBytes, HumanCount};

use crate::archive::{HeadsOf, VerifyReport};
use crate::cli::terminal::console::shown;
use crate::cli::terminal::table::counted;
use crate::model::hex;
use crate::report::certificate::conclusion;

/// The findings, what the heads prove, and the outcome.
pub(super) fn text(report: &VerifyReport) -> String {
    let mut text = String::new();
    let mut last_next = "";
    for finding in &report.findings {
        // What to do stands once below findings that follow each other.
        if !last_next.is_empty() && last_next != finding.next {
            text.push_str(&format!("    next     {last_next}\n"));
        }
        last_next = finding.next;
        text.push_str(&format!("{}: {}\n", shown(&finding.place), shown(&finding.what)));
        for (label, value) in [("expected", &finding.expected), ("found", &finding.found)] {
            if let Some(value) = value {
                text.push_str(&format!("    {label:8} {}\n", shown(value)));
            }
        }
    }
    if !last_next.is_empty() {
        text.push_str(&format!("    next     {last_next}\n"));
    }
    for loss in &report.losses {
        text.push_str(&format!("lost: {}\n", shown(loss)));
    }
    for heads in &report.heads {
        text.push_str(&held(heads));
    }
    for note in &report.notes {
        text.push_str(&format!("note: {}\n", shown(note)));
    }
    let verified = report.verified;
    let outcome = conclusion(report);
    text.push_str(&format!(
        "{outcome}\nChecked {} ledger entries, {} of {}, {} with {}. Ledger head {}\n",
        HumanCount(verified.entries),
        counted(verified.payloads, "payload"),
        DecimalBytes(verified.payload_bytes),
        counted(verified.runs, "run"),
        counted(verified.messages, "message"),
        hex(&report.head)
    ));
    text
}

/// What a list of heads proves, in a line.
fn held(heads: &HeadsOf) -> String {
    let of = heads
        .file
        .as_deref()
        .map_or_else(String::new, |file| format!("{}: ", shown(file)));
    let newest = heads.newest_held.as_ref().map_or_else(
        || "no history that these heads seal is held".to_owned(),
        |newest| format!("history up to {newest} is held"),
    );
    let mut text = format!(
        "{of}{newest} (heads held: {}; not held: {}",
        heads.held, heads.not_held
    );
    if heads.of_other_archives > 0 {
        text.push_str(&format!(
            "; lines of other archives left aside: {}",
            heads.of_other_archives
        ));
    }
    if !heads.unreadable_lines.is_empty() {
        text.push_str(&format!(
            "; lines that hold no head: {}",
            heads.unreadable_lines.len()
        ));
    }
    text.push_str(")\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Finding;

    fn finding(place: &str, next: &'static str) -> Finding {
        Finding {
            place: place.to_owned(),
            what: "its hash is wrong".to_owned(),
            expected: Some("ab".to_owned()),
            found: Some("cd".to_owned()),
            next,
        }
    }

    fn report(findings: Vec<Finding>, more_findings: u64) -> VerifyReport {
        VerifyReport {
            findings,
            more_findings,
            notes: vec!["index i is not ours".to_owned()],
            ..VerifyReport::default()
        }
    }

    #[test]
    fn a_finding_is_reported_with_its_place_both_values_and_what_to_do() {
        let findings = vec![
            finding("ledger 3", "restore"),
            finding("ledger 4", "restore"),
            finding("runs", "reindex"),
        ];
        let text = text(&report(findings, 0));
        let lines = "ledger 3: its hash is wrong\n    expected ab\n    found    cd\nledger 4: its hash is wrong\n    expected ab
    found    cd\n    next     restore\nruns: its hash is wrong\n    expected ab\n    found    cd\n    next     reindex
note: index i is not ours\n";
        assert!(text.starts_with(lines), "{text}");
        assert!(text.contains("not intact: 3 findings.\n"), "{text}");
    }

    #[test]
    fn findings_that_are_not_reported_are_counted() {
        let text = text(&report(vec![finding("a", "b")], 1234));
        assert!(
            text.contains("1,235 findings, of which the first 1 are shown.\n"),
            "{text}"
        );
    }
}
