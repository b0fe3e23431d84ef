//! An open place for rows: its format, its file, its manifest.

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use crate::archive::ReadOnly;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::output::dated::dated;
use crate::cli::terminal::cancel::Cancel;
use crate::model::{Instant, hex};
use crate::report::format::{Format, Style};
use crate::report::manifest::{Form, HashingWriter, Manifest};
use crate::report::{Printer, ReportError, ReportMeta, Written};

/// What decides where files go, beside the options of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathContext<'p> {
    /// The folder to which relative paths are; `None` for the current one.
    pub(crate) folder: Option<&'p Path>,
    /// The day for which `{date}` and `{weekday}` stand.
    pub(crate) today: NaiveDate,
}

impl PathContext<'_> {
    /// The path that is meant: with the day in its name, in its folder.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        let dated = dated(path, self.today);
        match self.folder {
            Some(folder) => folder.join(dated),
            None => dated,
        }
    }
}

/// An open place for rows.
pub(crate) struct OutputTarget {
    output: Output,
    /// The file, as text.
    name: String,
    manifest: Option<(Output, String)>,
    format: Format,
    style: Style,
}

impl OutputTarget {
    /// What the bytes are.
    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    /// Whether a manifest is to stand beside the file.
    pub(crate) const fn has_manifest(&self) -> bool {
        self.manifest.is_some()
    }

    pub(crate) fn stdout(format: Format, style: Style) -> Self {
        Self {
            output: Output::stdout(),
            name: "standard output".to_owned(),
            manifest: None,
            format,
            style,
        }
    }

    /// A file, and the manifest beside it where one is wanted.
    ///
    /// # Errors
    /// Wrong usage: a place that cannot be written, or a file that is in use.
    pub(crate) fn file(
        file: &Path,
        with_manifest: bool,
        format: Format,
        style: Style,
    ) -> Result<Self, Failure> {
        let manifest = with_manifest.then(|| manifest_of(file)).transpose()?;
        Ok(Self {
            output: Output::open(file)?,
            name: file.display().to_string(),
            manifest: manifest
                .map(|(path, name)| Output::open(&path).map(|output| (output, name)))
                .transpose()?,
            format,
            style,
        })
    }

    /// Lets nothing out before all of it is there and confirmed, where it is read without locks.
    pub(crate) fn held_back_for(mut self, reader: &ReadOnly) -> Result<Self, Failure> {
        if reader.is_without_locks() {
            self.output.hold_back()?;
        }
        Ok(self)
    }

    /// Writes what `produce` makes, which `meta` describes.
    pub(crate) fn write(
        self,
        meta: ReportMeta,
        cancel: &Cancel,
        produce: impl FnOnce(Printer<'_>) -> Result<Written, ReportError>,
    ) -> Result<Written, Failure> {
        let mut output = self.output;
        let mut digested = HashingWriter::new(&mut output, self.manifest.is_some());
        let result = produce(Printer {
            out: &mut digested,
            format: self.format,
            style: self.style.clone(),
            meta: &meta,
            is_cancelled: &|| cancel.is_cancelled(),
        });
        let (_, bytes, sha256) = digested.into_parts();
        let written = match result {
            Ok(written) => written,
            Err(_) if cancel.is_cancelled() => {
                let message = format!("interrupted: {} is as it was", self.name);
                return Err(Failure::new(Exit::Interrupted, message));
            }
            Err(ReportError::Write(error)) => return Err(output.failed(&error)),
            Err(error) => return Err(error.into()),
        };
        let (Some((mut beside, file)), Some(sha256)) = (self.manifest, sha256) else {
            return output.finish().map(|()| written);
        };
        let manifest = Manifest {
            file,
            sha256: hex(&sha256),
            bytes,
            rows: written.rows,
            columns: written.columns.clone(),
            remarks: written.remarks.clone(),
            form: Form::new(self.format, &self.style),
            meta,
            time: Instant::now().to_string(),
        };
        beside
            .write_all(manifest.to_json().as_bytes())
            .map_err(|error| beside.failed(&error))?;
        output.finish_with_manifest(beside).map(|()| written)
    }
}

/// Says what the format has no place for: what the rows rest on, and that there are none, since an empty file looks like
/// a fault.
pub(crate) fn tell_remarks(report: &str, format: Format, written: &Written) {
    if !format.has_remarks {
        for remark in &written.remarks {
            tracing::info!("{report}: {remark}");
        }
    }
}

/// The manifest's path, and the name of the file that it is about.
fn manifest_of(file: &Path) -> Result<(PathBuf, String), Failure> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name else {
        let message = format!("cannot write to {}: it is not a file", file.display());
        return Err(Failure::new(Exit::WrongUsage, message));
    };
    Ok((file.with_file_name(format!("{name}.manifest.json")), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_dated_and_lies_in_its_folder() {
        let mut place = PathContext {
            folder: None,
            today: NaiveDate::from_ymd_opt(2026, 1, 31).unwrap(),
        };
        let resolve = |place: &PathContext<'_>, path: &str| place.resolve(Path::new(path));
        assert_eq!(
            resolve(&place, "{date}/trends-{date}.csv"),
            Path::new("2026-01-31/trends-2026-01-31.csv")
        );
        place.folder = Some(Path::new("etc"));
        assert_eq!(resolve(&place, "out.csv"), Path::new("etc").join("out.csv"));
        if cfg!(unix) {
            assert_eq!(resolve(&place, "/out.csv"), Path::new("/out.csv"));
        }
    }
}
