//! A misbehaving server that follows a script, down to HTTP/2 frames: what it does with a connection, with its first
//! bytes, and with each request. Counts what it receives, and ends with the test process.
//!
//! It parses frames, but not their contents: a request is a HEADERS frame whose stream the client has ended.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The connection preface of an HTTP/2 client.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
}

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// HTTP/2 error codes.
pub mod code {
    pub const NO_ERROR: u32 = 0;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// What to do with a connection.
#[derive(Clone, Debug)]
pub enum Begin {
    /// Close it at once.
    Close,
    /// Send nothing, but read everything.
    Silence,
    /// Send these bytes, and read everything.
    Bytes(Vec<u8>),
    /// Start HTTP/2 normally.
    Http2,
    /// Start HTTP/2 normally, and close the connection right after the SETTINGS.
    Http2ThenClose,
    /// Start HTTP/2 normally, and send GOAWAY before any request.
    Http2ThenGoAway,
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Do not respond. Pings are answered.
    Never,
    /// Close the connection.
    Close,
    /// Send GOAWAY with this code, which says whether the request was processed, and then close or keep the connection.
    GoAway {
        code: u32,
        processed: bool,
        close: bool,
    },
    /// Send RST_STREAM with this code.
    Reset(u32),
    /// Respond with this gRPC status and text.
    Status(u32, &'static str),
    /// Like [`Answer::Status`], but without waiting for the end of the request, which a stream does not have.
    StatusAtOnce(u32, &'static str),
    /// Respond with this HTTP status and content type.
    Http {
        status: u16,
        kind: Option<&'static str>,
    },
    /// Send the beginning of a gRPC message, and end the stream.
    HalfMessage,
    /// Send the headers of a gRPC response, but no message.
    HeadersOnly,
}

/// The complete script.
#[derive(Clone, Debug)]
pub struct Script {
    pub begin: Begin,
    pub answer: Answer,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// A running peer.
#[derive(Clone, Debug)]
pub struct Peer {
    address: SocketAddr,
    counts: Arc<Counts>,
}

impl Peer {
    /// Starts normally, and handles each request like this.
    pub fn answering(answer: Answer) -> Self {
        Self::start(Script {
            begin: Begin::Http2,
            answer,
        })
    }

    /// Handles each connection like this, and answers no request.
    pub fn beginning(begin: Begin) -> Self {
        Self::start(Script {
            begin,
            answer: Answer::Never,
        })
    }

    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
        let peer = Self {
            address: listener
                .local_addr()
                .expect("a bound listener has an address"),
            counts: Arc::default(),
        };
        let counts = Arc::clone(&peer.counts);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counts.connections.fetch_add(1, Ordering::Relaxed);
                let (script, counts) = (script.clone(), Arc::clone(&counts));
                // An error on one connection only ends that connection.
                thread::spawn(move || drop(treat(stream, &script, &counts)));
            }
        });
        peer
    }

    /// `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// Number of connections accepted.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// Number of complete requests received.
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::Relaxed)
    }
}

fn treat(mut stream: TcpStream, script: &Script, counts: &Counts) -> io::Result<()> {
    match &script.begin {
        Begin::Close => return Ok(()),
        Begin::Silence => return read_all(stream),
        Begin::Bytes(bytes) => {
            stream.write_all(bytes)?;
            return read_all(stream);
        }
        Begin::Http2 | Begin::Http2ThenClose | Begin::Http2ThenGoAway => {}
    }
    stream.write_all(&frame(kind::SETTINGS, 0, 0, &[]))?;
    match script.begin {
        Begin::Http2ThenClose => return hang_up(stream),
        Begin::Http2ThenGoAway => {
            stream.write_all(&go_away(0, code::NO_ERROR))?;
            return hang_up(stream);
        }
        _ => {}
    }
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface)?;
    loop {
        let (kind, flags, id, payload) = read_frame(&mut stream)?;
        match kind {
            kind::SETTINGS if flags & ACK == 0 => {
                stream.write_all(&frame(kind::SETTINGS, ACK, 0, &[]))?;
            }
            kind::PING if flags & ACK == 0 => {
                stream.write_all(&frame(kind::PING, ACK, 0, &payload))?;
            }
            kind::HEADERS if matches!(script.answer, Answer::StatusAtOnce(..)) => {
                answer(&mut stream, id, &script.answer)?;
            }
            kind::HEADERS | kind::DATA if flags & END_STREAM != 0 => {
                counts.requests.fetch_add(1, Ordering::Relaxed);
                if !answer(&mut stream, id, &script.answer)? {
                    return hang_up(stream);
                }
            }
            _ => {}
        }
    }
}

