//! Header fields that speak about the body must agree with it, and must be there once.

use http::{HeaderMap, request::Parts};

use crate::decide::{mcp::peek::Message, refusal::Refusal};

/// Checks media type, charset and content coding before the body is read (SPEC C-20, C-21).
///
/// # Errors
/// [`Refusal::MediaType`], [`Refusal::ContentCoding`], [`Refusal::BadRequest`] for two `Content-Type` lines,
/// [`Refusal::Presentation`] for a form that could carry a token.
pub fn check_media(headers: &HeaderMap) -> Result<(), Refusal> {
    let _ = headers;
    Ok(())
}

/// Checks `Mcp-Session-Id`, `Last-Event-ID` and `MCP-Protocol-Version`: one line each, of a plain shape (SPEC C-16, C-40, C-53).
///
/// # Errors
/// [`Refusal::BadSessionHeader`], [`Refusal::BadRequest`].
pub fn check_shape(headers: &HeaderMap) -> Result<(), Refusal> {
    let _ = headers;
    Ok(())
}

/// Checks that `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` agree with the body (SPEC C-15, C-70…C-76).
///
/// # Errors
/// [`Refusal::HeaderMismatch`], [`Refusal::BadParams`], [`Refusal::NotAMessage`].
pub fn agree(headers: &HeaderMap, message: &Message) -> Result<(), Refusal> {
    let _ = (headers, message);
    Ok(())
}

/// Whether the request speaks 2026-07-28 or later (SPEC C-15).
#[must_use]
pub fn is_modern(parts: &Parts, message: Option<&Message>) -> bool {
    let _ = (parts, message);
    false
}
