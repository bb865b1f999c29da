//! Bounds on what is read: bodies, names, ids, lists and batches (SPEC C-22, C-26, C-30, C-55).

use super::{KIB, MIB};

/// Default of `limits.request_body`.
pub const REQUEST_BODY_BYTES: u64 = 4 * MIB as u64;
/// Largest `limits.request_body`: bodies are held whole in memory.
pub const REQUEST_BODY_BYTES_MAX: u64 = 1 << 30;
/// Default of `limits.json_depth`, the nesting of JSON.
pub const JSON_DEPTH: u32 = 64;
/// Largest `limits.json_depth`.
pub const JSON_DEPTH_MAX: u32 = 512;
/// Characters of one JSON number: parsers disagree about longer ones.
pub const JSON_NUMBER_BYTES_MAX: usize = 128;
/// Members and elements in one body, all levels together.
pub const JSON_VALUES_MAX: usize = 1_000_000;
/// A method, tool, prompt or task name. The specification suggests 128 (2026-07-28 tools).
pub const NAME_BYTES_MAX: usize = 1_024;
/// A resource URI.
pub const RESOURCE_URI_BYTES_MAX: usize = 8 * KIB;
/// URIs that one `subscriptions/listen` may name.
pub const SUBSCRIPTIONS_MAX: usize = 256;
/// A list as JSON, or one event of a stream that may hold a list.
pub const LIST_BYTES_MAX: usize = 16 * MIB;
/// Nesting of such an answer: tool schemas are deep.
pub const LIST_JSON_DEPTH_MAX: u32 = 512;
/// Messages in one batch (SPEC C-30).
pub const BATCH_MESSAGES_MAX: usize = 50;
/// A session id of an upstream (SPEC C-40). Some servers put a signed state into it.
pub const SESSION_ID_BYTES_MAX: usize = 4 * KIB;
/// A session id of the gateway, which a client sends back: the upstream's id and its seal.
pub const SEALED_ID_BYTES_MAX: usize = 6 * KIB;
/// An event id, which a client sends back in `Last-Event-ID` (SPEC C-53).
pub const EVENT_ID_BYTES_MAX: usize = 1_024;
/// Path and query of the message endpoint that an upstream of 2024-11-05 names. The sealed URI is a
/// third longer and fits into [`super::connections::URI_BYTES_MAX`] and the limits of clients and
/// proxies (RFC 9110 §4.1).
pub const ENDPOINT_BYTES_MAX: usize = 2 * KIB;
/// The largest answer that is searched for a task: such an answer is small.
pub const TASK_ANSWER_BYTES_MAX: usize = 64 * KIB;
/// How much of a call's stream is searched for a task.
pub const TASK_STREAM_BYTES_MAX: usize = MIB;
/// How much of an ignored body is read and discarded.
pub const IGNORED_BODY_BYTES_MAX: u64 = 64 * KIB as u64;
/// Bytes that a compressed answer, or one event of it, may decode to, however short it is …
pub const DECODED_BYTES_FREE: u64 = LIST_BYTES_MAX as u64;
/// … and how many more for each compressed byte. Beyond that it is a decompression bomb.
pub const DECODED_TIMES_MAX: u64 = 100;
/// How much of one answer is decoded before other work has its turn.
pub const DECODED_TURN_BYTES: usize = 256 * KIB;
/// The largest window that a decoder fills, as a power of two: 8 MiB (RFC 9659 §3).
pub const DECODER_WINDOW_LOG_MAX: u32 = 23;
