//! Appending to a list of heads.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::heads::{HeadFileError, PublishedHeads, read_file};
use crate::archive::error::ArchiveError;
use crate::archive::held::wait_while_held;
use crate::archive::read_only::ReadOnly;
use crate::model::{Guid, Instant, Sha256, hex};

/// What became of a line that was to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// The file holds it.
    Appended,
    /// It is the first line of the file, and the archive is older.
    Begun,
    /// The file holds heads of a history that this archive does not have: why nothing was appended.
    Refused(String),
}

/// A line to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadToPublish {
    pub at: Instant,
    /// The number of a sync, or the name of an act.
    pub what: String,
    /// The ledger's head behind it.
    pub head: Sha256,
    /// The archive was made by what ended.
    pub made: bool,
}

impl HeadToPublish {
    /// The line as the list has it.
    #[must_use]
    pub fn line(&self, archive: Option<Guid>) -> String {
        let archive = archive.map_or_else(|| "ARCHIVE_ID".to_owned(), |id| id.to_string());
        format!("{} {} {archive} {}", self.at, self.what, hex(&self.head))
    }
}

/// Appends the head of the archive that `reader` reads; makes the file where there is none (its folder must be there). A file
/// that tells of another history is left as it is, so that neither a rehearsal nor a restored copy can spoil it.
///
/// # Errors
/// The place cannot be written, or the archive not be read. The next sync's line makes up for a missing one: a head seals all
/// that went before.
pub fn publish_head(
    path: &Path,
    reader: &ReadOnly,
    published: &HeadToPublish,
) -> Result<Publication, PublishError> {
    let archive = reader.archive_id()?;
    let mut is_empty = false;
    match std::fs::metadata(path).map(|_| read_file(path)) {
        Ok(Ok(list)) => {
            if let Some(why) = refusal(&list, reader, archive, published)? {
                return Ok(Publication::Refused(why));
            }
            is_empty = list.heads.is_empty();
        }
        // A store that may be written and not read cannot be asked.
        Ok(Err(error)) if error.source.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!("{error}, so nothing says whether its newest head is held");
        }
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => is_empty = true,
    }
    let line = published.line(Some(archive));
    append_line(path, &format!("{line}\n"))?;
    Ok(if is_empty && !published.made {
        Publication::Begun
    } else {
        Publication::Appended
    })
}

/// Why nothing may be appended to the list for this archive.
fn refusal(
    list: &PublishedHeads,
    reader: &ReadOnly,
    archive: Guid,
    published: &HeadToPublish,
) -> Result<Option<String>, ArchiveError> {
    if list.heads.is_empty() && list.has_foreign_lines {
        return Ok(Some(
            "it has lines, and none of them holds a head: this is not a list of heads, or it is damaged"
                .to_owned(),
        ));
    }
    if published.made || list.heads.is_empty() {
        return Ok(None);
    }
    let Some(newest) = list.heads.iter().rfind(|line| line.is_of(Some(archive))) else {
        return Ok(Some(format!(
            "it has lines, and none of this archive, which was not created by this command. \
             If this archive is to use this list, whoever keeps the list appends: {}",
            published.line(Some(archive))
        )));
    };
    if reader.holds(&newest.head)? || reader.acknowledges(list, archive)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "its newest head of this archive, in line {}, is not held: this is an older copy of the archive, or a changed one",
        newest.line
    )))
}

/// A head could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    List(#[from] HeadFileError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

fn append_line(path: &Path, line: &str) -> Result<(), HeadFileError> {
    let failed = |source| HeadFileError {
        doing: "append to",
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::with_capacity(line.len() + 1);
    if ends_within_a_line(path) {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    let mut file =
        wait_while_held(|| OpenOptions::new().append(true).create(true).open(path)).map_err(failed)?;
    // One write, so that two archives may share a file without mixing their lines.
    file.write_all(&bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Whether the last line of the file was cut. A store that may be written and not read cannot say.
fn ends_within_a_line(path: &Path) -> bool {
    let last = || -> io::Result<u8> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    last().is_ok_and(|byte| byte != b'\n')
}

#[cfg(test)]
mod tests {
    use super::super::heads::read_heads;
    use super::*;
    use crate::archive::Writer;

    fn archive(folder: &Path, name: &str) -> ReadOnly {
        let path = folder.join(name);
        drop(Writer::open(&path).unwrap());
        ReadOnly::open(&path).unwrap()
    }

    fn to_publish(reader: &ReadOnly, made: bool) -> HeadToPublish {
        HeadToPublish {
            at: Instant::from_unix_seconds(12),
            what: "1".to_owned(),
            head: reader.verify(&[]).unwrap().head,
            made,
        }
    }

    #[test]
    fn a_list_is_only_appended_to_by_the_archive_whose_newest_head_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.txt");
        let (ours, other) = (archive(folder.path(), "a.db"), archive(folder.path(), "b.db"));
        let publish =
            |reader: &ReadOnly, made| publish_head(&path, reader, &to_publish(reader, made)).unwrap();
        assert_eq!(publish(&ours, false), Publication::Begun);
        assert_eq!(publish(&ours, false), Publication::Appended);
        let before = std::fs::read_to_string(&path).unwrap();
        let line = format!(
            "1970-01-01T00:00:12Z 1 {} {}\n",
            ours.archive_id().unwrap(),
            hex(&to_publish(&ours, false).head)
        );
        assert_eq!(before, line.repeat(2));
        assert!(
            matches!(publish(&other, false), Publication::Refused(why) if why.contains("none of this archive"))
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        assert_eq!(publish(&other, true), Publication::Appended);
        // What this archive does not hold any more, an older copy is not to go on from.
        let id = ours.archive_id().unwrap();
        append_line(
            &path,
            &format!("1970-01-01T00:00:13Z 2 {id} {}\n", "cd".repeat(32)),
        )
        .unwrap();
        assert!(matches!(publish(&ours, false), Publication::Refused(why) if why.contains("is not held")));
        assert_eq!(publish(&other, false), Publication::Appended);
    }

    #[test]
    fn a_line_that_was_cut_is_left_and_told_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.txt");
        std::fs::write(&path, "1970-01-01T00:00:12Z 1 abab").unwrap();
        let ours = archive(folder.path(), "a.db");
        publish_head(&path, &ours, &to_publish(&ours, false)).unwrap();
        let published = read_heads(&path).unwrap();
        assert_eq!((published.heads.len(), published.unreadable_lines), (1, vec![1]));
    }
}
