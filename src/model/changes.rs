//! What changed in a run from one revision to the next.

use std::fmt;

/// The names of a run's fields, in the order of the API document.
pub const RUN_FIELDS: [&str; 10] = [
    "JobRunID",
    "Status",
    "JobStartTime",
    "JobEndTime",
    "Exception",
    "CustomStatusText",
    "JobSummary",
    "StatusDetails",
    "ActivityStatusList",
    "MessageCount",
];

/// How two states of a run differ. Its text names the fields and counts the messages:
/// `Status, JobEndTime; 2 messages added, 1 gone`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct RunChanges {
    /// The changed fields, those of the API document first.
    pub fields: Vec<FieldChange>,
    /// Messages that only the later state has. A changed message counts as one added and one gone.
    pub messages_added: usize,
    /// Messages that only the earlier state has; 0 if the later one has no message list, which says nothing about
    /// messages.
    pub messages_gone: usize,
}

/// A field with another value than before.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldChange {
    /// Its name: that in the API document, else as sent.
    pub name: String,
    /// The former value, texts as they are and everything else as JSON; `None` if it was missing or null.
    pub before: Option<String>,
    /// The present value, in the same form.
    pub after: Option<String>,
}

impl fmt::Display for RunChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        let messages = |count: usize| format!("{count} message{}", if count == 1 { "" } else { "s" });
        let counted = match (self.messages_added, self.messages_gone) {
            (0, 0) => None,
            (0, gone) => Some(format!("{} gone", messages(gone))),
            (added, 0) => Some(format!("{} added", messages(added))),
            (added, gone) => Some(format!("{} added, {gone} gone", messages(added))),
        };
        let parts = [(!names.is_empty()).then(|| names.join(", ")), counted];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_by_the_names_of_fields_and_the_numbers_of_messages() {
        let changes = |names: &[&str], messages_added, messages_gone| {
            let field = |name: &&str| FieldChange {
                name: (*name).to_owned(),
                before: None,
                after: None,
            };
            let fields = names.iter().map(field).collect();
            let changes = RunChanges {
                fields,
                messages_added,
                messages_gone,
            };
            changes.to_string()
        };
        assert_eq!(
            changes(&["Status", "JobEndTime"], 2, 1),
            "Status, JobEndTime; 2 messages added, 1 gone"
        );
        assert_eq!(changes(&["Status"], 0, 0), "Status");
        assert_eq!(changes(&[], 1, 0), "1 message added");
        assert_eq!(changes(&[], 0, 2), "2 messages gone");
        assert_eq!(changes(&[], 0, 0), "");
    }
}
