//! Packages of evidence taken apart, changed, and put together again with manifests that fit.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use jobruns::model::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The files of a package by their names in its folder.
#[derive(Clone)]
pub struct Pack {
    pub folder: String,
    pub files: BTreeMap<String, Vec<u8>>,
}

pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes.as_ref()))
}

impl Pack {
    pub fn open(path: &Path) -> Self {
        let mut zip = zip::ZipArchive::new(Cursor::new(std::fs::read(path).unwrap())).unwrap();
        let (mut files, mut top) = (BTreeMap::new(), String::new());
        for place in 0..zip.len() {
            let mut file = zip.by_index(place).unwrap();
            let name = file.name().unwrap().into_owned();
            let (folder, inside) = name.split_once('/').unwrap();
            folder.clone_into(&mut top);
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            files.insert(inside.to_owned(), bytes);
        }
        Self { folder: top, files }
    }

    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.files.get(name).unwrap_or_else(|| panic!("no {name}"))).unwrap()
    }

    pub fn set(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(name.to_owned(), bytes.into());
    }

    /// The first file whose name begins so.
    pub fn first(&self, begin: &str) -> String {
        self.files
            .keys()
            .find(|name| name.starts_with(begin))
            .unwrap()
            .clone()
    }

    #[track_caller]
    pub fn replace(&mut self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "{name} has no {from}");
        let text = text.replacen(from, to, 1);
        self.set(name, text);
    }

    /// Changes the lines of a file, line ends left out.
    pub fn lines(&mut self, name: &str, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines: Vec<String> = self.text(name).lines().map(str::to_owned).collect();
        change(&mut lines);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.set(name, text);
    }

    pub fn table(&self, name: &str) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(self.text(name).as_bytes());
        reader
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    /// Changes the records of a CSV file, the header first.
    pub fn records(&mut self, name: &str, change: impl FnOnce(&mut Vec<Vec<String>>)) {
        let mut records = self.table(name);
        change(&mut records);
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        for record in records {
            writer.write_record(record).unwrap();
        }
        self.set(name, writer.into_inner().unwrap());
    }

    /// Changes `package.json`.
    pub fn facts(&mut self, change: impl FnOnce(&mut Value)) {
        let mut facts = self.package_json();
        change(&mut facts);
        self.set("data/package.json", facts.to_string());
    }

    pub fn package_json(&self) -> Value {
        serde_json::from_slice(&self.files["data/package.json"]).unwrap()
    }

    /// Writes numbers of runs and payloads that fit, and the manifests.
    pub fn seal(&mut self) {
        if self.files.contains_key("data/package.json") && self.files.contains_key("data/runs.csv") {
            let runs = self.table("data/runs.csv").len().saturating_sub(1);
            let payloads = self
                .files
                .keys()
                .filter(|name| name.starts_with("data/payloads/"))
                .count();
            self.facts(|facts| {
                facts["runs"] = runs.into();
                facts["payloads"] = payloads.into();
            });
        }
        self.seal_manifests();
    }

    pub fn seal_manifests(&mut self) {
        self.files.remove("tagmanifest-sha256.txt");
        self.files.remove("manifest-sha256.txt");
        for (manifest, is_data) in [("manifest-sha256.txt", true), ("tagmanifest-sha256.txt", false)] {
            let names = self
                .files
                .iter()
                .filter(|(name, _)| name.starts_with("data/") == is_data);
            let lines: String = names
                .map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes)))
                .collect();
            self.set(manifest, lines);
        }
    }

    /// Computes chains, results and head of `ledger.txt` anew from its lines, as its maker would, and names that head.
    pub fn seal_ledger(&mut self) {
        let mut lines: Vec<String> = self.text("data/ledger.txt").lines().map(str::to_owned).collect();
        let mut ended = BTreeMap::new();
        let mut at = 0;
        while at < lines.len() {
            if let Some(rest) = lines[at].strip_prefix("chain ") {
                let job = rest.split(' ').next().unwrap().to_owned();
                let begin = at + 1;
                let is_of_chain = |line: &&String| !line.starts_with("chain ") && *line != "end";
                let chain: Vec<String> = lines[begin..].iter().take_while(is_of_chain).cloned().collect();
                let mut hash = [0_u8; 32];
                for line in &chain {
                    let text = line.split_once(' ').unwrap().1;
                    hash = Sha256::new()
                        .chain_update(hash)
                        .chain_update(text)
                        .finalize()
                        .into();
                }
                lines[at] = format!("chain {job} {}", chain.len());
                let last = chain.last().unwrap().split_once(' ').unwrap().1.to_owned();
                ended.insert(job, format!("{last} lines={} chain={}", chain.len(), hex(&hash)));
                at += chain.len();
            }
            at += 1;
        }
        let count: usize = lines[5].strip_prefix("results ").unwrap().parse().unwrap();
        let mut results = Sha256::new();
        for line in &mut lines[6..6 + count] {
            if let Some(job) = line.strip_prefix("job id=").map(|rest| rest[..36].to_owned()) {
                line.clone_from(&ended[&job]);
                results.update(Sha256::digest(line.as_bytes()));
            } else {
                let bytes: Vec<u8> = (0..32)
                    .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap())
                    .collect();
                results.update(bytes);
            }
        }
        let (begin, _) = lines[4].rsplit_once(" results=").unwrap();
        lines[4] = format!("{begin} results={}", hex(&results.finalize()));
        let before = lines[2].strip_prefix("before ").unwrap();
        let before: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&before[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let head = hex(&Sha256::new()
            .chain_update(before)
            .chain_update(&lines[4])
            .finalize());
        lines[3] = format!("head {head}");
        self.set(
            "data/ledger.txt",
            lines.iter().map(|line| format!("{line}\n")).collect::<String>(),
        );
        self.lines("bag-info.txt", |info| {
            let place = info
                .iter()
                .position(|line| line.starts_with("External-Identifier"))
                .unwrap();
            info[place] = format!("External-Identifier: {head}");
        });
        self.facts(|facts| facts["head"] = head.into());
    }

    pub fn entries(&self) -> Vec<ZipEntry> {
        let entry =
            |(name, bytes): (&String, &Vec<u8>)| ZipEntry::new(&format!("{}/{name}", self.folder), bytes);
        self.files.iter().map(entry).collect()
    }

    pub fn zip(&self) -> Vec<u8> {
        write_zip(&self.entries())
    }
}

