//! Names of files with a day in them.

use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};

use crate::model::{Instant, Zone};
use crate::report::local_day;

/// The path with the day in place of each `{date}` (`2026-01-31`), and the name of the day in place of each `{weekday}`
/// (`saturday`).
pub(crate) fn dated(path: &Path, day: NaiveDate) -> PathBuf {
    let Some(text) = path.to_str().filter(|text| text.contains('{')) else {
        return path.to_path_buf();
    };
    let weekday = match day.weekday() {
        chrono::Weekday::Mon => "monday",
        chrono::Weekday::Tue => "tuesday",
        chrono::Weekday::Wed => "wednesday",
        chrono::Weekday::Thu => "thursday",
        chrono::Weekday::Fri => "friday",
        chrono::Weekday::Sat => "saturday",
        chrono::Weekday::Sun => "sunday",
    };
    PathBuf::from(
        text.replace("{date}", &day.to_string())
            .replace("{weekday}", weekday),
    )
}

/// The same with the day of today in UTC, as the archive's own times are.
pub(crate) fn dated_today(path: &Path) -> PathBuf {
    dated(path, local_day(Zone::UTC, Instant::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_and_weekday_are_replaced_wherever_they_stand_and_nothing_else() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
        for (path, expected) in [
            ("{date}/trends-{date}.csv", "2026-01-31/trends-2026-01-31.csv"),
            ("backup-{weekday}.db", "backup-saturday.db"),
            ("{day}.csv", "{day}.csv"),
            ("plain.csv", "plain.csv"),
        ] {
            assert_eq!(dated(Path::new(path), day), Path::new(expected));
        }
    }
}
