//! The places that a nightly sync writes to: rights, free space, kind of drive.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::report::{CheckReport, State};
use crate::archive::{COMPANIONS, Growth, ReadOnly, is_to_be_made, lock_holder, network_drive, resolve};
use crate::cli::failure::Failure;
use crate::cli::new_archive::lost;
use crate::config::{GlobalSettings, Origin};

/// Below this, a sync is likely to fail for want of space, in bytes.
const TOO_LITTLE: u64 = 64 << 20;

/// Below this, somebody should look at it, in bytes.
const LITTLE: u64 = 1 << 30;

/// A disk that will be full sooner than in so many days is worth a warning.
const FEW_DAYS: u64 = 30;

/// Time between syncs from which on a growth is known, in seconds.
const LEAST_SPAN: i64 = 3 * 86_400;

/// The archive's file, folder, disk and lock; the archive itself, where it can be read.
pub(super) fn archive(
    report: &mut CheckReport,
    global: &GlobalSettings,
    origin: &Origin,
    head_file: Option<&Path>,
) -> Option<ReadOnly> {
    let path = &global.archive;
    if path.is_relative() && !matches!(origin, Origin::File { .. }) {
        report.warning("archive", &Problem::RelativePath { path: path.clone() });
    }
    let file = match resolve(path) {
        Ok(file) => file,
        Err(error) => {
            report.failure(State::Fault, "archive", error);
            return None;
        }
    };
    match network_drive(&file) {
        Some(kind) => report.failure(
            State::Fault,
            "archive",
            crate::archive::ArchiveError::NetworkDrive {
                path: file.clone(),
                kind,
            },
        ),
        None => report.ok("archive", format!("{} is on a local disk", file.display())),
    }
    let opened = match is_to_be_made(path) {
        Err(error) => {
            report.failure(State::Fault, "archive", error);
            None
        }
        Ok(true) => {
            match lost(path, head_file) {
                Some(failure) => report.failure(State::Fault, "archive", failure),
                None => report.warning("archive", &Problem::NoArchive { path: file.clone() }),
            }
            None
        }
        Ok(false) => match ReadOnly::open(path) {
            Ok(archive) => Some(archive),
            Err(error) => {
                report.failure(State::Fault, "archive", error);
                None
            }
        },
    };
    let folder = folder_of(&file);
    if writable(report, "archive", &folder, Some(&file)) {
        space(report, "archive", &folder, opened.as_ref());
    }
    match lock_holder(path) {
        Ok(None) => report.ok("lock", "no other sync holds the archive"),
        Ok(Some(holder)) => report.warning("lock", &Problem::Locked { holder }),
        Err(error) => report.failure(State::Fault, "lock", error),
    }
    opened
}

/// A file that is written, or appended to, beside the archive: a report, the list of heads.
pub(super) fn file(report: &mut CheckReport, check: &'static str, path: &Path) {
    let folder = folder_of(path);
    if writable(report, check, &folder, Some(path)) {
        space(report, check, &folder, None);
    }
}

/// The log file. One that is there needs no folder that may be written, unless it is to be set aside.
pub(super) fn log_file(report: &mut CheckReport, path: &Path, is_rotated: bool) {
    if path.is_dir() {
        report.fault("log", &Problem::IsFolder { path: path.into() });
    } else if !path.exists() || is_rotated && path.is_file() {
        file(report, "log", path);
    } else if let Err(error) = may_write_file(path) {
        let (path, why) = (path.to_path_buf(), error.to_string());
        report.fault("log", &Problem::NotWritable { path, why });
    } else {
        report.ok("log", format!("this account may write {}", path.display()));
    }
}

/// Whether this account may write in the folder, and the file, where that is there.
fn writable(report: &mut CheckReport, check: &'static str, folder: &Path, file: Option<&Path>) -> bool {
    match fs::metadata(folder) {
        Ok(data) if data.is_dir() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let problem = Problem::NotWritable {
                path: folder.to_path_buf(),
                why: error.to_string(),
            };
            report.fault(check, &problem);
            return false;
        }
        _ => {
            report.fault(
                check,
                &Problem::NoFolder {
                    path: folder.to_path_buf(),
                },
            );
            return false;
        }
    }
    let existing = file.filter(|file| file.exists());
    let refused = may_write_folder(folder)
        .map_err(|error| (folder, error))
        .and_then(|()| existing.map_or(Ok(()), |file| may_write_file(file).map_err(|error| (file, error))));
    match refused {
        Ok(()) => {
            let path = file.unwrap_or(folder);
            report.ok(check, format!("this account may write {}", path.display()));
            true
        }
        Err((path, error)) => {
            let why = error.to_string();
            report.fault(
                check,
                &Problem::NotWritable {
                    path: path.to_path_buf(),
                    why,
                },
            );
            false
        }
    }
}

