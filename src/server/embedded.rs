//! The server as a library object: start, connect in memory, listen on addresses, stop. Knows nothing of processes,
//! signals or terminals.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::TcpStream,
    runtime::Handle,
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tonic::transport::{Channel, Endpoint, Uri};

use super::{
    address::{Accepted, Listener, SocketOptions},
    config::{Config, is_secure},
    connection::{self, Handshakes, Link, Traffic},
    context::{Peer, PeerAddress, RequestContext},
    core::{Core, OpenError},
    grpc::{Listening, Services, labels},
    lifecycle::{Phase, stopping},
    metrics::Metrics,
    tls::{Acceptor, HandshakeError, self_signed},
    value,
};

/// Buffer size of an in-memory connection in bytes, in each direction.
const DUPLEX: usize = 256 << 10;
/// Time that requests in progress get to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// A server in this process. Stop it with [`Server::shutdown`]. If it is dropped instead, its connections end and its
/// data directory is closed soon afterwards.
///
/// ```
/// use etcd_maintenance::server::embedded::Server;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::temporary().await?;
/// let endpoint = server.listen("127.0.0.1:0").await?; // http://127.0.0.1:40123
/// // ... point any etcd client at `endpoint` ...
/// # assert!(endpoint.starts_with("http://127.0.0.1:"));
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// Without any socket, through memory:
///
/// ```
/// use etcd_maintenance::{proto::etcdserverpb::kv_client::KvClient, server::embedded::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::temporary().await?;
/// let mut kv = KvClient::new(server.channel().await?);
/// kv.put(etcd_maintenance::proto::etcdserverpb::PutRequest {
///     key: "k".into(),
///     value: "v".into(),
///     ..Default::default()
/// })
/// .await?;
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Server {
    services: Arc<Services>,
    handshakes: Arc<Handshakes>,
    listening: Listening,
    runtime: Handle,
    phase: watch::Sender<Phase>,
    /// Every connection and listener holds a sender, so the receiver shows when all of them are gone.
    held: mpsc::Sender<()>,
    released: Mutex<mpsc::Receiver<()>>,
    /// For TLS listeners.
    tls: Option<Arc<Acceptor>>,
    temporary: Option<tempfile::TempDir>,
}

impl Server {
    /// Opens the data directory. Does not listen yet.
    ///
    /// # Errors
    /// See [`Core::open`]; also contradictory settings, and TLS files that cannot be used.
    pub async fn start(config: Config) -> Result<Server, OpenError> {
        let threshold = config.bootstrap_defrag_threshold;
        let server = Server::start_with(config, Core::open).await?;
        if threshold > 0 {
            defragment_first(server.core(), threshold).await?;
        }
        Ok(server)
    }

    /// Opens the data directory for reading. Creates nothing and rejects every write.
    ///
    /// # Errors
    /// See [`Core::open_read_only`].
    pub async fn start_read_only(config: Config) -> Result<Server, OpenError> {
        Server::start_with(config, Core::open_read_only).await
    }

