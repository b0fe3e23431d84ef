//! What a verification proves, as text: for a terminal, and as a certificate to file.

mod html;
mod markdown;

use super::numbers::{counted, grouped};
use crate::archive::{HeadsOf, VerifyReport};
use crate::model::hex;

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
        // The chain holds all that came before; payloads, runs and messages of that time may be damaged.
        Some(held) if report.since_head.is_some() => format!(
            "Nothing wrong was found in what was checked{but}: the whole ledger, jobs and schema, and what came after the head given. \
             By its ledger it holds the history up to {held}; payloads, runs and messages from before that head were not checked."
        ),
        Some(held) => format!(
            "The archive is intact{but}: it is consistent with itself, and it holds the history up to {held}, as the heads given seal it."
        ),
        None => format!(
            "The archive is consistent with itself{but}; no head was given, so this does not exclude that all of it was rewritten. \
             Compare it with a head that is kept elsewhere: --head HASH or --head-file FILE."
        ),
    }
}

pub(crate) struct Certificate<'c> {
    /// The archive, as it was named.
    pub(crate) archive: &'c str,
    pub(crate) verified_at: &'c str,
    pub(crate) report: &'c VerifyReport,
}

/// A part of a certificate, which html and markdown write each in their way.
struct Section {
    heading: &'static str,
    paragraphs: Vec<String>,
    table: Option<CertificateTable>,
    list: Vec<String>,
}

struct CertificateTable {
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Section {
    const fn new(heading: &'static str) -> Self {
        Self {
            heading,
            paragraphs: Vec::new(),
            table: None,
            list: Vec::new(),
        }
    }

    fn paragraph(mut self, text: impl Into<String>) -> Self {
        self.paragraphs.push(text.into());
        self
    }

    fn table(mut self, columns: &'static [&'static str], rows: Vec<Vec<String>>) -> Self {
        self.table = Some(CertificateTable { columns, rows });
        self
    }

    fn list(mut self, list: Vec<String>) -> Self {
        self.list = list;
        self
    }
}

const TITLE: &str = "Verification of a job-run archive";

fn or_dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}

