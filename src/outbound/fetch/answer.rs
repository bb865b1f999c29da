//! Reads the answer to a fetch: bounded, JSON, and no redirect.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::wanted::{Wanted, fault, why};
use crate::{
    base::media,
    outbound::fault::{Fault, FaultKind},
};

/// An answer of whatever status; a redirect only if that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub fields: HeaderMap,
    /// JSON if the status is 200 and redirects were not asked for; anything else may be anything.
    pub body: Bytes,
}

/// Which statuses an answer may have.
#[derive(Clone, Copy)]
pub(super) enum Answers<'a> {
    These(&'a [StatusCode]),
    /// 200 with JSON, or 4xx with anything.
    OkOrRefusal,
    Any,
    AnyAndRedirects,
    /// 200 with data of any label but a page, or a redirect, whose body is not read.
    Published,
    /// 200 with data of any label but a page.
    PublishedAfterRedirect,
}

/// Reads an answer.
pub(super) async fn read(answer: Response<Incoming>, wanted: &Wanted<'_>, answers: Answers<'_>) -> Result<Said, Fault> {
    let (head, mut body) = answer.into_parts();
    let status = head.status;
    // What is wrong with a long refusal is that it is one.
    let too_large = || match status {
        StatusCode::OK => fault(FaultKind::TooLarge, wanted, format_args!("longer than {} bytes", wanted.bytes_max)),
        _ => fault(status_kind(status), wanted, format_args!("{status}, with more than {} bytes", wanted.bytes_max)),
    };

    if is_moved(status) && matches!(answers, Answers::Published) {
        return Ok(Said { status, fields: head.headers, body: Bytes::new() });
    }
    if head.status.is_redirection() && !matches!(answers, Answers::AnyAndRedirects) {
        // The server must not choose where the gateway connects next (SPEC D-31).
        let why = match answers {
            Answers::PublishedAfterRedirect => "a second redirect is not followed",
            _ => "redirects are not followed",
        };
        return Err(fault(FaultKind::Redirect, wanted, format_args!("{}: {why}", head.status)));
    }
    match answers {
        Answers::These(answers) if !answers.contains(&head.status) => {
            return Err(fault(status_kind(head.status), wanted, head.status));
        }
        Answers::OkOrRefusal if head.status != StatusCode::OK && !head.status.is_client_error() => {
            return Err(fault(status_kind(head.status), wanted, head.status));
        }
        // Whatever it is, it is not read as a document.
        Answers::AnyAndRedirects => {}
        // A refusal may be a page of a proxy in between, or JSON with another label.
        Answers::Any | Answers::OkOrRefusal if head.status != StatusCode::OK => {}
        Answers::Published | Answers::PublishedAfterRedirect => {
            if status != StatusCode::OK {
                return Err(fault(status_kind(status), wanted, status));
            }
            check_unlabelled(&head.headers).map_err(|cause| fault(FaultKind::MediaType, wanted, cause))?;
        }
        _ => check_type(&head.headers).map_err(|cause| fault(FaultKind::MediaType, wanted, cause))?,
    }
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > wanted.bytes_max) {
        return Err(too_large());
    }

    let mut taken = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| fault(FaultKind::Body, wanted, why(&cause)))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > wanted.bytes_max.saturating_sub(taken.len()) {
            return Err(too_large());
        }
        taken.extend_from_slice(&data);
    }
    Ok(Said { status: head.status, fields: head.headers, body: taken.freeze() })
}

/// Whether the status names another place for a document that is asked for with GET.
fn is_moved(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn status_kind(status: StatusCode) -> FaultKind {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => FaultKind::Gone,
        StatusCode::TOO_MANY_REQUESTS => FaultKind::TooMany,
        status if status.is_server_error() => FaultKind::ServerError,
        _ => FaultKind::Status,
    }
}

/// Accepts JSON media types, and `text/plain`, which file servers and Go's sniffing send for JSON.
/// An HTML page, such as a login page, is reported here instead of failing later as bad JSON.
fn check_type(headers: &HeaderMap) -> Result<(), String> {
    if let Some(coding) = headers.get(CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        return Err(format!("content coding {coding:?} was not requested"));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else { return Err("no Content-Type".to_owned()) };
    let essence = media::essence(value.to_str().unwrap_or_default().as_bytes()).to_ascii_lowercase();
    let is_json = [media::JSON, "text/json", "text/plain"].iter().any(|json| essence == json.as_bytes())
        || (essence.starts_with(b"application/") && essence.ends_with(b"+json"));
    match is_json {
        true => Ok(()),
        false if essence == b"text/html" => {
            Err(format!("{value:?} is not JSON: a page, such as that of a login or of a proxy in between"))
        }
        false => Err(format!("{value:?} is not JSON")),
    }
}

/// As [`check_type`], and what servers of files send for a file of a type that they do not know:
/// object stores among them. What it is, its reader decides.
fn check_unlabelled(headers: &HeaderMap) -> Result<(), String> {
    let is_coded = headers.get(CONTENT_ENCODING).is_some_and(|coding| *coding != "identity");
    let is_unlabelled = headers.get(CONTENT_TYPE).is_none_or(|value| {
        let essence = media::essence(value.as_bytes()).to_ascii_lowercase();
        essence == b"application/octet-stream" || essence == b"binary/octet-stream"
    });
    if is_unlabelled && !is_coded { Ok(()) } else { check_type(headers) }
}

/// `max-age` of `Cache-Control` for a private cache (RFC 9111 §5.2.2). Of two values the shorter
/// counts.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let ages = directives.flat_map(|line| line.split(',')).filter_map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        let value = value.trim().trim_matches('"');
        name.eq_ignore_ascii_case("max-age").then(|| value.parse().ok().map(Duration::from_secs))?
    });
    ages.min()
}
