//! An entry as a line of the ledger: written by `Display`, read by [`LedgerEntry::read`]. What one writes, the
//! other reads, and nothing else.

use std::fmt::{self, Display, Formatter};

use super::entry::{
    AcknowledgedEntry, HoldEntry, LedgerEntry, Loss, QuarantinedEntry, RemovedEntry, RevisionEntry, Rules,
    SyncBegan, SyncEnded,
};
use super::removal_rule::HoldSpan;
use super::words::{LineWords, is_word, read_hash};
use crate::model::{Instant, Sha256, hex};

impl LedgerEntry {
    /// Reads a line.
    ///
    /// # Errors
    /// A word that is missing, in another place, or not of its kind; says which.
    pub(in crate::archive) fn read(line: &str) -> Result<Self, String> {
        let mut words = LineWords::of(line);
        let kind = words.kind;
        let entry = match kind {
            "archive" => Self::Archive {
                id: words.guid("id")?,
                at: words.time("at")?,
                schema: words.number("schema")?,
            },
            "naive-time" => Self::NaiveTime {
                zone: words.zone("zone")?,
                rules: words.rules()?,
                at: words.time("at")?,
            },
            "job-added" => Self::JobAdded {
                job: words.guid("job")?,
                at: words.time("at")?,
                by: words.hash_or_none("by")?,
            },
            "job-watched" | "job-unwatched" => Self::JobWatched {
                job: words.guid("job")?,
                watched: kind == "job-watched",
                at: words.time("at")?,
                by: words.hash_or_none("by")?,
            },
            "job-named" => Self::JobNamed {
                job: words.guid("job")?,
                at: words.time("at")?,
                name: words.hash("name")?,
                by: words.hash_or_none("by")?,
            },
            "job-server" => Self::JobServer {
                job: words.guid("job")?,
                at: words.time("at")?,
                server: words.hash("server")?,
                by: words.hash_or_none("by")?,
            },
            "sync-began" => Self::SyncBegan(SyncBegan {
                sync: words.number("sync")?,
                at: words.time("at")?,
                count: words.count_or_auto("count")?,
                version: words.word("version")?,
                process: words.number("process")?,
            }),
            "sync-killed" => Self::SyncKilled {
                sync: words.number("sync")?,
                at: words.time("at")?,
            },
            "sync-ended" => Self::SyncEnded(SyncEnded {
                sync: words.number("sync")?,
                at: words.time("at")?,
                outcome: words.parsed("outcome", |text| {
                    matches!(text, "complete" | "partial" | "failed" | "interrupted").then(|| text.to_owned())
                })?,
                clock: words.seconds_or_none("clock")?,
                jobs: words.number("jobs")?,
                figures: words.hash("figures")?,
                results: words.hash("results")?,
            }),
            "revision" => Self::Revision(RevisionEntry {
                run: words.guid("run")?,
                number: words.number("number")?,
                sync: words.number("sync")?,
                at: words.time("at")?,
                job: words.guid("job")?,
                bytes: words.number("bytes")?,
                sha256: words.hash("sha256")?,
                reader: words.number("reader")?,
                zone: words.zone("zone")?,
                started: words.instant_or_none("started")?,
            }),
            "quarantined" => Self::Quarantined(QuarantinedEntry {
                id: words.number("id")?,
                job: words.guid("job")?,
                sync: words.number("sync")?,
                at: words.time("at")?,
                position: words.number("position")?,
                bytes: words.number("bytes")?,
                sha256: words.hash("sha256")?,
                kept: words.hash("kept")?,
                reason: words.hash("reason")?,
                run: words.guid_or_none("run")?,
            }),
            "accepted" => Self::Accepted {
                id: words.number("id")?,
                at: words.time("at")?,
                sha256: words.hash("sha256")?,
                why: words.hash("why")?,
                by: words.hash("by")?,
            },
            "absent" | "returned" => {
                let run = words.guid("run")?;
                let sync = words.number("sync")?;
                let at = words.time("at")?;
                if kind == "absent" {
                    Self::Absent { run, sync, at }
                } else {
                    Self::Returned { run, sync, at }
                }
            }
            "reindexed" => Self::Reindexed {
                at: words.time("at")?,
                reader: words.number("reader")?,
                zone: words.zone("zone")?,
                rules: words.rules()?,
                by: words.hash("by")?,
            },
            "salvaged" => Self::Salvaged {
                at: words.time("at")?,
                head: words.hash("head")?,
                entries: words.number("entries")?,
                by: words.hash("by")?,
            },
            "salvage-ended" => Self::SalvageEnded {
                at: words.time("at")?,
            },
            "clock-set-back" => Self::ClockSetBack {
                from: words.time("from")?,
                at: words.time("at")?,
            },
            "acknowledged" => Self::Acknowledged(AcknowledgedEntry {
                at: words.time("at")?,
                heads: words.number("heads")?,
                list: words.hash("list")?,
                why: words.hash("why")?,
                by: words.hash("by")?,
            }),
            "lost" => Self::Lost(words.loss()?),
            "hold-added" => Self::HoldAdded(HoldEntry {
                id: words.number("id")?,
                job: words.guid_or_none("job")?,
                at: words.time("at")?,
                span: HoldSpan {
                    since: words.time_or_none("since")?,
                    until: words.time_or_none("until")?,
                },
                why: words.hash("why")?,
                by: words.hash("by")?,
            }),
            "hold-released" => Self::HoldReleased {
                id: words.number("id")?,
                job: words.guid_or_none("job")?,
                at: words.time("at")?,
                why: words.hash("why")?,
                by: words.hash("by")?,
            },
            "retention-locked" => Self::RetentionLocked {
                at: words.time("at")?,
                days: words.number("days")?,
                by: words.hash("by")?,
            },
            "removed" => Self::Removed(RemovedEntry {
                run: words.guid("run")?,
                job: words.guid("job")?,
                at: words.time("at")?,
                started: words.instant_or_none("started")?,
                ended: words.instant_or_none("ended")?,
                revisions: words.number("revisions")?,
                messages: words.number("messages")?,
                plan: words.hash("plan")?,
                why: words.hash("why")?,
                by: words.hash("by")?,
            }),
            other => return Err(format!("{other:?} is not a kind of line that this version knows")),
        };
        words.end()?;
        Ok(entry)
    }
}

