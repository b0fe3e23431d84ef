//! Decides which messages of a changed run are new, absent or back. Pure: no SQL, no clock.

use std::collections::HashMap;
use std::hash::Hash;

/// A message that the archive holds for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldMessage<M> {
    /// Its number within the run.
    pub ordinal: i64,
    /// Whether the run's last readable revision lacked it.
    pub absent: bool,
    pub message: M,
}

impl<M> HeldMessage<M> {
    /// Converts the message.
    pub fn map<'m, N>(&'m self, form: impl FnOnce(&'m M) -> N) -> HeldMessage<N> {
        HeldMessage {
            ordinal: self.ordinal,
            absent: self.absent,
            message: form(&self.message),
        }
    }
}

/// What to do with the messages of a changed run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessagePlan {
    /// Ordinals to mark absent.
    pub absent: Vec<i64>,
    /// Ordinals of absent messages that are back.
    pub returned: Vec<i64>,
    /// Messages to add: index in the run as received, and the ordinal to give.
    pub added: Vec<(usize, i64)>,
}

/// Matches received messages with those held, as multisets: two equal messages are two messages.
///
/// `held` is sorted by ordinal. If some message of the run could not be read, `judge_absence` is false and none is
/// marked absent: it may be the unreadable one.
///
/// Of equal messages, the newest goes absent first and the oldest absent one returns first. New messages get the
/// ordinals after the highest one.
#[must_use]
pub fn plan_messages<M: Hash + Eq + Copy>(
    held: &[HeldMessage<M>],
    incoming: &[M],
    judge_absence: bool,
) -> MessagePlan {
    struct EqualMessages {
        present: Vec<i64>,
        absent: Vec<i64>,
        incoming: Vec<usize>,
    }
    let mut equals: HashMap<M, EqualMessages> = HashMap::with_capacity(held.len().max(incoming.len()));
    let empty = || EqualMessages {
        present: Vec::new(),
        absent: Vec::new(),
        incoming: Vec::new(),
    };
    for message in held {
        let equal = equals.entry(message.message).or_insert_with(empty);
        if message.absent {
            &mut equal.absent
        } else {
            &mut equal.present
        }
        .push(message.ordinal);
    }
    for (index, &message) in incoming.iter().enumerate() {
        equals.entry(message).or_insert_with(empty).incoming.push(index);
    }

    let mut plan = MessagePlan::default();
    let mut new = Vec::new();
    for equal in equals.values() {
        let kept = equal.present.len().min(equal.incoming.len());
        if judge_absence {
            plan.absent.extend_from_slice(&equal.present[kept..]);
        }
        let returned = equal.absent.len().min(equal.incoming.len() - kept);
        plan.returned.extend_from_slice(&equal.absent[..returned]);
        new.extend_from_slice(&equal.incoming[kept + returned..]);
    }
    plan.absent.sort_unstable();
    plan.returned.sort_unstable();
    new.sort_unstable();
    let next = held.iter().map(|message| message.ordinal + 1).max().unwrap_or(0);
    plan.added = new.into_iter().zip(next..).collect();
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str) -> Vec<HeldMessage<char>> {
        // Upper case: present; lower case: the same message, absent.
        text.chars()
            .zip(0..)
            .map(|(c, ordinal)| HeldMessage {
                ordinal,
                absent: c.is_lowercase(),
                message: c.to_ascii_uppercase(),
            })
            .collect()
    }

    fn incoming(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn messages_are_matched_as_multisets() {
        // held, came, absent, returned, added
        type Row = (
            &'static str,
            &'static str,
            &'static [i64],
            &'static [i64],
            &'static [(usize, i64)],
        );
        let table: [Row; 10] = [
            ("", "AB", &[], &[], &[(0, 0), (1, 1)]),
            ("AB", "BA", &[], &[], &[]),
            ("AB", "B", &[0], &[], &[]),
            ("AB", "ABA", &[], &[], &[(2, 2)]),
            ("AAA", "A", &[1, 2], &[], &[]),
            ("aB", "AB", &[], &[0], &[]),
            ("aaB", "AB", &[], &[0], &[]),
            ("aA", "AAA", &[], &[0], &[(2, 2)]),
            ("ab", "", &[], &[], &[]),
            ("AB", "CC", &[0, 1], &[], &[(0, 2), (1, 3)]),
        ];
        for (before, answer, absent, returned, added) in table {
            let plan = plan_messages(&held(before), &incoming(answer), true);
            assert_eq!(plan.absent, absent, "{before} {answer}");
            assert_eq!(plan.returned, returned, "{before} {answer}");
            assert_eq!(plan.added, added, "{before} {answer}");
        }
    }

    #[test]
    fn an_unreadable_message_marks_none_absent() {
        let plan = plan_messages(&held("ABc"), &incoming("BC"), false);
        assert_eq!(
            plan,
            MessagePlan {
                absent: vec![],
                returned: vec![2],
                added: vec![]
            }
        );
    }

    #[test]
    fn ordinals_go_on_from_the_highest_even_when_it_is_absent() {
        let plan = plan_messages(&held("Ab"), &incoming("AC"), true);
        assert_eq!(plan.added, [(1, 2)]);
    }
}
