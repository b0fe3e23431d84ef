//! The paths and names of the files of a lake.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::LakeError;
use super::table::LakeTable;

/// The value that engines take for NULL in a partition's folder.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Name of a site that shares a lake with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteName(String);

impl FromStr for SiteName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || text.starts_with(['.', '_']) || !text.bytes().all(is_plain) {
            return Err(
                "a site's name is made of letters, digits and `-`, and of `_` and `.` after the first"
                    .to_owned(),
            );
        }
        Ok(Self(text.to_owned()))
    }
}

/// A lake's folder, and the site whose part of it is meant.
#[derive(Debug, Clone)]
pub struct Lake {
    folder: PathBuf,
    site: Option<SiteName>,
}

/// The right to write to a lake, released when dropped.
#[derive(Debug)]
pub(super) struct LakeLock(File);

impl Drop for LakeLock {
    fn drop(&mut self) {
        // Closing the file, which follows, releases it in any case.
        drop(self.0.unlock());
    }
}

impl Lake {
    /// The lake in `folder`, which need not exist.
    #[must_use]
    pub const fn new(folder: PathBuf, site: Option<SiteName>) -> Self {
        Self { folder, site }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn site(&self) -> Option<&str> {
        self.site.as_ref().map(|site| site.0.as_str())
    }

    /// `site=NAME/` where there is a site.
    fn site_folder(&self) -> String {
        self.site()
            .map_or_else(String::new, |site| format!("site={site}/"))
    }

    /// The folder of manifest and lock.
    fn own_folder(&self) -> PathBuf {
        self.folder.join(self.site_folder())
    }

    pub(super) fn manifest(&self) -> PathBuf {
        self.own_folder().join("_manifest.json")
    }

    /// The path of a file, relative to the lake.
    pub(super) fn relative(
        &self,
        table: &LakeTable,
        partition: Option<&Option<String>>,
        name: &str,
    ) -> String {
        let mut path = format!("{}/{}", table.name, self.site_folder());
        if let Some((unit, value)) = table.partition.zip(partition) {
            let unit = unit.unit();
            path += &format!("{unit}={}/", value.as_deref().unwrap_or(NULL_PARTITION));
        }
        path + name
    }

    /// Whether a manifest may name this path: one that leads elsewhere must not be deleted.
    pub(super) fn is_path_of_ours(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let site = self.site_folder();
        path.split_once('/')
            .is_some_and(|(_, rest)| rest.starts_with(&site))
            && parts
                .iter()
                .all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':']))
            && parts.last().is_some_and(|name| file_entry(name).is_some())
    }

    /// Makes the folder and takes the lock.
    ///
    /// # Errors
    /// The folder cannot be made; another export has the lock; I/O errors.
    pub(super) fn lock(&self) -> Result<LakeLock, LakeError> {
        let folder = self.own_folder();
        fs::create_dir_all(&folder).map_err(|source| LakeError::Folder {
            folder: folder.clone(),
            source,
        })?;
        let path = folder.join("_lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(LakeError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(LakeLock(file)),
            Err(TryLockError::WouldBlock) => Err(LakeError::Locked {
                folder: self.folder.clone(),
            }),
            Err(TryLockError::Error(error)) => Err(LakeError::io("lock", path)(error)),
        }
    }

    /// The name of something that is in the way of this lake and does not belong to a lake.
    pub(super) fn foreign(&self, tables: &[LakeTable]) -> Result<Option<String>, LakeError> {
        for entry in entries(&self.own_folder())? {
            let name = entry.to_string_lossy().into_owned();
            let is_table = self.site.is_none() && tables.iter().any(|table| table.name == name);
            if name != "_lock" && !name.starts_with("._manifest.json.") && !is_table {
                return Ok(Some(name));
            }
        }
        let files = self.files(tables)?;
        Ok(files.into_iter().find(|path| {
            let name = path.rsplit('/').next().unwrap_or_default();
            !name.starts_with('.')
        }))
    }

    /// The files in the folders of the tables, of this site where there is one: paths relative to the lake.
    pub(super) fn files(&self, tables: &[LakeTable]) -> Result<Vec<String>, LakeError> {
        let mut files = Vec::new();
        for table in tables {
            let root = format!("{}/{}", table.name, self.site_folder());
            for name in entries(&self.folder.join(&root))? {
                let name = name.to_string_lossy().into_owned();
                let path = format!("{root}{name}");
                if !self.folder.join(&path).is_dir() {
                    files.push(path);
                } else if table
                    .partition
                    .is_some_and(|partition| name.starts_with(&format!("{}=", partition.unit())))
                {
                    let inner = entries(&self.folder.join(&path))?;
                    files.extend(
                        inner
                            .into_iter()
                            .map(|name| format!("{path}/{}", name.to_string_lossy())),
                    );
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

/// The ledger entry and the number that a file of a lake has in its name, `ENTRY-N.parquet`.
pub(super) fn file_entry(name: &str) -> Option<(i64, u64)> {
    let (entry, number) = name.strip_suffix(".parquet")?.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(entry) || !is_number(number) {
        return None;
    }
    Some((entry.parse().ok()?, number.parse().ok()?))
}

/// Whether an export began or wrote a file of this name: if no manifest names it, it may be deleted.
pub(super) fn is_ours(name: &str) -> bool {
    let finished = name.strip_prefix('_').and_then(|name| name.strip_suffix(".tmp"));
    file_entry(finished.unwrap_or(name)).is_some()
}

/// Names in a folder, sorted; none where there is no folder.
fn entries(folder: &Path) -> Result<Vec<std::ffi::OsString>, LakeError> {
    let read = || -> io::Result<Vec<std::ffi::OsString>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name());
        }
        names.sort();
        Ok(names)
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(LakeError::io("read the folder", folder)),
    }
}
