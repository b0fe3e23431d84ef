//! `_manifest.json`: which files are the lake, and which state of the archive they show.

use std::fs;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::error::LakeError;
use super::layout::Lake;
use crate::archive::{Access, AtomicFile};

/// The number of the layout that this version writes.
pub(super) const LAYOUT: u64 = 1;

/// Describes a lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LakeManifest {
    pub(super) layout: u64,
    /// Version of jobruns that wrote it.
    pub(super) tool_version: String,
    /// GUID of the archive.
    pub(super) archive_id: String,
    /// Name of the site, where several archives share a lake.
    pub(super) site: Option<String>,
    /// Hash of the ledger entry whose state the files show, lower-case hexadecimal.
    pub(super) head: String,
    /// The number of that entry; 0 before the first export is complete.
    pub(super) entry: i64,
    /// The files, ordered by path.
    pub(super) files: Vec<LakeFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LakeFile {
    /// Relative to the lake's folder, with `/`.
    pub(super) path: String,
    /// Which table it is part of.
    pub(super) table: String,
    /// Month or year, such as `2026-01`; null for a table without partitions.
    pub(super) partition: Option<String>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub(super) sha256: String,
    /// The first start of a run in it, UTC; null where it has none.
    pub(super) least_start: Option<String>,
    /// The last start of a run in it.
    pub(super) greatest_start: Option<String>,
}

impl LakeManifest {
    /// Reads the manifest of a lake; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is of a newer layout.
    pub(super) fn read(lake: &Lake) -> Result<Option<Self>, LakeError> {
        let path = lake.manifest();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let why = "it is not UTF-8".to_owned();
                return Err(LakeError::Manifest { path, why });
            }
            Err(error) => return Err(LakeError::io("read", path)(error)),
        };
        let unreadable = |error: serde_json::Error| LakeError::Manifest {
            path: path.clone(),
            why: error.to_string(),
        };
        // The layout first: a newer one may have other fields.
        let value: serde_json::Value = serde_json::from_str(&text).map_err(unreadable)?;
        if let Some(layout) = value.get("layout").and_then(serde_json::Value::as_u64)
            && layout > LAYOUT
        {
            let folder = lake.folder().to_path_buf();
            return Err(LakeError::NewerLayout { folder, layout });
        }
        let manifest: Self = serde_json::from_value(value).map_err(unreadable)?;
        if let Some(file) = manifest
            .files
            .iter()
            .find(|file| !lake.is_path_of_ours(&file.path))
        {
            let why = format!("{:?} is not the path of a file of this lake", file.path);
            return Err(LakeError::Manifest { path, why });
        }
        Ok(Some(manifest))
    }

    /// Replaces the manifest of the lake: from then on its files are those that it names.
    ///
    /// # Errors
    /// I/O errors; the old manifest then stays.
    pub(super) fn write(&self, lake: &Lake) -> Result<(), LakeError> {
        let path = lake.manifest();
        let text = serde_json::to_string_pretty(self).expect("text keys and plain values") + "\n";
        let write = || {
            let file = AtomicFile::begin(&path, Access::Umask)?;
            file.file().write_all(text.as_bytes())?;
            file.replace()
        };
        write().map_err(LakeError::io("write", &path))
    }
}
