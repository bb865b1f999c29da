//! Describes `embedded:` as a JSON Schema.

use serde_json::{Value, json};

use crate::config::{
    embedded::{GRANT_TYPES, OIDC_SCOPES},
    schema::shapes::{
        any_key, duration, exactly_one, filled_list, flag, list, object, pattern, scope, secret, text, with_default,
        words,
    },
};

/// `embedded`.
pub(super) fn embedded() -> Value {
    object(
        "An authorization server of our own; its issuer is public_url and its path.",
        &["path", "login", "grants"],
        json!({
            "path": text("Its public path, below /; its endpoints lie below it.", "^(/[A-Za-z0-9._~@:+-]+)+$"),
            "login": login(),
            "registration": registration(),
            "clients": list("Clients that need not register.", client()),
            "grants": filled_list("Who may get which scopes; nobody gets what no entry names.", grant()),
            "access_token_ttl": duration("How long an access token holds, 1m to 1h.", "10m"),
            "refresh_token_ttl": duration("How long a login can be refreshed, 1m to 365d.", "30d"),
            "token_claims": list("Claims of the person that go into access tokens: groups, or claims of the IdP.", json!({"type": "string", "minLength": 1})),
            "scope_descriptions": any_key("What scopes permit, in words for the consent page.", json!({"type": "string", "minLength": 1})),
            "store": with_default(store(), json!({"memory": true})),
        }),
    )
}

fn login() -> Value {
    let mut login = object(
        "How people log in: exactly one of the two.",
        &[],
        json!({
            "accounts": text("A file of local accounts, read again when it changes.", "."),
            "oidc": object("The company's OpenID Connect provider.", &["issuer", "client_id", "client_secret"], json!({
                "issuer": text("Exactly as its tokens spell it.", "^https?://[^?#]+$"),
                "client_id": text("Our client id there.", "."),
                "client_secret": secret("Our secret there."),
                "scopes": with_default(list("What it is asked for; openid is always among them.", scope()), json!(OIDC_SCOPES)),
            })),
        }),
    );
    exactly_one(&mut login, &["accounts", "oidc"]);
    login
}

fn registration() -> Value {
    object(
        "Which clients may come without having been written here.",
        &[],
        json!({
            "dynamic": words("Dynamic client registration (RFC 7591): for anybody, with a token, or for nobody.", &["open", "token", "off"], "off"),
            "token": secret("What a registration must bring with dynamic: token; at least 32 random bytes."),
            "client_id_documents": object("Clients whose id is the URL of their own description.", &["hosts"], json!({
                "hosts": filled_list("Hosts of such URLs: a name, *.example.com, or * for any.", text("A host.", "^(\\*|(\\*\\.)?[a-z0-9.-]+)$")),
                "allow_loopback": flag("Dangerous: permits documents on this machine, for tests."),
            })),
        }),
    )
}

fn client() -> Value {
    object(
        "A client; a public one where it has neither secret nor keys.",
        &["id"],
        json!({
            "id": text("Its client id.", "^[A-Za-z0-9._~-]{1,128}$"),
            "name": text("Its name, for people.", "."),
            "redirect_uris": filled_list("Where browsers may be sent back to, byte by byte; the port of a loopback host is free.", json!({"type": "string", "minLength": 1})),
            "secret": secret("At least 32 random bytes."),
            "jwks": text("A file with its public keys.", "."),
            "jwks_uri": text("An https:// URL of its public keys.", "^https://"),
            "grant_types": filled_list("What it may do; default: log people in where it has redirect_uris, else act for itself.", json!({"enum": GRANT_TYPES})),
            "scopes": filled_list("More than these it never gets.", scope()),
        }),
    )
}

fn grant() -> Value {
    let names = |about: &str| filled_list(about, json!({"type": "string", "minLength": 1}));
    let scalar = json!({"type": ["string", "number", "boolean"]});
    object(
        "All that it names must hold; with scopes alone it is for everybody who logs in.",
        &["scopes"],
        json!({
            "accounts": names("Any of these accounts."),
            "groups": names("Anybody in one of these groups."),
            "claims": any_key("Claims of the IdP that must have one of these values.", json!({
                "anyOf": [scalar, {"type": "array", "minItems": 1, "items": scalar}],
            })),
            "clients": names("These clients, acting for themselves."),
            "scopes": filled_list("What may be granted.", pattern()),
        }),
    )
}

fn store() -> Value {
    let mut store = object(
        "Where everything is kept: exactly one of the three. All but memory need session_keys.",
        &[],
        json!({
            "memory": {"const": true, "description": "In the process: logins end with it."},
            "file": text("In this file, for one replica.", "."),
            "redis": text("In Redis or Valkey, for several: a redis:// URL without a password, or a reference to one.", "^(rediss?://[^@?]+|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"),
        }),
    );
    exactly_one(&mut store, &["memory", "file", "redis"]);
    store
}