#[cfg(unix)]
fn may_write_folder(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Windows does not say it otherwise than by trying: a file without a lasting name, which goes with its handle.
#[cfg(not(unix))]
fn may_write_folder(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

/// Opened to append, which changes nothing.
fn may_write_file(file: &Path) -> io::Result<()> {
    if file.is_dir() {
        return may_write_folder(file);
    }
    File::options().append(true).open(file).map(drop)
}

/// The free space of the disk; with how long it will do, where the archive's growth is known.
fn space(report: &mut CheckReport, check: &'static str, folder: &Path, archive: Option<&ReadOnly>) {
    let path = folder.to_path_buf();
    let free = match fs4::available_space(folder) {
        Ok(free) => free,
        Err(error) => {
            let message = format!("could not ask for the free space of {}", path.display());
            let failure = Failure::new(crate::cli::failure::Exit::NotDone, message).caused_by(&error);
            report.failure(State::Warning, check, failure);
            return;
        }
    };
    let shown = rounded_size(free);
    if free < LITTLE {
        let state = if free < TOO_LITTLE {
            State::Fault
        } else {
            State::Warning
        };
        report.problem(state, check, &Problem::LittleSpace { path, free: shown });
        return;
    }
    let per_day = archive.and_then(|archive| {
        let growth = archive.growth().ok().flatten()?;
        bytes_per_day(&growth, archive_bytes(archive.path()))
    });
    match per_day {
        None => report.ok(check, format!("{shown} free in {}", path.display())),
        Some(per_day) => {
            let days = free / per_day.max(1);
            let per_day = rounded_size(per_day);
            if days < FEW_DAYS {
                report.warning(
                    check,
                    &Problem::FullSoon {
                        path,
                        free: shown,
                        per_day,
                        days,
                    },
                );
            } else {
                let enough = match days {
                    ..3650 => format!("{days} days"),
                    _ => "more than 10 years".to_owned(),
                };
                report.ok(
                    check,
                    format!(
                        "{shown} free in {}: enough for {enough} at the growth so far ({per_day} a day)",
                        path.display()
                    ),
                );
            }
        }
    }
}

/// The archive's file and its log.
fn archive_bytes(path: &Path) -> u64 {
    let Ok(file) = resolve(path) else { return 0 };
    let length = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
    let mut log = file.clone().into_os_string();
    log.push(COMPANIONS[0]);
    length(&file) + length(Path::new(&log))
}

/// How much the archive grows: the share of its bytes that came after the first sync, which brought the whole history.
fn bytes_per_day(growth: &Growth, bytes: u64) -> Option<u64> {
    let seconds = growth.last.unix_seconds() - growth.first.unix_seconds();
    if seconds < LEAST_SPAN || growth.revisions == 0 {
        return None;
    }
    let grown = u128::from(bytes) * u128::from(growth.revisions_later) / u128::from(growth.revisions);
    let per_day = grown * 86_400 / u128::from(seconds.unsigned_abs());
    u64::try_from(per_day).ok()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A size with one decimal: `1.5 GiB`.
fn rounded_size(bytes: u64) -> String {
    for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes >> shift > 0 {
            let tenths = (u128::from(bytes) * 10) >> shift;
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Instant;

    #[test]
    fn growth_leaves_out_what_the_first_sync_brought() {
        let day = 86_400;
        let growth = |days: i64, revisions, revisions_later| Growth {
            first: Instant::from_unix_seconds(0),
            last: Instant::from_unix_seconds(days * day),
            revisions,
            revisions_later,
        };
        assert_eq!(bytes_per_day(&growth(10, 1000, 100), 1_000_000), Some(10_000));
        assert_eq!(
            bytes_per_day(&growth(2, 1000, 100), 1_000_000),
            None,
            "too short to know"
        );
        assert_eq!(bytes_per_day(&growth(10, 0, 0), 1_000_000), None);
    }

    #[test]
    fn sizes_are_reported_with_one_decimal() {
        assert_eq!(
            [0, 1023, 1536, 5 << 30].map(rounded_size),
            ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 GiB"]
        );
    }
}
