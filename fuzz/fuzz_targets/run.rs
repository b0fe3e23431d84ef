//! Any bytes as a run: no panic, the same fields with and without the hash, and quarantined bytes as received.
#![no_main]

use jobruns::model::NaiveZone;
use jobruns::decode::{read_run, read_run_fields};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let fields = read_run_fields(bytes, NaiveZone::Utc);
    match read_run(bytes, NaiveZone::Utc) {
        Ok(read) => {
            let fields = fields.expect("readable with the hash, readable without");
            assert_eq!(format!("{fields:?}"), format!("{:?}", read.run));
            for bad in read.run.unreadable_messages() {
                assert!(bytes.windows(bad.bytes.len()).any(|window| window == bad.bytes));
            }
        }
        Err(error) => assert_eq!(fields.expect_err("unreadable in both"), error),
    }
});
