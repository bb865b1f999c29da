//! Does the gateway run with this file, and if not, could it start: ports, limits, keys?

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http::{Method, StatusCode, header::WWW_AUTHENTICATE};
use rustix::process::{Resource, getrlimit};
use serde_json::Value;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use super::{notes, own_file::OwnFile, words};
use crate::{
    cli::doctor::finding::Finding,
    config::{ListenSettings, environment::process_environment},
    outbound::{
        ask::{WebAnswer, WebQuestion},
        dial::Peer,
        reach::ReachAt,
    },
};

/// How long the admin port, which is on this machine as a rule, may take.
const ADMIN_PATIENCE: Duration = Duration::from_secs(2);
/// How long a connection within this machine may take.
const PORT_PATIENCE: Duration = Duration::from_secs(1);
/// How often, and after which pause, a gateway that has just started is asked again.
const STARTING_TRIES: usize = 10;
const STARTING_PAUSE: Duration = Duration::from_millis(300);
/// With fewer open files, a few hundred clients fill the gateway.
const OPEN_FILES_LEAST: u64 = 1_024;

/// What is at the admin port.
enum AtAdmin {
    /// A gateway.
    Gateway(Box<WebAnswer>),
    /// Something else.
    Other,
    /// No answer.
    Nothing,
    /// The file does not say where it is.
    Unknown,
}

/// What is wrong with the process, or would hinder it.
pub(super) async fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let settings = of.settings();
    let mut findings: Vec<Finding> = limits(of).into_iter().collect();
    match at_admin(of).await {
        AtAdmin::Gateway(answer) => {
            let settled = settled(of, *answer).await;
            findings.extend(running(of, &settled).await);
        }
        AtAdmin::Other => findings.push(
            Finding::new("port-taken", of.at("admin.address"))
                .found(format!("{} answers, and is not a gateway", settings.admin))
                .expected("the gateway's admin port, or nothing")
                .line("admin: {address: \"127.0.0.1:9902\"}"),
        ),
        AtAdmin::Nothing => findings.extend(ports(of).await),
        AtAdmin::Unknown => {}
    }
    let is_pod = process_environment("KUBERNETES_SERVICE_HOST").is_some();
    // Probes and monitoring ask the address of a pod.
    if is_public(settings.admin.ip()) && !is_pod {
        let finding = Finding::new("admin-public", of.at("admin.address")).found(settings.admin.to_string());
        let line = format!("admin: {{address: \"127.0.0.1:{}\"}}", settings.admin.port());
        findings.push(finding.expected("an address that monitoring alone reaches").line(line).warning());
    }
    if settings.session_keys.is_empty() && is_pod {
        let finding =
            Finding::new("session-keys-missing", of.at("session_keys")).found("no session_keys, in Kubernetes");
        findings
            .push(finding.expected("one key for all replicas").line("session_keys: [\"env:SESSION_KEY\"]").warning());
    }
    findings
}

/// Whether an address is open to other machines.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_unspecified() || !(address.is_loopback() || address.is_private()),
        IpAddr::V6(address) => address.is_unspecified() || !(address.is_loopback() || address.is_unique_local()),
    }
}

fn limits(of: &OwnFile<'_>) -> Option<Finding> {
    // The gateway raises its soft limit to the hard one.
    let most = getrlimit(Resource::Nofile).maximum?;
    (most < OPEN_FILES_LEAST).then(|| {
        Finding::new("descriptors-low", of.at(""))
            .found(format!("this user may open {most} files (ulimit -Hn)"))
            .expected(format!("at least {OPEN_FILES_LEAST}"))
            .warning()
    })
}

/// An address of a listener, as this machine reaches it.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}

async fn ask_admin(of: &OwnFile<'_>, path: &str) -> Option<WebAnswer> {
    let url = format!("http://{}{path}", reachable(of.settings().admin));
    let mut question = WebQuestion::new(Method::GET, &url);
    question.within = ADMIN_PATIENCE;
    of.asker.direct().ask(&question).await.ok()
}

async fn at_admin(of: &OwnFile<'_>) -> AtAdmin {
    if of.settings().admin.port() == 0 {
        return AtAdmin::Unknown;
    }
    match ask_admin(of, "/readyz").await {
        None => AtAdmin::Nothing,
        Some(answer) => {
            let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
            let is_gateway = body.is_some_and(|body| body.get("ready").is_some() && body.get("reasons").is_some());
            if is_gateway { AtAdmin::Gateway(Box::new(answer)) } else { AtAdmin::Other }
        }
    }
}

