//! Why an endpoint could not be used, in a form for people. Does not diagnose anything itself.

use std::{fmt, io, time::Duration};

use crate::golang::format;

/// A time limit, and the flag that changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its length.
    pub length: Duration,
    /// The flag with its dashes; empty if no flag sets this limit.
    pub flag: &'static str,
}

impl Limit {
    /// No limit.
    pub fn none() -> Limit {
        Limit {
            length: Duration::MAX,
            flag: "",
        }
    }

    /// The limit that `--dial-timeout` sets.
    pub fn dial(length: Duration) -> Limit {
        Limit {
            length,
            flag: "--dial-timeout",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded down to milliseconds; smaller fractions are noise.
        let millis = u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX);
        f.write_str(&format::duration(Duration::from_millis(millis)))?;
        if self.flag.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.flag)
    }
}

/// Why one attempt at an endpoint failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing listens on that port.
    Refused,
    /// The socket file is missing.
    NoSocket,
    /// The name could not be looked up: the name servers failed or did not answer.
    NameUnknown(String),
    /// The proxy between this client and the server did not connect them.
    Proxy(String),
    /// There is no route to the host.
    NoRoute(String),
    /// The name has no address.
    NameNotFound(String),
    /// The connection was not established in time.
    ConnectTimeout(Limit),
    /// The server closed the connection before it sent anything.
    Closed,
    /// The server accepted the connection and sent nothing.
    Silent(Limit),
    /// The server expects TLS.
    TlsExpected,
    /// The server does not speak TLS, and TLS was asked for.
    PlainExpected,
    /// The server closed the connection during the TLS handshake, before it sent anything.
    TlsClosed,
    /// The TLS handshake failed: the text of Go's crypto/tls.
    Tls(String),
    /// The port is the one for etcd's peers.
    PeerPort,
    /// Something other than etcd answered; the first line of its answer.
    NotEtcd(String),
    /// The connection broke while it was used.
    Broken(String),
    /// The request was sent, and no answer came in time.
    NoAnswer(Limit),
    /// The server refused the request for now (gRPC's Unavailable); its text.
    Unavailable(String),
    /// Any other error of the operating system.
    Io(String),
    /// Not supported by this client, so trying again is useless.
    Unsupported(String),
    /// The endpoint is malformed; how.
    Malformed(String),
    /// Another process has the data directory of an embedded server open; contains how long was waited.
    Locked(String),
    /// The data directory of an embedded server could not be opened, and trying again is useless.
    Embedded(String),
}

impl Cause {
    /// Whether another attempt would fail in the same way.
    pub fn permanent(&self) -> bool {
        matches!(
            self,
            Cause::Unsupported(_)
                | Cause::Malformed(_)
                | Cause::Embedded(_)
                | Cause::Locked(_)
                | Cause::NameNotFound(_)
                | Cause::TlsExpected
                | Cause::PlainExpected
                | Cause::Tls(_)
        )
    }

    /// The cause of a failed connect.
    pub fn of_connect(error: &io::Error) -> Cause {
        use io::ErrorKind::{
            ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable, NotFound, TimedOut,
        };
        let text = io_text(error);
        match error.kind() {
            ConnectionRefused => Cause::Refused,
            NotFound => Cause::NoSocket,
            HostUnreachable | NetworkUnreachable | NetworkDown => Cause::NoRoute(text),
            TimedOut => Cause::NoRoute(text),
            _ => Cause::Io(text),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Refused => f.write_str("connection refused: nothing listens on that port"),
            Cause::NoSocket => f.write_str("no such socket file"),
            Cause::NoRoute(text) => write!(f, "the host cannot be reached: {text}"),
            Cause::NameNotFound(name) => write!(f, "the name {name:?} has no address"),
            Cause::NameUnknown(text) => write!(f, "the name could not be resolved: {text}"),
            Cause::Proxy(text) => f.write_str(text),
            Cause::ConnectTimeout(limit) => {
                write!(f, "no connection within {limit}: a wrong address, or a firewall")
            }
            Cause::Closed => f.write_str(
                "the server closed the connection without a response: no etcd on that port, or one that requires TLS (https://)",
            ),
            Cause::Silent(limit) => write!(
                f,
                "connected, but the server sent nothing within {limit}: no etcd on that port, or one that hangs"
            ),
            Cause::TlsExpected => f.write_str("the server requires TLS: use https:// and --cacert"),
            Cause::PlainExpected => f.write_str(
                "the server does not speak TLS: use http://, or omit the flags that select TLS",
            ),
            Cause::TlsClosed => f.write_str(
                "the server closed the connection during the TLS handshake: a server without TLS (http://), or no etcd on that port",
            ),
            Cause::Tls(text) => {
                f.write_str(text)?;
                if text.contains("; --c") {
                    // Our own files already explain it.
                    Ok(())
                } else if text.contains("unknown authority") {
                    f.write_str("; --cacert names the authorities to trust")
                } else if text.starts_with("remote error") && text.contains("certificate") {
                    f.write_str("; --cert and --key identify this client")
                } else {
                    Ok(())
                }
            }
            Cause::PeerPort => {
                f.write_str("that is etcd's port for its peers (2380): use the client port (2379)")
            }
            Cause::NotEtcd(answer) => write!(f, "no etcd on that port; it answered {answer:?}"),
            Cause::Broken(text) => write!(f, "the connection broke: {text}"),
            Cause::NoAnswer(limit) => write!(f, "connected, but no answer within {limit}"),
            Cause::Unavailable(text) => write!(f, "the server answered: {text}"),
            Cause::Io(text) | Cause::Unsupported(text) | Cause::Malformed(text) | Cause::Embedded(text) | Cause::Locked(text) => f.write_str(text),
        }
    }
}

pub use crate::golang::errno::io_text;
