//! Proves the archive intact: SQLite's own checks, the ledger's chain, every payload against its hash.

use std::collections::HashSet;

use rusqlite::types::ValueRef;
use sha2::Digest;

use super::error::{ArchiveError, Doing};
use super::ledger::{GENESIS, entry_hash};
use super::payload::unpack;
use super::reader::Reader;
use crate::model::{Sha256, hex};

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Where: a table and what names the row.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What should stand there, where that can be said.
    pub expected: Option<String>,
    /// What stands there.
    pub found: Option<String>,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Verified {
    /// Ledger entries whose hash was computed afresh.
    pub entries: u64,
    /// Payloads whose hash was computed afresh.
    pub payloads: u64,
    /// Bytes of those payloads, unpacked.
    pub payload_bytes: u64,
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Everything that is wrong; empty where the archive is intact.
    pub findings: Vec<Finding>,
    /// How much was looked at.
    pub verified: Verified,
    /// The ledger's last hash, computed afresh.
    pub head: Sha256,
}

/// One of the checks: adds what it finds.
type Step = fn(&Reader, &[Sha256], &mut VerifyReport) -> Result<(), ArchiveError>;

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            expected: None,
            found: None,
        }
    }

    fn with(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.found = Some(found.into());
        self
    }
}

impl Reader {
    /// Checks the archive, in one snapshot; changes nothing. `heads` are hashes that the ledger must hold.
    ///
    /// # Errors
    /// SQL errors that leave nothing to look at; damage that SQLite reports on the way is a finding.
    pub fn verify(&self, heads: &[Sha256]) -> Result<VerifyReport, ArchiveError> {
        let connection = self.connection();
        connection.execute_batch("BEGIN").doing("begin to verify")?;
        let mut report = VerifyReport {
            findings: Vec::new(),
            verified: Verified::default(),
            head: GENESIS,
        };
        let steps: [Step; 4] = [
            Self::check_sqlite,
            Self::check_foreign_keys,
            Self::check_chain,
            Self::check_payloads,
        ];
        let mut result = Ok(());
        for step in steps {
            match step(self, heads, &mut report) {
                Ok(()) => {}
                Err(error) if error.is_damage() => {
                    report.findings.push(Finding::new("the file", sentence(&error)));
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        drop(connection.execute_batch("COMMIT"));
        result.map(|()| report)
    }

    fn check_sqlite(&self, _heads: &[Sha256], report: &mut VerifyReport) -> Result<(), ArchiveError> {
        let doing = "run SQLite's integrity check";
        let mut statement = self.connection().prepare("PRAGMA integrity_check").doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let line: String = row.get(0).doing(doing)?;
            if line != "ok" {
                report.findings.push(Finding::new("the file", line));
            }
        }
        Ok(())
    }

    fn check_foreign_keys(&self, _heads: &[Sha256], report: &mut VerifyReport) -> Result<(), ArchiveError> {
        let doing = "check foreign keys";
        let mut statement = self
            .connection()
            .prepare("PRAGMA foreign_key_check")
            .doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let table: String = row.get(0).doing(doing)?;
            let number: Option<i64> = row.get(1).doing(doing)?;
            let parent: String = row.get(2).doing(doing)?;
            let row_name = number.map_or_else(String::new, |number| format!(", row {number}"));
            report.findings.push(Finding::new(
                format!("{table}{row_name}"),
                format!("names a {parent} that is not there"),
            ));
        }
        Ok(())
    }

    fn check_chain(&self, heads: &[Sha256], report: &mut VerifyReport) -> Result<(), ArchiveError> {
        let doing = "read the ledger";
        let mut wanted: HashSet<Sha256> = heads.iter().copied().collect();
        let mut statement = self
            .connection()
            .prepare("SELECT entry_id, entry, entry_hash FROM ledger ORDER BY entry_id")
            .doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        let mut before = GENESIS;
        let mut expected_id = 1;
        while let Some(row) = rows.next().doing(doing)? {
            let id: i64 = row.get(0).doing(doing)?;
            if id != expected_id {
                let finding =
                    Finding::new(format!("ledger, entry {id}"), "the entries before it are missing");
                report
                    .findings
                    .push(finding.with(expected_id.to_string(), id.to_string()));
            }
            expected_id = id + 1;
            let found: Sha256 = row.get(2).doing(doing)?;
            let hash = match row.get_ref(1).doing(doing)? {
                ValueRef::Text(line) => sha2::Sha256::new()
                    .chain_update(before)
                    .chain_update(line)
                    .finalize()
                    .into(),
                _ => entry_hash(&before, ""),
            };
            if hash != found {
                let finding = Finding::new(
                    format!("ledger, entry {id}"),
                    "its hash is not that of the entry before and its line",
                );
                report.findings.push(finding.with(hex(&hash), hex(&found)));
            }
            wanted.remove(&found);
            // What follows is judged by the hash that stands there, so that one change is one finding.
            before = found;
            report.verified.entries += 1;
        }
        report.head = before;
        let mut missing: Vec<Sha256> = wanted.into_iter().collect();
        missing.sort_unstable();
        for head in missing {
            let finding = Finding::new("ledger", "the history sealed by this head is not held");
            report
                .findings
                .push(finding.with(hex(&head), "no entry with this hash"));
        }
        let doing = "compare the heads of the syncs";
        let ended: HashSet<(i64, Sha256)> = self.ended_syncs()?;
        let mut statement = self
            .connection()
            .prepare("SELECT sync_id, head FROM sync WHERE head IS NOT NULL")
            .doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let sync_id: i64 = row.get(0).doing(doing)?;
            let head: Sha256 = row.get(1).doing(doing)?;
            if !ended.contains(&(sync_id, head)) {
                let finding = Finding::new(
                    format!("sync, sync_id {sync_id}"),
                    "its head is not the hash of its end in the ledger",
                );
                report
                    .findings
                    .push(finding.with("the entry_hash of its sync-ended entry", hex(&head)));
            }
        }
        Ok(())
    }

