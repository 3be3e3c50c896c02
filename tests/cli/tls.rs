//! TLS between `etcdctl` and a server: which servers it trusts, its errors if it does not, and the files that it reads. The
//! server is `serve` behind a small TLS proxy with certificates generated here; the recordings use a real etcd with its
//! own certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;

use crate::support::program::{Finished, Program, scratch};
use crate::support::server::{Launch, Server};

/// The TLS versions that a server accepts.
const ANY: &[&SupportedProtocolVersion] = rustls::ALL_VERSIONS;
const ONLY_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// A certificate with its key, and files of both.
pub struct Pair {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    cert_file: PathBuf,
    key_file: PathBuf,
}

/// A certificate authority, `serve`, and a folder with the files.
pub struct World {
    dir: TempDir,
    pub server: Server,
    authority: Issuer<'static, KeyPair>,
    pub authority_file: PathBuf,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).expect("no names are good names");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names are good names");
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params
}

fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made")
}

impl World {
    pub fn new() -> Self {
        let dir = scratch();
        let key = new_key();
        let params = authority_params("the authority");
        let own = params.self_signed(&key).expect("it signs itself");
        let authority_file = dir.path().join("ca.pem");
        fs::write(&authority_file, own.pem()).expect("a file can be written");
        Self {
            dir,
            server: Launch::serve().start(),
            authority: Issuer::new(params, key),
            authority_file,
        }
    }

    fn keep(&self, name: &str, certificate: &rcgen::Certificate, key: &KeyPair) -> Pair {
        let file = |end: &str| self.dir.path().join(format!("{name}.{end}"));
        let pair = Pair {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
            cert_file: file("crt"),
            key_file: file("key"),
        };
        fs::write(&pair.cert_file, certificate.pem()).expect("a file can be written");
        fs::write(&pair.key_file, key.serialize_pem()).expect("a file can be written");
        pair
    }

    /// Signed by the authority.
    fn signed(&self, name: &str, params: &CertificateParams, key: &KeyPair) -> Pair {
        let certificate = params
            .signed_by(key, &self.authority)
            .expect("the authority signs");
        self.keep(name, &certificate, key)
    }

    fn good(&self) -> Pair {
        self.signed("good", &params(&["127.0.0.1", "localhost"]), &new_key())
    }

    /// For a server with this name.
    pub fn named(&self, name: &str) -> Pair {
        self.signed(name, &params(&[name]), &new_key())
    }

    /// A TLS proxy with this certificate in front of `serve`, at this address.
    pub fn serve(&self, pair: &Pair) -> String {
        self.serve_with(&config(pair, ANY, None))
    }

    fn serve_with(&self, config: &Arc<ServerConfig>) -> String {
        let (config, behind) = (config.clone(), self.server.endpoint().to_owned());
        let (tell, told) = std::sync::mpsc::channel();
        in_background(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            tell.send(listener.local_addr().expect("it has an address"))
                .expect("the test waits");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(relay(config.clone(), stream, behind.clone()));
            }
        });
        told.recv().expect("it listens").to_string()
    }

    fn serve_on_socket(&self, pair: &Pair, path: &Path) {
        let (config, behind) = (config(pair, ANY, None), self.server.endpoint().to_owned());
        let path = path.to_owned();
        let (tell, told) = std::sync::mpsc::channel();
        in_background(async move {
            let listener = UnixListener::bind(path).expect("a socket can be made");
            tell.send(()).expect("the test waits");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(relay(config.clone(), stream, behind.clone()));
            }
        });
        told.recv().expect("it listens");
    }

    /// `etcdctl` that trusts the authority.
    fn trusting(&self, endpoint: &str) -> Program {
        at(endpoint).arg(flag("cacert", &self.authority_file))
    }
}

/// Ends with the test process.
fn in_background(server: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made")
            .block_on(server);
    });
}

async fn relay<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ServerConfig>,
    stream: S,
    behind: String,
) {
    if let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await
        && let Ok(mut server) = TcpStream::connect(behind).await
    {
        let _ = copy_bidirectional(&mut stream, &mut server).await;
    }
}