    async fn start_with(
        mut config: Config,
        open: impl FnOnce(&Config) -> Result<Core, OpenError> + Send + 'static,
    ) -> Result<Server, OpenError> {
        config
            .validate()
            .map_err(|e| OpenError::Other(e.to_string()))?;
        // Report problems with TLS files before touching the data directory.
        let mut tls = None;
        if config.tls.cert_file.is_some() {
            tls = Some(acceptor(&config)?);
        }
        let fresh = !config.data_dir.join("db").exists();
        if config.existing && fresh {
            return Err(OpenError::Other(format!(
                "--initial-cluster-state=existing: there is no database in {}, and a single member has nobody to get \
                 it from",
                config.data_dir.display()
            )));
        }
        let opened = config.clone();
        let core = tokio::task::spawn_blocking(move || open(&opened))
            .await
            .map_err(|e| OpenError::Other(e.to_string()))??;
        if tls.is_none() && config.tls.auto_tls {
            let dir = config.data_dir.join("fixtures/client");
            let hosts = hosts(&config);
            self_signed(&dir, &hosts, &mut config.tls).map_err(OpenError::Other)?;
            tls = Some(acceptor(&config)?);
        }
        let (phase, _) = watch::channel(Phase::Running);
        let (held, released) = mpsc::channel(1);
        let embedded = format!("embedded:{}", config.data_dir.display());
        let listening: Listening = Arc::new(vec![embedded].into());
        let store = core.metrics().clone();
        let metrics = Metrics::new(&labels(), config.extensive_metrics, store)
            .map_err(|e| OpenError::Other(format!("metrics: {e}")))?;
        let services = Services::new(
            core,
            config,
            Arc::new(metrics),
            Arc::clone(&listening),
            phase.subscribe(),
        );
        let handshakes = connection::handshakes(Arc::clone(&services.config));
        Ok(Server {
            services: Arc::new(services),
            handshakes: Arc::new(handshakes),
            listening,
            runtime: Handle::current(),
            phase,
            held,
            released: Mutex::new(released),
            tls,
            temporary: None,
        })
    }

    /// Starts a server in a temporary directory that is deleted with it.
    ///
    /// # Errors
    /// See [`Core::open`].
    pub async fn temporary() -> Result<Server, OpenError> {
        let dir = tempfile::Builder::new()
            .prefix("etcd-")
            .tempdir()
            .map_err(|e| OpenError::Other(format!("no temporary directory: {e}")))?;
        let mut server = Server::start(Config::new(dir.path())).await?;
        server.temporary = Some(dir);
        Ok(server)
    }

    /// Opens an in-memory connection (HTTP/2, with the same services as over TCP). It is served on the runtime on which
    /// the server was started.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(DUPLEX);
        let link = Link {
            peer: Peer::default(),
            secure: false,
            traffic: Traffic::Both,
        };
        self.connector().serve(server, link);
        client
    }

    /// A channel for generated clients over [`Server::connect`]. It cannot reconnect.
    ///
    /// # Errors
    /// The server is stopping.
    pub async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        let mut stream = Some(self.connect());
        let connect = tower::service_fn(move |_: Uri| {
            let stream = stream.take().map(TokioIo::new);
            async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)) }
        });
        Endpoint::from_static("http://in.memory")
            .connect_with_connector(connect)
            .await
    }

    /// Serves on `host:port`, `http://host:port`, `https://host:port`, `unix://path` or `unixs://path` (port 0: any
    /// free port). Returns the endpoint for clients.
    ///
    /// # Errors
    /// The address is in use, cannot be bound, or needs TLS without there being a certificate; the error names it.
    pub async fn listen(&self, address: &str) -> io::Result<String> {
        if is_secure(address) && self.tls.is_none() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("cannot listen on {address}: there is no certificate for TLS"),
            ));
        }
        let bound = bind(address, &self.services.config, Traffic::Both).await?;
        Ok(self.accept_on(bound))
    }

    /// Accepts connections on an address bound by [`bind`].
    pub fn accept_on(&self, bound: BoundAddress) -> String {
        let endpoint = bound.endpoint.clone();
        let other = bound.other.clone();
        if bound.traffic != Traffic::Metrics {
            let mut listening = self.listening.write();
            listening.retain(|url| !url.starts_with("embedded:"));
            listening.push(endpoint.clone());
            listening.extend(other.clone());
        }
        let is_secured = is_secure(&endpoint) || other.as_deref().is_some_and(is_secure);
        let tls = self.tls.clone().filter(|_| is_secured);
        let connector = self.connector();
        let mut phase = self.phase.subscribe();
        self.runtime.spawn(async move {
            tokio::select! {
                () = accept(bound, tls, connector) => {}
                () = stopping(&mut phase) => {}
            }
        });
        endpoint
    }

    /// The core, for callers that need no wire protocol.
    pub fn core(&self) -> &Core {
        &self.services.core
    }

    /// Rejects new requests, lets those in progress finish (for at most a few seconds), and closes the data directory
    /// cleanly.
    pub async fn shutdown(self) {
        let Server {
            services,
            phase,
            held,
            released,
            temporary,
            ..
        } = self;
        let mut released = released.into_inner();
        phase.send_replace(Phase::Stopping);
        drop(held);
        if timeout(DRAIN, released.recv()).await.is_err() {
            phase.send_replace(Phase::Ending);
            // Connections end at their next step, which follows immediately.
            let _ = timeout(Duration::from_secs(1), released.recv()).await;
        }
        services.core.shutdown().await;
        drop(temporary);
    }

    fn connector(&self) -> Connector {
        Connector {
            services: Arc::clone(&self.services),
            handshakes: Arc::clone(&self.handshakes),
            runtime: self.runtime.clone(),
            phase: self.phase.subscribe(),
            held: self.held.clone(),
        }
    }
}

