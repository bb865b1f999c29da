//! Opens a connection through a forward proxy: CONNECT (RFC 9110 §9.3.6), then TLS inside.

use std::{io, net::IpAddr, pin::pin, time::Duration};

use bytes::Bytes;
use http::{
    Request, StatusCode,
    header::{HOST, PROXY_AUTHORIZATION, USER_AGENT},
};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    select,
    time::{Instant, timeout_at},
};

use super::{DialFault, DialFaultKind, Dialler, Peer, PlainStream, Stream};
use crate::{
    base::limits::fetch::{FETCH_HEAD_BYTES_MAX, FETCH_HEAD_FIELDS_MAX},
    outbound::{address::AddressRule, proxy::ForwardProxy},
};

/// How many addresses of a name the proxy is asked to connect to.
const ADDRESSES_MAX: usize = 3;

impl Dialler {
    /// Dials `peer` through `proxy` within `limit`.
    ///
    /// The proxy resolves a host of the configuration. A host of a fetched document is resolved
    /// here, and the proxy gets an address that was checked: it would reach hosts of the internal
    /// network, and an attacker chooses the name (SPEC D-30).
    ///
    /// # Errors
    /// [`DialFault`].
    pub async fn tunnel(
        &self,
        proxy: &ForwardProxy,
        peer: &Peer,
        rule: AddressRule,
        limit: Duration,
    ) -> Result<Stream, DialFault> {
        let deadline = Instant::now() + limit;
        let tunnel = async {
            let mut last = None;
            for target in self.targets(peer, rule).await? {
                let Stream::Plain(PlainStream { tcp, .. }) =
                    self.dial(&proxy.peer, AddressRule::Configured, limit).await?
                else {
                    return Err(failed("the connection to it is not plain TCP"));
                };
                match connect(tcp, proxy, &target).await {
                    Ok(tcp) if peer.tls => return self.secure(tcp, &peer.host).await,
                    Ok(tcp) => return Ok(Stream::Plain(tcp.into())),
                    Err(fault) => last = Some(fault),
                }
            }
            Err(last.unwrap_or_else(|| failed("there is no address to ask for")))
        };
        let late = |_| DialFault {
            kind: DialFaultKind::ConnectTimeout,
            cause: io::Error::new(io::ErrorKind::TimedOut, format!("not done within {limit:?}")),
        };
        timeout_at(deadline, tunnel).await.map_err(late)?
    }

    /// The targets that the proxy is asked to connect to, one after another, until it reaches one.
    async fn targets(&self, peer: &Peer, rule: AddressRule) -> Result<Vec<String>, DialFault> {
        let forbidden = |what: &str| DialFault {
            kind: DialFaultKind::Address,
            cause: io::Error::new(io::ErrorKind::PermissionDenied, what),
        };
        if let Ok(address) = peer.host.parse::<IpAddr>() {
            return match rule.permits(address) {
                true => Ok(vec![peer.authority()]),
                false => Err(forbidden("the address may not be dialled")),
            };
        }
        if rule == AddressRule::Configured {
            return Ok(vec![peer.authority()]);
        }
        let addresses = self.resolver.resolve(&peer.host, rule).await.map_err(|cause| {
            let why = format!(
                "a client chose this name, and the gateway itself must resolve it before the proxy is asked: {cause}"
            );
            DialFault { kind: DialFaultKind::Resolve, cause: io::Error::new(cause.kind(), why) }
        })?;
        if addresses.iter().any(|address| !rule.permits(*address)) {
            return Err(forbidden("the name leads to an address that may not be dialled"));
        }
        // More proxies reach IPv4 than IPv6.
        let (v4, v6): (Vec<&IpAddr>, Vec<&IpAddr>) = addresses.iter().partition(|address| address.is_ipv4());
        let first = v4.into_iter().chain(v6).take(ADDRESSES_MAX);
        let targets = first.map(|address| Peer { host: address.to_string().into(), ..peer.clone() }.authority());
        let targets: Vec<String> = targets.collect();
        if targets.is_empty() { Err(forbidden("the name has no address")) } else { Ok(targets) }
    }
}

