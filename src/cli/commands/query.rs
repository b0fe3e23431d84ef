//! `jobruns query`.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::archive::ReadOnly;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::rows::RowsArgs;
use crate::cli::output::target::PathContext;
use crate::cli::terminal::cancel::Cancel;
use crate::model::{Instant, Zone};
use crate::report::query::{QueryEnd, QueryOptions, parameter, write};
use crate::report::{ReportMeta, local_day};

/// Runs a read-only SQL query on the archive
///
/// `jobruns schema` describes the tables (runs, messages, assets, ...). Times are UTC text, as in started_at >=
/// '2024-01-01T00:00:00'. Pass values as parameters rather than writing them into the SQL; integers and decimals are
/// passed as numbers, everything else as text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns query \"SELECT status_name, count(*) AS runs FROM runs GROUP BY status_name\"
  jobruns query \"SELECT * FROM runs WHERE status = :status\" --param status=5 --limit 10
  jobruns query --file question.sql --format json")]
pub(crate) struct QueryArgs {
    /// One statement; - reads it from standard input
    #[arg(value_name = "SQL", required_unless_present = "file", conflicts_with = "file")]
    sql: Option<String>,

    /// Reads the statement from a file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Sets the parameter :NAME; may be given several times
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,

    /// The maximum number of rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    #[command(flatten)]
    rows: RowsArgs,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

impl QueryArgs {
    fn sql(&self) -> Result<String, Failure> {
        if let Some(file) = &self.file {
            return std::fs::read_to_string(file).map_err(|error| {
                let message = format!("could not read the query {}", file.display());
                Failure::new(Exit::WrongUsage, message).caused_by(&error)
            });
        }
        let sql = self.sql.clone().unwrap_or_default();
        if sql != "-" {
            return Ok(sql);
        }
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| {
            Failure::new(Exit::WrongUsage, "could not read the query from standard input").caused_by(&error)
        })?;
        Ok(text)
    }
}

pub(crate) fn run(args: &QueryArgs, archive: &Path) -> Result<Exit, Failure> {
    let options = QueryOptions {
        sql: args.sql()?,
        parameters: args
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), parameter(value)))
            .collect(),
        limit: args.limit,
    };
    let cancel = Cancel::listen(args.rows.file().is_some())?;
    let place = PathContext {
        folder: None,
        today: local_day(Zone::UTC, Instant::now()),
    };
    let mut target = Some(args.rows.open(&place)?);
    let mut end = QueryEnd::Complete;
    let written = ReadOnly::open(archive)?.settled(|reader| {
        let target = target.take().map_or_else(|| args.rows.open(&place), Ok)?;
        cancel.interrupts(reader);
        let snapshot = reader.snapshot()?;
        let meta = ReportMeta::new(&snapshot, "query", &options);
        target.held_back_for(reader)?.write(meta, &cancel, |printer| {
            printer.rows(|rows| {
                end = reader.confirmed(write(&snapshot, &options, rows))?;
                Ok(())
            })
        })
    })?;
    if written.rows == 0 {
        tracing::info!("query: no matching rows");
    }
    if let (QueryEnd::Limited, Some(limit)) = (end, options.limit) {
        tracing::info!("there are more rows than the {limit} of --limit");
    }
    Ok(Exit::Done)
}
