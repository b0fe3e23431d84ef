//! The lines of the ledger as values: written by [`Display`](fmt::Display), read by [`LedgerEntry::read`].
//!
//! `docs/evidence.md` specifies them. Nothing here says whether an entry is true; `verify`, `reindex` and `salvage` do.

use std::fmt::{self, Display, Formatter};

use chrono::NaiveDate;

use super::retention::HoldSpan;
use crate::model::{Guid, Instant, NaiveZone, Sha256, TICKS_PER_SECOND, ZoneName, hex};

/// One line of the ledger. Times are seconds since 1970 UTC; `by` is the SHA-256 of who acted, none where a sync did it by
/// itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) enum LedgerEntry {
    /// The archive was made, with tables of this version.
    Archive {
        id: Guid,
        at: i64,
        schema: i64,
    },
    /// The zone in which times without offset are read, and its rules; none for UTC.
    NaiveTime {
        zone: ZoneName,
        rules: Option<Rules>,
        at: i64,
    },
    /// A job is known from here on.
    JobAdded {
        job: Guid,
        at: i64,
        by: Option<Sha256>,
    },
    /// A sync without named jobs asks for it, or no longer.
    JobWatched {
        job: Guid,
        watched: bool,
        at: i64,
        by: Option<Sha256>,
    },
    /// SHA-256 of the job's name.
    JobNamed {
        job: Guid,
        name: Sha256,
        at: i64,
        by: Option<Sha256>,
    },
    /// SHA-256 of the base URL under which the job answered.
    JobServer {
        job: Guid,
        server: Sha256,
        at: i64,
        by: Option<Sha256>,
    },
    SyncBegan(SyncBegan),
    /// A later sync found that this one had not ended.
    SyncKilled {
        sync: i64,
        at: i64,
    },
    SyncEnded(SyncEnded),
    /// Bytes were received as a revision of a run.
    Revision(RevisionEntry),
    /// Bytes that could not be read were kept.
    Quarantined(QuarantinedEntry),
    /// A person accepted them.
    Accepted {
        id: i64,
        at: i64,
        /// Of the bytes in quarantine, said again.
        sha256: Sha256,
        why: Sha256,
        by: Sha256,
    },
    /// A complete answer lacked the run.
    Absent {
        run: Guid,
        sync: i64,
        at: i64,
    },
    /// It was listed again.
    Returned {
        run: Guid,
        sync: i64,
        at: i64,
    },
    /// The derived tables were rebuilt: revisions before this line are read by these rules, in this zone.
    Reindexed {
        zone: ZoneName,
        rules: Option<Rules>,
        reader: u32,
        at: i64,
        by: Sha256,
    },
    /// The archive was taken out of a damaged one: what follows was found behind the last sound line. `head` and `entries`
    /// are hash and number of the line before.
    Salvaged {
        head: Sha256,
        entries: i64,
        at: i64,
        by: Sha256,
    },
    /// Nothing more of the damaged archive follows.
    SalvageEnded {
        at: i64,
    },
    /// The clock was set back: times begin again at `at`.
    ClockSetBack {
        from: i64,
        at: i64,
    },
    /// A person gave up so many published heads, which this archive cannot hold.
    Acknowledged(AcknowledgedEntry),
    /// Something that earlier lines claim could not be saved.
    Lost(Loss),
    /// Runs are kept, whatever a retention rule says.
    HoldAdded(HoldEntry),
    HoldReleased {
        id: i64,
        /// As the line that added it says.
        job: Option<Guid>,
        at: i64,
        why: Sha256,
        by: Sha256,
    },
    /// No run that ended fewer days ago is removed from here on.
    RetentionLocked {
        at: i64,
        days: i64,
        by: Sha256,
    },
    /// A run was removed by a retention rule: its revisions, messages, and pieces in quarantine.
    Removed(RemovedEntry),
}

/// Rules of a time zone: SHA-256 of the TZif bytes, and the release of the database that they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct Rules {
    pub(in crate::archive) sha256: Sha256,
    pub(in crate::archive) release: String,
}

impl Rules {
    /// The rules by which times of this zone are read; none for UTC.
    pub(in crate::archive) fn of(zone: NaiveZone) -> Option<Self> {
        zone.rules().map(|rules| Self {
            sha256: rules.sha256(),
            release: rules.version().to_owned(),
        })
    }
}

