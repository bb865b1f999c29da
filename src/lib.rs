//! OAuth 2.1 in front of any MCP server: the map.
//!
//! # Layers: imports go downward only
//! ```text
//!  cli        words the operator types: run, check, explain, schema, hash-password
//!  app        builds, swaps, drains; the only layer that knows everything
//!  config     YAML → settings; one table of keys; no lower layer knows the file format
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
//! accept   inbound/accept: listener → tls → connection (framing: what breaks HTTP; room: how many; phase: the drain)
//! arrive   inbound/request/service   takes one Arc<Snapshot> + Now, opens observe/record
//!          inbound/request/head      the head has one meaning; the host is the gateway's
//!          decide/routing            → discovery: request/metadata → done
//!                                    → paths of an embedded authorization server: request/embedded → done
//! gate     inbound/gate, which numbers these steps
//!          may a browser call from there  decide/fields/origin
//!          what was presented             decide/token/presented
//!          is it genuine                  outbound/verify: issuer → its keys → decide/token/jwt              ⇒ Caller
//!          what is wanted                 request/message: body → decide/mcp/request  ⇒ Target
//!          may they                       state/tasks: which tool made a task; decide/policy/evaluate        ⇒ Permit
//!          is there room, is it theirs    request/session, legacy_sse, state/{events, usage, tasks, sessions}
//!          ask                            answer/forward: upstream_request, outbound/upstream (takes the Permit),
//!                                         answer/session, answer/filter                                      ⇒ Answered
//!          ------------------------------ the point of no return: from here on nothing can be refused, only ended
//!          relay                          answer/relay: watch (new tasks, event ids, silence), lease (ends with the
//!                                         permit), stall (ends when the client does not read)
//! refuse   (any step) decide/refusal → answer/reply
//! end      record dropped → metrics, audit line
//! ```
//! A chain of proof runs through it: `Presented` (theirs, unchecked) → `Caller` (only verification makes one) → `Target` (asked) →
//! `Permit` (only `evaluate` makes one) → `Upstream::send` consumes it.
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
