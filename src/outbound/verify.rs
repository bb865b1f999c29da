//! Verifies a presented token, from memory or with the issuer's keys, and returns the caller.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{Expiry, sync::Cache};

use crate::{
    base::{
        clock::Now,
        digest::sha256,
        limits::tokens::{TOKENS_REMEMBERED_BYTES_MAX, TOKENS_REMEMBERED_MAX},
        names::Issuer,
    },
    decide::{
        refusal::{Refusal, TokenFault},
        token::{
            caller::Caller,
            jwt::{AwaitedKey, UnverifiedJwt, named_issuer},
            presented::Presented,
        },
    },
    outbound::{
        introspect::Introspector,
        keys::{
            IssuerId, IssuerKeys, Published,
            newer::{Newer, NoNewerKeys},
        },
    },
};

#[cfg(test)]
mod tests;

/// The least size that a remembered token counts, so that the bound on bytes also bounds the number
/// of tokens.
const REMEMBERED_BYTES_MIN: u64 = TOKENS_REMEMBERED_BYTES_MAX / TOKENS_REMEMBERED_MAX;
/// Bytes of parsed claims for each byte of a token, at most: map nodes, texts and values.
const CLAIMS_PER_TOKEN_BYTE: u64 = 4;
/// How long an expired token is remembered as expired: if the clock is set back, it must stay
/// expired.
const EXPIRED_REMEMBERED: Duration = Duration::from_secs(3600);

/// The longest time that a valid token is remembered.
const LIVES_MAX: Duration = Duration::from_secs(24 * 3600);

/// SHA-256 of a token's bytes.
type Fingerprint = [u8; 32];

/// Verifies tokens and remembers them. There is one for the process, and it survives reloads.
pub struct Verifier {
    remembered: Cache<Fingerprint, Arc<Remembered>>,
}

/// The issuers whose tokens a server accepts.
#[derive(Clone, Copy)]
pub struct Trusted<'a> {
    /// Those of the server, preferred first. At most one of them introspects.
    pub issuers: &'a [Arc<IssuerKeys>],
    /// The names of all configured issuers: a JWT of an issuer of another server is not sent to an
    /// issuer of this one.
    pub known: &'a [Issuer],
}

impl<'a> Trusted<'a> {
    fn named(self, name: &str) -> Option<&'a Arc<IssuerKeys>> {
        self.issuers.iter().find(|issuer| issuer.rules().issuers.iter().any(|one| one.as_str() == name))
    }

    /// The issuer that introspects `token`, which is no JWT of an issuer of the server that signs.
    /// Its form decides, and no second issuer is ever tried: a token whose three parts parse and
    /// whose `iss` is configured is a JWT of that issuer, so only that issuer may introspect it, if
    /// it signs nothing; any other token goes to the one issuer of the server that introspects.
    fn introspecting(self, token: &str) -> Option<&'a Introspector> {
        let issuer = match named_issuer(token).filter(|name| self.known.iter().any(|known| known.as_str() == name)) {
            Some(name) => self.named(&name).filter(|issuer| !issuer.signs()),
            None => self.issuers.iter().find(|issuer| issuer.introspector().is_some()),
        };
        issuer.and_then(|issuer| issuer.introspector())
    }
}

/// A remembered token.
struct Remembered {
    caller: Arc<Caller>,
    /// The issuer and settings that verified it, and the generation of the keys.
    issuer: IssuerId,
    generation: u64,
    /// When it expires, clock skew included, on the monotonic clock: the wall clock may be set back
    /// (attack 91).
    until: Duration,
    /// The time from its verification to its expiry.
    lives: Duration,
    bytes: u32,
}

impl Remembered {
    /// How long it stays in memory. A token that is valid for longer than [`LIVES_MAX`] is verified
    /// again after that time and [`EXPIRED_REMEMBERED`].
    fn kept(&self) -> Duration {
        self.lives.min(LIVES_MAX).saturating_add(EXPIRED_REMEMBERED)
    }
}

/// What is remembered about a token.
enum Memory {
    Holds(Arc<Caller>),
    Expired,
    Revoked,
    /// The token was never verified, or not with these keys.
    Nothing,
}

impl Verifier {
    /// A verifier without remembered tokens.
    #[must_use]
    pub fn new() -> Self {
        let remembered = Cache::builder()
            .max_capacity(TOKENS_REMEMBERED_BYTES_MAX)
            .weigher(|_, remembered: &Arc<Remembered>| remembered.bytes)
            .expire_after(UntilWellExpired)
            .build();
        Self { remembered }
    }

