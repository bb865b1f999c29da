//! Logs why an issuer's own tokens are refused, each reason once in a minute.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    base::names::AuthorizationServerName,
    decide::refusal::{Refusal, TokenFault},
    observe::sampled::Sampled,
};

/// Each reason is logged once in this time.
const EVERY: Duration = Duration::from_secs(60);

/// A token was signed by another key than the one that it names.
const OTHER_SIGNER: &str = "other_signer";

/// The tokens of one issuer that are refused although the issuer signed them: the configuration
/// and the issuer do not agree about their shape. Forged tokens never cause a
/// warning.
pub struct TokenWarnings(Sampled<&'static str>);

impl TokenWarnings {
    /// Without a line so far.
    #[must_use]
    pub const fn new() -> Self {
        Self(Sampled::new(EVERY, 1))
    }

    /// The token of this issuer was refused.
    pub fn warn(&self, issuer: &AuthorizationServerName, refusal: &Refusal) {
        let Refusal::Token(fault) = refusal else { return };
        let Some(advice) = fault.advice() else { return };
        if let Some(others) = self.0.admit(fault.reason(), Instant::now()) {
            log(issuer, fault, advice, others);
        }
    }

    /// A token names the key `kid`, which the issuer publishes, but another key signed it. `info`,
    /// because any client can send such a token.
    pub fn other_signer(&self, issuer: &AuthorizationServerName, kid: &str) {
        if let Some(others) = self.0.admit(OTHER_SIGNER, Instant::now()) {
            tracing::info!(
                %issuer, kid, others,
                "a token names a key of this issuer, but another key signed it: it is damaged, forged or of another \
                 system; or the issuer has replaced the key under the same kid and does not publish the new one yet"
            );
        }
    }
}

fn log(issuer: &AuthorizationServerName, fault: &TokenFault, advice: &'static str, others: u64) {
    let (reason, claim) = (fault.reason(), fault.claim().unwrap_or_default());
    let why = fault.description();
    tracing::warn!(issuer = %issuer, reason, claim, advice, others, "a token of this issuer was refused: {why}");
}

impl Default for TokenWarnings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenWarnings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenWarnings(…)")
    }
}
