//! Any text as a time: no panic, and what is read in UTC reads back from how it is shown.
#![no_main]

use jobruns::model::{NaiveZone, TimeReading};
use jobruns::decode::time;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    if let TimeReading::At(instant, _) = time::read(raw, NaiveZone::Utc) {
        let shown = instant.to_string();
        assert_eq!(
            time::read(&shown, NaiveZone::Utc).instant(),
            Some(instant),
            "{shown}"
        );
    }
    for zone in ["Europe/Berlin", "Pacific/Apia", "Asia/Kolkata"] {
        let _ = time::read(raw, zone.parse().expect("a known zone"));
    }
});
