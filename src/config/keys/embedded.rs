//! The keys of `embedded`, the authorization server that is part of the gateway.

use std::time::Duration;

use serde_json::json;

use crate::{
    base::limits::authorization_server::ACCESS_TOKEN_TTL_MAX,
    config::keys::{
        github, oidc,
        row::{
            FILE, KeyRow, KeySection, NAME, PATTERN, SCOPE, SECRET, ValueShape, filled, filled_list, list, map,
            matching, only_true,
        },
        typed::{RangedKey, WordKey},
    },
};

const MINUTE: Duration = Duration::from_secs(60);

/// `access_token_ttl`.
pub(in crate::config) const ACCESS_TOKEN_TTL: RangedKey<Duration> = RangedKey {
    name: "access_token_ttl",
    default: Duration::from_secs(3600),
    least: MINUTE,
    most: ACCESS_TOKEN_TTL_MAX,
    about: "Lifetime of an access token. Revoked tokens, and those of removed accounts, end within seconds; a group \
            that a user loses, or a user that the identity provider disables, counts at the next refresh only.",
};

/// `refresh_token_ttl`.
pub(in crate::config) const REFRESH_TOKEN_TTL: RangedKey<Duration> = RangedKey {
    name: "refresh_token_ttl",
    default: Duration::from_secs(30 * 24 * 3600),
    least: MINUTE,
    most: Duration::from_secs(365 * 24 * 3600),
    about: "How long after a login its tokens can be refreshed.",
};

/// `refresh_grace`.
pub(in crate::config) const REFRESH_GRACE: RangedKey<Duration> = RangedKey {
    name: "refresh_grace",
    default: Duration::from_secs(30),
    least: Duration::ZERO,
    most: Duration::from_secs(300),
    about: "How long after its first use a refresh token is answered again with the same new one, if the client sends \
            the same request twice. Later, or with `0s`, a second use ends the login.",
};

/// Words of `grant_types`.
pub(in crate::config) const GRANT_TYPES: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

/// Words of `registration.grant_types`.
pub(in crate::config) const REGISTERED_GRANT_TYPES: [&str; 2] = ["authorization_code", "client_credentials"];

/// Words of `grants[].registered`.
pub(in crate::config) const REGISTERED: [&str; 2] = ["token", "anyone"];

/// Words of `registration.redirect_schemes`. In a list, `known` stands for the default as well.
pub(in crate::config) const REDIRECT_SCHEMES: [&str; 2] = ["known", "any"];

/// The words of `registration.dynamic`.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::config) enum DynamicWord {
    Open,
    Token,
    Off,
}

/// `registration.dynamic`.
pub(in crate::config) const DYNAMIC: WordKey<DynamicWord> = WordKey {
    name: "dynamic",
    words: &[("open", DynamicWord::Open), ("token", DynamicWord::Token), ("off", DynamicWord::Off)],
    default: DynamicWord::Off,
    about: "Dynamic client registration (RFC 7591): `open` to every client, with a `token` alone, or `off`.",
};

/// `authorization_servers.*.embedded`.
pub(super) fn section() -> KeySection {
    KeySection {
        about: "An authorization server that is part of the gateway. Its issuer is `public_url` followed by `path`.",
        one_of: &[],
        keys: vec![
            KeyRow::required(
                "path",
                matching("a path", "^(/[A-Za-z0-9._~@:+-]+)+$"),
                "Its public path, such as `/oauth`. Its endpoints are below this path.",
            ),
            KeyRow::section("login", login()).must(),
            KeyRow::section("registration", registration()),
            KeyRow::optional(
                "clients",
                list("clients", ValueShape::Section(client())),
                "Clients that are configured here and need not register.",
            ),
            KeyRow::required(
                "grants",
                filled_list("grants", ValueShape::Section(grant())),
                "The scopes that users and clients may be granted. A scope that no entry names is never granted.",
            ),
            ACCESS_TOKEN_TTL.row(),
            REFRESH_TOKEN_TTL.row(),
            REFRESH_GRACE.row(),
            KeyRow::optional(
                "step_up",
                ValueShape::Flag,
                "Whether a client's first refresh after a 403 is refused, so that it asks its user for more scope. \
                 `false` suits clients that no user attends.",
            )
            .or(json!(true)),
            KeyRow::optional(
                "token_claims",
                list("claim names", filled("a claim name")),
                "Claims about the user that are copied into access tokens: `groups` with local accounts, or claims \
                 of the identity provider. A name that starts with `/` is a JSON Pointer; the token has the value at \
                 the same place.",
            ),
            KeyRow::optional(
                "scope_descriptions",
                map("descriptions by scope", filled("text")),
                "What a scope permits, in words for the consent page.",
            ),
            KeyRow::section("store", store()).or(json!({"memory": true})),
        ],
    }
}

