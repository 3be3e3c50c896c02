//! Plain HTTP as interpreted by Go's server and grpc-gateway: paths, methods, hosts, timeouts and accepted encodings.

use std::{io::Read as _, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::target::{Target, TargetKind};

on_every_target! {
    paths_are_cleaned_by_a_redirect;
    escapes_in_paths_are_resolved;
    methods_are_those_of_each_route;
    heads_that_gos_server_refuses;
    the_gateway_keeps_the_clients_timeout;
    the_gateway_checks_metadata;
    a_method_may_be_overridden_for_forms;
    the_metrics_page_is_compressed_on_request;
    parameters_of_probes_are_decoded;
}

/// A response.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// Code and reason.
    status_line: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(n, _)| n == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The body as text. Only a real etcd sends it in chunks, which are joined.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Code and message of an error of the gateway.
    fn error(&self) -> (u16, i64, String) {
        let value: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let message = value["message"].as_str().unwrap_or_default();
        let code = value["code"].as_i64().unwrap_or_default();
        (self.status, code, message.to_string())
    }
}

/// Sends these bytes and reads until the server closes the connection; `None` if there is no port.
async fn send(t: &Target, request: &[u8]) -> Option<Answer> {
    let Some(address) = t.address.as_deref() else {
        assert!(matches!(t.kind, TargetKind::Memory | TargetKind::Tls));
        return None;
    };
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
    let mut body = bytes.split_off(at + 4);
    let mut lines = head.lines();
    let (_, status_line) = lines.next().unwrap().split_once(' ').unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_string())
        })
        .collect();
    let chunked =
        |(name, value): &(String, String)| name == "transfer-encoding" && value == "chunked";
    if headers.iter().any(chunked) {
        body = joined(&body);
    }
    Some(Answer {
        status: status_line[..3].parse().unwrap(),
        status_line: status_line.to_string(),
        headers,
        body,
    })
}

/// Joins the chunks of a body.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let at = chunks.windows(2).position(|w| w == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..at]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend(&chunks[at + 2..][..size]);
        chunks = &chunks[at + 2 + size + 2..];
    }
}

/// Sends a request without a body, with additional header lines.
async fn ask(t: &Target, method: &str, path: &str, headers: &[&str]) -> Option<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    headers
        .iter()
        .for_each(|line| head += &format!("{line}\r\n"));
    send(t, (head + "\r\n").as_bytes()).await
}

/// Sends a request to the gateway that reads a key.
async fn range(t: &Target, path: &str, headers: &[&str]) -> Option<Answer> {
    let body = r#"{"key":"YQ=="}"#;
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    headers
        .iter()
        .for_each(|line| head += &format!("{line}\r\n"));
    head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    send(t, head.as_bytes()).await
}

async fn paths_are_cleaned_by_a_redirect(t: Arc<Target>) {
    for (path, location) in [
        ("//v3/kv/range", "/v3/kv/range"),
        ("/v3//kv/range?x=1&y=%20", "/v3/kv/range?x=1&y=%20"),
        ("/v3/../x", "/x"),
        ("/v3/./kv/put/../range", "/v3/kv/range"),
        ("/v3/..", "/"),
        ("/v3", "/v3/"),
        ("/%763", "/v3/"),
        ("/v3/.", "/v3/"),
        ("/v3beta//kv/range", "/v3/kv/range"),
        ("//v3beta/kv/range", "/v3beta/kv/range"),
        ("/v3beta/../health", "/health"),
        ("//health", "/health"),
        ("/health/.", "/health"),
        ("/a/../metrics", "/metrics"),
        ("/livez//", "/livez/"),
        ("//x%20y", "/x%2520y"),
        ("//x'y", "/x%27y"),
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE", "FOO"] {
            let Some(answer) = ask(&t, method, path, &[]).await else {
                return;
            };
            let what = format!("{method} {path}: {answer:?}");
            assert_eq!(answer.status_line, "307 Temporary Redirect", "{what}");
            assert_eq!(answer.header("location"), Some(location), "{what}");
            let html = matches!(method, "GET" | "HEAD").then_some("text/html; charset=utf-8");
            assert_eq!(answer.header("content-type"), html, "{what}");
            let page = format!(
                "<a href=\"{}\">Temporary Redirect</a>.\n\n",
                location.replace('&', "&amp;")
            );
            let page = if method == "GET" { page } else { String::new() };
            assert_eq!(answer.text(), page, "{what}");
        }
    }
    // These are clean, and not found.
    for (path, text) in [
        ("/health/", "404 page not found\n"),
        ("/version/", "404 page not found\n"),
        ("/readyz/x", "404 page not found\n"),
        ("/v3beta", "404 page not found\n"),
        ("/v3%2fkv/range", "404 page not found\n"),
        ("/V3/kv/range", "404 page not found\n"),
    ] {
        let answer = ask(&t, "POST", path, &[]).await.unwrap();
        assert_eq!((answer.status, answer.text()), (404, text.into()), "{path}");
    }
    for path in ["/v3/", "/v3/kv/range/", "/v3/%2e%2e/x", "/v3/kv"] {
        let answer = ask(&t, "POST", path, &[]).await.unwrap();
        assert_eq!(answer.error(), (404, 5, "Not Found".into()), "{path}");
    }
    // The path of CONNECT is not cleaned.
    let answer = ask(&t, "CONNECT", "//health", &[]).await.unwrap();
    assert_eq!(answer.status, 404, "{answer:?}");
}

