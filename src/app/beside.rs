//! Builds what is served beside MCP: the operator's documents.

use crate::{
    config::DocumentSettings,
    decide::resource_server::resource_metadata::etag,
    inbound::state::documents::{Document, Documents},
};

/// The documents, ready to be sent.
pub(super) fn documents(settings: &[DocumentSettings]) -> Documents {
    let document = |DocumentSettings { path, content_type, bytes, .. }: &DocumentSettings| {
        let ready = Document { body: bytes.clone(), content_type: content_type.clone(), etag: etag(bytes) };
        (path.clone(), ready)
    };
    settings.iter().map(document).collect()
}
