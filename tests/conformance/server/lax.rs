//! Makes the server a careless one: whatever the headers say, it acts on the body, and any Host and Origin will do.

use http::{
    HeaderName, HeaderValue, Request,
    header::{HOST, ORIGIN},
};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Bytes;
use serde_json::Value;

/// The same request with the headers that its body calls for.
pub(crate) async fn as_the_body_says(
    request: Request<BoxBody<Bytes, hyper::Error>>,
) -> Request<BoxBody<Bytes, hyper::Error>> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    head.headers.insert(HOST, HeaderValue::from_static("localhost"));
    head.headers.remove(ORIGIN);
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = |path: &str| HeaderValue::from_str(message.pointer(path)?.as_str()?).ok();
    let name = said("/params/name").or_else(|| said("/params/uri")).or_else(|| said("/params/taskId"));
    for (header, value) in [("mcp-method", said("/method")), ("mcp-name", name)] {
        let header = HeaderName::from_static(header);
        match value {
            Some(value) => drop(head.headers.insert(header, value)),
            None => drop(head.headers.remove(header)),
        }
    }
    Request::from_parts(head, Full::new(body).map_err(|never| match never {}).boxed())
}