impl Certificate<'_> {
    /// The outcome in a word or two, and whether it is good, bad or neither.
    fn outcome(&self) -> (&'static str, Option<bool>) {
        let report = self.report;
        match (report.is_intact(), report.newest_held()) {
            (false, _) => ("Not intact", Some(false)),
            (true, _) if !report.losses.is_empty() => ("Intact, with recorded losses", None),
            (true, None) => ("Consistent with itself", None),
            (true, Some(_)) if report.has_unreadable_lines() => {
                ("Intact, with a damaged list of heads", None)
            }
            (true, Some(_)) => ("Intact", Some(true)),
        }
    }

    /// What identifies archive and check.
    fn facts(&self) -> Vec<(String, String)> {
        let report = self.report;
        let holds = &report.holdings;
        let span = |from: &Option<String>, to: &Option<String>| match (from, to) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            _ => "-".to_owned(),
        };
        [
            ("archive", self.archive.to_owned()),
            (
                "archive id",
                report.archive.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            ),
            ("ledger head (SHA-256)", hex(&report.head)),
            ("recorded (UTC)", span(&holds.created_at, &holds.recorded_until)),
            (
                "runs started (UTC)",
                span(&holds.first_run_at, &holds.last_run_at),
            ),
            ("verified at (UTC)", self.verified_at.to_owned()),
            ("verified by", format!("jobruns {}", env!("CARGO_PKG_VERSION"))),
        ]
        .map(|(name, text)| (name.to_owned(), text))
        .into()
    }

    fn sections(&self) -> Vec<Section> {
        let mut sections = vec![self.checked(), self.heads()];
        sections.push(self.findings());
        let report = self.report;
        if !report.losses.is_empty() {
            let text = "The ledger itself says that a salvage could not save these.";
            sections.push(Section::new("Losses").paragraph(text).list(report.losses.clone()));
        }
        if !report.notes.is_empty() {
            sections.push(Section::new("Notes").list(report.notes.clone()));
        }
        sections.push(self.jobs());
        sections.push(self.limits());
        sections.push(self.again());
        sections
    }

    fn checked(&self) -> Section {
        let report = self.report;
        let verified = report.verified;
        let row = |what: &str, number: u64, how: &str| vec![what.to_owned(), grouped(number), how.to_owned()];
        let section = Section::new("What was checked");
        let section = match &report.since_head {
            None => section,
            Some(head) => section.paragraph(format!(
                "Only what came after the head {} was compared: of the rest, the chain of the ledger, jobs and schema.",
                hex(head)
            )),
        };
        section.table(
            &["what", "number", "how"],
            vec![
                row(
                    "ledger lines",
                    verified.entries,
                    "chain of SHA-256 computed again; each line may follow the one before",
                ),
                row(
                    "payloads (revisions of runs)",
                    verified.payloads,
                    "bytes as received, against the SHA-256 in the ledger",
                ),
                row("bytes of payloads", verified.payload_bytes, "unpacked and hashed"),
                row(
                    "runs",
                    verified.runs,
                    "each column, against the payloads read again",
                ),
                row("messages", verified.messages, "likewise"),
                row(
                    "syncs in the archive",
                    report.holdings.syncs,
                    "times, outcomes and figures, against the ledger",
                ),
                row(
                    "pieces in quarantine",
                    report.holdings.quarantined,
                    "bytes, reasons and acceptance, against the ledger",
                ),
                row(
                    "jobs",
                    report.holdings.jobs.len() as u64,
                    "names, servers and latest results, against the ledger",
                ),
            ],
        )
    }

    fn heads(&self) -> Section {
        let report = self.report;
        let section = Section::new("Against which heads");
        if report.heads.is_empty() {
            return section.paragraph(
                "No head was given. Whoever can write the archive could have rewritten all of it, consistently, and it would pass.",
            );
        }
        let name = |heads: &HeadsOf| {
            heads
                .file
                .clone()
                .unwrap_or_else(|| "given by themselves".to_owned())
        };
        let rows = report.heads.iter().map(|heads| {
            let newest = heads.newest_held.as_ref();
            let mut row = vec![
                name(heads),
                newest.map_or_else(|| "-".to_owned(), |newest| format!("up to {newest}")),
            ];
            let unreadable = heads.unreadable_lines.len() as u64;
            row.extend([heads.held, heads.not_held, heads.of_other_archives, unreadable].map(grouped));
            row
        });
        let newest = report.heads.iter().filter_map(|heads| {
            let head = &heads.newest_held.as_ref()?.head;
            Some(format!("The newest head held ({}): {head}", name(heads)))
        });
        section
            .table(
                &[
                    "heads",
                    "history held",
                    "held",
                    "not held",
                    "of other archives",
                    "lines without a head",
                ],
                rows.collect(),
            )
            .list(newest.collect())
    }

    fn findings(&self) -> Section {
        let report = self.report;
        let section = Section::new("Findings");
        if report.findings.is_empty() {
            return section.paragraph("None.");
        }
        let section = match report.more_findings {
            0 => section,
            more => section.paragraph(format!("{} more are not shown.", grouped(more))),
        };
        let rows = report.findings.iter().map(|finding| {
            vec![
                finding.place.clone(),
                finding.what.clone(),
                or_dash(finding.expected.as_ref()),
                or_dash(finding.found.as_ref()),
                finding.next.to_owned(),
            ]
        });
        section.table(
            &["where", "what is wrong", "expected", "found", "what to do"],
            rows.collect(),
        )
    }

    fn jobs(&self) -> Section {
        let jobs = self.report.holdings.jobs.iter().map(|job| {
            vec![
                or_dash(job.name.as_ref()),
                grouped(job.runs),
                or_dash(job.first_run_at.as_ref()),
                or_dash(job.last_run_at.as_ref()),
                job.job_id.clone(),
            ]
        });
        Section::new("Jobs in the archive").table(
            &["job", "runs", "first start (UTC)", "last start (UTC)", "job id"],
            jobs.collect(),
        )
    }

    fn limits(&self) -> Section {
        let mut limits = Vec::new();
        match self.report.newest_held() {
            None => limits.push("That the archive is the one that was recorded: without a head that was kept elsewhere, a rewritten or older one looks the same.".to_owned()),
            Some(held) => {
                if held.head != hex(&self.report.head) {
                    limits.push(format!("What was recorded after {held}: it is consistent, and no head that was given seals it."));
                }
                limits.push("More than the heads themselves do: they must have been kept where nobody who can write the archive can change them.".to_owned());
            }
        }
        limits.extend([
            "That the server told the truth: the archive shows what the server answered, and when by the clock of the machine that asked.".to_owned(),
            "That nothing is missing: what the server had deleted or changed before a sync asked for it leaves no trace. jobruns report coverage --gaps says which times are proved.".to_owned(),
            "That this program is right: jobruns verify --script prints a check in Python that shares no code with it.".to_owned(),
            "That this document is genuine: it is not signed, and anybody can check the archive again.".to_owned(),
        ]);
        Section::new("What this does not prove").list(limits)
    }

    fn again(&self) -> Section {
        let head = hex(&self.report.head);
        Section::new("To check again").list(vec![
            format!("With this program: jobruns verify --archive ARCHIVE --head {head}"),
            format!("Without it: python3 verify.py ARCHIVE --head {head}"),
        ])
    }
}
