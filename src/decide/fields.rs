//! HTTP framing and header fields: which may cross, Host and Origin, and CORS.

pub mod answer;
pub mod cors;
pub mod crossing;
pub mod framing;
pub mod origin;
pub mod proxy_only;