/// Asks the proxy at the other end of `tcp` for a connection to `target`.
async fn connect(tcp: TcpStream, proxy: &ForwardProxy, target: &str) -> Result<TcpStream, DialFault> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(FETCH_HEAD_FIELDS_MAX)
        .max_buf_size(FETCH_HEAD_BYTES_MAX)
        .handshake(TokioIo::new(tcp))
        .await
        .map_err(failed)?;
    let mut request = Request::connect(target)
        .header(HOST, target)
        .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(failed)?;
    if let Some(authorization) = &proxy.authorization {
        request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
    }
    let mut connection = pin!(connection.with_upgrades());
    let mut exchange = pin!(sender.send_request(request));
    let mut has_ended = false;
    let answer = select! {
        biased;
        answer = &mut exchange => answer,
        _ = &mut connection => {
            has_ended = true;
            exchange.await
        }
    };
    let answer = answer.map_err(failed)?;
    match answer.status() {
        status if status.is_success() => {}
        StatusCode::PROXY_AUTHENTICATION_REQUIRED if proxy.authorization.is_some() => {
            return Err(failed("it refuses the credentials (407): check the user and the password in its URL"));
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            return Err(failed("it asks for credentials (407): write http://user:password@host:port"));
        }
        status => {
            let advice = match status.as_u16() {
                403 | 405 => "permit it there",
                502..=504 => {
                    "the proxy cannot resolve or reach it; name it in NO_PROXY if it is reached without a proxy"
                }
                _ => "look in the log of the proxy",
            };
            return Err(failed(format!("it answers CONNECT {target} with {status}: {advice}")));
        }
    }
    if !has_ended {
        // It ends as soon as the library gives up the socket.
        let _ = connection.await;
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(failed)?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| failed("the tunnel is lost"))?;
    // In TLS the client speaks first.
    if !parts.read_buf.is_empty() {
        return Err(failed("it sends bytes of its own into the tunnel"));
    }
    Ok(parts.io.into_inner())
}

fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DialFault {
    DialFault { kind: DialFaultKind::Proxy, cause: io::Error::other(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::{
        fetch::{client_tls, tls_roots},
        resolve::Resolver,
    };

    #[tokio::test]
    async fn people_a8_attack_275_a_name_that_a_client_chose_is_resolved_before_the_proxy_is_asked() {
        let resolver = Resolver::new(Box::new(|host| {
            Box::pin(async move {
                match &*host {
                    "public.example" => Ok(vec!["2606:4700::1".parse().unwrap(), "93.184.216.34".parse().unwrap()]),
                    "inside.example" => Ok(vec!["10.0.0.7".parse().unwrap()]),
                    "mixed.example" => Ok(vec!["93.184.216.34".parse().unwrap(), "127.0.0.1".parse().unwrap()]),
                    _ => Err(io::ErrorKind::NotFound.into()),
                }
            })
        }));
        let dialler = Dialler { tls: client_tls(tls_roots(&[]).unwrap(), false), resolver };
        let at = |host: &str| Peer { host: host.into(), port: 8443, tls: true };
        for (host, rule, asked) in [
            ("public.example", AddressRule::PublicOnly, Ok("93.184.216.34:8443 [2606:4700::1]:8443")),
            ("93.184.216.34", AddressRule::PublicOnly, Ok("93.184.216.34:8443")),
            ("inside.example", AddressRule::PublicOnly, Err(DialFaultKind::Address)),
            ("mixed.example", AddressRule::PublicOnly, Err(DialFaultKind::Address)),
            ("unknown.example", AddressRule::PublicOnly, Err(DialFaultKind::Resolve)),
            ("10.0.0.7", AddressRule::PublicOnly, Err(DialFaultKind::Address)),
            ("169.254.169.254", AddressRule::Configured, Err(DialFaultKind::Address)),
            ("unknown.example", AddressRule::Configured, Ok("unknown.example:8443")),
            ("10.0.0.7", AddressRule::Configured, Ok("10.0.0.7:8443")),
            ("2001:db8::1", AddressRule::Configured, Ok("[2001:db8::1]:8443")),
        ] {
            let found = dialler.targets(&at(host), rule).await.map(|all| all.join(" ")).map_err(|fault| fault.kind);
            assert_eq!(found, asked.map(str::to_owned), "{host} {rule:?}");
        }
    }
}
