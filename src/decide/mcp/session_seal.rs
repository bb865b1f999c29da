//! Seals session ids, so that a session is usable only by its caller at its server.
//!
//! A seal is a keyed digest after the upstream's text, so every process with the key can check it
//! and no process has to store it (SPEC C-41). It proves which caller owns the session. It does not
//! authenticate the caller: the token does that, on every request.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    base::{names::ServerName, secret::Secret},
    decide::token::caller::Caller,
};

#[cfg(test)]
mod tests;

/// The kind of a session without an owner.
const ANONYMOUS: &[u8] = b"anonymous";
/// The length of the truncated digest: 128 bits cannot be guessed by requests.
const DIGEST_BYTES: usize = 16;
/// The length of the digest as text.
const SEAL_BYTES: usize = 22;
/// Separates the upstream's text from the digest.
const MARK: char = '.';

/// The number of bytes that a seal adds to the text.
pub const SEAL_ADDS: usize = SEAL_BYTES + 1;

/// What is sealed. A seal of one kind does not open the other kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// `Mcp-Session-Id`.
    Session,
    /// The message endpoint of the 2024-11-05 transport.
    Endpoint,
}

/// The caller and server that a seal is bound to.
#[derive(Clone, Copy)]
pub struct SealedFor<'a> {
    /// What is sealed.
    pub kind: Sealed,
    /// The server, by its name: a session of one server is not valid at another server (attack
    /// 129).
    pub server: &'a ServerName,
    /// The caller: issuer and subject, not the token, which changes while the session stays.
    pub caller: &'a Caller,
}

/// The keys of `session_keys`. The first key seals; every key opens.
pub struct SessionKeys(Vec<hmac::Key>);

impl SessionKeys {
    /// Takes the keys, each at least 32 random bytes.
    #[must_use]
    pub fn new(keys: &[Secret]) -> Self {
        Self(keys.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.expose())).collect())
    }

    /// The sealed text for the caller; `None` without a key.
    #[must_use]
    pub fn seal(&self, bound: SealedFor<'_>, text: &str) -> Option<String> {
        self.sealed(&spelled(bound, text), text)
    }

    /// The sealed text of a session that began without a token: any client that has it may use
    /// it, until a caller owns the session. It opens as no caller's seal, and no caller's seal
    /// opens as it.
    #[must_use]
    pub fn seal_anonymous(&self, server: &ServerName, text: &str) -> Option<String> {
        self.sealed(&anonymous(server, text), text)
    }

    fn sealed(&self, spelled: &[u8], text: &str) -> Option<String> {
        let digest = hmac::sign(self.0.first()?, spelled);
        let digest = digest.as_ref().get(..DIGEST_BYTES)?;
        Some(format!("{text}{MARK}{}", URL_SAFE_NO_PAD.encode(digest)))
    }

    /// The upstream's text, if `sealed` was made for this caller and server by one of the keys.
    #[must_use]
    pub fn open<'s>(&self, bound: SealedFor<'_>, sealed: &'s str) -> Option<&'s str> {
        self.opened(sealed, |text| spelled(bound, text))
    }

    /// The text, if [`Self::seal_anonymous`] made `sealed` for this server with one of the keys.
    #[must_use]
    pub fn open_anonymous<'s>(&self, server: &ServerName, sealed: &'s str) -> Option<&'s str> {
        self.opened(sealed, |text| anonymous(server, text))
    }

    fn opened<'s>(&self, sealed: &'s str, spelled: impl Fn(&str) -> Vec<u8>) -> Option<&'s str> {
        let (text, seal) = sealed.rsplit_once(MARK)?;
        // A seal has one spelling only: the decoder refuses unused bits in the last character.
        let given = URL_SAFE_NO_PAD.decode(seal).ok().filter(|given| given.len() == DIGEST_BYTES)?;
        let spelled = spelled(text);
        let matches = |key: &hmac::Key| {
            let digest = hmac::sign(key, &spelled);
            digest
                .as_ref()
                .get(..DIGEST_BYTES)
                .is_some_and(|digest| aws_lc_rs::constant_time::verify_slices_are_equal(digest, &given).is_ok())
        };
        // Every key is tried, so that timing does not show which key matched.
        self.0.iter().fold(false, |known, key| matches(key) | known).then_some(text)
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SessionKeys({})", self.0.len())
    }
}

/// The text that is digested. Each part is preceded by its length, so that two bindings never give
/// the same text; there is one part more if the subject does not come from `sub`.
fn spelled(bound: SealedFor<'_>, text: &str) -> Vec<u8> {
    let kind: &[u8] = match bound.kind {
        Sealed::Session => b"session",
        Sealed::Endpoint => b"endpoint",
    };
    let caller = bound.caller;
    let parts = [
        Some(kind),
        Some(bound.server.as_bytes()),
        Some(caller.issuer().as_str().as_bytes()),
        caller.subject_claim().map(str::as_bytes),
        Some(caller.subject().as_bytes()),
        Some(text.as_bytes()),
    ];
    together(&parts)
}

/// As [`spelled`], for a session that began without a token.
fn anonymous(server: &ServerName, text: &str) -> Vec<u8> {
    together(&[Some(ANONYMOUS), Some(server.as_bytes()), Some(text.as_bytes())])
}

/// The parts that are there, one after the other.
fn together(parts: &[Option<&[u8]>]) -> Vec<u8> {
    let parts = parts.iter().flatten();
    let mut spelled = Vec::with_capacity(parts.clone().map(|part| part.len() + 8).sum());
    for part in parts {
        spelled.extend_from_slice(&(part.len() as u64).to_be_bytes());
        spelled.extend_from_slice(part);
    }
    spelled
}