/// What it says once it has tried to fetch its keys: it may have started a moment ago.
async fn settled(of: &OwnFile<'_>, first: WebAnswer) -> WebAnswer {
    let mut answer = first;
    for _ in 0..STARTING_TRIES {
        // With several issuers it may be ready, and say so of one of them.
        if memchr::memmem::find(&answer.body, b"not fetched yet").is_none() {
            break;
        }
        sleep(STARTING_PAUSE).await;
        let Some(next) = ask_admin(of, "/readyz").await else { break };
        answer = next;
    }
    answer
}

/// What a running gateway says about itself.
async fn running(of: &OwnFile<'_>, ready: &WebAnswer) -> Vec<Finding> {
    for server in &of.settings().servers {
        let path = format!("/readyz/{}", server.name);
        if ask_admin(of, &path).await.is_some_and(|answer| answer.status == StatusCode::NOT_FOUND) {
            let found = format!("a gateway at {} without the server {}", of.settings().admin, server.name);
            let finding = Finding::new("gateway-other-file", of.at(&format!("servers.{}", server.name))).found(found);
            return vec![finding.expected("a gateway with this file; reload it (SIGHUP), or stop the other one")];
        }
    }
    let body: Value = serde_json::from_slice(&ready.body).unwrap_or_default();
    let texts = |member: &str| -> Vec<String> {
        let all = body.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(Value::as_str).map(words::plain).collect()
    };
    let mut findings: Vec<Finding> = texts("notes").iter().map(|note| notes::finding(of, note)).collect();
    if !ready.status.is_success() {
        let finding = Finding::new("gateway-not-ready", of.at("")).found(texts("reasons").join("; "));
        findings.push(finding.expected("a gateway that is ready"));
    }
    findings
}

/// Addresses that a gateway could not listen on.
async fn ports(of: &OwnFile<'_>) -> Vec<Finding> {
    let settings = of.settings();
    let mut findings = Vec::new();
    for (index, listener) in settings.listen.iter().enumerate() {
        let (address, key) = (listener.address, format!("listen[{index}].address"));
        let Err(cause) = tried(address).await else { continue };
        // Its admin port may be out of reach, as that of a container.
        if cause.kind() == io::ErrorKind::AddrInUse && is_this_gateway(of, listener).await {
            continue;
        }
        findings.push(not_to_bind(of, &key, address, &cause));
    }
    let refused = tried(settings.admin).await.err();
    findings.extend(refused.map(|cause| not_to_bind(of, "admin.address", settings.admin, &cause)));
    findings
}

fn not_to_bind(of: &OwnFile<'_>, key: &str, address: SocketAddr, cause: &io::Error) -> Finding {
    let next = SocketAddr::new(address.ip(), address.port().wrapping_add(1).max(1_024));
    let finding = |id, found: String| Finding::new(id, of.at(key)).found(found);
    let with_line = |finding: Finding| {
        finding.expected("an address on which this user may listen").line(format!("address: \"{next}\""))
    };
    match cause.kind() {
        io::ErrorKind::AddrInUse => with_line(finding("port-taken", format!("another program listens on {address}"))),
        // Another port would not help.
        io::ErrorKind::AddrNotAvailable => {
            let found = format!("{}, an address that this machine does not have", address.ip());
            finding("address-missing", found).expected("an address of this machine")
        }
        _ => with_line(finding("port-forbidden", format!("{address}: {cause}"))),
    }
}

/// Whether what listens there publishes the public URL of this file.
async fn is_this_gateway(of: &OwnFile<'_>, listener: &ListenSettings) -> bool {
    let public_url = &of.settings().public_url;
    let Some(server) = of.settings().servers.first() else { return false };
    let public = Peer { host: public_url.host().into(), port: public_url.port(), tls: public_url.is_https() };
    let host = reachable(listener.address).ip().to_string().into();
    let peer = Peer { host, port: listener.address.port(), tls: listener.tls.is_some() };
    let asker = of.asker.reaching(ReachAt { public, peer });
    let url = public_url.resource(&server.path).to_string();
    let mut question = WebQuestion::new(Method::GET, &url);
    question.within = ADMIN_PATIENCE;
    let Ok(answer) = asker.ask(&question).await else { return false };
    answer.text(&WWW_AUTHENTICATE).is_some_and(|challenge| challenge.contains(public_url.origin()))
}

/// Whether a gateway could listen on `address`. It is bound for a moment, and nothing listens on
/// it: a gateway that starts in that moment is not hindered.
async fn tried(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    drop(socket);
    match timeout(PORT_PATIENCE, TcpStream::connect(reachable(address))).await {
        Ok(Ok(_)) => Err(io::ErrorKind::AddrInUse.into()),
        _ => Ok(()),
    }
}