    /// Verifies the token with the keys of its issuer, and returns the caller. `iss` must name one
    /// of the trusted issuers; an opaque token is introspected. The audience is not checked here:
    /// [`Caller::is_for`] does that for each server.
    ///
    /// A token that is remembered needs only a digest and a look-up, and never waits. Refusals are
    /// not remembered. `peer` is the client's address, if there is one: fetches for unknown keys
    /// are limited for each address.
    ///
    /// # Errors
    /// [`Refusal::Token`], or [`Refusal::KeysUnavailable`] if the keys cannot be fetched.
    pub async fn verify(
        &self,
        presented: Presented<'_>,
        trusted: Trusted<'_>,
        peer: Option<IpAddr>,
        now: Now,
    ) -> Result<Arc<Caller>, Refusal> {
        let fingerprint = sha256(presented.token().as_bytes());
        match self.recall(&fingerprint, trusted.issuers, now) {
            Memory::Holds(caller) => Ok(caller),
            Memory::Expired => Err(Refusal::Token(TokenFault::Expired)),
            Memory::Revoked => Err(Refusal::Token(TokenFault::Revoked)),
            Memory::Nothing => self.verify_anew(presented.token(), fingerprint, trusted, peer, now).await,
        }
    }

    fn recall(&self, fingerprint: &Fingerprint, issuers: &[Arc<IssuerKeys>], now: Now) -> Memory {
        let Some(remembered) = self.remembered.get(fingerprint) else { return Memory::Nothing };
        // The issuer is not one of this server's, or a reload has changed its settings.
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
        if issuer.is_withdrawn(&remembered.caller) {
            return Memory::Revoked;
        }
        Memory::Holds(Arc::clone(&remembered.caller))
    }

    async fn verify_anew(
        &self,
        token: &str,
        fingerprint: Fingerprint,
        trusted: Trusted<'_>,
        peer: Option<IpAddr>,
        now: Now,
    ) -> Result<Arc<Caller>, Refusal> {
        // Issuer first, then its keys: the token only chooses among the configured issuers (P6,
        // SPEC B-10).
        let read = UnverifiedJwt::read(token).and_then(|unverified| {
            let issuer = trusted.named(unverified.issuer()).filter(|issuer| issuer.signs());
            Ok((issuer.ok_or(Refusal::Token(TokenFault::Issuer))?, unverified))
        });
        let (issuer, unverified) = match read {
            Ok(read) => read,
            Err(refusal) => {
                let introspector = trusted.introspecting(token).ok_or(refusal)?;
                // Boxed: it must not enlarge the future of every request.
                return Box::pin(introspector.verify(token, fingerprint, peer)).await;
            }
        };

        let keys = issuer.current_or_first(now).await?;
        let (keys, caller) = match unverified.verify(issuer.rules(), &keys.set, now) {
            Ok(caller) => (keys, caller),
            Err(refusal) => {
                let Some(awaited) = awaited(&unverified, &refusal, issuer) else {
                    return Err(refusal);
                };
                let mut newer = issuer.newer(peer, awaited);
                // Boxed: the call is rare, and must not enlarge the future of every request.
                Box::pin(verify_later(&unverified, issuer, keys.generation, refusal, &mut newer, now)).await?
            }
        };
        let caller = Arc::new(caller);
        if issuer.is_withdrawn(&caller) {
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

/// The key without which the token was refused, if a newer key set could bring it.
fn awaited(unverified: &UnverifiedJwt<'_>, refusal: &Refusal, issuer: &IssuerKeys) -> Option<AwaitedKey> {
    let Refusal::Token(fault) = refusal else { return None };
    unverified.awaits(fault, &issuer.rules().algorithms)
}

/// Verifies the token with newer keys than generation `seen`, which brought `refusal`.
async fn verify_later(
    unverified: &UnverifiedJwt<'_>,
    issuer: &IssuerKeys,
    mut seen: u64,
    mut refusal: Refusal,
    newer: &mut Newer<'_>,
    now: Now,
) -> Result<(Arc<Published>, Caller), Refusal> {
    loop {
        let keys = match newer.than(seen).await {
            Ok(keys) => keys,
            Err(NoNewerKeys::Certain) => break,
            Err(NoNewerKeys::Unavailable(unavailable)) => return Err(unavailable),
        };
        match unverified.verify(issuer.rules(), &keys.set, now) {
            Ok(caller) => return Ok((keys, caller)),
            Err(later) => refusal = later,
        }
        if awaited(unverified, &refusal, issuer).is_none() {
            break;
        }
        seen = keys.generation;
    }
    Err(refusal)
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

/// Frees the memory of expired tokens. The cache's own clock never decides whether a token is
/// valid.
struct UntilWellExpired;

impl Expiry<Fingerprint, Arc<Remembered>> for UntilWellExpired {
    fn expire_after_create(&self, _: &Fingerprint, remembered: &Arc<Remembered>, _: Instant) -> Option<Duration> {
        Some(remembered.kept())
    }

    // Without this method, an entry that is inserted again would keep its first deadline.
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
