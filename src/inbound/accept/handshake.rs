//! Performs the TLS handshake of a client connection, and notes why it fails.

use std::{io, sync::Arc};

use rustls::server::Acceptor;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor, server::TlsStream};
use tracing::debug;

use crate::{
    base::limits::connections::TLS_HANDSHAKE_TIMEOUT,
    decide::fields::framing::violation::Violation,
    inbound::accept::{
        framing::breach::Breach,
        tls::source::{ListenerTls, Validations},
    },
    observe::violations::HandshakeFault,
};

/// Performs the handshake. A connection that closes before its first byte is not noted: health
/// checks and port scanners open many.
pub(in crate::inbound) async fn shake(
    stream: TcpStream,
    tls: &ListenerTls,
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
    let accepted = async {
        match &tls.validations {
            None => TlsAcceptor::from(Arc::clone(&tls.clients)).accept(stream).await.map(Some),
            // On the heap: the connection would hold its space to its end.
            Some(validations) => Box::pin(accept_or_validate(stream, tls, validations)).await,
        }
    };
    match timeout_at(deadline, accepted).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(cause)) => {
            debug!(%peer, %cause, "TLS handshake failed");
            let lacks = tls.validations.as_ref().is_some_and(Validations::has_no_certificate);
            breach.handshake(if lacks { HandshakeFault::NoCertificate } else { fault_of(&cause) });
            None
        }
        Err(_) => {
            debug!(%peer, "TLS handshake took too long");
            breach.handshake(HandshakeFault::Timeout);
            None
        }
    }
}

/// A connection of a client; `None` after a validation. What offers `acme-tls/1` alone gets a
/// handshake that proves a name and the end of the connection, and no request is ever read from it.
/// What offers it among others gets the others: they are in different settings (attack 401).
async fn accept_or_validate(
    stream: TcpStream,
    tls: &ListenerTls,
    validations: &Validations,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    if !Validations::is_asked(&begun.client_hello()) {
        return begun.into_stream(Arc::clone(&tls.clients)).await.map(Some);
    }
    let name = begun.client_hello().server_name().map(str::to_owned);
    let config = validations.of(name.as_deref()).await;
    let mut stream = begun.into_stream(config).await?;
    debug!(name = name.as_deref().unwrap_or("no name"), "a validation by the CA was answered");
    stream.shutdown().await?;
    Ok(None)
}

fn fault_of(cause: &io::Error) -> HandshakeFault {
    match cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(_)) => HandshakeFault::Alert,
        _ => HandshakeFault::Failed,
    }
}
