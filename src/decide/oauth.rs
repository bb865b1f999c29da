//! What we say in OAuth's words: challenges, resource metadata, and what vendors do otherwise.

pub mod challenge;
pub mod quirk;
pub mod resource_metadata;
pub mod server_metadata;
