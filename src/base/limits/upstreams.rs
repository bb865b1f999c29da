//! Bounds on upstreams: connections to them, their answers, and the patience while one is away.

use std::time::Duration;

/// Idle connections kept to one upstream.
pub const UPSTREAM_IDLE_MAX: usize = 1_024;
/// How long an idle connection is kept: shorter than servers usually keep it.
pub const UPSTREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Unread bytes of one answer over HTTP/2. The window of the connection is larger than all of these
/// together, so that a slow client does not stall others.
pub const UPSTREAM_H2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// See [`UPSTREAM_H2_STREAM_WINDOW_BYTES`].
pub const UPSTREAM_H2_CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;
/// How often a silent HTTP/2 upstream gets a PING, and how long it may take to answer.
pub const UPSTREAM_H2_PING: Duration = Duration::from_secs(5);
/// Response header fields of one HTTP/2 stream.
pub const UPSTREAM_H2_HEADER_BYTES_MAX: u32 = 16 * 1024;
/// How often a request is sent again because connections are going away that did not process it.
pub const UPSTREAM_GOING_AWAY_REPEATS: u32 = 4;
/// After this time without an answer of one address of a name, the next one is tried too (RFC 8305
/// §5).
pub const CONNECT_NEXT_AFTER: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried at once.
pub const CONNECT_AT_ONCE_MAX: usize = 8;
/// Age at which a connection is replaced, so that a changed DNS record is noticed under load: twice
/// the usual 30 s of a record in a cluster. One handshake a minute is cheap.
pub const UPSTREAM_CONNECTION_AGE: Duration = Duration::from_secs(60);
/// Each connection lives up to this much longer, at random, so that connections dialled together
/// are not replaced together.
pub const UPSTREAM_CONNECTION_AGE_JITTER: Duration = Duration::from_secs(30);
/// Default of `limits.upstream_connections`, HTTP/2 connections to one server: 1,024 calls at once
/// with the 128 streams of nginx.
pub const UPSTREAM_CONNECTIONS: u32 = 8;
/// Largest `limits.upstream_connections`.
pub const UPSTREAM_CONNECTIONS_MAX: u32 = 64;
/// A call that arrives this long after the upstream was first found away fails at once.
pub const UPSTREAM_AWAY_PATIENCE: Duration = Duration::from_secs(2);
/// First pause before an upstream that is away is dialled again; each pause is twice the previous
/// pause.
pub const UPSTREAM_REDIAL_FIRST: Duration = Duration::from_millis(25);
/// Longest pause while calls wait.
pub const UPSTREAM_REDIAL_MAX: Duration = Duration::from_millis(250);
/// Pause after [`UPSTREAM_AWAY_PATIENCE`]: one dial a second.
pub const UPSTREAM_PROBE_EVERY: Duration = Duration::from_secs(1);