    /// Numbers and hashes of the `sync-ended` entries.
    fn ended_syncs(&self) -> Result<HashSet<(i64, Sha256)>, ArchiveError> {
        let doing = "read the ledger";
        let mut statement = self
            .connection()
            .prepare("SELECT entry, entry_hash FROM ledger WHERE entry GLOB 'sync-ended sync=*'")
            .doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        let mut ended = HashSet::new();
        while let Some(row) = rows.next().doing(doing)? {
            let line: String = row.get(0).doing(doing)?;
            let number = word(&line, "sync").and_then(|number| number.parse().ok());
            if let Some(number) = number {
                ended.insert((number, row.get(1).doing(doing)?));
            }
        }
        Ok(ended)
    }

    fn check_payloads(&self, _heads: &[Sha256], report: &mut VerifyReport) -> Result<(), ArchiveError> {
        let doing = "read the payloads";
        let mut statement = self
            .connection()
            .prepare(
                "SELECT l.entry_id, l.entry, r.job_run_id, v.revision, v.payload_sha256, p.data, d.bytes
                 FROM ledger l
                 LEFT JOIN revision v ON v.entry_id = l.entry_id
                 LEFT JOIN run r ON r.run_key = v.run_key
                 LEFT JOIN payload p ON p.entry_id = l.entry_id
                 LEFT JOIN dictionary d ON d.dictionary_key = p.dictionary_key
                 WHERE l.entry GLOB 'revision *' OR v.entry_id IS NOT NULL
                 ORDER BY l.entry_id",
            )
            .doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let id: i64 = row.get(0).doing(doing)?;
            let line: String = row.get(1).doing(doing)?;
            let run: Option<String> = row.get(2).doing(doing)?;
            let revision: Option<i64> = row.get(3).doing(doing)?;
            let filed: Option<Sha256> = row.get(4).doing(doing)?;
            let packed: Option<Vec<u8>> = row.get(5).doing(doing)?;
            let dictionary: Option<Vec<u8>> = row.get(6).doing(doing)?;
            let place = format!("revision, ledger entry {id}");
            let sealed = word(&line, "sha256").unwrap_or("no hash").to_owned();
            let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
            for (what, sealed, found) in [
                (
                    "its run is not the one that the ledger names",
                    word(&line, "run"),
                    run,
                ),
                (
                    "its number is not the one that the ledger names",
                    word(&line, "number"),
                    revision.map(|n| n.to_string()),
                ),
                (
                    "its payload_sha256 is not the one that the ledger names",
                    Some(sealed.as_str()),
                    filed.map(|h| hex(&h)),
                ),
            ] {
                if sealed != found.as_deref() {
                    report
                        .findings
                        .push(Finding::new(&place, what).with(sealed.unwrap_or("nothing"), shown(found)));
                }
            }
            let place = format!("payload, ledger entry {id}");
            match packed.map(|packed| unpack(&packed, dictionary.as_deref(), usize::MAX)) {
                None => report.findings.push(Finding::new(place, "its bytes are missing")),
                Some(Err(why)) => report
                    .findings
                    .push(Finding::new(place, format!("it cannot be unpacked: {why}"))),
                Some(Ok(bytes)) => {
                    let hash = hex(&sha2::Sha256::digest(&bytes));
                    if hash != sealed {
                        let finding =
                            Finding::new(place, "its bytes do not have the hash that the ledger names");
                        report.findings.push(finding.with(sealed, hash));
                    }
                    report.verified.payloads += 1;
                    report.verified.payload_bytes += bytes.len() as u64;
                }
            }
        }
        Ok(())
    }
}

/// The value of a word of a ledger line.
fn word<'line>(line: &'line str, key: &str) -> Option<&'line str> {
    line.split(' ').find_map(|word| {
        word.split_once('=')
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value)
    })
}

fn sentence(error: &ArchiveError) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
