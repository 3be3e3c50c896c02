//! The server as a library object: start it, connect to it in memory, listen on addresses, stop it.
//! Knows nothing of processes, signals or terminals.

use std::{io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    runtime::Handle,
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tonic::transport::{Channel, Endpoint, Uri};

use super::{
    address::{Accepted, Listener},
    config::Config,
    connection,
    context::{Peer, PeerAddress},
    core::{Core, OpenError},
    grpc::{Listening, Services, labels},
    lifecycle::{Phase, stopping},
    metrics::Metrics,
};

/// Bytes that may be on their way in an in-memory connection, each way.
const DUPLEX: usize = 256 << 10;
/// How long requests under way may take to end once the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// A server in this process. It stops when [`Server::shutdown`] is called; when it is dropped without
/// that, its connections end and its data directory is closed soon after.
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
    listening: Listening,
    runtime: Handle,
    phase: watch::Sender<Phase>,
    /// Every connection and listener holds a sender; all are gone when the receiver says so.
    held: mpsc::Sender<()>,
    released: Mutex<mpsc::Receiver<()>>,
    temporary: Option<tempfile::TempDir>,
}

impl Server {
    /// Opens the data directory; nothing listens yet.
    ///
    /// # Errors
    /// As [`Core::open`], and settings that contradict each other.
    pub async fn start(config: Config) -> Result<Server, OpenError> {
        Server::start_with(config, Core::open).await
    }

    /// Opens the data directory for reading; every write is refused. Nothing is created.
    ///
    /// # Errors
    /// As [`Core::open_read_only`].
    pub async fn start_read_only(config: Config) -> Result<Server, OpenError> {
        Server::start_with(config, Core::open_read_only).await
    }

    async fn start_with(
        config: Config,
        open: impl FnOnce(&Config) -> Result<Core, OpenError> + Send + 'static,
    ) -> Result<Server, OpenError> {
        config
            .validate()
            .map_err(|e| OpenError::Other(e.to_string()))?;
        let opened = config.clone();
        let core = tokio::task::spawn_blocking(move || open(&opened))
            .await
            .map_err(|e| OpenError::Other(e.to_string()))??;
        let (phase, _) = watch::channel(Phase::Running);
        let (held, released) = mpsc::channel(1);
        let embedded = format!("embedded:{}", config.data_dir.display());
        let listening: Listening = Arc::new(vec![embedded].into());
        let metrics = Metrics::new(&labels(), false)
            .map_err(|e| OpenError::Other(format!("metrics: {e}")))?;
        Ok(Server {
            services: Arc::new(Services::new(
                core,
                config,
                Arc::new(metrics),
                Arc::clone(&listening),
                phase.subscribe(),
            )),
            listening,
            runtime: Handle::current(),
            phase,
            held,
            released: Mutex::new(released),
            temporary: None,
        })
    }

    /// A server on a temporary directory that goes with it.
    ///
    /// # Errors
    /// As [`Core::open`].
    pub async fn temporary() -> Result<Server, OpenError> {
        let dir = tempfile::Builder::new()
            .prefix("etcd-")
            .tempdir()
            .map_err(|e| OpenError::Other(format!("no temporary directory: {e}")))?;
        let mut server = Server::start(Config::new(dir.path())).await?;
        server.temporary = Some(dir);
        Ok(server)
    }

    /// A fresh in-memory connection (HTTP/2, the same services as over TCP). It is served on the
    /// runtime that the server was started on.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(DUPLEX);
        self.connector().serve(server, Peer::default());
        client
    }

    /// A channel for generated clients over [`Server::connect`]. When its connection is lost, so is the
    /// channel.
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

    /// Serves on `host:port`, `http://host:port` or `unix://path` (port 0: any free one); returns the
    /// endpoint to give to a client.
    ///
    /// # Errors
    /// The address is in use or can't be bound; the text names it.
    pub async fn listen(&self, address: &str) -> io::Result<String> {
        let bound = bind(address).await?;
        Ok(self.accept_on(bound))
    }

    /// Answers on an address that was taken with [`bind`].
    pub fn accept_on(&self, Bound { listener, endpoint }: Bound) -> String {
        {
            let mut listening = self.listening.write();
            listening.retain(|url| !url.starts_with("embedded:"));
            listening.push(endpoint.clone());
        }
        let connector = self.connector();
        let mut phase = self.phase.subscribe();
        self.runtime.spawn(async move {
            tokio::select! {
                () = accept(&listener, &connector) => {}
                () = stopping(&mut phase) => {}
            }
        });
        endpoint
    }

    /// The core, for callers that need no wire.
    pub fn core(&self) -> &Core {
        &self.services.core
    }

    /// Takes no more requests, finishes those under way (for a few seconds at most) and closes the
    /// data directory clean.
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
            // Connections end at their next step, which is at once.
            let _ = timeout(Duration::from_secs(1), released.recv()).await;
        }
        services.core.shutdown().await;
        drop(temporary);
    }

    fn connector(&self) -> Connector {
        Connector {
            services: Arc::clone(&self.services),
            runtime: self.runtime.clone(),
            phase: self.phase.subscribe(),
            held: self.held.clone(),
        }
    }
}

/// An address that is taken, but not answered on yet.
#[derive(Debug)]
pub struct Bound {
    listener: Listener,
    endpoint: String,
}

/// Takes an address, so that a process can take all of its addresses, or fail, before it opens data.
///
/// # Errors
/// As [`Server::listen`].
pub async fn bind(address: &str) -> io::Result<Bound> {
    let (listener, endpoint) = Listener::bind(address).await?;
    Ok(Bound { listener, endpoint })
}

/// Starts connections.
#[derive(Clone)]
struct Connector {
    services: Arc<Services>,
    runtime: Handle,
    phase: watch::Receiver<Phase>,
    held: mpsc::Sender<()>,
}

impl Connector {
    fn serve<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Connector {
            services,
            phase,
            held,
            ..
        } = self.clone();
        self.runtime.spawn(async move {
            connection::serve(stream, peer, services, phase).await;
            drop(held);
        });
    }
}

async fn accept(listener: &Listener, connector: &Connector) {
    loop {
        match listener.accept().await {
            Ok(Accepted::Tcp(stream, address)) => {
                connector.serve(stream, peer(PeerAddress::Tcp(address)))
            }
            Ok(Accepted::Unix(stream)) => connector.serve(stream, peer(PeerAddress::Unix)),
            // The client gave up while it waited, or there are no descriptors left for now.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

fn peer(address: PeerAddress) -> Peer {
    Peer {
        address,
        common_name: None,
    }
}
