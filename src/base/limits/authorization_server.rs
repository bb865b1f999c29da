//! Bounds on the embedded authorization server (SPEC E, attacks 157–162).

use std::time::Duration;

use super::{KIB, MIB};

/// A Client ID Metadata Document (SPEC E-33).
pub const CLIENT_DOCUMENT_BYTES_MAX: usize = 16 * KIB;
/// A key set that a client's document names.
pub const CLIENT_KEYS_BYTES_MAX: usize = 64 * KIB;
/// Remembered documents and key sets of clients.
pub const CLIENT_DOCUMENTS_MAX: u64 = 4_096;
/// A host is asked for the same document, or key set, once in this time, after
/// [`CLIENT_DOCUMENTS_AT_ONCE`].
pub const CLIENT_DOCUMENT_EVERY: Duration = Duration::from_secs(2);
/// How often a host may be asked for the same document at once.
pub const CLIENT_DOCUMENTS_AT_ONCE: u32 = 10;
/// One host is asked for documents that it did not send before in this time, after
/// [`CLIENT_DOCUMENTS_OF_HOST_AT_ONCE`].
pub const CLIENT_DOCUMENT_OF_HOST_EVERY: Duration = Duration::from_millis(500);
/// How many such documents one host may be asked for at once.
pub const CLIENT_DOCUMENTS_OF_HOST_AT_ONCE: u32 = 40;
/// One client address may cause one of these requests in this time: an eighth of what the host may
/// be asked for.
pub const CLIENT_DOCUMENT_OF_PEER_EVERY: Duration = Duration::from_secs(4);
/// How many of them one client address may cause at once: several users may share it.
pub const CLIENT_DOCUMENTS_OF_PEER_AT_ONCE: u32 = 10;
/// One IPv6 site, which has many client addresses, may cause one of them in this time: a quarter of
/// what the host may be asked for.
pub const CLIENT_DOCUMENT_OF_SITE_EVERY: Duration = Duration::from_secs(2);
/// How many of them one IPv6 site may cause at once.
pub const CLIENT_DOCUMENTS_OF_SITE_AT_ONCE: u32 = 20;
/// A client's document is kept at least this long, whatever its `max-age`.
pub const CLIENT_DOCUMENT_AGE_MIN: Duration = Duration::from_secs(60);
/// A client's document is kept at most this long.
pub const CLIENT_DOCUMENT_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A client's document without `max-age` is kept this long. A key set is never kept longer, because
/// a withdrawn key must stop working.
pub const CLIENT_DOCUMENT_AGE_DEFAULT: Duration = Duration::from_secs(300);
/// While the host of a client's document fails, its last good version serves refreshes for this
/// long after it was fetched.
pub const STALE_DOCUMENT_REFRESHES: Duration = Duration::from_secs(24 * 3600);
/// As [`STALE_DOCUMENT_REFRESHES`], for new authorizations.
pub const STALE_DOCUMENT_AUTHORIZES: Duration = Duration::from_secs(3600);
/// As [`STALE_DOCUMENT_REFRESHES`], for keys of a client that signs assertions.
pub const STALE_DOCUMENT_KEYS: Duration = Duration::from_secs(3600);
/// Redirect origins that the store remembers of one document.
pub const STALE_DOCUMENT_ORIGINS_MAX: usize = 16;
/// The store forgets the document of a client in use after this time without use.
pub const LAST_GOOD_AGE: Duration = Duration::from_secs(90 * 24 * 3600);
/// After a failed fetch of a document that the store still has, its host is left alone for this
/// long.
pub const CLIENT_DOCUMENT_PAUSE: Duration = Duration::from_secs(10);
/// A client that registered itself is deleted after this time if no user has allowed it anything
/// (SPEC E-35): every client can register, and unused registrations must not fill the store.
pub const UNUSED_CLIENT_AGE: Duration = Duration::from_secs(24 * 3600);
/// A client that registered itself and was used is deleted after this time without use.
pub const DYNAMIC_CLIENT_AGE: Duration = Duration::from_secs(90 * 24 * 3600);
/// The longest remaining lifetime of a client's assertion (RFC 7523 §3).
pub const ASSERTION_AGE_MAX: Duration = Duration::from_secs(300);
/// Largest `access_token_ttl`: keys stay published for this long.
pub const ACCESS_TOKEN_TTL_MAX: Duration = Duration::from_secs(24 * 3600);
/// A key signs for this long.
pub const SIGNING_KEY_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The time from a key's publication to its first signature: by then every cache of the key set has
/// the key.
pub const SIGNING_KEY_LEAD: Duration = Duration::from_secs(600);
/// How often the store is asked for signing keys.
pub const SIGNING_KEYS_POLL: Duration = Duration::from_secs(10);
/// How often the store is asked for revocations.
pub const REVOCATIONS_POLL: Duration = Duration::from_secs(2);
/// How often a replica says that it runs, and hears of the others.
pub const REPLICA_EVERY: Duration = Duration::from_secs(5);
/// A replica that was not heard of for this time does not run.
pub const REPLICA_AGE: Duration = Duration::from_secs(30);
/// Signing keys that this replica cannot open are replaced after this time, unless another replica
/// opens them: a replica with wrong keys must not replace those of all others. A replica that
/// starts together with this one has announced itself by then.
pub const SIGNING_KEYS_UNOPENED_MAX: Duration = Duration::from_secs(30);
/// How long replicas of a version that does not seal values may write to a store after the first of
/// a version that does; then values without a seal are refused.
pub const UNSEALED_VALUES_MAX: Duration = Duration::from_secs(24 * 3600);
/// How often a store whose seals are in order is gone through.
pub const SEALS_EVERY: Duration = Duration::from_secs(3600);
/// How soon a store with values of another key is gone through again.
pub const SEALS_AGAIN: Duration = Duration::from_secs(10);
/// How often it is checked that the store is still the same.
pub const STORE_IDENTITY_EVERY: Duration = Duration::from_secs(2);
/// How often something is written to a file store, to notice that its disk is full.
pub const STORE_WRITTEN_EVERY: Duration = Duration::from_secs(5);
/// How often Redis is asked whether it evicts entries.
pub const STORE_EVICTION_EVERY: Duration = Duration::from_secs(10);
/// How long `/readyz` reports that the store was emptied.
pub const STORE_LOSS_REPORTED: Duration = Duration::from_secs(3600);
/// How often the store is cleaned.
pub const STORE_SWEEP_EVERY: Duration = Duration::from_secs(300);
/// How long a second use of a refresh token waits to learn whether the answer to the first was
/// delivered.
pub const REFRESH_WAITS_FOR_DELIVERY: Duration = Duration::from_millis(250);
/// For how long a refresh token is answered again if its answer was never written: the process was
/// killed, or the client's computer slept.
pub const REFRESH_UNANSWERED_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long the record of a delivered token waits after a fault of the store; after each further
/// one, so much longer.
pub const DELIVERY_AGAIN: Duration = Duration::from_secs(1);
/// How long the company IdP may take to answer a refresh. Longer than other fetches: after a
/// timeout its new refresh token is lost, and the old one has to be presented again.
pub const IDP_REFRESH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a refresh waits for the IdP; then it gets 503, and a retry joins the same exchange.
pub const REFRESH_WAITS_FOR_IDP: Duration = Duration::from_secs(20);
/// How long the answer of the IdP is good for an exchange: a client that was gone may come back.
pub const IDP_ANSWER_FRESH: Duration = Duration::from_secs(30);
/// How long a new refresh token of the IdP is kept in memory while the store is away.
pub const IDP_TOKEN_KEPT: Duration = Duration::from_secs(60);
/// Families whose sessions one replica asks the IdP about at once.
pub const RENEWALS_MAX: usize = 4_096;
/// After this time without a sign of life of its holder, another replica takes a lease.
pub const LEASE_AGE: Duration = Duration::from_secs(10);
/// How often the holder of a lease prolongs it.
pub const LEASE_PROLONGED_EVERY: Duration = Duration::from_secs(3);
/// How often a replica that waits for a lease tries again.
pub const LEASE_POLL: Duration = Duration::from_millis(150);
/// One value in its store.
pub const STORE_VALUE_BYTES_MAX: usize = 64 * KIB;
/// Claims of a user, as JSON, that are kept whether the configuration names them or not.
pub const ALL_CLAIMS_BYTES_MAX: usize = 16 * KIB;
/// Claims of a user that are kept. The rest of a value, with the session at the company IdP, must
/// have room beside them.
pub const KEPT_CLAIMS_BYTES_MAX: usize = 32 * KIB;
/// Longer claims are not sealed a second time with the session at the company IdP.
pub const SEALED_CLAIMS_BYTES_MAX: usize = 4 * KIB;
/// Entries of a kind that any unauthenticated request can create, such as a started login.
pub const STORE_ANYONE_ENTRIES_MAX: usize = 65_536;
/// Revocations by clients that anyone can register, of tokens that they got for themselves: a
/// sixteenth of [`STORE_ENTRIES_MAX`].
pub const REVOKED_BY_ANYONE_MAX: usize = 65_536;
/// Access tokens of a refresh family that are revoked one by one at the same time; the next one
/// ends the family.
pub const REVOKED_OF_FAMILY_MAX: usize = 64;
/// What Redis needs for an entry that waits for its first use, besides key and value; roughly.
pub const WAITING_OVERHEAD_BYTES: usize = 512;
/// Expired entries that one registration removes from the index in Redis.
pub const WAITING_SWEPT_MAX: usize = 100;
/// Bytes that these may take together.
pub const STORE_ANYONE_BYTES_MAX: usize = 64 * MIB;
/// Entries of any other kind.
pub const STORE_ENTRIES_MAX: usize = 1_048_576;
/// Bytes that these may take together.
pub const STORE_BYTES_MAX: usize = 512 * MIB;
/// Expired entries that the file store removes at once, while other operations wait.
pub const STORE_SWEEP_ENTRIES: usize = 512;
/// How long the file store waits for the previous process to release the file.
pub const STORE_BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// One operation on the file store, including the wait for its turn: a disk may hang.
pub const STORE_WORK_TIMEOUT: Duration = Duration::from_secs(5);
/// The time to connect to Redis, from the name look-up to the login.
pub const STORE_DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// One operation in Redis, including the dial.
pub const STORE_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// After a failure Redis is not asked for this time; each operation fails at once.
pub const STORE_AWAY: Duration = Duration::from_secs(1);
/// Values that one command requests from Redis.
pub const STORE_LIST_BATCH: usize = 512;
/// The body of a request: a form, or the metadata of a client.
pub const EMBEDDED_BODY_BYTES_MAX: u64 = 64 * KIB as u64;
/// A query or a form: a client assertion ([`super::tokens::TOKEN_BYTES_MAX`]), percent-encoded, and
/// the rest.
pub const FORM_BYTES_MAX: usize = 32 * KIB;
/// Parameters of one query or form.
pub const FORM_PARAMETERS_MAX: usize = 64;
/// `state`: some clients keep sealed data in it.
pub const STATE_BYTES_MAX: usize = 2 * KIB;
/// `client_id`, which may be a URL.
pub const CLIENT_ID_BYTES_MAX: usize = KIB;
/// One redirect URI; with `state` and a code it must not be too long for a URL.
pub const REDIRECT_URI_BYTES_MAX: usize = 2 * KIB;
/// Redirect URIs of one client.
pub const REDIRECT_URIS_MAX: usize = 64;
/// `client_name`: a line of the consent page; what is longer is shortened.
pub const CLIENT_NAME_CHARS_MAX: usize = 120;
/// `grant_types` and `response_types` of one client, each.
pub const CLIENT_WORDS_MAX: usize = 16;
/// A registration request, perhaps with a key set.
pub const REGISTRATION_BYTES_MAX: usize = 16 * KIB;
/// Nesting of a registration or a client's document: a key set's certificates are four deep.
pub const REGISTRATION_JSON_DEPTH_MAX: u32 = 16;
/// One `scope` value.
pub const SCOPE_BYTES_MAX: usize = 8 * KIB;
/// Scope tokens in one `scope` value: some clients request every scope that a server names.
pub const SCOPES_MAX: usize = 256;
/// Scopes that a request named and that were not granted, as far as they are remembered.
pub const NAMED_SCOPES_BYTES_MAX: usize = KIB;
/// `resource` parameters of one request.
pub const RESOURCES_ASKED_MAX: usize = 16;
/// `login_hint`: the longest mail address (RFC 5321 §4.5.3.1: 64 + 1 + 255).
pub const LOGIN_HINT_BYTES_MAX: usize = 320;
/// `prompt`: all known words together are shorter.
pub const PROMPT_BYTES_MAX: usize = 64;
/// The time from the authorize endpoint to the code, including login and consent (SPEC D-04).
pub const FLOW_AGE: Duration = Duration::from_secs(600);
/// A flow as it travels in the browser: a part of URLs, which have at most
/// [`super::connections::URI_BYTES_MAX`].
pub const SEALED_FLOW_BYTES_MAX: usize = 7 * KIB;
/// A longer list of scopes travels as positions among the scopes of the servers.
pub const SEALED_SCOPES_BYTES_MAX: usize = 256;
/// Answers of the company IdP that one process remembers, so that it looks at each once.
pub const USED_STATES_MAX: u64 = 65_536;
/// The lifetime of an authorization code (SPEC E-15).
pub const CODE_AGE: Duration = Duration::from_secs(60);
/// For this time after a call was refused for lack of scope, a refresh of the same login may be
/// refused once, so that its client asks for the scope.
pub const STEP_UP_REFRESH_WITHIN: Duration = Duration::from_secs(60);
/// How long a refused call is remembered: an authorization that follows it takes [`FLOW_AGE`].
pub const STEP_UP_AGE: Duration = Duration::from_secs(15 * 60);
/// For this time after a refresh was refused, the login that its client begins instead replaces the
/// old one: an authorization takes [`FLOW_AGE`], and its code lives for [`CODE_AGE`].
pub const STEP_UP_REPLACES_WITHIN: Duration = FLOW_AGE.saturating_add(CODE_AGE);
/// How long it is remembered that a refresh was refused, so that a client that then does not ask
/// for the scope is not told again.
pub const STEP_UP_TOLD_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it is remembered that a client asks for more scope by itself.
pub const STEP_UP_BY_ITSELF_AGE: Duration = Duration::from_secs(365 * 24 * 3600);
/// Refused calls of one client for one user, and refused refreshes.
pub const STEP_UPS_MAX: usize = 8;
/// How often one replica notes refused calls of the same login for the same scopes.
pub const STEP_UP_NOTED_EVERY: Duration = Duration::from_secs(5);
/// Refused calls that one replica keeps apart.
pub const STEP_UP_NOTES_MAX: usize = 16_384;
/// How long the answer to a refused call waits until the call is noted.
pub const STEP_UP_NOTE_TIMEOUT: Duration = Duration::from_secs(1);
/// The lifetime of a browser's sign-in, however often it is used.
pub const LOGIN_AGE: Duration = Duration::from_secs(8 * 3600);
/// For this time after its last sign-in to an account, a browser has its own limit on failed logins
/// to that account.
pub const KNOWN_BROWSER_AGE: Duration = Duration::from_secs(180 * 24 * 3600);
/// Cookies of known browsers that one request may have tried.
pub const KNOWN_BROWSERS_TRIED_MAX: usize = 8;
/// The lifetime of a user's consent to a client after its last use.
pub const CONSENT_AGE: Duration = Duration::from_secs(365 * 24 * 3600);
/// The name of an account, as typed.
pub const ACCOUNT_NAME_BYTES_MAX: usize = 320;
/// A password.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// The shortest password that is hashed (NIST SP 800-63B §3.1.1.2: 8 with a second factor or a rate
/// limit).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Threads that check passwords; there are no more than cores. Each check takes about 50 ms of a
/// core, and memory.
pub const PASSWORD_THREADS_MAX: usize = 8;
/// Checks of passwords that wait, of known browsers and of others, each; fewer if that is half of
/// the places of clients without a token.
pub const PASSWORDS_WAITING_MAX: usize = 256;
/// Memory that one check of a password may take, in KiB, as argon2 counts.
pub const PASSWORD_MEMORY_KIB_MAX: u32 = 262_144;
/// Account names and addresses whose attempts are counted.
pub const THROTTLED_MAX: usize = 65_536;
/// Characters that a page shows of one text from outside.
pub const SHOWN_CHARS_MAX: usize = 200;
