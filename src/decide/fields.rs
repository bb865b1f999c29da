//! HTTP framing, the PROXY header, and header fields: names, crossing, Host, Origin, CORS, client.

pub mod answer;
pub mod coding;
pub mod cors;
pub mod crossing;
pub mod forwarded;
pub mod framing;
pub mod header_names;
pub mod origin;
pub mod proxy_header;
pub mod proxy_only;
pub mod query;
pub mod sandbox;
pub mod sent_accept;
