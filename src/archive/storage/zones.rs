//! The rules of time zones that the archive keeps, so that times without offset are read alike on every machine.

use rusqlite::{Connection, params};
use sha2::Digest;

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::Rules;
use crate::model::{NaiveZone, Sha256, Zone, ZoneName, hex};

/// Keeps the rules by which a line says that times are read.
pub(in crate::archive) fn keep(connection: &Connection, zone: NaiveZone) -> Result<(), ArchiveError> {
    let Some(rules) = zone.rules() else {
        return Ok(());
    };
    connection
        .run(
            "INSERT OR IGNORE INTO _zone_rules (sha256, zone, release, tzif) VALUES (?1, ?2, ?3, ?4)",
            params![rules.sha256(), rules.name(), rules.version(), rules.tzif()],
            "keep the rules of a time zone",
        )
        .map(drop)
}

/// The zone by the rules that the archive keeps; says why where it cannot be had.
pub(in crate::archive) fn kept(
    connection: &Connection,
    name: ZoneName,
    rules: Option<&Rules>,
) -> Result<Result<NaiveZone, String>, ArchiveError> {
    let Rules { sha256, release } = match rules {
        None if name == ZoneName::UTC => return Ok(Ok(NaiveZone::Utc)),
        None => return Ok(Err(format!("the ledger names no rules of {name}"))),
        Some(_) if name == ZoneName::UTC => return Ok(Err("UTC has no rules".to_owned())),
        Some(rules) => rules,
    };
    let tzif: Option<Vec<u8>> = connection.optional(
        "SELECT tzif FROM _zone_rules WHERE sha256 = ?1 AND zone = ?2 AND release = ?3",
        params![sha256, name.as_str(), release],
        "read the rules of a time zone",
        |row| row.get(0),
    )?;
    let Some(tzif) = tzif else {
        return Ok(Err(format!(
            "the rules of {name} of release {release} with the SHA-256 {} are missing",
            hex(sha256)
        )));
    };
    if <Sha256>::from(sha2::Sha256::digest(&tzif)) != *sha256 {
        return Ok(Err(format!(
            "the rules of {name} do not have the SHA-256 {}",
            hex(sha256)
        )));
    }
    Ok(Zone::from_tzif(name, release, tzif)
        .map(NaiveZone::Iana)
        .map_err(|error| error.to_string()))
}

/// The zone in which times without offset are read, by the rules that the archive keeps; `None` before the first sync.
pub(in crate::archive) fn remembered(connection: &Connection) -> Result<Option<NaiveZone>, ArchiveError> {
    let (name, sha256, release): (Option<String>, Option<Sha256>, Option<String>) = connection.one(
        "SELECT naive_time, zone_rules, zone_release FROM _archive",
        [],
        "read the zone of times without offset",
        |row| row.try_into(),
    )?;
    let Some(name) = name else { return Ok(None) };
    let damaged = |why: String| ArchiveError::Damaged {
        what: format!("its zone of times without offset cannot be read: {why}"),
    };
    let name = name.parse().map_err(|error| damaged(format!("{error}")))?;
    let rules = sha256
        .zip(release)
        .map(|(sha256, release)| Rules { sha256, release });
    kept(connection, name, rules.as_ref())?.map_err(damaged).map(Some)
}

/// The same zone by this program's rules, where these are newer.
pub(in crate::archive) fn newest(zone: NaiveZone) -> NaiveZone {
    let Some(kept) = zone.rules() else { return zone };
    NaiveZone::Iana(Zone::newest(kept.name()).map_or(kept, |ours| kept.or_newer(ours)))
}
