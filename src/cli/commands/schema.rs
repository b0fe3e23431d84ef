//! `jobruns schema`.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::archive::{DocumentedTable, documented_tables};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::terminal::table::width_to_fit;
use crate::report::formats::{Markdown, TextTable};
use crate::report::{Cell, Column, ColumnType, Rows};
use crate::text::nearest;

/// Describes the tables and columns: meaning, unit, and when they are NULL
///
/// Describes the views for analysts, whose names are stable; with --all also the internal tables, which may change. The
/// texts are the comments of the tables themselves. No archive is needed: the schema described is the one that this
/// version creates.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns schema
  jobruns schema runs
  jobruns schema --all --format markdown")]
pub(crate) struct SchemaArgs {
    /// Describes only this table
    table: Option<String>,

    /// Includes the internal tables
    #[arg(long)]
    all: bool,

    /// The output format
    #[arg(long, value_name = "FORMAT", value_enum, ignore_case = true, default_value_t = SchemaFormat::Text)]
    format: SchemaFormat,
}

/// How the tables are described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    /// For a terminal
    Text,
    /// For a web page or wiki
    Markdown,
    /// The SQL statements that create them, with comments
    Sql,
}

/// What stands above the tables, a paragraph each.
const INTRODUCTION: [&str; 3] = [
    "The tables of an archive: what a row is, what is in each column, in which unit, and when it is NULL.",
    "UTC time is text such as 2026-01-31T03:00:00Z, with a fraction where the server sent one; it orders right against a bound such as 2026-01-31 or 2026-01-31T00:00:00. A GUID is text in lower case with hyphens.",
    "The names for analysts stay as they are; new columns come only at the end.",
];

/// What stands above the stored tables.
const STORED: &str = "How it is stored. These may change with a later version: ask the names for analysts.";

pub(crate) fn run(args: &SchemaArgs) -> Result<Exit, Failure> {
    let tables = chosen(args)?;
    let mut output = Output::stdout();
    let width = width_to_fit(false);
    let is_whole = args.table.is_none();
    write(&tables, args.format, width, is_whole, &mut output).map_err(|error| output.failed(&error))?;
    output.finish()?;
    Ok(Exit::Done)
}

fn chosen(args: &SchemaArgs) -> Result<Vec<DocumentedTable>, Failure> {
    let tables = documented_tables();
    let Some(name) = &args.table else {
        let is_shown = |table: &DocumentedTable| args.all || table.is_for_analysts;
        return Ok(tables.into_iter().filter(is_shown).collect());
    };
    if let Some(table) = tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)) {
        return Ok(vec![table.clone()]);
    }
    let failure = Failure::new(Exit::WrongUsage, format!("there is no table {name:?}"));
    let known = tables.iter().map(|table| table.name.as_str());
    Err(failure.with_hint(nearest(name, known).map_or_else(
        || "`jobruns schema --all` shows all of them.".to_owned(),
        |nearest| format!("did you mean {nearest}? `jobruns schema --all` shows all of them."),
    )))
}

/// Writes the tables; `is_whole` says that they are not a chosen one, and so begin with an introduction.
fn write(
    tables: &[DocumentedTable],
    format: SchemaFormat,
    width: Option<usize>,
    is_whole: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if is_whole {
        introduce(format, out)?;
    }
    let mut is_first = true;
    let mut is_stored = false;
    for table in tables {
        if !is_first {
            writeln!(out)?;
        }
        is_first = false;
        if is_whole && !table.is_for_analysts && !is_stored {
            is_stored = true;
            match format {
                SchemaFormat::Text => writeln!(out, "{STORED}\n")?,
                SchemaFormat::Markdown => writeln!(out, "# Stored tables\n\n{STORED}\n")?,
                SchemaFormat::Sql => writeln!(out, "-- {STORED}\n")?,
            }
        }
        match format {
            SchemaFormat::Text => {
                writeln!(out, "{}: {}\n", table.name, table.meaning)?;
                columns(table, &mut TextTable::new(&mut *out, width))?;
            }
            SchemaFormat::Markdown => {
                writeln!(out, "## {}\n\n{}\n", table.name, table.meaning)?;
                columns(table, &mut Markdown::new(&mut *out))?;
            }
            SchemaFormat::Sql => out.write_all(table.sql.as_bytes())?,
        }
    }
    Ok(())
}

fn introduce(format: SchemaFormat, out: &mut impl Write) -> io::Result<()> {
    if format == SchemaFormat::Markdown {
        writeln!(out, "# Tables\n")?;
        writeln!(
            out,
            "<!-- This page is what `jobruns schema --all --format markdown` prints. -->\n"
        )?;
    }
    let mark = if format == SchemaFormat::Sql { "-- " } else { "" };
    for paragraph in INTRODUCTION {
        writeln!(out, "{mark}{paragraph}\n")?;
    }
    Ok(())
}

fn columns(table: &DocumentedTable, rows: &mut impl Rows) -> io::Result<()> {
    let unit = if table.is_for_analysts { "unit" } else { "type" };
    rows.columns(&["column", unit, "meaning", "NULL"].map(|name| Column::new(name, ColumnType::Text)))?;
    for column in &table.columns {
        let null = if column.null.is_empty() {
            "never"
        } else {
            &column.null
        };
        let cells = [&*column.name, &*column.unit, &*column.meaning, null];
        rows.row(&cells.map(Cell::Text))?;
    }
    rows.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_tables_is_what_the_program_prints() {
        let mut page = Vec::new();
        let tables = documented_tables();
        write(&tables, SchemaFormat::Markdown, None, true, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(
            page == include_str!("../../../docs/schema.md"),
            "the tables have changed: jobruns schema --all --format markdown > docs/schema.md"
        );
    }
}
