//! Cipher suites and versions by their names in Go's `crypto/tls`, which `--cipher-suites` uses.

use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion, crypto::ring};

use crate::server::config::{TlsSettings, TlsVersion};

/// Go's names of the supported TLS 1.2 suites.
const NAMES: &[(&str, CipherSuite)] = &[
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// Suites that Go knows, and uses in TLS 1.3 whether they are specified or not.
const TLS_1_3: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// Suites that Go knows, but which are not supported because they lack forward secrecy or authenticated encryption.
const UNSAFE: &[&str] = &[
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// The permitted suites: the specified ones and all of TLS 1.3; all secure ones if none are specified.
///
/// # Errors
/// A name is unknown, with etcd's text, or only insecure suites are specified.
pub fn suites(names: &[String]) -> Result<Vec<SupportedCipherSuite>, String> {
    let all = ring::ALL_CIPHER_SUITES;
    if names.is_empty() {
        return Ok(all.to_vec());
    }
    let mut allowed = Vec::new();
    for name in names {
        if let Some((_, suite)) = NAMES.iter().find(|(known, _)| known == name) {
            allowed.push(*suite);
        } else if !TLS_1_3.contains(&name.as_str()) && !UNSAFE.contains(&name.as_str()) {
            return Err(format!("unexpected TLS cipher suite {name:?}"));
        }
    }
    if allowed.is_empty() && !names.iter().any(|n| TLS_1_3.contains(&n.as_str())) {
        return Err(format!(
            "--cipher-suites names only suites that are not supported because they are insecure: {}",
            names.join(",")
        ));
    }
    let suites = all
        .iter()
        .filter(|suite| suite.tls13().is_some() || allowed.contains(&suite.suite()));
    Ok(suites.copied().collect())
}

/// The permitted versions.
pub fn versions(settings: &TlsSettings) -> Vec<&'static SupportedProtocolVersion> {
    let mut versions = Vec::new();
    if settings.max_version >= TlsVersion::V1_3 {
        versions.push(&rustls::version::TLS13);
    }
    if settings.min_version <= TlsVersion::V1_2 {
        versions.push(&rustls::version::TLS12);
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_gos() {
        let names = |words: &[&str]| words.iter().map(|w| (*w).to_string()).collect::<Vec<_>>();
        let all = suites(&[]).unwrap();
        let of_1_3 = all.iter().filter(|s| s.tls13().is_some()).count();
        let one = suites(&names(&[
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
        ]));
        assert_eq!(one.unwrap().len(), of_1_3 + 1);
        let unknown = suites(&names(&["TLS_ROT13"])).unwrap_err();
        assert_eq!(unknown, "unexpected TLS cipher suite \"TLS_ROT13\"");
        assert!(suites(&names(&["TLS_RSA_WITH_RC4_128_SHA"])).is_err());
        for (_, suite) in NAMES {
            assert!(all.iter().any(|s| s.suite() == *suite), "{suite:?}");
        }
    }
}
