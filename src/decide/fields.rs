//! HTTP framing and header fields: their names, which may cross, Host and Origin, and CORS.

pub mod answer;
pub mod cors;
pub mod crossing;
pub mod framing;
pub mod header_names;
pub mod origin;
pub mod proxy_only;
