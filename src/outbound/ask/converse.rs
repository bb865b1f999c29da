//! Sends one request and reads its answer, over HTTP/1.1 or HTTP/2, in the task of the caller.

use std::{future::Future, net::IpAddr, pin::pin};

use bytes::{Bytes, BytesMut};
use http::{Request, response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{select, time::Instant};

use super::{
    exchange::{AnswerPart, WebQuestion},
    trouble::AskFault,
};
use crate::{
    base::limits::fetch::{FETCH_HEAD_BYTES_MAX, FETCH_HEAD_FIELDS_MAX},
    outbound::dial::Stream,
};

/// Over HTTP/1.1.
pub(super) async fn h1(
    stream: Stream,
    request: Request<Bytes>,
    question: &WebQuestion<'_>,
    address: Option<IpAddr>,
    part: &mut Option<AnswerPart>,
) -> Result<(), AskFault> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(FETCH_HEAD_FIELDS_MAX)
        .max_buf_size(FETCH_HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| AskFault::hyper(&cause))?;
    let exchange = async {
        let answer = sender.send_request(request.map(Full::new)).await.map_err(|cause| AskFault::hyper(&cause))?;
        let (head, mut body) = answer.into_parts();
        let part = part.insert(begun(head, address));
        while let Some(frame) = body.frame().await {
            // What has come stays an answer.
            let Ok(frame) = frame else { return Ok(()) };
            if let Ok(data) = frame.into_data()
                && !part.push(&data, question.enough)
            {
                return Ok(());
            }
        }
        part.is_whole = true;
        Ok(())
    };
    beside(exchange, connection).await
}

/// Over HTTP/2.
pub(super) async fn h2(
    stream: Stream,
    request: Request<Bytes>,
    question: &WebQuestion<'_>,
    address: Option<IpAddr>,
    part: &mut Option<AnswerPart>,
) -> Result<(), AskFault> {
    let mut builder = h2::client::Builder::new();
    builder.max_header_list_size(u32::try_from(FETCH_HEAD_BYTES_MAX).unwrap_or(u32::MAX)).enable_push(false);
    let (sender, connection) = builder.handshake::<_, Bytes>(stream).await.map_err(|cause| AskFault::h2(&cause))?;
    let exchange = async {
        let mut sender = sender.ready().await.map_err(|cause| AskFault::h2(&cause))?;
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, ());
        let (answer, mut sending) =
            sender.send_request(request, body.is_empty()).map_err(|cause| AskFault::h2(&cause))?;
        if !body.is_empty() {
            sending.send_data(body, true).map_err(|cause| AskFault::h2(&cause))?;
        }
        let (head, mut body) = answer.await.map_err(|cause| AskFault::h2(&cause))?.into_parts();
        let part = part.insert(begun(head, address));
        while let Some(data) = body.data().await {
            let Ok(data) = data else { return Ok(()) };
            let _ = body.flow_control().release_capacity(data.len());
            if !part.push(&data, question.enough) {
                return Ok(());
            }
        }
        part.is_whole = true;
        Ok(())
    };
    beside(exchange, connection).await
}

/// Runs the exchange and its connection, so that dropping the future closes the connection.
async fn beside(exchange: impl Future<Output = Result<(), AskFault>>, connection: impl Future) -> Result<(), AskFault> {
    let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
    select! {
        biased;
        result = &mut exchange => return result,
        _ = &mut connection => {}
    }
    // The connection has ended, but the bytes that it has read are still to be taken.
    exchange.await
}

fn begun(head: response::Parts, address: Option<IpAddr>) -> AnswerPart {
    AnswerPart {
        status: head.status,
        fields: head.headers,
        body: BytesMut::new(),
        is_whole: false,
        head_at: Instant::now(),
        address,
    }
}
