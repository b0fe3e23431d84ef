//! The second sheet: report, options, ledger head, versions.

use rust_xlsxwriter::{Format, Workbook, XlsxError};
use serde_json::Value;

use super::cells::fitted;
use crate::report::meta::ReportMeta;

/// Widths of the two columns: the longest word at the left, a hash at the right.
const WIDTHS: [f64; 2] = [24.0, 70.0];

/// Adds the sheet `About`, which says how many texts of the rows were cut.
pub(super) fn write(
    workbook: &mut Workbook,
    about: &ReportMeta,
    rows: u32,
    cut_texts: u64,
) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    let wrapped = Format::new().set_text_wrap();
    let sheet = workbook.add_worksheet();
    sheet.set_name("About")?;
    for (width, column) in WIDTHS.into_iter().zip(0..) {
        sheet.set_column_width(column, width)?;
    }
    for (line, row) in lines(about, rows, cut_texts).iter().zip(0..) {
        sheet.write_string_with_format(row, 0, &line.0, &bold)?;
        match &line.1 {
            Value::Null => {}
            Value::Bool(is_so) => {
                sheet.write_boolean(row, 1, *is_so)?;
            }
            Value::Number(number) => {
                sheet.write_number(row, 1, number.as_f64().unwrap_or_default())?;
            }
            other => {
                sheet.write_string_with_format(row, 1, &*fitted(&shown(other)).0, &wrapped)?;
            }
        }
    }
    Ok(())
}

fn lines(about: &ReportMeta, rows: u32, cut_texts: u64) -> Vec<(String, Value)> {
    let mut lines = vec![
        ("report".to_owned(), about.report.clone().into()),
        ("rows".to_owned(), rows.into()),
    ];
    for (name, value) in &about.options {
        lines.push((format!("option {name}"), value.clone()));
    }
    for (name, value) in &about.facts {
        lines.push((name.replace('_', " "), value.clone()));
    }
    for job in about.shown_jobs() {
        lines.push((format!("completeness of {}", job.title()), job.to_string().into()));
    }
    lines.extend([
        ("ledger head".to_owned(), about.head.clone().into()),
        ("schema version".to_owned(), about.schema_version.into()),
        ("jobruns version".to_owned(), about.tool_version.clone().into()),
        ("times in cells".to_owned(), "UTC".into()),
    ]);
    if cut_texts > 0 {
        lines.push(("texts cut".to_owned(), cut_texts.into()));
    }
    lines
}

/// A text as it is, a list with commas, anything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
