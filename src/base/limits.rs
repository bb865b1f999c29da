//! Bounds on time, bytes and counts, each with the reason for its size.

use std::time::Duration;

pub mod connections;
pub mod held;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

// --- what a connection may cost (SPEC F-12, F-13, F-17) ---

/// Length of the kernel's queue of connections that are not accepted yet.
pub const LISTEN_BACKLOG: u32 = 8_192;
/// A TLS handshake takes two round trips; slower is an attack or a broken network.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// From the first byte of a head to its last: slowloris.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// A kept-alive connection with no request.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a connection that was asked to finish, and carries no request, may take to do so.
pub const FINISH_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that reads nothing of what is written to it.
pub const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two pieces of a request body.
pub const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// From a request body's first byte to its last, whatever arrives between.
pub const BODY_TOTAL_TIMEOUT: Duration = Duration::from_secs(120);
/// How long an answer that needs no body waits for the body to arrive, so that the connection can
/// go on.
pub const REFUSED_BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of a refused upload of a known caller is read and dropped: this many times
/// `limits.request_body` …
pub const REFUSED_UPLOAD_TIMES: u64 = 2;
/// … and no longer than this.
pub const REFUSED_UPLOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// All fields of one head together.
pub const HEADER_BLOCK_BYTES_MAX: usize = 32 * KIB;
/// One field value.
pub const HEADER_FIELD_BYTES_MAX: usize = 16 * KIB;
/// Fields in one head.
pub const HEADER_FIELDS_MAX: usize = 100;
/// The request target.
pub const URI_BYTES_MAX: usize = 8 * KIB;
/// Chunk extensions mean nothing to the gateway; more than this on one chunk is a flood.
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 256;
/// Streams that one HTTP/2 connection may have open.
pub const H2_STREAMS_MAX: u32 = 100;
/// Streams that a peer may open and reset before the connection is closed (CVE-2023-44487).
pub const H2_RESETS_MAX: usize = 64;
/// What is written to one HTTP/2 stream and not yet taken by a slow reader.
pub const H2_SEND_BUFFER_BYTES_MAX: usize = 256 * KIB;
/// What a body hands out at once on HTTP/2. A client that takes less than this in
/// [`WRITE_STALL_TIMEOUT`] is stalled; this much stays with the library for each stream when a
/// client takes one byte and stops.
pub const H2_PIECE_BYTES_MAX: usize = 16 * KIB;

// --- what a body may be (SPEC C-22, C-26) ---

/// Default of `limits.request_body`.
pub const REQUEST_BODY_BYTES: u64 = 4 * MIB as u64;
/// Request body to the embedded authorization server: forms, and the metadata of a client.
pub const ISSUER_BODY_BYTES_MAX: u64 = 64 * KIB as u64;
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
/// Default of `limits.streams_per_caller`.
pub const STREAMS_PER_CALLER: u32 = 64;
/// Largest `limits.streams_per_caller`.
pub const STREAMS_PER_CALLER_MAX: u32 = 65_536;

// --- what state one caller may cause (SPEC C-48, C-92, attack 154) ---

