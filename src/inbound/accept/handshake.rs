//! Performs the TLS handshake of a client connection, and notes why it fails.

use std::{io, sync::Arc};

use rustls::ServerConfig;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::debug;

use crate::{
    base::limits::connections::TLS_HANDSHAKE_TIMEOUT, decide::fields::framing::violation::Violation,
    inbound::accept::framing::breach::Breach, observe::violations::HandshakeFault,
};

/// Performs the handshake. A connection that closes before its first byte is not noted: health
/// checks and port scanners open many.
pub(in crate::inbound) async fn shake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    breach: &Breach,
) -> Option<TlsStream<TcpStream>> {
    let deadline = Instant::now() + TLS_HANDSHAKE_TIMEOUT;
    let mut first = [0];
    match timeout_at(deadline, stream.peek(&mut first)).await {
        Ok(Ok(1..)) => {}
        Ok(Ok(0) | Err(_)) => return None,
        Err(_) => {
            breach.note(Violation::Silent);
            return None;
        }
    }
    let peer = breach.peer();
    match timeout_at(deadline, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(cause)) => {
            debug!(%peer, %cause, "TLS handshake failed");
            breach.handshake(fault_of(&cause));
            None
        }
        Err(_) => {
            debug!(%peer, "TLS handshake took too long");
            breach.handshake(HandshakeFault::Timeout);
            None
        }
    }
}

fn fault_of(cause: &io::Error) -> HandshakeFault {
    match cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(_)) => HandshakeFault::Alert,
        _ => HandshakeFault::Failed,
    }
}
