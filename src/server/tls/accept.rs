//! The TLS handshake of a connection, with the current certificates: after one of the files has changed, the next
//! connection uses the new ones. Open connections are not affected.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rustls::{ServerConfig, crypto::ring};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::warn;

use super::{
    clients::{Clients, common_name},
    files::{self, Watched},
    suites,
};
use crate::server::config::TlsSettings;

/// Timeout of a handshake (etcd v3.7.1, client/pkg/transport/listener_tls.go, `tlsHandshakeTimeout`).
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Performs TLS handshakes on accepted connections.
pub struct Acceptor {
    settings: TlsSettings,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    watched: Watched,
}

/// A connection over TLS.
pub struct Secured<S> {
    /// The decrypted stream.
    pub stream: TlsStream<S>,
    /// Common name of the client certificate.
    pub common_name: Option<Arc<str>>,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The client closed the connection.
    #[error("EOF")]
    Gone,
    /// It took too long.
    #[error("i/o timeout")]
    Late,
    /// One side rejected it.
    #[error("{0}")]
    Refused(io::Error),
}

impl Acceptor {
    /// Reads the files.
    ///
    /// # Errors
    /// One line that names the file or the setting.
    pub fn new(settings: TlsSettings) -> Result<Acceptor, String> {
        let watched = Watched::new(files_of(&settings));
        let config = build(&settings)?;
        Ok(Acceptor {
            current: Mutex::new(Current { config, watched }),
            settings,
        })
    }

    /// The configuration for a new connection. Files that have changed are read again. If they cannot be used, for
    /// example in the middle of a replacement, the old ones stay in use until they change again.
    fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock();
        if current.watched.changed() {
            match build(&self.settings) {
                Ok(config) => current.config = config,
                Err(error) => {
                    warn!(%error, "failed to reload certificates; the previous ones stay in use")
                }
            }
        }
        Arc::clone(&current.config)
    }

    /// Performs a handshake.
    ///
    /// # Errors
    /// The client closed the connection, was too slow, or was rejected.
    pub async fn accept<S>(&self, stream: S) -> Result<Secured<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let accept = TlsAcceptor::from(self.config()).accept(stream);
        let stream = match timeout(HANDSHAKE, accept).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(HandshakeError::Gone);
            }
            Ok(Err(e)) => return Err(HandshakeError::Refused(e)),
            Err(_) => return Err(HandshakeError::Late),
        };
        let (_, session) = stream.get_ref();
        let common_name = (session.peer_certificates())
            .and_then(|chain| chain.first())
            .map(|certificate| Arc::from(common_name(certificate)));
        Ok(Secured {
            stream,
            common_name,
        })
    }
}

fn files_of(settings: &TlsSettings) -> Vec<PathBuf> {
    [
        &settings.cert_file,
        &settings.key_file,
        &settings.trusted_ca_file,
        &settings.crl_file,
    ]
    .into_iter()
    .flatten()
    .cloned()
    .collect()
}

fn build(settings: &TlsSettings) -> Result<Arc<ServerConfig>, String> {
    let (Some(cert_file), Some(key_file)) = (&settings.cert_file, &settings.key_file) else {
        return Err("KeyFile and CertFile must both be present".into());
    };
    let mut provider = ring::default_provider();
    provider.cipher_suites = suites::suites(&settings.cipher_suites)?;
    let provider = Arc::new(provider);
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&suites::versions(settings))
        .map_err(|e| format!("--cipher-suites, --tls-min-version, --tls-max-version: {e}"))?;
    let builder = match Clients::new(settings, &provider)? {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let chain = files::certificates(cert_file)?;
    let key = files::private_key(key_file)?;
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|e| format!("{}, {}: {e}", cert_file.display(), key_file.display()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