impl Display for LedgerEntry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive { id, at, schema } => line(f, "archive")
                .word("id", id)
                .time("at", *at)
                .word("schema", schema),
            Self::NaiveTime { zone, rules, at } => line(f, "naive-time")
                .word("zone", zone)
                .rules(rules.as_ref())
                .time("at", *at),
            Self::JobAdded { job, at, by } => line(f, "job-added")
                .word("job", job)
                .time("at", *at)
                .hash_or_none("by", by.as_ref()),
            Self::JobWatched { job, watched, at, by } => {
                line(f, if *watched { "job-watched" } else { "job-unwatched" })
                    .word("job", job)
                    .time("at", *at)
                    .hash_or_none("by", by.as_ref())
            }
            Self::JobNamed { job, name, at, by } => line(f, "job-named")
                .word("job", job)
                .time("at", *at)
                .hash("name", name)
                .hash_or_none("by", by.as_ref()),
            Self::JobServer { job, server, at, by } => line(f, "job-server")
                .word("job", job)
                .time("at", *at)
                .hash("server", server)
                .hash_or_none("by", by.as_ref()),
            Self::SyncBegan(began) => {
                let line = line(f, "sync-began")
                    .word("sync", began.sync)
                    .time("at", began.at);
                match began.count {
                    Some(count) => line.word("count", count),
                    None => line.word("count", "auto"),
                }
                .word("version", &began.version)
                .word("process", began.process)
            }
            Self::SyncKilled { sync, at } => line(f, "sync-killed").word("sync", sync).time("at", *at),
            Self::SyncEnded(ended) => line(f, "sync-ended")
                .word("sync", ended.sync)
                .time("at", ended.at)
                .word("outcome", &ended.outcome)
                .word_or_none("clock", ended.clock)
                .word("jobs", ended.jobs)
                .hash("figures", &ended.figures)
                .hash("results", &ended.results),
            Self::Revision(revision) => line(f, "revision")
                .word("run", revision.run)
                .word("number", revision.number)
                .word("sync", revision.sync)
                .time("at", revision.at)
                .word("job", revision.job)
                .word("bytes", revision.bytes)
                .hash("sha256", &revision.sha256)
                .word("reader", revision.reader)
                .word("zone", revision.zone)
                .word_or_none("started", revision.started),
            Self::Quarantined(quarantined) => line(f, "quarantined")
                .word("id", quarantined.id)
                .word("job", quarantined.job)
                .word("sync", quarantined.sync)
                .time("at", quarantined.at)
                .word("position", quarantined.position)
                .word("bytes", quarantined.bytes)
                .hash("sha256", &quarantined.sha256)
                .hash("kept", &quarantined.kept)
                .hash("reason", &quarantined.reason)
                .word_or_none("run", quarantined.run),
            Self::Accepted {
                id,
                at,
                sha256,
                why,
                by,
            } => line(f, "accepted")
                .word("id", id)
                .time("at", *at)
                .hash("sha256", sha256)
                .hash("why", why)
                .hash("by", by),
            Self::Absent { run, sync, at } => line(f, "absent")
                .word("run", run)
                .word("sync", sync)
                .time("at", *at),
            Self::Returned { run, sync, at } => line(f, "returned")
                .word("run", run)
                .word("sync", sync)
                .time("at", *at),
            Self::Reindexed {
                zone,
                rules,
                reader,
                at,
                by,
            } => line(f, "reindexed")
                .time("at", *at)
                .word("reader", reader)
                .word("zone", zone)
                .rules(rules.as_ref())
                .hash("by", by),
            Self::Salvaged {
                head,
                entries,
                at,
                by,
            } => line(f, "salvaged")
                .time("at", *at)
                .hash("head", head)
                .word("entries", entries)
                .hash("by", by),
            Self::SalvageEnded { at } => line(f, "salvage-ended").time("at", *at),
            Self::ClockSetBack { from, at } => line(f, "clock-set-back").time("from", *from).time("at", *at),
            Self::Acknowledged(acknowledged) => line(f, "acknowledged")
                .time("at", acknowledged.at)
                .word("heads", acknowledged.heads)
                .hash("list", &acknowledged.list)
                .hash("why", &acknowledged.why)
                .hash("by", &acknowledged.by),
            Self::Lost(loss) => {
                let lost = line(f, "lost");
                match loss {
                    Loss::Payload { entry_id } => lost.word("what", "payload").word("entry", entry_id),
                    Loss::Quarantined { id } => lost.word("what", "quarantined").word("id", id),
                    Loss::Results { sync } => lost.word("what", "results").word("sync", sync),
                    Loss::Name { job } => lost.word("what", "name").word("job", job),
                    Loss::Server { job } => lost.word("what", "server").word("job", job),
                    Loss::Why { sha256 } => lost.word("what", "why").hash("sha256", sha256),
                    Loss::By { sha256 } => lost.word("what", "by").hash("sha256", sha256),
                }
            }
            Self::HoldAdded(hold) => line(f, "hold-added")
                .word("id", hold.id)
                .word_or_none("job", hold.job)
                .time("at", hold.at)
                .word_or_none("since", hold.span.since.map(Instant::from_unix_seconds))
                .word_or_none("until", hold.span.until.map(Instant::from_unix_seconds))
                .hash("why", &hold.why)
                .hash("by", &hold.by),
            Self::HoldReleased { id, job, at, why, by } => line(f, "hold-released")
                .word("id", id)
                .word_or_none("job", *job)
                .time("at", *at)
                .hash("why", why)
                .hash("by", by),
            Self::RetentionLocked { at, days, by } => line(f, "retention-locked")
                .time("at", *at)
                .word("days", days)
                .hash("by", by),
            Self::Removed(removed) => line(f, "removed")
                .word("run", removed.run)
                .word("job", removed.job)
                .time("at", removed.at)
                .word_or_none("started", removed.started)
                .word_or_none("ended", removed.ended)
                .word("revisions", removed.revisions)
                .word("messages", removed.messages)
                .hash("plan", &removed.plan)
                .hash("why", &removed.why)
                .hash("by", &removed.by),
        }
        .written
    }
}

