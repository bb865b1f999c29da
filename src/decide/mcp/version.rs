//! What each protocol version implies: one table.
