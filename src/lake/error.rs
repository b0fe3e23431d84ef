//! What can go wrong with a lake.

use std::io;
use std::path::PathBuf;

use crate::archive::ArchiveError;

/// Why a lake was not brought up to date, or not checked. The lake is then as its manifest says.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file or folder of the lake cannot be read or written.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done, such as `write`.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The folder of the lake cannot be created: a file of that name exists, or permission is missing.
    #[error("could not make the folder {}", folder.display())]
    Folder {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The folder has files, but no manifest.
    #[error("{} is not a lake: it has no _manifest.json, but it has {found}", folder.display())]
    NotALake { folder: PathBuf, found: String },
    /// There is no lake in the folder.
    #[error("{} is not a lake: it has no _manifest.json", folder.display())]
    NoLake { folder: PathBuf },
    /// The manifest cannot be read.
    #[error("{} cannot be read as the manifest of a lake: {why}", path.display())]
    Manifest {
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The lake has a layout of a newer version.
    #[error("the lake {} has the layout {layout}, which a newer version of jobruns made", folder.display())]
    NewerLayout {
        folder: PathBuf,
        /// The number that the manifest gives.
        layout: u64,
    },
    /// The lake was made from another archive.
    #[error("the lake {} was made from the archive {lake}, and this is the archive {archive}", folder.display())]
    OtherArchive {
        folder: PathBuf,
        /// Archive id in the manifest.
        lake: String,
        /// Archive id of this archive.
        archive: String,
    },
    /// The archive does not hold the head that the manifest names.
    #[error("this archive does not hold the head {head} of the lake {}: it is an older copy, or its history was changed", folder.display())]
    UnknownHead {
        folder: PathBuf,
        /// The head in the manifest.
        head: String,
    },
    /// Another export writes to the lake.
    #[error("another export is writing to the lake {}", folder.display())]
    Locked { folder: PathBuf },
    /// The export was cancelled.
    #[error("the export was cancelled")]
    Cancelled,
}

impl LakeError {
    /// An I/O error with what was being done, for `map_err`.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
