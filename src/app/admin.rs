//! The admin port: `/healthz`, `/readyz`, `/readyz/<server>`, `/metrics`, and nothing else.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    task::{Id, JoinError, JoinSet},
    time::{sleep, timeout},
};

use crate::{
    app::{
        admin::{host::HostFault, places::AdminPlaces},
        ready::Report,
    },
    base::{
        limits::{
            connections::HEADER_FIELDS_MAX,
            operating::{ADMIN_CONNECTION_TIMEOUT, ADMIN_HEAD_BYTES_MAX, ADMIN_HEAD_TIMEOUT},
        },
        media::JSON,
    },
    observe::{accept::RefusedAccepts, metrics},
};

mod host;
mod places;

/// The pause after a failed accept, which usually means that no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the admin port reports.
pub trait Tells: Send + Sync + 'static {
    /// The accepted host name, besides `localhost` and IP addresses.
    fn host(&self) -> Box<str>;
    /// The readiness of the process and its servers.
    fn ready(&self) -> Report;
    /// The text of all metrics.
    fn metrics(&self) -> String;
}

/// Serves until it is dropped; its connections end with it. There are at most `most` connections. A
/// new connection is always accepted: if there is no room, an old one is closed, half-sent requests
/// first (attack 175).
pub async fn serve(listener: TcpListener, most: usize, tells: Arc<impl Tells>) {
    let mut places = AdminPlaces::new(most);
    let mut connections = JoinSet::new();
    let refused = RefusedAccepts::new("admin");
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    while let Some(ended) = connections.try_join_next_with_id() {
                        places.give_back(task_of(&ended));
                    }
                    while !places.has_room()
                        && let Some(ended) = connections.join_next_with_id().await
                    {
                        places.give_back(task_of(&ended));
                    }
                    let asked = Arc::new(AtomicBool::new(false));
                    let task = connections.spawn(converse(tcp, Arc::clone(&tells), Arc::clone(&asked)));
                    places.take(peer.ip(), asked, task);
                }
                Err(cause) => {
                    refused.tell(&cause);
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next_with_id() => places.give_back(task_of(&ended)),
        }
    }
}

fn task_of(ended: &Result<(Id, ()), JoinError>) -> Id {
    match ended {
        Ok((task, ())) => *task,
        Err(fault) => fault.id(),
    }
}

async fn converse(tcp: TcpStream, tells: Arc<impl Tells>, asked: Arc<AtomicBool>) {
    let service = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Relaxed);
        let answer = answer(&request, &*tells);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ADMIN_HEAD_TIMEOUT)
        .max_headers(HEADER_FIELDS_MAX)
        .max_buf_size(ADMIN_HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(tcp), service);
    // An error ends the connection, which the client notices.
    let _ = timeout(ADMIN_CONNECTION_TIMEOUT, connection).await;
}

fn answer<B>(request: &Request<B>, tells: &impl Tells) -> Response<Full<Bytes>> {
    let name = tells.host();
    if let Err(fault) = host::check(request.version(), request.uri(), request.headers(), &name) {
        return match fault {
            HostFault::Malformed(what) => refusal(StatusCode::BAD_REQUEST, what),
            HostFault::Foreign => {
                let why = format!(
                    "the admin port answers to IP addresses, localhost and {name}, not to this host name; ask it by IP address"
                );
                refusal(StatusCode::MISDIRECTED_REQUEST, &why)
            }
        };
    }
    let path = match *request.method() {
        Method::GET | Method::HEAD => request.uri().path(),
        _ => "",
    };
    match (path, path.strip_prefix("/readyz/")) {
        ("/healthz", _) => reply(StatusCode::OK, JSON, Bytes::from_static(b"{\"alive\":true}\n")),
        ("/readyz", _) => {
            let report = tells.ready();
            readiness(report.is_ready(), report.to_json())
        }
        (_, Some(server)) => match tells.ready().server(server) {
            Some(report) => readiness(report.is_ready(), report.to_json()),
            None => refusal(StatusCode::NOT_FOUND, "no server of this name"),
        },
        ("/metrics", _) => reply(StatusCode::OK, metrics::CONTENT_TYPE, Bytes::from(tells.metrics())),
        _ => refusal(StatusCode::NOT_FOUND, "not found"),
    }
}

fn readiness(is_ready: bool, body: Vec<u8>) -> Response<Full<Bytes>> {
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply(status, JSON, Bytes::from(body))
}

fn refusal(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    let mut body = json!({ "error": why }).to_string();
    body.push('\n');
    reply(status, JSON, Bytes::from(body))
}

fn reply(status: StatusCode, media: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
