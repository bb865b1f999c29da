//! Does each upstream answer MCP, at the address and with the credential that the gateway has?

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use url::Url;

use super::{own_file::OwnFile, words};
use crate::{
    base::{names::is_loopback_name, percent::unescape},
    cli::doctor::{finding::Finding, name_server::of_silent_dns},
    config::ServerSettings,
    outbound::{
        ask::{AskFault, AskFaultKind, Asker, WebAnswer, WebQuestion},
        credential::Credential,
        dial::{DialFaultKind, Peer},
        upstream::UpstreamSettings,
    },
};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"portcullis-doctor","version":"1"}}}"#;
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// What nginx says to plain HTTP at a port with TLS.
const WANTS_TLS: &[u8] = b"plain HTTP request was sent to HTTPS port";
/// What a question without TLS says of a port with TLS.
const SPEAKS_TLS: &str = "the port speaks TLS";
/// An upstream that takes longer to begin a session is reported.
const PATIENCE: Duration = Duration::from_secs(10);

/// One upstream of a server.
struct UpstreamOf<'a> {
    of: &'a OwnFile<'a>,
    server: &'a ServerSettings,
    upstream: &'a UpstreamSettings,
    /// The key of its URL.
    key: String,
    /// Whether it speaks the transport of MCP 2024-11-05.
    is_legacy: bool,
}

/// What is wrong with the upstreams.
pub(super) async fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for server in &of.settings().servers {
        let key = format!("servers.{}.upstream.url", server.name);
        let own = UpstreamOf { of, server, upstream: &server.upstream, key, is_legacy: false };
        findings.extend(own.check().await);
        if let Some(legacy) = &server.legacy_sse {
            let key = format!("servers.{}.legacy_sse.upstream", server.name);
            findings.extend(UpstreamOf { of, server, upstream: &legacy.upstream, key, is_legacy: true }.check().await);
        }
    }
    findings
}

