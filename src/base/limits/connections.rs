//! Bounds on client connections, and on the time after which a silent peer counts as gone.

use std::time::Duration;

/// Open client connections; the next one waits in the listen queue.
pub const CONNECTIONS_MAX: usize = 32_768;
/// Idle connections that are asked at once to make room for new ones.
pub const CONNECTIONS_CLOSED_AT_ONCE: usize = 256;
/// For so long a connection that has come, or has had its last answer, does not make room for a
/// peer with more connections: its request may be on its way, over two round trips of TLS.
pub const CONNECTION_YOUNG: Duration = Duration::from_secs(2);
/// How long an HTTP/2 connection that must make room may take to send its GOAWAY.
pub const ROOM_TIMEOUT: Duration = Duration::from_millis(100);
/// File descriptors that are kept for files that are read, for issuers and stores, and for what a
/// library opens …
pub const DESCRIPTORS_FOR_FILES: u64 = 16;
/// … but no more than one part in this many of the limit. Half of that part bounds the reserve of
/// the admin port, and a quarter the margin between counting and closing.
pub const DESCRIPTOR_SHARE: u64 = 8;
/// TCP keep-alive: a silent peer is probed after this time …
pub const PEER_SILENT_AFTER: Duration = Duration::from_secs(30);
/// … this often …
pub const PEER_PROBE_EVERY: Duration = Duration::from_secs(10);
/// … and is gone after so many probes without an answer.
pub const PEER_PROBES: u32 = 3;
/// A client whose kernel acknowledges nothing of what was sent is gone. Linux also counts the time
/// in which a living client has no room for more, so this is longer than
/// [`super::WRITE_STALL_TIMEOUT`], which tells the two apart.
pub const CLIENT_GONE_AFTER: Duration = Duration::from_secs(75);
