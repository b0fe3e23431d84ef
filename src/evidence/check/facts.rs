//! What a package says of itself: `package.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::files::Files;
use super::findings::{PackageFindings, Unreadable};
use super::form::{instant, is_guid, is_hash, is_instant, is_time};
use crate::model::Instant;

/// The version of packages that this program knows.
const VERSION: u64 = 1;

const FILE: &str = "data/package.json";

/// Bytes of it that are read.
const MOST: u64 = 16 << 20;

#[derive(Debug)]
pub(super) struct StatedFacts {
    pub(super) archive_id: String,
    pub(super) head: String,
    pub(super) head_at: String,
    pub(super) sync_id: Option<u64>,
    /// Names by job.
    pub(super) jobs: BTreeMap<String, Option<String>>,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    pub(super) is_redacted: bool,
    pub(super) sample: Option<SampleOf>,
    pub(super) runs: Option<u64>,
    pub(super) payloads: Option<u64>,
    pub(super) allows_empty: bool,
    /// By job.
    pub(super) purge_ages: BTreeMap<String, StatedPurgeAge>,
}

/// How long the server of a job lists its runs, as the package says.
#[derive(Debug)]
pub(super) struct StatedPurgeAge {
    pub(super) seconds: u64,
    pub(super) listed_seconds: u64,
    /// Not assumed.
    pub(super) is_known: bool,
}

#[derive(Debug)]
pub(super) struct SampleOf {
    pub(super) size: u64,
    pub(super) spare: u64,
    pub(super) seed: String,
    pub(super) population: u64,
}

impl StatedFacts {
    pub(super) fn read(files: &mut Files, findings: &mut PackageFindings) -> Result<Self, Unreadable> {
        let bytes = files.read(FILE, MOST, findings).ok_or_else(|| {
            Unreadable(
                "data/package.json is missing or cannot be read, so nothing says what this package is"
                    .to_owned(),
            )
        })?;
        let unreadable = |why: String| Unreadable(format!("data/package.json cannot be read ({why})"));
        let json = unique(&bytes).map_err(unreadable)?;
        if json.get("format").and_then(Value::as_str) != Some("jobruns evidence package") {
            return Err(unreadable("it is not that of an evidence package".to_owned()));
        }
        match json.get("version").and_then(Value::as_u64) {
            Some(VERSION) => Ok(Self::of(&json, findings)),
            Some(version) => Err(Unreadable(format!(
                "the package is of version {version}, and this program knows version {VERSION}: take a newer program; the checks that lie in a package were made by whoever made the package"
            ))),
            None => Err(unreadable("it has no version".to_owned())),
        }
    }

