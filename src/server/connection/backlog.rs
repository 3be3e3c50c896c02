//! The small answers of a connection that its client has not taken. Each of them takes a stream of the HTTP library, and a
//! client that sends requests without reading could have any number of them. Large answers are counted elsewhere
//! (`server::unsent`), one by one.

use std::time::{Duration, Instant};

/// A backlog of this many answers is looked at more closely.
const LONG: usize = 100;
/// A connection that has more answers than this is ended. A client that reads is far below it, because it would need as
/// many concurrent requests. Time does not matter here: the client's window updates may be queued behind many requests
/// that the server has not read yet.
const MOST: usize = 20_000;
/// While memory is short, a client that has more answers than this must take one within [`PATIENCE`].
const MOST_IF_SHORT: usize = 5_000;
/// See [`MOST_IF_SHORT`].
const PATIENCE: Duration = Duration::from_millis(500);
/// Memory of an answer in bytes, with its stream: measured.
const COST: usize = 1500;

/// The answers that a client has not taken.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Answers that the HTTP library has not taken, because the client's flow control does not let them pass.
    answers: usize,
    /// Answers that the HTTP library has taken and not sent, because the client does not read.
    queued: usize,
    /// Number of streams that have been opened and have not been ended on the wire.
    streams: usize,
    /// When the client last took one of the answers, while there are more than [`LONG`].
    progress: Option<Instant>,
    /// Whether the holder has been told of this connection.
    known: bool,
    given_up: bool,
}

impl Backlog {
    /// There is one more answer; `short` says whether memory is short. Returns whether the backlog has become long for the
    /// first time.
    pub fn added(&mut self, short: bool) -> bool {
        self.answers += 1;
        if !self.is_long() {
            return false;
        }
        let since = *self.progress.get_or_insert_with(Instant::now);
        let slow = short && self.answers > MOST_IF_SHORT && since.elapsed() > PATIENCE;
        self.given_up |= slow || self.answers > MOST;
        !std::mem::replace(&mut self.known, true)
    }

    /// The client has taken an answer, or abandoned it.
    pub fn taken(&mut self) {
        self.answers -= 1;
        self.progress = self.is_long().then(Instant::now);
    }

    /// A stream has been opened.
    pub fn opened(&mut self) {
        self.streams += 1;
    }

    /// The last frame of a stream has been sent, or the client has reset it.
    pub fn ended(&mut self) {
        self.streams = self.streams.saturating_sub(1);
    }

    /// Counts what waits to be sent. `open` is the number of requests in progress; `blocked` says for how long the client
    /// has not been reading, if it is not; `short`, whether memory is short.
    pub fn check_queue(&mut self, open: usize, blocked: Option<Duration>, short: bool) {
        let Some(blocked) = blocked else {
            self.queued = 0;
            return;
        };
        self.queued = self.streams.saturating_sub(open);
        let most = if short { MOST_IF_SHORT } else { MOST };
        self.given_up |= self.queued > most && blocked > PATIENCE;
    }

    /// Whether there are so many answers that the connection may have to be ended.
    pub fn is_long(&self) -> bool {
        self.answers > LONG
    }

    /// How long the client has taken nothing although there is a lot.
    pub fn stalled(&self) -> Duration {
        self.progress.map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// The memory of the answers in bytes, in steps.
    pub fn held(&self) -> usize {
        (self.answers + self.queued) / LONG * LONG * COST
    }

    /// Ends the connection.
    pub fn give_up(&mut self) {
        self.given_up = true;
    }

    /// Whether the connection is to be ended.
    pub fn is_given_up(&self) -> bool {
        self.given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answers: usize) -> Backlog {
        let mut backlog = Backlog::default();
        let firsts = (0..answers).filter(|_| backlog.added(false)).count();
        assert_eq!(firsts, usize::from(answers > LONG));
        backlog
    }

    fn earlier() -> Option<Instant> {
        Instant::now().checked_sub(2 * PATIENCE)
    }

    #[test]
    fn too_long_a_backlog_is_given_up() {
        let mut backlog = of(MOST);
        assert!(!backlog.is_given_up());
        backlog.added(false);
        assert!(backlog.is_given_up());
    }

    #[test]
    fn while_memory_is_short_a_client_must_take_something() {
        let mut backlog = of(MOST_IF_SHORT);
        backlog.progress = earlier();
        assert!(backlog.stalled() > PATIENCE);
        backlog.added(false);
        assert!(!backlog.is_given_up(), "memory is not short");
        backlog.taken();
        backlog.added(true);
        backlog.added(true);
        assert!(!backlog.is_given_up(), "the client has just taken one");
        backlog.progress = earlier();
        backlog.added(true);
        assert!(backlog.is_given_up());

        let mut few = of(LONG);
        assert_eq!(few.stalled(), Duration::ZERO);
        few.added(true);
        assert!(few.is_long());
        few.taken();
        assert!(!few.is_long() && few.stalled() == Duration::ZERO);
    }

    #[test]
    fn answers_that_wait_for_a_blocked_socket_are_given_up() {
        let mut backlog = Backlog::default();
        (0..2 * MOST).for_each(|_| backlog.opened());
        let blocked = Some(2 * PATIENCE);
        backlog.check_queue(2 * MOST, blocked, false);
        assert!(!backlog.is_given_up(), "requests in progress");
        backlog.check_queue(0, None, false);
        backlog.check_queue(0, Some(PATIENCE / 2), false);
        assert!(!backlog.is_given_up(), "a client that reads");
        assert!(backlog.held() > MOST * COST);
        backlog.check_queue(0, blocked, false);
        assert!(backlog.is_given_up());
        backlog.check_queue(0, None, false);
        assert_eq!(backlog.held(), 0);
    }
}
