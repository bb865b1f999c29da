//! Says in words why a server did not answer: DNS, TCP, TLS and its certificate, HTTP.

use std::time::Duration;

use crate::{
    base::date::written,
    cli::doctor::{
        finding::Finding,
        name_server::{NO_NAME_SERVER, of_silent_dns},
    },
    outbound::{
        ask::{AskFault, AskFaultKind, PeerCertificate},
        dial::DialFaultKind,
    },
};

/// The finding of a failed question to `url`.
pub(super) fn finding(fault: &AskFault, url: &str) -> Finding {
    use DialFaultKind as Dial;
    let at = origin_of(url);
    let host = host_of(&at).to_owned();
    let kind = match fault.kind {
        AskFaultKind::Dial(kind) => kind,
        AskFaultKind::Url => return Finding::new("url-unusable", url).found(&fault.cause),
        AskFaultKind::Http => return Finding::new("not-http", at).found(&fault.cause).expected("an answer of HTTP"),
        AskFaultKind::Broken | AskFaultKind::Late => {
            return Finding::new("no-answer", url).found(&fault.cause).expected("an answer");
        }
    };
    let certificate = fault.certificate.as_ref();
    let found = words(fault);
    match kind {
        Dial::Resolve | Dial::ResolveTimeout => {
            let finding = Finding::new("name-unresolved", at).found(found).expected(format!("an address for {host}"));
            match of_silent_dns(fault) {
                Some(fix) => Finding { cause: NO_NAME_SERVER.to_owned(), ..finding.fix(fix) },
                None => finding,
            }
        }
        Dial::Address => {
            Finding::new("address-forbidden", at).found(found).expected(format!("an address of a service for {host}"))
        }
        Dial::Refused => Finding::new("connection-refused", at).found(found).expected("a server that listens there"),
        Dial::Reset => Finding::new("no-answer", at).found(found).expected("an answer"),
        Dial::Unreachable | Dial::Connect | Dial::ConnectTimeout | Dial::NoPorts | Dial::NoDescriptors => {
            Finding::new("host-unreachable", at).found(found).expected("a connection")
        }
        Dial::Proxy => Finding::new("forward-proxy", at).found(found).expected("a tunnel to it"),
        Dial::TlsName => {
            Finding::new("tls-name", at).found(found).expected(format!("a certificate for {host}")).fix(format!(
                "get a certificate that names {host}; if clients should use one of the other names, enter the URL with it"
            ))
        }
        Dial::TlsExpired => Finding::new("tls-expired", at).found(found).expected("a certificate that is valid now"),
        Dial::TlsNotYetValid => {
            Finding::new("tls-not-yet-valid", at).found(found).expected("a certificate that is valid now")
        }
        Dial::TlsUnknownIssuer => Finding::new("tls-unknown-issuer", at)
            .found(found)
            .expected("a chain of certificates to an authority that clients trust")
            .fix(trust(certificate)),
        Dial::TlsOwn => Finding::new("tls-client-certificate", at).found(found).expected("TLS without a certificate of the client"),
        Dial::TlsRefused => {
            Finding::new("tls-refused", at).found(found).expected(format!("a certificate for {host}"))
        }
        Dial::TlsPort => Finding::new("not-http", at).found(found).expected("an answer of HTTP"),
        Dial::Tls | Dial::PlainHttp | Dial::TlsTimeout => Finding::new("tls-failed", at).found(found).expected("TLS 1.2 or 1.3"),
    }
}

/// The failure in one sentence.
pub(crate) fn words(fault: &AskFault) -> String {
    use DialFaultKind as Dial;
    let AskFaultKind::Dial(kind) = fault.kind else { return fault.cause.clone() };
    match (kind, &fault.certificate) {
        (Dial::TlsName, Some(certificate)) => match certificate.names.is_empty() {
            true => "a certificate without a name in subjectAltName, which clients need".to_owned(),
            false => format!("a certificate for {}", certificate.names.join(", ")),
        },
        (Dial::TlsExpired, Some(certificate)) => {
            format!("a certificate that expired at {}", moment(certificate.valid_until))
        }
        (Dial::TlsNotYetValid, Some(certificate)) => {
            format!("a certificate that is valid from {} on", moment(certificate.valid_from))
        }
        (Dial::TlsUnknownIssuer, Some(certificate)) => {
            let issued = match (certificate.is_self_signed, certificate.sent_besides) {
                (true, _) => "signed by itself".to_owned(),
                (false, 0) => format!("issued by {}, which was not sent with it", certificate.issuer),
                (false, _) => format!("issued by {}, which is not trusted", certificate.issuer),
            };
            format!("a certificate {issued}")
        }
        (Dial::PlainHttp, _) => "an answer that is not TLS: the port speaks plain HTTP or another protocol".to_owned(),
        (Dial::TlsOwn, _) => {
            let alert = fault.cause.rsplit_once("(alert ").map(|(_, alert)| format!(" (alert {alert}"));
            format!("the server refuses a client without a certificate{}", alert.unwrap_or_default())
        }
        (Dial::Tls | Dial::Proxy | Dial::Connect | Dial::TlsRefused, _) => fault.cause.clone(),
        (other, _) => format!("it {} ({})", other.phrase(), fault.cause),
    }
}

fn trust(certificate: Option<&PeerCertificate>) -> String {
    match certificate {
        Some(of) if !of.is_self_signed && of.sent_besides == 0 => return format!(
            "if {} is a public authority, let the server send the whole chain: its own certificate and then the intermediate ones (`fullchain.pem`). If it is a private one, add it to the trust store of each client (cloud clients cannot do that), and examine with --ca FILE",
            of.issuer
        ),
        Some(of) if of.is_self_signed => {
            "get a certificate of a public authority, such as Let's Encrypt; or add this one to the trust store of each client (for Node.js: NODE_EXTRA_CA_CERTS); cloud clients cannot do that. Examine with --ca FILE"
        }
        _ => {
            "get a certificate of a public authority; or add the private authority to the trust store of each client, and examine with --ca FILE"
        }
    }
    .to_owned()
}

/// A moment of a certificate.
pub(super) fn moment(secs: i64) -> String {
    written(Duration::from_secs(u64::try_from(secs).unwrap_or_default()))
}

/// Scheme, host and port of a URL.
pub(super) fn origin_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{}://{}", scheme.to_ascii_lowercase(), authority.to_ascii_lowercase())
}

/// Host of an origin.
pub(crate) fn host_of(origin: &str) -> &str {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The path of a URL, and what follows it.
pub(super) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
}

/// Whether a URL is plain HTTP over a network.
pub(crate) fn is_open_http(url: &str) -> bool {
    let origin = origin_of(url);
    origin.starts_with("http://") && !crate::base::names::is_loopback_name(host_of(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_4_doctor_tells_a_name_server_that_is_silent_from_a_name_without_an_address() {
        let of = |cause: &str| {
            let kind = AskFaultKind::Dial(DialFaultKind::Resolve);
            finding(&AskFault { kind, cause: cause.to_owned(), certificate: None }, "https://mcp.example.com/mcp")
        };
        let silent = of("failed to lookup address information: Temporary failure in name resolution");
        assert_eq!((silent.id, silent.cause.as_str()), ("name-unresolved", NO_NAME_SERVER));
        assert!(silent.fix.contains("name server"), "{}", silent.fix);
        let unknown = of("failed to lookup address information: Name or service not known");
        assert_eq!((unknown.id, unknown.cause.as_str(), unknown.fix.as_str()), ("name-unresolved", "", ""));
    }
}
