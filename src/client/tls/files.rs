//! Reads the files of `--cacert`, `--cert` and `--key` at the same time as etcdctl does, and rejects them with its
//! texts (etcd v3.7.1, client/pkg/transport/listener.go and tlsutil; Go's crypto/tls). Opens no connection.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor},
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
};

use super::{
    p521, pem,
    verify::{MIN_RSA_BITS, Roots, Unverified, provider},
    x509,
};
use crate::{
    client::cause::{Cause, io_text},
    golang::{string, zap::rfc3339},
};

/// Certificate or key files that cannot be used; Go's error text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilesError(String);

const MALFORMED: &str = "x509: malformed certificate";

/// Which servers are trusted, and how this client identifies itself. The default trusts the system's authorities.
#[derive(Default)]
pub struct Tls {
    /// The authorities of `--cacert`; `None` means the system's.
    roots: Option<Vec<CertificateDer<'static>>>,
    /// Why `--cacert` contains no certificates, if so.
    no_roots: Option<String>,
    identity: Option<Arc<CertifiedKey>>,
    skip_verify: bool,
    /// The name that every server's certificate must be valid for, instead of the endpoint's.
    server_name: Option<String>,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl fmt::Debug for Tls {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("roots", &self.roots.as_ref().map(Vec::len))
            .field("identity", &self.identity.is_some())
            .field("skip_verify", &self.skip_verify)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files. With `skip_verify`, any server certificate is accepted.
    ///
    /// # Errors
    /// Only one of `cert` and `key` is given, or a file cannot be read or used. A `cacert` without any certificate is
    /// not an error: as in etcdctl, no server is trusted then.
    pub fn load(
        cacert: Option<&str>,
        cert: Option<&str>,
        key: Option<&str>,
        skip_verify: bool,
    ) -> Result<Tls, FilesError> {
        let identity = match (cert, key) {
            (None, None) => None,
            (Some(cert), Some(key)) => {
                let (cert, key) = (read(cert)?, read(key)?);
                Some(Arc::new(pair(&cert, &key).map_err(FilesError)?))
            }
            _ => {
                return Err(FilesError(format!(
                    "KeyFile and CertFile must both be present[key: {}, cert: {}]",
                    key.unwrap_or_default(),
                    cert.unwrap_or_default()
                )));
            }
        };
        let mut no_roots = None;
        let roots = match cacert {
            None => None,
            Some(path) => {
                let text = read(path)?;
                let roots = authorities(&text).map_err(FilesError)?;
                no_roots = roots.is_empty().then(|| {
                    format!(
                        "--cacert {path} contains no certificate: {}",
                        describe_content(&text)
                    )
                });
                Some(roots)
            }
        };
        Ok(Tls {
            roots,
            no_roots,
            identity,
            skip_verify,
            server_name: None,
            config: OnceLock::new(),
        })
    }

    /// Requires every server's certificate to be valid for this name.
    #[must_use]
    pub fn for_server(mut self, name: &str) -> Tls {
        self.server_name = Some(name.to_owned());
        self
    }

    /// The name that every server's certificate must be valid for, instead of the endpoint's.
    pub(in crate::client) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// `--insecure-skip-tls-verify`.
    pub fn takes_any_server(&self) -> bool {
        self.skip_verify
    }

    /// Adds to `cause` what is known about this client's own files, if that explains it.
    pub fn explain(&self, cause: Cause) -> Cause {
        let Cause::Tls(text) = cause else {
            return cause;
        };
        if text.contains("unknown authority")
            && let Some(why) = &self.no_roots
        {
            return Cause::Tls(format!("{text}; {why}"));
        }
        if text.starts_with("remote error") && text.contains("certificate") {
            let own = self.identity.as_ref().and_then(|own| own.cert.first());
            let now = SystemTime::now();
            match own.and_then(|own| x509::validity(own)) {
                Some((_, until)) if until < now => {
                    return Cause::Tls(format!("{text}; --cert expired at {}", rfc3339(until)));
                }
                Some((from, _)) if from > now => {
                    let from = rfc3339(from);
                    return Cause::Tls(format!("{text}; --cert is not valid before {from}"));
                }
                _ => {}
            }
        }
        Cause::Tls(text)
    }

    /// The configuration of rustls, built when the first connection needs it.
    ///
    /// # Errors
    /// It cannot be built.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config.get_or_init(|| self.build()).clone()
    }

    fn build(&self) -> Result<Arc<ClientConfig>, String> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous();
        let builder = if self.skip_verify {
            builder.with_custom_certificate_verifier(Arc::new(Unverified))
        } else {
            let roots = match &self.roots {
                Some(roots) => Roots::new(roots.clone()),
                None => Roots::new(rustls_native_certs::load_native_certs().certs),
            };
            builder.with_custom_certificate_verifier(Arc::new(roots))
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone()))),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(path: &str) -> Result<Vec<u8>, FilesError> {
    let file = string::path(path);
    std::fs::read(&file).map_err(|e| {
        // Opening a directory succeeds; reading it fails.
        let what = if file.is_dir() { "read" } else { "open" };
        FilesError(format!("{what} {path}: {}", io_text(&e)))
    })
}

