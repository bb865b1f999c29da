//! The embedded authorization server: logs users in, asks for consent, issues short-lived tokens.
//!
//! ```text
//!  GET  authorize    endpoint/authorize    client, redirect URI, scopes             → login or consent page
//!  POST login        endpoint/login        a local account and its password         → consent page
//!  POST consent      endpoint/consent      what the user allows the client          → code, or company IdP
//!  GET  callback     endpoint/callback     the company IdP names the user           → code
//!  POST token        endpoint/token        code, refresh token, client credentials  → access token
//!  POST register     endpoint/register     RFC 7591                                 → client id
//!  POST revoke       endpoint/revoke       RFC 7009
//!  POST introspect   endpoint/introspect   RFC 7662
//! ```
//! [`endpoint::answer`] picks the endpoint. Functions import downward: `endpoint`, `browser`,
//! `grant`, `client` and `person`, then [`embedded`], which holds the settings and the state: the
//! store, keys, caches and queues below it. No two files import each other.
//!
//! The [`store`] holds all that must be remembered; secrets in it are hashed or sealed.

pub mod browser;
pub mod client;
pub mod delivery;
pub mod embedded;
pub mod endpoint;
mod event;
pub mod grant;
pub mod keys;
pub mod person;
pub mod reply;
pub mod settings;
pub mod store;
#[cfg(test)]
mod testing;
pub mod throttle;
pub mod upkeep;
