//! How much memory this process may use, and so how many threads: a thread of its own takes far more address space than
//! memory, and a limit on it (`ulimit -v`) counts both.

use std::num::NonZero;

/// Below this nothing works that this program does: the code alone takes half of it.
pub const LEAST_BYTES: u64 = 64 << 20;

/// What a thread may take: its stack, pages of the archive, the largest usual run.
const BYTES_OF_A_THREAD: u64 = 64 << 20;

/// From here on a heap for each thread does not matter.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ROOMY_BYTES: u64 = 2 << 30;

/// The limit on the address space of this process, where there is one.
#[cfg(unix)]
#[must_use]
pub fn limit() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    let limits = [Resource::As, Resource::Data].map(|resource| getrlimit(resource).current);
    limits.into_iter().flatten().min()
}

/// The limit on the address space of this process, where there is one.
#[cfg(not(unix))]
#[must_use]
pub const fn limit() -> Option<u64> {
    None
}

/// Begins this process anew with one heap for all threads, where its address space is limited: the C library reserves 64
/// MiB for the heap of each, however little that holds, until nothing is left for what is needed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn share_heap() {
    use std::os::unix::process::CommandExt;
    const ONE_HEAP: &str = "MALLOC_ARENA_MAX";
    let mut arguments = std::env::args_os();
    let limited = limit().is_some_and(|limit| (LEAST_BYTES..ROOMY_BYTES).contains(&limit));
    if limited
        && std::env::var_os(ONE_HEAP).is_none()
        && let (Ok(program), Some(name)) = (std::env::current_exe(), arguments.next())
    {
        let mut command = std::process::Command::new(program);
        // Comes back only where it failed; then it is tried with what there is.
        drop(command.arg0(name).args(arguments).env(ONE_HEAP, "1").exec());
    }
}

/// Other C libraries reserve no heap for each thread.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub const fn share_heap() {}

/// How many threads may share work that `wanted` of them would do best: one a processor, and no more than there is
/// address space for; one at least.
#[must_use]
pub fn threads(wanted: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    wanted.min(processors).min(threads_within(limit())).max(1)
}

/// The first thread is there already.
fn threads_within(limit: Option<u64>) -> usize {
    limit.map_or(usize::MAX, |limit| {
        let more = limit.saturating_sub(2 * LEAST_BYTES) / BYTES_OF_A_THREAD;
        usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1)
    })
}

/// Whether this many threads can be started: a library that starts its own panics where it cannot.
///
/// # Errors
/// What the operating system says.
pub fn spare_threads(count: usize) -> std::io::Result<()> {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    std::thread::scope(|threads| {
        let started = (0..count)
            .map(|_| {
                let wait = || drop(held.lock().map(|held| held.recv()));
                std::thread::Builder::new().spawn_scoped(threads, wait)
            })
            .collect::<Result<Vec<_>, _>>();
        drop(hold);
        started.map(drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_address_space_has_one_thread_and_a_large_one_as_many_as_are_wanted() {
        assert_eq!(threads_within(Some(0)), 1);
        assert_eq!(threads_within(Some(2 * LEAST_BYTES + BYTES_OF_A_THREAD - 1)), 1);
        assert_eq!(threads_within(Some(2 * LEAST_BYTES + BYTES_OF_A_THREAD)), 2);
        assert!(threads_within(Some(1 << 40)) > 1000 && threads_within(None) > 1000);
        assert_eq!(threads(0), 1);
    }

    #[test]
    fn a_few_threads_can_be_started() {
        spare_threads(3).unwrap();
        assert!(spare_threads(0).is_ok());
    }
}
