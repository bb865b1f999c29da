//! The header fields that repeat the body must agree with it, and appear once.

mod media;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;

pub use self::media::check_media;
use crate::{
    base::{
        limits::messages::{EVENT_ID_BYTES_MAX, SEALED_ID_BYTES_MAX},
        text::Text,
    },
    decide::{
        mcp::{
            method,
            request::message::{Message, MessageKind, NOT_AN_OBJECT},
            version::{self, Era},
        },
        refusal::Refusal,
    },
};

/// The protocol version of the client.
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// Repeats `method` of the body.
pub const METHOD: &str = "mcp-method";
/// Repeats the name, URI or task id in `params` of the body.
pub const NAME: &str = "mcp-name";
/// The legacy session.
pub const SESSION_ID: &str = "mcp-session-id";
/// The event after which a legacy stream is resumed.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// The longest version that is not a date.
const VERSION_BYTES_MAX: usize = 32;

/// Checks `Mcp-Session-Id` of any message but `initialize`: at most one field line, with a plain
/// value (SPEC C-40). `initialize` begins a session, so any id that comes with it is stale: it is
/// ignored and does not reach the upstream.
///
/// # Errors
/// [`Refusal::BadSessionHeader`].
pub fn check_session(headers: &HeaderMap, method: &str) -> Result<(), Refusal> {
    if method == method::INITIALIZE {
        return Ok(());
    }
    match only(headers, SESSION_ID, Refusal::BadSessionHeader)? {
        Some(id) if id.is_empty() || id.len() > SEALED_ID_BYTES_MAX => Err(Refusal::BadSessionHeader),
        Some(id) if !id.iter().all(u8::is_ascii_graphic) => Err(Refusal::BadSessionHeader),
        _ => Ok(()),
    }
}

/// Checks `Last-Event-ID` and `MCP-Protocol-Version`: at most one field line each, with a plain
/// value (SPEC C-16, C-53).
///
/// # Errors
/// [`Refusal::BadSessionHeader`], [`Refusal::BadRequest`].
pub fn check_shape(headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(id) = only(headers, LAST_EVENT_ID, Refusal::BadSessionHeader)?
        && (id.len() > EVENT_ID_BYTES_MAX || id.iter().any(|byte| !byte.is_ascii() || byte.is_ascii_control()))
    {
        return Err(Refusal::BadSessionHeader);
    }
    one_version(headers).map(|_| ())
}

/// The era of a request without a body: GET or DELETE.
///
/// # Errors
/// [`Refusal::BadRequest`] as [`check_shape`].
pub fn era_without_body(headers: &HeaderMap) -> Result<Era, Refusal> {
    Ok(one_version(headers)?.map_or(Era::Legacy, version::era_of))
}

/// Whether these headers permit a batch: they name a version with batches, or no version, as
/// clients of that version do.
///
/// # Errors
/// [`Refusal::BadRequest`] as [`check_shape`].
pub fn permit_batch(headers: &HeaderMap) -> Result<bool, Refusal> {
    Ok(one_version(headers)?.is_none_or(|name| version::find(name).is_some_and(|version| version.batches)))
}

/// The era of a message (SPEC C-15): that of the version in its header field. `_meta` must repeat
/// the version in the modern era, and may repeat it before. Some upstreams use the header field and
/// some the body, so a request in which they differ is refused.
///
/// # Errors
/// [`Refusal::HeaderMismatch`], [`Refusal::BadParams`], [`Refusal::NotAMessage`],
/// [`Refusal::BadRequest`].
pub fn era(headers: &HeaderMap, message: &Message) -> Result<Era, Refusal> {
    let header = one_version(headers)?;
    let body = message.params.meta_version.as_deref();
    let era = header.map_or(Era::Legacy, version::era_of);
    match (message.kind, header, body) {
        // The modern era has no requests from server to client, so a client has nothing to answer
        // (SPEC C-34).
        (MessageKind::Response, ..) if era == Era::Modern => Err(Refusal::NotAMessage("a response in the modern era")),
        (MessageKind::Response, ..) => Ok(Era::Legacy),

        // A version that is not a date may be read as legacy or as modern. It is forwarded: the
        // upstream tells the client which versions it speaks (SPEC C-18).
        (_, Some(header), Some(body)) if header == body && !version::is_date(header) => Ok(Era::Unknown),
        // A legacy version in `_meta` does not make a message modern: its answer is still searched
        // for lists (attack 187).
        (_, Some(header), Some(body)) if header == body => Ok(era),
        (_, Some(_), Some(_)) => Err(Refusal::HeaderMismatch("MCP-Protocol-Version is not the version in _meta")),
        (MessageKind::Request, None, Some(_)) => {
            Err(Refusal::HeaderMismatch("_meta has a protocol version and MCP-Protocol-Version is missing"))
        }
        (MessageKind::Request, Some(_), None) if era == Era::Modern => {
            Err(Refusal::BadParams("MCP-Protocol-Version is modern and _meta has no protocol version"))
        }

        // The specification requires no header fields for a notification (SPEC C-76).
        (MessageKind::Notification, None, Some(body)) if version::is_date(body) => Ok(version::era_of(body)),
        (MessageKind::Notification, None, Some(_)) => {
            Err(Refusal::BadParams("the protocol version in _meta is not a date"))
        }

        (_, _, None) => Ok(era),
    }
}

