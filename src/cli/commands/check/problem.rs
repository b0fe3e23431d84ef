//! What a check finds wrong that is not an error of another module.

use std::path::PathBuf;

use crate::cli::terminal::table::counted;
use crate::model::show_rounded;

/// Something that a nightly sync may fail at, or that it should not do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// A path that means another file in another folder.
    #[error("{} is relative to the current folder", path.display())]
    RelativePath { path: PathBuf },
    /// The password is in the environment of this shell.
    #[error("found in JOBRUNS_PASSWORD")]
    VariablePassword,
    /// The password is in the key store of the kernel.
    #[error(
        "found in the kernel's key store, which forgets it at a reboot and is not seen by cron and systemd"
    )]
    KernelPassword,
    /// The password was given on standard input.
    #[error("given on standard input")]
    StdinPassword,
    /// `--insecure`.
    #[error("the server's certificate is not checked (insecure)")]
    NotChecked,
    /// `http://`.
    #[error("the connection is not encrypted (http)")]
    NotEncrypted,
    /// The certificate has expired, or will soon.
    #[error("{}", certificate_ends(*days))]
    CertificateEnds { days: i64, pinned: bool },
    /// This machine's clock is not the server's.
    #[error("this machine's clock is {} {} the server's", show_rounded(std::time::Duration::from_secs(skew.unsigned_abs())), if *skew > 0 { "ahead of" } else { "behind" })]
    ClockOff { skew: i64 },
    /// No job is watched.
    #[error("no job is watched")]
    NoJobs,
    /// A job is listed by another server in the archive.
    #[error("{job}: the archive has it from {before}, and this server is {now}")]
    OtherServer {
        job: String,
        before: String,
        now: String,
    },
    /// A job whose answer does not answer the question.
    #[error("{job}: the answer cannot be used: {why}")]
    NotAnAnswer { job: String, why: String },
    /// Jobs that nobody watches.
    #[error("{} of the {} of the server {} not watched: {names}", count, counted(*of, "job"), if *count == 1 { "is" } else { "are" })]
    Unwatched { count: usize, of: u64, names: String },
    /// There is no archive yet.
    #[error("there is no archive at {} yet", path.display())]
    NoArchive { path: PathBuf },
    #[error("the folder {} does not exist", path.display())]
    NoFolder { path: PathBuf },
    /// A file or folder that this account may not write.
    #[error("this account may not write {}: {why}", path.display())]
    NotWritable { path: PathBuf, why: String },
    /// A folder where a file is to be written.
    #[error("{} is a folder, not a file", path.display())]
    IsFolder { path: PathBuf },
    #[error(
        "{program:?}, with which the command of on_failure begins, is not a program that this account can run"
    )]
    NoProgram { program: String },
    /// The trusted authorities come from a variable of this shell.
    #[error("{name} ({path}) replaces the system's trusted authorities")]
    TrustVariable { name: &'static str, path: String },
    /// Little space is left.
    #[error("{free} free in {}", path.display())]
    LittleSpace { path: PathBuf, free: String },
    /// The disk will be full soon.
    #[error("{free} free in {}: at the growth so far ({per_day} a day) that is enough for {days} days", path.display())]
    FullSoon {
        path: PathBuf,
        free: String,
        per_day: String,
        days: u64,
    },
    #[error("another sync holds the archive: {holder}")]
    Locked { holder: String },
    /// The installed tasks do not run, or the last sync of them failed.
    #[error("{message}")]
    Schedule { message: String },
}

fn certificate_ends(days: i64) -> String {
    match days {
        ..0 => {
            format!(
                "the server's certificate expired {} ago",
                counted(days.unsigned_abs(), "day")
            )
        }
        0 => "the server's certificate expires within a day".to_owned(),
        _ => format!(
            "the server's certificate expires in {}",
            counted(days.unsigned_abs(), "day")
        ),
    }
}
