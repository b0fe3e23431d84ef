//! The results of user-written queries, as rows.

use std::borrow::Cow;

use rusqlite::types::{Value, ValueRef};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::error::ReportError;
use super::table::{Cell, Column, ColumnType, Rows};
use crate::archive::{QueryError, QueryRows, Snapshot};

/// A query with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryOptions {
    /// One statement that reads.
    pub sql: String,
    /// Values by the bare names of the parameters.
    #[serde(rename = "param", serialize_with = "by_name")]
    pub parameters: Vec<(String, Value)>,
    /// At most this many rows.
    pub limit: Option<u64>,
}

/// How the rows of a query ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryEnd {
    Complete,
    /// There are more than the limit lets through.
    Limited,
}

/// Of two parameters with one name the last counts.
fn by_name<S: Serializer>(parameters: &[(String, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (name, value) in parameters {
        map.serialize_key(name)?;
        match value {
            Value::Null => map.serialize_value(&()),
            Value::Integer(number) => map.serialize_value(number),
            Value::Real(number) => map.serialize_value(number),
            Value::Text(text) => map.serialize_value(text),
            Value::Blob(bytes) => map.serialize_value(&crate::model::hex(bytes)),
        }?;
    }
    map.end()
}

/// A parameter's value as it is written on a command line: a whole number, a number with a point, else text.
///
/// A column of text compares with either; a number that is written otherwise (`007`) stays text.
#[must_use]
pub fn parameter(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>()
        && number.to_string() == text
    {
        return Value::Integer(number);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if let Some((whole, fraction)) = digits.split_once('.') {
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if are_digits(whole)
            && are_digits(fraction)
            && let Ok(number) = text.parse()
        {
            return Value::Real(number);
        }
    }
    Value::Text(text.to_owned())
}

/// Writes the answer.
pub fn write(
    snapshot: &Snapshot<'_>,
    options: &QueryOptions,
    rows: &mut dyn Rows,
) -> Result<QueryEnd, ReportError> {
    snapshot.query(&options.sql, &options.parameters, |names, answer| {
        let columns: Vec<Column> = names.into_iter().map(any_column).collect();
        rows.columns(&columns)?;
        write_rows(answer, options.limit, rows)
    })
}

/// Writes the rows of an answer, whose columns were written, and ends the output.
pub(super) fn write_rows(
    mut answer: QueryRows<'_>,
    limit: Option<u64>,
    rows: &mut dyn Rows,
) -> Result<QueryEnd, ReportError> {
    let mut left = limit.unwrap_or(u64::MAX);
    let mut end = QueryEnd::Complete;
    while let Some(values) = answer.next_row()? {
        if left == 0 {
            end = QueryEnd::Limited;
            break;
        }
        left -= 1;
        // Text that a damaged file holds need not be Unicode.
        let texts: Vec<Cow<'_, str>> = values.iter().map(text_of).collect();
        let cells: Vec<Cell<'_>> = values
            .iter()
            .zip(&texts)
            .map(|(value, text)| match *value {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Real(number) => Cell::Real(number),
                ValueRef::Text(_) => Cell::Text(text),
                ValueRef::Blob(bytes) => Cell::Bytes(bytes),
            })
            .collect();
        rows.row(&cells)?;
    }
    rows.finish()?;
    Ok(end)
}

fn any_column(name: String) -> Column {
    Column {
        name: name.into(),
        kind: ColumnType::Any,
    }
}

fn text_of<'v>(value: &ValueRef<'v>) -> Cow<'v, str> {
    match *value {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes),
        _ => Cow::Borrowed(""),
    }
}

impl From<QueryError> for ReportError {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}
