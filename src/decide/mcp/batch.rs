//! Reads a batch of 2025-03-26: an array of messages, each of which is judged, all or nothing.

use bytes::Bytes;
use http::HeaderMap;

use crate::decide::{
    mcp::peek::{Message, PeekFault},
    refusal::Refusal,
};

/// Whether `body` is an array.
#[must_use]
pub fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

/// Reads the messages of a batch.
///
/// # Errors
/// As [`crate::decide::mcp::peek::read`]; no `id` is told.
pub fn read(_body: &Bytes, _headers: &HeaderMap, _depth_max: u32) -> Result<Vec<Message>, PeekFault> {
    Err(PeekFault { refusal: Refusal::NotAMessage("a batch"), id: None })
}
