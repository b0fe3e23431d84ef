//! Hints for what `jobruns check` finds.

use crate::cli::commands::check::problem::Problem;

pub(crate) fn check(problem: &Problem) -> String {
    match problem {
        Problem::RelativePath { .. } => {
            "a scheduled task starts in another folder: give the absolute path, or set it in the config file, where paths are relative to that file"
        }
        Problem::VariablePassword => {
            "a scheduled task has only the variables that its own definition sets: keep the password in a file (password_file in the config file) or in the scheduler's credentials"
        }
        Problem::KernelPassword => {
            "keep it in a file that only this account can read (password_file in the config file), or let systemd hand it over (`jobruns schedule systemd` uses LoadCredential)"
        }
        Problem::StdinPassword => {
            "a scheduled task has no standard input: keep the password in a file (password_file in the config file)"
        }
        Problem::NotChecked | Problem::NotEncrypted => {
            "anybody in between can read the password and change the history: use https, and pin the certificate that `jobruns trust` shows"
        }
        Problem::CertificateEnds { pinned: true, .. } => {
            "the pin accepts it until the certificate is replaced; then compare the new one (`jobruns trust`) and pin it"
        }
        Problem::CertificateEnds { .. } => "ask whoever runs the server to renew it",
        Problem::ClockOff { .. } => "set the clock that is wrong",
        Problem::NoJobs => {
            "name jobs once (`jobruns sync JOB_ID`), watch them by `jobruns jobs add ID`, list them in a jobs file, or set watch = 'all'; `jobruns jobs discover` shows what the server has"
        }
        Problem::OtherServer { job, before, now } => {
            return format!("if it has moved: `jobruns jobs move {job} --from {before} --to {now}`; until then its syncs end partial");
        }
        Problem::NotAnAnswer { .. } => "is the URL that of a CCS server's REST API?",
        Problem::Unwatched { .. } => {
            "`jobruns jobs discover` lists them; watch them by `jobruns jobs add ID`, or all of them by watch = 'all' in the config file"
        }
        Problem::NoArchive { .. } => {
            "run `jobruns sync --new` once by hand; a scheduled sync with --quiet does not create an archive"
        }
        Problem::NoFolder { .. } => "create the folder, or correct the path where it is set (`jobruns check -v`)",
        Problem::NotWritable { .. } => "give the account that runs the scheduled tasks the right to write there",
        Problem::IsFolder { .. } => "name a file in it, where it is set (`jobruns check -v`)",
        Problem::NoProgram { .. } => {
            "correct on_failure, or install that program; give its absolute path, since a scheduled task may have another PATH"
        }
        Problem::TrustVariable { .. } => {
            "a scheduled task has only the variables that its own definition sets: name the file as ca_cert in the config file"
        }
        Problem::LittleSpace { .. } | Problem::FullSoon { .. } => {
            "free some space there, or move the archive to a larger disk"
        }
        Problem::Schedule { .. } => {
            "look at it in the scheduler (`systemctl status jobruns-sync`, or taskschd.msc), or reinstall it: `jobruns schedule`"
        }
        Problem::Locked { .. } => "wait until it has ended; if none should be running, look for that process",
    }
    .to_owned()
}
