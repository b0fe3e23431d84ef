//! What a manifest says of the options: names and order are what other programs read.

use std::time::Duration;

use crate::model::{Instant, named};
use crate::report::html::Present;
use crate::report::options::{PurgeAgeFlag, Span};
use crate::report::reports::{AssetErrors, Changes, Coverage, FailureTrends, Messages, MissedRuns};
use crate::report::{CommonOptions, Ready};

const COMMON: &str = r#""since":"1970-01-01T00:16:40Z","until":null,"timezone":"Europe/Berlin","job":["A"],"include_absent":true"#;

fn described<R: Present>(report: R) -> String {
    let common = CommonOptions {
        since: Some(Instant::from_unix_seconds(1000)),
        until: None,
        zone: named("Europe/Berlin"),
        jobs: vec!["A".to_owned()],
        include_absent: true,
        purge_age: None,
    };
    let ready = Ready::new(report, common, Instant::from_unix_seconds(0)).unwrap();
    let json = serde_json::to_string(&ready).unwrap();
    json.replace(COMMON, "COMMON")
}

#[test]
fn options_are_described_with_their_names_and_in_their_order() {
    assert_eq!(described(Changes {}), "{COMMON}");
    assert_eq!(described(Coverage::default()), "{COMMON}");
    let gaps = Coverage {
        gaps: true,
        purge_age: PurgeAgeFlag {
            purge_age: Some(Duration::from_secs(86_400)),
        },
    };
    assert_eq!(
        described(gaps),
        r#"{COMMON,"gaps":true,"purge_age_seconds":86400}"#
    );
    assert_eq!(described(MissedRuns::default()), r#"{COMMON,"factor":"2.5"}"#);
    let compared = FailureTrends {
        compare: Span {
            since: Instant::from_unix_seconds(0),
            until: Instant::from_unix_seconds(1),
        }
        .into(),
        ..FailureTrends::default()
    };
    assert_eq!(
        described(compared),
        r#"{COMMON,"by":"day","all_jobs":false,"fill":false,"compare_since":"1970-01-01T00:00:00Z","compare_until":"1970-01-01T00:00:01Z"}"#
    );
    assert_eq!(
        described(AssetErrors::default()),
        r#"{COMMON,"top":null,"min":0,"category":[],"asset":[],"asset_type":[],"owner":[],"group_by":"asset","compare_since":null,"compare_until":null}"#
    );
    assert_eq!(
        described(Messages::default()),
        r#"{COMMON,"status":[],"category":[],"asset":[],"asset_type":[],"owner":[],"search":null}"#
    );
}
