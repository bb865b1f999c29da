//! What the embedded authorization server decides: who asks, for what, with which proof, and what of it they get (OAuth 2.1,
//! RFC 7591, RFC 7636, RFC 8252, RFC 8707, Client ID Metadata Documents).

pub mod client;
pub mod client_id;
pub mod error;
pub mod family;
pub mod form;
pub mod people;
pub mod pkce;
pub mod redirect;
pub mod request;
mod url;
