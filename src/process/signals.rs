//! Signals that end the process, and the one that a file size limit raises. Commands that must clean up wait for
//! [`Termination`]; `program` then ends the process with [`die_of`], so that a shell sees which signal it was and stops
//! a loop or a script, as it does for programs that handle no signals.

use std::{
    fs,
    io::{self, Read as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// The signals by which users, terminals and service managers end a command.
const TERMINATING: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// Makes a write beyond the file size limit (`ulimit -f`) fail with `EFBIG` instead of killing the process. Call it
/// once, before the first write to a file.
///
/// Installs a handler that only sets an unused flag, rather than ignoring the signal: child processes would inherit an
/// ignored signal, but not a handler.
pub fn survive_file_size_limit() {
    // This fails only on a system without the signal, where nothing needs to be done.
    let _ = signal_hook::flag::register(Signal::XFSZ.as_raw(), Arc::new(AtomicBool::new(false)));
}

/// Ends the process by `signal`, as if it had never been handled. Does not return: if the signal cannot be raised, the
/// process aborts.
pub fn die_of(signal: Signal) -> ! {
    let _ = signal_hook::low_level::emulate_default_handler(signal.as_raw());
    // Reached only for a signal whose default action is not to end the process.
    std::process::abort()
}

/// Whether the signals that [`Interrupts`] handles end the process again. A handler cannot be removed, so it does what
/// the system would have done.
static END_BY_DEFAULT: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Notices the signals that end a command while the process waits for input outside the runtime. After this is dropped,
/// they end the process again.
pub struct Interrupts(UnixStream);

impl Interrupts {
    /// Handles the same signals as [`Termination::listen`].
    ///
    /// # Errors
    /// The system's error, if a handler cannot be installed.
    pub fn listen() -> io::Result<Interrupts> {
        let (reader, writer) = UnixStream::pair()?;
        let ignored = ignored_signals();
        END_BY_DEFAULT.store(false, Ordering::SeqCst);
        for signal in TERMINATING {
            if ignored.contains(signal) {
                continue;
            }
            let end = Arc::clone(&END_BY_DEFAULT);
            signal_hook::flag::register_conditional_default(signal.as_raw(), end)?;
            signal_hook::low_level::pipe::register(signal.as_raw(), writer.try_clone()?)?;
        }
        Ok(Interrupts(reader))
    }
}

impl AsFd for Interrupts {
    /// Readable once a signal has been received.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        END_BY_DEFAULT.store(true, Ordering::SeqCst);
    }
}

/// Waits for the signals that end a command. After [`Termination::listen`], they no longer end the process by
/// themselves, so the caller must end it.
pub struct Termination(Vec<(Signal, unix::Signal)>);

impl Termination {
    /// Handles SIGHUP, SIGINT, SIGQUIT and SIGTERM, except those that were ignored when the process was started:
    /// `nohup` and background jobs of scripts rely on them staying ignored.
    ///
    /// Must be called within a tokio runtime with I/O enabled.
    ///
    /// # Errors
    /// The system's error, if a handler cannot be installed.
    pub fn listen() -> io::Result<Termination> {
        Termination::listen_except(ignored_signals())
    }

    /// Like [`Termination::listen`], but also handles SIGINT and SIGTERM if they were ignored, as etcdctl's `lock` and
    /// `elect` do: a script without job control starts background jobs with SIGINT ignored, and ends them by it.
    ///
    /// # Errors
    /// The system's error, if a handler cannot be installed.
    pub fn listen_even_if_ignored() -> io::Result<Termination> {
        let ignored = ignored_signals();
        Termination::listen_except(ignored.without(Signal::INT).without(Signal::TERM))
    }

    fn listen_except(ignored: SignalSet) -> io::Result<Termination> {
        END_BY_DEFAULT.store(false, Ordering::SeqCst);
        let mut listeners = Vec::new();
        for signal in TERMINATING {
            if !ignored.contains(signal) {
                let kind = SignalKind::from_raw(signal.as_raw());
                listeners.push((signal, unix::signal(kind)?));
            }
        }
        Ok(Termination(listeners))
    }

    /// The next signal. Waits forever if all of them are ignored.
    pub async fn recv(&mut self) -> Signal {
        std::future::poll_fn(|cx| {
            for (signal, listener) in &mut self.0 {
                if let std::task::Poll::Ready(Some(())) = listener.poll_recv(cx) {
                    return std::task::Poll::Ready(*signal);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Runs `clean_up` when a signal arrives that ends the process, and then ends it by that signal. For commands that work
/// outside the runtime and cannot stop at any point; they must not use [`Termination`] or [`Interrupts`] afterwards.
/// Signals that are ignored stay ignored. Can be called again, without effect.
///
/// # Errors
/// The system's error, if a handler cannot be installed or the waiting thread cannot be started. Signals then end the
/// process without `clean_up`.
pub fn clean_up_before_end(clean_up: fn()) -> io::Result<()> {
    static CALLED: AtomicBool = AtomicBool::new(false);
    if CALLED.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let (mut reader, writer) = UnixStream::pair()?;
    let received = Arc::new(AtomicUsize::new(0));
    let waiting = Arc::clone(&received);
    // Start the thread first: a handler without it would swallow the signal.
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            // Without a handler, the other end is closed and nothing can be read.
            if reader.read_exact(&mut [0]).is_err() {
                return;
            }
            clean_up();
            let signal = TERMINATING.get(waiting.load(Ordering::SeqCst));
            die_of(signal.copied().unwrap_or(Signal::TERM));
        })?;
    let ignored = ignored_signals();
    for (index, signal) in TERMINATING.into_iter().enumerate() {
        if !ignored.contains(signal) {
            let raw = signal.as_raw();
            // The actions run in this order.
            signal_hook::flag::register_usize(raw, Arc::clone(&received), index)?;
            signal_hook::low_level::pipe::register(raw, writer.try_clone()?)?;
        }
    }
    Ok(())
}

/// A set of signals as the kernel prints it: bit N-1 is signal N.
#[derive(Clone, Copy, Default)]
struct SignalSet(u64);

impl SignalSet {
    fn contains(self, signal: Signal) -> bool {
        let bit = signal.as_raw() - 1;
        u32::try_from(bit).is_ok_and(|bit| self.0.checked_shr(bit).unwrap_or(0) & 1 == 1)
    }

    fn without(self, signal: Signal) -> SignalSet {
        let bit = u32::try_from(signal.as_raw() - 1).unwrap_or(u32::MAX);
        SignalSet(self.0 & !1_u64.checked_shl(bit).unwrap_or(0))
    }
}

/// The signals that this process ignores. Read from `/proc`, because the system call is not available in safe Rust.
/// Without `/proc`, assumes that none is ignored.
fn ignored_signals() -> SignalSet {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    parse_ignored(&status)
}

/// The `SigIgn` line of `/proc/PID/status` (proc_pid_status(5)).
fn parse_ignored(status: &str) -> SignalSet {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .map_or(SignalSet::default(), SignalSet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask_of_the_kernel() {
        // SIGHUP is 1 and SIGINT 2 on every Unix.
        let set = parse_ignored("Name:\tx\nSigBlk:\tff\nSigIgn:\t0000000000000001\n");
        assert!(set.contains(Signal::HUP));
        assert!(!set.contains(Signal::INT));
        assert!(!set.without(Signal::HUP).contains(Signal::HUP));
        assert!(set.without(Signal::INT).contains(Signal::HUP));
        assert!(!parse_ignored("").contains(Signal::HUP));
        assert!(!parse_ignored("SigIgn:\tnonsense\n").contains(Signal::HUP));
    }

    #[tokio::test]
    async fn a_signal_is_received_and_named() {
        // The tests may have been started with the signal ignored.
        let mut termination = Termination::listen_except(SignalSet::default()).unwrap();
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, Signal::QUIT).unwrap();
        assert_eq!(termination.recv().await, Signal::QUIT);
    }
}
