//! Payloads by ledger entry, unpacked and checked against their hash.

use rusqlite::Connection;
use sha2::Digest;

use super::payload::{MOST_BYTES, UnpackError, Unpacker};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::WITHOUT_EVIDENCE;
use crate::archive::ledger::entry::{LedgerEntry, RevisionEntry};
use crate::model::{Sha256, hex};

/// Unpackers that are kept: more than jobs whose runs lie beside each other in an archive.
const MAX_UNPACKERS: usize = 24;

/// Reads payloads one after the other; holds one of them.
#[derive(Debug, Default)]
pub(in crate::archive) struct Payloads {
    /// By key of the dictionary, the one used last at the end.
    unpackers: Vec<(Option<i64>, Unpacker)>,
    bytes: Vec<u8>,
}

/// Why a payload is not what the ledger names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) enum Unsound {
    /// There is none.
    Missing,
    /// There is one that cannot be unpacked.
    Packed(String),
    /// Its bytes have another hash.
    Hash(Sha256),
}

impl Unsound {
    /// What is wrong, after "its payload".
    pub(in crate::archive) fn words(&self) -> String {
        match self {
            Self::Missing => "its bytes are missing".to_owned(),
            Self::Packed(why) => format!("it cannot be unpacked: {why}"),
            Self::Hash(_) => "its bytes do not have the hash that the ledger names".to_owned(),
        }
    }

    /// The hash that was found, where there was one.
    pub(in crate::archive) fn found(&self) -> Option<String> {
        match self {
            Self::Hash(hash) => Some(hex(hash)),
            Self::Missing | Self::Packed(_) => None,
        }
    }
}

impl Payloads {
    /// The bytes of the revision that the ledger records as `entry`, its entry `entry_id`.
    pub(in crate::archive) fn read(
        &mut self,
        connection: &Connection,
        entry_id: i64,
        entry: &RevisionEntry,
    ) -> Result<Result<&[u8], Unsound>, ArchiveError> {
        // Only what the ledger says that it has: a damaged frame must not ask for more.
        let limit = usize::try_from(entry.bytes).unwrap_or(usize::MAX);
        let mut bytes = std::mem::take(&mut self.bytes);
        let unpacked = connection.cached().try_optional::<_, ArchiveError>(
            "SELECT dictionary_key, data FROM payload WHERE entry_id = ?1",
            [entry_id],
            "read a payload",
            |row| {
                let key = row.get(0)?;
                let Ok(packed) = row.get_ref(1)?.as_blob() else {
                    return Ok(Err("it is not a BLOB".to_owned().into()));
                };
                Ok(match self.unpacker(connection, key)? {
                    Some(unpacker) => unpacker.unpack(packed, limit, &mut bytes),
                    None => Err("its dictionary is missing".to_owned().into()),
                })
            },
        )?;
        self.bytes = bytes;
        match unpacked {
            None => return Ok(Err(Unsound::Missing)),
            Some(Ok(())) => {}
            Some(Err(UnpackError::Damaged(why))) => return Ok(Err(Unsound::Packed(why))),
            Some(Err(UnpackError::NoMemory(size))) => {
                let what = format!("a run of {size} bytes (ledger entry {entry_id})");
                return Err(ArchiveError::NoMemory { what });
            }
        }
        let hash = <Sha256>::from(sha2::Sha256::digest(&self.bytes));
        Ok(if hash == entry.sha256 {
            Ok(&self.bytes)
        } else {
            Err(Unsound::Hash(hash))
        })
    }

    /// The unpacker of a dictionary; `None` where that is not there.
    fn unpacker(
        &mut self,
        connection: &Connection,
        key: Option<i64>,
    ) -> Result<Option<&mut Unpacker>, ArchiveError> {
        let place = match self.unpackers.iter().rposition(|(known, _)| *known == key) {
            Some(place) => place,
            None => {
                let Some(unpacker) = new_unpacker(connection, key)? else {
                    return Ok(None);
                };
                if self.unpackers.len() == MAX_UNPACKERS {
                    self.unpackers.remove(0);
                }
                self.unpackers.push((key, unpacker));
                self.unpackers.len() - 1
            }
        };
        let last = self.unpackers.len() - 1;
        self.unpackers[place..].rotate_left(1);
        Ok(Some(&mut self.unpackers[last].1))
    }
}

/// How many bytes the ledger says that the payload of a revision has; 0 where it says nothing of it.
pub(in crate::archive) fn reported_bytes(
    connection: &Connection,
    entry_id: i64,
) -> Result<usize, ArchiveError> {
    if WITHOUT_EVIDENCE {
        return Ok(MOST_BYTES);
    }
    let line: Option<String> = connection.cached().optional(
        "SELECT entry FROM ledger WHERE entry_id = ?1",
        [entry_id],
        "read the ledger",
        |row| row.get(0),
    )?;
    Ok(match line.as_deref().map(LedgerEntry::read) {
        Some(Ok(LedgerEntry::Revision(entry))) => usize::try_from(entry.bytes).unwrap_or(usize::MAX),
        _ => 0,
    })
}

fn new_unpacker(connection: &Connection, key: Option<i64>) -> Result<Option<Unpacker>, ArchiveError> {
    let dictionary: Option<Vec<u8>> = match key {
        None => None,
        Some(key) => {
            let found = connection.cached().optional(
                "SELECT bytes FROM dictionary WHERE dictionary_key = ?1",
                [key],
                "read a dictionary",
                |row| row.get(0),
            )?;
            let Some(found) = found else { return Ok(None) };
            Some(found)
        }
    };
    Unpacker::new(dictionary.as_deref())
        .map(Some)
        .map_err(|why| ArchiveError::Damaged {
            what: format!("a dictionary cannot be used: {why}"),
        })
}