/// Words of `sync-began`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct SyncBegan {
    pub(in crate::archive) sync: i64,
    pub(in crate::archive) at: i64,
    /// Latest runs of each job that were asked for, 0 for all; `None`: `auto`, each job by its result.
    pub(in crate::archive) count: Option<i64>,
    pub(in crate::archive) version: String,
    pub(in crate::archive) process: i64,
}

/// Words of `sync-ended`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct SyncEnded {
    pub(in crate::archive) sync: i64,
    pub(in crate::archive) at: i64,
    pub(in crate::archive) outcome: String,
    /// Our clock less the server's, in seconds, where the server told the time.
    pub(in crate::archive) clock: Option<i64>,
    /// Jobs of which there is a result.
    pub(in crate::archive) jobs: u64,
    /// Over the results of these.
    pub(in crate::archive) figures: Sha256,
    /// Over a line of every known job, with where its chain stands.
    pub(in crate::archive) results: Sha256,
}

/// Words of `revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct RevisionEntry {
    pub(in crate::archive) run: Guid,
    pub(in crate::archive) number: i64,
    pub(in crate::archive) sync: i64,
    pub(in crate::archive) at: i64,
    pub(in crate::archive) job: Guid,
    pub(in crate::archive) bytes: u64,
    pub(in crate::archive) sha256: Sha256,
    pub(in crate::archive) reader: u32,
    pub(in crate::archive) zone: ZoneName,
    /// The start of the run as it was read then.
    pub(in crate::archive) started: Option<Instant>,
}

/// Words of `quarantined`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct QuarantinedEntry {
    pub(in crate::archive) id: i64,
    pub(in crate::archive) job: Guid,
    pub(in crate::archive) sync: i64,
    pub(in crate::archive) at: i64,
    pub(in crate::archive) position: i64,
    pub(in crate::archive) bytes: i64,
    pub(in crate::archive) sha256: Sha256,
    pub(in crate::archive) kept: Sha256,
    pub(in crate::archive) reason: Sha256,
    pub(in crate::archive) run: Option<Guid>,
}

/// Words of `acknowledged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct AcknowledgedEntry {
    pub(in crate::archive) at: i64,
    /// How many heads, and SHA-256 over their hexadecimal digits, each with a line feed.
    pub(in crate::archive) heads: u64,
    pub(in crate::archive) list: Sha256,
    pub(in crate::archive) why: Sha256,
    pub(in crate::archive) by: Sha256,
}

/// Words of `hold-added`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct HoldEntry {
    pub(in crate::archive) id: i64,
    /// The job whose runs it keeps; none for every job.
    pub(in crate::archive) job: Option<Guid>,
    pub(in crate::archive) at: i64,
    pub(in crate::archive) span: HoldSpan,
    pub(in crate::archive) why: Sha256,
    pub(in crate::archive) by: Sha256,
}

/// Words of `removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct RemovedEntry {
    pub(in crate::archive) run: Guid,
    pub(in crate::archive) job: Guid,
    pub(in crate::archive) at: i64,
    /// Start and end of the run as they were read then.
    pub(in crate::archive) started: Option<Instant>,
    pub(in crate::archive) ended: Option<Instant>,
    /// The number of its latest revision.
    pub(in crate::archive) revisions: i64,
    /// Messages that were held, absent ones too.
    pub(in crate::archive) messages: i64,
    /// SHA-256 of the plan.
    pub(in crate::archive) plan: Sha256,
    pub(in crate::archive) why: Sha256,
    pub(in crate::archive) by: Sha256,
}

