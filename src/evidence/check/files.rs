//! The files of a package and its manifests.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, Read};
use std::path::Path;

use sha2::Digest;

use super::findings::{PackageFindings, Unreadable};
use super::form::{is_guid, is_hash, is_number};
use super::zip::{EntryReader, Zip, ZipEntry};
use crate::model::hex;

/// The largest payload that the program archives.
pub(super) const MOST_PAYLOAD: u64 = 512 << 20;

/// The largest ledger, manifest or `package.json` that is read.
const MOST_TEXT: u64 = 1 << 30;

/// Such a file may have this many bytes however small it is packed, and beyond that a hundred for each packed byte.
const FEW_BYTES: u64 = 64 << 20;

/// Tables that every package has.
const TABLES: [&str; 8] = [
    "runs",
    "messages",
    "failures",
    "changes",
    "vanished",
    "gaps",
    "removals",
    "quarantine",
];

/// Other files that every package has.
const OTHERS: [&str; 10] = [
    "bagit.txt",
    "bag-info.txt",
    "manifest-sha256.txt",
    "tagmanifest-sha256.txt",
    "README.html",
    "check.py",
    "check.html",
    "data/package.json",
    "data/ledger.txt",
    "data/workpaper.xlsx",
];

pub(super) struct Files {
    zip: Zip,
    entries: BTreeMap<String, ZipEntry>,
    /// SHA-256 of each file that could be read to its end.
    pub(super) hashes: BTreeMap<String, String>,
    /// Files that could not, and were reported.
    pub(super) broken: HashSet<String>,
}