/// A line that is being written, word by word: the counterpart of [`LineWords`].
struct LineWriter<'f, 'o> {
    out: &'f mut Formatter<'o>,
    written: fmt::Result,
}

fn line<'f, 'o>(out: &'f mut Formatter<'o>, kind: &str) -> LineWriter<'f, 'o> {
    let written = out.write_str(kind);
    LineWriter { out, written }
}

impl LineWriter<'_, '_> {
    fn word(mut self, key: &str, value: impl Display) -> Self {
        self.written = self.written.and_then(|()| write!(self.out, " {key}={value}"));
        self
    }

    fn word_or_none(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.word(key, value),
            None => self.word(key, "-"),
        }
    }

    fn time(self, key: &str, unix_seconds: i64) -> Self {
        self.word(key, Instant::from_unix_seconds(unix_seconds))
    }

    fn hash(self, key: &str, hash: &Sha256) -> Self {
        self.word(key, hex(hash))
    }

    fn hash_or_none(self, key: &str, value: Option<&Sha256>) -> Self {
        self.word_or_none(key, value.map(|value| hex(value)))
    }

    fn rules(self, rules: Option<&Rules>) -> Self {
        self.hash_or_none("rules", rules.map(|rules| &rules.sha256))
            .word_or_none("release", rules.map(|rules| &rules.release))
    }
}

