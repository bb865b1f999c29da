//! API keys: their form, their checksum, and the caller that each stands for.

use std::{fmt::Write, sync::Arc, time::Duration};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde_json::{Map, Value};

use crate::{
    base::{
        clock::Now,
        digest::{Digest, SHA256_BYTES, sha256},
        names::{AuthorizationServerName, Issuer, Scope, ServerName},
    },
    decide::{
        refusal::{Refusal, TokenFault},
        token::{
            caller::{Caller, CallerSubject, sorted},
            presented::Presented,
            rules::SUBJECT,
            token_type::TokenType,
        },
    },
};

/// Every API key begins with this, so that people and secret scanners recognise one, and so that
/// none is ever sent to an issuer.
pub const PREFIX: &str = "portcullis_";
/// The issuer of API keys: no issuer of tokens can have this name, which is not a URL.
pub const API_KEYS: &str = "api-keys";
/// 192 random bits: more than an attacker can guess.
pub const RANDOM_BYTES: usize = 24;

/// Digits of the checksum: a key that was cut or mistyped is told from an unknown one.
const CHECKSUM_DIGITS: usize = 8;

/// Writes the key with these random bytes: the prefix, the bytes, and a checksum over both, in
/// lower-case hexadecimal digits.
#[must_use]
pub fn write(random: &[u8; RANDOM_BYTES]) -> String {
    let mut key = PREFIX.to_owned();
    push_hex(&mut key, random);
    let checksum = checksum(&key);
    key.push_str(&checksum);
    key
}

/// Whether `text` begins as an API key does. Case is ignored: a key that was typed in capitals is
/// no key, and must not be sent to an issuer either.
#[must_use]
pub fn has_prefix(text: &str) -> bool {
    let start = text.as_bytes().first_chunk::<{ PREFIX.len() }>();
    start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

/// Whether `text` has the form of a key: prefix, length, digits and checksum.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    let end = PREFIX.len() + 2 * RANDOM_BYTES;
    let Some((key, sum)) = text.split_at_checked(end) else { return false };
    let Some(digits) = key.strip_prefix(PREFIX) else { return false };
    digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) && sum == checksum(key)
}

/// The start of the SHA-256 of everything before it.
fn checksum(key: &str) -> String {
    let whole = sha256(key.as_bytes());
    let mut text = String::with_capacity(CHECKSUM_DIGITS);
    push_hex(&mut text, whole.get(..CHECKSUM_DIGITS / 2).unwrap_or_default());
    text
}

/// The SHA-256 of a key as the configuration writes it.
#[must_use]
pub fn digest_text(key: &str) -> String {
    hex_of(&sha256(key.as_bytes()))
}

/// A digest in hexadecimal digits, as the configuration writes it.
#[must_use]
pub fn hex_of(sha256: &[u8; SHA256_BYTES]) -> String {
    let mut text = String::with_capacity(2 * SHA256_BYTES);
    push_hex(&mut text, sha256);
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

/// An API key as the configuration describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyEntry {
    /// Its name: who uses it.
    pub name: Box<str>,
    /// The SHA-256 of the whole key.
    pub sha256: [u8; SHA256_BYTES],
    /// The scopes that it grants.
    pub scopes: Vec<Scope>,
    /// Claims for `claims:` rules and identity headers.
    pub claims: Map<String, Value>,
    /// The servers that take it; never empty.
    pub servers: Vec<ServerName>,
    /// When it ends, as time since 1970.
    pub not_after: Option<Duration>,
}

/// The API keys of a configuration.
#[derive(Debug, Default, PartialEq)]
pub struct ApiKeys(Vec<ApiKey>);

#[derive(Debug, PartialEq)]
struct ApiKey {
    sha256: [u8; SHA256_BYTES],
    servers: Vec<ServerName>,
    caller: Arc<Caller>,
}

