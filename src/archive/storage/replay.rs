//! What the tables must say of a run, from its revisions alone.
//!
//! Pure: decoded revisions go in, in order; the latest state and the messages with their numbers and absences come out. It
//! decides by the same [`plan_messages`] and counts by the same [`MessageCounts`] as the writer, and shares nothing else
//! with it, so that each checks the other.

use super::plan::{HeldMessage, plan_messages};
use super::run_rows::MessageCounts;
use crate::model::{JobRun, Message, OwnedMessage, TimeReading};

/// A run in the making.
#[derive(Debug, Default)]
pub(in crate::archive) struct Replay {
    held: Vec<OpenMessage>,
    /// The messages are those of `latest`, as they stand: nothing was copied yet.
    single: bool,
    latest: Option<Latest>,
}

/// The latest revision, and what else the run's row says.
#[derive(Debug)]
pub(in crate::archive) struct Latest {
    pub(in crate::archive) run: JobRun,
    pub(in crate::archive) revision: i64,
    /// Seconds since 1970 UTC, of the first and the latest revision.
    pub(in crate::archive) first_at: i64,
    pub(in crate::archive) last_at: i64,
}

/// A message that the archive must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct ReplayedMessage<'a> {
    pub(in crate::archive) ordinal: i64,
    /// Seconds since 1970 UTC; `None` while its run has it.
    pub(in crate::archive) absent_since: Option<i64>,
    /// As it is stored: the text of its time only where that cannot be read.
    pub(in crate::archive) message: Message<'a>,
}

#[derive(Debug)]
struct OpenMessage {
    absent_since: Option<i64>,
    message: OwnedMessage,
}

impl Replay {
    /// Adds the next revision; `at` is when it was received. With `more` to come, its messages are kept apart from it.
    pub(in crate::archive) fn add(&mut self, run: JobRun, revision: i64, at: i64, more: bool) {
        let first = self.latest.is_none();
        if first && !more {
            self.single = true;
        } else if let Some(incoming) = run.messages() {
            let incoming: Vec<Message<'_>> = incoming.map(as_stored).collect();
            let held: Vec<HeldMessage<Message<'_>>> = (0..)
                .zip(&self.held)
                .map(|(ordinal, held)| HeldMessage {
                    ordinal,
                    absent: held.absent_since.is_some(),
                    message: held.message.message(),
                })
                .collect();
            let plan = plan_messages(&held, &incoming, run.unreadable_messages().is_empty());
            let added: Vec<OpenMessage> = plan
                .added
                .iter()
                .map(|&(index, _)| OpenMessage {
                    absent_since: None,
                    message: incoming[index].into(),
                })
                .collect();
            for (ordinals, absent_since) in [(plan.absent, Some(at)), (plan.returned, None)] {
                for ordinal in ordinals {
                    let index =
                        usize::try_from(ordinal).expect("ordinals of held messages are their indexes");
                    self.held[index].absent_since = absent_since;
                }
            }
            self.held.extend(added);
        }
        let first_at = self.latest.as_ref().map_or(at, |latest| latest.first_at);
        self.latest = Some(Latest {
            run,
            revision,
            first_at,
            last_at: at,
        });
    }

    /// The latest revision; `None` while there is none.
    pub(in crate::archive) const fn latest(&self) -> Option<&Latest> {
        self.latest.as_ref()
    }

    /// Every message, by its number.
    pub(in crate::archive) fn messages(&self) -> Box<dyn Iterator<Item = ReplayedMessage<'_>> + '_> {
        match &self.latest {
            Some(latest) if self.single => {
                let incoming = latest.run.messages().into_iter().flatten();
                Box::new((0..).zip(incoming).map(|(ordinal, message)| ReplayedMessage {
                    ordinal,
                    absent_since: None,
                    message: as_stored(message),
                }))
            }
            _ => Box::new((0..).zip(&self.held).map(|(ordinal, held)| ReplayedMessage {
                ordinal,
                absent_since: held.absent_since,
                message: held.message.message(),
            })),
        }
    }

    /// What the run's row says of its messages.
    pub(in crate::archive) fn counts(&self) -> MessageCounts {
        let mut counts = MessageCounts::default();
        for held in self.messages() {
            counts.hold(held.message.occurred);
            counts.present += i64::from(held.absent_since.is_none());
        }
        counts
    }
}

/// A message as the tables hold it: the text of a time that could be read is not kept.
fn as_stored(message: Message<'_>) -> Message<'_> {
    let occurred_raw = (message.occurred == TimeReading::Unreadable)
        .then_some(message.occurred_raw)
        .flatten();
    Message {
        occurred_raw,
        ..message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::read_run_fields;
    use crate::model::NaiveZone;

    fn run(messages: &str) -> JobRun {
        let json = format!(r#"{{"JobRunID":"ff761384-4b49-40b4-97d8-0de38669075a"{messages}}}"#);
        read_run_fields(json.as_bytes(), NaiveZone::Utc).unwrap()
    }

    fn list(texts: &str) -> JobRun {
        let messages: Vec<String> = texts
            .chars()
            .map(|c| format!(r#"{{"Message":"{c}","DateTime":"2026-01-01T00:00:00"}}"#))
            .collect();
        run(&format!(r#","JobMessages":[{}]"#, messages.join(",")))
    }

    fn state(replay: &Replay) -> String {
        let shown = replay.messages().map(|held| {
            let since = held.absent_since.map_or_else(String::new, |at| format!("-{at}"));
            format!("{}{}{since}", held.ordinal, held.message.message.unwrap_or("?"))
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_revision_is_taken_as_it_came() {
        let mut replay = Replay::default();
        replay.add(list("ABA"), 1, 10, false);
        assert_eq!(state(&replay), "0A 1B 2A");
        assert_eq!((replay.counts().held, replay.counts().present), (3, 3));
        assert!(replay.messages().all(|held| held.message.occurred_raw.is_none()));
    }

    #[test]
    fn messages_go_and_come_back_with_their_numbers() {
        let mut replay = Replay::default();
        replay.add(list("ABA"), 1, 10, true);
        replay.add(list("AC"), 2, 20, true);
        assert_eq!(state(&replay), "0A 1B-20 2A-20 3C");
        // A run without a message list says nothing about messages.
        replay.add(run(""), 3, 30, true);
        assert_eq!(state(&replay), "0A 1B-20 2A-20 3C");
        replay.add(list("BACA"), 4, 40, false);
        assert_eq!(state(&replay), "0A 1B 2A 3C");
        assert_eq!((replay.counts().held, replay.counts().present), (4, 4));
        let latest = replay.latest().unwrap();
        assert_eq!((latest.revision, latest.first_at, latest.last_at), (4, 10, 40));
    }

    #[test]
    fn a_revision_with_an_unreadable_message_marks_none_absent() {
        let mut replay = Replay::default();
        replay.add(list("AB"), 1, 10, true);
        replay.add(
            run(r#","JobMessages":[7,{"Message":"A","DateTime":"2026-01-01T00:00:00"}]"#),
            2,
            20,
            false,
        );
        assert_eq!(state(&replay), "0A 1B");
    }
}
