//! OAuth 2.1 in front of any MCP server: the map.
//!
//! # Layers: imports go downward only
//! ```text
//!  cli        a file for each command: run, serve, init, connect, check, doctor, explain, demo, …
//!  app        start, reload, drain, stop, admin port; the only layer that knows all others
//!  config     YAML → settings; one table of keys; no lower layer knows the file format
//!  inbound    listeners and the path of a request (I/O)
//!  authorization_server   the embedded one: endpoints, sign-in, clients, keys, stores (I/O)
//!  outbound   connections to issuers and upstreams, their keys and metadata (I/O)
//!  observe    log, metrics, audit lines (I/O that no request waits for)
//!  decide     PURE: bytes and values in, verdicts out
//!             fields json mcp token policy resource_server authorization_server routing refusal
//!  base       PURE: names, secrets, limits, time as a value, small tools
//! ```
//! To review the gateway, read `base` and `decide` first, then `inbound/gate`, which calls them in
//! order.
//!
//! # Ports
//! | port | protocol | answers |
//! |---|---|---|
//! | each of `listen:` | HTTP/1.1 and HTTP/2 over TLS, or plain HTTP/1.1 | MCP, discovery, OAuth |
//! | `admin:` | plain HTTP/1.1 | `/healthz`, `/readyz`, `/readyz/<server>`, `/metrics` |
//!
//! Each MCP server has a path. A server with `legacy_sse` has two more: one for the event stream of
//! MCP 2024-11-05, and one under it for messages. An embedded authorization server has the paths of
//! OAuth.
//!
//! Standard output gets the bound addresses, then `ready`, then one line for each decision
//! (`observe/audit`). Standard error gets the log.
//!
//! # The life of a request
//! ```text
//! accept   inbound/accept: listener → proxied → tls → connection
//!          (framing: answers a client that breaks HTTP; room: how many connections;
//!          phase: serving, draining or ended)
//! arrive   inbound/request/service   takes one Arc<Snapshot> + Now, opens observe/record
//!          inbound/request/head      checks bounds, and that the host is the gateway's
//!          decide/routing            → discovery: request/metadata → done
//!                                    → embedded authorization server: request/embedded → done
//!                                    → document of the operator: request/document → done
//!                                    → path beside the MCP endpoint: path_gate, which has steps
//!                                      of its own, and the same Caller and Permit
//! gate     inbound/gate
//!   1 is the origin allowed          decide/fields/origin
//!   2 which credential came          decide/token/presented
//!   3 is it genuine                  outbound/verify: issuer → its keys → decide/token  ⇒ Caller
//!   4 what is the target             request/message: body → decide/mcp/request         ⇒ Target
//!   5 may the caller use it          state/tasks: which tool made a task;
//!                                    decide/policy/evaluate                             ⇒ Permit
//!   6 is there room,                 state/{usage, tasks, sessions}
//!     is the session the caller's    request/session, legacy_sse, state/events
//!   7 ask the upstream               answer/forward: upstream_request; outbound/upstream
//!                                    (takes the Permit); answer/session, answer/filter  ⇒ Answered
//!   ------------------------------ the point of no return: nothing can be refused, only ended
//!   8 relay the answer               answer/relay: filter (lists), watch (new tasks, event ids,
//!                                    silence), lease (ends a stream when the token expires or
//!                                    the permission is withdrawn), stall (ends an answer that
//!                                    the client does not read)
//! refuse   any step before the point of no return: a row of decide/refusal/table, its words from
//!          decide/mcp/error/sentence → answer/reply
//! end      the record is dropped → metrics, audit line
//! ```
//! Each step needs the proof that an earlier one made: `Presented` (the token as the client sent
//! it) → `Caller` (only verification makes one) → `Target` (what the request touches) → `Permit`
//! (only `evaluate` makes one) → `Upstream::send`, which consumes the permit.
//!
//! # The life of the process
//! `app::App::bind` builds the snapshot and binds every listener before any of them serves;
//! `app::App::serve` owns every task. A changed configuration is built whole and swapped as one
//! `Arc`; if it has a problem, the old one stays. SIGTERM drains up to a deadline.

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
