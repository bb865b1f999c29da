//! Reads `clients`: configured clients, their authentication and their grants.

use serde_json::Value;

use crate::{
    base::{digest::sha256, names::Scope, text::BYTE_ORDER_MARK},
    config::{
        embedded::refresh,
        file_bytes::file_bytes,
        keys::embedded::GRANT_TYPES,
        place::Written,
        problem::quoted,
        reader::{Field, Fields},
        secret, value,
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth, ClientOrigin, Grants, REGISTERED_PREFIX},
            redirect_uri::RedirectUri,
        },
        token::jwk::KeySet,
    },
};

const ID_BYTES_MAX: usize = 128;

/// One client; `None` if it has a mistake.
pub(super) type Read = Option<Client>;
/// The reference of its secret, or the file of its keys.
type Reference = Option<Box<str>>;

/// `clients`.
pub(super) fn clients(field: &Field<'_>) -> Vec<(Read, Reference)> {
    let mut ids: Vec<Written<Box<str>>> = Vec::new();
    let mut read = Vec::new();
    for item in field.list("clients").unwrap_or_default() {
        let mut reference = None;
        let client = item.section("authorization_servers.*.embedded.clients[]", |fields| {
            let id = fields.need("id", "the client's id").and_then(|field| id(&field));
            if let Some(id) = &id {
                if let Some(other) = ids.iter().find(|other| other.value == id.value) {
                    let found = format!("{} a second time", quoted(&id.value));
                    field.reading.problem_see(&id.place, &found, "each id once", &other.place);
                }
                ids.push(id.clone());
            }
            client(fields, id, &mut reference)
        });
        read.push((client, reference));
    }
    read
}

/// An id that is neither the URL of a document nor the id of a registered client (SPEC E-37).
fn id(field: &Field<'_>) -> Option<Written<Box<str>>> {
    const EXPECTED: &str = "an id of at most 128 letters, digits and -._~, not one that begins with dyn_";
    let text = field.text(EXPECTED)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    match text.len() <= ID_BYTES_MAX && text.bytes().all(plain) && !text.starts_with(REGISTERED_PREFIX) {
        true => Some(Written { value: text.into(), place: field.place.clone() }),
        false => field.wrong(EXPECTED),
    }
}

/// Asks for all keys before the first `?`, so that every mistake is reported.
fn client(fields: &mut Fields<'_>, id: Option<Written<Box<str>>>, reference: &mut Reference) -> Option<Client> {
    let name = fields.get("name").and_then(|field| field.text("the client's name, for people").map(Box::from));
    let redirects_at = fields.get("redirect_uris");
    let redirect_uris = redirects_at.as_ref().map(redirect_uris).unwrap_or_default();
    let auth = auth(fields, reference);
    let introspects_at = fields.get("introspects");
    let introspects = introspects_at.as_ref().map(|field| value::texts(field, "the name of a server"));
    let introspects = introspects.unwrap_or_default().into_iter().map(|name| name.value).collect();
    let types = fields.get("grant_types");
    let scopes = fields.get("scopes").map(|field| scopes(&field));
    let trusted_at = fields.get("trusted");
    let trusted = trusted_at.as_ref().is_some_and(|field| field.bool().unwrap_or_default());

    let is_public = matches!(auth, Some(ClientAuth::None));
    let has_redirects = redirects_at.is_some();
    let grants = match &types {
        Some(field) => grant_types(field)?,
        None => Grants { code: has_redirects, refresh: has_redirects, credentials: !has_redirects },
    };
    let at = types.as_ref().map_or(&fields.of.place, |field| &field.place);
    let reading = fields.of.reading;
    if grants.code && !has_redirects {
        reading.problem(
            at,
            "authorization_code without `redirect_uris`",
            "`redirect_uris`: where the browser is sent back to",
        );
    }
    if !grants.code && has_redirects {
        reading.problem(at, "`redirect_uris` without authorization_code", "authorization_code among the grant_types");
    }
    if grants.refresh && !grants.code {
        reading.problem(
            at,
            "refresh_token without authorization_code",
            "authorization_code: only its tokens can be refreshed",
        );
    }
    refresh::of_client(types.as_ref(), &grants);
    if grants.credentials && is_public {
        // OAuth 2.1 §4.2: without authentication, the id alone would be enough to get a token.
        reading.problem(
            at,
            "client_credentials without authentication",
            "`secret`, `jwks` or `jwks_uri` of the client",
        );
    }
    if introspects_at.is_some() && is_public {
        reading.problem(at, "introspects without authentication", "`secret`, `jwks` or `jwks_uri` of the client");
    }
    if let Some(field) = trusted_at.filter(|_| trusted) {
        may_be_trusted(&field, &grants, is_public, &redirect_uris);
    }
    Some(Client {
        id: id?.value,
        name,
        origin: ClientOrigin::Configured,
        redirect_uris,
        auth: auth?,
        grants,
        scopes,
        introspects,
        trusted,
        with_token: false,
    })
}

