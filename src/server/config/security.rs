//! The TLS flags, and lists of permitted origins and hosts. Parses text only; reads no files.

use std::{collections::BTreeSet, path::PathBuf};

use crate::server::{tls, value};

/// Certificates of the server and what is required of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificate chain, PEM.
    pub cert_file: Option<PathBuf>,
    /// Private key, PEM.
    pub key_file: Option<PathBuf>,
    /// Certificate authorities for client certificates, PEM.
    pub trusted_ca_file: Option<PathBuf>,
    /// Whether clients must present a certificate.
    pub client_cert_auth: bool,
    /// Revocation list for client certificates.
    pub crl_file: Option<PathBuf>,
    /// A client certificate must be valid for one of these names; empty: any certificate is accepted.
    pub allowed_hostnames: Vec<String>,
    /// Whether to generate a self-signed certificate.
    pub auto_tls: bool,
    /// Validity of the self-signed certificate in years.
    pub self_signed_years: u64,
    /// Cipher suites by Go's names; empty: all secure ones.
    pub cipher_suites: Vec<String>,
    /// Lowest version accepted.
    pub min_version: TlsVersion,
    /// Highest version accepted.
    pub max_version: TlsVersion,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl Default for TlsSettings {
    fn default() -> TlsSettings {
        TlsSettings {
            cert_file: None,
            key_file: None,
            trusted_ca_file: None,
            client_cert_auth: false,
            crl_file: None,
            allowed_hostnames: Vec::new(),
            auto_tls: false,
            self_signed_years: 1,
            cipher_suites: Vec::new(),
            min_version: TlsVersion::V1_2,
            max_version: TlsVersion::V1_3,
        }
    }
}

impl TlsSettings {
    /// Sets one flag by its name.
    pub(super) fn set(&mut self, flag: &str, text: &str) -> Result<(), String> {
        let file = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        match flag {
            "cert-file" => self.cert_file = file(text),
            "key-file" => self.key_file = file(text),
            "trusted-ca-file" => self.trusted_ca_file = file(text),
            "client-cert-auth" => self.client_cert_auth = value::boolean(text)?,
            "client-crl-file" => self.crl_file = file(text),
            "client-cert-allowed-hostname" => self.allowed_hostnames = value::list(text),
            "auto-tls" => self.auto_tls = value::boolean(text)?,
            "self-signed-cert-validity" => self.self_signed_years = value::uint(text)?,
            "cipher-suites" => self.cipher_suites = value::list(text),
            "tls-min-version" => self.min_version = version(text)?.unwrap_or(TlsVersion::V1_2),
            "tls-max-version" => self.max_version = version(text)?.unwrap_or(TlsVersion::V1_3),
            _ => return Err("not wired".into()),
        }
        Ok(())
    }

    /// Rejects settings that contradict each other, with the texts of etcd v3.7.1 (server/embed/config.go,
    /// client/pkg/transport/listener.go).
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.cert_file.is_some() != self.key_file.is_some() {
            let name = |file: &Option<PathBuf>| {
                file.as_ref()
                    .map_or(String::new(), |f| f.display().to_string())
            };
            return Err(format!(
                "KeyFile and CertFile must both be present[key: {}, cert: {}]",
                name(&self.key_file),
                name(&self.cert_file)
            ));
        }
        if self.min_version > self.max_version {
            return Err("min version (TLS1.3) is greater than max version (TLS1.2)".into());
        }
        if self.min_version == TlsVersion::V1_3 && !self.cipher_suites.is_empty() {
            return Err("cipher suites cannot be configured when only TLS1.3 is enabled".into());
        }
        // Names are checked even if no address uses TLS.
        tls::suites(&self.cipher_suites)?;
        if self.auto_tls && self.self_signed_years == 0 {
            return Err("selfSignedCertValidity is invalid,it should be greater than 0".into());
        }
        Ok(())
    }

    /// Whether the server has a certificate or will generate one.
    pub fn is_given(&self) -> bool {
        self.auto_tls || self.cert_file.is_some()
    }
}

fn version(text: &str) -> Result<Option<TlsVersion>, String> {
    match text {
        "" => Ok(None),
        "TLS1.2" => Ok(Some(TlsVersion::V1_2)),
        "TLS1.3" => Ok(Some(TlsVersion::V1_3)),
        _ => Err(format!(
            "unexpected TLS version {text:?} (must be one of: TLS1.2, TLS1.3)"
        )),
    }
}

/// A list of permitted names, or no restriction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Everything is permitted.
    All,
    /// Only these, as written on the command line.
    Only(BTreeSet<String>),
}

impl Allowed {
    /// Parses a list of origins, which are URLs with a port.
    pub(super) fn origins(text: &str) -> Result<Allowed, String> {
        if matches!(text, "" | "*") {
            return Ok(Allowed::All);
        }
        Ok(Allowed::Only(value::urls(text)?.into_iter().collect()))
    }

    /// Parses a list of host names.
    pub(super) fn hosts(text: &str) -> Allowed {
        let hosts: BTreeSet<String> = text.split(',').map(str::to_string).collect();
        if text.is_empty() || hosts.contains("*") {
            return Allowed::All;
        }
        Allowed::Only(hosts)
    }

    /// Whether this name is permitted.
    pub fn admits(&self, name: &str) -> bool {
        match self {
            Allowed::All => true,
            Allowed::Only(names) => names.contains(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_admit_what_they_name() {
        assert!(Allowed::hosts("").admits("a") && Allowed::hosts("x,*").admits("a"));
        let hosts = Allowed::hosts("a,b");
        assert!(hosts.admits("a") && !hosts.admits("c"));
        let origins = Allowed::origins("http://a.com:80,https://b.com:443").unwrap();
        assert!(origins.admits("http://a.com:80") && !origins.admits("http://c.com:80"));
        assert!(Allowed::origins("http://a.com").is_err());
    }
}
