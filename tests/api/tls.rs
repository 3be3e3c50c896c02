//! Listeners with TLS, their requirements on clients, and certificates that change. Who a client with a certificate is
//! must be the same on `serve` and on a real etcd.

use std::path::Path;

use etcd_maintenance::{
    proto::{
        authpb::{Permission, permission::Type as PermissionType},
        etcdserverpb::{
            self as pb, auth_client::AuthClient, cluster_client::ClusterClient,
            kv_client::KvClient, maintenance_client::MaintenanceClient,
        },
    },
    server::{
        config::Config,
        connection::Traffic,
        embedded::{Server, bind},
    },
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::{Code, transport::Channel};

use crate::{
    ask::{get, put, refused},
    support::{
        authority::{Authority, Signed},
        etcd::{self, Release},
        program::{Program, scratch},
        server::{Launch, Server as Process, free_ports},
    },
    target::start,
    wire::{beginnings, waits_and_is_answered},
};

/// Starts a server with TLS and these additional flags. Returns it with its address.
async fn serve(authority: &Authority, dir: &Path, flags: &[String]) -> (Server, String) {
    let mut all = authority.server_files(dir).to_vec();
    all.extend_from_slice(flags);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let server = start(&dir.join("data"), &all).await;
    let url = server.listen("https://127.0.0.1:0").await.unwrap();
    let address = url.strip_prefix("https://").unwrap().to_string();
    (server, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_wait_for_its_first_request() {
    let dir = scratch();
    let authority = Authority::new();
    let (_server, address) = serve(&authority, dir.path(), &[]).await;
    for pieces in beginnings() {
        let stream = authority.connect(&address, None, "h2").await.unwrap();
        let pieces: Vec<_> = pieces.iter().map(|(piece, n)| (&piece[..], *n)).collect();
        waits_and_is_answered(stream, &pieces).await;
    }
}

async fn answers(channel: Channel) -> bool {
    KvClient::new(channel).range(get("k")).await.is_ok()
}

/// Whether a client with this certificate is accepted.
async fn admits(authority: &Authority, address: &str, client: Option<&Signed>) -> bool {
    match authority.channel(address, client).await {
        Ok(channel) => answers(channel).await,
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_the_gateway_and_probes_share_a_port() {
    let dir = scratch();
    let authority = Authority::new();
    let (server, address) = serve(&authority, dir.path(), &[]).await;
    let channel = authority.channel(&address, None).await.unwrap();
    KvClient::new(channel).put(put("foo", "bar")).await.unwrap();
    for (request, body, says) in [
        ("GET /health", "", "{\"health\":\"true\""),
        ("GET /version", "", "\"etcdserver\":\"3.7.1\""),
        (
            "POST /v3/kv/range",
            r#"{"key":"Zm9v"}"#,
            "\"value\":\"YmFy\"",
        ),
    ] {
        let mut stream = authority.connect(&address, None, "http/1.1").await.unwrap();
        let head = format!(
            "{request} HTTP/1.0\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // A server that closes without TLS's close message causes an error after the response.
        let _ = stream.read_to_string(&mut answer).await;
        assert!(
            answer.contains(" 200 ") && answer.contains(says),
            "{request}: {answer}"
        );
    }
    // A client that does not use TLS is rejected, and nobody else is affected.
    let mut plain = tokio::net::TcpStream::connect(&address).await.unwrap();
    plain
        .write_all(b"GET /health HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(admits(&authority, &address, None).await);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_change_under_open_connections() {
    let dir = scratch();
    let authority = Authority::new();
    let (server, address) = serve(&authority, dir.path(), &[]).await;
    let old = authority.channel(&address, None).await.unwrap();
    assert!(answers(old.clone()).await);
    let next = Authority::new();
    let signed = next.sign("server", &["127.0.0.1"], 2);
    // In the middle of a replacement, certificate and key do not match: the old pair stays in use.
    std::fs::write(dir.path().join("server.pem"), signed.cert.pem()).unwrap();
    assert!(admits(&authority, &address, None).await);
    next.write(dir.path(), "server", &signed);
    assert!(admits(&next, &address, None).await);
    assert!(!admits(&authority, &address, None).await);
    assert!(answers(old).await, "the open connection goes on");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_tls_are_bounded() {
    let dir = scratch();
    let authority = Authority::new();
    let flags = ["--tls-max-version=TLS1.2".to_string()];
    let (server, address) = serve(&authority, dir.path(), &flags).await;
    let stream = authority.connect(&address, None, "h2").await.unwrap();
    let version = stream.get_ref().1.protocol_version();
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_2));
    server.shutdown().await;
}

#[test]
fn auto_tls_serves_our_own_client() {
    let [port] = free_ports();
    let mut server = Launch::serve().auto_tls().start();
    let certificate = server.data_dir().join("fixtures/client/cert.pem");
    assert!(server.log().contains("serving client traffic securely"));
    let put = |endpoint: String| {
        Program::etcdctl()
            .arg(format!("--endpoints={endpoint}"))
            .arg(format!("--cacert={}", certificate.display()))
            .args(["put", "k", "v"])
            .run()
    };
    put(server.url()).success();
    server.terminate();
    // A plain listener in addition to the one with TLS, and TLS on a Unix socket.
    let socket = server.data_dir().join("s");
    let server = Launch::serve()
        .data_dir(server.data_dir())
        .auto_tls()
        .flag(format!(
            "--listen-client-urls=http://127.0.0.1:{port},unixs://{}",
            socket.display()
        ))
        .start();
    let log = server.log();
    assert!(log.contains("ignoring key and cert files"), "{log}");
    Program::etcdctl()
        .arg(format!("--endpoints=127.0.0.1:{port}"))
        .args(["get", "k"])
        .run()
        .success();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_schemes_work_on_one_port() {
    let dir = scratch();
    let authority = Authority::new();
    let files = authority.server_files(dir.path()).to_vec();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let server = start(&dir.path().join("data"), &files).await;
    let port = free_ports::<1>()[0];
    let plain = format!("http://127.0.0.1:{port}");
    let secured = format!("https://127.0.0.1:{port}");
    let mut bound = bind(&plain, &Config::new(""), Traffic::Both).await.unwrap();
    assert!(!bound.takes_also("https://127.0.0.1:1", Traffic::Both));
    assert!(!bound.takes_also(&secured, Traffic::Metrics));
    assert!(bound.takes_also(&secured, Traffic::Both));
    assert_eq!(server.accept_on(bound), plain);
    let address = format!("127.0.0.1:{port}");
    assert!(admits(&authority, &address, None).await);
    let channel = tonic::transport::Endpoint::from_shared(plain.clone()).unwrap();
    assert!(answers(channel.connect().await.unwrap()).await);
    let members = ClusterClient::new(channel.connect().await.unwrap());
    let list = pb::MemberListRequest::default();
    let list = { members }.member_list(list).await.unwrap().into_inner();
    assert_eq!(list.members[0].client_ur_ls, [plain, secured]);
    // A client that sends nothing does not block others, and is disconnected when the server stops.
    let mut silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    assert!(admits(&authority, &address, None).await);
    server.shutdown().await;
    assert!(matches!(silent.read(&mut [0]).await, Ok(0) | Err(_)));
}

/// Generates two tests for each case: `case::serve` and `case::etcd`.
macro_rules! on_serve_and_etcd {
    ($($case:ident)*) => {$(
        mod $case {
            use super::{Launch, Release, etcd};

            #[tokio::test(flavor = "multi_thread")]
            async fn serve() {
                super::$case(Launch::serve()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn etcd() {
                if let Some(launch) = etcd::server(Release::V3_7) {
                    super::$case(launch).await;
                }
            }
        }
    )*};
}

on_serve_and_etcd! {
    clients_are_distinguished_by_their_certificates
    a_common_name_is_a_user
}

/// Starts a server that requires certificates of this authority from its clients, and has these additional flags.
fn requiring_certificates(
    launch: Launch,
    authority: &Authority,
    dir: &Path,
    flags: &[String],
) -> Process {
    let files = authority.server_files(dir);
    let files = files.iter().map(String::as_str);
    let launch = launch.tls().flags(files).flag("--client-cert-auth=true");
    let trusted = format!("--trusted-ca-file={}", dir.join("ca.pem").display());
    let flags = flags.iter().map(String::as_str);
    launch.flag(trusted).flags(flags).start()
}

async fn clients_are_distinguished_by_their_certificates(launch: Launch) {
    let dir = scratch();
    let authority = Authority::new();
    let good = authority.sign("alice", &["client.test"], 10);
    let revoked = authority.sign("mallory", &["client.test"], 11);
    let elsewhere = authority.sign("bob", &["elsewhere.test"], 12);
    let foreign = Authority::new().sign("alice", &["client.test"], 13);
    let yesterday = time::OffsetDateTime::now_utc() - time::Duration::days(1);
    let expired = authority.sign_until("alice", &["client.test"], 14, Some(yesterday));
    let nameless = authority.sign("", &["client.test"], 15);
    authority.write(dir.path(), "client", &good);
    let list = dir.path().join("crl.der");
    std::fs::write(&list, authority.revoke(&[&revoked])).unwrap();
    let flags = [
        format!("--client-crl-file={}", list.display()),
        "--client-cert-allowed-hostname=client.test".into(),
    ];
    let server = requiring_certificates(launch, &authority, dir.path(), &flags);
    let address = server.endpoint();
    for (client, admitted) in [
        (Some(&good), true),
        (Some(&nameless), true),
        (None, false),
        (Some(&revoked), false),
        (Some(&elsewhere), false),
        (Some(&foreign), false),
        (Some(&expired), false),
    ] {
        let serial = client.map(|c| c.serial);
        assert_eq!(
            admits(&authority, address, client).await,
            admitted,
            "{serial:?}"
        );
    }
    // A revoked certificate can become valid again, and vice versa, without a restart.
    std::fs::write(&list, authority.revoke(&[&good])).unwrap();
    assert!(admits(&authority, address, Some(&revoked)).await);
    assert!(!admits(&authority, address, Some(&good)).await);
}

/// The answer, with its head, to a range request for the key `k` in JSON. `header` is an additional line.
async fn ask_gateway(
    authority: &Authority,
    address: &str,
    client: &Signed,
    path: &str,
    header: &str,
) -> String {
    let stream = authority.connect(address, Some(client), "http/1.1").await;
    let mut stream = stream.unwrap();
    // etcd recognises requests of its gateway by this header.
    let request = format!(
        "POST {path} HTTP/1.0\r\nAccept: */*\r\n{header}Content-Length: 14\r\n\r\n{{\"key\":\"aw==\"}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A server that closes without TLS's close message causes an error after the response.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// With `--client-cert-auth`, the common name of a certificate is the user name, unless there is a token.
async fn a_common_name_is_a_user(launch: Launch) {
    let dir = scratch();
    let authority = Authority::new();
    let flags = ["--bcrypt-cost=4".to_string()];
    let server = requiring_certificates(launch, &authority, dir.path(), &flags);
    let address = server.endpoint();
    let connect = async |name: &str| {
        let client = authority.sign(name, &["client.test"], 20);
        authority.channel(address, Some(&client)).await.unwrap()
    };
    let root = connect("root").await;
    let mut auth = AuthClient::new(root.clone());
    for name in ["root", "alice"] {
        let user = pb::AuthUserAddRequest {
            name: name.into(),
            password: "pw".into(),
            ..Default::default()
        };
        auth.user_add(user).await.unwrap();
        let role = pb::AuthRoleAddRequest { name: name.into() };
        auth.role_add(role).await.unwrap();
        let role = pb::AuthUserGrantRoleRequest {
            user: name.into(),
            role: name.into(),
        };
        auth.user_grant_role(role).await.unwrap();
    }
    let permission = pb::AuthRoleGrantPermissionRequest {
        name: "alice".into(),
        perm: Some(Permission {
            perm_type: PermissionType::Readwrite.into(),
            key: "hers".into(),
            ..Default::default()
        }),
    };
    auth.role_grant_permission(permission).await.unwrap();
    // Without authentication, the gateway serves everybody.
    let client = authority.sign("root", &["client.test"], 21);
    let answer = ask_gateway(&authority, address, &client, "/v3/kv/range", "").await;
    assert!(answer.contains("\"header\":"), "{answer}");
    auth.auth_enable(pb::AuthEnableRequest {}).await.unwrap();
    KvClient::new(root).put(put("k", "v")).await.unwrap();
    // A user without this permission, an unknown user, and a certificate without a name.
    let denied = "etcdserver: permission denied";
    for name in ["alice", "eve", ""] {
        let channel = connect(name).await;
        let answer = KvClient::new(channel.clone()).range(get("k")).await;
        refused(answer, Code::PermissionDenied, denied);
        let answer = KvClient::new(channel.clone()).put(put("hers", "v")).await;
        match name {
            "alice" => drop(answer.unwrap()),
            _ => refused(answer, Code::PermissionDenied, denied),
        }
        let mut maintenance = MaintenanceClient::new(channel.clone());
        maintenance.status(pb::StatusRequest {}).await.unwrap();
        let answer = AuthClient::new(channel)
            .user_list(pb::AuthUserListRequest {})
            .await;
        let (code, text) = match name {
            "alice" => (Code::PermissionDenied, denied),
            "eve" => (Code::FailedPrecondition, "etcdserver: user name not found"),
            _ => (Code::InvalidArgument, "etcdserver: user name is empty"),
        };
        refused(answer, code, text);
    }
    // A token takes precedence over the certificate, and one that is not valid is not replaced by it.
    let alice = connect("alice").await;
    let login = pb::AuthenticateRequest {
        name: "root".into(),
        password: "pw".into(),
    };
    let token = AuthClient::new(alice.clone()).authenticate(login).await;
    let token = token.unwrap().into_inner().token;
    let with = |token: &str| {
        let mut request = tonic::Request::new(get("k"));
        let token = token.parse().unwrap();
        request.metadata_mut().insert("token", token);
        request
    };
    let mut kv = KvClient::new(alice);
    kv.range(with(&token)).await.unwrap();
    refused(
        kv.range(with("wrong.1")).await,
        Code::Unauthenticated,
        "etcdserver: invalid auth token",
    );
    // The gateway accepts only tokens, and no client whose certificate has a name, except for other paths.
    let token = format!("Authorization: {token}\r\n");
    let ignored = "400 Bad Request";
    for (name, path, header, says) in [
        ("root", "/v3/kv/range", "", ignored),
        ("root", "/v3/kv/range", &token, ignored),
        ("root", "/v3beta/kv/range", "", ignored),
        ("root", "/version", "", "405 Method Not Allowed"),
        ("", "/v3/kv/range", "", "user name is empty"),
        ("", "/v3/kv/range", &token, "\"value\":\"dg==\""),
    ] {
        let client = authority.sign(name, &["client.test"], 21);
        let answer = ask_gateway(&authority, address, &client, path, header).await;
        assert!(answer.contains(says), "{name:?} {path}: {answer}");
        let text = "CommonName of client sending a request against gateway will be ignored";
        assert_eq!(answer.contains(text), says == ignored, "{answer}");
    }
}
