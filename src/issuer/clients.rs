//! Finds a client by its id, and has it prove who it is (SPEC E-24, E-26, E-30…E-33).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};

use crate::{
    base::{clock::Now, limits::DYNAMIC_CLIENT_AGE},
    decide::{
        authorization_server::{
            client::{Client, ClientAuth},
            client_id_document::DocumentUrl,
            error::{Code, OAuthError},
            form::Form,
        },
        routing::IssuerEndpoint,
        token::{assertion, jwk::KeySet, jwt::UnverifiedJwt},
    },
    issuer::{
        Asked, Embedded,
        documents::Reach,
        event,
        reply::Denied,
        seal::{self, digest_of, name_of},
        store::Kind,
        throttle::Deed,
    },
};

#[cfg(test)]
mod tests;

/// What ids of clients that registered themselves begin with: never mistaken for the URL of a document (SPEC E-37).
const DYNAMIC: &str = "dyn_";
/// 128 random bits as base64url.
const DYNAMIC_CHARS: usize = 22;
/// A client's time is renewed when this much of it has gone by: not with every request.
const RENEWED_AFTER_SECS: u64 = 24 * 3600;
/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that registered itself, as the store keeps it under its id.
#[derive(Serialize, Deserialize)]
pub(super) struct Registered {
    pub(super) client: Client,
    /// When it was last renewed, in seconds since 1970.
    pub(super) seen: u64,
    /// Whether somebody has allowed it anything.
    #[serde(default)]
    pub(super) used: bool,
}

/// Id and secret.
type Credentials = (Box<str>, Box<str>);

/// How a request proves whose it is.
enum Proof<'a> {
    None,
    Secret(Box<str>),
    Assertion(&'a str),
}

/// An id for a client that registers itself.
pub(super) fn new_id() -> Result<Box<str>, &'static str> {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    Ok(format!("{DYNAMIC}{}", URL_SAFE_NO_PAD.encode(seal::bytes::<16>()?)).into())
}