impl UpstreamOf<'_> {
    async fn check(&self) -> Option<Finding> {
        if self.leads_back() {
            return Some(
                self.finding(
                    "upstream-is-gateway",
                    format!("{}, which is this gateway", words::without_query(&self.url())),
                )
                .expected("the address of the MCP server"),
            );
        }
        // The questions of this command show no certificate, which such an upstream wants.
        if self.upstream.client_certificate.is_some() {
            return None;
        }
        // A forward proxy would see the credential: the gateway asks upstreams without one, too.
        let direct = self.of.asker.direct();
        let asker = self.upstream.ca.as_ref().and_then(|ca| direct.trusting_only(ca).ok()).unwrap_or(direct);
        match asker.ask(&self.question(&self.url())).await {
            Err(fault) if self.speaks_plain_http(&asker, &fault).await => Some(self.is_plain(&fault)),
            Err(fault) => Some(self.of_fault(&fault)),
            Ok(answer) => {
                let finding = self.of_answer(&answer);
                if finding.is_none() {
                    self.end(&asker, &answer).await;
                }
                finding
            }
        }
    }

    fn url(&self) -> String {
        let UpstreamSettings { peer, authority, path_and_query, .. } = self.upstream;
        format!("{}://{authority}{path_and_query}", if peer.tls { "https" } else { "http" })
    }

    fn question<'q>(&self, url: &'q str) -> WebQuestion<'q> {
        let method = if self.is_legacy { Method::GET } else { Method::POST };
        let accept = if self.is_legacy { "text/event-stream" } else { "application/json, text/event-stream" };
        let mut question = WebQuestion::new(method, url).with(ACCEPT, HeaderValue::from_static(accept));
        if let Credential::Header(name, value) = &self.server.credential {
            question = question.with(name.clone(), value.clone());
        }
        if !self.is_legacy {
            question = question.with(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            question.body = Bytes::from_static(INITIALIZE.as_bytes());
        }
        question.within = PATIENCE;
        question.enough = Some(|body| body.windows(2).any(|end| end == b"\n\n"));
        question
    }

    /// Ends the session that the question has begun.
    async fn end(&self, asker: &Asker, answer: &WebAnswer) {
        let Some(session) = answer.fields.get(SESSION) else { return };
        let url = self.url();
        let mut question = self.question(&url).with(SESSION, session.clone());
        (question.method, question.body) = (Method::DELETE, Bytes::new());
        // A session that is not ended costs the upstream little.
        let _ = asker.ask(&question).await;
    }

    /// Whether the address is one of the gateway's own.
    fn leads_back(&self) -> bool {
        let settings = self.of.settings();
        let Peer { host, port, .. } = &self.upstream.peer;
        let is_here = |address: IpAddr| match host.parse::<IpAddr>() {
            Ok(dialled) => address == dialled || (address.is_unspecified() && dialled.is_loopback()),
            Err(_) => is_loopback_name(host) && (address.is_loopback() || address.is_unspecified()),
        };
        let is_listener = settings.listen.iter().any(|one| one.address.port() == *port && is_here(one.address.ip()));
        let path = self.upstream.path_and_query.split('?').next().unwrap_or_default();
        let is_public = host.eq_ignore_ascii_case(settings.public_url.host())
            && *port == settings.public_url.port()
            && settings.servers.iter().any(|server| *server.path == *path);
        is_listener || is_public
    }

    fn finding(&self, id: &'static str, found: impl Into<String>) -> Finding {
        Finding::new(id, self.of.at(&self.key)).found(found)
    }

    fn of_fault(&self, fault: &AskFault) -> Finding {
        use DialFaultKind as Dial;
        let told = |id, expected: &str| self.finding(id, words::of_fault(fault)).expected(expected);
        let kind = match fault.kind {
            AskFaultKind::Dial(kind) => kind,
            AskFaultKind::Http | AskFaultKind::Broken if fault.cause.contains(SPEAKS_TLS) => {
                return self.wants_tls(words::of_fault(fault));
            }
            AskFaultKind::Late => return told("upstream-timeout", "an answer within 10 s"),
            AskFaultKind::Url | AskFaultKind::Http | AskFaultKind::Broken => {
                return told("upstream-not-mcp", "an answer of HTTP");
            }
        };
        let host = &self.upstream.peer.host;
        match kind {
            Dial::Resolve | Dial::ResolveTimeout => {
                let finding = told("upstream-unresolvable", &format!("an address for {host}"));
                match of_silent_dns(fault) {
                    Some(fix) => finding.fix(fix),
                    None => finding.example(self.line("http://HOST:8000")),
                }
            }
            Dial::Refused => told("upstream-refused", "a server that listens there").example(
                self.line(&format!("{}://{host}:PORT", if self.upstream.peer.tls { "https" } else { "http" })),
            ),
            Dial::ConnectTimeout | Dial::TlsTimeout => told("upstream-timeout", "a connection"),
            Dial::TlsExpired | Dial::TlsNotYetValid => told("upstream-tls-expired", "a certificate that is valid now"),
            // What answers chooses these names: none of them is a line to write.
            Dial::TlsName => told("upstream-tls-name", &format!("a certificate for {host}")).fix(
                "if the operator of the MCP server confirms one of the names found, write it in `url`; otherwise another \
                 server answers there",
            ),
            Dial::TlsUnknownIssuer => {
                told("upstream-tls-unknown-issuer", "a certificate of a trusted authority").example("ca: ca.pem")
            }
            Dial::PlainHttp => self.is_plain(fault),
            Dial::TlsPort => self.wants_tls(words::of_fault(fault)),
            Dial::Tls | Dial::TlsOwn | Dial::TlsRefused => {
                told("upstream-tls", "TLS 1.2 or 1.3").example("tls: {certificate: gateway.crt, key: gateway.key}")
            }
            Dial::Address
            | Dial::Unreachable
            | Dial::Reset
            | Dial::NoPorts
            | Dial::NoDescriptors
            | Dial::Proxy
            | Dial::Connect => told("upstream-unreachable", "a connection"),
        }
    }

    /// Whether a port that does not finish a handshake answers plain HTTP. It is asked without the
    /// gateway's credential, and without the query, which may hold one.
    async fn speaks_plain_http(&self, asker: &Asker, fault: &AskFault) -> bool {
        let is_silent = matches!(fault.kind, AskFaultKind::Dial(DialFaultKind::Tls | DialFaultKind::TlsTimeout));
        if !is_silent {
            return false;
        }
        let UpstreamSettings { authority, path_and_query, .. } = self.upstream;
        let path = path_and_query.split('?').next().unwrap_or_default();
        asker.ask(&WebQuestion::new(Method::GET, &format!("http://{authority}{path}"))).await.is_ok()
    }

    fn is_plain(&self, fault: &AskFault) -> Finding {
        let line = format!("url: http{}", self.after_scheme());
        self.finding("upstream-https-on-http-port", words::of_fault(fault)).expected("TLS, as the URL says").line(line)
    }

    fn wants_tls(&self, found: String) -> Finding {
        let line = format!("url: https{}", self.after_scheme());
        self.finding("upstream-http-on-https-port", found).expected("plain HTTP, as the URL says").line(line)
    }

    /// The URL, from `://` on, as it may be shown.
    fn after_scheme(&self) -> String {
        format!("://{}{}", self.upstream.authority, self.target())
    }

    /// The line with another origin.
    fn line(&self, origin: &str) -> String {
        format!("url: {origin}{}", self.target())
    }

    /// Path and query; a query may hold a key, and is not shown.
    fn target(&self) -> String {
        words::without_query(&self.upstream.path_and_query)
    }

    fn of_answer(&self, answer: &WebAnswer) -> Option<Finding> {
        let told = |id, expected: &str| Some(self.finding(id, self.shown(answer)).expected(expected));
        let challenge = answer.text(&WWW_AUTHENTICATE).unwrap_or_default();
        if challenge.contains(&format!("{}/.well-known/", self.of.settings().public_url.origin())) {
            return told("upstream-is-gateway", "the address of the MCP server");
        }
        if answer.body.windows(WANTS_TLS.len()).any(|part| part == WANTS_TLS) {
            return Some(self.wants_tls(self.shown(answer)));
        }
        if let Some(location) = answer.location() {
            return Some(self.redirects(location));
        }
        let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
        match answer.status {
            StatusCode::UNAUTHORIZED => return self.unauthorized(answer),
            StatusCode::MISDIRECTED_REQUEST => return self.host_refused(answer),
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST if text.contains("host") && !text.contains("jsonrpc") => {
                return self.host_refused(answer);
            }
            StatusCode::FORBIDDEN if text.contains("invalid host") || text.contains("host not allowed") => {
                return self.host_refused(answer);
            }
            StatusCode::FORBIDDEN => return told("upstream-forbidden", "an answer of MCP"),
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => {
                return told("upstream-not-found", "an MCP endpoint at this path")
                    .map(|finding| finding.line(format!("url: {}", self.usual_path())));
            }
            status if status.is_server_error() => return told("upstream-error", "an answer of MCP"),
            _ => {}
        }
        let is_stream = answer.text(&CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/event-stream"));
        let is_message = text.contains("\"jsonrpc\"");
        match () {
            () if words::is_page(answer) => told("upstream-html", "an answer of MCP"),
            () if is_message || (is_stream && answer.status.is_success()) => None,
            () => told("upstream-not-mcp", "an answer of MCP"),
        }
    }

    /// 401: it is right where the token of each caller is passed on, as this question has none.
    fn unauthorized(&self, answer: &WebAnswer) -> Option<Finding> {
        let finding = self.finding("upstream-unauthorized", self.shown(answer));
        let finding = finding.expected("an answer to the gateway's own request");
        match &self.server.credential {
            Credential::Forward => None,
            Credential::Strip => Some(
                finding.line("credential: {header: {name: Authorization, value: \"env:UPSTREAM_AUTHORIZATION\"}}"),
            ),
            Credential::Header(name, _) => Some(finding.fix(format!(
                "the upstream refuses the value of `credential.header` that is in use ({name}): it may have expired, lack \
                 its scheme (`Bearer `), or be of another server"
            ))),
        }
    }

    /// A redirect. What it shows of the target is what cannot hold a credential, and the line that
    /// it names leads to the same host: an upstream must not choose which host gets the credential.
    fn redirects(&self, location: &str) -> Finding {
        let target = Url::parse(&self.url()).and_then(|own| Ok((own.join(location)?, own)));
        let finding = |found: String| self.finding("upstream-redirects", found).expected("an answer of MCP");
        let ask = "ask the operator of the upstream for the URL of its MCP endpoint";
        let Ok((mut target, own)) = target else {
            return finding("a redirect to something that is not a URL".to_owned()).fix(ask);
        };
        let is_same_host = own.host_str() == target.host_str()
            && (own.port_or_known_default() == target.port_or_known_default()
                || is_default(&own) && is_default(&target))
            && !(own.scheme() == "https" && target.scheme() != "https");
        let adds_query = target.query().is_some() && target.query() != own.query();
        let hides = self.repeats(target.as_str().as_bytes());
        // Both fail for URLs without a host alone, which have no user either.
        let _ = (target.set_username(""), target.set_password(None));
        target.set_fragment(None);
        target.set_query(None);
        let shown = match self.repeats(target.as_str().as_bytes()) {
            true if self.repeats(target.origin().ascii_serialization().as_bytes()) => {
                "a URL that is not shown".to_owned()
            }
            true => target.origin().ascii_serialization(),
            false => words::plain(target.as_str()),
        };
        let found = finding(format!("a redirect to {shown}"));
        match is_same_host {
            true if hides || adds_query => found.fix(ask),
            true => found.line(format!("url: {shown}{}", if own.query().is_some() { "?…" } else { "" })),
            false => found.fix(format!(
                "{ask}; the gateway follows to the same server alone, and a credential would go to another one"
            )),
        }
    }

    /// Whether a text has the gateway's credential in it, as it is or escaped as in a URL.
    fn repeats(&self, text: &[u8]) -> bool {
        let Credential::Header(_, value) = &self.server.credential else { return false };
        let secret = value.as_bytes().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        let unescaped: Vec<u8> = unescape(&String::from_utf8_lossy(text)).collect();
        let has = |text: &[u8]| text.windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret));
        !secret.is_empty() && (has(text) || has(&unescaped))
    }

    /// The answer in words, without a body that repeats the gateway's credential.
    fn shown(&self, answer: &WebAnswer) -> String {
        match self.repeats(&answer.body) {
            true => format!("status {}", answer.status.as_u16()),
            false => words::of_answer(answer),
        }
    }

    fn host_refused(&self, answer: &WebAnswer) -> Option<Finding> {
        let host = &self.upstream.authority;
        let finding = self.finding("upstream-host-refused", self.shown(answer));
        Some(finding.expected(format!("a server that accepts Host: {host}")).fix(format!(
            "allow {host:?} at the upstream: allowed_hosts=[{host:?}] of the Python SDK's TransportSecuritySettings, \
             FASTMCP_HTTP_ALLOWED_HOSTS, or --allowed-hosts"
        )))
    }

    /// The URL with the path that most MCP servers have.
    fn usual_path(&self) -> String {
        let url = self.url();
        let origin = url.strip_suffix(&*self.upstream.path_and_query).unwrap_or_default();
        format!("{origin}/mcp")
    }
}

/// Whether a URL has the usual port of its scheme.
fn is_default(url: &Url) -> bool {
    url.port().is_none()
}
