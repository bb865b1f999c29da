//! Reads a batch of 2025-03-26: an array of messages that is allowed or refused as a whole.
//!
//! The array is split at the commas that a simple scan finds, and each part is then read as a
//! message. A JSON text has only one structure: if every part is one whole value, the parts are the
//! elements of the array. If the split was wrong, some part is not a value.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use crate::{
    base::limits::messages::{BATCH_MESSAGES_MAX, JSON_VALUES_MAX},
    decide::{
        json::end::Quotes,
        mcp::{
            method::{INITIALIZE, SUBSCRIBE},
            request::{
                headers,
                message::{Message, MessageFault, MessageKind},
                parse,
            },
        },
        refusal::{Refusal, row::PARSE_ERROR},
    },
};

#[cfg(test)]
mod tests;

/// Whether `body` is an array.
#[must_use]
pub fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

/// Reads the messages of a batch: requests and notifications, or only responses (SPEC C-30).
///
/// # Errors
/// As [`parse::read`], for the first faulty message, without its `id`. A fault of the grammar
/// anywhere comes before other faults, except in a nested array, which is not read.
pub fn read(body: &Bytes, headers: &HeaderMap, depth_max: u32) -> Result<Vec<Message>, MessageFault> {
    messages(body, headers, depth_max).map_err(|refusal| MessageFault { refusal, id: None })
}

fn messages(body: &Bytes, headers: &HeaderMap, depth_max: u32) -> Result<Vec<Message>, Refusal> {
    let parts = split(body)?;
    let mut messages = Vec::with_capacity(parts.len());
    let mut fault = None;
    for part in parts {
        // The array is a level of nesting, too.
        match parse::read(&body.slice_ref(part), depth_max.saturating_sub(1)) {
            Ok(message) => messages.push(message),
            Err(MessageFault { refusal, .. }) if refusal.row().code == PARSE_ERROR => return Err(refusal),
            Err(MessageFault { refusal, .. }) => drop(fault.get_or_insert(refusal)),
        }
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    if !headers::permit_batch(headers)? {
        return Err(Refusal::NotAMessage("a batch, in a version without batches"));
    }
    if messages.is_empty() {
        return Err(Refusal::NotAMessage("an empty batch"));
    }
    messages.iter().try_for_each(check_member)?;
    check_together(&messages)?;
    Ok(messages)
}

/// The texts between the brackets and commas of the outermost array.
fn split(body: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = body.iter().take_while(|byte| is_space(byte)).count();
    let inside = body.get(start..).unwrap_or_default();
    let inside = inside.strip_prefix(b"[").ok_or(Refusal::Unreadable("not JSON: no value where one must be"))?;

    let (mut parts, mut part_start) = (Vec::new(), 0);
    let (mut depth, mut values, mut quotes) = (0_usize, 1_usize, Quotes::default());
    for (at, byte) in inside.iter().enumerate() {
        if quotes.holds(*byte) {
            continue;
        }
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b']' => {
                if !inside.get(at + 1..).unwrap_or_default().iter().all(is_space) {
                    return Err(Refusal::Unreadable("not JSON: something after the message"));
                }
                let last = inside.get(part_start..at).unwrap_or_default();
                if !(parts.is_empty() && last.iter().all(is_space)) {
                    parts.push(last);
                }
                return Ok(parts);
            }
            b',' if depth == 0 => {
                parts.push(inside.get(part_start..at).unwrap_or_default());
                part_start = at + 1;
                if parts.len() == BATCH_MESSAGES_MAX {
                    return Err(Refusal::NotAMessage("a batch of too many messages"));
                }
            }
            _ => {}
        }
        // After each of these bytes comes at most one more value.
        values += usize::from(matches!(byte, b'{' | b'[' | b','));
        if values > JSON_VALUES_MAX {
            return Err(Refusal::Unreadable("too many values"));
        }
    }
    Err(Refusal::Unreadable("not JSON: broken off"))
}

/// Refuses a message that may not be in a batch.
fn check_member(message: &Message) -> Result<(), Refusal> {
    let what = if message.method == INITIALIZE {
        "initialize in a batch"
    } else if message.params.meta_version.is_some() || message.method == SUBSCRIBE {
        "a batch with a message of a version without batches"
    } else if message.params.task || message.method.starts_with("tasks/") {
        // The gateway notes the owner of a task only for single calls.
        "a batch with a task, which the version of batches does not know"
    } else {
        return Ok(());
    };
    Err(Refusal::NotAMessage(what))
}

/// Refuses messages that may not be in one batch.
fn check_together(messages: &[Message]) -> Result<(), Refusal> {
    let responses = messages.iter().filter(|message| message.kind == MessageKind::Response).count();
    if responses != 0 && responses != messages.len() {
        return Err(Refusal::NotAMessage("a batch of responses and other messages"));
    }
    // `"a"` and `"\u0061"` are one id, so meanings are compared. The answers to two requests with
    // one id could not be told apart.
    let mut ids: Vec<Value> = Vec::new();
    for id in messages.iter().filter_map(|message| message.id.as_ref()) {
        let id = serde_json::from_str(id).map_err(|_| Refusal::NotAMessage("id is not a JSON value"))?;
        if ids.contains(&id) {
            return Err(Refusal::NotAMessage("a batch in which an id comes twice"));
        }
        ids.push(id);
    }
    Ok(())
}
