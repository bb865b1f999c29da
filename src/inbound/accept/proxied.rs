//! Reads the PROXY header at the beginning of a connection, which names the client.

use std::{io, net::IpAddr};

use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tracing::debug;

use crate::{
    base::{address_range::AddressRange, limits::connections::PROXY_HEADER_TIMEOUT},
    decide::fields::{
        forwarded::is_trusted,
        framing::violation::Violation,
        proxy_header::{self, ProxyHeader},
    },
    inbound::accept::framing::breach::Breach,
};

/// How many bytes are looked at in one step: a usual header is shorter.
const STEP_BYTES: usize = 256;

/// Why there is no header.
enum Missing {
    /// The connection ended before its first byte: a health check, or a port scanner.
    Nothing,
    Broken(&'static str),
}

/// The address of the client, and no byte after the header is read. `None` if the connection must
/// be closed: its peer is not trusted, or sent no whole header. A connection that ends before its
/// first byte is not noted.
pub(in crate::inbound) async fn client(
    stream: &mut TcpStream,
    breach: &Breach,
    trusted: &[AddressRange],
) -> Option<IpAddr> {
    let peer = breach.peer();
    if !is_trusted(trusted, peer) {
        debug!(%peer, "a connection from outside of trusted_proxies to a listener with proxy_protocol");
        breach.note(Violation::ProxyUntrusted);
        return None;
    }
    let why = match timeout(PROXY_HEADER_TIMEOUT, header(stream)).await {
        Ok(Ok(header)) => return Some(header.client.unwrap_or(peer)),
        Ok(Err(Missing::Nothing)) => return None,
        Ok(Err(Missing::Broken(why))) => why,
        Err(_) => "no whole PROXY header in time",
    };
    debug!(%peer, why, "closed: a connection to a listener with proxy_protocol");
    breach.note(Violation::ProxyHeader);
    None
}

async fn header(stream: &mut TcpStream) -> Result<ProxyHeader, Missing> {
    let (mut held, mut step) = (Vec::new(), [0; STEP_BYTES]);
    loop {
        let came = stream.peek(&mut step).await.map_err(|cause| ended(&held, &cause))?;
        let before = held.len();
        held.extend_from_slice(step.get(..came).unwrap_or_default());
        if came == 0 {
            return Err(ended(&held, &io::ErrorKind::UnexpectedEof.into()));
        }
        let header = proxy_header::read(&held).map_err(Missing::Broken)?;
        // Only what belongs to the header is taken out of the stream.
        let taken = header.map_or(came, |header| header.bytes.saturating_sub(before));
        let room = step.get_mut(..taken).unwrap_or_default();
        stream.read_exact(room).await.map_err(|cause| ended(&held, &cause))?;
        if let Some(header) = header {
            return Ok(header);
        }
    }
}

fn ended(held: &[u8], cause: &io::Error) -> Missing {
    if held.is_empty() {
        return Missing::Nothing;
    }
    debug!(%cause, "a connection ended within its PROXY header");
    Missing::Broken("a PROXY header without its end")
}
