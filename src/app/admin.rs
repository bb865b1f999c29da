//! The operator's port: `/healthz`, `/readyz`, `/metrics`, and nothing else.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    app::ready::Report,
    base::limits::{
        ADMIN_CONNECTION_TIMEOUT, ADMIN_CONNECTIONS_MAX, ADMIN_HEAD_BYTES_MAX, HEADER_FIELDS_MAX, HEADER_READ_TIMEOUT,
    },
    observe::metrics,
};

/// After an accept that failed, for want of file descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the port tells.
pub trait Tells: Send + Sync + 'static {
    /// How things stand.
    fn ready(&self) -> Report;
    /// The text of all metrics.
    fn metrics(&self) -> String;
}

/// Serves until it is dropped; its connections end with it.
pub async fn serve(listener: TcpListener, tells: Arc<impl Tells>) {
    let room = Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((tcp, _)) => {
                let tells = Arc::clone(&tells);
                connections.spawn(async move {
                    converse(tcp, tells).await;
                    drop(place);
                });
            }
            Err(fault) => {
                tracing::warn!(%fault, "the admin port cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(tcp: TcpStream, tells: Arc<impl Tells>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &*tells);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_headers(HEADER_FIELDS_MAX)
        .max_buf_size(ADMIN_HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(tcp), service);
    // Whoever asks learns of a failure by the connection's end; there is nobody else to tell.
    let _ = timeout(ADMIN_CONNECTION_TIMEOUT, connection).await;
}

fn answer(method: &Method, path: &str, tells: &impl Tells) -> Response<Full<Bytes>> {
    const JSON: &str = "application/json";
    let (status, media, body) = match (method, path) {
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, JSON, Bytes::from_static(b"{\"alive\":true}\n")),
        (&Method::GET | &Method::HEAD, "/readyz") => {
            let report = tells.ready();
            let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, JSON, Bytes::from(report.to_json()))
        }
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, metrics::CONTENT_TYPE, Bytes::from(tells.metrics()))
        }
        _ => (StatusCode::NOT_FOUND, JSON, Bytes::from_static(b"{\"error\":\"not found\"}\n")),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct Told(Vec<String>);

    impl Tells for Told {
        fn ready(&self) -> Report {
            Report { reasons: self.0.clone(), notes: Vec::new() }
        }

        fn metrics(&self) -> String {
            "# EOF\n".to_owned()
        }
    }

    #[test]
    fn the_admin_port_knows_three_paths() {
        let (ready, not_ready) = (Told(Vec::new()), Told(vec!["draining".to_owned()]));
        for (method, path, tells, status) in [
            (Method::GET, "/healthz", &ready, 200),
            (Method::GET, "/healthz", &not_ready, 200),
            (Method::GET, "/readyz", &ready, 200),
            (Method::HEAD, "/readyz", &ready, 200),
            (Method::GET, "/readyz", &not_ready, 503),
            (Method::GET, "/metrics", &ready, 200),
            (Method::POST, "/metrics", &ready, 404),
            (Method::GET, "/metrics/", &ready, 404),
            (Method::GET, "/", &ready, 404),
        ] {
            let answer = answer(&method, path, tells);
            assert_eq!(answer.status().as_u16(), status, "{method} {path}");
            let media = if path == "/metrics" && status == 200 { metrics::CONTENT_TYPE } else { "application/json" };
            assert_eq!(answer.headers()[CONTENT_TYPE], media);
        }
    }

    #[tokio::test]
    async fn the_admin_port_answers_and_hangs_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::new(Told(Vec::new()))));
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut text = String::new();
        tcp.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n{\"notes\":[],\"ready\":true,\"reasons\":[]}\n"), "{text}");
    }
}
