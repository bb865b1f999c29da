//! Opaque tokens and API keys (A10, A11).
