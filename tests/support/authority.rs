//! A certificate authority for TLS in tests: signs certificates of servers and clients, and connects clients that trust
//! it.

use std::{io, path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Uri};

/// A certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Signed {
    pub cert: rcgen::Certificate,
    pub key: KeyPair,
    pub serial: u64,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        Authority {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    /// A certificate with this common name, for servers and clients with these names and addresses.
    pub fn sign(&self, common_name: &str, names: &[&str], serial: u64) -> Signed {
        self.sign_until(common_name, names, serial, None)
    }

    /// Like [`Authority::sign`], with a time at which the certificate expires.
    pub fn sign_until(
        &self,
        common_name: &str,
        names: &[&str],
        serial: u64,
        until: Option<time::OffsetDateTime>,
    ) -> Signed {
        let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !common_name.is_empty() {
            params
                .distinguished_name
                .push(DnType::CommonName, common_name);
        }
        params.serial_number = Some(SerialNumber::from(serial));
        if let Some(until) = until {
            params.not_after = until;
        }
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Signed { cert, key, serial }
    }

    /// The revocation list with these certificates, in DER.
    pub fn revoke(&self, revoked: &[&Signed]) -> Vec<u8> {
        let now = time::OffsetDateTime::now_utc();
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: now + time::Duration::days(1),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|signed| RevokedCertParams {
                    serial_number: SerialNumber::from(signed.serial),
                    revocation_time: now,
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).unwrap();
        list.der().to_vec()
    }

    /// Writes `ca.pem`, and `NAME.pem` and `NAME-key.pem` with a certificate.
    pub fn write(&self, dir: &Path, name: &str, signed: &Signed) {
        std::fs::write(dir.join("ca.pem"), self.issuer.pem()).unwrap();
        std::fs::write(dir.join(format!("{name}.pem")), signed.cert.pem()).unwrap();
        std::fs::write(
            dir.join(format!("{name}-key.pem")),
            signed.key.serialize_pem(),
        )
        .unwrap();
    }

    /// Flags of a server with a certificate for 127.0.0.1 and `localhost`, whose files are written to `dir`.
    pub fn server_files(&self, dir: &Path) -> [String; 2] {
        let signed = self.sign("server", &["127.0.0.1", "localhost"], 1);
        self.write(dir, "server", &signed);
        [
            format!("--cert-file={}", dir.join("server.pem").display()),
            format!("--key-file={}", dir.join("server-key.pem").display()),
        ]
    }

    /// Opens a TLS connection to `127.0.0.1:PORT`.
    pub async fn connect(
        &self,
        address: &str,
        client: Option<&Signed>,
        protocol: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            Some(signed) => builder
                .with_client_auth_cert(
                    vec![signed.cert.der().clone()],
                    signed.key.serialize_der().try_into().unwrap(),
                )
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// A channel for generated clients over such a connection.
    pub async fn channel(
        &self,
        address: &str,
        client: Option<&Signed>,
    ) -> Result<Channel, tonic::transport::Error> {
        let stream = self.connect(address, client, "h2").await;
        let mut stream = Some(stream.map(hyper_util::rt::TokioIo::new));
        let connect = tower::service_fn(move |_: Uri| {
            let stream = stream.take();
            async move { stream.unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::NotConnected))) }
        });
        Endpoint::from_static("http://127.0.0.1")
            .connect_with_connector(connect)
            .await
    }
}
