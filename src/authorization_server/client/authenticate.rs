//! Authenticates clients at the token, revocation and introspection endpoints (SPEC E-26).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::header::AUTHORIZATION;

use crate::{
    authorization_server::{
        client::{
            find::{find, keys_at},
            told::{client_shown, unknown_client},
        },
        embedded::{Asked, Embedded},
        event::{self, RefusedFacts},
        refusals::RefusalKind,
        reply::Denied,
        store::kind::EntryKind,
        throttle::Action,
    },
    base::{
        digest::{sha256, sha256_base64url},
        percent::form_unescape,
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth},
            client_id_document::DocumentUrl,
            error::{Code, OAuthError},
            form::Form,
            last_good::Purpose,
        },
        routing::IssuerEndpoint,
        token::{assertion, jwk::KeySet, jwt::UnverifiedJwt},
    },
};

#[cfg(test)]
mod tests;

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Client id and secret.
type Credentials = (Box<str>, Box<str>);

/// How a request authenticates its client.
enum Proof<'a> {
    None,
    Secret(Box<str>),
    Assertion(&'a str),
}

/// The client of a request, authenticated by the method that it registered: `client_secret_basic`,
/// `client_secret_post`, `private_key_jwt`, or `none` (SPEC E-31…E-33). Two methods at once are
/// refused.
///
/// # Errors
/// Those of [`find`], `invalid_client`, and `slow_down`.
pub(crate) async fn authenticate(embedded: &Embedded, form: &Form, asked: &Asked<'_>) -> Result<Client, Denied> {
    let (id, proof) = read(form, asked).inspect_err(|error| unreadable(embedded, form, asked, error))?;
    let (throttle, now) = (&embedded.state.throttle, asked.now);
    let actions = [Action::ClientSecret(&id), Action::ClientFrom(asked.peer)];
    // An unknown client is refused in the same words as a known one, and counted in the same way:
    // the answer says nothing about which ids exist. That of a document is a public address.
    let mut facts = RefusedFacts::default();
    let found = find(embedded, &id, Purpose::Token, asked).await;
    let found = match found.inspect_err(|error| facts = unknown_client(embedded, &id, error)) {
        Err(error) if error.code == Code::InvalidClient && !DocumentUrl::looks_like_one(&id) => Err(failed()),
        found => found,
    };
    let verdict = match found {
        Ok(client) => match verify(embedded, &client, &proof, asked).await {
            Ok(()) => Ok(client),
            Err(denied) => {
                facts = not_authenticated(&client, &proof, &denied.error);
                Err(denied)
            }
        },
        Err(error) => Err(error.into()),
    };
    if let Err(denied) = &verdict
        && denied.error.code == Code::InvalidClient
    {
        event::refused_with(embedded, asked, RefusalKind::ClientRefused, &facts, "refused");
        if !matches!(proof, Proof::None) {
            // Only failures are limited. Secrets have 256 bits and keys cannot be guessed, so a
            // limit on all requests would only let an attacker lock a client out.
            for action in actions {
                throttle.check(action, now).map_err(Denied::slow_down)?;
                throttle.count(action, now);
            }
        }
    }
    verdict
}

/// Logs a request whose client or whose proof cannot be read.
fn unreadable(embedded: &Embedded, form: &Form, asked: &Asked<'_>, error: &OAuthError) {
    let facts = RefusedFacts {
        client: form.get("client_id").map(client_shown),
        found: error.description.to_string(),
        advice: "have the client authenticate as it registered, in one way",
        ..RefusedFacts::default()
    };
    event::refused_with(embedded, asked, RefusalKind::ClientRefused, &facts, "refused");
}

/// What is logged of a client that is known and did not authenticate.
fn not_authenticated(client: &Client, proof: &Proof<'_>, error: &OAuthError) -> RefusedFacts {
    let registered = match client.auth {
        ClientAuth::None => "no secret and no assertion (none)",
        ClientAuth::Secret(_) => "its client secret (client_secret_basic or client_secret_post)",
        ClientAuth::Keys(_) | ClientAuth::KeysAt(_) => "an assertion that one of its keys has signed (private_key_jwt)",
    };
    let (found, advice) = match (&client.auth, proof) {
        (ClientAuth::Secret(_), Proof::Secret(_)) => {
            ("another client secret", "have the client use the secret that it registered, or that `clients` has")
        }
        (ClientAuth::Keys(_) | ClientAuth::KeysAt(_), Proof::Assertion(_)) => {
            (&*error.description, "look at the keys, the clock and the audience of the client")
        }
        (_, Proof::None) => ("no secret and no assertion", "have the client authenticate as it registered"),
        (_, Proof::Secret(_)) => ("a client secret", "have the client authenticate as it registered"),
        (_, Proof::Assertion(_)) => ("an assertion", "have the client authenticate as it registered"),
    };
    RefusedFacts {
        client: Some(client_shown(&client.id)),
        found: found.to_owned(),
        expected: registered.to_owned(),
        advice,
    }
}