fn login() -> KeySection {
    KeySection {
        about: "How users log in.",
        one_of: &["accounts", "oidc", "github", "demo_account"],
        keys: vec![
            KeyRow::optional(
                "accounts",
                FILE,
                "A file of local accounts, which is read again when it changes. Its key `accounts` lists them, each \
                 with `name` and `password` (a hash that `portcullis hash-password` prints), and optionally \
                 `groups`, `display` and `subject`.",
            ),
            KeyRow::section("oidc", oidc::section()),
            KeyRow::section("github", github::section()),
            KeyRow::optional(
                "demo_account",
                only_true(),
                "For trials on this machine: one account `demo`, whose password the gateway makes at each start and prints \
                 once. Only with a `public_url` and listeners on loopback.",
            ),
        ],
    }
}

fn registration() -> KeySection {
    KeySection {
        about: "Which clients are accepted without an entry under `clients`. By default there are none.",
        one_of: &[],
        keys: vec![
            DYNAMIC.row(),
            KeyRow::optional(
                "token",
                SECRET,
                "The token that a registration must present with `dynamic: token`: at least 32 random bytes.",
            ),
            KeyRow::optional(
                "grant_types",
                filled_list("grant types", ValueShape::Words(REGISTERED_GRANT_TYPES.to_vec())),
                "The grants that clients may register. With `client_credentials` a client acts for itself, without a \
                 user: it needs no redirect URI, and gets the scopes of the `grants` for `registered` clients.",
            )
            .or(json!(["authorization_code"])),
            KeyRow::optional(
                "redirect_schemes",
                ValueShape::WordsOr(
                    REDIRECT_SCHEMES.to_vec(),
                    Box::new(list("private-use schemes", matching("a scheme", "^[a-z][a-z0-9.+-]*$")).into()),
                ),
                "The private-use schemes that redirect URIs of such clients may have, besides `https` and `http` on \
                 loopback. `known`: those with a dot, such as `com.example.app`, and those of widely used clients, \
                 such as `cursor` and `vscode`. `any`: all. A list: these alone, and with `known` among them those \
                 as well. Schemes that a browser or the operating system runs or reads, such as `javascript`, are \
                 never accepted. Other redirect URIs of a client are left out of its registration.",
            )
            .or(json!("known")),
            KeyRow::section("client_id_documents", documents()),
            KeyRow::optional(
                "refused_clients",
                filled_list("client ids", filled("a client id")),
                "Clients that are refused at once although they registered or have an accepted document: no new \
                 authorization, no refresh, and no call with an access token that they have.",
            ),
        ],
    }
}

fn documents() -> KeySection {
    KeySection {
        about: "Clients whose id is the URL of their metadata document (Client ID Metadata Documents).",
        one_of: &[],
        keys: vec![
            KeyRow::required(
                "hosts",
                filled_list("hosts", matching("a host", "^(\\*|(\\*\\.)?[a-z0-9.-]+)$")),
                "Accepted hosts of such URLs: a host name, `*.example.com`, or `*` for every host.",
            ),
            KeyRow::flag("allow_loopback", "Dangerous: permits documents on this machine, for tests."),
        ],
    }
}

