//! Ctrl-C and the like: the first asks to stop, the second stops.

use std::io;

use tokio::sync::watch;

use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::console::Console;
use crate::sync::Cancellation;

/// Listens from now on: Ctrl-C and SIGTERM; on Windows Ctrl-C, Ctrl-Break, closing of the console, shutdown.
///
/// The second such signal ends the process at once with 130; the archive stands that, as it stands a power cut. Must
/// be called within a tokio runtime.
pub(crate) fn listen() -> Result<Cancellation, Failure> {
    let mut signals = Signals::new()
        .map_err(|error| Failure::new(Exit::NotDone, "could not listen for Ctrl-C").caused_by(&error))?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        signals.next().await;
        tracing::warn!("stopping; what was read is kept (once more to stop at once)");
        let _ = sender.send(true);
        signals.next().await;
        std::process::exit(Exit::Interrupted.code().into());
    });
    Ok(Cancellation::new(receiver))
}

/// Calls `watch` with the signals from now on, in a thread of its own.
pub(crate) fn in_thread(watch: impl AsyncFnOnce(Signals) + Send + 'static) -> Result<(), Failure> {
    let refused =
        |error: io::Error| Failure::new(Exit::NotDone, "could not listen for Ctrl-C").caused_by(&error);
    let runtime = spare_descriptors()
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build())
        .map_err(refused)?;
    let signals = {
        let _inside = runtime.enter();
        Signals::new().map_err(refused)?
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(watch(signals)))
        .map_err(refused)?;
    Ok(())
}

/// Lets the first signal end the process at once with 130, which harms no archive; `message` say what became of the work.
/// What progress has drawn is taken away.
pub(crate) fn end_at_first(console: &Console, message: &'static str) -> Result<(), Failure> {
    let console = console.clone();
    in_thread(async move |mut signals| {
        signals.next().await;
        console.report(&Failure::new(Exit::Interrupted, message));
        console.without_bars(|| std::process::exit(Exit::Interrupted.code().into()));
    })
}

/// Takes the signal of a file that grew past its limit (`ulimit -f`), which would end the process without a word: the write
/// then fails, which is reported.
pub(crate) fn outlive_file_size_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let taken = spare_descriptors()
            .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_io().build())
            .and_then(|runtime| {
                let _inside = runtime.enter();
                signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
            });
        // Without it the process ends as others do.
        drop(taken);
    }
}

/// Whether some files can still be opened: a runtime of tokio panics where none is left for its signals.
#[cfg(not(unix))]
pub(crate) const fn spare_descriptors() -> io::Result<()> {
    Ok(())
}

/// Whether some files can still be opened: a runtime of tokio panics where none is left for its signals.
#[cfg(unix)]
pub(crate) fn spare_descriptors() -> io::Result<()> {
    (0..8)
        .map(|_| std::fs::File::open("/dev/null"))
        .collect::<io::Result<Vec<_>>>()
        .map(drop)
}

/// The signals that ask to stop. Made and used within a tokio runtime.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signals that ask to stop. Made and used within a tokio runtime.
#[cfg(windows)]
pub(crate) struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_break: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::windows;
        Ok(Self {
            ctrl_c: windows::ctrl_c()?,
            ctrl_break: windows::ctrl_break()?,
            close: windows::ctrl_close()?,
            shutdown: windows::ctrl_shutdown()?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_break.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}
