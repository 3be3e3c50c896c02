//! The JSON gateway on the client port.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::target::{Target, TargetKind};

on_every_target! {
    the_session_of_the_documentation;
    refusals_are_json_with_etcds_codes;
    a_browser_may_ask_first;
    a_snapshot_is_lines;
    requests_are_read_as_etcds_gateway_reads_them;
    transactions_are_nested_as_deeply_as_on_the_wire;
    a_watch_is_lines_both_ways;
    a_refused_stream_has_a_status;
    text_that_is_not_json_is_refused_as_in_go;
}

/// Status and body of a request; `None` if there is no port.
async fn ask(t: &Target, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let Some(address) = t.address.as_deref() else {
        assert!(matches!(t.kind, TargetKind::Memory | TargetKind::Tls));
        return None;
    };
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    Some((status, body.to_string()))
}

const MEMBER: &str = "10276657743932975437";

fn header(revision: &str) -> Value {
    json!({
        "cluster_id": "14841639068965178418",
        "member_id": MEMBER,
        "revision": revision,
        "raft_term": "2",
    })
}

async fn the_session_of_the_documentation(t: Arc<Target>) {
    let pair = json!({
        "key": "Zm9v", "create_revision": "2", "mod_revision": "2", "version": "1", "value": "YmFy",
    });
    for (path, request, want) in [
        (
            "/v3/kv/put",
            json!({"key": "Zm9v", "value": "YmFy"}),
            json!({"header": header("2")}),
        ),
        (
            "/v3/kv/range",
            json!({"key": "Zm9v", "bogus": 1, "sort_order": "DESCEND", "limit": "2"}),
            json!({"header": header("2"), "kvs": [pair], "count": "1"}),
        ),
        (
            "/v3/kv/txn",
            json!({
                "compare": [{"target": "VERSION", "key": "Zm9v", "version": "1"}],
                "success": [{"requestRange": {"key": "Zm9v"}}],
            }),
            json!({
                "header": header("2"),
                "succeeded": true,
                "responses": [{"response_range": {
                    "header": {"revision": "2"}, "kvs": [pair], "count": "1",
                }}],
            }),
        ),
        (
            "/v3/kv/deleterange",
            json!({"key": "Zm9v", "prev_kv": true}),
            json!({"header": header("3"), "deleted": "1", "prev_kvs": [pair]}),
        ),
        (
            "/v3/kv/compaction",
            json!({"revision": "2", "physical": true}),
            json!({"header": header("3")}),
        ),
        (
            "/v3/maintenance/alarm",
            json!({"action": "ACTIVATE", "memberID": MEMBER, "alarm": "NOSPACE"}),
            json!({
                "header": header("3"),
                "alarms": [{"memberID": MEMBER, "alarm": "NOSPACE"}],
            }),
        ),
        ("/v3/maintenance/defragment", json!({}), json!({})),
    ] {
        let Some((status, body)) = ask(&t, "POST", path, &request.to_string()).await else {
            return;
        };
        let answer: Value = serde_json::from_str(&body).expect(&body);
        assert_eq!((status, answer), (200, want), "{path}");
    }
    let (_, body) = ask(&t, "POST", "/v3/maintenance/status", "").await.unwrap();
    let status: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status["version"], "3.7.1");
    assert_eq!(status["leader"], MEMBER);
    assert!(status["dbSizeInUse"].is_string() && status["downgradeInfo"].is_object());
    let (_, body) = ask(&t, "POST", "/v3/cluster/member/list", "{}")
        .await
        .unwrap();
    let list: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(list["members"][0]["ID"], MEMBER);
    assert_eq!(
        list["members"][0]["peerURLs"],
        json!(["http://localhost:2380"])
    );
}

