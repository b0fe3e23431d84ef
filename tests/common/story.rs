//! A look-alike server and the binary, for stories of the commands around a server.

use std::time::{Duration, Instant};

use jobruns::model::hex;
use jobruns::simulator::{Options, Simulator};

use super::program::{Ended, Program};
use super::small_history;

/// A look-alike, and the binary with everything set to reach it.
pub struct Story {
    pub server: Simulator,
    pub program: Program,
}

impl Story {
    pub async fn new() -> Self {
        Self::with(Options {
            history: small_history(),
            ..Options::default()
        })
        .await
    }

    pub async fn with(options: Options) -> Self {
        let server = Simulator::start(options).await.unwrap();
        let program = Program::new()
            .with("JOBRUNS_URL", &server.base_url())
            .with("JOBRUNS_USERNAME", r"CORP\auditor")
            .with("JOBRUNS_PASSWORD", "simulator")
            .with("JOBRUNS_PIN", &hex(&server.certificate_sha256()))
            .with("JOBRUNS_RETRIES", "0");
        Self { server, program }
    }

    /// The same, with the config file of this name in the program's folder.
    pub fn with_config(mut self, file: &str) -> Self {
        self.program = self.program.with("JOBRUNS_CONFIG", file);
        self
    }

    pub fn job(&self, job: u32) -> String {
        self.server.history().job_id(job)
    }

    /// `jobruns sync` of all three jobs.
    pub fn sync(&self, more: &[&str]) -> Ended {
        let jobs = [self.job(0), self.job(1), self.job(2)];
        let mut arguments = vec!["sync"];
        arguments.extend(jobs.iter().map(String::as_str));
        arguments.extend(more);
        self.program.run(&arguments)
    }

    pub fn fault(&self, fault: &str) {
        self.server.set_faults(vec![fault.parse().unwrap()]);
    }

    /// Waits until the look-alike was asked for runs so often.
    pub fn wait_for_requests(&self, wanted: usize) {
        let begun = Instant::now();
        let asked = || {
            let requests = self.server.requests();
            requests
                .iter()
                .filter(|request| request.path.to_lowercase().contains("jobruns"))
                .count()
        };
        while asked() < wanted {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "the look-alike was not asked"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Sends a signal to a child.
#[cfg(unix)]
pub fn signal(child: &std::process::Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