impl ApiKeys {
    /// The keys that `entries` describe.
    #[must_use]
    pub fn new(entries: &[ApiKeyEntry]) -> Self {
        Self(entries.iter().map(ApiKey::new).collect())
    }

    /// The caller of `presented`, if it is a key that `server` takes.
    ///
    /// # Errors
    /// [`TokenFault::ApiKeyForm`], [`TokenFault::ApiKeyUnknown`], [`TokenFault::ApiKeyServer`] or
    /// [`TokenFault::Expired`].
    pub fn verify(&self, presented: Presented<'_>, server: &ServerName, now: Now) -> Result<Arc<Caller>, Refusal> {
        self.find(presented.token(), server, now).map_err(Refusal::Token)
    }

    fn find(&self, text: &str, server: &ServerName, now: Now) -> Result<Arc<Caller>, TokenFault> {
        if !is_whole(text) {
            return Err(TokenFault::ApiKeyForm);
        }
        let presented = sha256(text.as_bytes());
        let mut found = None;
        // Every key is compared in constant time, and none ends the search: the time tells neither
        // how much of a digest is right nor where a key stands.
        for key in &self.0 {
            if verify_slices_are_equal(&key.sha256, &presented).is_ok() {
                found = Some(key);
            }
        }
        let key = found.ok_or(TokenFault::ApiKeyUnknown)?;
        if !key.servers.contains(server) {
            return Err(TokenFault::ApiKeyServer);
        }
        if now.wall >= key.caller.expires() {
            return Err(TokenFault::Expired);
        }
        Ok(Arc::clone(&key.caller))
    }

    /// Whether the key of `caller` is still there, unchanged, for `server`: an open stream of a key
    /// that was removed ends.
    #[must_use]
    pub fn still_hold(&self, caller: &Caller, server: &ServerName) -> bool {
        self.0.iter().any(|key| *key.caller == *caller && key.servers.contains(server))
    }
}

impl ApiKey {
    fn new(entry: &ApiKeyEntry) -> Self {
        let ApiKeyEntry { name, sha256, scopes, claims, servers, not_after } = entry;
        // Unlike the `sub` of any user who is called like the key: upstreams may compare subjects
        // without their issuer.
        let subject = format!("api-key:{name}");
        let mut claims = claims.clone();
        claims.insert("iss".to_owned(), API_KEYS.into());
        claims.insert("sub".to_owned(), subject.as_str().into());
        let digits = hex_of(sha256);
        let caller = Caller {
            authorization_server: AuthorizationServerName::from(API_KEYS_SERVER),
            issuer: Issuer::from(API_KEYS),
            principal: Digest::of(&[API_KEYS, &subject]),
            token_id: Some(Digest::of(&[API_KEYS, &digits])),
            client: Some(subject.as_str().into()),
            is_machine: true,
            subject: CallerSubject::new(SUBJECT, &subject),
            scopes: sorted(scopes.clone()),
            audiences: Vec::new(),
            otherwise: Err(TokenFault::Audience),
            token_type: TokenType::Access,
            expires: not_after.unwrap_or(Duration::MAX),
            claims: Arc::new(claims),
            introspected: None,
            header: None,
        };
        Self { sha256: *sha256, servers: servers.clone(), caller: Arc::new(caller) }
    }
}

/// In place of the name of an authorization server. It holds a space, so that the configuration
/// cannot give it to one.
const API_KEYS_SERVER: &str = "api keys";

/// Names of claims that an entry of the configuration cannot set: the gateway sets them, or gives
/// them a meaning.
pub const RESERVED_CLAIMS: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf"];

impl Presented<'_> {
    /// Whether this is an API key, whole or not: such a credential is never sent to an issuer.
    #[must_use]
    pub fn is_api_key(&self) -> bool {
        has_prefix(self.token())
    }
}

impl Caller {
    /// Whether the caller came with an API key.
    #[must_use]
    pub fn has_api_key(&self) -> bool {
        self.issuer.as_str() == API_KEYS
    }
}

#[cfg(test)]
mod tests;