fn client() -> KeySection {
    KeySection {
        about: "One client. Without `secret`, `jwks` and `jwks_uri` it is a public client.",
        one_of: &[],
        keys: vec![
            KeyRow::required(
                "id",
                matching("an id", "^[A-Za-z0-9._~-]{1,128}$"),
                "Its client id: at most 128 letters, digits and `-._~`. It may not start with `dyn_`.",
            ),
            KeyRow::optional("name", NAME, "Its name on the consent page."),
            KeyRow::optional(
                "redirect_uris",
                filled_list("redirect URIs", filled("a redirect URI")),
                "Where the browser may be sent back to: `https`, `http` on loopback, or a private-use scheme. URIs \
                 are compared byte by byte; on a loopback host the port may differ. Only a client that is configured here may \
                 have one at a name of the gateway itself with a path that the gateway answers or that `paths` may match.",
            ),
            KeyRow::optional("secret", SECRET, "Its secret: at least 32 random bytes."),
            KeyRow::optional("jwks", FILE, "A file with its public keys."),
            KeyRow::optional("jwks_uri", matching("a URL", "^https://"), "An `https://` URL of its public keys."),
            KeyRow::optional(
                "grant_types",
                filled_list("grant types", ValueShape::Words(GRANT_TYPES.to_vec())),
                "The grants that it may use.",
            )
            .or_else(
                "`authorization_code` and `refresh_token` where it has `redirect_uris`, else `client_credentials`",
            ),
            KeyRow::optional(
                "introspects",
                filled_list("names of servers", filled("a server's name")),
                "The servers whose tokens it may introspect (RFC 7662). Without it, a client introspects its own \
                 tokens only.",
            ),
            KeyRow::optional("scopes", filled_list("scopes", SCOPE), "It is never granted any other scope.")
                .or_else("no limit"),
            KeyRow::flag(
                "trusted",
                "Its users are not asked for consent: the operator has consented for them. For a public client only \
                 with `https` redirect URIs. Users who can get none of the requested scopes still see a page.",
            ),
        ],
    }
}

fn grant() -> KeySection {
    let names = |what: &'static str, one: &'static str| filled_list(what, filled(one));
    KeySection {
        about: "One grant. It applies if all its conditions are met; an entry with `scopes` alone applies to every \
                user.",
        one_of: &[],
        keys: vec![
            KeyRow::optional(
                "accounts",
                names("account names", "an account name"),
                "The user is one of these accounts.",
            ),
            KeyRow::optional("groups", names("group names", "a group name"), "The user is in one of these groups."),
            KeyRow::optional(
                "claims",
                map("accepted values by claim", ValueShape::ClaimValues),
                "Each of these claims of the identity provider has one of its values. A key that starts with `/` is a \
                 JSON Pointer, and `{glob: …}` a pattern, as in `rules`.",
            ),
            KeyRow::optional(
                "clients",
                names("client ids", "a client id"),
                "One of these clients acts for itself (`client_credentials`). Such an entry has no condition on \
                 users.",
            ),
            KeyRow::optional(
                "registered",
                ValueShape::Words(REGISTERED.to_vec()),
                "A client that registered itself acts for itself: `token`, one that presented the token of the \
                 registration; `anyone`, any. Such an entry has no other condition, and opens only servers that name one \
                 of its scopes.",
            ),
            KeyRow::required(
                "scopes",
                filled_list("scopes or patterns of scopes", PATTERN),
                "The scopes that may be granted.",
            ),
        ],
    }
}

fn store() -> KeySection {
    KeySection {
        about: "Where logins, tokens and signing keys are stored. All stores but `memory` need `session_keys`.",
        one_of: &["memory", "file", "redis"],
        keys: vec![
            KeyRow::optional("memory", only_true(), "In the memory of the process: every login ends with the process."),
            KeyRow::optional("file", FILE, "In this file, for one replica. The file is created if it does not exist."),
            KeyRow::optional(
                "redis",
                matching(
                    "a URL, or a secret reference: `env:NAME` or `file:PATH`",
                    "^(rediss?://[^@?]+|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
                ),
                "In Redis or Valkey, for several replicas. A URL with a password must be a reference.",
            ),
            KeyRow::flag(
                "allow_eviction",
                "Whether to accept a Redis whose `maxmemory-policy` deletes live entries when it is full; otherwise such a Redis stops the start.",
            ),
        ],
    }
}