/// Without a consent page, the user cannot see where the code goes: only a site of the client, or a
/// client with a secret, can use it there.
fn may_be_trusted(field: &Field<'_>, grants: &Grants, is_public: bool, redirect_uris: &[RedirectUri]) {
    let reading = field.reading;
    if !grants.code {
        reading.problem(&field.place, "trusted without authorization_code", "a client for which users sign in");
        return;
    }
    let native = redirect_uris.iter().find(|uri| uri.is_native()).filter(|_| is_public);
    if let Some(uri) = native {
        reading.problem(
            &field.place,
            &format!("a trusted public client with the redirect URI {}", quoted(uri.as_str())),
            "https redirect URIs only, or `secret`, `jwks` or `jwks_uri`: any program on the user's computer could \
             take the place of this client, and no page would ask the user",
        );
    }
}

fn redirect_uris(field: &Field<'_>) -> Vec<RedirectUri> {
    if field.is_list() && field.full_list("redirect URIs").is_none() {
        return Vec::new();
    }
    let items = field.distinct("redirect URIs").unwrap_or_default();
    let uri = |item: &Field<'_>| match RedirectUri::parse(item.text("a redirect URI")?) {
        Ok(uri) => Some(uri),
        Err(expected) => item.wrong(expected),
    };
    items.iter().filter_map(uri).collect()
}

/// `secret`, `jwks` or `jwks_uri`; a public client has none of them.
fn auth(fields: &mut Fields<'_>, reference: &mut Reference) -> Option<ClientAuth> {
    let (secret, jwks, jwks_uri) = (fields.get("secret"), fields.get("jwks"), fields.get("jwks_uri"));
    let written = [("secret", &secret), ("jwks", &jwks), ("jwks_uri", &jwks_uri)];
    let names: Vec<&str> = written.iter().filter(|(_, field)| field.is_some()).map(|(name, _)| *name).collect();
    if names.len() > 1 {
        let expected = "one of secret, jwks, jwks_uri, or none of them for a public client";
        fields.of.reading.problem(&fields.of.place, &names.join(" and "), expected);
    }
    let secret = secret.map(|field| {
        let referred = secret::long_secret(&field)?;
        *reference = Some(referred.reference);
        Some(ClientAuth::Secret(sha256(referred.secret.expose())))
    });
    let jwks = jwks.map(|field| {
        let path = value::path(&field, "the path of a key set")?;
        let keys = key_set(&field, &path)?;
        *reference = Some(path.display().to_string().into());
        Some(ClientAuth::Keys(keys))
    });
    let jwks_uri = jwks_uri.map(|field| {
        let text = field.text("an https:// URL of a key set")?;
        match value::url(text) {
            Ok(url) if url.https => Some(ClientAuth::KeysAt(text.into())),
            Ok(_) => field.wrong("an https:// URL of a key set"),
            Err(expected) => field.wrong(expected),
        }
    });
    secret.or(jwks).or(jwks_uri).unwrap_or(Some(ClientAuth::None))
}

/// The client's public keys. A private key in the file is refused: the gateway has no use for it.
fn key_set(field: &Field<'_>, path: &std::path::Path) -> Option<Box<str>> {
    let bytes = file_bytes(field, path)?;
    field.reading.depends_on(path);
    if let Err(fault) = KeySet::read(&bytes) {
        return field.wrong(&format!("a file with a key set that has a usable key ({fault})"));
    }
    let text = std::str::from_utf8(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes)).ok()?;
    let keys: Value = serde_json::from_str(text).ok()?;
    let is_private = keys.get("keys").and_then(Value::as_array).into_iter().flatten().any(|key| key.get("d").is_some());
    match is_private {
        false => Some(text.into()),
        true => field.wrong("a key set of public keys only: this one holds a private key"),
    }
}

fn grant_types(field: &Field<'_>) -> Option<Grants> {
    field.full_list("grant types")?;
    let mut grants = Grants { code: false, refresh: false, credentials: false };
    for item in field.distinct("grant types").unwrap_or_default() {
        match item.word(&GRANT_TYPES.map(|word| (word, word))) {
            Some("authorization_code") => grants.code = true,
            Some("refresh_token") => grants.refresh = true,
            Some(_) => grants.credentials = true,
            None => {}
        }
    }
    Some(grants)
}

/// An empty list is refused: a client without scopes can do nothing.
fn scopes(field: &Field<'_>) -> Vec<Scope> {
    if field.is_list() && field.full_list("scopes").is_none() {
        return Vec::new();
    }
    value::scopes(field).into_iter().map(|scope| scope.value).collect()
}
