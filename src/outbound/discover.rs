//! Fetches an issuer's metadata, live with last-good, for its keys and for the mirror.