/// Default of `limits.sessions_per_caller`: open sessions of one caller at one server. They are
/// forgotten evenly over [`SESSION_AGE`].
pub const SESSIONS_PER_CALLER: u32 = 1_024;
/// Largest `limits.sessions_per_caller`: for a service account that many clients share and that
/// ends no session.
pub const SESSIONS_PER_CALLER_MAX: u32 = 1_000_000;
/// A session no longer counts after this time without a request: most clients never end theirs.
pub const SESSION_AGE: Duration = Duration::from_secs(1_800);
/// A session id of an upstream (SPEC C-40).
pub const SESSION_ID_BYTES_MAX: usize = 256;
/// An id of an event, which comes back in `Last-Event-ID` (SPEC C-53).
pub const EVENT_ID_BYTES_MAX: usize = 1_024;
/// Path and query of the message endpoint that an upstream of 2024-11-05 names. The sealed URI is a
/// third longer and fits into [`URI_BYTES_MAX`] and the limits of clients and proxies (RFC 9110
/// §4.1).
pub const ENDPOINT_BYTES_MAX: usize = 2 * KIB;
/// Tasks of one caller at one server that are remembered. A caller with more loses the oldest;
/// other callers lose none.
pub const TASKS_PER_CALLER_MAX: usize = 1_024;
/// Tasks of all callers.
pub const TASKS_MAX: usize = 262_144;
/// A task is remembered for the time that its `ttl` says, and no longer than this.
pub const TASK_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Largest answer that is looked at for the task it makes: such an answer is small.
pub const TASK_ANSWER_BYTES_MAX: usize = 64 * KIB;
/// How much of a call's stream is looked at for the task that it makes.
pub const TASK_STREAM_BYTES_MAX: usize = MIB;
/// Events of one caller whose origin is remembered, for `Last-Event-ID`.
pub const EVENTS_PER_CALLER_MAX: usize = 4_096;
/// Events of all callers.
pub const EVENTS_MAX: usize = 524_288;

// --- what an answer that must be read may be (SPEC C-55) ---

/// A list as JSON, or one event of a stream that may hold a list.
pub const LIST_BYTES_MAX: usize = 16 * MIB;
/// Nesting of such an answer: schemas of tools go deep.
pub const LIST_JSON_DEPTH_MAX: u32 = 512;
/// Messages in one batch (SPEC C-30).
pub const BATCH_MESSAGES_MAX: usize = 50;

// --- tokens (SPEC B-07, B-35, B-36, B-38) ---

/// Bytes of a bearer token, looked at before anything is decoded.
pub const TOKEN_BYTES_MAX: usize = 8 * KIB;
/// A key id is an opaque lookup string.
pub const KID_BYTES_MAX: usize = 256;
/// Nesting of a token's header and claims.
pub const TOKEN_JSON_DEPTH_MAX: u32 = 16;
/// Keys that are tried when a token names none, or when several share a name.
pub const KEYS_TRIED_MAX: usize = 8;
/// Largest `clock_skew` (RFC 7519 §4.1.4: "a few minutes").
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);
/// Verified tokens that are remembered.
pub const TOKENS_REMEMBERED_MAX: u64 = 65_536;
/// Bytes that remembered tokens may take together.
pub const TOKENS_REMEMBERED_BYTES_MAX: u64 = 128 * MIB as u64;

// --- what the gateway fetches (SPEC B-41, B-42, D-32) ---

/// A key set.
pub const JWKS_BYTES_MAX: usize = 512 * KIB;
/// Keys in a key set.
pub const JWKS_KEYS_MAX: usize = 100;
/// An authorization server's metadata.
pub const METADATA_BYTES_MAX: usize = 64 * KIB;
/// The head of what is fetched: real ones are under 4 KiB.
pub const FETCH_HEAD_BYTES_MAX: usize = 16 * KIB;
/// Fields in it.
pub const FETCH_HEAD_FIELDS_MAX: usize = 100;
/// One fetch, from the name look-up to the last byte.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys are asked for again no sooner than this, whatever their `max-age` says.
pub const JWKS_AGE_MIN: Duration = Duration::from_secs(60);
/// Keys are asked for again at least this often: a removed key must stop working.
pub const JWKS_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Age of keys whose answer says nothing.
pub const JWKS_AGE_DEFAULT: Duration = Duration::from_secs(600);
/// Keys older than this are not used even when the issuer cannot be reached.
pub const JWKS_STALE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a token whose key is unknown waits for a fetch that could bring it.
pub const KEY_WAIT: Duration = Duration::from_secs(5);
/// How much longer it waits for the answer, where the fetch has begun at the last moment.
pub const KEY_WAIT_GRACE: Duration = Duration::from_millis(500);
/// Fetches that unknown keys may cause besides the first, for each issuer and `refetch_floor` (SPEC
/// B-43). They are spread evenly, so that with the default floor the next one is never more than
/// [`KEY_WAIT`] away.
pub const EXTRA_FETCHES_MAX: usize = 5;
/// How many of these extra fetches one peer address may cause (IPv6: one /64); the last one is left
/// to other peers.
pub const EXTRA_FETCHES_PER_PEER_MAX: usize = 4;
/// Requests that wait for one issuer's keys because their token's key is unknown; the next one gets
/// 503 at once.
pub const KEY_WAITERS_MAX: usize = 2_048;
/// How many of them may come from one peer address (IPv6: one /64).
pub const KEY_WAITERS_PER_PEER_MAX: usize = 1_024;
/// Age at which an issuer's metadata is fetched again.
pub const METADATA_AGE: Duration = Duration::from_secs(600);

