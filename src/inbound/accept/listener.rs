//! Accepts client connections, bounded in number, until the drain.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};
use tracing::warn;

use crate::{
    base::limits::connections::LISTEN_BACKLOG,
    inbound::{
        accept::{
            connection::{self, Reception},
            phase::Phase,
            room::Seat,
            tls::source::CertificateSource,
        },
        state::gateway::Gateway,
    },
    observe::{accept::RefusedAccepts, metrics::Metrics},
    outbound::vanished,
};

/// A placeholder for the `select!` branch that is disabled.
const NO_PEER: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A bound listener that does not serve yet.
pub struct ClientListener {
    listener: TcpListener,
    reception: Reception,
}

impl ClientListener {
    /// Binds `address`. With `certificates` it speaks TLS; with `has_proxy_header` each connection
    /// must begin with a PROXY header. Must run inside the tokio runtime.
    ///
    /// # Errors
    /// The error of the system.
    pub fn bind(
        address: SocketAddr,
        certificates: Option<&CertificateSource>,
        has_proxy_header: bool,
        metrics: &Metrics,
    ) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the old process.
        socket.set_reuseaddr(true)?;
        // Accepted connections inherit this option, so they need no system call of their own.
        if let Err(cause) = vanished::notice(&socket).and_then(|()| vanished::notice_sooner(&socket)) {
            warn!(%address, %cause, "TCP keep-alive could not be set; vanished clients will hold their connections for hours");
        }
        socket.bind(address)?;
        let tls = certificates.map(CertificateSource::listener_tls).transpose()?;
        let listener = socket.listen(LISTEN_BACKLOG)?;
        let series = metrics.listener(listener.local_addr()?);
        Ok(Self { listener, reception: Reception { tls, has_proxy_header, health: None, series } })
    }

    /// The same listener, with a path that answers probes for any `Host`.
    #[must_use]
    pub fn with_health(mut self, path: Option<&str>) -> Self {
        self.reception.health = path.map(Arc::from);
        self
    }

    /// The bound address.
    ///
    /// # Errors
    /// The error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.reception.tls.is_some()
    }

    /// Serves until `phase` has ended, or is draining and the last connection is done.
    pub async fn serve(self, gateway: Arc<Gateway>, mut phase: watch::Receiver<Phase>) {
        let mut connections = JoinSet::new();
        let refused =
            RefusedAccepts::new(self.listener.local_addr().map_or_else(|_| "?".to_owned(), |at| at.to_string()));
        // A connection without a seat; later ones wait in the kernel's queue.
        let mut accepted: Option<(TcpStream, SocketAddr)> = None;
        while *phase.borrow() == Phase::Serving {
            let waiting = accepted.as_ref().map(|(_, peer)| peer.ip());
            tokio::select! {
                next = self.listener.accept(), if waiting.is_none() => match next {
                    Ok((stream, peer)) => match gateway.room.try_seat(peer.ip()) {
                        Some(seat) => drop(connections.spawn(self.serve_one(stream, peer, seat, &gateway, &phase))),
                        None => accepted = Some((stream, peer)),
                    },
                    Err(cause) => {
                        // Probably out of descriptors: wait until some are closed.
                        refused.tell(&cause);
                        gateway.room.press();
                        sleep(Duration::from_millis(50)).await;
                    }
                },
                seat = gateway.room.seat(waiting.unwrap_or(NO_PEER)), if waiting.is_some() => {
                    if let Some((stream, peer)) = accepted.take() {
                        connections.spawn(self.serve_one(stream, peer, seat, &gateway, &phase));
                    }
                }
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
        seat: Seat,
        gateway: &Arc<Gateway>,
        phase: &watch::Receiver<Phase>,
    ) -> impl Future<Output = ()> + use<> {
        connection::serve(stream, peer.ip(), seat, self.reception.clone(), Arc::clone(gateway), phase.clone())
    }
}
