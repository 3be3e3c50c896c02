//! Verification of client certificates: the authority, the host name, and the revocation list.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use x509_parser::prelude::{ASN1Time, CertificateRevocationList, FromDer as _, X509Certificate};

use super::files;
use crate::server::config::TlsSettings;

/// The checks of a server.
#[derive(Debug)]
pub struct Clients {
    chain: Arc<dyn ClientCertVerifier>,
    /// The certificates of `--trusted-ca-file`.
    trusted: Vec<CertificateDer<'static>>,
    allowed_hostnames: Vec<ServerName<'static>>,
    /// Serial numbers of revoked certificates.
    revoked: Vec<Vec<u8>>,
}

/// Reasons for rejection that rustls does not have.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("client certificate authentication failed")]
    Hostname,
    #[error("transport: certificate serial {0} revoked")]
    Revoked(String),
}

impl Clients {
    /// The checks according to the settings; `None` if clients need no certificate. As in etcd, specifying authorities
    /// makes certificates mandatory, and requiring them without specifying authorities trusts the system's.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn new(
        settings: &TlsSettings,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<Clients>>, String> {
        if !settings.client_cert_auth && settings.trusted_ca_file.is_none() {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        let mut trusted = Vec::new();
        if let Some(path) = &settings.trusted_ca_file {
            for certificate in files::certificates(path)? {
                trusted.push(certificate.clone());
                roots
                    .add(certificate)
                    .map_err(|e| format!("{}: {e}", path.display()))?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let chain = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .map_err(|e| format!("--client-cert-auth: {e}"))?;
        let hostname = |name: &String| {
            ServerName::try_from(name.clone())
                .map_err(|_| format!("--client-cert-allowed-hostname: {name:?} is not a host name"))
        };
        let revoked = match &settings.crl_file {
            None => Vec::new(),
            Some(path) => {
                let list = files::revocation_list(path)?;
                let (_, list) = CertificateRevocationList::from_der(&list)
                    .map_err(|_| format!("{}: contains no revocation list", path.display()))?;
                let serials = list.iter_revoked_certificates();
                serials.map(|r| r.raw_serial().to_vec()).collect()
            }
        };
        Ok(Some(Arc::new(Clients {
            chain,
            trusted,
            allowed_hostnames: settings
                .allowed_hostnames
                .iter()
                .map(hostname)
                .collect::<Result<_, _>>()?,
            revoked,
        })))
    }

    /// Whether a certificate is itself one of the trusted ones, and currently valid for a client. Go, and therefore
    /// etcd, accepts it from a client; webpki does not accept the certificate of an authority as that of a client.
    fn is_trusted_itself(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        if !self.trusted.iter().any(|trusted| trusted == certificate) {
            return false;
        }
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
            return false;
        };
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let is_timely =
            ASN1Time::from_timestamp(now).is_ok_and(|now| parsed.validity().is_valid_at(now));
        let is_for_clients = match parsed.extended_key_usage() {
            Ok(Some(usage)) => usage.value.client_auth || usage.value.any,
            Ok(None) => true,
            Err(_) => false,
        };
        is_timely && is_for_clients
    }

    fn check_hostname(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.allowed_hostnames.is_empty() {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(certificate)?;
        let one_fits = self
            .allowed_hostnames
            .iter()
            .any(|name| rustls::client::verify_server_name(&parsed, name).is_ok());
        if one_fits {
            return Ok(());
        }
        Err(refused(Refused::Hostname))
    }

    fn check_revoked(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.revoked.is_empty() {
            return Ok(());
        }
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let serial = parsed.raw_serial();
        if self.revoked.iter().any(|revoked| revoked == serial) {
            let hex: String = serial.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(refused(Refused::Revoked(hex)));
        }
        Ok(())
    }
}

fn refused(why: Refused) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}

/// The common name of a certificate's subject; empty if it has none. Like Go, returns the last of several.
pub fn common_name(certificate: &CertificateDer<'_>) -> String {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return String::new();
    };
    let name = parsed.subject().iter_common_name().last();
    let name = name.and_then(|name| name.as_str().ok());
    name.unwrap_or_default().to_string()
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = match (self.chain).verify_client_cert(certificate, intermediates, now) {
            Err(_) if self.is_trusted_itself(certificate, now) => ClientCertVerified::assertion(),
            verified => verified?,
        };
        self.check_hostname(certificate)?;
        for one in std::iter::once(certificate).chain(intermediates) {
            self.check_revoked(one)?;
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};

    use super::*;

    fn authority(usages: Vec<ExtendedKeyUsagePurpose>) -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = usages;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn an_authority_may_be_its_own_client() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let trusted = authority(Vec::new());
        let for_servers = authority(vec![ExtendedKeyUsagePurpose::ServerAuth]);
        std::fs::write(&file, trusted.pem() + &for_servers.pem()).unwrap();
        let settings = TlsSettings {
            trusted_ca_file: Some(file),
            ..TlsSettings::default()
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = Clients::new(&settings, &provider).unwrap().unwrap();
        let admits = |certificate: &rcgen::Certificate, now| {
            let verified = clients.verify_client_cert(certificate.der(), &[], now);
            verified.is_ok()
        };
        assert!(admits(&trusted, UnixTime::now()));
        assert!(!admits(&for_servers, UnixTime::now()));
        assert!(!admits(&authority(Vec::new()), UnixTime::now()));
        // rcgen's certificates end in the year 4096.
        let late = UnixTime::since_unix_epoch(Duration::from_secs(100_000_000_000));
        assert!(!admits(&trusted, late));
    }
}
