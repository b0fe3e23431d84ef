//! Ctrl-C while rows are written: the incomplete file is removed, and the old one stays as it was.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::archive::{Interrupter, ReadOnly};
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::signals::in_thread;
use crate::sync::Cancellation;

/// How often a statement is interrupted, once that is requested: one that begins just then misses the first time.
const AGAIN: Duration = Duration::from_millis(50);

/// A cancellation, and the statement that it interrupts.
pub(crate) struct Cancel {
    cancellation: Cancellation,
    reading: Arc<Mutex<Option<Interrupter>>>,
}

impl Cancel {
    /// Listens from now on. Where only standard output is written, a signal ends the process at once with 130; where
    /// files are, it lets the command clean up, and the second one ends the process.
    pub(crate) fn listen(writes_files: bool) -> Result<Self, Failure> {
        let (sender, receiver) = watch::channel(false);
        let cancel = Self::by(Cancellation::new(receiver));
        let reading = Arc::clone(&cancel.reading);
        in_thread(async move |mut signals| {
            signals.next().await;
            if writes_files {
                let _ = sender.send(true);
                // Until the command has cleaned up and ended.
                loop {
                    interrupt(&reading);
                    tokio::select! {
                        () = tokio::time::sleep(AGAIN) => {}
                        () = signals.next() => break,
                    }
                }
            }
            std::process::exit(Exit::Interrupted.code().into());
        })?;
        Ok(cancel)
    }

    /// A cancellation that others listen for.
    pub(crate) fn by(cancellation: Cancellation) -> Self {
        Self {
            cancellation,
            reading: Arc::default(),
        }
    }

    /// From now on a statement of this archive is interrupted, too.
    pub(crate) fn interrupts(&self, archive: &ReadOnly) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = Some(archive.interrupter());
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }
}

fn interrupt(reading: &Mutex<Option<Interrupter>>) {
    let reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reading) = &*reading {
        reading.interrupt();
    }
}
