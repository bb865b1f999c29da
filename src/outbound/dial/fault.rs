//! Why a connection could not be opened: label for metrics and logs, phrase for clients, advice.

use std::{io, net::IpAddr};

use rustls::{CertificateError, OtherError};

use super::{
    certificate::{OwnRefused, is_not_pinned, refused_name, told},
    mismatch::{answers_without_tls, without_tls},
};

/// The process has no descriptor left, or the system has none (Linux: EMFILE, ENFILE).
const NO_DESCRIPTORS: [i32; 2] = [24, 23];

/// How opening a connection failed.
#[derive(Debug)]
pub struct DialFault {
    /// The kind, for metrics and decisions.
    pub kind: DialFaultKind,
    /// The cause, for logs.
    pub cause: io::Error,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFaultKind {
    /// The name has no address, or DNS reports a failure.
    Resolve,
    /// DNS does not answer.
    ResolveTimeout,
    /// The name leads to an address that may not be dialled.
    Address,
    /// The port is closed.
    Refused,
    /// No route.
    Unreachable,
    /// The peer closed the connection before a request.
    Reset,
    /// This host has no local port left for the peer.
    NoPorts,
    /// This process has no file descriptor left.
    NoDescriptors,
    /// The forward proxy does not open a tunnel.
    Proxy,
    /// Any other failure of TCP.
    Connect,
    /// The port does not answer.
    ConnectTimeout,
    /// The certificate has expired.
    TlsExpired,
    /// The certificate is not valid yet.
    TlsNotYetValid,
    /// The certificate's issuer is not trusted.
    TlsUnknownIssuer,
    /// The certificate is for another host.
    TlsName,
    /// The peer refuses the gateway's own certificate, or wants one.
    TlsOwn,
    /// The peer refuses the handshake: it may have no certificate for the name.
    TlsRefused,
    /// The port answers without TLS.
    PlainHttp,
    /// The port speaks TLS, and was asked without.
    TlsPort,
    /// Any other failure of TLS.
    Tls,
    /// The handshake, of TLS or of HTTP/2, does not end.
    TlsTimeout,
}

impl DialFaultKind {
    /// The stable label of metrics and logs, and the phrase that a client reads after "the MCP
    /// server behind this gateway".
    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Resolve => ("resolve", "cannot be reached: its name has no address"),
            Self::ResolveTimeout => ("resolve_timeout", "cannot be reached: DNS does not answer"),
            Self::Address => ("address", "cannot be reached: its name leads to an address that may not be dialled"),
            Self::Refused => ("refused", "cannot be reached: it refuses connections"),
            Self::Unreachable => ("unreachable", "cannot be reached: the network has no route to it"),
            Self::Reset => ("reset", "cannot be reached: it hangs up on new connections"),
            Self::NoPorts => ("no_ports", "cannot be reached: the gateway has no local port left for it"),
            Self::NoDescriptors => ("no_descriptors", "cannot be reached: the gateway has no file descriptor left"),
            Self::Proxy => ("proxy", "cannot be reached: the forward proxy opens no tunnel to it"),
            Self::Connect => ("connect", "cannot be reached"),
            Self::ConnectTimeout => ("connect_timeout", "did not take a connection in time"),
            Self::TlsExpired => ("tls_expired", "cannot be reached: its certificate has expired"),
            Self::TlsNotYetValid => ("tls_not_yet_valid", "cannot be reached: its certificate is not valid yet"),
            Self::TlsUnknownIssuer => {
                ("tls_unknown_issuer", "cannot be reached: its certificate's issuer is not trusted")
            }
            Self::TlsName => ("tls_name", "cannot be reached: its certificate is for another host"),
            Self::TlsOwn => ("tls_own", "cannot be reached: it refuses the gateway's certificate"),
            Self::TlsRefused => ("tls_refused", "cannot be reached: it refuses the TLS handshake for this name"),
            Self::PlainHttp => ("plain_http", "cannot be reached: its port answers without TLS"),
            Self::TlsPort => ("tls_port", "cannot be reached: its port speaks TLS, and was asked without"),
            Self::Tls => ("tls", "cannot be reached: the TLS handshake failed"),
            Self::TlsTimeout => ("tls_timeout", "did not finish the handshake in time"),
        }
    }

    /// The label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.row().0
    }

    /// The phrase for clients.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        self.row().1
    }

    /// The advice for operators.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Resolve | Self::ResolveTimeout => "check the host in upstream.url, and the name servers of this host",
            Self::Address => "name a host that belongs to a service, not a link-local or metadata address",
            Self::NoPorts => "let the upstream keep connections open, or widen net.ipv4.ip_local_port_range",
            Self::NoDescriptors => "raise the limit on open files (ulimit -n, LimitNOFILE=)",
            Self::TlsExpired | Self::TlsNotYetValid | Self::TlsUnknownIssuer | Self::TlsName | Self::Tls => {
                "check the upstream's certificate, upstream.ca and upstream.tls"
            }
            Self::PlainHttp => "write http:// in upstream.url, or name the port that speaks TLS",
            Self::TlsPort => "write https:// in upstream.url, or name the port that speaks plain HTTP",
            Self::TlsRefused => {
                "see whether the upstream has a certificate for the host of upstream.url; check upstream.tls, if it asks for one"
            }
            Self::TlsOwn => "check upstream.tls.certificate and upstream.tls.key, which the upstream asks for",
            _ => "check that the upstream runs, and upstream.url",
        }
    }

    /// Whether the time ran out.
    #[must_use]
    pub fn is_timeout(self) -> bool {
        matches!(self, Self::ResolveTimeout | Self::ConnectTimeout | Self::TlsTimeout)
    }

    /// Whether it may help to dial again soon, as during a restart. The name of a service without a
    /// ready instance has no address for a while, and a proxy in front of it closes connections. A
    /// certificate does not change so soon.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            Self::Resolve
                | Self::Refused
                | Self::Unreachable
                | Self::Reset
                | Self::NoPorts
                | Self::NoDescriptors
                | Self::Connect
        )
    }

    /// The kind of a failed `connect` to `address`.
    pub(super) fn of_connect(cause: &io::Error, address: IpAddr) -> Self {
        use io::ErrorKind::{
            AddrNotAvailable, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkDown,
            NetworkUnreachable, TimedOut,
        };
        if cause.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code)) {
            return Self::NoDescriptors;
        }
        match cause.kind() {
            ConnectionRefused => Self::Refused,
            HostUnreachable | NetworkUnreachable | NetworkDown => Self::Unreachable,
            ConnectionReset | ConnectionAborted => Self::Reset,
            TimedOut => Self::ConnectTimeout,
            // A host without IPv6 reports this for every IPv6 address.
            AddrNotAvailable if address.is_ipv6() => Self::Unreachable,
            AddrNotAvailable => Self::NoPorts,
            _ => Self::Connect,
        }
    }

    /// The kind of a failed TLS handshake.
    fn of_tls(cause: &io::Error) -> Self {
        if is_hang_up(cause) {
            return Self::Reset;
        }
        let inner = cause.get_ref();
        if inner.is_some_and(|inner| inner.is::<OwnRefused>()) {
            return Self::TlsOwn;
        }
        if answers_without_tls(cause) {
            return Self::PlainHttp;
        }
        let Some(rustls::Error::InvalidCertificate(fault)) = inner.and_then(|inner| inner.downcast_ref()) else {
            return Self::Tls;
        };
        match fault {
            fault if is_not_pinned(fault) => Self::TlsUnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::TlsExpired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::TlsNotYetValid,
            CertificateError::UnknownIssuer => Self::TlsUnknownIssuer,
            // As `openssl req -x509` makes it: it may issue others, and it is not trusted.
            CertificateError::Other(OtherError(why))
                if why.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) =>
            {
                Self::TlsUnknownIssuer
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::TlsName,
            _ => Self::Tls,
        }
    }
}

