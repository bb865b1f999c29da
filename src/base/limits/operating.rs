//! Bounds on what serves the operator: the admin port, files, log lines and audit lines.

use std::time::Duration;

use super::{KIB, MIB};

/// Open connections: usually one probe or scrape at a time. The next connection closes one of them.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
/// The same if there are few descriptors.
pub const ADMIN_CONNECTIONS_LEAST: usize = 4;
/// One part in this many of them is kept for requests that are still arriving, if clients read
/// their answers slowly.
pub const ADMIN_SHARE_FOR_HEADS: usize = 8;
/// From accept to the last byte of a request's head.
pub const ADMIN_HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// From accept to the last byte of the answer: one request a connection.
pub const ADMIN_CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// A head is a line and a few fields.
pub const ADMIN_HEAD_BYTES_MAX: usize = 16 * KIB;
/// The configuration file.
pub const CONFIG_BYTES_MAX: u64 = MIB as u64;
/// Tools, prompts or kinds of resources that `init` writes rules for by name.
pub const INIT_NAMES_MAX: usize = 1000;
/// A file of certificates: the bundle of a system with all public CAs has 200 to 300 KiB.
pub const CERTIFICATES_FILE_BYTES_MAX: u64 = MIB as u64;
/// A file that a secret or a key set is read from.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 * KIB as u64;
/// A document of the operator (`documents:`).
pub const DOCUMENT_BYTES_MAX: u64 = MIB as u64;
/// Audit lines that wait for a slow reader; more lines are counted and dropped.
pub const AUDIT_LINES_MAX: usize = 16_384;
/// Log lines that wait for a slow reader; more lines are counted and dropped.
pub const LOG_LINES_MAX: usize = 4_096;
/// A certificate that expires within this time causes a warning once a day.
pub const CERTIFICATE_ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3600);
/// How often configuration, certificate and key files are checked for changes.
pub const FILES_LOOKED_AT_EVERY: Duration = Duration::from_secs(2);
/// For how long a file of API keys or accounts may be missing or unreadable before its entries stop
/// counting: it may be renamed in two steps, or its volume mounted again.
pub const ENTRIES_WITHOUT_FILE_MAX: Duration = Duration::from_secs(60);
/// For how long changed files must stay as they are before they are read: they may be half-written.
pub const FILES_AT_REST: Duration = Duration::from_millis(500);
/// An answer of an ACME server: a directory, an order, or a certificate chain.
pub const ACME_ANSWER_BYTES_MAX: usize = 256 * KIB;
/// One request to an ACME server. Some of them work for seconds.
pub const ACME_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// From the order until its names are proven, and again until its certificate is there.
pub const ACME_ORDER_TIMEOUT: Duration = Duration::from_secs(120);
/// All of one attempt to get a certificate.
pub const ACME_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(600);
/// A file in the cache of an ACME account.
pub const ACME_FILE_BYTES_MAX: u64 = ACME_ANSWER_BYTES_MAX as u64;
/// How often the cache is looked at while another process orders the certificate.
pub const ACME_CACHE_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);
/// The longest sleep until a renewal: the clock may be set, and another process may renew.
pub const ACME_DUE_LOOKED_AT_EVERY: Duration = Duration::from_secs(3600);
