//! The decisions of the embedded authorization server (OAuth 2.1).

pub mod account_name;
pub mod client;
pub mod client_id_document;
pub mod client_metadata;
pub mod error;
pub mod form;
pub mod holders;
pub mod idp_metadata;
pub mod idp_profile;
pub mod idp_refusal;
pub mod idp_request;
pub mod last_good;
pub mod people;
pub mod pkce;
pub mod private_scheme;
pub mod redirect_scheme;
pub mod redirect_uri;
pub mod refresh_family;
pub mod registration;
pub mod request;
pub mod resources;
pub mod step_up;
pub mod stored_value;
pub mod token_size;
mod url;
pub mod userinfo;
pub mod visible_text;
