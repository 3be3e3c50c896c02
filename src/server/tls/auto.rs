//! `--auto-tls`: a self-signed certificate that is generated once and kept in the data directory (etcd v3.7.1,
//! client/pkg/transport/listener.go, `SelfCert`). Its key is on P-256, whereas etcd's is on P-521.

use std::{
    fs,
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};
use tracing::{info, warn};

use crate::server::config::TlsSettings;

/// Sets the certificate files in `dir` in the settings, and creates them if they do not exist. `hosts` are the hosts of
/// the addresses that the server listens on.
///
/// # Errors
/// The files cannot be written.
pub fn self_signed(dir: &Path, hosts: &[String], settings: &mut TlsSettings) -> Result<(), String> {
    let cert_file = dir.join("cert.pem");
    let key_file = dir.join("key.pem");
    if !cert_file.exists() || !key_file.exists() {
        make(&cert_file, &key_file, hosts, settings.self_signed_years)
            .map_err(|e| format!("--auto-tls: {}: {e}", dir.display()))?;
    }
    settings.cert_file = Some(cert_file);
    settings.key_file = Some(key_file);
    Ok(())
}

fn make(
    cert_file: &Path,
    key_file: &Path,
    hosts: &[String],
    years: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    // Describe the certificate.
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "etcd");
    params.distinguished_name = subject;
    params.subject_alt_names = hosts
        .iter()
        .map(|host| {
            Ok(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(host.as_str().try_into()?),
            })
        })
        .collect::<Result<_, rcgen::Error>>()?;
    params.not_before = OffsetDateTime::now_utc();
    let days = i64::try_from(years.saturating_mul(365)).unwrap_or(i64::MAX);
    // Years after 9999 cannot be encoded.
    params.not_after = params
        .not_before
        .checked_add(Duration::days(days.min(2_000_000)))
        .ok_or("--self-signed-cert-validity is too long")?;
    params.key_usages = vec![
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::CrlSign,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    warn!(
        "certificate-validity-bound-not-after" = %params.not_after,
        "automatically generate certificates"
    );
    // Generate the key and sign the certificate with it.
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    // Write both files.
    if let Some(dir) = cert_file.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
    }
    write(cert_file, &certificate.pem(), 0o666)?;
    info!(path = %cert_file.display(), "created cert file");
    write(key_file, &key.serialize_pem(), 0o600)?;
    info!(path = %key_file.display(), "created key file");
    Ok(())
}

/// Writes a file with this mode. It appears only when it is complete, so that the next start can rely on it.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let part = path.with_extension("pem.part");
    // It may have been left by a crash, with another mode.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(part, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_certificate_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("fixtures/client");
        let hosts = ["127.0.0.1".to_string(), "localhost".to_string()];
        let mut settings = TlsSettings::default();
        self_signed(&dir, &hosts, &mut settings).unwrap();
        let key_file = settings.key_file.clone().unwrap();
        let mode = fs::metadata(&key_file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = fs::read(&key_file).unwrap();
        self_signed(&dir, &hosts, &mut settings).unwrap();
        assert_eq!(fs::read(&key_file).unwrap(), before);
    }

    #[test]
    fn files_left_by_a_crash_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        fs::write(dir.join("cert.pem"), "old").unwrap();
        fs::write(dir.join("key.pem.part"), "incomplete").unwrap();
        let mut settings = TlsSettings::default();
        self_signed(dir, &["127.0.0.1".to_string()], &mut settings).unwrap();
        for name in ["cert.pem", "key.pem"] {
            let text = fs::read_to_string(dir.join(name)).unwrap();
            assert!(text.starts_with("-----BEGIN "), "{text}");
        }
        let key = fs::metadata(dir.join("key.pem")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir).unwrap().count(), 2);
    }
}