/// An entry of a ZIP file, of which anything can be said.
#[derive(Clone)]
pub struct ZipEntry {
    pub name: String,
    /// The name before the bytes.
    pub local_name: String,
    pub bytes: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    /// Bytes that it is said to unpack to.
    pub size: u32,
    pub crc: u32,
    pub mode: u32,
    /// Bytes behind it of which the directory does not tell.
    pub hidden: Vec<u8>,
    /// The method before the bytes, where it is another one.
    pub local_method: Option<u16>,
    /// Extra fields and a comment in the directory, extra fields before the bytes.
    pub extra: Vec<u8>,
    pub comment: Vec<u8>,
    pub local_extra: Vec<u8>,
    /// The system that made it, as its attributes are to be read.
    pub made_by: u16,
    /// Checksum and sizes before the bytes, where they are other ones.
    pub local_sizes: Option<[u32; 3]>,
}

impl ZipEntry {
    /// A file, not packed.
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        Self {
            name: name.to_owned(),
            local_name: name.to_owned(),
            bytes: bytes.to_owned(),
            method: 0,
            flags: 0,
            size: u32::try_from(bytes.len()).unwrap(),
            crc: crc.sum(),
            mode: 0o100_644,
            hidden: Vec::new(),
            local_method: None,
            extra: Vec::new(),
            comment: Vec::new(),
            local_extra: Vec::new(),
            made_by: 3,
            local_sizes: None,
        }
    }

    /// The same, packed.
    pub fn deflated(name: &str, bytes: &[u8]) -> Self {
        let mut packed = flate2::read::DeflateEncoder::new(bytes, flate2::Compression::default());
        let mut entry = Self::new(name, bytes);
        entry.bytes.clear();
        packed.read_to_end(&mut entry.bytes).unwrap();
        entry.method = 8;
        entry
    }
}

/// A ZIP file of these entries, in this order.
pub fn write_zip(entries: &[ZipEntry]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    let short = |bytes: &mut Vec<u8>, values: &[u16]| {
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()))
    };
    let long = |bytes: &mut Vec<u8>, values: &[u32]| {
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()))
    };
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let bytes_of = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap();
    for entry in entries {
        let at = length(&zip);
        let sizes = [entry.crc, length(&entry.bytes), entry.size];
        zip.extend(b"PK\x03\x04");
        let method = entry.local_method.unwrap_or(entry.method);
        short(&mut zip, &[20, entry.flags, method, 0, 0x21]);
        long(&mut zip, &entry.local_sizes.unwrap_or(sizes));
        let name = entry.local_name.as_bytes();
        short(&mut zip, &[bytes_of(name), bytes_of(&entry.local_extra)]);
        zip.extend([name, &entry.local_extra].concat());
        zip.extend(&entry.bytes);
        zip.extend(&entry.hidden);
        directory.extend(b"PK\x01\x02");
        short(
            &mut directory,
            &[entry.made_by << 8 | 20, 20, entry.flags, entry.method, 0, 0x21],
        );
        long(&mut directory, &sizes);
        let (name, extra, comment) = (entry.name.as_bytes(), &entry.extra, &entry.comment);
        let lengths = [bytes_of(name), bytes_of(extra), bytes_of(comment)];
        short(&mut directory, &[&lengths[..], &[0, 0]].concat());
        long(&mut directory, &[entry.mode << 16, at]);
        directory.extend([name, extra, comment].concat());
    }
    let (begin, size) = (length(&zip), length(&directory));
    let count = u16::try_from(entries.len()).unwrap();
    zip.extend(directory);
    zip.extend(b"PK\x05\x06");
    short(&mut zip, &[0, 0, count, count]);
    long(&mut zip, &[size, begin]);
    short(&mut zip, &[0]);
    zip
}
