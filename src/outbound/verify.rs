//! From a presented token to a caller: remembered, or proved with the issuer's keys.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{Expiry, sync::Cache};

use crate::{
    base::{
        clock::Now,
        limits::{TOKENS_REMEMBERED_BYTES_MAX, TOKENS_REMEMBERED_MAX},
        sha256::sha256,
    },
    decide::{
        refusal::{Refusal, TokenFault},
        token::{caller::Caller, jwt::UnverifiedJwt, presented::Presented},
    },
    outbound::keys::{IssuerId, IssuerKeys, Published},
};

#[cfg(test)]
mod tests;

/// What one remembered token is counted as at least, so that the bound on bytes is the bound on their number, too.
const REMEMBERED_BYTES_MIN: u64 = TOKENS_REMEMBERED_BYTES_MAX / TOKENS_REMEMBERED_MAX;
/// How many bytes of parsed claims come of one byte of token, generously: a map's nodes, texts and values for base64url's six bits.
const CLAIMS_PER_TOKEN_BYTE: u64 = 4;
/// How long a token that has expired here is remembered as expired: a clock set back must not bring it to life again.
const EXPIRED_REMEMBERED: Duration = Duration::from_secs(3600);

/// The longest that a token is remembered while it holds.
const LIVES_MAX: Duration = Duration::from_secs(24 * 3600);

/// Newer keys might help.
const UNKNOWN_KEY: Refusal = Refusal::Token(TokenFault::UnknownKey);

/// SHA-256 of a token's bytes.
type Fingerprint = [u8; 32];

/// Verifies tokens and remembers those that were proved. One for the process: reloads do not forget what still holds.
pub struct Verifier {
    remembered: Cache<Fingerprint, Arc<Remembered>>,
}

/// A token that was proved once.
struct Remembered {
    caller: Arc<Caller>,
    /// Whose keys proved it, under which settings and in which generation.
    issuer: IssuerId,
    generation: u64,
    /// `exp` on the clock that never goes back (attack 91).
    until: Duration,
    /// What was left of it when it was proved.
    lives: Duration,
    bytes: u32,
}

impl Remembered {
    /// How long it takes up memory. A token that lives longer than a day is proved again once a day.
    fn kept(&self) -> Duration {
        self.lives.min(LIVES_MAX).saturating_add(EXPIRED_REMEMBERED)
    }
}

/// What memory says of a token.
enum Memory {
    Holds(Arc<Caller>),
    Expired,
    Revoked,
    /// Never proved, or not with these keys.
    Nothing,
}

impl Verifier {
    /// With nothing remembered.
    #[must_use]
    pub fn new() -> Self {
        let remembered = Cache::builder()
            .max_capacity(TOKENS_REMEMBERED_BYTES_MAX)
            .weigher(|_, remembered: &Arc<Remembered>| remembered.bytes)
            .expire_after(UntilWellExpired)
            .build();
        Self { remembered }
    }

    /// Who presents the token, proved by the keys of that one of `issuers` that its `iss` names. Whether the token is for the
    /// server at hand is not asked here: [`Caller::is_for`] answers that, from the same memory for every server.
    ///
    /// A token that is remembered costs a digest and a look-up, without waiting; refusals are never
    /// remembered here. `peer` is the client's address, where there is one: fetches for the sake of
    /// unknown keys are shared out by it.
    ///
    /// # Errors
    /// [`Refusal::Token`], or [`Refusal::KeysUnavailable`] where nobody can know.
    pub async fn verify(
        &self,
        presented: Presented<'_>,
        issuers: &[Arc<IssuerKeys>],
        peer: Option<IpAddr>,
        now: Now,
    ) -> Result<Arc<Caller>, Refusal> {
        let fingerprint = sha256(presented.token().as_bytes());
        match self.recall(&fingerprint, issuers, now) {
            Memory::Holds(caller) => Ok(caller),
            Memory::Expired => Err(Refusal::Token(TokenFault::Expired)),
            Memory::Revoked => Err(Refusal::Token(TokenFault::Revoked)),
            Memory::Nothing => self.prove(presented.token(), fingerprint, issuers, peer, now).await,
        }
    }

