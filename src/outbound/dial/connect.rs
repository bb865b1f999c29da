//! Connects to the first address of a name that answers (RFC 8305).

use std::{
    future::{Future, poll_fn},
    io,
    net::IpAddr,
    pin::Pin,
    task::Poll,
};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::fault::{DialFault, DialFaultKind};
use crate::{
    base::limits::upstreams::{CONNECT_AT_ONCE_MAX, CONNECT_NEXT_AFTER},
    outbound::address::AddressRule,
};

type Attempt = Pin<Box<dyn Future<Output = Result<TcpStream, DialFault>> + Send>>;

/// Connects to the first address that answers. The next address is tried as soon as the previous
/// one fails, and after a short time while it is silent, so that a network without IPv6, or a dead
/// instance, does not hold up the connection.
pub(super) async fn first(
    addresses: &[IpAddr],
    port: u16,
    rule: AddressRule,
    deadline: Instant,
) -> Result<TcpStream, DialFault> {
    // One forbidden address makes the name forbidden: a mixed answer looks like DNS rebinding.
    if addresses.iter().any(|address| !rule.permits(*address)) {
        let cause =
            io::Error::new(io::ErrorKind::PermissionDenied, "the name leads to an address that may not be dialled");
        return Err(DialFault { kind: DialFaultKind::Address, cause });
    }
    let mut waiting = in_turns(addresses).into_iter();
    let mut under_way: Vec<Attempt> = Vec::new();
    let mut fault: Option<DialFault> = None;
    loop {
        if under_way.len() < CONNECT_AT_ONCE_MAX
            && let Some(address) = waiting.next()
        {
            under_way.push(Box::pin(attempt(address, port)));
        }
        if under_way.is_empty() {
            break;
        }
        let is_last = waiting.len() == 0 || under_way.len() == CONNECT_AT_ONCE_MAX;
        let until = if is_last { deadline } else { deadline.min(Instant::now() + CONNECT_NEXT_AFTER) };
        match timeout_at(until, ended(&mut under_way)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            // Without IPv6 the system reports every IPv6 address as unreachable. That must not hide
            // the error of an IPv4 address.
            Ok(Err(failed)) => {
                if fault.as_ref().is_none_or(|before| before.kind == DialFaultKind::Unreachable) {
                    fault = Some(failed);
                }
            }
            Err(_) if until < deadline => {}
            Err(_) => {
                let silent = DialFault { kind: DialFaultKind::ConnectTimeout, cause: io::ErrorKind::TimedOut.into() };
                return Err(fault.filter(|fault| fault.kind != DialFaultKind::Unreachable).unwrap_or(silent));
            }
        }
    }
    Err(fault.unwrap_or_else(|| DialFault {
        kind: DialFaultKind::Resolve,
        cause: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
    }))
}

async fn attempt(address: IpAddr, port: u16) -> Result<TcpStream, DialFault> {
    let connected = TcpStream::connect((address, port)).await;
    connected.map_err(|cause| DialFault { kind: DialFaultKind::of_connect(&cause, address), cause })
}

/// The result of the first attempt that ends, which is taken out.
async fn ended(under_way: &mut Vec<Attempt>) -> Result<TcpStream, DialFault> {
    poll_fn(|cx| {
        let mut results = under_way.iter_mut().enumerate();
        let found = results.find_map(|(at, attempt)| match attempt.as_mut().poll(cx) {
            Poll::Ready(result) => Some((at, result)),
            Poll::Pending => None,
        });
        match found {
            Some((at, result)) => {
                drop(under_way.swap_remove(at));
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    })
    .await
}

/// The addresses as the resolver sorts them (RFC 6724), with the families taking turns.
fn in_turns(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let mut one = addresses.iter().filter(|address| address.is_ipv6() == is_v6);
    let mut other = addresses.iter().filter(|address| address.is_ipv6() != is_v6);
    let mut turns = Vec::with_capacity(addresses.len());
    loop {
        let pair = [one.next(), other.next()];
        if pair == [None, None] {
            return turns;
        }
        turns.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn people_c7_the_families_take_turns() {
        for (given, turns) in [
            (
                &["::1", "::2", "127.0.0.1", "127.0.0.2", "127.0.0.3"][..],
                &["::1", "127.0.0.1", "::2", "127.0.0.2", "127.0.0.3"][..],
            ),
            (&["127.0.0.1", "127.0.0.2", "::1"], &["127.0.0.1", "::1", "127.0.0.2"]),
            (&["127.0.0.1"], &["127.0.0.1"]),
            (&[], &[]),
        ] {
            assert_eq!(in_turns(&addresses(given)), addresses(turns));
        }
    }

    /// A port of `address` whose queue of connections is full, so that the system drops what comes.
    async fn silent(address: &str) -> (u16, TcpListener, Vec<tokio::task::JoinHandle<io::Result<TcpStream>>>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address.parse::<IpAddr>().unwrap(), 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let at = listener.local_addr().unwrap();
        let mut fillers = Vec::new();
        while fillers.iter().filter(|filler: &&tokio::task::JoinHandle<_>| !filler.is_finished()).count() < 2 {
            fillers.push(tokio::spawn(TcpStream::connect(at)));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (at.port(), listener, fillers)
    }

    #[tokio::test]
    async fn people_c7_a_silent_address_does_not_hold_up_the_next() {
        let (port, _silent, _fillers) = silent("127.0.0.61").await;
        let listener = TcpListener::bind(("127.0.0.62", port)).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(3_600);
        let both = addresses(&["127.0.0.61", "127.0.0.62"]);
        let connect = first(&both, port, AddressRule::Configured, deadline);
        let tcp = tokio::time::timeout(Duration::from_secs(60), connect).await.unwrap().unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), listener.local_addr().unwrap());
    }

    #[tokio::test]
    async fn people_c7_what_failed_is_told_before_what_was_silent() {
        let (port, _silent, _fillers) = silent("127.0.0.63").await;
        let deadline = || Instant::now() + Duration::from_secs(1);
        for all in [&["127.0.0.63", "127.0.0.64"][..], &["127.0.0.64", "127.0.0.63"]] {
            let fault = first(&addresses(all), port, AddressRule::Configured, deadline()).await.unwrap_err();
            assert_eq!(fault.kind, DialFaultKind::Refused);
        }
        let fault = first(&addresses(&["127.0.0.63"]), port, AddressRule::Configured, deadline()).await.unwrap_err();
        assert_eq!(fault.kind, DialFaultKind::ConnectTimeout);
        let fault = first(&[], port, AddressRule::Configured, deadline()).await.unwrap_err();
        assert_eq!(fault.kind, DialFaultKind::Resolve);
        let mixed = addresses(&["127.0.0.62", "169.254.169.254"]);
        let fault = first(&mixed, port, AddressRule::Configured, deadline()).await.unwrap_err();
        assert_eq!(fault.kind, DialFaultKind::Address, "all or none");
    }
}
