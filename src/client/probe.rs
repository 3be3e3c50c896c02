//! Finds out what is listening on a port that did not respond like etcd. Used once, after a command has failed, so that
//! the error can name it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use super::{cause::Cause, dial::connect, endpoint::authority, monitor::not_http2};

/// Maximum number of bytes that are read of a response.
const ANSWER: usize = 2048;

/// The preface of an HTTP/2 client, and an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A TLS 1.2 hello without extensions: any TLS server answers it with a handshake or an alert.
const CLIENT_HELLO: [u8; 52] = {
    let mut hello = [0x42; 52];
    // Record: handshake (22), version 3.1, 47 bytes.
    let head = [22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3];
    let mut i = 0;
    while i < head.len() {
        hello[i] = head[i];
        i += 1;
    }
    // 32 random bytes stay as they are; then no session, two cipher suites, no compression.
    let tail = [0, 0, 4, 0xc0, 0x2f, 0xc0, 0x2b, 1, 0];
    let mut i = 0;
    while i < tail.len() {
        hello[43 + i] = tail[i];
        i += 1;
    }
    hello
};

/// Returns `cause`, or a better one if probing the port within `limit` finds one.
pub async fn closer(cause: Cause, host: &str, port: u16, tls: bool, limit: Duration) -> Cause {
    let port = Port {
        host,
        port,
        end: Instant::now() + limit,
    };
    match cause {
        Cause::TlsClosed => port.without_tls().await.unwrap_or(cause),
        // A plain-text probe cannot tell more about a server that uses TLS.
        cause if tls => cause,
        Cause::Closed | Cause::NotEtcd(_) | Cause::Broken(_) => port.plain().await.unwrap_or(cause),
        // The server answers requests, so it is probably etcd, whose client port answers the probe with 404. Only the port
        // for peers is recognized here.
        Cause::Unavailable(_) => match port.plain().await {
            Some(Cause::PeerPort) => Cause::PeerPort,
            _ => cause,
        },
        other => other,
    }
}

/// A port to probe, with a deadline.
struct Port<'a> {
    host: &'a str,
    port: u16,
    end: Instant,
}

impl Port<'_> {
    async fn plain(&self) -> Option<Cause> {
        let request = format!(
            "GET /members HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            authority(self.host, self.port)
        );
        let peer_urls = |answer: &[u8]| {
            let text = String::from_utf8_lossy(answer);
            text.starts_with("HTTP/1.") && text.contains("\"peerURLs\"")
        };
        // Not all etcd servers close the connection after their response.
        let answer = self.ask(request.as_bytes(), peer_urls).await?;
        if peer_urls(&answer) {
            return Some(Cause::PeerPort);
        }
        if !answer.is_empty() {
            return not_http2(&answer);
        }
        let answer = self.ask(&CLIENT_HELLO, |_| false).await?;
        match not_http2(&answer) {
            Some(Cause::TlsExpected) => Some(Cause::TlsExpected),
            _ => None,
        }
    }

    /// Whether a server without TLS speaks HTTP/2 or something else.
    async fn without_tls(&self) -> Option<Cause> {
        let answer = self.ask(PREFACE, |_| false).await?;
        match not_http2(&answer) {
            None => Some(Cause::PlainExpected),
            Some(Cause::NotEtcd(words)) if !words.is_empty() => Some(Cause::NotEtcd(words)),
            Some(_) => None,
        }
    }

    /// Sends these bytes and returns the response, up to when it is `enough`, the connection ends, or time is up.
    async fn ask(&self, bytes: &[u8], enough: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let connecting = connect(self.host, self.port, Duration::from_secs(1));
        let mut stream = timeout_at(self.end, connecting).await.ok()?.ok()?;
        stream.write_all(bytes).await.ok()?;
        let mut answer = vec![];
        let mut buffer = [0; ANSWER];
        while answer.len() < ANSWER && !enough(&answer) {
            match timeout_at(self.end, stream.read(&mut buffer)).await {
                Ok(Ok(n)) if n > 0 => answer.extend_from_slice(&buffer[..n]),
                _ => break,
            }
            // TLS or an HTTP/2 frame: such a server does not close the connection by itself.
            if matches!(answer.first(), Some(0x15 | 0x16 | 0)) {
                break;
            }
        }
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hello_has_the_lengths_it_states() {
        assert_eq!(usize::from(CLIENT_HELLO[4]) + 5, CLIENT_HELLO.len());
        assert_eq!(usize::from(CLIENT_HELLO[8]) + 9, CLIENT_HELLO.len());
    }
}