/// The configuration of a server that requests certificates of `clients`' authority if that is given.
fn config(
    pair: &Pair,
    versions: &[&'static SupportedProtocolVersion],
    clients: Option<&CertificateDer<'static>>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .expect("ring has these versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.clone()).expect("it is an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                .build()
                .expect("there are roots");
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(pair.key.clone()).expect("rcgen makes keys");
    let mut config = builder
        .with_single_cert(vec![pair.certificate.clone()], key)
        .expect("they fit");
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

fn at(endpoint: &str) -> Program {
    Program::etcdctl()
        .arg(format!("--endpoints={endpoint}"))
        .arg("--command-timeout=2s")
}

fn flag(name: &str, file: &Path) -> String {
    format!("--{name}={}", file.display())
}

fn works(program: Program) -> Finished {
    program.clone().args(["put", "k", "v"]).run().success();
    let got = program.args(["get", "k"]).run().success();
    assert_eq!((got.out(), got.err()), ("k\nv\n".into(), String::new()));
    got
}

/// Ends like etcdctl, and the hint names the endpoint and the reason.
#[track_caller]
fn refused(program: Program, endpoint: &str, why: &str) {
    let run = program.args(["get", "k"]).run().failure(
        1,
        &format!("Error: context deadline exceeded\nhint: {endpoint}: {why}"),
    );
    assert_eq!(run.out(), "");
}

#[test]
fn an_authority_that_is_trusted() {
    let world = World::new();
    let endpoint = world.serve(&world.good());
    let https = format!("https://{endpoint}");
    works(world.trusting(&https));
    works(world.trusting(&https.replace("127.0.0.1", "localhost")));
    // Without a scheme, the flag requests TLS.
    works(world.trusting(&endpoint));
    works(at(&https).env("ETCDCTL_CACERT", world.authority_file.display().to_string()));
    // The system's authorities, from the places where Go also looks for them.
    works(at(&https).env("SSL_CERT_FILE", world.authority_file.display().to_string()));
    let saved = world.dir.path().join("saved.db");
    world
        .trusting(&https)
        .args(["snapshot", "save"])
        .arg(&saved)
        .run()
        .success();
    world
        .trusting(&https)
        .args(["endpoint", "status"])
        .run()
        .success();
}

#[test]
fn an_authority_that_is_not() {
    let world = World::new();
    let endpoint = world.serve(&world.good());
    let https = format!("https://{endpoint}");
    let unknown = "tls: failed to verify certificate: x509: certificate signed by unknown authority; --cacert names the authorities to trust\n";
    refused(at(&https), &https, unknown);
    refused(
        at(&endpoint).arg("--insecure-transport=false"),
        &endpoint,
        unknown,
    );
    // An authority with the same name and another key.
    let other = world.dir.path().join("other.pem");
    let pem = authority_params("the authority")
        .self_signed(&new_key())
        .expect("it signs itself")
        .pem();
    fs::write(&other, pem).expect("a file can be written");
    refused(
        at(&https).arg(flag("cacert", &other)),
        &https,
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    );
    // A file without certificates trusts nobody, and the hint says so.
    let pem = fs::read(&world.authority_file).expect("it was written");
    let der = rustls_pem(std::str::from_utf8(&pem).expect("PEM is text"));
    for (bytes, why) in [
        (
            b"not a certificate\n".to_vec(),
            "there is no PEM block in it",
        ),
        (vec![], "it is empty"),
        (der, "it is in DER form, and must be converted to PEM"),
        (
            [&b"\xef\xbb\xbf"[..], &pem].concat(),
            "it begins with a byte-order mark, which must be removed",
        ),
    ] {
        fs::write(&other, bytes).expect("a file can be written");
        let why = format!(
            "tls: failed to verify certificate: x509: certificate signed by unknown authority; --cacert {} contains no certificate: {why}\n",
            other.display()
        );
        refused(at(&https).arg(flag("cacert", &other)), &https, &why);
    }
    // With verification disabled, there is no error.
    works(at(&https).arg("--insecure-skip-tls-verify"));
    works(at(&endpoint).arg("--insecure-skip-tls-verify"));
    let json = at(&https).args(["get", "k", "-w", "json"]).run();
    let object = "{\"error\":\"context deadline exceeded\",\"code\":4,\"exit\":1,\"hints\":[\"";
    assert!(json.err().starts_with(object), "{json}");
}

#[test]
fn a_certificate_for_another_name_or_another_time() {
    let world = World::new();
    let says = |name: &str, params: CertificateParams, why: &str| {
        let endpoint = format!(
            "https://{}",
            world.serve(&world.signed(name, &params, &new_key()))
        );
        refused(
            world.trusting(&endpoint),
            &endpoint,
            &format!("tls: failed to verify certificate: x509: {why}"),
        );
        // This cannot change, so the command does not wait.
        let run = world
            .trusting(&endpoint)
            .args(["get", "k", "--command-timeout=50s"])
            .run()
            .failure(1, why);
        assert!(run.took < std::time::Duration::from_secs(40), "{run}");
        assert!(run.err().lines().count() == 2, "{run}");
    };
    says(
        "name",
        params(&["etcd.example"]),
        "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
    );
    says(
        "address",
        params(&["127.0.0.2", "::1"]),
        "certificate is valid for 127.0.0.2, ::1, not 127.0.0.1",
    );
    let mut old = params(&["127.0.0.1"]);
    old.not_before = rcgen::date_time_ymd(2019, 1, 1);
    old.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let dates = "certificate has expired or is not yet valid: current time 2";
    says("old", old.clone(), dates);
    let mut early = params(&["127.0.0.1"]);
    early.not_before = rcgen::date_time_ymd(2090, 2, 3);
    early.not_after = rcgen::date_time_ymd(2091, 1, 1);
    says("early", early.clone(), dates);
    for (name, params, end) in [
        ("old", &old, "Z is after 2020-01-01T00:00:00Z\n"),
        ("early", &early, "Z is before 2090-02-03T00:00:00Z\n"),
    ] {
        let endpoint = world.serve(&world.signed(name, params, &new_key()));
        world
            .trusting(&endpoint)
            .args(["get", "k"])
            .run()
            .failure(1, end);
    }
    let mut client = params(&["127.0.0.1"]);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    says(
        "client",
        client,
        "certificate specifies an incompatible key usage",
    );
}

/// As generated by etcd's `--auto-tls`: a CA certificate used by a server. Go trusts exactly the given one.
#[test]
fn a_certificate_that_is_its_own_authority() {
    let world = World::new();
    let own = |name: &str, before: i32| {
        let key = new_key();
        let mut params = params(&["127.0.0.1"]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(before, 1, 1);
        let certificate = params.self_signed(&key).expect("it signs itself");
        world.keep(name, &certificate, &key)
    };
    let (one, other, old) = (own("one", 2100), own("other", 2100), own("old", 2020));
    let endpoint = format!("https://{}", world.serve(&one));
    works(at(&endpoint).arg(flag("cacert", &one.cert_file)));
    refused(
        at(&endpoint).arg(flag("cacert", &other.cert_file)),
        &endpoint,
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    );
    refused(
        at(&endpoint.replace("127.0.0.1", "localhost")).arg(flag("cacert", &one.cert_file)),
        &endpoint.replace("127.0.0.1", "localhost"),
        "tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match localhost",
    );
    let endpoint = format!("https://{}", world.serve(&old));
    refused(
        at(&endpoint).arg(flag("cacert", &old.cert_file)),
        &endpoint,
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
    );
    // One that is not a CA certificate, trusted directly.
    let leaf = world.good();
    let endpoint = format!("https://{}", world.serve(&leaf));
    works(at(&endpoint).arg(flag("cacert", &leaf.cert_file)));
}

#[test]
fn a_server_that_requires_a_client_certificate() {
    let world = World::new();
    let server = world.good();
    let authority = CertificateDer::from(rustls_pem(
        &fs::read_to_string(&world.authority_file).expect("it was written"),
    ));
    let key = new_key();
    let stranger = params(&["x"]).self_signed(&key).expect("it signs itself");
    let stranger = world.keep("stranger", &stranger, &key);
    let mut old = params(&["somebody"]);
    old.not_before = rcgen::date_time_ymd(2019, 1, 1);
    old.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let old = world.signed("old", &old, &new_key());
    for (versions, without) in [
        (ANY, "remote error: tls: certificate required"),
        (ONLY_1_2, "remote error: tls: "),
    ] {
        let endpoint = world.serve_with(&config(&server, versions, Some(&authority)));
        for kind in [
            &PKCS_ECDSA_P256_SHA256,
            &PKCS_ECDSA_P384_SHA384,
            &PKCS_ED25519,
        ] {
            let key = KeyPair::generate_for(kind).expect("a key can be made");
            let client = world.signed("client", &params(&["somebody"]), &key);
            works(
                world
                    .trusting(&endpoint)
                    .arg(flag("cert", &client.cert_file))
                    .arg(flag("key", &client.key_file)),
            );
        }
        refused(world.trusting(&endpoint), &endpoint, without);
        refused(
            world
                .trusting(&endpoint)
                .arg(flag("cert", &stranger.cert_file))
                .arg(flag("key", &stranger.key_file)),
            &endpoint,
            "remote error: tls: ",
        );
        let expired = world
            .trusting(&endpoint)
            .arg(flag("cert", &old.cert_file))
            .arg(flag("key", &old.key_file));
        refused(
            expired,
            &endpoint,
            "remote error: tls: expired certificate; --cert expired at 2020-01-01T00:00:00Z\n",
        );
    }
}

/// The bytes of the first block.
fn rustls_pem(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    STANDARD
        .decode(lines.collect::<String>())
        .expect("rcgen writes PEM")
}

#[test]
fn files_that_cannot_be_used() {
    let world = World::new();
    let (one, two) = (
        world.good(),
        world.signed("two", &params(&["x"]), &new_key()),
    );
    let ed = KeyPair::generate_for(&PKCS_ED25519).expect("a key can be made");
    let ed = world.signed("ed", &params(&["x"]), &ed);
    let garbage = world.dir.path().join("garbage.pem");
    fs::write(
        &garbage,
        "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n",
    )
    .expect("a file can be written");
    let says = |cert: &Path, key: &Path, text: &str| {
        let run = at(world.server.endpoint())
            .arg(flag("cert", cert))
            .arg(flag("key", key))
            .args(["get", "k"])
            .run();
        assert_eq!(run.err(), format!("Error: {text}\n"));
        assert_eq!(run.code(), 128);
    };
    says(
        &one.cert_file,
        &two.key_file,
        "tls: private key does not match public key",
    );
    says(
        &one.cert_file,
        &ed.key_file,
        "tls: private key type does not match public key type",
    );
    says(
        &one.key_file,
        &one.cert_file,
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
    );
    says(
        &one.cert_file,
        &one.cert_file,
        "tls: found a certificate rather than a key in the PEM for the private key",
    );
    says(&garbage, &one.key_file, "x509: malformed certificate");
    let missing = world.dir.path().join("missing");
    says(
        &one.cert_file,
        &missing,
        &format!("open {}: no such file or directory", missing.display()),
    );
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    says(
        &fixtures.join("rsa1024.crt"),
        &fixtures.join("rsa1024.key"),
        "the RSA key of --key has 1024 bits, and this client needs at least 2048",
    );
    at(world.server.endpoint())
        .arg(flag("cacert", &garbage))
        .args(["get", "k"])
        .run()
        .failure(128, "Error: x509: malformed certificate\n");
    // As in etcdctl, they are read even if no endpoint needs them, and their format is checked first.
    at(&world.server.url())
        .arg(flag("cacert", &missing))
        .args(["get", "k"])
        .run()
        .failure(128, "no such file or directory\n");
    at(&world.server.url())
        .arg(flag("cacert", &missing))
        .args(["get", "k", "-w", "nope"])
        .run()
        .failure(4, "Error: unsupported output format\n");
}

#[test]
fn one_side_without_tls() {
    let world = World::new();
    let (secret, plain) = (world.serve(&world.good()), world.server.endpoint());
    refused(
        at(&secret),
        &secret,
        "the server requires TLS: use https:// and --cacert",
    );
    let http = format!("http://{secret}");
    refused(world.trusting(&http), &http, "the server requires TLS");
    let https = format!("https://{plain}");
    refused(
        at(&https),
        &https,
        "the server does not speak TLS: use http://",
    );
    // Endpoints that specify it do not use TLS.
    works(world.trusting(&world.server.url()));
}

#[test]
fn a_socket_is_known_by_its_file_name() {
    let world = World::new();
    let pair = world.good();
    let named = world.dir.path().join("localhost:0");
    world.serve_on_socket(&pair, &named);
    works(world.trusting(&format!("unixs://{}", named.display())));
    works(world.trusting(&format!("unix://{}", named.display())));
    let other = world.dir.path().join("etcd.sock");
    world.serve_on_socket(&pair, &other);
    let endpoint = format!("unixs://{}", other.display());
    refused(
        world.trusting(&endpoint),
        &endpoint,
        "tls: failed to verify certificate: x509: certificate is valid for localhost, not etcd.sock\n",
    );
    works(at(&endpoint).arg("--insecure-skip-tls-verify"));
}
