//! Opens a connection to a host: resolve, check the addresses, connect, TLS.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::outbound::{address::AddressRule, resolve::Resolver, vanished};

pub use certificate::{NotPinned, is_own_refused};
pub use fault::{DialFault, DialFaultKind};
pub use mismatch::{PlainStream, is_tls_port};

mod certificate;
mod connect;
mod fault;
mod mismatch;
mod tunnel;

/// The host to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Host name or address; an IPv6 address without brackets.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
}

impl Peer {
    /// Host and port; an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// An open connection.
pub enum Stream {
    /// Without TLS.
    Plain(PlainStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens connections.
#[derive(Clone)]
pub struct Dialler {
    /// Trust roots and protocols of TLS.
    pub tls: Arc<rustls::ClientConfig>,
    /// Resolves host names.
    pub resolver: Arc<Resolver>,
}

/// The step that dialling has reached.
#[derive(Clone, Copy)]
enum Step {
    Resolve,
    Connect,
    Tls,
}

impl Dialler {
    /// A dialler with these TLS settings and the system's resolver.
    #[must_use]
    pub fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls, resolver: Resolver::system() }
    }

    /// Dials `peer` within `limit`. It connects to the address that was checked, so a name cannot
    /// be rebound in between (SPEC D-30).
    ///
    /// # Errors
    /// [`DialFault`].
    pub async fn dial(&self, peer: &Peer, rule: AddressRule, limit: Duration) -> Result<Stream, DialFault> {
        let deadline = Instant::now() + limit;
        let mut step = Step::Resolve;
        match timeout_at(deadline, self.dial_unhurried(peer, rule, deadline, &mut step)).await {
            Ok(result) => result,
            Err(_) => Err(DialFault {
                kind: match step {
                    Step::Resolve => DialFaultKind::ResolveTimeout,
                    Step::Connect => DialFaultKind::ConnectTimeout,
                    Step::Tls => DialFaultKind::TlsTimeout,
                },
                cause: io::Error::new(io::ErrorKind::TimedOut, format!("not done within {limit:?}")),
            }),
        }
    }

    async fn dial_unhurried(
        &self,
        peer: &Peer,
        rule: AddressRule,
        deadline: Instant,
        step: &mut Step,
    ) -> Result<Stream, DialFault> {
        let addresses = self.resolver.resolve(&peer.host, rule).await;
        let addresses = addresses.map_err(|cause| DialFault { kind: DialFaultKind::Resolve, cause })?;
        *step = Step::Connect;
        let tcp = connect::first(&addresses, peer.port, rule, deadline).await?;
        tcp.set_nodelay(true).map_err(|cause| DialFault { kind: DialFaultKind::Reset, cause })?;
        if let Err(cause) = vanished::notice(&tcp) {
            tracing::debug!(%cause, host = %peer.host, "TCP keep-alive could not be set");
        }
        if !peer.tls {
            return Ok(Stream::Plain(tcp.into()));
        }
        *step = Step::Tls;
        self.secure(tcp, &peer.host).await
    }

    /// Dials `at`. If it speaks TLS, its certificate is for `name`.
    ///
    /// # Errors
    /// [`DialFault`].
    pub async fn dial_as(
        &self,
        at: &Peer,
        name: &str,
        rule: AddressRule,
        limit: Duration,
    ) -> Result<Stream, DialFault> {
        let deadline = Instant::now() + limit;
        let stream = self.dial(&Peer { tls: false, ..at.clone() }, rule, limit).await?;
        match stream {
            Stream::Plain(plain) if at.tls => match timeout_at(deadline, self.secure(plain.tcp, name)).await {
                Ok(secured) => secured,
                Err(_) => Err(DialFault {
                    kind: DialFaultKind::TlsTimeout,
                    cause: io::Error::new(io::ErrorKind::TimedOut, format!("not done within {limit:?}")),
                }),
            },
            stream => Ok(stream),
        }
    }

    /// TLS over an open connection to `host`.
    async fn secure(&self, tcp: TcpStream, host: &str) -> Result<Stream, DialFault> {
        let name = ServerName::try_from(host.to_owned()).map_err(|cause| DialFault {
            kind: DialFaultKind::Tls,
            cause: io::Error::new(io::ErrorKind::InvalidInput, cause),
        })?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.map_err(DialFault::of_tls)?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl Stream {
    /// The address of the other end.
    #[must_use]
    pub fn peer_address(&self) -> Option<IpAddr> {
        let tcp = match self {
            Self::Plain(plain) => &plain.tcp,
            Self::Tls(stream) => stream.get_ref().0,
        };
        tcp.peer_addr().ok().map(|address| address.ip())
    }

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
            Self::Plain(stream) => stream.poll_read(cx, buffer),
            // With TLS 1.3, a server judges the gateway's certificate after the handshake.
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer).map_err(certificate::told),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(&mut stream.tcp).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(&mut stream.tcp).poll_write_vectored(cx, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.tcp.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(&mut stream.tcp).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(&mut stream.tcp).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
