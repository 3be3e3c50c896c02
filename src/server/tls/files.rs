//! The TLS files: the server's certificate and key, the authorities of its clients, and the revocation list.
//! [`Watched`] detects changes. Errors name the file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject},
};

/// Maximum size of a file in bytes.
const LARGEST: u64 = 16 << 20;

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let named = |e: io::Error| format!("open {}: {}", path.display(), crate::bolt::plain(&e));
    let size = fs::metadata(path).map_err(named)?.len();
    if size > LARGEST {
        return Err(format!("{}: too large for a certificate", path.display()));
    }
    fs::read(path).map_err(named)
}

/// The certificates in a file.
///
/// # Errors
/// The file cannot be read or contains no certificates.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let all: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(format!("{}: contains no PEM certificate", path.display())),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

/// The private key in a file. Errors never contain any of it.
///
/// # Errors
/// The file cannot be read or contains no key.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| format!("{}: contains no PEM private key", path.display()))
}

/// A revocation list in DER, as in etcd, or in PEM.
///
/// # Errors
/// The file cannot be read.
pub fn revocation_list(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = read(path)?;
    Ok(match CertificateRevocationListDer::from_pem_slice(&bytes) {
        Ok(list) => list.to_vec(),
        Err(_) => bytes,
    })
}

/// Files, and their state when they were last read.
#[derive(Debug)]
pub struct Watched {
    files: Vec<PathBuf>,
    seen: Vec<Option<FileState>>,
}

/// The properties of a file that change when it is replaced or modified.
#[derive(Debug, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
}

impl Watched {
    /// Records the state of these files.
    pub fn new(files: Vec<PathBuf>) -> Watched {
        let seen = files.iter().map(|file| file_state(file)).collect();
        Watched { files, seen }
    }

    /// Whether one of them has changed since the last call.
    pub fn changed(&mut self) -> bool {
        let now: Vec<_> = self.files.iter().map(|file| file_state(file)).collect();
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn file_state(file: &Path) -> Option<FileState> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(file).ok()?;
    Some(FileState {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        modified: metadata.modified().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_nothing_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        let missing = certificates(&path).unwrap_err();
        assert!(missing.contains("cert.pem"), "{missing}");
        fs::write(&path, "nothing").unwrap();
        let empty = certificates(&path).unwrap_err();
        assert!(empty.contains("contains no PEM certificate"), "{empty}");
        let key = private_key(&path).unwrap_err();
        assert!(key.contains("contains no PEM private key"), "{key}");
    }

    #[test]
    fn a_change_is_noticed_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "1").unwrap();
        let mut watched = Watched::new(vec![path.clone(), dir.path().join("missing")]);
        assert!(!watched.changed());
        fs::write(&path, "22").unwrap();
        assert!(watched.changed() && !watched.changed());
        let other = dir.path().join("other");
        fs::write(&other, "33").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(watched.changed() && !watched.changed());
        fs::remove_file(&path).unwrap();
        assert!(watched.changed());
    }
}
