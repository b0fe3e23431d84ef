//! The options for rows: how they are written, and where. Reports and queries share them.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::cli::failure::{Exit, Failure};
use crate::cli::output::target::{OutputTarget, PathContext};
use crate::cli::terminal::table::width_to_fit;
use crate::config::TerminalUse;
use crate::report::format::{CsvStyle, Format, PageHeading, Style};
use crate::report::options::one_of;

// How rows are written, and where. Not a doc comment, which clap would show in the help of each report.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct RowsArgs {
    #[command(flatten)]
    form: FormArgs,

    /// Writes to a file, which is replaced only once the new one is complete; {date} in its name is replaced by today's
    /// date, {weekday} by the day of the week; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Writes FILE.manifest.json beside --output: SHA-256, rows, columns, options, ledger head, versions, time
    #[arg(long, requires = "output")]
    manifest: bool,
}

// How rows are written. Not a doc comment, which clap would show in the help of each report.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FormArgs {
    /// The output format [default: table on a terminal, else csv]; xlsx truncates texts after 32,767 characters and
    /// marks them; html is a page with charts and the first 5,000 rows
    #[arg(long, value_name = "FORMAT", ignore_case = true, value_parser = one_of(&Format::ALL, |format| format.name))]
    format: Option<Format>,

    /// Writes CSV for Excel: with a byte order mark, CRLF and --guard
    #[arg(long)]
    excel: bool,

    /// The field separator of CSV: one ASCII character, or `tab`
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,

    /// CSV: puts ' before a text that a spreadsheet would take for a formula: one that begins with tab, CR or LF, or, after
    /// blanks, with = + - @ or a full-width form of these
    #[arg(long, overrides_with = "no_guard")]
    guard: bool,

    /// CSV: leaves texts unchanged, also with --excel
    #[arg(long, overrides_with = "guard")]
    no_guard: bool,

    /// Table: shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    wide: bool,

    /// Table: a sparkline of block characters per job (failure-trends, overview)
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    blocks: TerminalUse,

    #[command(flatten)]
    heading: PageHeading,
}

/// Whether a terminal shows characters beyond ASCII, as its environment says; on Windows all of today do.
fn shows_blocks(variable: impl Fn(&str) -> Option<String>) -> bool {
    let given = |name| variable(name).filter(|value| !value.is_empty());
    if given("TERM").is_some_and(|terminal| terminal == "dumb") {
        return false;
    }
    let locale = given("LC_ALL")
        .or_else(|| given("LC_CTYPE"))
        .or_else(|| given("LANG"));
    match locale {
        Some(locale) => locale.to_lowercase().replace('-', "").contains("utf8"),
        None => cfg!(windows),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [b'"' | b'\r' | b'\n' | b'\0'] => Err("quotes and line ends separate nothing".to_owned()),
        &[byte] if byte.is_ascii() => Ok(byte),
        _ => Err("expected one character of ASCII, such as ; or tab".to_owned()),
    }
}

impl FormArgs {
    /// The format and what it leaves open. `default` is taken where none is named and no option is about csv; `width` is
    /// that of the terminal that it has to fit into.
    ///
    /// # Errors
    /// Wrong usage: options that contradict the format.
    pub(crate) fn form(&self, default: Format, width: Option<usize>) -> Result<(Format, Style), Failure> {
        let of_csv = self.excel || self.delimiter.is_some() || self.guard || self.no_guard;
        let format = self.format.unwrap_or(if of_csv { Format::CSV } else { default });
        if of_csv && format != Format::CSV {
            let message = format!(
                "--excel, --delimiter, --guard and --no-guard are about csv, and the format is {}",
                format.name
            );
            return Err(Failure::new(Exit::WrongUsage, message));
        }
        let csv = CsvStyle {
            delimiter: self.delimiter.unwrap_or(b','),
            excel: self.excel,
            guard: (self.excel || self.guard) && !self.no_guard,
        };
        let blocks = width.is_some() && shows_blocks(|name| std::env::var(name).ok());
        let blocks = self.blocks.decide(blocks);
        let heading = self.heading.clone();
        let style = Style {
            csv,
            width: width.filter(|_| !self.wide),
            blocks,
            heading,
        };
        Ok((format, style))
    }
}

impl FormArgs {
    /// Says where a file is named for a format that was not requested.
    fn tell_other_name(&self, file: &Path, format: Format) {
        let extension = file.extension().and_then(|extension| extension.to_str());
        let meant = Format::ALL.into_iter().find(|format| {
            extension.is_some_and(|extension| format.extension.eq_ignore_ascii_case(extension))
        });
        if let (None, Some(meant)) = (self.format, meant)
            && meant != format
        {
            tracing::warn!(
                "{} is written as {}; --format {} would make it what its name says",
                file.display(),
                format.name,
                meant.name
            );
        }
    }
}

impl RowsArgs {
    /// The file that is to be written; `None` for standard output.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Opens the place, before any work is done.
    ///
    /// # Errors
    /// Wrong usage: a place that cannot be written, the archive itself, options that contradict the format.
    pub(crate) fn open(&self, place: &PathContext<'_>) -> Result<OutputTarget, Failure> {
        let Some(file) = self.file() else {
            if self.manifest {
                let message = "--manifest stands beside a file, and --output names none";
                return Err(Failure::new(Exit::WrongUsage, message));
            }
            let on_terminal = std::io::stdout().is_terminal();
            let default = if on_terminal { Format::TABLE } else { Format::CSV };
            let (format, style) = self.form.form(default, width_to_fit(false))?;
            if !format.fits_terminal && on_terminal {
                let message = format!("{} is not a format for a terminal", format.name);
                return Err(Failure::new(Exit::WrongUsage, message).with_hint("name a file with --output."));
            }
            return Ok(OutputTarget::stdout(format, style));
        };
        let (format, style) = self.form.form(Format::CSV, None)?;
        self.form.tell_other_name(file, format);
        OutputTarget::file(&place.resolve(file), self.manifest, format, style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_for_terminals_that_can_show_them() {
        let shows = |variables: &[(&str, &str)]| {
            shows_blocks(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(shows(&[("LANG", "de_DE.UTF-8")]));
        assert!(shows(&[("LC_ALL", "C.utf8"), ("LANG", "C")]));
        assert!(!shows(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(!shows(&[("TERM", "dumb"), ("LANG", "C.UTF-8")]));
    }

    #[test]
    fn a_delimiter_is_one_character_and_no_quote() {
        assert_eq!(delimiter(";"), Ok(b';'));
        assert_eq!(delimiter("tab"), Ok(b'\t'));
        for text in ["", ";;", "\"", "\n", "ä"] {
            assert!(delimiter(text).is_err(), "{text:?}");
        }
    }
}
