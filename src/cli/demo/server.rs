//! The demo's MCP server: Streamable HTTP without sessions, each answer in JSON.

use std::{convert::Infallible, io, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::notes::Notes;
use crate::base::media::JSON;

/// A note, and what is around it.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Serves until `tasks` is dropped, on a port that the system chooses, and returns that port.
pub(super) async fn start(tasks: &mut JoinSet<()>) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tasks.spawn(serve(listener, Arc::new(Notes::some())));
    Ok(port)
}

async fn serve(listener: TcpListener, notes: Arc<Notes>) {
    let mut connections = JoinSet::new();
    loop {
        // Without a free descriptor, the client of this connection sees the failure, and tries
        // again.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(converse(stream, Arc::clone(&notes)));
    }
}

async fn converse(stream: TcpStream, notes: Arc<Notes>) {
    let service = service_fn(move |request| {
        let notes = Arc::clone(&notes);
        async move { Ok::<_, Infallible>(answer(request, &notes).await) }
    });
    // An error ends the connection, which the client notices.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, notes: &Notes) -> Response<Full<Bytes>> {
    if request.method() != Method::POST {
        return reply(StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
    }
    let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else {
        return reply(StatusCode::PAYLOAD_TOO_LARGE, Bytes::new());
    };
    match notes.answer(&body.to_bytes()) {
        Some(message) => reply(StatusCode::OK, message.to_string().into()),
        None => reply(StatusCode::ACCEPTED, Bytes::new()),
    }
}

fn reply(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    if status == StatusCode::OK {
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    reply
}
