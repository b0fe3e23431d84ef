//! The tables of a lake: those for analysts, with types.

use super::parquet::ParquetType;
use crate::archive::{DocumentedTable, NAMES_FOR_ANALYSTS, documented_tables};

/// What a column of a lake has beyond what the schema says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    /// The lake has it although the view does not: after that column of the view, or after the last one.
    Added {
        after: Option<&'static str>,
        kind: ParquetType,
        is_required: bool,
    },
    /// A time of the server, which may be finer than a microsecond; the archive's own are whole seconds.
    ServerTime,
    /// Readers look up single values of it.
    BloomFilter,
}

impl Special {
    const fn added(after: Option<&'static str>, kind: ParquetType, is_required: bool) -> Self {
        Self::Added {
            after,
            kind,
            is_required,
        }
    }
}

const SPECIAL_COLUMNS: [(&str, &str, Special); 14] = [
    ("messages", "job_run_id", Special::BloomFilter),
    (
        "messages",
        "run_started_at",
        Special::added(Some("job_id"), ParquetType::Time, false),
    ),
    ("messages", "run_started_at", Special::ServerTime),
    ("messages", "occurred_at", Special::ServerTime),
    ("messages", "asset", Special::BloomFilter),
    ("runs", "job_run_id", Special::BloomFilter),
    ("runs", "started_at", Special::ServerTime),
    ("runs", "ended_at", Special::ServerTime),
    (
        "runs",
        "messages_held",
        Special::added(None, ParquetType::Integer, true),
    ),
    (
        "runs",
        "messages_present",
        Special::added(None, ParquetType::Integer, true),
    ),
    ("run_revisions", "job_run_id", Special::BloomFilter),
    ("assets", "first_message_at", Special::ServerTime),
    ("assets", "last_message_at", Special::ServerTime),
    ("removed_runs", "started_at", Special::ServerTime),
];

/// A table of a lake.
#[derive(Debug, Clone)]
pub(super) struct LakeTable {
    pub(super) name: &'static str,
    pub(super) fields: Vec<LakeField>,
    pub(super) partition: Option<Partition>,
}

/// What a row has in one place: a column, or two of a time that may be finer than a microsecond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LakeField {
    pub(super) name: String,
    pub(super) kind: ParquetType,
    /// Whether it never is NULL.
    pub(super) is_required: bool,
    /// Whether a column `NAME_exact` follows, with the text of a time that is finer.
    pub(super) has_exact: bool,
    /// Whether a Bloom filter is written, for lookups of single values.
    pub(super) has_bloom_filter: bool,
}

/// How the rows of a table are shared out among folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Partition {
    /// By the month in which their run started.
    MonthOfStart,
    YearOfStart,
    /// By the year in which they were archived.
    YearOfCapture,
}

/// A part of a table that is written together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LakePart {
    Whole,
    /// The month or year, such as `2026-01`; none for rows without a time.
    Of(Option<String>),
}

impl LakePart {
    /// The month or year.
    pub(super) fn value(&self) -> Option<&str> {
        match self {
            Self::Whole => None,
            Self::Of(value) => value.as_deref(),
        }
    }
}

impl Partition {
    /// The name of the key in the folders' names.
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::MonthOfStart => "month",
            Self::YearOfStart | Self::YearOfCapture => "year",
        }
    }
}

impl LakeTable {
    pub(super) fn all() -> Vec<Self> {
        let documented = documented_tables();
        let new = |name| {
            let table = documented.iter().find(|table| table.name == name);
            Self::new(name, table.expect("the migrations make each name for analysts"))
        };
        NAMES_FOR_ANALYSTS.into_iter().map(new).collect()
    }

    fn new(name: &'static str, documented: &DocumentedTable) -> Self {
        let field = |column: &str, kind: ParquetType, is_required: bool| LakeField {
            name: column.to_owned(),
            kind,
            is_required,
            has_exact: SPECIAL_COLUMNS.contains(&(name, column, Special::ServerTime)),
            has_bloom_filter: SPECIAL_COLUMNS.contains(&(name, column, Special::BloomFilter)),
        };
        let push_added = |fields: &mut Vec<LakeField>, place: Option<&str>| {
            for (table, column, special) in SPECIAL_COLUMNS {
                if let Special::Added {
                    after,
                    kind,
                    is_required,
                } = special
                    && (table, after) == (name, place)
                {
                    fields.push(field(column, kind, is_required));
                }
            }
        };
        let mut fields = Vec::new();
        for column in &documented.columns {
            let kind = match column.unit.as_str() {
                _ if column.name == "ordinal" => ParquetType::Ordinal,
                "0 or 1" => ParquetType::Flag,
                "code" | "count" | "number" => ParquetType::Integer,
                "seconds" => ParquetType::Seconds,
                "bytes" => ParquetType::Bytes,
                "UTC time" => ParquetType::Time,
                _ => ParquetType::Text,
            };
            fields.push(field(&column.name, kind, column.null.is_empty()));
            push_added(&mut fields, Some(&column.name));
        }
        push_added(&mut fields, None);
        Self {
            name,
            fields,
            partition: match name {
                "messages" => Some(Partition::MonthOfStart),
                "runs" => Some(Partition::YearOfStart),
                "run_revisions" => Some(Partition::YearOfCapture),
                _ => None,
            },
        }
    }

    /// The columns by which rows are sorted.
    pub(super) fn order(&self) -> Vec<&str> {
        match self.name {
            "messages" => vec!["job_id", "run_started_at", "job_run_id", "ordinal"],
            "runs" => vec!["job_id", "started_at", "job_run_id"],
            "run_revisions" => vec!["job_run_id", "revision"],
            _ => self
                .fields
                .iter()
                .take(3)
                .map(|field| field.name.as_str())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_the_columns_that_they_are_sorted_by_and_those_with_special_rules() {
        let tables = LakeTable::all();
        assert_eq!(tables.len(), NAMES_FOR_ANALYSTS.len());
        for table in &tables {
            let names: Vec<&str> = table.fields.iter().map(|field| field.name.as_str()).collect();
            assert!(
                table.order().iter().all(|column| names.contains(column)),
                "{}",
                table.name
            );
        }
        for (table, column, _) in SPECIAL_COLUMNS {
            let table = tables.iter().find(|found| found.name == table).unwrap();
            assert!(table.fields.iter().any(|field| field.name == column), "{column}");
        }
        let messages = tables.iter().find(|table| table.name == "messages").unwrap();
        let names: Vec<&str> = messages.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names[..4], ["job_run_id", "job_id", "run_started_at", "ordinal"]);
        assert_eq!(messages.fields[3].kind, ParquetType::Ordinal);
        assert!(messages.fields[3].is_required);
        assert!(!messages.fields[4].is_required);
    }
}
