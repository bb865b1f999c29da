//! Warns of requests that a setting refuses, with the line to write; a few of each kind are logged.

use std::time::{Duration, Instant};

use crate::{base::names::ServerName, observe::Observe};

/// In each span of this length …
pub(super) const MISFITS_SPAN: Duration = Duration::from_secs(10);
/// … at most this many lines are written for one kind.
pub(super) const MISFIT_LINES_PER_SPAN: u32 = 5;

impl Observe {
    /// An access token of this length is longer than `limits.token` of the server.
    pub fn token_too_large(&self, server: &ServerName, bytes: usize, most: u64) {
        if let Some(left_out) = self.misfits.admit("token", Instant::now()) {
            tracing::warn!(
                %server, bytes, most, left_out,
                "an access token is too large: raise `limits.token` of the server, or have the issuer put fewer values, such as groups, into its tokens"
            );
        }
    }

    /// The head of a request is larger than the longest `limits.token` leaves room for.
    pub fn head_too_large(&self) {
        if let Some(left_out) = self.misfits.admit("head", Instant::now()) {
            tracing::warn!(
                left_out,
                "the header fields of a request are too many or too large; if they hold an access token, raise `limits.token` of its server"
            );
        }
    }
}
