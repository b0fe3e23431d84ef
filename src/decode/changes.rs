//! What changed from one state of a run to the next, by the same rules that detect a change: see `decode/content.rs`.

use std::collections::{BTreeMap, HashMap};

use super::content::folded_name;
use super::field::read_text;
use super::json::{Broken, Cursor};
use super::run::{Content, UnreadableRun, read_with_content, skip_element};
use crate::model::{FieldChange, RUN_FIELDS, RunChanges, TextStore};

/// The message list among the fields.
const MESSAGES: &str = "jobmessages";

/// Compares the bytes of two states of a run.
pub fn compare_runs(before: &[u8], after: &[u8]) -> Result<RunChanges, UnreadableRun> {
    let (before, after) = (ComparedRun::read(before)?, ComparedRun::read(after)?);
    let mut changes = RunChanges::default();
    let mut changed: Vec<&str> = Vec::new();
    for name in before.written.keys().chain(after.written.keys()) {
        if before.written.get(name) != after.written.get(name) && !changed.contains(&name.as_str()) {
            changed.push(name);
        }
    }
    changed.sort_unstable_by_key(|&name| (place(name), name));
    if changed.contains(&MESSAGES) {
        let lists = [&before, &after].map(|state| Content::digests(state.written.get(MESSAGES)?));
        (changes.messages_added, changes.messages_gone) = match &lists {
            [Some(old), Some(new)] => (count_without(new, old), count_without(old, new)),
            [None, Some(new)] => (new.len(), 0),
            [_, None] => (0, 0),
        };
        if lists.iter().all(Option::is_some) {
            changed.retain(|&name| name != MESSAGES);
        }
    }
    changes.fields = changed
        .into_iter()
        .map(|name| FieldChange {
            name: after
                .name(name)
                .or_else(|| before.name(name))
                .unwrap_or_else(|| name.to_owned()),
            before: before.text(name),
            after: after.text(name),
        })
        .collect();
    Ok(changes)
}

/// The position of a field in the API document; unknown fields come after all of these, and the message list last.
fn place(name: &str) -> usize {
    if name == MESSAGES {
        return usize::MAX;
    }
    let known = RUN_FIELDS
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name));
    known.unwrap_or(RUN_FIELDS.len())
}

/// How many of the sorted `digests` are not in the sorted `others`, as multisets.
fn count_without(digests: &[[u8; 32]], others: &[[u8; 32]]) -> usize {
    let mut others = others.iter().peekable();
    let is_missing = |digest: &&[u8; 32]| {
        while others.next_if(|other| other < digest).is_some() {}
        others.next_if_eq(digest).is_none()
    };
    digests.iter().filter(is_missing).count()
}

/// The fields of a run, by name in lower case.
struct ComparedRun {
    /// What is compared; without fields that are null.
    written: BTreeMap<String, Vec<u8>>,
    /// Name and text as sent.
    sent: HashMap<String, (String, Option<String>)>,
}

impl ComparedRun {
    fn read(bytes: &[u8]) -> Result<Self, UnreadableRun> {
        let content = read_with_content(bytes)?;
        let mut sent = HashMap::new();
        let mut cursor = Cursor::new(bytes);
        let read = cursor.members(0, Cursor::string, |cursor, name| {
            let folded = folded_name(cursor, &name);
            let mut as_sent = String::new();
            cursor.decode(&name, &mut as_sent);
            if folded == MESSAGES && cursor.peek() == Some(b'[') {
                // A message in it may be unreadable.
                skip_element(cursor)?;
                sent.insert(folded, (as_sent, None));
                return Ok(());
            }
            let value = cursor.value(1)?;
            let mut texts = TextStore::default();
            let stored = read_text(cursor, &value, &mut texts);
            sent.insert(folded, (as_sent, texts.get(stored.span).map(str::to_owned)));
            Ok(())
        });
        read.map_err(|Broken { at, what }| UnreadableRun(format!("broken JSON at byte {at}: {what}")))?;
        Ok(Self {
            written: content.written(),
            sent,
        })
    }

    fn name(&self, folded: &str) -> Option<String> {
        let known = RUN_FIELDS.iter().find(|known| known.eq_ignore_ascii_case(folded));
        let known = known.map(|&known| known.to_owned());
        known.or_else(|| self.sent.get(folded).map(|(name, _)| name.clone()))
    }

    fn text(&self, folded: &str) -> Option<String> {
        self.sent.get(folded)?.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = r#""JobRunID":"ff761384-4b49-40b4-97d8-0de38669075a""#;

    fn run(rest: &str) -> String {
        format!("{{{ID},{rest}}}")
    }

    fn what(before: &str, after: &str) -> String {
        let changes = compare_runs(run(before).as_bytes(), run(after).as_bytes());
        changes.unwrap().to_string()
    }

    #[test]
    fn what_changed_is_told_in_the_order_of_the_document_whatever_the_order_of_the_answer() {
        assert_eq!(
            what(
                r#""Zone":1,"JobEndTime":"","Status":2,"JobMessages":[{"Message":"a"},{"Message":"b"},{"Message":"b"}]"#,
                r#""JobMessages":[{"Message":"c"},{"Message":"b"},{"Message":"a"},{"Message":"d"}],"JobEndTime":"2024-01-01T00:00:00Z","status":5,"zone":2"#,
            ),
            "Status, JobEndTime, zone; 2 messages added, 1 gone"
        );
        assert_eq!(what(r#""Status":2"#, r#""Status":2,"Exception":null"#), "");
        assert_eq!(what(r#""A":{"x":1,"y":2}"#, r#""A":{"Y":2,"X":1}"#), "");
        assert_eq!(what(r#""Status":2"#, r#""Status":2,"NewField":[1]"#), "NewField");
    }

    #[test]
    fn a_message_list_that_comes_or_goes_is_a_change_of_its_own() {
        let list = r#""JobMessages":[{"Message":"a"},{"Message":"b"}]"#;
        assert_eq!(
            what(r#""Status":2"#, &format!(r#""Status":2,{list}"#)),
            "JobMessages; 2 messages added"
        );
        assert_eq!(
            what(
                &format!(r#""Status":2,{list}"#),
                r#""Status":2,"JobMessages":null"#
            ),
            "JobMessages"
        );
        assert_eq!(what(r#""JobMessages":[]"#, list), "2 messages added");
        assert_eq!(what(list, r#""JobMessages":[{"Message":"a"}]"#), "1 message gone");
        assert_eq!(
            what(list, r#""JobMessages":[{"Message":"a"},7]"#),
            "1 message added, 1 gone"
        );
    }

    #[test]
    fn values_are_shown_as_texts_or_as_json() {
        let changes = compare_runs(
            run(r#""Status":2,"JobSummary":"a \"b\"","ActivityStatusList":[1]"#).as_bytes(),
            run(r#""Status":"5","ActivityStatusList":[2]"#).as_bytes(),
        );
        let said: Vec<String> = changes
            .unwrap()
            .fields
            .iter()
            .map(|field| format!("{} {:?} {:?}", field.name, field.before, field.after))
            .collect();
        assert_eq!(
            said,
            [
                r#"Status Some("2") Some("5")"#,
                r#"JobSummary Some("a \"b\"") None"#,
                r#"ActivityStatusList Some("[1]") Some("[2]")"#,
            ]
        );
        assert!(compare_runs(b"{}", run(r#""Status":2"#).as_bytes()).is_err());
    }
}
