//! Bounds on what callers hold, each and together (SPEC C-48, C-92, attacks 154, 172, 173).

use std::time::Duration;

use super::{KIB, MIB};

/// Default of `limits.requests_per_caller`: requests of one caller under way at one server. As many
/// as streams, because a request also counts as a stream until its answer begins.
pub const REQUESTS_PER_CALLER: u32 = 64;
/// Largest `limits.requests_per_caller`, and `limits.requests`.
pub const REQUESTS_MAX: u32 = 65_536;
/// Messages above a caller's bound that may still answer or end something: if all requests of a
/// caller wait for its answers, the caller must be able to send them.
pub const REQUESTS_FOR_ANSWERS: u64 = 16;
/// Default of `limits.body_bytes_per_caller`: bytes held in request bodies and filtered lists of
/// one caller at one server.
pub const BODY_BYTES_PER_CALLER: u64 = 32 * MIB as u64;
/// Largest `limits.body_bytes_per_caller`, and `limits.body_bytes`.
pub const BODY_BYTES_MAX: u64 = 1 << 40;
/// One caller at all servers gets at most one part in this many of the totals. So do all clients
/// without a token together.
pub const CALLER_SHARE: u64 = 4;
/// One peer address without a token gets at most one part in this many of the share of all such
/// clients.
pub const PEER_SHARE: u64 = 2;
/// An unfinished upload of such a client gives way only after this time to a client of an address
/// that has as many of them: a form takes no longer.
pub const UPLOAD_YOUNG: Duration = Duration::from_secs(1);
/// A body up to this size is not charged: the bound on requests limits such bodies, too.
pub const BODY_BYTES_UNCHARGED: u64 = 16 * KIB as u64;
/// The steps in which a body of unknown length is charged to its caller.
pub const BODY_CHARGE_BYTES: u64 = 64 * KIB as u64;
/// Default of `limits.requests`, requests of all callers: one request for this much of the memory
/// limit …
pub const MEMORY_BYTES_PER_REQUEST: u64 = 256 * KIB as u64;
/// … but no fewer than this …
pub const REQUESTS_LEAST: u32 = 64;
/// … and no more.
pub const REQUESTS: u32 = 1_024;
/// Default of `limits.body_bytes`, bytes of request bodies of all callers: one part in this many of
/// the memory limit …
pub const MEMORY_SHARE_OF_BODIES: u64 = 4;
/// … and no more than this.
pub const BODY_BYTES: u64 = 256 * MIB as u64;

/// Default of `limits.streams_per_caller`.
pub const STREAMS_PER_CALLER: u32 = 64;
/// Largest `limits.streams_per_caller`.
pub const STREAMS_PER_CALLER_MAX: u32 = 65_536;
/// Default of `limits.sessions_per_caller`: open sessions of one caller at one server. They expire
/// evenly over [`SESSION_AGE`].
pub const SESSIONS_PER_CALLER: u32 = 1_024;
/// Largest `limits.sessions_per_caller`, for a service account that many clients share and that
/// never ends a session.
pub const SESSIONS_PER_CALLER_MAX: u32 = 1_000_000;
/// A session expires after this time: most clients never end their sessions.
pub const SESSION_AGE: Duration = Duration::from_secs(1_800);
/// Remembered tasks of one caller at one server. A caller with more loses the oldest; other callers
/// lose none.
pub const TASKS_PER_CALLER_MAX: usize = 1_024;
/// Tasks of all callers.
pub const TASKS_MAX: usize = 262_144;
/// A task is remembered for its `ttl`, but no longer than this.
pub const TASK_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Remembered events of one caller, for `Last-Event-ID`.
pub const EVENTS_PER_CALLER_MAX: usize = 4_096;
/// Events of all callers.
pub const EVENTS_MAX: usize = 524_288;

/// Bytes of a request body without a token, at most; `limits.request_body` may be less.
pub const ANONYMOUS_BODY_BYTES_MAX: u64 = 64 * KIB as u64;
/// A session that began without a token ends after this time: its id then opens no more.
pub const ANONYMOUS_SESSION_AGE: Duration = Duration::from_secs(24 * 3600);
/// How much longer it is remembered who owns such a session: the clock may be set back.
pub const ANONYMOUS_OWNER_KEPT: Duration = Duration::from_secs(3600);
/// Sessions of one caller that began without a token.
pub const ANONYMOUS_OWNED_PER_CALLER_MAX: usize = 1_024;
/// Such sessions of all callers.
pub const ANONYMOUS_OWNED_MAX: usize = 65_536;