// --- upstreams ---

/// Idle connections kept to one upstream.
pub const UPSTREAM_IDLE_MAX: usize = 1_024;
/// How long one is kept: shorter than the usual limit of servers, which close theirs.
pub const UPSTREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Unread bytes of one answer over HTTP/2. The connection's window is larger than all of them
/// together, so that a slow client does not stall others.
pub const UPSTREAM_H2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// See [`UPSTREAM_H2_STREAM_WINDOW_BYTES`].
pub const UPSTREAM_H2_CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;
/// How often a silent HTTP/2 upstream is asked whether it is there, and how long it may take to say
/// so.
pub const UPSTREAM_H2_PING: Duration = Duration::from_secs(5);
/// What is read and thrown away of a body that means nothing.
pub const IGNORED_BODY_BYTES_MAX: u64 = 64 * KIB as u64;
/// Response header fields of one HTTP/2 stream.
pub const UPSTREAM_H2_HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Age at which a connection is replaced, so that a changed DNS record is followed under load:
/// twice the usual 30 s of a record in a cluster. A handshake a minute costs nothing.
pub const UPSTREAM_CONNECTION_AGE: Duration = Duration::from_secs(60);
/// Each connection lives up to this much longer, by chance, so that those dialled together are not
/// replaced together.
pub const UPSTREAM_CONNECTION_AGE_JITTER: Duration = Duration::from_secs(30);
/// Default of `limits.upstream_connections`, HTTP/2 connections to one server: 1,024 calls at once
/// with the 128 streams of nginx.
pub const UPSTREAM_CONNECTIONS: u32 = 8;
/// Largest `limits.upstream_connections`.
pub const UPSTREAM_CONNECTIONS_MAX: u32 = 64;
/// `Retry-After` of a call for which no HTTP/2 stream was free: streams end all the time.
pub const UPSTREAM_BUSY_RETRY_SECS: u64 = 1;
/// A call that arrives this long after the upstream was first found away fails at once.
pub const UPSTREAM_AWAY_PATIENCE: Duration = Duration::from_secs(2);
/// First pause before an upstream that is away is dialled again; each pause is twice the one
/// before.
pub const UPSTREAM_REDIAL_FIRST: Duration = Duration::from_millis(25);
/// Longest pause while calls wait.
pub const UPSTREAM_REDIAL_MAX: Duration = Duration::from_millis(250);
/// Pause after [`UPSTREAM_AWAY_PATIENCE`]: one dial a second.
pub const UPSTREAM_PROBE_EVERY: Duration = Duration::from_secs(1);

// --- name look-ups ---

/// Look-ups of configured names at once: each occupies a thread for as long as DNS hangs.
pub const LOOK_UPS_MAX: usize = 8;
/// Look-ups at once of names from fetched documents; a separate bound, so that they never delay
/// configured names.
pub const LOOK_UPS_OUTSIDE_MAX: usize = 4;

// --- the operator's port ---

/// Open connections: a probe or a scrape at a time is usual. The next one closes one of them.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
/// The same where descriptors are few.
pub const ADMIN_CONNECTIONS_LEAST: usize = 4;
/// One part in this many of them is left to requests that are still arriving, where clients read
/// their answers slowly.
pub const ADMIN_SHARE_FOR_HEADS: usize = 8;
/// From accept to the last byte of a request's head.
pub const ADMIN_HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// From accept to the last byte of the answer: one request a connection.
pub const ADMIN_CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// A head is a line and a few fields.
pub const ADMIN_HEAD_BYTES_MAX: usize = 16 * KIB;

