//! Opens a connection to a host that the configuration names: resolve, check the addresses, connect, TLS.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::outbound::address::AddressRule;

/// Whom to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Host name or address; an IPv6 address without brackets.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
}

/// An open connection.
pub enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// How dialling can fail.
#[derive(Debug)]
pub struct DialFault {
    /// The step: `resolve`, `address`, `connect`, `tls` or `timeout`.
    pub step: &'static str,
    /// Its cause.
    pub cause: io::Error,
}

/// Dials `peer` within `limit`. The address that was checked is the one connected to, so a name cannot be rebound in between (SPEC D-30).
///
/// # Errors
/// [`DialFault`] names the step that failed.
pub async fn dial(
    peer: &Peer,
    tls: &Arc<rustls::ClientConfig>,
    rule: AddressRule,
    limit: Duration,
) -> Result<Stream, DialFault> {
    match timeout(limit, dial_unhurried(peer, tls, rule)).await {
        Ok(result) => result,
        Err(_) => Err(DialFault { step: "timeout", cause: io::ErrorKind::TimedOut.into() }),
    }
}

async fn dial_unhurried(peer: &Peer, tls: &Arc<rustls::ClientConfig>, rule: AddressRule) -> Result<Stream, DialFault> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((&*peer.host, peer.port))
        .await
        .map_err(|cause| DialFault { step: "resolve", cause })?
        .collect();
    let tcp = connect_first(&addresses, rule).await?;
    tcp.set_nodelay(true).map_err(|cause| DialFault { step: "connect", cause })?;
    if !peer.tls {
        return Ok(Stream::Plain(tcp));
    }
    let name = ServerName::try_from(peer.host.to_string())
        .map_err(|cause| DialFault { step: "tls", cause: io::Error::new(io::ErrorKind::InvalidInput, cause) })?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, tcp)
        .await
        .map_err(|cause| DialFault { step: "tls", cause })?;
    Ok(Stream::Tls(Box::new(stream)))
}

async fn connect_first(addresses: &[SocketAddr], rule: AddressRule) -> Result<TcpStream, DialFault> {
    let mut last =
        DialFault { step: "resolve", cause: io::Error::new(io::ErrorKind::NotFound, "the name has no address") };
    for address in addresses {
        // One forbidden address refuses the name: a mixed answer is what rebinding looks like.
        if !rule.permits(address.ip()) {
            let cause =
                io::Error::new(io::ErrorKind::PermissionDenied, "the name leads to an address that may not be dialled");
            return Err(DialFault { step: "address", cause });
        }
    }
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(cause) => last = DialFault { step: "connect", cause },
        }
    }
    Err(last)
}

impl Stream {
    /// Whether TLS agreed on HTTP/2.
    #[must_use]
    pub fn speaks_h2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
