//! The embedded authorization server: logs users in, asks for consent, issues short-lived tokens.
//!
//! ```text
//!  GET  authorize   client, redirect URI, scopes             → login or consent page
//!  POST login       a local account and its password         → consent page
//!  POST consent     what the user allows the client          → code, or company IdP
//!  GET  callback    the company IdP names the user           → code
//!  POST token       code, refresh token, client credentials  → access token
//!  POST register    RFC 7591                                 → client id
//!  POST revoke      RFC 7009
//!  POST introspect  RFC 7662
//! ```
//! Each endpoint is the file of its name in `endpoint/`; [`endpoint::answer`] picks one. Imports go
//! downward: `endpoint`, `browser`, `grant`, `client` and `person`, then [`embedded`], which holds
//! the settings and the state: the store, keys, caches and queues below it.
//!
//! All that must outlive a request is in the [`store`]; secrets in it are hashed or sealed.

pub mod browser;
pub mod client;
pub mod delivery;
pub mod embedded;
pub mod endpoint;
mod event;
pub mod grant;
pub mod keys;
pub(crate) mod lease;
pub(crate) mod noted_calls;
pub mod person;
pub mod refusals;
pub(crate) mod renewals;
mod replica;
pub mod reply;
pub mod settings;
pub mod store;
#[cfg(test)]
mod testing;
pub mod throttle;
pub(crate) mod turns;
pub mod upkeep;
