//! Decides what a run that came means for what is archived. Pure: no SQL, no clock.

use std::collections::HashMap;
use std::hash::Hash;

/// What a run that came has in common with the archived one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// Its bytes are the ones seen last.
    Bytes,
    /// It says the same in other bytes: another order of fields or messages.
    Content,
    /// It says something else.
    Nothing,
}

/// A run that is archived already, as far as a decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedRun {
    /// Whether it was marked absent.
    pub absent: bool,
    /// What the one that came has in common with it.
    pub sameness: Sameness,
}

/// What to do with a run that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPlan {
    /// It was never archived.
    New,
    /// Its content is the archived one.
    Unchanged {
        /// The bytes differ (order of fields or messages): remember their hash for the quick path.
        remember_bytes: bool,
        /// It was absent and is listed again.
        returned: bool,
    },
    /// Its content differs: a new revision.
    Changed {
        /// It was absent and is listed again.
        returned: bool,
    },
}

/// What is done with a run that a retention rule removed: nothing, whatever it says now.
pub(in crate::archive) const REMOVED_RUN: RunPlan = RunPlan::Unchanged {
    remember_bytes: false,
    returned: false,
};

/// Decides for one run.
#[must_use]
pub const fn plan_run(archived: Option<ArchivedRun>) -> RunPlan {
    match archived {
        None => RunPlan::New,
        Some(ArchivedRun {
            absent,
            sameness: Sameness::Nothing,
        }) => RunPlan::Changed { returned: absent },
        Some(ArchivedRun { absent, sameness }) => RunPlan::Unchanged {
            remember_bytes: matches!(sameness, Sameness::Content),
            returned: absent,
        },
    }
}

/// A message that the archive holds for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldMessage<M> {
    /// Its number within the run.
    pub ordinal: i64,
    /// Whether the run lacked it when last read whole.
    pub absent: bool,
    /// What it says.
    pub message: M,
}

impl<M> HeldMessage<M> {
    /// The same, with what it says in another form.
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
    /// Ordinals that are there again.
    pub returned: Vec<i64>,
    /// Messages to add: index in the answer, and the ordinal to give.
    pub added: Vec<(usize, i64)>,
}

/// Matches the messages that came with those held, as multisets: two equal messages are two messages.
///
/// `held` is in order of ordinal. With `judge_absence` false (some message of the run could not be read) none is
/// marked absent, since it may be the unreadable one.
///
/// Of equal messages the one held longest is kept, the newest goes absent first, and the oldest absent one returns
/// first. New ones go on from the highest ordinal.
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
    fn runs_are_new_unchanged_or_changed() {
        let archived = |absent, sameness| Some(ArchivedRun { absent, sameness });
        for (run, expected) in [
            (None, RunPlan::New),
            (
                archived(false, Sameness::Bytes),
                RunPlan::Unchanged {
                    remember_bytes: false,
                    returned: false,
                },
            ),
            (
                archived(false, Sameness::Content),
                RunPlan::Unchanged {
                    remember_bytes: true,
                    returned: false,
                },
            ),
            (
                archived(false, Sameness::Nothing),
                RunPlan::Changed { returned: false },
            ),
            (
                archived(true, Sameness::Bytes),
                RunPlan::Unchanged {
                    remember_bytes: false,
                    returned: true,
                },
            ),
            (
                archived(true, Sameness::Content),
                RunPlan::Unchanged {
                    remember_bytes: true,
                    returned: true,
                },
            ),
            (
                archived(true, Sameness::Nothing),
                RunPlan::Changed { returned: true },
            ),
        ] {
            assert_eq!(plan_run(run), expected, "{run:?}");
        }
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
