//! Verifies a server's certificate as Go does. In particular, accepts a certificate that is itself a trusted one, even
//! if it is a CA certificate, as those of etcd's `--auto-tls` are. Its errors are Go's texts.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{
        CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
    },
};
use webpki::ring as algs;

use super::{files::anchor, p521, x509};
use crate::golang::zap::rfc3339;

/// Minimum size of RSA keys whose signatures `ring` verifies.
pub const MIN_RSA_BITS: usize = 2048;

/// The algorithms of `ring`, and P-521.
static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: ALL,
    mapping: &[
        // TLS 1.2 does not specify the curve.
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[
                algs::ECDSA_P256_SHA256,
                algs::ECDSA_P384_SHA256,
                p521::SHA256,
            ],
        ),
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[
                algs::ECDSA_P384_SHA384,
                algs::ECDSA_P256_SHA384,
                p521::SHA384,
            ],
        ),
        (SignatureScheme::ECDSA_NISTP521_SHA512, &[p521::SHA512]),
        (SignatureScheme::ED25519, &[algs::ED25519]),
        (
            SignatureScheme::RSA_PSS_SHA256,
            &[algs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PSS_SHA384,
            &[algs::RSA_PSS_2048_8192_SHA384_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PSS_SHA512,
            &[algs::RSA_PSS_2048_8192_SHA512_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA256,
            &[algs::RSA_PKCS1_2048_8192_SHA256],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA384,
            &[algs::RSA_PKCS1_2048_8192_SHA384],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA512,
            &[algs::RSA_PKCS1_2048_8192_SHA512],
        ),
    ],
};

static ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    algs::ECDSA_P256_SHA256,
    algs::ECDSA_P256_SHA384,
    algs::ECDSA_P384_SHA256,
    algs::ECDSA_P384_SHA384,
    p521::SHA256,
    p521::SHA384,
    p521::SHA512,
    algs::ED25519,
    algs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algs::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algs::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    algs::RSA_PKCS1_2048_8192_SHA256,
    algs::RSA_PKCS1_2048_8192_SHA384,
    algs::RSA_PKCS1_2048_8192_SHA512,
    algs::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algs::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algs::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
];

/// The cryptography used for connections.
pub fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.signature_verification_algorithms = ALGORITHMS;
    Arc::new(provider)
}

/// Why a certificate was rejected; Go's text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

fn refused(text: String) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Refused(text)))))
}

/// Trusts these certificates and those that they have signed.
#[derive(Debug)]
pub struct Roots {
    certificates: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
}

impl Roots {
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Roots {
        Roots {
            anchors: certificates.iter().filter_map(anchor).collect(),
            certificates,
        }
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), String> {
        if let Some(bits) = x509::rsa_bits(end_entity).filter(|bits| *bits < MIN_RSA_BITS) {
            return Err(format!(
                "the server's RSA key has {bits} bits, and this client needs at least {MIN_RSA_BITS}"
            ));
        }
        let certificate = webpki::EndEntityCert::try_from(end_entity).map_err(|e| go_text(&e))?;
        let chain = certificate.verify_for_usage(
            ALL,
            &self.anchors,
            intermediates,
            now,
            webpki::KeyUsage::server_auth(),
            None,
            None,
        );
        // Go's order of checks: dates, name, authority.
        if let Err(error) = &chain
            && let webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } = error
        {
            return Err(go_text(error));
        }
        certificate
            .verify_is_valid_for_subject_name(name)
            .map_err(|e| go_text(&e))?;
        match chain {
            Ok(_) => Ok(()),
            // The dates have been checked by now. A trusted certificate needs no signer, and Go accepts it even if it is
            // a CA certificate.
            Err(webpki::Error::CaUsedAsEndEntity | webpki::Error::UnknownIssuer)
                if self.certificates.iter().any(|own| own == end_entity) =>
            {
                Ok(())
            }
            Err(error) => {
                let authorities = intermediates.iter().map(|c| c.as_ref());
                let authorities = authorities.chain(self.certificates.iter().map(|c| c.as_ref()));
                let weakest = authorities.filter_map(x509::rsa_bits).min();
                match (&error, weakest) {
                    // `ring` cannot verify signatures of keys of this size.
                    (webpki::Error::InvalidSignatureForPublicKey, Some(bits))
                        if bits < MIN_RSA_BITS =>
                    {
                        Err(format!(
                            "the RSA key of the server's authority has {bits} bits, and this client needs at least {MIN_RSA_BITS}"
                        ))
                    }
                    _ => Err(go_text(&error)),
                }
            }
        }
    }
}

