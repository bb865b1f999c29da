//! Opaque tokens and API keys (A10, A11).

mod api_keys;
mod introspection;
mod introspection_attacks;
mod key_attacks;
mod removed_keys;
