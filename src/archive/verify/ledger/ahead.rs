//! Reads first those lines that decide how earlier lines are read.

use rusqlite::Connection;

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, Loss};
use crate::archive::storage::zones;
use crate::archive::verify::finding::{Finding, Findings, Remedy};
use crate::archive::verify::state::{InForce, LedgerRemoval, LedgerState, ReindexMark};
use crate::model::NaiveZone;

/// Reads the lines that change how earlier ones are read.
pub(super) fn read_ahead(
    connection: &Connection,
    ledger: &mut LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT entry_id, entry FROM ledger
         WHERE entry GLOB 'reindexed *' OR entry GLOB 'naive-time *' OR entry GLOB 'lost *' OR entry GLOB 'removed *'
         ORDER BY entry_id",
        [],
        "read the ledger",
        |row| {
            let Ok(line) = row.get_ref(1)?.as_str() else {
                return Ok(());
            };
            match LedgerEntry::read(line) {
                Ok(
                    ref entry @ (LedgerEntry::Reindexed { zone, ref rules, .. }
                    | LedgerEntry::NaiveTime { zone, ref rules, .. }),
                ) => {
                    let entry_id = row.get(0)?;
                    if let &LedgerEntry::Reindexed { reader, .. } = entry {
                        ledger.reindexed = Some(ReindexMark { entry_id, reader });
                    }
                    ledger.zones.push(InForce {
                        entry_id,
                        name: zone,
                        rules: rules.clone(),
                        zone: Ok(NaiveZone::Utc),
                    });
                }
                Ok(LedgerEntry::Lost(loss)) => match loss {
                    Loss::Payload { entry_id } => drop(ledger.lost.payloads.insert(entry_id)),
                    Loss::Quarantined { id } => drop(ledger.lost.quarantined.insert(id)),
                    Loss::Results { sync } => drop(ledger.lost.results.insert(sync)),
                    // These count from their own line on: a later line may name the same again.
                    Loss::Name { .. } | Loss::Server { .. } | Loss::Why { .. } | Loss::By { .. } => {}
                },
                Ok(LedgerEntry::Removed(entry)) => {
                    let removal = LedgerRemoval {
                        entry,
                        first_seen: None,
                        absent_since: None,
                    };
                    ledger.removed.entry(entry.run).or_insert(removal);
                }
                // `Pass::apply` takes these.
                _ => {}
            }
            Ok(())
        },
    )?;
    let reread = ledger.reindexed.map_or(0, |again| again.entry_id);
    for zone in &mut ledger.zones {
        zone.zone = zones::kept(connection, zone.name, zone.rules.as_ref())?;
        if let Err(why) = &zone.zone
            && zone.entry_id >= reread
        {
            let place = format!("zone_rules, ledger entry {}", zone.entry_id);
            findings.push(Finding::new(Remedy::Restore, place, why.clone()));
        }
    }
    Ok(())
}
