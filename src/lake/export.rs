//! Brings a lake up to date.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use super::assets;
use super::error::LakeError;
use super::file::{DataFile, WrittenFile};
use super::layout::{Lake, file_entry, is_ours};
use super::manifest::{LAYOUT, LakeFile, LakeManifest};
use super::messages;
use super::rows;
use super::table::{LakePart, LakeTable, Partition};
use crate::archive::{LakeChanges, MessageReader, Snapshot, wait_while_held};
use crate::model::{Guid, Instant, Sha256, hex};

/// Rows after which a partition continues in another file.
const FILE_ROWS: u64 = 1 << 23;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// Files that were written and are now part of the lake.
    pub files_written: u64,
    /// Files that are no longer part of the lake and were deleted.
    pub files_removed: u64,
    /// Rows in the files that were written.
    pub rows_written: u64,
    /// All files of the lake.
    pub files: u64,
    /// Rows in all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Brings the lake to the state that the snapshot shows; with `full` every file is rewritten.
///
/// Where the ledger has no new entry, no file is touched, unless one is missing or has another length than the manifest
/// says: its partition is then rewritten. `is_cancelled` is called between runs.
///
/// # Errors
/// Something else lies in the folder, or the lake of another archive, of a newer version, or of a state that this archive
/// does not hold; another export writes to it; the archive or a file cannot be read or written.
pub fn export(
    snapshot: &Snapshot<'_>,
    archive_id: Guid,
    lake: &Lake,
    full: bool,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Exported, LakeError> {
    let tables = LakeTable::all();
    let _lock = lake.lock()?;
    let mut manifest = begin(lake, archive_id, &tables)?;
    if !full {
        check_head(snapshot, lake, &manifest)?;
    }
    let mut removed = remove_unlisted(lake, &manifest, &tables)?;
    let broken = broken_files(lake, &manifest);
    let changes = if !full && manifest.entry > 0 {
        if manifest.entry == snapshot.entry_id() && broken.is_empty() {
            return Ok(Exported {
                files_removed: removed,
                ..Exported::of(&manifest)
            });
        }
        snapshot.changes_since(manifest.entry)?
    } else {
        LakeChanges {
            everything: true,
            ..LakeChanges::default()
        }
    };

    let mut writer = LakeWriter {
        snapshot,
        lake,
        reader: snapshot.message_reader()?,
        is_cancelled,
    };
    let mut files: Vec<LakeFile> = Vec::new();
    let mut written = Exported::default();
    for table in &tables {
        let mut parts = parts(snapshot, table, &changes)?;
        let of_table = broken.iter().filter(|file| file.table == table.name);
        parts.extend(of_table.map(|file| part_of(table, file)));
        let (old, kept) = manifest.files.drain(..).partition::<Vec<_>, _>(|file| {
            file.table == table.name && (changes.everything || parts.contains(&part_of(table, file)))
        });
        manifest.files = kept;
        for part in parts {
            let old: Vec<LakeFile> = old
                .iter()
                .filter(|file| part_of(table, file) == part)
                .cloned()
                .collect();
            let is_rewritten = full || old.iter().any(|file| broken.contains(file));
            let new = writer.write(table, &part, &old, is_rewritten)?;
            for file in &new {
                if !old.contains(file) {
                    written.files_written += 1;
                    written.rows_written += file.rows;
                }
            }
            files.extend(new);
        }
    }
    manifest.files.append(&mut files);
    manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
    manifest.tool_version = env!("CARGO_PKG_VERSION").to_owned();
    manifest.head = hex(&snapshot.head());
    manifest.entry = snapshot.entry_id();
    manifest.write(lake)?;
    removed += remove_unlisted(lake, &manifest, &tables)?;
    Ok(Exported {
        files_removed: removed,
        files_written: written.files_written,
        rows_written: written.rows_written,
        ..Exported::of(&manifest)
    })
}

impl Exported {
    fn of(manifest: &LakeManifest) -> Self {
        Self {
            files: u64::try_from(manifest.files.len()).expect("a length fits"),
            rows: manifest.files.iter().map(|file| file.rows).sum(),
            bytes: manifest.files.iter().map(|file| file.bytes).sum(),
            ..Self::default()
        }
    }
}

/// The manifest; where the folder is empty, one without files, so that what a killed export leaves is known as ours.
fn begin(lake: &Lake, archive_id: Guid, tables: &[LakeTable]) -> Result<LakeManifest, LakeError> {
    let folder = || lake.folder().to_path_buf();
    let archive_id = archive_id.to_string();
    let Some(manifest) = LakeManifest::read(lake)? else {
        if let Some(found) = lake.foreign(tables)? {
            return Err(LakeError::NotALake {
                folder: folder(),
                found,
            });
        }
        let manifest = LakeManifest {
            layout: LAYOUT,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            archive_id,
            site: lake.site().map(str::to_owned),
            head: hex(&Sha256::default()),
            entry: 0,
            files: Vec::new(),
        };
        manifest.write(lake)?;
        return Ok(manifest);
    };
    if manifest.archive_id != archive_id {
        return Err(LakeError::OtherArchive {
            folder: folder(),
            lake: manifest.archive_id,
            archive: archive_id,
        });
    }
    Ok(manifest)
}

/// Refuses a lake whose head is not in the archive's ledger.
fn check_head(snapshot: &Snapshot<'_>, lake: &Lake, manifest: &LakeManifest) -> Result<(), LakeError> {
    if snapshot.has_head(manifest.entry, &manifest.head)? {
        return Ok(());
    }
    Err(LakeError::UnknownHead {
        folder: lake.folder().to_path_buf(),
        head: manifest.head.clone(),
    })
}

/// The part of its table that a file belongs to.
pub(super) fn part_of(table: &LakeTable, file: &LakeFile) -> LakePart {
    match table.partition {
        None => LakePart::Whole,
        Some(_) => LakePart::Of(file.partition.clone()),
    }
}

/// The parts of a table that the changes touch.
pub(super) fn parts(
    snapshot: &Snapshot<'_>,
    table: &LakeTable,
    changes: &LakeChanges,
) -> Result<BTreeSet<LakePart>, LakeError> {
    let cut = |start: &Option<Instant>, characters: usize| {
        LakePart::Of(start.map(|start| start.to_string()[..characters].to_owned()))
    };
    let of = |starts: BTreeSet<Option<String>>| starts.into_iter().map(LakePart::Of).collect();
    let with_messages = changes.runs_with_messages.iter();
    Ok(match table.partition {
        Some(Partition::MonthOfStart) if changes.everything => of(snapshot.starts(7)?),
        Some(Partition::YearOfStart) if changes.everything => of(snapshot.starts(4)?),
        Some(Partition::YearOfCapture) if changes.everything => {
            of(snapshot.revision_years()?.into_iter().map(Some).collect())
        }
        Some(Partition::MonthOfStart) => with_messages.map(|start| cut(start, 7)).collect(),
        Some(Partition::YearOfStart) => with_messages
            .chain(&changes.runs)
            .map(|start| cut(start, 4))
            .collect(),
        Some(Partition::YearOfCapture) => changes.revisions.iter().map(|at| cut(&Some(*at), 4)).collect(),
        None => {
            let is_touched = changes.everything
                || match table.name {
                    "jobs" => changes.jobs,
                    "syncs" | "sync_jobs" => changes.syncs,
                    "quarantine" => changes.quarantine,
                    "holds" => changes.holds,
                    "removed_runs" => changes.removed_runs,
                    "assets" => !changes.runs_with_messages.is_empty(),
                    "job_statuses" => false,
                    name => unreachable!("{name} is in no partition, and nothing says when it changes"),
                };
            is_touched.then_some(LakePart::Whole).into_iter().collect()
        }
    })
}

/// Files that are not there, or not as long as the manifest says; `check` reads them whole.
fn broken_files(lake: &Lake, manifest: &LakeManifest) -> Vec<LakeFile> {
    let is_broken = |file: &&LakeFile| {
        let metadata = fs::metadata(lake.folder().join(&file.path));
        metadata.map_or(true, |metadata| metadata.len() != file.bytes)
    };
    manifest.files.iter().filter(is_broken).cloned().collect()
}

/// Deletes files of an export that the manifest does not name: superseded ones, and those of a killed export. How many.
fn remove_unlisted(lake: &Lake, manifest: &LakeManifest, tables: &[LakeTable]) -> Result<u64, LakeError> {
    let listed: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    let mut removed = 0;
    for path in lake.files(tables)? {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if listed.contains(path.as_str()) || !is_ours(name) {
            continue;
        }
        let full = lake.folder().join(&path);
        wait_while_held(|| fs::remove_file(&full)).map_err(LakeError::io("delete", &full))?;
        removed += 1;
        if folder.contains('=') {
            // It stays where it is not empty.
            match fs::remove_dir(lake.folder().join(folder)) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(LakeError::io("delete", lake.folder().join(folder))(error));
                }
                _ => {}
            }
        }
    }
    Ok(removed)
}

