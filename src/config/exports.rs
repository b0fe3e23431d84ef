//! `[[export]]` entries of the config file: reports that are written after each sync.

use toml::de::{DeTable, DeValue};

/// An entry, as the arguments of `jobruns report` that would write the same report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Line of the entry, from 1.
    pub line: usize,
    pub report: String,
    /// The name, then an option for each key: `fill = true` becomes `--fill`, `top = 20` becomes `--top=20`, and a list
    /// repeats its option.
    pub arguments: Vec<String>,
}

/// Why an entry cannot be read. Repeats no value, which may be a password put here by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UnreadableEntry {
    /// Its form is wrong.
    Form(String),
    /// A key looks like that of a password.
    Password,
}

/// Reads the entry in `line`.
pub(super) fn read_export(
    line: usize,
    table: &DeTable<'_>,
    is_password: impl Fn(&str) -> bool,
) -> Result<Export, UnreadableEntry> {
    let mut report = None;
    let mut options = Vec::new();
    for (key, value) in table {
        let key = key.get_ref();
        if is_password(key) {
            return Err(UnreadableEntry::Password);
        }
        if key == "report" {
            let DeValue::String(name) = value.get_ref() else {
                return Err(UnreadableEntry::Form("its report is not text".to_owned()));
            };
            // An option in place of the name would be taken for an option.
            if name.starts_with('-') {
                return Err(UnreadableEntry::Form("its report is not a name".to_owned()));
            }
            report = Some(name.to_string());
            continue;
        }
        let flag = format!("--{}", key.replace('_', "-"));
        match value.get_ref() {
            DeValue::Array(items) => {
                for item in items {
                    let text = text_of(item.get_ref()).ok_or_else(|| {
                        UnreadableEntry::Form(format!("{key} has a list or a table in its list"))
                    })?;
                    options.push(format!("{flag}={text}"));
                }
            }
            DeValue::Boolean(true) => options.push(flag),
            DeValue::Boolean(false) => {}
            value => {
                let text =
                    text_of(value).ok_or_else(|| UnreadableEntry::Form(format!("{key} is a table")))?;
                options.push(format!("{flag}={text}"));
            }
        }
    }
    let report = report.ok_or_else(|| UnreadableEntry::Form("it has no report".to_owned()))?;
    let mut arguments = vec![report.clone()];
    arguments.append(&mut options);
    Ok(Export {
        line,
        report,
        arguments,
    })
}

/// A value as an argument.
pub(super) fn text_of(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Export, UnreadableEntry> {
        let table = DeTable::parse(text).unwrap();
        read_export(7, table.get_ref(), |key| key == "password")
    }

    #[test]
    fn keys_are_the_options_of_a_command_line() {
        let export = read(
            "report = 'failure-trends'\nby = 'month'\nfill = true\nall_jobs = false\nsince = 2024-01-01\njob = ['a b', '--x']\ntop = 20",
        )
        .unwrap();
        assert_eq!(export.arguments[0], "failure-trends");
        let mut options = export.arguments[1..].to_vec();
        options.sort();
        assert_eq!(
            options,
            [
                "--by=month",
                "--fill",
                "--job=--x",
                "--job=a b",
                "--since=2024-01-01",
                "--top=20"
            ]
        );
        assert_eq!(export.line, 7);
    }

    #[test]
    fn what_cannot_be_words_is_refused_and_not_repeated() {
        for text in [
            "by = 'day'",
            "report = 3",
            "report = '--help'",
            "report = 'runs'\njob = [['hunter2']]",
            "report = 'runs'\njob = { a = 'hunter2' }",
        ] {
            let error = read(text).unwrap_err();
            assert!(matches!(error, UnreadableEntry::Form(_)), "{text}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        assert_eq!(
            read("report = 'runs'\npassword = 'hunter2'"),
            Err(UnreadableEntry::Password)
        );
    }
}