/// Describes a file that contains no PEM certificate.
fn describe_content(text: &[u8]) -> &'static str {
    match text {
        [] => "it is empty",
        [0xef, 0xbb, 0xbf, ..] | [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            "it begins with a byte-order mark, which must be removed"
        }
        [0x30, 0x80..=0xff, ..] => "it is in DER form, and must be converted to PEM",
        _ => "there is no PEM block in it",
    }
}

/// Every block is treated as a certificate, whatever its label.
fn authorities(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let roots: Vec<CertificateDer<'static>> = pem::blocks(text)
        .into_iter()
        .map(|block| block.bytes.into())
        .collect();
    if roots.iter().all(|root| anchor(root).is_some()) {
        Ok(roots)
    } else {
        Err(MALFORMED.into())
    }
}

/// The certificate as a trust anchor; `None` if it cannot be parsed.
pub(super) fn anchor(certificate: &CertificateDer<'_>) -> Option<TrustAnchor<'static>> {
    let anchor = webpki::anchor_from_trusted_cert(certificate).ok()?;
    Some(anchor.to_owned())
}

/// The client's certificate chain and its key, which must match the first certificate.
fn pair(cert: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let (certificates, others): (Vec<_>, Vec<_>) = pem::blocks(cert)
        .into_iter()
        .partition(|block| block.label == "CERTIFICATE");
    let labels: Vec<&str> = others.iter().map(|block| block.label.as_str()).collect();
    if certificates.is_empty() {
        return Err(match &labels[..] {
            [] => "tls: failed to find any PEM data in certificate input".into(),
            [one] if one.ends_with("PRIVATE KEY") => "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched".into(),
            labels => format!(
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: [{}]",
                labels.join(" ")
            ),
        });
    }
    let key = signing_key(key)?;
    let certificates: Vec<CertificateDer<'static>> = certificates
        .into_iter()
        .map(|block| block.bytes.into())
        .collect();
    match webpki::EndEntityCert::try_from(&certificates[0]) {
        Ok(parsed) => fits(&*key, &parsed.subject_public_key_info())?,
        // webpki does not parse certificates of version 1, so the key cannot be compared; leave that to the server.
        Err(webpki::Error::UnsupportedCertVersion) => {}
        Err(_) => return Err(MALFORMED.into()),
    }
    Ok(CertifiedKey::new(certificates, key))
}

fn signing_key(text: &[u8]) -> Result<Arc<dyn SigningKey>, String> {
    let mut labels = vec![];
    let mut bytes = None;
    for block in pem::blocks(text) {
        if block.label == "PRIVATE KEY" || block.label.ends_with(" PRIVATE KEY") {
            bytes = Some(block.bytes);
            break;
        }
        labels.push(block.label);
    }
    let Some(bytes) = bytes else {
        return Err(match &labels[..] {
            [] => "tls: failed to find any PEM data in key input".into(),
            [one] if one == "CERTIFICATE" => {
                "tls: found a certificate rather than a key in the PEM for the private key".into()
            }
            labels => format!(
                "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of the following types: [{}]",
                labels.join(" ")
            ),
        });
    };
    let unknown = |_| "tls: failed to parse private key".to_owned();
    let key = PrivateKeyDer::try_from(bytes).map_err(unknown)?;
    if let Some(key) = p521::Key::read(&key) {
        return Ok(Arc::new(key));
    }
    rustls::crypto::ring::sign::any_supported_type(&key).map_err(|_| {
        match x509::rsa_private_bits(key.secret_der()) {
            Some(bits) if bits < MIN_RSA_BITS => format!(
                "the RSA key of --key has {bits} bits, and this client needs at least {MIN_RSA_BITS}"
            ),
            _ => unknown(""),
        }
    })
}

fn fits(key: &dyn SigningKey, certificate: &[u8]) -> Result<(), String> {
    let Some(own) = key.public_key() else {
        return Ok(());
    };
    if own.as_ref() == certificate {
        Ok(())
    } else if algorithm(own.as_ref()) == algorithm(certificate) {
        Err("tls: private key does not match public key".into())
    } else {
        Err("tls: private key type does not match public key type".into())
    }
}

/// The object identifier at the beginning of a public key: RSA, an elliptic curve, or Ed25519.
fn algorithm(public_key: &[u8]) -> Option<&[u8]> {
    let inside = |der| -> Option<&[u8]> {
        let [0x30, length, rest @ ..]: &[u8] = der else {
            return None;
        };
        let more = if *length < 0x80 { 0 } else { length & 0x7f };
        rest.get(usize::from(more)..)
    };
    let [6, length, rest @ ..] = inside(inside(public_key)?)? else {
        return None;
    };
    rest.get(..usize::from(*length))
}
