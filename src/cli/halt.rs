//! Ctrl-C while rows are written: the file that was begun is taken away, and the old one stays as it was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::failure::{Exit, Failure};
use super::stop::{Signals, spare_descriptors};
use crate::archive::{Interrupter, ReadOnly};
use crate::sync::Stop;

/// How often a statement is told to stop, once that is asked: one that begins just then does not hear the first time.
const AGAIN: Duration = Duration::from_millis(50);

/// Whether somebody asked to stop.
pub(super) struct Halt {
    asked: Asked,
    reading: Arc<Mutex<Option<Interrupter>>>,
}

enum Asked {
    BySignal(Arc<AtomicBool>),
    ByStop(Stop),
}

impl Halt {
    /// Listens from now on. Where only standard output is written, a signal ends the process at once with 130; where
    /// files are, it lets the command clean up, and the second one ends the process.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn listen(writes_files: bool) -> Result<Self, Failure> {
        let refused = |error: std::io::Error| {
            Failure::new(Exit::NotDone, "could not listen for Ctrl-C").caused_by(&error)
        };
        let runtime = spare_descriptors()
            .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build())
            .map_err(refused)?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::new().map_err(refused)?
        };
        let flag = Arc::new(AtomicBool::new(false));
        let reading: Arc<Mutex<Option<Interrupter>>> = Arc::default();
        let (asked, interrupted) = (Arc::clone(&flag), Arc::clone(&reading));
        let watch = move || {
            runtime.block_on(async move {
                signals.next().await;
                if writes_files {
                    asked.store(true, Ordering::Relaxed);
                    // Until the command has cleaned up and ended.
                    loop {
                        interrupt(&interrupted);
                        tokio::select! {
                            () = tokio::time::sleep(AGAIN) => {}
                            () = signals.next() => break,
                        }
                    }
                }
                std::process::exit(Exit::Interrupted.code().into());
            });
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(watch)
            .map_err(refused)?;
        Ok(Self {
            asked: Asked::BySignal(flag),
            reading,
        })
    }

    /// Heeds a wish that others listen for.
    pub(super) fn by(stop: Stop) -> Self {
        Self {
            asked: Asked::ByStop(stop),
            reading: Arc::default(),
        }
    }

    /// From now on a statement of this reader is interrupted, too.
    pub(super) fn interrupts(&self, reader: &ReadOnly) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = Some(reader.interrupter());
    }

    /// Whether somebody asked to stop.
    pub(super) fn is_asked(&self) -> bool {
        match &self.asked {
            Asked::BySignal(asked) => asked.load(Ordering::Relaxed),
            Asked::ByStop(stop) => stop.is_asked(),
        }
    }
}

fn interrupt(reading: &Mutex<Option<Interrupter>>) {
    let reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reading) = &*reading {
        reading.interrupt();
    }
}
