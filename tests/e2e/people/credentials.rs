//! Opaque tokens and API keys (A10, A11).

mod api_keys;
mod key_attacks;