/// The client with this id: one that was written, one that registered itself, or the one that the document behind the id describes.
///
/// # Errors
/// `invalid_client`; `temporarily_unavailable` where the store is away.
pub(super) async fn find(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<Client, OAuthError> {
    if let Some(client) = embedded.settings.clients.iter().find(|client| *client.id == *id) {
        return Ok(client.clone());
    }
    if DocumentUrl::looks_like_one(id) {
        return described(embedded, id, asked).await;
    }
    match id.strip_prefix(DYNAMIC) {
        Some(rest) if rest.len() == DYNAMIC_CHARS => registered(embedded, id, asked).await?.ok_or_else(unknown),
        _ => Err(unknown()),
    }
}

fn unknown() -> OAuthError {
    Code::InvalidClient.because("no such client is registered here")
}

async fn registered(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<Option<Client>, OAuthError> {
    let store = &embedded.state.store;
    let Some(before) = store.get(Kind::Client, id).await? else { return Ok(None) };
    let Ok(found) = serde_json::from_slice::<Registered>(&before) else { return Ok(None) };
    let now = asked.now.unix_secs();
    if !found.used || now.saturating_sub(found.seen) <= RENEWED_AFTER_SECS {
        return Ok(Some(found.client));
    }
    renew(embedded, id, &before, found, asked.now).await.map(Some)
}

/// Somebody has allowed the client something: from now on it is kept for as long as it is used.
pub(super) async fn used(embedded: &Embedded, id: &str) -> Result<(), OAuthError> {
    let Some(before) = embedded.state.store.get(Kind::Client, id).await? else { return Ok(()) };
    match serde_json::from_slice::<Registered>(&before) {
        Ok(found) if !found.used => renew(embedded, id, &before, found, embedded.state.clock.now()).await.map(drop),
        _ => Ok(()),
    }
}

async fn renew(
    embedded: &Embedded,
    id: &str,
    before: &[u8],
    found: Registered,
    now: Now,
) -> Result<Client, OAuthError> {
    let renewed = Registered { seen: now.unix_secs(), used: true, ..found };
    let value = serde_json::to_vec(&renewed).map_err(|_| unknown())?;
    let until = now.wall.saturating_add(DYNAMIC_CLIENT_AGE);
    // Where another request was quicker, it is renewed all the same.
    embedded.state.store.replace(Kind::Client, id, before, value, Some(until)).await?;
    Ok(renewed.client)
}

async fn described(embedded: &Embedded, id: &str, asked: &Asked<'_>) -> Result<Client, OAuthError> {
    let registration = &embedded.settings.registration;
    let refused = |cause: &'static str| Code::InvalidClient.because(cause);
    if registration.document_hosts.is_empty() {
        return Err(refused("a client_id that is a URL is not taken here"));
    }
    let url = DocumentUrl::parse(id, registration.allow_loopback_documents).map_err(refused)?;
    if !registration.document_hosts.iter().any(|pattern| suits(pattern, url.host())) {
        return Err(refused("documents of this client_id's host are not taken here"));
    }
    let state = &embedded.state;
    if let Some(client) = state.documents.held(&url, asked.now) {
        return Ok(client);
    }
    // Whoever asks makes us fetch, without having shown anything.
    let deed = Deed::Authorize(asked.peer);
    state.throttle.check(deed, asked.now).map_err(|_| Code::SlowDown.because("too many attempts"))?;
    state.throttle.count(deed, asked.now);
    state.documents.client(&state.fetch, &url, reach(embedded), asked.now).await
}

fn reach(embedded: &Embedded) -> Reach {
    if embedded.settings.registration.allow_loopback_documents { Reach::Loopback } else { Reach::Public }
}

/// Whether a host is one of those that `pattern` stands for: itself, `*.` and what ends in it, or `*`.
fn suits(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        // The dot stays: `*.example.com` is neither `example.com` nor `evil-example.com`.
        Some(end) if end.starts_with('.') => {
            let start = host.len().checked_sub(end.len()).filter(|at| *at > 0);
            start.and_then(|at| host.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        }
        Some(_) => false,
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// The client that makes a request to the token, revocation or introspection endpoint, proved in the one way that it registered:
/// `client_secret_basic`, `client_secret_post`, `private_key_jwt`, or `none` with its id alone. Two ways at once are refused.
///
/// # Errors
/// As [`find`], and the throttle's.
pub(super) async fn authenticate(embedded: &Embedded, form: &Form, asked: &Asked<'_>) -> Result<Client, Denied> {
    let (id, proof) = read(form, asked)?;
    let (throttle, now) = (&embedded.state.throttle, asked.now);
    let deeds = [Deed::ClientSecret(&id), Deed::ClientFrom(asked.peer)];
    let client = find(embedded, &id, asked).await?;
    let verdict = prove(embedded, &client, &proof, asked).await;
    if let Err(denied) = &verdict
        && denied.error.code == Code::InvalidClient
    {
        event::note(embedded, "client", Some(&id), None, "refused");
        if !matches!(proof, Proof::None) {
            // Wrong ones alone are slowed down. Secrets have 256 bits and keys cannot be guessed at all, so what a limit for everybody
            // would do is let a stranger lock a client out.
            for deed in deeds {
                throttle.check(deed, now).map_err(Denied::slow_down)?;
                throttle.count(deed, now);
            }
        }
    }
    verdict.map(|()| client)
}

/// Whether the request tried `Authorization: Basic`: then a refusal says so (RFC 6749 §5.2).
pub(super) fn tried_basic(asked: &Asked<'_>) -> bool {
    asked.head.headers.contains_key(AUTHORIZATION)
}

/// Who the client says it is, and its proof.
fn read<'a>(form: &'a Form, asked: &Asked<'_>) -> Result<(Box<str>, Proof<'a>), OAuthError> {
    let basic = basic(asked)?;
    let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
    let ways = [basic.is_some(), secret.is_some(), assertion.is_some() || form.get("client_assertion_type").is_some()];
    // RFC 6749 §2.3: with two proofs, which of them counts would be anybody's guess.
    if ways.into_iter().filter(|used| *used).count() > 1 {
        return Err(Code::InvalidRequest.because("more than one way of client authentication"));
    }
    let named = form.get("client_id");
    let (id, proof) = match (basic, secret, assertion) {
        (Some((id, secret)), ..) => (id, Proof::Secret(secret)),
        (_, Some(secret), _) => (named.ok_or_else(nameless)?.into(), Proof::Secret(secret.into())),
        (_, _, Some(assertion)) => {
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(Code::InvalidRequest.because("client_assertion_type is not the one of RFC 7523"));
            }
            let issuer = UnverifiedJwt::read(assertion).map_err(|_| unproved())?.issuer().into();
            (issuer, Proof::Assertion(assertion))
        }
        (None, None, None) if form.get("client_assertion_type").is_some() => {
            return Err(Code::InvalidRequest.because("client_assertion is missing"));
        }
        (None, None, None) => (named.ok_or_else(nameless)?.into(), Proof::None),
    };
    if named.is_some_and(|named| *named != *id) {
        return Err(Code::InvalidRequest.because("client_id is not the one that authenticates"));
    }
    Ok((id, proof))
}

fn nameless() -> OAuthError {
    Code::InvalidClient.because("no client authentication and no client_id")
}

fn unproved() -> OAuthError {
    Code::InvalidClient.because("client authentication failed")
}

/// Id and secret of `Authorization: Basic`, each form-encoded before they were joined (RFC 6749 §2.3.1).
fn basic(asked: &Asked<'_>) -> Result<Option<Credentials>, OAuthError> {
    let mut lines = asked.head.headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Code::InvalidRequest.because("more than one Authorization header"));
    }
    let pair = || {
        let (scheme, credentials) = line.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((form_decoded(id)?, form_decoded(secret)?))
    };
    pair().map(Some).ok_or_else(unproved)
}

