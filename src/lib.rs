//! OAuth 2.1 in front of any MCP server: the map.
//!
//! # Layers: imports go downward only
//! ```text
//!  cli        words the operator types: run, check, explain, schema, hash-password
//!  app        builds, swaps, drains; the only layer that knows everything
//!  config     YAML → settings; nobody below knows that YAML exists
//!  inbound    listeners and the request path (I/O)
//!  authorization_server   the embedded one (I/O)
//!  outbound   everything we dial: issuers, keys, upstreams (I/O)
//!  observe    logs, metrics, audit lines (I/O, fire and forget)
//!  decide     PURE: bytes and values in, verdicts out
//!  base       PURE: shared words: names, secrets, limits, the clock as a value
//! ```
//! Who wants to know whether the gateway is right reads `base` and `decide`, and then [`inbound`]'s gate, which calls them in order.
//!
//! # Ports
//! | port | speaks | answers |
//! |---|---|---|
//! | each of `listen:` | HTTP/1.1 and HTTP/2 over TLS, or HTTP/1.1 in plain text | discovery, preflight, and every request to a server's path, or to its `legacy_sse` path and the messages beneath it |
//! | `admin:` | HTTP/1.1 in plain text | `/healthz`, `/readyz`, `/readyz/<server>`, `/metrics` |
//!
//! Standard output carries the addresses that were bound, then `ready`, then one line for each decision ([`observe::audit`]);
//! standard error carries the log.
//!
//! # The life of a request
//! ```text
//! accept   inbound/listener → connection (TLS, deadlines; inlet: framing; breach: what breaks HTTP)
//! arrive   inbound/service        takes one Arc<Snapshot> + Now, opens observe/record
//!          inbound/request        the head has one meaning; the host is ours
//!          decide/route           → discovery: inbound/metadata → done
//!                                 → paths of an embedded authorization server: inbound/issuing → authorization_server → done
//!        1 decide/origin          may a browser call from there?
//! gate     inbound/gate
//!        2 decide/token/presented what was presented?
//!        3 outbound/verify        is it genuine?  issuer → its keys → decide/token/jwt         ⇒ Caller
//!        4 inbound/body           what is wanted?  decide/mcp/{peek, batch, headers, target}   ⇒ Target
//!        5 decide/policy/evaluate may they?  inbound/tasks: a task is as good as its tool      ⇒ Permit
//!        6 inbound/session        is it their session?  decide/session; inbound/{resume, legacy}
//! send     inbound/forward        what the upstream gets: decide/hop, outbound/credential
//!          outbound/upstream      consumes the Permit
//! return   inbound/session        a new session is sealed for its caller
//!          inbound/filter         a list shows what its caller may use, where one was asked for: decide/mcp/{list, sse}
//!          inbound/relay → client frame by frame; tasks and event ids are noted as they pass, silence may get a comment
//!          inbound/leash          a stream ends with its permit
//!          inbound/stall          so does an answer that its client does not read for too long
//! refuse   (any step) decide/refusal → inbound/reply
//! end      record dropped → metrics, audit line
//! ```
//! A chain of proof runs through it: `Presented` (theirs, unchecked) → `Caller` (only verification makes one) → `Target` (asked) →
//! `Permit` (only `evaluate` makes one) → `Upstream::send` consumes it. After the response's head nothing can be refused, only ended.
//!
//! # The life of the process
//! [`app::App::bind`] builds the snapshot and binds every listener before any serves; [`app::App::serve`] owns every task. A changed
//! configuration is built whole and swapped as one `Arc`, or the one before stays. SIGTERM drains up to a deadline.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test may spawn tasks and read the environment"))]

mod app;
mod authorization_server;
// Public for the fuzz targets and the differential test only.
#[doc(hidden)]
pub mod base;
pub mod cli;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod decide;
mod inbound;
mod observe;
mod outbound;