    fn of(json: &Map<String, Value>, findings: &mut PackageFindings) -> Self {
        let mut bad =
            |what: &str| findings.add(FILE, format!("{what} is missing, or not as a package has it"));
        let mut text = |what: &str, fits: fn(&str) -> bool| match json.get(what).and_then(Value::as_str) {
            Some(text) if fits(text) => text.to_owned(),
            _ => {
                bad(what);
                String::new()
            }
        };
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let (archive_id, head) = (text("archive_id", is_guid), text("head", is_hash));
        let head_at = text("head_at", is_time);
        text("tool_version", is_word);
        text("timezone", is_word);
        let mut counted = |what: &str| {
            let count = json.get(what).and_then(count);
            if count.is_none() {
                bad(what);
            }
            count
        };
        let (sync_id, runs, payloads) = (counted("sync_id"), counted("runs"), counted("payloads"));
        let mut bound = |what: &str| match json.get(what) {
            Some(Value::Null) => None,
            Some(Value::String(text)) if is_instant(text) => Some(text.clone()),
            _ => {
                bad(what);
                None
            }
        };
        let (since, until) = (bound("since"), bound("until"));
        let sample = match json.get("sample") {
            Some(Value::Null) => None,
            Some(sample) => {
                let read = SampleOf::read(sample);
                if read.is_none() {
                    bad("sample");
                }
                read
            }
            None => {
                bad("sample");
                None
            }
        };
        if !json
            .get("prepared_by")
            .is_some_and(|value| value.is_null() || value.is_string())
        {
            bad("prepared_by");
        }
        let redacted = json.get("redacted").and_then(Value::as_array);
        let is_redacted = redacted.is_none_or(|redacted| !redacted.is_empty());
        if redacted.is_none_or(|redacted| !redacted.is_empty() && *redacted != ["owners"]) {
            bad("redacted");
        }
        let allows_empty = match json.get("allow_empty") {
            None => false,
            Some(Value::Bool(allows)) => *allows,
            Some(_) => {
                bad("allow_empty");
                false
            }
        };
        let job = |job: &Value| {
            let name = match job.get("name")? {
                Value::Null => None,
                name => Some(name.as_str()?.to_owned()),
            };
            Some((
                job.get("job_id")?.as_str().filter(|id| is_guid(id))?.to_owned(),
                name,
            ))
        };
        let jobs: Option<Vec<(String, Option<String>)>> = json
            .get("jobs")
            .and_then(Value::as_array)
            .filter(|jobs| !jobs.is_empty())
            .and_then(|jobs| jobs.iter().map(job).collect());
        let jobs = jobs.unwrap_or_else(|| {
            bad("jobs");
            Vec::new()
        });
        let ages: Option<BTreeMap<String, StatedPurgeAge>> =
            json.get("purge_ages").and_then(Value::as_array).and_then(|ages| {
                let age = |age: &Value| {
                    let read = StatedPurgeAge {
                        seconds: count(age.get("seconds")?)?,
                        listed_seconds: count(age.get("listed_seconds")?)?,
                        is_known: age.get("known")?.as_bool()?,
                    };
                    (read.listed_seconds <= read.seconds).then_some(())?;
                    Some((age.get("job_id")?.as_str()?.to_owned(), read))
                };
                ages.iter().map(age).collect()
            });
        let of_jobs = |ages: &BTreeMap<String, StatedPurgeAge>| ages.keys().eq(jobs.iter().map(|(id, _)| id));
        let purge_ages = ages.filter(of_jobs).unwrap_or_else(|| {
            bad("purge_ages");
            BTreeMap::new()
        });
        if !jobs.is_sorted_by(|(one, _), (other, _)| one < other) {
            findings.add(FILE, "its jobs are not sorted by id, or one is there twice");
        }
        Self {
            archive_id,
            head,
            head_at,
            sync_id,
            jobs: jobs.into_iter().collect(),
            since,
            until,
            is_redacted,
            sample,
            runs,
            payloads,
            allows_empty,
            purge_ages,
        }
    }

    pub(super) fn name_of(&self, job: &str) -> Option<&str> {
        self.jobs.get(job)?.as_deref()
    }

    /// Whether a start, as written in a line, is in the span.
    pub(super) fn has_time(&self, started: Option<&str>) -> bool {
        let bound = |bound: &Option<String>| bound.as_deref().and_then(instant).map(Instant::ticks);
        match started.and_then(instant) {
            None => self.since.is_none() && self.until.is_none(),
            Some(at) => {
                bound(&self.since).is_none_or(|since| at.ticks() >= since)
                    && bound(&self.until).is_none_or(|until| at.ticks() < until)
            }
        }
    }
}

impl SampleOf {
    fn read(json: &Value) -> Option<Self> {
        Some(Self {
            size: count(json.get("size")?).filter(|size| *size > 0)?,
            spare: count(json.get("spare")?)?,
            seed: json.get("seed")?.as_str()?.to_owned(),
            population: count(json.get("population")?)?,
        })
    }
}

/// A number as a package has it: whole, of at most 15 digits.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count < 1_000_000_000_000_000)
}

/// A JSON object in which no object has a name twice: readers differ on which of the two counts.
fn unique(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let read: Unique = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match read.0 {
        Value::Object(object) => Ok(object),
        _ => Err("it is not an object".to_owned()),
    }
}

struct Unique(Value);

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> serde::de::Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Unique(list.into()))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a name twice"));
            }
        }
        Ok(Unique(object.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth() {
        assert!(unique(br#"{"a":1,"b":[{"c":2.5},null,true,-1,"x"]}"#).is_ok());
        assert!(unique(br#"{"a":1,"a":1}"#).is_err());
        assert!(unique(br#"{"a":[{"b":1,"b":2}]}"#).is_err());
        assert!(unique(b"[]").is_err());
    }
}