/// Whether the request tried `Authorization: Basic`; a refusal then carries that challenge (RFC
/// 6749 §5.2).
pub(crate) fn tried_basic(asked: &Asked<'_>) -> bool {
    asked.head.headers.contains_key(AUTHORIZATION)
}

/// The client id and the proof in a request.
fn read<'a>(form: &'a Form, asked: &Asked<'_>) -> Result<(Box<str>, Proof<'a>), OAuthError> {
    let basic = basic(asked)?;
    let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
    let ways = [basic.is_some(), secret.is_some(), assertion.is_some() || form.get("client_assertion_type").is_some()];
    // RFC 6749 §2.3: a request must not use more than one method.
    if ways.into_iter().filter(|used| *used).count() > 1 {
        return Err(Code::InvalidRequest.because("more than one client authentication method"));
    }
    let named = form.get("client_id");
    let (id, proof) = match (basic, secret, assertion) {
        (Some((id, secret)), ..) => (id, Proof::Secret(secret)),
        (_, Some(secret), _) => (named.ok_or_else(nameless)?.into(), Proof::Secret(secret.into())),
        (_, _, Some(assertion)) => {
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(Code::InvalidRequest.because("client_assertion_type must be that of RFC 7523"));
            }
            let issuer = UnverifiedJwt::read(assertion).map_err(|_| failed())?.issuer().into();
            (issuer, Proof::Assertion(assertion))
        }
        (None, None, None) if form.get("client_assertion_type").is_some() => {
            return Err(Code::InvalidRequest.because("client_assertion is missing"));
        }
        (None, None, None) => (named.ok_or_else(nameless)?.into(), Proof::None),
    };
    if named.is_some_and(|named| *named != *id) {
        return Err(Code::InvalidRequest.because("client_id is not the authenticated client"));
    }
    Ok((id, proof))
}

fn nameless() -> OAuthError {
    Code::InvalidClient.because("client authentication and client_id are both missing")
}

fn failed() -> OAuthError {
    Code::InvalidClient.because(
        "client authentication failed: the client is unknown, its credential is wrong, or it registered another method",
    )
}

/// Id and secret in `Authorization: Basic`, each form-encoded (RFC 6749 §2.3.1).
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
    pair().map(Some).ok_or_else(failed)
}

fn form_decoded(text: &str) -> Option<Box<str>> {
    String::from_utf8(form_unescape(text.as_bytes())?).ok().map(Into::into)
}

async fn verify(embedded: &Embedded, client: &Client, proof: &Proof<'_>, asked: &Asked<'_>) -> Result<(), Denied> {
    match (&client.auth, proof) {
        (ClientAuth::None, Proof::None) => Ok(()),
        (ClientAuth::Secret(digest), Proof::Secret(secret)) => {
            // Digests are compared in constant time: the time says nothing about the secret.
            verify_slices_are_equal(digest, &sha256(secret.as_bytes())).map_err(|_| failed().into())
        }
        (ClientAuth::Keys(keys), Proof::Assertion(token)) => {
            verify_assertion(embedded, client, keys, token, asked).await
        }
        (ClientAuth::KeysAt(url), Proof::Assertion(token)) => {
            let keys = keys_at(embedded, url, asked).await?;
            verify_assertion(embedded, client, &keys, token, asked).await
        }
        (ClientAuth::None | ClientAuth::Secret(_) | ClientAuth::Keys(_) | ClientAuth::KeysAt(_), _) => {
            Err(failed().into())
        }
    }
}

async fn verify_assertion(
    embedded: &Embedded,
    client: &Client,
    keys: &str,
    token: &str,
    asked: &Asked<'_>,
) -> Result<(), Denied> {
    let token = UnverifiedJwt::read(token).map_err(|_| failed())?;
    let keys = KeySet::read(keys.as_bytes()).map_err(|_| failed())?;
    let endpoint = embedded.url(IssuerEndpoint::Token);
    let audiences = [embedded.settings.issuer.as_str(), &endpoint];
    let proved = assertion::verify(&token, &client.id, &audiences, &keys, asked.now).map_err(|fault| {
        tracing::debug!(target: "portcullis::authorization_server", client = &*client.id, ?fault, "client assertion refused");
        failed()
    })?;
    // An assertion is accepted once (RFC 7523 §3). Two clients may use the same `jti`.
    let name = sha256_base64url(&format!("{}\0{}", client.id, proved.id));
    match embedded.state.store.create(EntryKind::Assertion, &name, Vec::new(), proved.until).await? {
        true => Ok(()),
        false => Err(Code::InvalidClient.because("the client assertion was already used").into()),
    }
}
