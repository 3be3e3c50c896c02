//! A relay in front of a server that a test can cut, stall, and redirect to another server, like a network. Single
//! connections can also go silent, as behind a router that has forgotten them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Default)]
struct State {
    target: String,
    connections: Vec<TcpStream>,
    stalled: bool,
    /// Number of connections accepted so far.
    accepted: usize,
    /// Number of connections, counted from the first, on which nothing is passed on any more.
    silent: usize,
    /// How long each piece of data takes in either direction.
    delay: Duration,
    /// Number of bytes of the server that still pass before all traffic stops; `None` = any number.
    answers_left: Option<usize>,
    /// Number of HTTP/2 requests that still pass before all traffic stops; `None` = any number.
    requests_left: Option<usize>,
}

/// Accepts connections on a free port of 127.0.0.1 and forwards them to one server. Its threads end with the test
/// process.
pub struct Relay {
    endpoint: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Relay {
    /// Forwards to `server` (`host:port`).
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
        let relay = Self {
            endpoint: listener.local_addr().expect("it is bound").to_string(),
            state: Arc::default(),
        };
        relay.point_at(server);
        let state = Arc::clone(&relay.state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (target, number) = {
                    let mut state = state.0.lock().expect("no panic");
                    state.accepted += 1;
                    (state.target.clone(), state.accepted)
                };
                if let Ok(server) = TcpStream::connect(target) {
                    forward(&state, number, &client, &server, Some(Requests::default()));
                    forward(&state, number, &server, &client, None);
                }
            }
        });
        relay
    }

    /// `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Forwards new connections to this server.
    pub fn point_at(&self, server: &str) {
        server.clone_into(&mut self.state.0.lock().expect("no panic").target);
    }

    /// Number of connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.state.0.lock().expect("no panic").accepted
    }

    /// Breaks every connection.
    pub fn cut(&self) {
        for stream in self.state.0.lock().expect("no panic").connections.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Stops or resumes all traffic. When it resumes, it does not stop by itself any more.
    pub fn stall(&self, stalled: bool) {
        let mut state = self.state.0.lock().expect("no panic");
        state.stalled = stalled;
        if !stalled {
            (state.requests_left, state.answers_left) = (None, None);
        }
        self.state.1.notify_all();
    }

    /// Stops all traffic, on every connection, at the HTTP/2 request that follows the next `requests` ones.
    pub fn stall_after(&self, requests: usize) {
        self.state.0.lock().expect("no panic").requests_left = Some(requests);
    }

    /// Stops all traffic, on every connection, once the server has sent this number of bytes.
    pub fn stall_after_answers(&self, bytes: usize) {
        self.state.0.lock().expect("no panic").answers_left = Some(bytes);
    }

    /// Waits until all traffic has stopped.
    pub fn wait_for_stall(&self) {
        let state = self.state.0.lock().expect("no panic");
        let limit = Duration::from_secs(60);
        let (state, waited) = (self.state.1)
            .wait_timeout_while(state, limit, |s| !s.stalled)
            .expect("no panic");
        assert!(state.stalled, "no stall within {limit:?}: {waited:?}");
    }

    /// Lets each piece of data take this long in either direction, as a slow network does.
    pub fn delay(&self, delay: Duration) {
        self.state.0.lock().expect("no panic").delay = delay;
    }

    /// Stops passing anything on over the existing connections. They stay open, and new ones work.
    pub fn silence(&self) {
        let mut state = self.state.0.lock().expect("no panic");
        state.silent = state.accepted;
    }
}

/// Counts the requests that pass in one direction of an HTTP/2 connection (RFC 9113, sections 3.4 and 4.1).
#[derive(Default)]
struct Requests {
    /// The first bytes of a frame whose header has not arrived completely.
    header: Vec<u8>,
    /// Number of bytes until the next frame; `None` before the preface.
    skip: Option<usize>,
}

impl Requests {
    /// The number of requests that begin in `bytes`.
    fn begun(&mut self, mut bytes: &[u8]) -> usize {
        const PREFACE: usize = 24;
        const HEADERS: u8 = 1;
        let mut begun = 0;
        let mut skip = self.skip.unwrap_or(PREFACE);
        loop {
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            bytes = &bytes[skipped..];
            let wanted = 9 - self.header.len();
            let taken = wanted.min(bytes.len());
            self.header.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            let [a, b, c, kind, ..] = self.header[..] else {
                break;
            };
            if taken < wanted {
                break;
            }
            skip = u32::from_be_bytes([0, a, b, c]) as usize;
            begun += usize::from(kind == HEADERS);
            self.header.clear();
        }
        self.skip = Some(skip);
        begun
    }
}

fn forward(
    state: &Arc<(Mutex<State>, Condvar)>,
    number: usize,
    from: &TcpStream,
    to: &TcpStream,
    mut requests: Option<Requests>,
) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
    let (mut from, mut to, state) = (clone(from), clone(to), Arc::clone(state));
    state
        .0
        .lock()
        .expect("no panic")
        .connections
        .push(clone(&from));
    thread::spawn(move || {
        let mut buffer = [0; 64 << 10];
        while let Ok(n) = from.read(&mut buffer)
            && n > 0
        {
            let mut open = state.0.lock().expect("no panic");
            let begun = requests.as_mut().map_or(0, |r| r.begun(&buffer[..n]));
            if let Some(left) = open.requests_left {
                open.requests_left = left.checked_sub(begun);
                if open.requests_left.is_none() {
                    open.stalled = true;
                    state.1.notify_all();
                }
            }
            let mut data = &buffer[..n];
            if let Some(left) = open.answers_left.filter(|_| requests.is_none()) {
                open.answers_left = left.checked_sub(n);
                if open.answers_left.is_none() {
                    // What is before the limit still passes.
                    let (passing, rest) = data.split_at(left);
                    let _ = to.write_all(passing);
                    data = rest;
                    open.stalled = true;
                    state.1.notify_all();
                }
            }
            let held = |s: &mut State| s.stalled || number <= s.silent;
            let open = state.1.wait_while(open, held).expect("no panic");
            let delay = open.delay;
            drop(open);
            thread::sleep(delay);
            if to.write_all(data).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
