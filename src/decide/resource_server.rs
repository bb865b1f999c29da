//! OAuth for the MCP servers: challenges, metadata documents, and vendor differences.

pub mod challenge;
pub mod challenge_reader;
pub mod early_clients;
pub mod issuer_metadata;
pub mod public_issuers;
pub mod resource_metadata;
pub mod vendor;
pub mod vendor_hints;
