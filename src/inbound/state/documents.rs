//! The operator's documents, by path.

use std::collections::HashMap;

use bytes::Bytes;
use http::HeaderValue;

/// One document of the operator, ready to be sent.
pub struct Document {
    /// Its bytes.
    pub body: Bytes,
    /// Its media type.
    pub content_type: HeaderValue,
    /// Its strong entity tag.
    pub etag: HeaderValue,
}

/// All documents, keyed by path.
pub type Documents = HashMap<Box<str>, Document>;
