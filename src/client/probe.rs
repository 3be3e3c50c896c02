//! Finds out what listens on a port that did not answer as etcd does. Done once, after a command has failed, so that the
//! error can say it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{cause::Cause, dial::connect, monitor::not_http2};

/// Bytes of an answer that are read.
const ANSWER: usize = 2048;

/// What a client of HTTP/2 says first, with an empty SETTINGS frame.
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

/// `cause`, or a better one where a look at the port gives it.
pub async fn closer(cause: Cause, host: &str, port: u16, tls: bool, limit: Duration) -> Cause {
    match cause {
        Cause::TlsClosed => timeout(limit, look_without_tls(host, port))
            .await
            .ok()
            .flatten()
            .unwrap_or(cause),
        // What was said over TLS was not said by the port.
        cause if tls => cause,
        Cause::Closed | Cause::NotEtcd(_) | Cause::Broken(_) | Cause::Unavailable(_) => {
            timeout(limit, look(host, port))
                .await
                .ok()
                .flatten()
                .unwrap_or(cause)
        }
        other => other,
    }
}

async fn look(host: &str, port: u16) -> Option<Cause> {
    let request =
        format!("GET /members HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    let answer = ask(host, port, request.as_bytes()).await?;
    let text = String::from_utf8_lossy(&answer);
    if text.starts_with("HTTP/1.") && text.contains("\"peerURLs\"") {
        return Some(Cause::PeerPort);
    }
    if !answer.is_empty() {
        return not_http2(&answer);
    }
    let answer = ask(host, port, &CLIENT_HELLO).await?;
    match not_http2(&answer) {
        Some(Cause::TlsExpected) => Some(Cause::TlsExpected),
        _ => None,
    }
}

/// Whether it is a server of HTTP/2, or of something else, without TLS.
async fn look_without_tls(host: &str, port: u16) -> Option<Cause> {
    let answer = ask(host, port, PREFACE).await?;
    match not_http2(&answer) {
        None => Some(Cause::PlainExpected),
        Some(Cause::NotEtcd(words)) if !words.is_empty() => Some(Cause::NotEtcd(words)),
        Some(_) => None,
    }
}

async fn ask(host: &str, port: u16, words: &[u8]) -> Option<Vec<u8>> {
    let mut stream = connect(host, port, Duration::from_secs(1)).await.ok()?;
    stream.write_all(words).await.ok()?;
    let mut answer = vec![];
    let mut buffer = [0; ANSWER];
    while answer.len() < ANSWER {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => answer.extend_from_slice(&buffer[..n]),
        }
        // TLS, or a frame of HTTP/2: neither ends the connection by itself.
        if matches!(answer.first(), Some(0x15 | 0x16 | 0)) {
            break;
        }
    }
    Some(answer)
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