// --- operating ---

/// The configuration file.
pub const CONFIG_BYTES_MAX: u64 = MIB as u64;
/// A file that a secret or a key set is read from.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 * KIB as u64;
/// Audit lines that wait for a slow reader; the next ones are counted and dropped.
pub const AUDIT_LINES_MAX: usize = 16_384;
/// Log lines that wait for a slow reader; the next ones are counted and lost.
pub const LOG_LINES_MAX: usize = 4_096;
/// A certificate that expires within this time causes a warning once a day.
pub const CERTIFICATE_ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3600);
/// How often configuration, certificate and key files are looked at.
pub const FILES_LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

// --- the embedded authorization server: clients and keys ---

/// A Client ID Metadata Document (SPEC E-33).
pub const CLIENT_DOCUMENT_BYTES_MAX: usize = 5 * KIB;
/// A key set that a client's document names.
pub const CLIENT_KEYS_BYTES_MAX: usize = 64 * KIB;
/// Documents and key sets of clients that are remembered.
pub const CLIENT_DOCUMENTS_MAX: u64 = 4_096;
/// How often one host is asked for documents: one in this time, after a few at once.
pub const CLIENT_DOCUMENT_EVERY: Duration = Duration::from_secs(2);
/// How many of them may come at once.
pub const CLIENT_DOCUMENTS_AT_ONCE: u32 = 10;
/// A client's document is held at least this long, whatever it says.
pub const CLIENT_DOCUMENT_AGE_MIN: Duration = Duration::from_secs(60);
/// At most.
pub const CLIENT_DOCUMENT_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Where it says nothing; and the longest for a key set, because a key that was withdrawn must stop
/// working.
pub const CLIENT_DOCUMENT_AGE_DEFAULT: Duration = Duration::from_secs(300);
/// A client that registered itself is deleted after this time if no user has allowed it anything
/// (SPEC E-35): every client can register, and unused registrations must not fill the store.
pub const UNUSED_CLIENT_AGE: Duration = Duration::from_secs(24 * 3600);
/// A client that registered itself and was used is deleted after this time without use.
pub const DYNAMIC_CLIENT_AGE: Duration = Duration::from_secs(90 * 24 * 3600);
/// The longest that a client's assertion may hold from now on (RFC 7523 §3).
pub const ASSERTION_AGE_MAX: Duration = Duration::from_secs(300);
/// The longest that `access_token_ttl` may be: keys stay published for as long.
pub const ACCESS_TOKEN_TTL_MAX: Duration = Duration::from_secs(24 * 3600);
/// A key signs for this long.
pub const SIGNING_KEY_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// From a key's publication to its first signature: every cache of the key set has it by then.
pub const SIGNING_KEY_LEAD: Duration = Duration::from_secs(600);
/// How often the store is asked for signing keys.
pub const SIGNING_KEYS_POLL: Duration = Duration::from_secs(10);
/// How often the store is asked for revocations.
pub const REVOCATIONS_POLL: Duration = Duration::from_secs(2);
/// How often the store is cleaned.
pub const STORE_SWEEP_EVERY: Duration = Duration::from_secs(300);
/// How long a refresh waits to learn that the client received the successor.
pub const ARRIVAL_WAIT: Duration = Duration::from_millis(250);

// --- the embedded authorization server: store ---