/// An address that is bound, but not accepting connections yet.
#[derive(Debug)]
pub struct BoundAddress {
    listener: Listener,
    endpoint: String,
    traffic: Traffic,
    /// The address as given.
    address: String,
    /// The endpoint with the other scheme, if clients with and without TLS share the port.
    other: Option<String>,
}

impl BoundAddress {
    /// Whether `address` is the same TCP address with the other scheme. If so, both are served there from now on; as in
    /// etcd, they are distinguished by the first byte from the client.
    pub fn takes_also(&mut self, address: &str, traffic: Traffic) -> bool {
        let flipped = |url: &str| match url.split_once("://")? {
            ("http", rest) => Some(format!("https://{rest}")),
            ("https", rest) => Some(format!("http://{rest}")),
            _ => None,
        };
        let is_other =
            traffic == self.traffic && flipped(&self.address).as_deref() == Some(address);
        if is_other {
            self.other = flipped(&self.endpoint);
        }
        is_other
    }
}

/// Binds an address, so that a process can bind all its addresses, or fail, before it opens data.
///
/// # Errors
/// See [`Server::listen`].
pub async fn bind(address: &str, config: &Config, traffic: Traffic) -> io::Result<BoundAddress> {
    let options = SocketOptions {
        reuse_port: config.reuse_port,
    };
    let (listener, endpoint) = Listener::bind(address, options).await?;
    Ok(BoundAddress {
        listener,
        endpoint,
        traffic,
        address: address.into(),
        other: None,
    })
}

fn acceptor(config: &Config) -> Result<Arc<Acceptor>, OpenError> {
    Acceptor::new(config.tls.clone())
        .map(Arc::new)
        .map_err(OpenError::Other)
}

/// The host names for a self-signed certificate.
fn hosts(config: &Config) -> Vec<String> {
    let mut hosts: Vec<String> = (config.listen_client_urls.iter())
        .filter_map(|url| {
            let (host, _) = value::host_and_port(url.split_once("://")?.1)?;
            Some(host.to_string())
        })
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// `--bootstrap-defrag-threshold-megabytes` (etcd v3.7.1, server/etcdserver/bootstrap.go, `maybeDefragBackend`).
async fn defragment_first(core: &Core, threshold: u64) -> Result<(), OpenError> {
    let refused = |e: super::error::Error| OpenError::Other(e.to_string());
    let context = RequestContext::in_process();
    let status = core.status(&context).await.map_err(refused)?;
    let freeable = status.db_size.saturating_sub(status.db_size_in_use);
    let threshold_bytes = i64::try_from(threshold.saturating_mul(1 << 20)).unwrap_or(i64::MAX);
    if freeable < threshold_bytes {
        tracing::info!(
            "current-db-size-bytes" = status.db_size,
            "current-db-size-in-use-bytes" = status.db_size_in_use,
            "experimental-bootstrap-defrag-threshold-bytes" = threshold_bytes,
            "Skipping defragmentation"
        );
        return Ok(());
    }
    core.defragment(&context).await.map(drop).map_err(refused)
}

/// Starts connections.
#[derive(Clone)]
struct Connector {
    services: Arc<Services>,
    handshakes: Arc<Handshakes>,
    runtime: Handle,
    phase: watch::Receiver<Phase>,
    held: mpsc::Sender<()>,
}

impl Connector {
    fn serve<S>(&self, stream: S, link: Link)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Connector {
            services,
            handshakes,
            phase,
            held,
            ..
        } = self.clone();
        let serving = connection::serve(stream, link, services, handshakes, phase, held);
        self.runtime.spawn(serving);
    }
}

