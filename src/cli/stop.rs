//! Ctrl-C and the like: the first asks to stop, the second stops.

use std::io;

use tokio::sync::watch;

use super::failure::Exit;

/// Whether the user (or the system) asked to stop. Clones see the same.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on: Ctrl-C and SIGTERM; on Windows Ctrl-C, Ctrl-Break, closing of the console, shutdown.
    ///
    /// The second such signal ends the process at once with 130; the archive stands that, as it stands a power cut.
    ///
    /// # Errors
    /// When the operating system refuses. Must be called within a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        let mut signals = Signals::new()?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            tracing::warn!("stopping; what was read is kept (once more to stop at once)");
            let _ = sender.send(true);
            signals.next().await;
            std::process::exit(Exit::Interrupted.code().into());
        });
        Ok(Self(receiver))
    }

    /// The bare flag, for rooms that know nothing of signals.
    #[must_use]
    pub fn flag(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub async fn wait(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            // The listener ended with its runtime; nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_break: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::windows;
        Ok(Self {
            ctrl_c: windows::ctrl_c()?,
            ctrl_break: windows::ctrl_break()?,
            close: windows::ctrl_close()?,
            shutdown: windows::ctrl_shutdown()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_break.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_flag_is_seen_by_every_clone() {
        let (sender, receiver) = watch::channel(false);
        let stop = Stop(receiver);
        let mut other = stop.clone();
        assert!(!stop.requested());
        sender.send(true).unwrap();
        other.wait().await;
        assert!(stop.requested() && *stop.flag().borrow());
    }
}
