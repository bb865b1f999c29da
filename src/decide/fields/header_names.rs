//! Header field names of the request path that the crate `http` does not define.

use http::{
    HeaderName,
    header::{CONTENT_LENGTH, ETAG, LAST_MODIFIED},
};

use crate::decide::mcp::request::headers;

/// `Mcp-Session-Id`.
pub const MCP_SESSION_ID: HeaderName = HeaderName::from_static(headers::SESSION_ID);
/// `Last-Event-ID`.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static(headers::LAST_EVENT_ID);
/// `Mcp-Method`.
pub const MCP_METHOD: HeaderName = HeaderName::from_static(headers::METHOD);
/// `Mcp-Name`.
pub const MCP_NAME: HeaderName = HeaderName::from_static(headers::NAME);
/// `X-Forwarded-For`.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Host`.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `X-Forwarded-Proto`.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Accel-Buffering`: `no` tells nginx not to buffer an answer.
pub const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Fields that describe the bytes of an answer (RFC 9110 §8.6, §8.8, RFC 9530, RFC 3230).
pub const ABOUT_BYTES: [HeaderName; 6] = [
    CONTENT_LENGTH,
    ETAG,
    LAST_MODIFIED,
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];