/// What a `lost` line says is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::archive) enum Loss {
    /// The payload of the revision of this ledger entry; the tables hold no such revision.
    Payload {
        entry: i64,
    },
    /// The bytes in quarantine under this number.
    Quarantined {
        id: i64,
    },
    /// What a sync found of each job.
    Results {
        sync: i64,
    },
    Name {
        job: Guid,
    },
    /// The base URL of a job.
    Server {
        job: Guid,
    },
    /// The reason of an acknowledgement.
    Why {
        sha256: Sha256,
    },
    /// Who acted.
    By {
        sha256: Sha256,
    },
}

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

    /// When the line was written; a `lost` line has the time of its salvage.
    pub(in crate::archive) const fn at(&self) -> Option<i64> {
        match self {
            Self::Archive { at, .. }
            | Self::NaiveTime { at, .. }
            | Self::JobAdded { at, .. }
            | Self::JobWatched { at, .. }
            | Self::JobNamed { at, .. }
            | Self::JobServer { at, .. }
            | Self::SyncBegan(SyncBegan { at, .. })
            | Self::SyncKilled { at, .. }
            | Self::SyncEnded(SyncEnded { at, .. })
            | Self::Revision(RevisionEntry { at, .. })
            | Self::Quarantined(QuarantinedEntry { at, .. })
            | Self::Accepted { at, .. }
            | Self::Absent { at, .. }
            | Self::Returned { at, .. }
            | Self::Reindexed { at, .. }
            | Self::Salvaged { at, .. }
            | Self::SalvageEnded { at }
            | Self::ClockSetBack { at, .. }
            | Self::Acknowledged(AcknowledgedEntry { at, .. })
            | Self::HoldAdded(HoldEntry { at, .. })
            | Self::HoldReleased { at, .. }
            | Self::RetentionLocked { at, .. }
            | Self::Removed(RemovedEntry { at, .. }) => Some(*at),
            Self::Lost(_) => None,
        }
    }
}

impl LedgerEntry {
    /// SHA-256 of who acted; none where a sync did it by itself, and where no person can.
    pub(in crate::archive) const fn by(&self) -> Option<&Sha256> {
        match self {
            Self::JobAdded { by, .. }
            | Self::JobWatched { by, .. }
            | Self::JobNamed { by, .. }
            | Self::JobServer { by, .. } => by.as_ref(),
            Self::Accepted { by, .. }
            | Self::Reindexed { by, .. }
            | Self::Salvaged { by, .. }
            | Self::Acknowledged(AcknowledgedEntry { by, .. })
            | Self::HoldAdded(HoldEntry { by, .. })
            | Self::HoldReleased { by, .. }
            | Self::RetentionLocked { by, .. }
            | Self::Removed(RemovedEntry { by, .. }) => Some(by),
            _ => None,
        }
    }

    /// SHA-256 of a reason whose text stands in the table `_reason`.
    pub(in crate::archive) const fn why(&self) -> Option<&Sha256> {
        match self {
            Self::Acknowledged(AcknowledgedEntry { why, .. })
            | Self::HoldAdded(HoldEntry { why, .. })
            | Self::HoldReleased { why, .. }
            | Self::Removed(RemovedEntry { why, .. }) => Some(why),
            _ => None,
        }
    }
}