/// Go's text for a rejected certificate.
fn go_text(error: &webpki::Error) -> String {
    use webpki::Error as E;
    match error {
        E::UnknownIssuer => "x509: certificate signed by unknown authority".into(),
        E::CertExpired { time, not_after } => dates(*time, "after", *not_after),
        E::CertNotValidYet { time, not_before } => dates(*time, "before", *not_before),
        E::CertNotValidForName(context) => of_name(context),
        E::RequiredEkuNotFoundContext(_) => {
            "x509: certificate specifies an incompatible key usage".into()
        }
        // Go accepts it if another trusted authority has signed it.
        E::CaUsedAsEndEntity => "x509: certificate signed by unknown authority (it is an authority's own certificate)".into(),
        E::EndEntityUsedAsCa => {
            "x509: certificate is not authorized to sign other certificates".into()
        }
        E::PathLenConstraintViolated => "x509: too many intermediates for path length constraint".into(),
        E::NameConstraintViolation => {
            "x509: a root or intermediate certificate is not authorized to sign for this name".into()
        }
        E::InvalidSignatureForPublicKey => "x509: certificate signed by unknown authority (a signature does not match the key of the authority of that name)".into(),
        E::UnsupportedSignatureAlgorithmContext(context) => {
            match x509::insecure_algorithm(&context.signature_algorithm_id) {
                Some(name) => {
                    format!("x509: cannot verify signature: insecure algorithm {name}")
                }
                None => UNIMPLEMENTED.into(),
            }
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => UNIMPLEMENTED.into(),
        E::UnsupportedCriticalExtension => "x509: unhandled critical extension".into(),
        E::SignatureAlgorithmMismatch => {
            "x509: inner and outer signature algorithm identifiers don't match".into()
        }
        E::UnsupportedCertVersion => {
            "x509: certificates of version 1 are not supported: version 3 is needed".into()
        }
        E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => {
            "x509: the chain of authorities is too long to be checked".into()
        }
        _ => "x509: malformed certificate".into(),
    }
}

const UNIMPLEMENTED: &str = "x509: cannot verify signature: algorithm unimplemented";

fn dates(now: UnixTime, relation: &str, limit: UnixTime) -> String {
    let text = |time: UnixTime| rfc3339(UNIX_EPOCH + Duration::from_secs(time.as_secs()));
    format!(
        "x509: certificate has expired or is not yet valid: current time {} is {relation} {}",
        text(now),
        text(limit)
    )
}

fn of_name(context: &webpki::InvalidNameContext) -> String {
    // Parses `DnsName("a")` and `IpAddress(1.2.3.4)`.
    let of = |kind: &str| -> Vec<String> {
        context
            .presented
            .iter()
            .filter_map(|name| {
                name.strip_prefix(kind)?
                    .strip_prefix('(')?
                    .strip_suffix(')')
            })
            .map(|name| name.trim_matches('"'))
            // Print IPv6 addresses in their canonical form.
            .map(|name| match name.parse::<IpAddr>() {
                Ok(ip) => ip.to_string(),
                Err(_) => name.to_owned(),
            })
            .collect()
    };
    let (expected, names) = match &context.expected {
        ServerName::IpAddress(ip) => {
            let (ip, names) = (IpAddr::from(*ip), of("IpAddress"));
            if names.is_empty() {
                return format!(
                    "x509: cannot validate certificate for {ip} because it doesn't contain any IP SANs"
                );
            }
            (ip.to_string(), names)
        }
        name => (name.to_str().into_owned(), of("DnsName")),
    };
    if names.is_empty() {
        format!("x509: certificate is not valid for any names, but wanted to match {expected}")
    } else {
        format!(
            "x509: certificate is valid for {}, not {expected}",
            names.join(", ")
        )
    }
}

impl ServerCertVerifier for Roots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, server_name, now)
            .map_err(refused)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &ALGORITHMS)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &ALGORITHMS)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }
}

/// `--insecure-skip-tls-verify`: accepts any server. A signature by an unverified key proves nothing, so it is not
/// checked either.
#[derive(Debug)]
pub struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tls::pem;

    fn file(name: &str) -> CertificateDer<'static> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/");
        let text = std::fs::read(format!("{path}{name}")).unwrap();
        pem::blocks(&text).remove(0).bytes.into()
    }

    fn verify(authority: &str, certificate: &str, now: u64) -> Result<(), String> {
        let name = ServerName::try_from("localhost").unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        Roots::new(vec![file(authority)]).verify(&file(certificate), &[], &name, now)
    }

    #[test]
    fn certificate_errors_state_the_reason() {
        const NOW: u64 = 1_800_000_000;
        assert_eq!(verify("ca-rsa2048.crt", "rsa2048.crt", NOW), Ok(()));
        for (authority, certificate, now, text) in [
            (
                "ca-rsa2048.crt",
                "rsa1024.crt",
                NOW,
                "the server's RSA key has 1024 bits, and this client needs at least 2048",
            ),
            (
                "ca-rsa1024.crt",
                "by-rsa1024.crt",
                NOW,
                "the RSA key of the server's authority has 1024 bits, and this client needs at least 2048",
            ),
            (
                "ca-rsa2048.crt",
                "sha1.crt",
                NOW,
                "x509: cannot verify signature: insecure algorithm SHA1-RSA",
            ),
        ] {
            assert_eq!(verify(authority, certificate, now), Err(text.into()));
        }
        let early = verify("ca-rsa2048.crt", "rsa2048.crt", 0).unwrap_err();
        let start = "x509: certificate has expired or is not yet valid: current time 1970-01-01T00:00:00Z is before 2";
        assert!(early.starts_with(start), "{early}");
        let late = verify("ca-rsa2048.crt", "rsa2048.crt", 10_000_000_000).unwrap_err();
        let start = "x509: certificate has expired or is not yet valid: current time 2286-11-20T17:46:40Z is after 2";
        assert!(late.starts_with(start), "{late}");
    }
}