/// Checks that `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` agree with the body (SPEC C-15,
/// C-70…C-76), and returns the era of the message.
///
/// A legacy message needs no `Mcp-Method` and `Mcp-Name`, and they are ignored: its body is judged
/// (SPEC C-71, attack 53). `Mcp-Param-*` is forwarded unchanged, because no decision depends on it
/// (SPEC C-75).
///
/// # Errors
/// [`Refusal::HeaderMismatch`], [`Refusal::BadParams`], [`Refusal::NotAMessage`],
/// [`Refusal::BadRequest`].
pub fn agree(headers: &HeaderMap, message: &Message) -> Result<Era, Refusal> {
    let era = era(headers, message)?;
    if era != Era::Legacy {
        if message.params.bare {
            return Err(Refusal::BadParams(NOT_AN_OBJECT));
        }
        agree_on_method(headers, message)?;
        agree_on_name(headers, message)?;
        if message.kind == MessageKind::Request && !message.params.meta_capabilities {
            return Err(Refusal::BadParams("_meta has no client capabilities"));
        }
    }
    Ok(era)
}

fn agree_on_method(headers: &HeaderMap, message: &Message) -> Result<(), Refusal> {
    match only(headers, METHOD, Refusal::HeaderMismatch("more than one Mcp-Method"))? {
        Some(method) if method == message.method.as_bytes() => Ok(()),
        Some(_) => Err(Refusal::HeaderMismatch("Mcp-Method is not the method in the body")),
        None if message.kind == MessageKind::Notification => Ok(()),
        None => Err(Refusal::HeaderMismatch("Mcp-Method is missing")),
    }
}

fn agree_on_name(headers: &HeaderMap, message: &Message) -> Result<(), Refusal> {
    const NOT_THE_NAME: Refusal = Refusal::HeaderMismatch("Mcp-Name is not the name in the body");
    let params = &message.params;
    let header = only(headers, NAME, Refusal::HeaderMismatch("more than one Mcp-Name"))?;
    let header = header.map(meaning).transpose()?;
    let Some(param) = method::find(&message.method).and_then(|method| method.mcp_name) else {
        // The specification does not define the field for this method, so its value must be one of
        // the names in the body.
        let known = [&params.name, &params.uri, &params.task_id, &params.ref_name, &params.ref_uri];
        let said = |name: &str| known.iter().any(|known| known.as_deref() == Some(name));
        return if header.as_deref().is_none_or(said) { Ok(()) } else { Err(NOT_THE_NAME) };
    };
    match (header, param.of(params).map(Text::as_str)) {
        (_, None) => Err(Refusal::BadParams(param.missing())),
        (Some(header), Some(body)) if header == body => Ok(()),
        (Some(_), Some(_)) => Err(NOT_THE_NAME),
        (None, Some(_)) if message.kind == MessageKind::Notification => Ok(()),
        (None, Some(_)) => Err(Refusal::HeaderMismatch("Mcp-Name is missing")),
    }
}

/// The meaning of a value of `Mcp-Name` (SPEC C-72): the UTF-8 inside `=?base64?…?=`, or the text
/// itself. The marks are matched byte by byte and the base64 must be padded, as the specification
/// says; any other value is the text itself.
fn meaning(value: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    const BROKEN: Refusal = Refusal::HeaderMismatch("Mcp-Name is not base64 of UTF-8");
    if let Some(encoded) = value.strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?=")) {
        let bytes = STANDARD.decode(encoded).map_err(|_| BROKEN)?;
        return String::from_utf8(bytes).map(Cow::Owned).map_err(|_| BROKEN);
    }
    // Bytes outside ASCII would be read differently in each encoding (attack 60).
    match std::str::from_utf8(value) {
        Ok(text) if text.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E)) => Ok(Cow::Borrowed(text)),
        _ => Err(Refusal::HeaderMismatch("Mcp-Name is not ASCII text")),
    }
}

/// The version, if it is one short word.
fn one_version(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    const NO_WORD: Refusal = Refusal::BadRequest("MCP-Protocol-Version is not one version");
    let Some(value) = only(headers, PROTOCOL_VERSION, Refusal::BadRequest("more than one MCP-Protocol-Version"))?
    else {
        return Ok(None);
    };
    let is_word = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'"');
    match std::str::from_utf8(value) {
        Ok(name) if name.len() <= VERSION_BYTES_MAX && value.iter().all(is_word) => Ok(Some(name)),
        _ => Err(NO_WORD),
    }
}

/// The value of the only field line `name`, trimmed. If there are two, some stacks use the first
/// and some the last (attacks 54, 55), so even two equal lines are refused.
fn only<'a>(headers: &'a HeaderMap, name: &str, twice: Refusal) -> Result<Option<&'a [u8]>, Refusal> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (_, Some(_)) => Err(twice),
        (line, None) => Ok(line.map(|value| value.as_bytes().trim_ascii())),
    }
}