/// `application/x-www-form-urlencoded` undone.
fn form_decoded(text: &str) -> Option<Box<str>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Into::into)
}

async fn prove(embedded: &Embedded, client: &Client, proof: &Proof<'_>, asked: &Asked<'_>) -> Result<(), Denied> {
    match (&client.auth, proof) {
        (ClientAuth::None, Proof::None) => Ok(()),
        (ClientAuth::Secret(digest), Proof::Secret(secret)) => {
            // Digests are compared, and in constant time: how long it takes says nothing about how much of it was right.
            verify_slices_are_equal(digest, &digest_of(secret.as_bytes())).map_err(|_| unproved().into())
        }
        (ClientAuth::Keys(keys), Proof::Assertion(token)) => assert(embedded, client, keys, token, asked).await,
        (ClientAuth::KeysAt(url), Proof::Assertion(token)) => {
            let state = &embedded.state;
            let keys = state.documents.keys(&state.fetch, url, reach(embedded), asked.now).await?;
            assert(embedded, client, &keys, token, asked).await
        }
        (ClientAuth::None | ClientAuth::Secret(_) | ClientAuth::Keys(_) | ClientAuth::KeysAt(_), _) => {
            Err(Code::InvalidClient.because("not the way of client authentication that was registered").into())
        }
    }
}

async fn assert(
    embedded: &Embedded,
    client: &Client,
    keys: &str,
    token: &str,
    asked: &Asked<'_>,
) -> Result<(), Denied> {
    let token = UnverifiedJwt::read(token).map_err(|_| unproved())?;
    let keys = KeySet::read(keys.as_bytes()).map_err(|_| unproved())?;
    let endpoint = embedded.url(IssuerEndpoint::Token);
    let audiences = [embedded.settings.issuer.as_str(), &endpoint];
    let proved = assertion::verify(&token, &client.id, &audiences, &keys, asked.now).map_err(|fault| {
        tracing::debug!(target: "portcullis::issuer", client = &*client.id, ?fault, "a client's assertion does not hold");
        unproved()
    })?;
    // Whoever has seen one must not bring it again (RFC 7523 §3). Ids are a client's own: another's may be the same.
    let name = name_of(&format!("{}\0{}", client.id, proved.id));
    match embedded.state.store.create(Kind::Assertion, &name, Vec::new(), proved.until).await? {
        true => Ok(()),
        false => Err(Code::InvalidClient.because("the client assertion was used before").into()),
    }
}
