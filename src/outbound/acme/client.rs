//! Carries the requests of ACME over the gateway's own connections, and notes what a CA asks for.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_TYPE, header::RETRY_AFTER};
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::{
    base::{
        date,
        limits::operating::{ACME_ANSWER_BYTES_MAX, ACME_REQUEST_TIMEOUT},
    },
    decide::acme::refusal::terms_of_service,
    outbound::{
        address::AddressRule,
        fault::{Fault, FaultKind},
        fetch::{Fetch, Plaintext, Said, Wanted},
    },
};

/// What the CA said besides its answers.
#[derive(Debug, Default)]
pub(super) struct CaHeard {
    /// How long the last refusal asked to wait.
    retry_after: Mutex<Option<Duration>>,
    /// The URL of the terms of service.
    terms: Mutex<Option<String>>,
}

impl CaHeard {
    pub(super) fn retry_after(&self) -> Option<Duration> {
        *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn terms(&self) -> Option<String> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The client of one attempt.
#[derive(Clone)]
pub(super) struct CaClient {
    fetch: Fetch,
    directory: Arc<str>,
    pub(super) heard: Arc<CaHeard>,
    /// Time since 1970, for dates in `Retry-After`.
    wall: Duration,
}

impl CaClient {
    pub(super) fn new(fetch: &Fetch, directory: &str, wall: Duration) -> Self {
        Self { fetch: fetch.clone(), directory: Arc::from(directory), heard: Arc::default(), wall }
    }
}

/// The CA did not answer, or not as ACME says.
#[derive(Debug)]
pub(super) struct CaFault(pub(super) Fault);

impl fmt::Display for CaFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.cause)
    }
}

impl error::Error for CaFault {}

impl HttpClient for CaClient {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let (fetch, heard, directory) = (self.fetch.clone(), Arc::clone(&self.heard), Arc::clone(&self.directory));
        let wall = self.wall;
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let url = head.uri.to_string();
            let content = head.headers.get(CONTENT_TYPE).cloned().map(|kind| (kind, body.to_bytes()));
            // The operator names the CA, and the CA its own URLs; a private CA is in the network.
            let wanted = Wanted {
                url: &url,
                rule: AddressRule::Configured,
                plaintext: Plaintext::Loopback,
                bytes_max: ACME_ANSWER_BYTES_MAX,
            };
            let said = fetch.exchange(&wanted, head.method, content, ACME_REQUEST_TIMEOUT).await;
            let said = said.map_err(|fault| Error::Other(Box::new(CaFault(fault))))?;
            if !said.status.is_success() {
                *heard.retry_after.lock().unwrap_or_else(PoisonError::into_inner) = retry_after(&said.fields, wall);
            }
            check(&said).map_err(|cause| {
                let place = url.split('?').next().unwrap_or_default();
                let kind = if said.status.is_server_error() { FaultKind::ServerError } else { FaultKind::Status };
                Error::Other(Box::new(CaFault(Fault::new(kind, format_args!("{place}: {cause}")))))
            })?;
            if *directory == *url {
                *heard.terms.lock().unwrap_or_else(PoisonError::into_inner) = terms_of_service(&said.body);
            }
            let mut response = Response::new(Full::new(said.body));
            (*response.status_mut(), *response.headers_mut()) = (said.status, said.fields);
            Ok(BytesResponse::from(response))
        })
    }
}

/// Refuses what cannot be an answer of ACME, such as the page of a proxy.
fn check(said: &Said) -> Result<(), String> {
    let status = said.status;
    if status.is_redirection() {
        return Err(format!("{status}: redirects are not followed; write the URL that it leads to"));
    }
    let kind = said.fields.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !status.is_success() && !kind.contains("json") {
        return Err(format!("{status}, and not in the words of ACME (Content-Type {kind:?})"));
    }
    // The library would say only that a member is missing.
    if status == StatusCode::OK && kind.starts_with("text/html") {
        return Err(format!("{status} with a web page: this is not an ACME server, or a proxy answers in its place"));
    }
    Ok(())
}

/// `Retry-After`: seconds, or a date.
fn retry_after(fields: &HeaderMap, wall: Duration) -> Option<Duration> {
    let text = fields.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(secs) => Some(Duration::from_secs(secs)),
        Err(_) => Some(date::of_http(text)?.saturating_sub(wall)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, kind: &str) -> Said {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, kind.parse().unwrap());
        Said { status: StatusCode::from_u16(status).unwrap(), fields, body: Bytes::new() }
    }

    #[test]
    fn f42_what_is_no_acme_server_is_told() {
        assert_eq!(check(&said(200, "application/json")), Ok(()));
        assert_eq!(check(&said(200, "application/pem-certificate-chain")), Ok(()));
        assert_eq!(check(&said(403, "application/problem+json")), Ok(()));
        assert!(check(&said(302, "text/html")).unwrap_err().contains("redirects are not followed"));
        assert!(check(&said(502, "text/html")).unwrap_err().contains("502 Bad Gateway, and not in the words of ACME"));
        assert!(check(&said(200, "text/html; charset=utf-8")).unwrap_err().contains("not an ACME server"));
    }

    #[test]
    fn f43_retry_after_is_seconds_or_a_date() {
        let wall = Duration::from_secs(784_111_777);
        let read = |text: &str| {
            let mut fields = HeaderMap::new();
            fields.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&fields, wall).map(|wait| wait.as_secs())
        };
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(read("soon"), None);
    }
}
