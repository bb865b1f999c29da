//! The rules of the embedded authorization server: clients, requests, grants, refresh tokens and errors
//! (OAuth 2.1, RFC 7591, RFC 7636, RFC 8252, RFC 8707, Client ID Metadata Documents).

pub mod client;
pub mod client_id_document;
pub mod client_metadata;
pub mod error;
pub mod form;
pub mod people;
pub mod pkce;
pub mod redirect_uri;
pub mod refresh_family;
pub mod registration;
pub mod request;
mod url;
