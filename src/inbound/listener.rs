//! Accepts connections, bounded in number, until the drain ends them.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, sync::watch};

use crate::inbound::{snapshot::Gateway, tls::Certificates};

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
    certificates: Option<Arc<Certificates>>,
}

impl Bound {
    /// Binds `address`; `certificates` makes it speak TLS.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(address: SocketAddr, certificates: Option<Arc<Certificates>>) -> io::Result<Self> {
        let _ = address;
        let _ = certificates;
        Err(io::ErrorKind::Unsupported.into())
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
        self.certificates.is_some()
    }

    /// Serves until `phase` has ended, or is draining and the last connection is done.
    pub async fn serve(self, gateway: Arc<Gateway>, phase: watch::Receiver<Phase>) {
        let _ = (gateway, phase);
    }
}