impl Display for LedgerEntry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = |at: &i64| Instant::from_unix_seconds(*at);
        match self {
            Self::Archive { id, at, schema } => write!(f, "archive id={id} at={} schema={schema}", time(at)),
            Self::NaiveTime { zone, rules, at } => {
                write!(f, "naive-time zone={zone}")?;
                write_rules(f, rules.as_ref())?;
                write!(f, " at={}", time(at))
            }
            Self::JobAdded { job, at, by } => {
                write!(f, "job-added job={job} at={} by={}", time(at), or_none(by))
            }
            Self::JobWatched { job, watched, at, by } => {
                let kind = if *watched { "job-watched" } else { "job-unwatched" };
                write!(f, "{kind} job={job} at={} by={}", time(at), or_none(by))
            }
            Self::JobNamed { job, name, at, by } => {
                write!(
                    f,
                    "job-named job={job} at={} name={} by={}",
                    time(at),
                    hex(name),
                    or_none(by)
                )
            }
            Self::JobServer { job, server, at, by } => {
                write!(
                    f,
                    "job-server job={job} at={} server={} by={}",
                    time(at),
                    hex(server),
                    or_none(by)
                )
            }
            Self::SyncBegan(began) => {
                let SyncBegan {
                    sync,
                    at,
                    count,
                    version,
                    process,
                } = began;
                let at = time(at);
                let count = count.map_or_else(|| "auto".to_owned(), |count| count.to_string());
                write!(
                    f,
                    "sync-began sync={sync} at={at} count={count} version={version} process={process}"
                )
            }
            Self::SyncKilled { sync, at } => write!(f, "sync-killed sync={sync} at={}", time(at)),
            Self::SyncEnded(ended) => {
                let SyncEnded {
                    sync,
                    at,
                    outcome,
                    clock,
                    jobs,
                    figures,
                    results,
                } = ended;
                let (at, figures, results) = (time(at), hex(figures), hex(results));
                let clock = clock.map_or_else(|| "-".to_owned(), |seconds| seconds.to_string());
                write!(
                    f,
                    "sync-ended sync={sync} at={at} outcome={outcome} clock={clock} jobs={jobs} figures={figures} results={results}"
                )
            }
            Self::Revision(revision) => {
                let RevisionEntry {
                    run,
                    number,
                    sync,
                    at,
                    job,
                    bytes,
                    sha256,
                    reader,
                    zone,
                    started,
                } = revision;
                let (at, sha256) = (time(at), hex(sha256));
                write!(
                    f,
                    "revision run={run} number={number} sync={sync} at={at} job={job} bytes={bytes} "
                )?;
                let started = or_dash(started.as_ref());
                write!(f, "sha256={sha256} reader={reader} zone={zone} started={started}")
            }
            Self::Quarantined(quarantined) => {
                let QuarantinedEntry {
                    id,
                    job,
                    sync,
                    at,
                    position,
                    bytes,
                    sha256,
                    kept,
                    reason,
                    run,
                } = quarantined;
                let at = time(at);
                write!(
                    f,
                    "quarantined id={id} job={job} sync={sync} at={at} position={position} bytes={bytes} "
                )?;
                write!(
                    f,
                    "sha256={} kept={} reason={} run={}",
                    hex(sha256),
                    hex(kept),
                    hex(reason),
                    or_dash(run.as_ref())
                )
            }
            Self::Accepted {
                id,
                at,
                sha256,
                why,
                by,
            } => {
                write!(
                    f,
                    "accepted id={id} at={} sha256={} why={} by={}",
                    time(at),
                    hex(sha256),
                    hex(why),
                    hex(by)
                )
            }
            Self::Absent { run, sync, at } => write!(f, "absent run={run} sync={sync} at={}", time(at)),
            Self::Returned { run, sync, at } => write!(f, "returned run={run} sync={sync} at={}", time(at)),
            Self::Reindexed {
                zone,
                rules,
                reader,
                at,
                by,
            } => {
                write!(f, "reindexed at={} reader={reader} zone={zone}", time(at))?;
                write_rules(f, rules.as_ref())?;
                write!(f, " by={}", hex(by))
            }
            Self::Salvaged {
                head,
                entries,
                at,
                by,
            } => {
                write!(
                    f,
                    "salvaged at={} head={} entries={entries} by={}",
                    time(at),
                    hex(head),
                    hex(by)
                )
            }
            Self::SalvageEnded { at } => write!(f, "salvage-ended at={}", time(at)),
            Self::ClockSetBack { from, at } => {
                write!(f, "clock-set-back from={} at={}", time(from), time(at))
            }
            Self::Acknowledged(acknowledged) => {
                let AcknowledgedEntry {
                    at,
                    heads,
                    list,
                    why,
                    by,
                } = acknowledged;
                write!(
                    f,
                    "acknowledged at={} heads={heads} list={} why={} by={}",
                    time(at),
                    hex(list),
                    hex(why),
                    hex(by)
                )
            }
            Self::Lost(loss) => match loss {
                Loss::Payload { entry } => write!(f, "lost what=payload entry={entry}"),
                Loss::Quarantined { id } => write!(f, "lost what=quarantined id={id}"),
                Loss::Results { sync } => write!(f, "lost what=results sync={sync}"),
                Loss::Name { job } => write!(f, "lost what=name job={job}"),
                Loss::Server { job } => write!(f, "lost what=server job={job}"),
                Loss::Why { sha256 } => write!(f, "lost what=why sha256={}", hex(sha256)),
                Loss::By { sha256 } => write!(f, "lost what=by sha256={}", hex(sha256)),
            },
            Self::HoldAdded(hold) => {
                let HoldEntry {
                    id,
                    job,
                    at,
                    span: HoldSpan { since, until },
                    why,
                    by,
                } = hold;
                let bound = |second: &Option<i64>| or_dash(second.as_ref().map(time));
                write!(
                    f,
                    "hold-added id={id} job={} at={} since={} until={} why={} by={}",
                    or_dash(job.as_ref()),
                    time(at),
                    bound(since),
                    bound(until),
                    hex(why),
                    hex(by)
                )
            }
            Self::HoldReleased { id, job, at, why, by } => {
                write!(
                    f,
                    "hold-released id={id} job={} at={} why={} by={}",
                    or_dash(job.as_ref()),
                    time(at),
                    hex(why),
                    hex(by)
                )
            }
            Self::RetentionLocked { at, days, by } => {
                write!(f, "retention-locked at={} days={days} by={}", time(at), hex(by))
            }
            Self::Removed(removed) => {
                let RemovedEntry {
                    run,
                    job,
                    at,
                    started,
                    ended,
                    revisions,
                    messages,
                    plan,
                    why,
                    by,
                } = removed;
                write!(
                    f,
                    "removed run={run} job={job} at={} started={} ended={} revisions={revisions} messages={messages} ",
                    time(at),
                    or_dash(started.as_ref()),
                    or_dash(ended.as_ref())
                )?;
                write!(f, "plan={} why={} by={}", hex(plan), hex(why), hex(by))
            }
        }
    }
}