async fn escapes_in_paths_are_resolved(t: Arc<Target>) {
    for path in ["/v3/kv%2frange", "/v3/%6bv/range", "/%763/kv/range"] {
        let Some(answer) = range(&t, path, &[]).await else {
            return;
        };
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    for path in ["/he%61lth", "/livez/%73erializable_read"] {
        let answer = ask(&t, "GET", path, &[]).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    for path in ["/v3/kv/range%zz", "/health%", "/%4"] {
        let answer = ask(&t, "GET", path, &[]).await.unwrap();
        assert_eq!(answer.status_line, "400 Bad Request", "{path}");
        assert_eq!(answer.text(), "400 Bad Request", "{path}");
    }
}

async fn methods_are_those_of_each_route(t: Arc<Target>) {
    for method in [
        "POST", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "get", "FOO",
    ] {
        for path in ["/health", "/version", "/livez", "/readyz/non_learner"] {
            let Some(answer) = ask(&t, method, path, &[]).await else {
                return;
            };
            let what = format!("{method} {path}: {answer:?}");
            assert_eq!(answer.status, 405, "{what}");
            assert_eq!(answer.header("allow"), Some("GET"), "{what}");
            let head_only = method == "HEAD";
            let text = if head_only {
                ""
            } else {
                "Method Not Allowed\n"
            };
            assert_eq!(answer.text(), text, "{what}");
        }
        let answer = ask(&t, method, "/metrics", &[]).await.unwrap();
        assert_eq!(answer.status, 200, "{method}: {answer:?}");
        let page = answer.text().contains("etcd_server_has_leader 1");
        assert_eq!(page, method != "HEAD", "{method}");
        let answer = ask(&t, method, "/nowhere", &[]).await.unwrap();
        assert_eq!(answer.status, 404, "{method}: {answer:?}");
    }
    for (method, status) in [("OPTIONS", 200), ("GET", 400), ("POST", 400)] {
        let answer = ask(&t, method, "*", &[]).await.unwrap();
        assert_eq!(
            (answer.status, answer.text()),
            (status, String::new()),
            "{method}"
        );
    }
}

async fn heads_that_gos_server_refuses(t: Arc<Target>) {
    for (head, status_line, body) in [
        (
            "GET /health HTTP/1.1\r\n",
            "400 Bad Request: missing required Host header",
            "400 Bad Request: missing required Host header",
        ),
        (
            "GET /health HTTP/1.1\r\nHost: a b\r\n",
            "400 Bad Request: malformed Host header",
            "400 Bad Request: malformed Host header",
        ),
        (
            "GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
            "400 Bad Request",
            "400 Bad Request",
        ),
        (
            "GET /health HTTP/1.1\r\nHost: a\r\nExpect: rain\r\n",
            "417 Expectation Failed",
            "",
        ),
        (
            "POST /v3/kv/range HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n",
            "501 Not Implemented",
            "Unsupported transfer encoding",
        ),
    ] {
        let Some(answer) = send(&t, format!("{head}\r\n").as_bytes()).await else {
            return;
        };
        assert_eq!(answer.status_line, status_line, "{head}");
        assert_eq!(answer.text(), body, "{head}");
        assert_eq!(answer.header("connection"), Some("close"), "{head}");
    }
    // HTTP/1.0 does not require a host.
    let answer = send(&t, b"GET /health HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let cut = b"POST /v3/kv/range HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(send(&t, cut).await.unwrap().status / 100, 4);
}

async fn the_gateway_keeps_the_clients_timeout(t: Arc<Target>) {
    let exceeded = (504, 4, "context deadline exceeded".to_string());
    for timeout in [
        "60S",
        "+5M",
        "0S",
        "-0n",
        "999999999999H",
        "9223372036854775807n",
    ] {
        let header = format!("Grpc-Timeout: {timeout}");
        let Some(answer) = range(&t, "/v3/kv/range", &[&header]).await else {
            return;
        };
        assert_eq!(answer.status, 200, "{timeout}: {answer:?}");
    }
    // Timeouts of very many hours overflow, as in Go.
    for timeout in [
        "-1S",
        "-1n",
        "-9223372036854775808n",
        "1n",
        "99999999H",
        "2562048H",
    ] {
        let header = format!("Grpc-Timeout: {timeout}");
        let answer = range(&t, "/v3/kv/range", &[&header]).await.unwrap();
        assert_eq!(answer.error(), exceeded, "{timeout}");
    }
    for timeout in [
        "5",
        "S",
        "5s",
        "1.5S",
        "5 S",
        "0x5S",
        "1_0S",
        "9223372036854775808n",
    ] {
        let header = format!("Grpc-Timeout: {timeout}");
        let answer = range(&t, "/v3/kv/range", &[&header]).await.unwrap();
        let text = format!("invalid grpc-timeout: {timeout}");
        assert_eq!(answer.error(), (400, 3, text));
    }
}

async fn the_gateway_checks_metadata(t: Arc<Target>) {
    for (header, refusal) in [
        ("Grpc-Metadata-X-Bin: YQ==", None),
        ("Grpc-Metadata-X-Bin: YQ", None),
        (
            "Grpc-Metadata-X-Bin: !!",
            Some((
                400,
                3,
                "invalid binary header Grpc-Metadata-X-Bin: illegal base64 data at input byte 0",
            )),
        ),
        (
            "Grpc-Metadata-X-Bin: YQ=",
            Some((
                400,
                3,
                "invalid binary header Grpc-Metadata-X-Bin: illegal base64 data at input byte 2",
            )),
        ),
        (
            "Grpc-Metadata-: y",
            Some((500, 13, "there is an empty key in the header")),
        ),
        // Text that is not ASCII does not become metadata.
        ("Grpc-Metadata-Client-Api-Version: \u{e9}", None),
        (
            "Authorization: \u{e9}",
            Some((
                500,
                13,
                "header key \"authorization\" contains value with non-printable ASCII characters",
            )),
        ),
        ("X-Other-Bin: !!", None),
    ] {
        let Some(answer) = range(&t, "/v3/kv/range", &[header]).await else {
            return;
        };
        match refusal {
            None => assert_eq!(answer.status, 200, "{header}: {answer:?}"),
            Some((status, code, text)) => {
                assert_eq!(answer.error(), (status, code, text.to_string()), "{header}");
            }
        }
    }
}

async fn a_method_may_be_overridden_for_forms(t: Arc<Target>) {
    const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
    let not_allowed = (501, 12, "Method Not Allowed".to_string());
    // The content of the form is not a message.
    let empty = (400, 3, "etcdserver: key is not provided".to_string());
    for (method, refusal) in [
        ("GET", &not_allowed),
        ("PUT", &not_allowed),
        ("post", &empty),
    ] {
        let header = format!("X-HTTP-Method-Override: {method}");
        let Some(answer) = range(&t, "/v3/kv/range", &[&header]).await else {
            return;
        };
        assert_eq!(answer.status, 200, "{method}: {answer:?}");
        let answer = range(&t, "/v3/kv/range", &[&header, FORM]).await.unwrap();
        assert_eq!(answer.error(), *refusal, "{method}");
    }
    let answer = range(&t, "/v3/kv/range", &[FORM]).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn the_metrics_page_is_compressed_on_request(t: Arc<Target>) {
    for (accepted, gzip) in [
        ("gzip", true),
        ("zstd, gzip;q=0.5", true),
        ("gzip, identity", false),
        ("gzip;q=0", false),
        ("*", false),
    ] {
        let header = format!("Accept-Encoding: {accepted}");
        let Some(answer) = ask(&t, "GET", "/metrics", &[&header]).await else {
            return;
        };
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
        );
        let encoding = answer.header("content-encoding");
        assert_eq!(encoding, gzip.then_some("gzip"), "{accepted}");
        let mut page = answer.text();
        if gzip {
            page.clear();
            let mut decoder = flate2::read::GzDecoder::new(&answer.body[..]);
            decoder.read_to_string(&mut page).unwrap();
        }
        assert!(page.contains("\netcd_server_has_leader 1\n"), "{accepted}");
    }
}

async fn parameters_of_probes_are_decoded(t: Arc<Target>) {
    for (path, body) in [
        ("/livez?verbos%65", "[+]serializable_read ok\nok\n"),
        ("/livez?verbose;x", "ok\n"),
        ("/livez?exclude=serial%69zable_read&verbose", "ok\n"),
        (
            "/livez?exclude=no_such&verbose=",
            "[+]serializable_read ok\nok\n",
        ),
        (
            "/livez/serializable_read?exclude=serializable_read&verbose",
            "[+]serializable_read ok\nok\n",
        ),
    ] {
        let Some(answer) = ask(&t, "GET", path, &[]).await else {
            return;
        };
        assert_eq!((answer.status, answer.text()), (200, body.into()), "{path}");
    }
}
