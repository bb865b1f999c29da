//! Bounds on fetches of key sets and metadata, and on name look-ups (SPEC B-41, B-42, D-32).

use std::time::Duration;

use super::KIB;

/// A key set.
pub const JWKS_BYTES_MAX: usize = 512 * KIB;
/// Keys in a key set.
pub const JWKS_KEYS_MAX: usize = 100;
/// An authorization server's metadata.
pub const METADATA_BYTES_MAX: usize = 64 * KIB;
/// The head of a fetched document: real heads are under 4 KiB.
pub const FETCH_HEAD_BYTES_MAX: usize = 16 * KIB;
/// Fields in that head.
pub const FETCH_HEAD_FIELDS_MAX: usize = 100;
/// One fetch, from the name look-up to the last byte.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys are fetched again no sooner than this, whatever their `max-age`.
pub const JWKS_AGE_MIN: Duration = Duration::from_secs(60);
/// Keys are fetched again at least this often: a removed key must stop working.
pub const JWKS_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Age of keys without `max-age`.
pub const JWKS_AGE_DEFAULT: Duration = Duration::from_secs(600);
/// Older keys are not used, even if the issuer cannot be reached.
pub const JWKS_STALE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a token with an unknown key waits for a fetch that could bring the key.
pub const KEY_WAIT: Duration = Duration::from_secs(5);
/// How much longer the token waits, if the fetch began at the last moment.
pub const KEY_WAIT_GRACE: Duration = Duration::from_millis(500);
/// Fetches that unknown keys may cause besides the first, for each issuer and `refetch_floor` (SPEC
/// B-43). They are spread evenly, so that with the default floor the next fetch is never more than
/// [`KEY_WAIT`] away.
pub const EXTRA_FETCHES_MAX: usize = 5;
/// How many of these extra fetches one peer address may cause (IPv6: one /64); the last is for
/// other peers.
pub const EXTRA_FETCHES_PER_PEER_MAX: usize = 4;
/// Requests that wait for one issuer's keys because their token's key is unknown; the next request
/// gets 503 at once.
pub const KEY_WAITERS_MAX: usize = 2_048;
/// How many of these requests may come from one peer address (IPv6: one /64).
pub const KEY_WAITERS_PER_PEER_MAX: usize = 1_024;
/// Age at which an issuer's metadata is fetched again.
pub const METADATA_AGE: Duration = Duration::from_secs(600);
/// Look-ups of configured names at once: each occupies a thread while DNS does not answer.
pub const LOOK_UPS_MAX: usize = 8;
/// Look-ups at once of names from fetched documents; a separate bound, so that they never delay
/// configured names.
pub const LOOK_UPS_OUTSIDE_MAX: usize = 4;
/// An introspection answer: the claims of one token.
pub const INTROSPECTION_BYTES_MAX: usize = 64 * KIB;
/// Questions to one introspection endpoint at once.
pub const INTROSPECTIONS_MAX: usize = 32;
/// How many of them may be about tokens from one peer address (IPv6: one /64).
pub const INTROSPECTIONS_PER_PEER_MAX: usize = 8;
/// Requests that wait for a question, or for its answer; the next request gets 503 at once.
pub const INTROSPECTIONS_WAITING_MAX: usize = 2_048;
/// How many of these requests may come from one peer address.
pub const INTROSPECTIONS_WAITING_PER_PEER_MAX: usize = 512;
/// The body of an answer that a command reads.
pub const ASK_BYTES_MAX: usize = 1024 * KIB;
/// One exchange of a command, from the name look-up to the last byte.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of one list that a command reads.
pub const LIST_PAGES_MAX: usize = 50;
/// Entries of one list that a command reads: further ones are left out.
pub const LIST_ENTRIES_MAX: usize = 10_000;