impl DialFault {
    /// A failed TLS handshake.
    pub(super) fn of_tls(cause: io::Error) -> Self {
        let kind = DialFaultKind::of_tls(&cause);
        if kind == DialFaultKind::PlainHttp {
            return Self { kind, cause: without_tls() };
        }
        if let Some(refused) = refused_name(&cause) {
            return Self { kind: DialFaultKind::TlsRefused, cause: io::Error::new(cause.kind(), refused) };
        }
        let cause = told(cause);
        // An alert is the peer's word about the gateway's certificate.
        let kind = if kind == DialFaultKind::Tls { DialFaultKind::of_tls(&cause) } else { kind };
        Self { kind, cause }
    }
}

/// Whether the peer closed the connection, in any way.
fn is_hang_up(cause: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(cause.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::certificate::is_own_refused, *};

    const ALL: [DialFaultKind; 21] = [
        DialFaultKind::Resolve,
        DialFaultKind::ResolveTimeout,
        DialFaultKind::Address,
        DialFaultKind::Refused,
        DialFaultKind::Unreachable,
        DialFaultKind::Reset,
        DialFaultKind::NoPorts,
        DialFaultKind::NoDescriptors,
        DialFaultKind::Proxy,
        DialFaultKind::Connect,
        DialFaultKind::ConnectTimeout,
        DialFaultKind::TlsExpired,
        DialFaultKind::TlsNotYetValid,
        DialFaultKind::TlsUnknownIssuer,
        DialFaultKind::TlsName,
        DialFaultKind::TlsOwn,
        DialFaultKind::TlsRefused,
        DialFaultKind::PlainHttp,
        DialFaultKind::TlsPort,
        DialFaultKind::Tls,
        DialFaultKind::TlsTimeout,
    ];

    #[test]
    fn attack_182_each_cause_has_a_label_of_its_own() {
        for (at, kind) in ALL.into_iter().enumerate() {
            assert!(ALL.into_iter().skip(at + 1).all(|other| other.label() != kind.label()), "{kind:?}");
        }
    }

    #[test]
    fn attack_182_the_systems_errors_are_told_apart() {
        let (v4, v6) = ("127.0.0.1".parse().unwrap(), "::1".parse().unwrap());
        for (code, address, why) in [
            (111, v4, DialFaultKind::Refused),
            (99, v4, DialFaultKind::NoPorts),
            (99, v6, DialFaultKind::Unreachable),
            (101, v4, DialFaultKind::Unreachable),
            (113, v4, DialFaultKind::Unreachable),
            (104, v4, DialFaultKind::Reset),
            (110, v4, DialFaultKind::ConnectTimeout),
            (24, v4, DialFaultKind::NoDescriptors),
            (23, v4, DialFaultKind::NoDescriptors),
            (13, v4, DialFaultKind::Connect),
        ] {
            assert_eq!(DialFaultKind::of_connect(&io::Error::from_raw_os_error(code), address), why, "errno {code}");
        }
        let of = |fault| io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(fault));
        for (cause, why) in [
            (of(CertificateError::Expired), DialFaultKind::TlsExpired),
            (of(CertificateError::NotValidYet), DialFaultKind::TlsNotYetValid),
            (of(CertificateError::UnknownIssuer), DialFaultKind::TlsUnknownIssuer),
            (of(CertificateError::NotValidForName), DialFaultKind::TlsName),
            (
                of(CertificateError::Other(OtherError(Arc::new(webpki::Error::CaUsedAsEndEntity)))),
                DialFaultKind::TlsUnknownIssuer,
            ),
            (of(CertificateError::BadSignature), DialFaultKind::Tls),
            (io::ErrorKind::UnexpectedEof.into(), DialFaultKind::Reset),
            (io::ErrorKind::InvalidData.into(), DialFaultKind::Tls),
        ] {
            assert_eq!(DialFaultKind::of_tls(&cause), why, "{cause}");
        }
        let answer = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let fault = DialFault::of_tls(io::Error::new(io::ErrorKind::InvalidData, answer));
        assert_eq!((fault.kind, fault.kind.may_pass()), (DialFaultKind::PlainHttp, false));
        assert!(fault.cause.to_string().starts_with("the port answers without TLS"), "{}", fault.cause);
        let alert = |alert| io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(alert));
        let fault = DialFault::of_tls(alert(rustls::AlertDescription::CertificateExpired));
        assert_eq!(fault.kind, DialFaultKind::TlsOwn);
        assert!(is_own_refused(&fault.cause.to_string()) && fault.cause.to_string().ends_with("it has expired"));
        assert_eq!(DialFault::of_tls(alert(rustls::AlertDescription::HandshakeFailure)).kind, DialFaultKind::Tls);
        // Servers without a certificate for a name send these.
        for refused in [rustls::AlertDescription::AccessDenied, rustls::AlertDescription::UnrecognisedName] {
            let fault = DialFault::of_tls(alert(refused));
            assert_eq!(fault.kind, DialFaultKind::TlsRefused);
            assert!(fault.cause.to_string().contains("no certificate for this name"), "{}", fault.cause);
        }
    }
}