impl LineWords<'_> {
    fn rules(&mut self) -> Result<Option<Rules>, String> {
        let sha256 = self.parsed("rules", |text| match text {
            "-" => Some(None),
            text => read_hash(text).map(Some),
        })?;
        self.parsed("release", |release| match (sha256, release) {
            (None, "-") => Some(None),
            (None, _) | (_, "-") => None,
            (_, release) if !is_word(release) => None,
            (Some(sha256), release) => {
                let release = release.to_owned();
                Some(Some(Rules { sha256, release }))
            }
        })
    }

    fn loss(&mut self) -> Result<Loss, String> {
        Ok(match self.text("what")? {
            "payload" => Loss::Payload {
                entry_id: self.number("entry")?,
            },
            "quarantined" => Loss::Quarantined {
                id: self.number("id")?,
            },
            "results" => Loss::Results {
                sync: self.number("sync")?,
            },
            "name" => Loss::Name {
                job: self.guid("job")?,
            },
            "server" => Loss::Server {
                job: self.guid("job")?,
            },
            "why" => Loss::Why {
                sha256: self.hash("sha256")?,
            },
            "by" => Loss::By {
                sha256: self.hash("sha256")?,
            },
            other => return Err(format!("what={other} cannot be read")),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Guid;

    const JOB: &str = "ff761384-4b49-40b4-97d8-0de38669075a";

    /// A line of each kind, as `docs/evidence.md` has it; A is a GUID, T a time, H a hash.
    const LINES: [&str; 40] = [
        "archive id=A at=T schema=1",
        "naive-time zone=utc rules=- release=- at=T",
        "naive-time zone=Europe/Berlin rules=H release=2026a at=T",
        "job-added job=A at=T by=H",
        "job-added job=A at=T by=-",
        "job-watched job=A at=T by=-",
        "job-unwatched job=A at=T by=H",
        "job-named job=A at=T name=H by=H",
        "job-server job=A at=T server=H by=-",
        "sync-began sync=7 at=T count=0 version=0.1.0 process=4711",
        "sync-killed sync=7 at=T",
        "sync-ended sync=7 at=T outcome=complete clock=- jobs=3 figures=H results=H",
        "sync-ended sync=7 at=T outcome=complete clock=-12 jobs=3 figures=H results=H",
        "revision run=A number=2 sync=7 at=T job=A bytes=12 sha256=H reader=1 zone=Europe/Berlin started=T",
        "revision run=A number=2 sync=7 at=T job=A bytes=12 sha256=H reader=1 zone=utc started=-",
        "quarantined id=1 job=A sync=7 at=T position=3 bytes=9 sha256=H kept=H reason=H run=A",
        "quarantined id=1 job=A sync=7 at=T position=3 bytes=9 sha256=H kept=H reason=H run=-",
        "accepted id=1 at=T sha256=H why=H by=H",
        "absent run=A sync=7 at=T",
        "returned run=A sync=7 at=T",
        "reindexed at=T reader=1 zone=utc rules=- release=- by=H",
        "reindexed at=T reader=1 zone=Europe/Berlin rules=H release=2026a by=H",
        "salvaged at=T head=H entries=12 by=H",
        "salvage-ended at=T",
        "clock-set-back from=T at=T",
        "acknowledged at=T heads=2 list=H why=H by=H",
        "lost what=payload entry=5",
        "lost what=quarantined id=1",
        "lost what=results sync=7",
        "lost what=name job=A",
        "lost what=server job=A",
        "lost what=why sha256=H",
        "lost what=by sha256=H",
        "hold-added id=7 job=A at=T since=T until=T why=H by=H",
        "hold-added id=7 job=- at=T since=- until=- why=H by=H",
        "hold-released id=7 job=A at=T why=H by=H",
        "hold-released id=7 job=- at=T why=H by=H",
        "retention-locked at=T days=12 by=H",
        "removed run=A job=A at=T started=T ended=T revisions=7 messages=12 plan=H why=H by=H",
        "removed run=A job=A at=T started=- ended=- revisions=7 messages=12 plan=H why=H by=H",
    ];

    proptest! {
        #[test]
        fn each_kind_of_line_is_written_as_it_was_read(
            bytes in any::<[u8; 16]>(), hash in any::<[u8; 32]>(), at in -62_135_596_800_i64..253_402_300_800,
            number in 0..10_i64.pow(18),
        ) {
            for form in LINES {
                let words = form.split(' ').map(|word| match word.split_once('=') {
                    Some((key, "A")) => format!("{key}={}", Guid::from_bytes(bytes)),
                    Some((key, "T")) => format!("{key}={}", Instant::from_unix_seconds(at)),
                    Some((key, "H")) => format!("{key}={}", hex(&hash)),
                    Some((key, "7" | "12")) => format!("{key}={number}"),
                    _ => word.to_owned(),
                });
                let line = words.collect::<Vec<_>>().join(" ");
                let entry = LedgerEntry::read(&line).map_err(TestCaseError::fail)?;
                prop_assert_eq!(entry.at().unwrap_or(at), at);
                prop_assert_eq!(entry.to_string(), line);
            }
        }
    }

    #[test]
    fn what_is_no_line_of_ours_says_why() {
        for (line, why) in [
            ("", "not a kind of line"),
            ("future thing=1", "not a kind of line"),
            ("archive", "the word id is missing"),
            ("archive id=x at=2026-01-31T03:00:00Z", "id=x cannot be read"),
            (
                "sync-killed at=2026-01-31T03:00:00Z sync=1",
                "where sync is expected",
            ),
            ("sync-killed sync=1 at=2026-02-31T03:00:00Z", "cannot be read"),
            ("sync-killed sync=1 at=2026-02-3é03:00:00Z", "cannot be read"),
            (
                "sync-killed sync=1 at=2026-01-31T03:00:00Z ",
                "behind its last word",
            ),
            ("lost what=mind entry=1", "what=mind cannot be read"),
        ] {
            let said = LedgerEntry::read(line).unwrap_err();
            assert!(said.contains(why), "{line:?}: {said}");
        }
        for value in ["+1", "01", "-1", "1000000000000000000"] {
            let line = format!("sync-killed sync={value} at=2026-01-31T03:00:00Z");
            assert!(LedgerEntry::read(&line).is_err(), "{line}");
        }
        for job in [JOB.to_uppercase(), format!("{{{JOB}}}"), JOB.replace('-', "")] {
            let line = format!("job-added job={job} at=2026-01-31T03:00:00Z by=-");
            assert!(LedgerEntry::read(&line).is_err(), "{line}");
        }
        let shouted = format!(
            "job-named job={JOB} at=2026-01-31T03:00:00Z name={} by=-",
            "AB".repeat(32)
        );
        assert!(LedgerEntry::read(&shouted).is_err(), "hashes are lower case");
    }
}
