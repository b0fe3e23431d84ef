//! The texts that ledger lines name by their hash: the reasons that people gave, and who acted.

use std::collections::HashMap;

use rusqlite::Connection;

use super::finding::{Finding, Findings, Remedy};
use super::state::LedgerState;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::text_hash;
use crate::model::{Sha256, hex};

/// The name of a table, and the query of its hashes and texts.
pub(super) const ACTORS: (&str, &str) = ("_actor", "SELECT by_sha256, actor FROM _actor");
pub(super) const REASONS: (&str, &str) = ("_reason", "SELECT why_sha256, why FROM _reason");

/// The texts of a table that have the hash of their row.
pub(super) fn sound_texts(
    connection: &Connection,
    (_, sql): (&str, &str),
) -> Result<HashMap<Sha256, String>, ArchiveError> {
    let mut texts = HashMap::new();
    connection.each(sql, [], "read the texts of the ledger's lines", |row| {
        if let (Ok(hash), Ok(text)) = (row.get::<_, Sha256>(0), row.get::<_, String>(1))
            && text_hash(&text) == hash
        {
            texts.insert(hash, text);
        }
        Ok(())
    })?;
    Ok(texts)
}

/// Compares the reasons that people gave.
pub(super) fn check_reasons(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    check_texts(connection, REASONS, ledger.reasons.clone(), findings)
}

/// Compares who acted.
pub(super) fn check_actors(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    check_texts(connection, ACTORS, ledger.actors.clone(), findings)
}

/// Compares the texts of a table with the hashes that lines name.
fn check_texts(
    connection: &Connection,
    (table, sql): (&str, &str),
    mut missing: HashMap<Sha256, i64>,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let mut wrong = |hash: &Sha256, what| {
        let place = format!("{table}, {}", hex(hash));
        findings.push(Finding::new(Remedy::Restore, place, what));
    };
    connection.each(sql, [], "read the texts of the ledger's lines", |row| {
        let hash: Sha256 = row.get(0)?;
        let sound = row.get_ref(1)?.as_str().is_ok_and(|text| text_hash(text) == hash);
        if !sound || missing.remove(&hash).is_none() {
            wrong(&hash, "no line of the ledger tells of this text");
        }
        Ok(())
    })?;
    for hash in missing.into_keys() {
        wrong(&hash, "it is not there, and the ledger tells of it");
    }
    Ok(())
}
