//! Compares manifest, files and archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use sha2::Digest;

use super::error::LakeError;
use super::export::{part_of, parts};
use super::layout::Lake;
use super::manifest::{LakeFile, LakeManifest};
use super::table::{LakePart, LakeTable};
use crate::archive::{LakeChanges, Snapshot};
use crate::model::{Guid, hex};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeChecked {
    /// Files that the manifest names.
    pub files: u64,
    /// Rows that it gives them.
    pub rows: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// The ledger entry whose state the lake shows.
    pub entry: i64,
    /// Entries that the archive has behind it.
    pub newer_entries: i64,
    /// What is wrong, a sentence each.
    pub findings: Vec<String>,
}

/// Reads every file against the manifest, and the manifest against the archive.
///
/// # Errors
/// There is no lake; it is of a newer layout; the archive or a folder cannot be read.
pub fn check(
    snapshot: &Snapshot<'_>,
    archive_id: Guid,
    lake: &Lake,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<LakeChecked, LakeError> {
    let tables = LakeTable::all();
    let Some(manifest) = LakeManifest::read(lake)? else {
        return Err(LakeError::NoLake {
            folder: lake.folder().to_path_buf(),
        });
    };
    let mut findings = Vec::new();
    let mut bytes = 0;
    for file in &manifest.files {
        if is_cancelled() {
            return Err(LakeError::Cancelled);
        }
        match check_file(&lake.folder().join(&file.path), file, &tables) {
            Ok(read) => bytes += read,
            Err(why) => findings.push(format!("{}: {why}", file.path)),
        }
    }
    let listed: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    for path in lake.files(&tables)? {
        if !listed.contains(path.as_str()) {
            findings.push(format!(
                "{path}: the manifest does not name it, but an engine that reads the folder does"
            ));
        }
    }
    let newer_entries = compare(snapshot, archive_id, &manifest, &tables, &mut findings)?;
    Ok(LakeChecked {
        files: u64::try_from(manifest.files.len()).expect("a length fits"),
        rows: manifest.files.iter().map(|file| file.rows).sum(),
        bytes,
        entry: manifest.entry,
        newer_entries,
        findings,
    })
}

/// The bytes that were read, or what is wrong with the file.
fn check_file(path: &Path, file: &LakeFile, tables: &[LakeTable]) -> Result<u64, String> {
    let Some(table) = tables.iter().find(|table| table.name == file.table) else {
        return Err(format!("there is no table {:?}", file.table));
    };
    let (bytes, sha256) = digest(path).map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes != file.bytes || sha256 != file.sha256 {
        return Err(format!(
            "it has {bytes} bytes with the SHA-256 {sha256}, and the manifest says {} bytes with {}",
            file.bytes, file.sha256
        ));
    }
    let reader = File::open(path).map_err(|error| error.to_string());
    let reader =
        reader.and_then(|file| SerializedFileReader::new(file).map_err(|error| error.to_string()))?;
    let metadata = reader.metadata().file_metadata();
    let columns = metadata.schema_descr().num_columns();
    let expected: usize = table
        .fields
        .iter()
        .map(|field| 1 + usize::from(field.has_exact))
        .sum();
    if columns != expected {
        return Err(format!(
            "it has {columns} columns, and the table {} has {expected}",
            table.name
        ));
    }
    if u64::try_from(metadata.num_rows()) != Ok(file.rows) {
        return Err(format!(
            "it has {} rows, and the manifest says {}",
            metadata.num_rows(),
            file.rows
        ));
    }
    Ok(bytes)
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex(&hasher.finalize())));
        }
        hasher.update(&buffer[..read]);
        bytes += u64::try_from(read).expect("a length fits");
    }
}

/// Compares the manifest with the archive; how many entries the archive has behind the lake's.
fn compare(
    snapshot: &Snapshot<'_>,
    archive_id: Guid,
    manifest: &LakeManifest,
    tables: &[LakeTable],
    findings: &mut Vec<String>,
) -> Result<i64, LakeError> {
    if manifest.archive_id != archive_id.to_string() {
        findings.push(format!(
            "the lake was made from the archive {}, and this is the archive {archive_id}",
            manifest.archive_id
        ));
        return Ok(0);
    }
    if manifest.entry == 0 {
        findings.push("no export to it was ever complete".to_owned());
        return Ok(0);
    }
    if !snapshot.has_head(manifest.entry, &manifest.head)? {
        findings.push(format!(
            "this archive does not hold the head {} of the lake",
            manifest.head
        ));
        return Ok(0);
    }
    if manifest.entry == snapshot.entry_id() {
        let everything = LakeChanges {
            everything: true,
            ..LakeChanges::default()
        };
        for table in tables {
            let expected = parts(snapshot, table, &everything)?;
            let found: BTreeSet<LakePart> = manifest
                .files
                .iter()
                .filter(|file| file.table == table.name)
                .map(|file| part_of(table, file))
                .collect();
            let rows: u64 = manifest
                .files
                .iter()
                .filter(|file| file.table == table.name)
                .map(|file| file.rows)
                .sum();
            let archived = snapshot.rows_of(table.name)?;
            if rows != archived {
                findings.push(format!(
                    "{}: the lake has {rows} rows, and the archive has {archived}",
                    table.name
                ));
            }
            // A month whose runs have no messages has no file.
            if table.name != "messages" && found != expected {
                findings.push(format!(
                    "{}: the lake does not have the partitions that the archive has",
                    table.name
                ));
            }
        }
    }
    Ok(snapshot.entry_id() - manifest.entry)
}
