//! A proxy in front of a server that passes only a given number of bytes of a response, so that a test can stop a
//! download at a known point without depending on time.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Accepts connections on a free port of 127.0.0.1 and forwards them to one server. Connections end with the processes
/// at both ends.
pub struct Gate {
    endpoint: String,
    allowed: Arc<(Mutex<u64>, Condvar)>,
}

impl Gate {
    /// A proxy for `server` (`host:port`) that passes `bytes` of the responses on each connection.
    pub fn before(server: &str, bytes: u64) -> Gate {
        Gate::new(server, bytes, None)
    }

    fn new(server: &str, bytes: u64, flipped: Option<u64>) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
        let endpoint = listener
            .local_addr()
            .expect("a bound listener has an address")
            .to_string();
        let allowed = Arc::new((Mutex::new(bytes), Condvar::new()));
        let (server, shared) = (server.to_owned(), Arc::clone(&allowed));
        // The threads end with the test process at the latest.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else {
                    continue;
                };
                let (from_client, to_server) = (client.try_clone(), server.try_clone());
                if let (Ok(from_client), Ok(to_server)) = (from_client, to_server) {
                    thread::spawn(move || forward(from_client, to_server, None, None));
                }
                let allowed = Arc::clone(&shared);
                thread::spawn(move || forward(server, client, Some(&allowed), flipped));
            }
        });
        Gate { endpoint, allowed }
    }

    /// A proxy that lets everything through, and changes a bit of the byte `at` of each connection's answer.
    pub fn that_flips(server: &str, at: u64) -> Gate {
        Gate::new(server, u64::MAX, Some(at))
    }

    /// `host:port` for clients.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Passes everything from now on.
    pub fn open(&self) {
        let (allowed, changed) = &*self.allowed;
        *allowed.lock().expect("nothing panics with it") = u64::MAX;
        changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

fn forward(
    mut from: TcpStream,
    mut to: TcpStream,
    allowed: Option<&(Mutex<u64>, Condvar)>,
    flipped: Option<u64>,
) {
    let mut buffer = [0; 4096];
    let mut passed = 0;
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if let Some((allowed, changed)) = allowed {
            let limit = allowed.lock().expect("nothing panics with it");
            drop(changed.wait_while(limit, |limit| passed + n as u64 > *limit));
        }
        if let Some(at) = flipped.and_then(|at| at.checked_sub(passed))
            && at < n as u64
        {
            buffer[at as usize] ^= 1;
        }
        passed += n as u64;
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