/// One value in its store.
pub const STORE_VALUE_BYTES_MAX: usize = 64 * KIB;
/// Entries of a kind that any unauthenticated request can create, such as a started login.
pub const STORE_ANYONE_ENTRIES_MAX: usize = 65_536;
/// Bytes that these may take together.
pub const STORE_ANYONE_BYTES_MAX: usize = 64 * MIB;
/// Entries of any other kind.
pub const STORE_ENTRIES_MAX: usize = 1_048_576;
/// Bytes that these may take together.
pub const STORE_BYTES_MAX: usize = 512 * MIB;
/// Dead entries that the file store removes at once: others wait meanwhile.
pub const STORE_SWEEP_ENTRIES: usize = 512;
/// How long the file store waits for the previous process to release the file.
pub const STORE_BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// One operation on the file store, the wait for its turn included: a disk may hang.
pub const STORE_WORK_TIMEOUT: Duration = Duration::from_secs(5);
/// Reaching Redis, from the name look-up to the login.
pub const STORE_DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// One operation in Redis, dialling included.
pub const STORE_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// After a failure Redis is not asked for this time, and each operation fails at once.
pub const STORE_AWAY: Duration = Duration::from_secs(1);
/// Values that Redis is asked for with one command.
pub const STORE_LIST_BATCH: usize = 512;

// --- the embedded authorization server: requests (SPEC E, attacks 157–162) ---

/// A query or a form: a client assertion ([`TOKEN_BYTES_MAX`]), percent-encoded, and the rest.
pub const FORM_BYTES_MAX: usize = 32 * KIB;
/// Parameters of one query or form.
pub const FORM_PARAMETERS_MAX: usize = 64;
/// `state`: some clients keep sealed data in it.
pub const STATE_BYTES_MAX: usize = 2 * KIB;
/// `client_id`, which may be a URL.
pub const CLIENT_ID_BYTES_MAX: usize = KIB;
/// One redirect URI; with `state` and a code it must still fit where URLs fit.
pub const REDIRECT_URI_BYTES_MAX: usize = 2 * KIB;
/// Redirect URIs of one client.
pub const REDIRECT_URIS_MAX: usize = 16;
/// `client_name`: a line of the consent page.
pub const CLIENT_NAME_CHARS_MAX: usize = 120;
/// `grant_types` and `response_types` of one client, each.
pub const CLIENT_WORDS_MAX: usize = 16;
/// A registration request, perhaps with a key set in it.
pub const REGISTRATION_BYTES_MAX: usize = 16 * KIB;
/// Nesting of a registration or a client's document: a key set's certificates are four deep.
pub const REGISTRATION_JSON_DEPTH_MAX: u32 = 16;
/// One `scope` value.
pub const SCOPE_BYTES_MAX: usize = 8 * KIB;
/// Scope tokens in it: some clients ask for every scope that a server names.
pub const SCOPES_MAX: usize = 256;
/// `resource` parameters of one request.
pub const RESOURCES_ASKED_MAX: usize = 16;
/// `login_hint`: the longest mail address (RFC 5321 §4.5.3.1: 64 + 1 + 255).
pub const LOGIN_HINT_BYTES_MAX: usize = 320;
/// `prompt`: all its words together are shorter.
pub const PROMPT_BYTES_MAX: usize = 64;

// --- the embedded authorization server: pages and passwords ---

/// From the authorize endpoint to the code, login and consent included (SPEC D-04).
pub const FLOW_AGE: Duration = Duration::from_secs(600);
/// An authorization code (SPEC E-15).
pub const CODE_AGE: Duration = Duration::from_secs(60);
/// A sign-in of a browser, however often it is used.
pub const LOGIN_AGE: Duration = Duration::from_secs(8 * 3600);
/// A user's consent to a client, after its last use.
pub const CONSENT_AGE: Duration = Duration::from_secs(365 * 24 * 3600);
/// The name of an account as typed.
pub const ACCOUNT_NAME_BYTES_MAX: usize = 320;
/// A password.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// The shortest that is hashed (NIST SP 800-63B §3.1.1.2 has 8 where there is a second factor or a
/// rate limit).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Passwords that are checked at the same time: each check takes some 50 ms of one processor.
pub const PASSWORDS_AT_ONCE: usize = 2;
/// Memory that one check of a password may take, in KiB, as argon2 counts.
pub const PASSWORD_MEMORY_KIB_MAX: u32 = 262_144;
/// Names and addresses whose attempts are counted.
pub const THROTTLED_MAX: usize = 65_536;
/// Characters that a page shows of one text from outside.
pub const SHOWN_CHARS_MAX: usize = 200;
