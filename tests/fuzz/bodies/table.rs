//! The table of fuzz targets.

/// Checks one input; tells whether it was accepted.
type Body = fn(&[u8]) -> bool;

/// Each target by its name.
pub(crate) const TARGETS: [(&str, Body); 36] = [
    ("batch", super::batch),
    ("blocks", super::blocks),
    ("config", super::config),
    ("credential_form", super::credential_form),
    ("decode", super::decode),
    ("endpoint", super::endpoint),
    ("event_ids", super::event_ids),
    ("forwarded", super::forwarded),
    ("frames", super::frames),
    ("framing", super::framing),
    ("github", super::github),
    ("grant_form", super::grant_form),
    ("grant_redirect", super::grant_redirect),
    ("grant_registration", super::grant_registration),
    ("grant_request", super::grant_request),
    ("guard", super::guard),
    ("hop", super::hop),
    ("idp_userinfo", super::idp_userinfo),
    ("introspection_answer", super::introspection_answer),
    ("jwks_read", super::jwks_read),
    ("jwt_read", super::jwt_read),
    ("list", super::list),
    ("message_headers", super::message_headers),
    ("origin", super::origin),
    ("peek", super::peek),
    ("policy", super::policy),
    ("presented", super::presented),
    ("proxy_header", super::proxy_header),
    ("query", super::query),
    ("route", super::route),
    ("server_metadata", super::server_metadata),
    ("session", super::session),
    ("sse", super::sse),
    ("stored_value", super::stored_value),
    ("task_search", super::task_search),
    ("uri", super::uri),
];