/// A value as a line has it, `-` for none.
fn or_dash<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A hash as a line has it, `-` for none.
fn or_none(hash: &Option<Sha256>) -> String {
    hash.as_ref().map_or_else(|| "-".to_owned(), |hash| hex(hash))
}

fn write_rules(f: &mut Formatter<'_>, rules: Option<&Rules>) -> fmt::Result {
    match rules {
        Some(Rules { sha256, release }) => write!(f, " rules={} release={release}", hex(sha256)),
        None => f.write_str(" rules=- release=-"),
    }
}

/// The words of a line that were not read yet.
struct LineWords<'line> {
    kind: &'line str,
    rest: Option<&'line str>,
}

impl<'line> LineWords<'line> {
    fn of(line: &'line str) -> Self {
        match line.split_once(' ') {
            Some((kind, rest)) => Self {
                kind,
                rest: Some(rest),
            },
            None => Self {
                kind: line,
                rest: None,
            },
        }
    }

    fn text(&mut self, key: &str) -> Result<&'line str, String> {
        let rest = self.rest.ok_or_else(|| format!("the word {key} is missing"))?;
        let (word, after) = match rest.split_once(' ') {
            Some((word, after)) => (word, Some(after)),
            None => (rest, None),
        };
        self.rest = after;
        word.strip_prefix(key)
            .and_then(|value| value.strip_prefix('='))
            .ok_or_else(|| format!("{word:?} stands where {key} is expected"))
    }

    fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let text = self.text(key)?;
        parse(text).ok_or_else(|| format!("{key}={text} cannot be read"))
    }

    /// A value that reads as it would be written: a line has one form alone, so that whoever compares texts and whoever
    /// compares values judge alike.
    fn exact<T: std::str::FromStr + ToString>(&mut self, key: &str) -> Result<T, String> {
        self.parsed(key, |text| {
            text.parse().ok().filter(|value: &T| value.to_string() == text)
        })
    }

    /// No line of a program has a negative number, nor one of more than 18 digits.
    fn number<T: std::str::FromStr + ToString>(&mut self, key: &str) -> Result<T, String> {
        let number = self.exact::<T>(key)?;
        let text = number.to_string();
        if text.starts_with('-') || text.len() > 18 {
            return Err(format!("{key}={text} cannot be read"));
        }
        Ok(number)
    }

    /// A number, or `auto`.
    fn count_or_auto(&mut self, key: &str) -> Result<Option<i64>, String> {
        let is_auto = |rest: &str| rest.split(' ').next() == Some(&*format!("{key}=auto"));
        if self.rest.is_some_and(is_auto) {
            return self.text(key).map(|_| None);
        }
        self.number(key).map(Some)
    }

    /// Seconds of either sign, of at most 18 digits, or `-`.
    fn seconds_or_none(&mut self, key: &str) -> Result<Option<i64>, String> {
        self.parsed(key, |text| match text {
            "-" => Some(None),
            text => {
                let seconds = text.parse::<i64>().ok()?;
                (seconds.to_string() == text && seconds.unsigned_abs() < 10_u64.pow(18))
                    .then_some(Some(seconds))
            }
        })
    }

    fn guid(&mut self, key: &str) -> Result<Guid, String> {
        self.exact(key)
    }

    fn guid_or_none(&mut self, key: &str) -> Result<Option<Guid>, String> {
        let is_none = |rest: &str| rest.split(' ').next() == Some(&*format!("{key}=-"));
        if self.rest.is_some_and(is_none) {
            return self.text(key).map(|_| None);
        }
        self.guid(key).map(Some)
    }

    /// A word of visible ASCII: whoever prints a line prints one line.
    fn word(&mut self, key: &str) -> Result<String, String> {
        self.parsed(key, |text| is_word(text).then(|| text.to_owned()))
    }

    fn hash(&mut self, key: &str) -> Result<Sha256, String> {
        self.parsed(key, read_hash)
    }

    fn hash_or_none(&mut self, key: &str) -> Result<Option<Sha256>, String> {
        self.parsed(key, |text| match text {
            "-" => Some(None),
            text => read_hash(text).map(Some),
        })
    }

    fn time(&mut self, key: &str) -> Result<i64, String> {
        self.parsed(key, read_time)
    }

    fn time_or_none(&mut self, key: &str) -> Result<Option<i64>, String> {
        self.parsed(key, |text| match text {
            "-" => Some(None),
            text => read_time(text).map(Some),
        })
    }

    fn instant_or_none(&mut self, key: &str) -> Result<Option<Instant>, String> {
        self.parsed(key, |text| match text {
            "-" => Some(None),
            text => read_instant(text).map(Some),
        })
    }

    fn zone(&mut self, key: &str) -> Result<ZoneName, String> {
        self.exact(key)
    }

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
                entry: self.number("entry")?,
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

    fn end(&self) -> Result<(), String> {
        match self.rest {
            None => Ok(()),
            Some(rest) => Err(format!("{rest:?} stands behind its last word")),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The bytes of 64 lower-case hexadecimal digits.
fn read_hash(text: &str) -> Option<Sha256> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

/// An instant of the server: as [`read_time`], with up to seven digits of a fraction that does not end in 0.
fn read_instant(text: &str) -> Option<Instant> {
    let (seconds, fraction) = match text.split_once('.') {
        Some((seconds, fraction)) => (format!("{seconds}Z"), fraction.strip_suffix('Z')?),
        None => (text.to_owned(), "0"),
    };
    let ticks: i64 = format!("{fraction:0<7}")
        .parse()
        .ok()
        .filter(|_| fraction.len() <= 7)?;
    let instant = Instant::from_ticks(read_time(&seconds)? * TICKS_PER_SECOND + ticks);
    (instant.to_string() == text).then_some(instant)
}

/// Seconds since 1970 of `2026-01-31T03:00:00Z`.
pub(super) fn read_time(text: &str) -> Option<i64> {
    let shape = text.len() == 20
        && text
            .bytes()
            .zip("0000-00-00T00:00:00Z".bytes())
            .all(|(byte, like)| {
                if like == b'0' {
                    byte.is_ascii_digit()
                } else {
                    byte == like
                }
            });
    if !shape || text.starts_with("0000") {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().ok();
    let day = NaiveDate::from_ymd_opt(i32::try_from(number(0..4)?).ok()?, number(5..7)?, number(8..10)?)?;
    let time = day.and_hms_opt(number(11..13)?, number(14..16)?, number(17..19)?)?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn times_are_seconds_since_1970() {
        assert_eq!(read_time("1970-01-01T00:00:01Z"), Some(1));
        assert_eq!(read_time("2026-01-31T03:00:00Z"), Some(1_769_828_400));
        for wrong in [
            "2026-01-31T03:00:00",
            "2026-01-31 03:00:00Z",
            "2026-01-31T03:00:00.5Z",
            "0000-01-31T03:00:00Z",
            "+026-01-31T03:00:00Z",
        ] {
            assert_eq!(read_time(wrong), None, "{wrong}");
        }
    }
}
