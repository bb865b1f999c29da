//! Which answers of the company IdP this process has looked at: each `state` is used once.
//!
//! In memory and bounded: any program can send answers. Beyond the bound, and on another replica,
//! a state could be used again until its user has signed in, in the same browser only; the IdP then
//! refuses its code.

use moka::sync::Cache;

use crate::base::{
    digest::sha256,
    limits::authorization_server::{FLOW_AGE, USED_STATES_MAX},
};

/// The states that were used.
pub(crate) struct UsedStates(Cache<[u8; 32], ()>);

impl Default for UsedStates {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(USED_STATES_MAX).time_to_live(FLOW_AGE).build())
    }
}

impl UsedStates {
    /// Whether this is the first use.
    pub(crate) fn is_first(&self, state: &str) -> bool {
        self.0.entry(sha256(state.as_bytes())).or_insert(()).is_fresh()
    }
}
