//! Some entries of a store, as it goes through them.

/// Entries as they are stored, and where the next batch begins; `None` after the last.
pub(crate) type Batch = (Vec<(String, Vec<u8>)>, Option<String>);