impl Files {
    pub(super) fn open(path: &Path, findings: &mut PackageFindings) -> Result<Self, Unreadable> {
        if path.is_dir() {
            return Err(Unreadable(
                "it is a folder: give the ZIP file, or check the folder with check.py".to_owned(),
            ));
        }
        let mut zip = Zip::open(path, findings)?;
        let entries = std::mem::take(&mut zip.entries).into_iter().collect();
        Ok(Self {
            zip,
            entries,
            hashes: BTreeMap::new(),
            broken: HashSet::new(),
        })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.size)
    }

    /// A reader of a file; `None` if the package does not have it.
    pub(super) fn reader(&self, name: &str) -> Option<io::Result<EntryReader>> {
        self.entries.get(name).map(|&entry| self.zip.reader(entry))
    }

    /// Reports a file that cannot be read to its end, once.
    pub(super) fn breaks(&mut self, name: &str, error: &io::Error, findings: &mut PackageFindings) {
        if self.broken.insert(name.to_owned()) {
            findings.add(name, format!("it cannot be unpacked: {error}"));
        }
    }

    /// The whole file; `None` if it is missing, or cannot be read, which is reported.
    pub(super) fn read(&mut self, name: &str, most: u64, findings: &mut PackageFindings) -> Option<Vec<u8>> {
        let size = self.size(name)?;
        if size > most {
            findings.add(name, format!("it has {size} bytes, more than {most}"));
            return None;
        }
        let mut bytes = Vec::new();
        let read = self
            .reader(name)?
            .and_then(|mut file| file.read_to_end(&mut bytes));
        match read {
            Ok(_) => Some(bytes),
            Err(error) => {
                self.breaks(name, &error, findings);
                None
            }
        }
    }

    pub(super) fn text(&mut self, name: &str, findings: &mut PackageFindings) -> Option<String> {
        let entry = *self.entries.get(name)?;
        let most = MOST_TEXT.min(FEW_BYTES.saturating_add(entry.packed().saturating_mul(100)));
        let bytes = self.read(name, most, findings)?;
        String::from_utf8(bytes)
            .map_err(|_| findings.add(name, "it is not UTF-8"))
            .ok()
    }

    /// Checks that the manifests list exactly the files that are there, with the right SHA-256.
    pub(super) fn check_manifests(&mut self, findings: &mut PackageFindings) {
        self.hash(findings);
        let tables = TABLES.map(|table| format!("data/{table}.csv"));
        for name in OTHERS.into_iter().chain(tables.iter().map(String::as_str)) {
            if !self.entries.contains_key(name) {
                findings.add(name, "it is missing");
            }
        }
        let mut listed = BTreeSet::new();
        for manifest in ["manifest-sha256.txt", "tagmanifest-sha256.txt"] {
            let text = self.text(manifest, findings).unwrap_or_default();
            let mut lines: Vec<&str> = text.split('\n').collect();
            if lines.pop().is_some_and(|last| !last.is_empty()) {
                findings.add(manifest, "its last line has no end");
            }
            for (number, line) in (1..).zip(lines) {
                self.check_line(manifest, number, line, &mut listed, findings);
            }
        }
        for name in self.entries.keys() {
            if !listed.contains(name) && name != "tagmanifest-sha256.txt" {
                findings.add(name, "it is in no manifest");
            }
        }
        if let Some(bagit) = self.text("bagit.txt", findings)
            && bagit != "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
        {
            findings.add("bagit.txt", "it is not that of BagIt 1.0");
        }
    }

    fn check_line(
        &self,
        manifest: &str,
        number: usize,
        line: &str,
        listed: &mut BTreeSet<String>,
        findings: &mut PackageFindings,
    ) {
        let place = || format!("{manifest}, line {number}");
        let is_of_data = manifest == "manifest-sha256.txt";
        let parts = line.split_once("  ").filter(|(hash, name)| {
            is_hash(hash)
                && name.bytes().all(|byte| byte.is_ascii_graphic())
                && name.starts_with("data/") == is_of_data
        });
        let Some((hash, name)) = parts.filter(|(_, name)| listed.insert((*name).to_owned())) else {
            findings.add(
                place(),
                format!("it is not a line of this manifest, or a second one: {line:.200}"),
            );
            return;
        };
        match self.hashes.get(name) {
            None if self.entries.contains_key(name) => {} // it cannot be read, which was named
            None => findings.add(place(), format!("it names {name}, which is missing")),
            Some(found) if found != hash => {
                findings.differ(
                    name,
                    format!("its SHA-256 is not the one in {manifest}"),
                    hash,
                    found,
                );
            }
            Some(_) => {}
        }
    }

    fn hash(&mut self, findings: &mut PackageFindings) {
        let names: Vec<String> = self.entries.keys().cloned().collect();
        let mut buffer = vec![0; 64 << 10];
        for name in names {
            if !is_known(&name) {
                findings.add(&name, "a file that no package has");
            }
            let is_bytes = name.starts_with("data/payloads/") || name.starts_with("data/quarantine/");
            let size = self.size(&name).unwrap_or_default();
            if is_bytes && size > MOST_PAYLOAD {
                findings.add(&name, format!("it has {size} bytes, more than {MOST_PAYLOAD}"));
                self.broken.insert(name);
                continue;
            }
            let Some(reader) = self.reader(&name) else {
                continue;
            };
            match reader.and_then(|file| hash_of(file, &mut buffer)) {
                Ok(hash) => {
                    self.hashes.insert(name, hash);
                }
                Err(error) => self.breaks(&name, &error, findings),
            }
        }
    }
}

fn hash_of(mut file: EntryReader, buffer: &mut [u8]) -> io::Result<String> {
    let mut hash = sha2::Sha256::new();
    loop {
        match file.read(buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// The run and the revision that the file name of a payload says.
pub(super) fn payload_of(name: &str) -> Option<(&str, &str)> {
    let (run, number) = name
        .strip_prefix("data/payloads/")?
        .strip_suffix(".json")?
        .split_at_checked(36)?;
    let number = number.strip_prefix('-')?;
    (is_guid(run) && is_number(number) && number != "0").then_some((run, number))
}

/// The number of a quarantined piece that its file name says.
pub(super) fn piece_of(name: &str) -> Option<&str> {
    name.strip_prefix("data/quarantine/")?
        .strip_suffix(".bin")
        .filter(|number| is_number(number))
}

fn is_known(name: &str) -> bool {
    let rules = name
        .strip_prefix("data/zones/")
        .and_then(|name| name.strip_suffix(".tzif"));
    let table = name
        .strip_prefix("data/")
        .and_then(|name| name.strip_suffix(".csv"));
    OTHERS.contains(&name)
        || table.is_some_and(|table| TABLES.contains(&table) || table == "sample")
        || payload_of(name).is_some()
        || piece_of(name).is_some()
        || rules.is_some_and(is_hash)
}