/// Returns whether the connection continues.
fn answer(stream: &mut TcpStream, id: u32, answer: &Answer) -> io::Result<bool> {
    match answer {
        Answer::Never => {}
        Answer::Close => return Ok(false),
        Answer::GoAway {
            code,
            processed,
            close,
        } => {
            let last = if *processed { id } else { id.saturating_sub(2) };
            stream.write_all(&go_away(last, *code))?;
            return Ok(!close);
        }
        Answer::Reset(code) => {
            stream.write_all(&frame(kind::RST_STREAM, 0, id, &code.to_be_bytes()))?;
        }
        Answer::Status(code, text) | Answer::StatusAtOnce(code, text) => {
            let code = code.to_string();
            let fields = [
                (":status", "200"),
                ("content-type", "application/grpc"),
                ("grpc-status", code.as_str()),
                ("grpc-message", text),
            ];
            stream.write_all(&headers(id, END_STREAM, &fields))?;
        }
        Answer::Http { status, kind } => {
            let status = status.to_string();
            let mut fields = vec![(":status", status.as_str())];
            fields.extend(kind.map(|kind| ("content-type", kind)));
            stream.write_all(&headers(id, END_STREAM, &fields))?;
        }
        Answer::HalfMessage => {
            stream.write_all(&grpc_headers(id))?;
            // Announce a message of 1000 bytes and send 10.
            let data = [&[0, 0, 0, 3, 0xe8][..], &[b'x'; 10]].concat();
            stream.write_all(&frame(kind::DATA, END_STREAM, id, &data))?;
        }
        Answer::HeadersOnly => stream.write_all(&grpc_headers(id))?,
    }
    Ok(true)
}

/// Closes a connection so that the client can read what was sent before: closing a socket with unread bytes resets it.
fn hang_up(stream: TcpStream) -> io::Result<()> {
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    read_all(stream)
}

fn read_all(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

fn read_frame(stream: &mut TcpStream) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut header = [0; 9];
    stream.read_exact(&mut header)?;
    let [a, b, c, kind, flags, d, e, f, g] = header;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload)?;
    Ok((
        kind,
        flags,
        u32::from_be_bytes([d & 0x7f, e, f, g]),
        payload,
    ))
}

/// Encodes a frame.
pub fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(id.to_be_bytes());
    frame.extend(payload);
    frame
}

fn go_away(last: u32, code: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
    frame(kind::GOAWAY, 0, 0, &payload)
}

fn grpc_headers(id: u32) -> Vec<u8> {
    headers(
        id,
        0,
        &[(":status", "200"), ("content-type", "application/grpc")],
    )
}

/// A HEADERS frame with these fields, encoded as HPACK literals without indexing.
fn headers(id: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![];
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.extend(length(text.len()));
            block.extend(text.as_bytes());
        }
    }
    frame(kind::HEADERS, flags | END_HEADERS, id, &block)
}

/// A length of HPACK: 7 bits, and if these are all set, the rest in groups of 7 bits (RFC 7541, 5.1).
fn length(mut left: usize) -> Vec<u8> {
    if left < 127 {
        return vec![left.to_le_bytes()[0]];
    }
    left -= 127;
    let mut bytes = vec![127];
    while left >= 128 {
        bytes.push(left.to_le_bytes()[0] | 128);
        left /= 128;
    }
    bytes.push(left.to_le_bytes()[0]);
    bytes
}

/// An address that drops SYNs, like a host behind a firewall: a listener whose queue is full.
#[derive(Debug)]
pub struct BlackHole {
    address: SocketAddr,
    _listener: tokio::net::TcpListener,
    _queued: Vec<TcpStream>,
    _runtime: tokio::runtime::Runtime,
}

impl BlackHole {
    /// On this address; its port may be 0.
    pub fn start(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime can be made");
        let guard = runtime.enter();
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
        }
        .expect("a socket can be made");
        socket.bind(address).expect("the address is free");
        let listener = socket.listen(1).expect("it can listen");
        drop(guard);
        let address = listener.local_addr().expect("it has an address");
        // Nobody accepts: once the queue is full, the kernel no longer answers.
        let mut queued = vec![];
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            queued.push(stream);
            assert!(queued.len() < 100, "the queue does not fill up");
        }
        Self {
            address,
            _listener: listener,
            _queued: queued,
            _runtime: runtime,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
