//! Bounds on client connections: their number, and what each may cost (SPEC F-12, F-13, F-17).

use std::time::Duration;

use super::{KIB, MIB};

/// Length of the kernel's queue of connections that are not accepted yet.
pub const LISTEN_BACKLOG: u32 = 8_192;
/// The time for a TLS handshake, which takes two round trips: a slower one is an attack or a broken
/// network.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The time for the PROXY header, which a proxy sends before anything else.
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// One PROXY header: version 2 may carry more than addresses.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 * KIB;
/// The time from the first byte of a head to its last (slowloris).
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection without a request is kept open.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long an idle connection that was asked to finish may take.
pub const FINISH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a peer may leave written bytes unread.
pub const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The time between two pieces of a request body.
pub const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// The time from a request body's first byte to its last.
pub const BODY_TOTAL_TIMEOUT: Duration = Duration::from_secs(120);
/// An upload to a path beside the MCP endpoint may be larger: it gets one second more each time it
/// has sent this many bytes.
pub const STREAMED_BYTES_PER_SECOND_MIN: u64 = 8 * 1024;
/// As [`BODY_TOTAL_TIMEOUT`], to an embedded authorization server: a form of a client that is not
/// verified, of 64 KiB at most.
pub const EMBEDDED_BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer that needs no body waits for the body, so that the connection can be reused.
pub const REFUSED_BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of a verified caller's refused upload is read and discarded: this many times
/// `limits.request_body` …
pub const REFUSED_UPLOAD_TIMES: u64 = 2;
/// … and no longer than this.
pub const REFUSED_UPLOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a refused upload without a valid token is read and discarded, while no pause is
/// longer than [`REFUSED_BODY_TIMEOUT`]: its client must be able to read why it is refused.
pub const REFUSED_UNVERIFIED_BYTES_MAX: u64 = 8 * MIB as u64;
/// Refused uploads of one HTTP/2 connection that are drained at once.
pub const REFUSED_UPLOADS_MAX: usize = 32;
/// Fields in one head.
pub const HEADER_FIELDS_MAX: usize = 100;
/// The request target.
pub const URI_BYTES_MAX: usize = 8 * KIB;
/// The extensions of one chunk, which the gateway ignores: more than this is a flood.
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 256;
/// Streams that one HTTP/2 connection may have open.
pub const H2_STREAMS_MAX: u32 = 100;
/// Streams that a peer may open and reset before the connection is closed (CVE-2023-44487).
pub const H2_RESETS_MAX: usize = 64;
/// Bytes that are held for a slow reader of one HTTP/2 stream.
pub const H2_SEND_BUFFER_BYTES_MAX: usize = 256 * KIB;
/// The largest piece of a body on HTTP/2. A client that takes less than this in
/// [`WRITE_STALL_TIMEOUT`] is stalled. If a client takes one byte and stops, the library holds this
/// much for each stream.
pub const H2_PIECE_BYTES_MAX: usize = 16 * KIB;

/// Open client connections; further connections wait in the listen queue.
pub const CONNECTIONS_MAX: usize = 32_768;
/// Idle connections that are asked at once to make room for new ones.
pub const CONNECTIONS_CLOSED_AT_ONCE: usize = 256;
/// For this time a connection that is new, or has had an answer, does not make room for a peer with
/// more connections: its next request may be on its way, after two round trips of TLS.
pub const CONNECTION_YOUNG: Duration = Duration::from_secs(2);
/// How long an HTTP/2 connection that must make room may take to send its GOAWAY.
pub const ROOM_TIMEOUT: Duration = Duration::from_millis(100);
/// File descriptors that are reserved for files, issuers, stores and libraries …
pub const DESCRIPTORS_FOR_FILES: u64 = 16;
/// … but no more than one part in this many of the limit. Half of that part bounds the reserve of
/// the admin port, and a quarter of it the margin between counting and closing.
pub const DESCRIPTOR_SHARE: u64 = 8;
/// TCP keep-alive: a silent peer is probed after this time …
pub const PEER_SILENT_AFTER: Duration = Duration::from_secs(30);
/// … this often …
pub const PEER_PROBE_EVERY: Duration = Duration::from_secs(10);
/// … and counts as gone after this many probes without an answer.
pub const PEER_PROBES: u32 = 3;
/// A client whose kernel acknowledges no sent byte for this time is gone. Linux also counts the
/// time in which a live client has no room for more bytes, so this is longer than
/// [`WRITE_STALL_TIMEOUT`], which ends such a client first.
pub const CLIENT_GONE_AFTER: Duration = Duration::from_secs(75);