/// Accepts connections. Each handshake is a separate task, so that a slow one delays nobody.
async fn accept(bound: BoundAddress, tls: Option<Arc<Acceptor>>, connector: Connector) {
    let traffic = bound.traffic;
    let speaks_both = bound.other.is_some();
    let link = |address| Link {
        peer: Peer {
            address,
            common_name: None,
        },
        secure: tls.is_some(),
        traffic,
    };
    loop {
        match bound.listener.accept().await {
            Ok(Accepted::Tcp(stream, address)) if speaks_both => {
                connector.told_apart(stream, link(PeerAddress::Tcp(address)), tls.clone());
            }
            Ok(Accepted::Tcp(stream, address)) => {
                connector.connected(stream, link(PeerAddress::Tcp(address)), tls.clone());
            }
            Ok(Accepted::Unix(stream)) => {
                connector.connected(stream, link(PeerAddress::Unix), tls.clone());
            }
            // The client gave up while it was queued, or there are no file descriptors left.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The first byte of a TLS connection: a handshake record (RFC 8446, section 5.1). No HTTP request begins with it.
const HANDSHAKE_RECORD: u8 = 22;
/// Time limit for the first byte of a client, which determines whether it uses TLS.
const FIRST_BYTE: Duration = Duration::from_secs(300);

impl Connector {
    /// Serves a connection with or without TLS, depending on its first byte.
    fn told_apart(&self, stream: TcpStream, mut link: Link, tls: Option<Arc<Acceptor>>) {
        let connector = self.clone();
        let mut phase = self.phase.clone();
        self.runtime.spawn(async move {
            let mut first = [0];
            let peeked = tokio::select! {
                peeked = timeout(FIRST_BYTE, stream.peek(&mut first)) => peeked,
                () = stopping(&mut phase) => return,
            };
            let Ok(Ok(1)) = peeked else {
                return;
            };
            if first == [HANDSHAKE_RECORD] {
                return connector.connected(stream, link, tls);
            }
            link.secure = false;
            connector.connected(stream, link, None);
        });
    }

    /// Serves a connection, over TLS if there is an acceptor.
    fn connected<S>(&self, stream: S, mut link: Link, tls: Option<Arc<Acceptor>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = tls else {
            return self.serve(stream, link);
        };
        let connector = self.clone();
        let mut phase = self.phase.clone();
        self.runtime.spawn(async move {
            let secured = tokio::select! {
                secured = tls.accept(stream) => secured,
                () = stopping(&mut phase) => return,
            };
            match secured {
                Ok(secured) => {
                    link.peer.common_name = secured.common_name;
                    connector.serve(secured.stream, link);
                }
                Err(error) => log_rejected(&link, &error),
            }
        });
    }
}

/// Logs a rejected handshake like etcd, but at most one per second, so that nobody can fill the disk with them.
fn log_rejected(link: &Link, error: &HandshakeError) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let remote = match link.peer.address {
        PeerAddress::Tcp(address) => address.to_string(),
        PeerAddress::Unix | PeerAddress::InProcess => "@".into(),
    };
    if matches!(error, HandshakeError::Gone) {
        tracing::debug!("remote-addr" = %remote, %error, "rejected connection on client endpoint");
        return;
    }
    let mut last = LAST.lock();
    if last.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
        *last = Some(Instant::now());
        tracing::warn!("remote-addr" = %remote, %error, "rejected connection on client endpoint");
    }
}
