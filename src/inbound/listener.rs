//! Accepts connections, bounded in number, until the drain ends them.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};
use tracing::warn;

use crate::{
    base::limits::{CONNECTIONS_MAX, LISTEN_BACKLOG},
    inbound::{connection, snapshot::Gateway, tls::Certificates},
    observe::metrics::{ListenerSeries, Metrics},
};

/// How far the end of the process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Serving,
    /// No new connections; requests under way may finish.
    Draining,
    /// Whatever is still open is cut.
    Ended,
}

/// A bound listener that does not serve yet.
pub struct Bound {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    series: ListenerSeries,
}

impl Bound {
    /// Binds `address`; `certificates` makes it speak TLS. Must run inside the runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(address: SocketAddr, certificates: Option<&Arc<Certificates>>, metrics: &Metrics) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the one before.
        socket.set_reuseaddr(true)?;
        // Inherited by what is accepted: a client that vanished without a word does not hold a quiet stream for ever.
        socket.set_keepalive(true)?;
        socket.bind(address)?;
        let tls = certificates.map(Certificates::server_config).transpose()?;
        let listener = socket.listen(LISTEN_BACKLOG)?;
        let series = metrics.listener(listener.local_addr()?);
        Ok(Self { listener, tls, series })
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until `phase` has ended, or is draining and the last connection is done.
    pub async fn serve(self, gateway: Arc<Gateway>, mut phase: watch::Receiver<Phase>) {
        let mut connections = JoinSet::new();
        while *phase.borrow() == Phase::Serving {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(self.serve_one(stream, peer, &gateway, &phase));
                    }
                    Err(cause) => {
                        // Out of descriptors, most likely: the pause keeps the loop from spinning until some are closed.
                        warn!(%cause, "a connection could not be accepted");
                        sleep(Duration::from_millis(50)).await;
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                changed = phase.changed() => if changed.is_err() { break },
            }
        }
        drop(self.listener);
        while *phase.borrow() != Phase::Ended && !connections.is_empty() {
            tokio::select! {
                _ = connections.join_next() => {}
                changed = phase.changed() => if changed.is_err() { break },
            }
        }
        if !connections.is_empty() {
            gateway.observe.cut();
        }
        connections.shutdown().await;
    }

    fn serve_one(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        gateway: &Arc<Gateway>,
        phase: &watch::Receiver<Phase>,
    ) -> impl Future<Output = ()> + use<> {
        connection::serve(stream, peer.ip(), self.tls.clone(), self.series.clone(), Arc::clone(gateway), phase.clone())
    }
}
