//! A look-alike server and the binary, for stories of the commands around a server.

use std::time::{Duration, Instant};

use jobruns::model::hex;
use jobruns::simulator::{Options, Simulator};
use rusqlite::Connection;

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

    /// The same, and a first sync of it has ended.
    pub async fn synced() -> Self {
        let story = Self::new().await;
        story.sync(&[]).ends_with(0);
        story
    }

    pub async fn with(options: Options) -> Self {
        let server = Simulator::start(options).await.unwrap();
        let program = Program::with_password(&server.base_url(), "simulator")
            .with("JOBRUNS_PIN", &hex(&server.certificate_sha256()));
        Self { server, program }
    }

    /// The same, with the config file of this name in the program's folder.
    pub fn with_config(mut self, file: &str) -> Self {
        self.program = self.program.with("JOBRUNS_CONFIG", file);
        self
    }

    /// A connection to the archive of its own, past the program.
    pub fn connection(&self) -> Connection {
        Connection::open(self.program.path("jobruns.db")).unwrap()
    }

    /// Makes the archive one of a program to come.
    pub fn make_newer(&self) {
        self.connection()
            .execute_batch(
                "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                 SELECT 2, 'from the future', applied_on, checksum FROM refinery_schema_history LIMIT 1;
                 INSERT INTO ledger SELECT max(entry_id) + 1, 'migrated at=2031-01-01T00:00:00Z schema=2', zeroblob(32) FROM ledger;
                 PRAGMA wal_checkpoint(TRUNCATE)",
            )
            .unwrap();
    }

    /// How often somebody logged in with a password or a token to renew.
    pub fn logins(&self) -> usize {
        let requests = self.server.requests();
        requests.iter().filter(|request| request.grant.is_some()).count()
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