    fn recall(&self, fingerprint: &Fingerprint, issuers: &[Arc<IssuerKeys>], now: Now) -> Memory {
        let Some(remembered) = self.remembered.get(fingerprint) else { return Memory::Nothing };
        // Not one of this server's issuers, or one whose settings a reload has changed.
        let Some(issuer) = issuers.iter().find(|issuer| *issuer.id() == remembered.issuer) else {
            return Memory::Nothing;
        };
        let skew = issuer.rules().clock_skew;
        if now.mono >= remembered.until || remembered.caller.check_expiry(now, skew).is_err() {
            return Memory::Expired;
        }
        if issuer.generation(now) != Some(remembered.generation) {
            return Memory::Nothing;
        }
        if issuer.is_revoked(&remembered.caller) {
            return Memory::Revoked;
        }
        Memory::Holds(Arc::clone(&remembered.caller))
    }

    async fn prove(
        &self,
        token: &str,
        fingerprint: Fingerprint,
        issuers: &[Arc<IssuerKeys>],
        peer: Option<IpAddr>,
        now: Now,
    ) -> Result<Arc<Caller>, Refusal> {
        let unproved = UnverifiedJwt::read(token)?;
        // Issuer first, then its keys: what the token says chooses among the configured ones and reaches nothing else (P6, SPEC B-10).
        let issuer = issuers
            .iter()
            .find(|issuer| issuer.rules().issuers.iter().any(|name| name.as_str() == unproved.issuer()))
            .ok_or(Refusal::Token(TokenFault::Issuer))?;

        let keys = issuer.current_or_first(now).await?;
        let (keys, caller) = match unproved.verify(issuer.rules(), &keys.set, now) {
            // Boxed: it is rare, and every request would carry the room for it.
            Err(UNKNOWN_KEY) => Box::pin(prove_later(&unproved, issuer, keys.generation, peer, now)).await?,
            proof => (keys, proof?),
        };
        let caller = Arc::new(caller);
        if issuer.is_revoked(&caller) {
            return Err(Refusal::Token(TokenFault::Revoked));
        }
        self.remember(token, fingerprint, &caller, issuer, &keys, now);
        Ok(caller)
    }

    fn remember(
        &self,
        token: &str,
        fingerprint: Fingerprint,
        caller: &Arc<Caller>,
        issuer: &IssuerKeys,
        keys: &Published,
        now: Now,
    ) {
        let lives = caller.expires().saturating_add(issuer.rules().clock_skew).saturating_sub(now.wall);
        let bytes = REMEMBERED_BYTES_MIN.saturating_add(CLAIMS_PER_TOKEN_BYTE.saturating_mul(token.len() as u64));
        let remembered = Remembered {
            caller: Arc::clone(caller),
            issuer: issuer.id().clone(),
            generation: keys.generation,
            until: now.mono.saturating_add(lives),
            lives,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        };
        self.remembered.insert(fingerprint, Arc::new(remembered));
    }
}

/// Proves it with keys that the issuer publishes later than generation `seen`, which does not know
/// the token's key.
async fn prove_later(
    unproved: &UnverifiedJwt<'_>,
    issuer: &IssuerKeys,
    mut seen: u64,
    peer: Option<IpAddr>,
    now: Now,
) -> Result<(Arc<Published>, Caller), Refusal> {
    let mut newer = issuer.newer(peer);
    loop {
        let keys = newer.than(seen).await?;
        match unproved.verify(issuer.rules(), &keys.set, now) {
            Err(UNKNOWN_KEY) => seen = keys.generation,
            proof => return Ok((keys, proof?)),
        }
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

/// Frees the memory of what has expired; whether a token holds is never read off the cache's own clock.
struct UntilWellExpired;

impl Expiry<Fingerprint, Arc<Remembered>> for UntilWellExpired {
    fn expire_after_create(&self, _: &Fingerprint, remembered: &Arc<Remembered>, _: Instant) -> Option<Duration> {
        Some(remembered.kept())
    }

    // Without this an entry that is written again would keep the deadline of the first one.
    fn expire_after_update(
        &self,
        _: &Fingerprint,
        remembered: &Arc<Remembered>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(remembered.kept())
    }
}