struct LakeWriter<'s> {
    snapshot: &'s Snapshot<'s>,
    lake: &'s Lake,
    reader: MessageReader<'s>,
    is_cancelled: &'s dyn Fn() -> bool,
}

impl LakeWriter<'_> {
    /// Writes a part of a table, unless its files would have the bytes that the old ones have.
    fn write(
        &mut self,
        table: &LakeTable,
        part: &LakePart,
        old: &[LakeFile],
        full: bool,
    ) -> Result<Vec<LakeFile>, LakeError> {
        let entry = self.snapshot.entry_id();
        let number_of = |file: &LakeFile| file.path.rsplit('/').next().and_then(file_entry);
        let used = old.iter().filter_map(number_of).filter(|(at, _)| *at == entry);
        let first = used.map(|(_, number)| number + 1).max().unwrap_or(0);
        let partition = match part {
            LakePart::Whole => None,
            LakePart::Of(value) => Some(value),
        };
        let path = |number: u64| {
            self.lake
                .relative(table, partition, &format!("{entry}-{number}.parquet"))
        };
        let begin = |number: u64| DataFile::begin(self.lake.folder().join(path(number)), table);

        let mut written: Vec<WrittenFile> = Vec::new();
        let mut number = first;
        let mut file = begin(number)?;
        if table.name == "messages" {
            for run in self.snapshot.partition_runs(part.value())? {
                if (self.is_cancelled)() {
                    return Err(LakeError::Cancelled);
                }
                if file.rows() >= FILE_ROWS {
                    number += 1;
                    written.push(std::mem::replace(&mut file, begin(number)?).finish()?);
                }
                messages::write(&mut self.reader, &run, &mut file)?;
            }
        } else if table.name == "assets" {
            assets::write(self.snapshot, &mut file)?;
        } else {
            rows::write(table, self.snapshot, part, &mut file)?;
        }
        // A partition without rows has no file; a table without partitions always has one, for its columns.
        if file.rows() > 0 || (partition.is_none() && written.is_empty()) {
            written.push(file.finish()?);
        } else {
            drop(file);
        }
        let new: Vec<LakeFile> = (first..)
            .zip(&written)
            .map(|(number, file)| LakeFile {
                path: path(number),
                table: table.name.to_owned(),
                partition: part.value().map(str::to_owned),
                rows: file.rows,
                bytes: file.bytes,
                sha256: file.sha256.clone(),
                least_start: file.starts.map(|(least, _)| least.to_string()),
                greatest_start: file.starts.map(|(_, greatest)| greatest.to_string()),
            })
            .collect();
        let digests = |files: &[LakeFile]| files.iter().map(|file| file.sha256.clone()).collect::<Vec<_>>();
        if !full && digests(&new) == digests(old) {
            return Ok(old.to_vec());
        }
        for file in written {
            file.rename()?;
        }
        Ok(new)
    }
}
