//! Where rows go: their format, their file, its manifest. Reports and queries share it.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::failure::{Exit, Failure};
use super::output::Output;
use crate::model::{Instant, hex};
use crate::report::manifest::{Digested, Manifest};
use crate::report::render::{CsvStyle, Format, Style};
use crate::report::{About, Counted, ReportError, Rows};

/// How rows are written, and where.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct RowsArgs {
    /// How rows are written [default: table on a terminal, else csv]; xlsx cuts texts past 32,767 characters, with a mark; html is
    /// a page with charts and the first 5,000 rows
    #[arg(long, value_name = "FORMAT", ignore_case = true, value_parser = formats())]
    format: Option<Format>,

    /// Writes to a file, which is replaced when the new one is whole; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// CSV as Excel likes it: byte order mark, CRLF, and --guard
    #[arg(long)]
    excel: bool,

    /// What separates the fields of CSV: one character of ASCII, or `tab`
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,

    /// CSV: a leading ' where a program would take a text for a formula (= + - @, tab, CR)
    #[arg(long, overrides_with = "no_guard")]
    guard: bool,

    /// CSV: texts as they are, also with --excel
    #[arg(long, overrides_with = "guard")]
    no_guard: bool,

    /// Writes FILE.manifest.json beside --output: SHA-256, rows, columns, options, ledger head, versions, time
    #[arg(long, requires = "output")]
    manifest: bool,
}

fn formats() -> impl TypedValueParser<Value = Format> {
    let names = Format::ALL.map(Format::name);
    PossibleValuesParser::new(names).map(|name| {
        Format::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(&name))
            .expect("only names of formats are let through")
    })
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [b'"' | b'\r' | b'\n' | b'\0'] => Err("quotes and line ends separate nothing".to_owned()),
        &[byte] if byte.is_ascii() => Ok(byte),
        _ => Err("expected one character of ASCII, such as ; or tab".to_owned()),
    }
}

/// An open place for rows.
pub(super) struct Destination {
    output: Output,
    manifest: Option<(Output, String)>,
    format: Format,
    style: Style,
}

impl RowsArgs {
    /// Opens the place, before any work is done.
    ///
    /// # Errors
    /// Wrong usage: a place that cannot be written, the archive itself, options that contradict the format.
    pub(super) fn open(&self, archive: &Path) -> Result<Destination, Failure> {
        let of_csv = self.excel || self.delimiter.is_some() || self.guard || self.no_guard;
        let file = self.output.as_deref().filter(|path| *path != Path::new("-"));
        let on_terminal = file.is_none() && std::io::stdout().is_terminal();
        let format = self.format.unwrap_or(if on_terminal && !of_csv {
            Format::Table
        } else {
            Format::Csv
        });
        if of_csv && format != Format::Csv {
            let words = format!(
                "--excel, --delimiter, --guard and --no-guard are about csv, and the format is {}",
                format.name()
            );
            return Err(Failure::new(Exit::WrongUsage, words));
        }
        if format.is_binary() && on_terminal {
            let words = format!("{} is no text for a terminal", format.name());
            return Err(Failure::new(Exit::WrongUsage, words).with_hint("name a file with --output."));
        }
        let manifest = match (self.manifest, file) {
            (false, _) => None,
            (true, Some(file)) => Some(manifest_of(file)?),
            (true, None) => {
                let words = "--manifest stands beside a file, and --output names none";
                return Err(Failure::new(Exit::WrongUsage, words));
            }
        };
        if let Some(file) = file {
            refuse_archive(file, archive)?;
        }
        let width = on_terminal
            .then(|| terminal_size::terminal_size_of(std::io::stdout()))
            .flatten()
            .map(|(width, _)| usize::from(width.0));
        let csv = CsvStyle {
            delimiter: self.delimiter.unwrap_or(b','),
            excel: self.excel,
            guard: (self.excel || self.guard) && !self.no_guard,
        };
        Ok(Destination {
            output: file.map_or_else(|| Ok(Output::stdout()), Output::open)?,
            manifest: manifest
                .map(|(path, name)| Output::open(&path).map(|output| (output, name)))
                .transpose()?,
            format,
            style: Style { csv, width },
        })
    }
}

/// The manifest's path, and the name of the file that it is about.
fn manifest_of(file: &Path) -> Result<(PathBuf, String), Failure> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name else {
        let words = format!("cannot write to {}: it is no file", file.display());
        return Err(Failure::new(Exit::WrongUsage, words));
    };
    Ok((file.with_file_name(format!("{name}.manifest.json")), name))
}

/// A report must not replace the archive that it is about, nor the files that belong to it.
pub(super) fn refuse_archive(file: &Path, archive: &Path) -> Result<(), Failure> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let is_archive = ["", "-wal", "-shm"].into_iter().any(|suffix| {
        let mut companion = archive.as_os_str().to_owned();
        companion.push(suffix);
        real(Path::new(&companion)).is_some_and(|companion| Some(companion) == real(file))
    });
    if is_archive {
        let words = format!("cannot write to {}: it is the archive", file.display());
        return Err(Failure::new(Exit::WrongUsage, words).with_hint("name another file with --output."));
    }
    Ok(())
}

impl Destination {
    /// Writes what `produce` makes, which is what `about` tells of, and says how many rows that were.
    ///
    /// # Errors
    /// Those of `produce` and of the place; the old file is then as it was.
    pub(super) fn write(
        self,
        about: About,
        produce: impl FnOnce(&mut dyn Rows) -> Result<(), ReportError>,
    ) -> Result<u64, Failure> {
        let mut output = self.output;
        let mut digested = Digested::new(&mut output, self.manifest.is_some());
        let result = (|| {
            let mut renderer = self.format.renderer(&mut digested, self.style, &about)?;
            let mut counted = Counted::new(&mut *renderer);
            produce(&mut counted)?;
            Ok((counted.rows(), counted.column_names().to_vec()))
        })();
        let (_, bytes, sha256) = digested.into_parts();
        let (rows, columns) = match result {
            Ok(made) => made,
            Err(ReportError::Write(error)) => return Err(output.failed(&error)),
            Err(error) => return Err(error.into()),
        };
        output.finish()?;
        if rows == 0 {
            tracing::info!("there are no rows: nothing in the archive is what was asked for");
        }
        let (Some((mut output, file)), Some(sha256)) = (self.manifest, sha256) else {
            return Ok(rows);
        };
        let manifest = Manifest {
            file,
            sha256: hex(&sha256),
            bytes,
            rows,
            columns,
            about,
            time: Instant::now().to_string(),
        };
        output
            .write_all(manifest.to_json().as_bytes())
            .map_err(|error| output.failed(&error))?;
        output.finish()?;
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_one_character_and_no_quote() {
        assert_eq!(delimiter(";"), Ok(b';'));
        assert_eq!(delimiter("tab"), Ok(b'\t'));
        for text in ["", ";;", "\"", "\n", "ä"] {
            assert!(delimiter(text).is_err(), "{text:?}");
        }
    }
}
