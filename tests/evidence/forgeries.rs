//! The table of forgeries in `docs/evidence.md`: each row is done here, by somebody who knows all that is documented, and both
//! `jobruns verify` and `docs/verify.py` must say what the table says.

mod chains;
mod file;
mod forger;
mod list;
mod network;
mod possible;
mod server;

use std::collections::BTreeSet;

#[test]
fn every_row_of_the_table_is_a_test_and_every_test_a_row() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/evidence.md")).unwrap();
    let (_, table) = text.split_once("## Forgeries, and what finds them").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let mut documented = BTreeSet::new();
    for line in table.lines() {
        if let Some((name, _)) = line.strip_prefix("| `").and_then(|rest| rest.split_once('`')) {
            assert!(documented.insert(name), "{name} is there twice");
        }
    }
    let done = file::FORGERIES.iter().map(|row| row.name);
    let done: BTreeSet<&str> = done
        .chain(list::FORGERIES.iter().map(|row| row.name))
        .chain(list::SINCE_A_HEAD)
        .chain(server::FORGERIES.iter().copied())
        .chain(network::FORGERIES.iter().copied())
        .chain(possible::FORGERIES.iter().copied())
        .collect();
    assert_eq!(documented, done);
    assert!(done.len() >= 30);
}