async fn refusals_are_json_with_etcds_codes(t: Arc<Target>) {
    for (method, path, request, status, code, text) in [
        (
            "POST",
            "/v3/kv/range",
            "{}",
            400,
            3,
            Some("etcdserver: key is not provided"),
        ),
        (
            "POST",
            "/v3/kv/range",
            r#"{"key":"Zm9v","revision":100}"#,
            400,
            11,
            Some("etcdserver: mvcc: required revision is a future revision"),
        ),
        (
            "POST",
            "/v3beta/kv/range",
            "{}",
            400,
            3,
            Some("etcdserver: key is not provided"),
        ),
        (
            "POST",
            "/v3/auth/authenticate",
            r#"{"name":"root","password":"x"}"#,
            400,
            9,
            Some("etcdserver: authentication is not enabled"),
        ),
        ("POST", "/v3/kv/range", "x", 400, 3, None),
        ("POST", "/v3/kv/range", r#"{"key":5}"#, 400, 3, None),
        ("POST", "/v3/kv/nope", "{}", 404, 5, Some("Not Found")),
        (
            "GET",
            "/v3/kv/range",
            "",
            501,
            12,
            Some("Method Not Allowed"),
        ),
    ] {
        let Some((got, body)) = ask(&t, method, path, request).await else {
            return;
        };
        let answer: Value = serde_json::from_str(&body).expect(&body);
        assert_eq!(
            (got, &answer["code"]),
            (status, &json!(code)),
            "{path} {request}"
        );
        if let Some(text) = text {
            assert_eq!(answer["message"], text);
        }
    }
}

async fn a_browser_may_ask_first(t: Arc<Target>) {
    for path in ["/v3/kv/range", "/health", "/nowhere"] {
        let Some(answer) = ask(&t, "OPTIONS", path, "").await else {
            return;
        };
        assert_eq!(answer, (200, String::new()), "{path}");
    }
}

async fn a_snapshot_is_lines(t: Arc<Target>) {
    let Some((mut status, mut body)) = ask(&t, "POST", "/v3/maintenance/snapshot", "{}").await
    else {
        return;
    };
    // The gateway of a real etcd is a client of its server, and may lose its first connection.
    if t.kind == TargetKind::Etcd && status >= 500 {
        (status, body) = ask(&t, "POST", "/v3/maintenance/snapshot", "{}")
            .await
            .unwrap();
    }
    assert_eq!(status, 200, "{body}");
    let lines: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let (digest, pieces) = lines.split_last().unwrap();
    assert!(pieces.iter().all(|p| p["result"]["version"] == "3.7.0"));
    // 32 bytes are 44 characters of base64.
    assert_eq!(digest["result"]["blob"].as_str().unwrap().len(), 44);
    assert!(digest["result"].get("remaining_bytes").is_none());
}

async fn requests_are_read_as_etcds_gateway_reads_them(t: Arc<Target>) {
    for (path, request, status) in [
        // Text after the request is ignored, and so are unknown fields.
        (
            "/v3/kv/put",
            r#"{"key":"Zm9v","value":"YmFy"} and more"#,
            200,
        ),
        ("/v3/kv/range", r#"{"key":"Zm9v","nope":{}}"#, 200),
        ("/v3/kv/range", r#"{"key":"Zm9v","limit":null}"#, 200),
        ("/v3/kv/range", r#"{"key":"Zm9v","key":"Zm9v"}"#, 400),
        (
            "/v3/kv/range",
            r#"{"key":"Zm9v","range_end":"AA","rangeEnd":"AA"}"#,
            400,
        ),
        ("/v3/kv/range", r#"{"key":"Zm9v","limit":"1.5"}"#, 400),
        ("/v3/kv/range", r#"{"key":"Zm9v""#, 400),
    ] {
        let Some((got, body)) = ask(&t, "POST", path, request).await else {
            return;
        };
        assert_eq!(got, status, "{request}: {body}");
    }
    let Some(address) = t.address.as_deref() else {
        return;
    };
    for (timeout, status) in [("1n", 504), ("soon", 400), ("60S", 200)] {
        let body = r#"{"key":"Zm9v"}"#;
        let request = format!(
            "POST /v3/kv/range HTTP/1.0\r\nGrpc-Timeout: {timeout}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let got: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(got, status, "{timeout}: {answer}");
    }
}

async fn transactions_are_nested_as_deeply_as_on_the_wire(t: Arc<Target>) {
    let too_many = "etcdserver: too many operations in txn request";
    for (depth, refusal) in [
        (1, None),
        (60, None),
        (126, None),
        (140, Some(too_many)),
        (1000, Some(too_many)),
    ] {
        let put = r#"{"success":[{"requestPut":{"key":"Zm9v","value":"YmFy"}}]}"#;
        let (before, after) = (r#"{"success":[{"requestTxn":"#, "}]}");
        let request = format!("{}{put}{}", before.repeat(depth), after.repeat(depth));
        let Some((status, body)) = ask(&t, "POST", "/v3/kv/txn", &request).await else {
            return;
        };
        match refusal {
            None => {
                assert_eq!(status, 200, "{depth}: {body}");
                assert_eq!(body.matches("response_txn").count(), depth);
                assert_eq!(body.matches("response_put").count(), 1);
            }
            Some(text) => {
                assert_eq!(status, 400, "{depth}: {body}");
                assert!(body.contains(text), "{depth}: {body}");
            }
        }
    }
}

async fn a_watch_is_lines_both_ways(t: Arc<Target>) {
    let Some(address) = t.address.as_deref() else {
        return;
    };
    ask(&t, "POST", "/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#).await;
    let body = r#"{"create_request":{"key":"Zm9v","start_revision":"2"}}"#;
    let request = format!(
        "POST /v3/watch HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // The watch continues after the end of the request.
    while !answer.contains("\"events\"") {
        let mut piece = [0; 4096];
        let size = stream.read(&mut piece).await.unwrap();
        assert_ne!(size, 0, "{answer}");
        answer.push_str(std::str::from_utf8(&piece[..size]).unwrap());
    }
    let (_, lines) = answer.split_once("\r\n\r\n").unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert_eq!(lines[0]["result"]["created"], true);
    assert_eq!(lines[1]["result"]["events"][0]["kv"]["value"], "YmFy");
}

async fn a_refused_stream_has_a_status(t: Arc<Target>) {
    let Some((status, body)) = ask(&t, "POST", "/v3/lease/keepalive", r#"{"ID":"77"}"#).await
    else {
        return;
    };
    assert_eq!(status, 200, "{body}");
    let line: Value = serde_json::from_str(body.trim_end()).unwrap();
    assert_eq!(line["result"]["ID"], "77");
}

async fn text_that_is_not_json_is_refused_as_in_go(t: Arc<Target>) {
    if t.address.is_none() {
        return;
    }
    for (body, says) in [
        ("garbage", "'g' looking for beginning of value"),
        ("\u{feff}{}", "'ï' looking for beginning of value"),
        ("\u{1f}", r"'\x1f' looking for beginning of value"),
        (r#"{"key":NaN}"#, "'N' looking for beginning of value"),
        (
            "{'key':1}",
            r"'\'' looking for beginning of object key string",
        ),
        (
            r#"{"key":"YQ==",}"#,
            "'}' looking for beginning of object key string",
        ),
        (r#"{"key" "YQ=="}"#, r#"'"' after object key"#),
        (
            "{\"key\":\"YQ==\"\n \"value\":1}",
            r#"'"' after object key:value pair"#,
        ),
        ("[1 2]", "'2' after array element"),
    ] {
        let (status, answer) = ask(&t, "POST", "/v3/kv/put", body).await.unwrap();
        let answer: Value = serde_json::from_str(answer.trim_end()).unwrap();
        let says = format!("invalid character {says}");
        assert_eq!(
            (status, answer),
            (400, json!({"code": 3, "message": says})),
            "{body}"
        );
    }
    // Ours ends the call; a real etcd does not respond to a request that it cannot read.
    if t.kind == TargetKind::Etcd {
        return;
    }
    for (path, body, says) in [
        (
            "/v3/watch",
            "garbage",
            "invalid character 'g' looking for beginning of value",
        ),
        (
            "/v3/watch",
            "\u{feff}{}",
            "invalid character 'ï' looking for beginning of value",
        ),
        (
            "/v3/lease/keepalive",
            "{'ID':1}",
            r"invalid character '\'' looking for beginning of object key string",
        ),
        ("/v3/lease/keepalive", r#"{"ID":"#, "unexpected EOF"),
    ] {
        let (status, answer) = ask(&t, "POST", path, body).await.unwrap();
        let line: Value = serde_json::from_str(answer.trim_end()).unwrap();
        assert_eq!(
            (status, &line["error"]),
            (400, &json!({"code": 3, "message": says})),
            "{body}"
        );
    }
}
