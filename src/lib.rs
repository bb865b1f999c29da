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
//! To review the gateway, read `base` and `decide`, then `inbound/gate`, which calls them in order.
//!
//! # Ports
//! - Each of `listen:` speaks HTTP/1.1 and HTTP/2 over TLS, or HTTP/1.1 in plain text. It answers
//!   discovery, preflight, the paths of an embedded authorization server, and every request to an
//!   MCP server's path, or to its `legacy_sse` path and the message endpoints under it.
//! - `admin:` speaks HTTP/1.1 in plain text. It answers `/healthz`, `/readyz`, `/readyz/<server>`
//!   and `/metrics`.
//!
//! Standard output carries the bound addresses, then `ready`, then the audit lines
//! ([`observe::audit`]); standard error carries the log.
//!
//! # The life of a request
//! ```text
//! accept   inbound/accept: listener → tls → connection
//!          (framing: breaches of HTTP; room: how many connections; phase: the drain)
//! arrive   inbound/request/service    takes one Arc<Snapshot> + Now, opens observe/record
//!          inbound/request/head       the head has one meaning; the host is the gateway's
//!          decide/routing             → discovery: request/metadata → done
//!                                     → embedded authorization server: request/embedded → done
//! gate     inbound/gate, which numbers these steps
//!          is the origin allowed      decide/fields/origin
//!          which credential came      decide/token/presented                       ⇒ Presented
//!          is it genuine              outbound/verify: issuer → keys → token/jwt   ⇒ Caller
//!          what is the target         request/message: body → decide/mcp/request   ⇒ Target
//!          may the caller use it      state/tasks: the tool that made a task
//!                                     decide/policy/evaluate                       ⇒ Permit
//!          is there room,             request/session, legacy_sse
//!          and is the state theirs   state/{events, usage, tasks, sessions}
//!          ask                        answer/forward: upstream_request,
//!                                     outbound/upstream (takes the Permit),
//!                                     answer/session, answer/filter                ⇒ Answered
//!          -------------------------- the point of no return: no refusal after this line
//!          relay                      answer/relay: watch (new tasks, event ids, silence),
//!                                     lease (ends with the permit),
//!                                     stall (ends when the client does not read)
//! refuse   (any step) decide/refusal → answer/reply
//! end      record dropped → metrics, audit line
//! ```
//! A chain of proof runs through it: `Presented` (unchecked) → `Caller` (only verification makes
//! one) → `Target` → `Permit` (only `evaluate` makes one) → `Upstream::send` consumes the permit.
//!
//! # The life of the process
//! [`app::App::bind`] builds the snapshot and binds every listener before any of them serves;
//! [`app::App::serve`] owns every task. On reload, the whole new snapshot is built and swapped as
//! one `Arc`; if that fails, the old snapshot stays. SIGTERM drains up to a deadline.

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
