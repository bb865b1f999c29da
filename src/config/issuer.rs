//! Reads `authorization_servers`: whose tokens are believed, and what they must be like.

use std::time::Duration;

use jsonwebtoken::Algorithm;

use crate::{
    base::{
        limits::CLOCK_SKEW_MAX,
        names::{AuthorizationServerName, Issuer, PublicUrl},
    },
    config::{
        embedded::{Embedded, embedded},
        issuer_defaults::{CLIENT_CLAIMS, CLOCK_SKEW, REFETCH_FLOOR},
        issuer_url::{issuer_url, web_url},
        listen::file_bytes,
        place::Written,
        problem::quoted,
        reader::{Field, Fields},
        value,
    },
    decide::{
        resource_server::vendor::{self, Vendor},
        token::rules::TokenRules,
    },
    outbound::keys::{IssuerSettings, KeySource},
};

/// More than this is forgiven with a warning (SPEC B-21).
pub const CLOCK_SKEW_USUAL: Duration = Duration::from_secs(120);
/// Algorithms, where `algorithms` says nothing (SPEC B-30).
pub const ALGORITHMS: &[Algorithm] = &[Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
/// Header types, where neither `token_types` nor the profile says anything.
pub const TOKEN_TYPES: &[&str] = &["at+jwt", "jwt"];
/// Claims that hold scopes, where neither `scope_claims` nor the profile says anything.
pub const SCOPE_CLAIMS: &[&str] = &["scope", "scp"];
/// Every algorithm that may be written: asymmetric, and at home in some issuer.
pub(super) const ALL_ALGORITHMS: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// Types of JWTs that issuers also sign and that must never pass as access tokens (SPEC B-32, RFC 8725 §3.12).
const OTHER_TYPES: &[&str] = &[
    "client-authentication+jwt",
    "dpop+jwt",
    "entity-statement+jwt",
    "id+jwt",
    "id_token",
    "kb+jwt",
    "logout+jwt",
    "oauth-authz-req+jwt",
    "oauth-id-jag+jwt",
    "secevent+jwt",
    "token-introspection+jwt",
];

/// Beside `embedded` nothing can be written: its issuer is its own, and what its tokens are like is no choice.
const ELSEWHERE: &[&str] = &[
    "issuer",
    "allow_http",
    "profile",
    "jwks",
    "algorithms",
    "token_types",
    "clock_skew",
    "scope_claims",
    "refetch_floor",
];

/// The vendor's row behind `profile: name`.
fn profile(name: &str) -> Option<&'static Vendor> {
    vendor::row(name)
}

/// The vendors that `profile` may name.
pub(super) fn profiles() -> Vec<&'static str> {
    vendor::names().collect()
}

/// One authorization server as written.
pub(super) struct AuthorizationServer {
    /// Its name, with a mistake or without: servers may point to it either way.
    pub(super) name: Box<str>,
    pub(super) profile: Option<Box<str>>,
    pub(super) settings: Option<IssuerSettings>,
    /// Where it is one of our own.
    pub(super) embedded: Option<Embedded>,
}

/// `authorization_servers`.
pub(super) fn authorization_servers(field: &Field<'_>, public_url: Option<&PublicUrl>) -> Vec<AuthorizationServer> {
    let entries = field.entries("authorization servers by name").unwrap_or_default();
    if entries.is_empty() && field.is_map() {
        field.reading.problem(&field.place, "an empty map", "at least one authorization server");
    }
    let mut issuers: Vec<Written<Issuer>> = Vec::new();
    let mut servers = Vec::new();
    for entry in entries {
        let name = value::name(&entry);
        let mut read = AuthorizationServer { name: entry.name.into(), profile: None, settings: None, embedded: None };
        read.settings = entry.value.section("authorization_servers.*", |fields| {
            if let Some(inside) = fields.get("embedded") {
                only_embedded(fields);
                let inside = read.embedded.insert(embedded(&inside, name.as_deref(), public_url));
                let settings = inside.issuer_settings()?;
                let issuer = settings.rules.issuers.first().cloned();
                issuers.extend(issuer.map(|value| Written { value, place: inside.place.clone() }));
                return Some(settings);
            }
            let (issuer, allow_http) = issuer(fields);
            if let Some(issuer) = &issuer {
                // A token's `iss` must pick one entry: with two, the weaker one's rules would be a way in.
                match issuers.iter().find(|other| other.value == issuer.value) {
                    Some(other) => field.reading.problem(
                        &issuer.place,
                        &format!(
                            "the issuer of {}",
                            other.place.key.trim_end_matches(".issuer").trim_end_matches(".embedded")
                        ),
                        "each issuer once",
                    ),
                    None => issuers.push(issuer.clone()),
                }
            }
            rest(fields, name.as_deref(), issuer, allow_http, &mut read.profile)
        });
        servers.push(read);
    }
    servers
}

/// What is written for an issuer elsewhere has no place beside `embedded`.
fn only_embedded(fields: &mut Fields<'_>) {
    for key in ELSEWHERE {
        if let Some(field) = fields.get(key) {
            let expected =
                "`embedded` alone: its issuer is public_url and its path, and its tokens are as we make them";
            field.reading.problem(&field.place, "a key of an authorization server elsewhere", expected);
        }
    }
}

/// Everything after the issuer. All keys are asked for before the first `?`, so that every mistake is seen.
fn rest(
    fields: &mut Fields<'_>,
    name: Option<&str>,
    issuer: Option<Written<Issuer>>,
    allow_http: bool,
    profile_name: &mut Option<Box<str>>,
) -> Option<IssuerSettings> {
    let row = fields.get("profile").and_then(|field| vendor(&field));
    *profile_name = row.map(|row| row.name.into());
    let keys = match fields.get("jwks") {
        Some(field) => field.section("authorization_servers.*.jwks", |fields| key_source(fields, allow_http)),
        None => Some(KeySource::Discover),
    };
    let algorithms = match fields.get("algorithms") {
        Some(field) => algorithms(&field),
        None => ALGORITHMS.to_vec(),
    };
    let defaults = |of_row: &[&str], ours: &[&str]| -> Vec<Box<str>> {
        let words = if of_row.is_empty() { ours } else { of_row };
        words.iter().map(|word| Box::from(*word)).collect()
    };
    let token_types = match fields.get("token_types") {
        Some(field) => token_types(&field),
        None => defaults(row.map_or(&[], |row| row.token_types), TOKEN_TYPES),
    };
    let skew_at = fields.get("clock_skew");
    let clock_skew = value::duration(fields, "clock_skew", CLOCK_SKEW, (Duration::ZERO, CLOCK_SKEW_MAX));
    if let Some(field) = skew_at.filter(|_| clock_skew > CLOCK_SKEW_USUAL) {
        field.warn("at most 120s: expired tokens are accepted for this long");
    }
    let scope_claims = match fields.get("scope_claims") {
        Some(field) => claim_names(&field),
        None => defaults(row.map_or(&[], |row| row.scope_claims), SCOPE_CLAIMS),
    };
    let refetch_floor = value::duration(fields, "refetch_floor", REFETCH_FLOOR, value::from(Duration::from_secs(1)));
    Some(IssuerSettings {
        rules: TokenRules {
            name: AuthorizationServerName::from(name?),
            issuers: vec![issuer?.value],
            algorithms,
            token_types,
            clock_skew,
            scope_claims,
            client_claims: defaults(row.map_or(&[], |row| row.client_claims), CLIENT_CLAIMS),
            scope_prefixes: defaults(row.map_or(&[], |row| row.scope_prefixes), &[]),
        },
        keys: keys?,
        refetch_floor,
        allow_http,
    })
}

/// `issuer` and `allow_http`, which decide about each other.
fn issuer(fields: &mut Fields<'_>) -> (Option<Written<Issuer>>, bool) {
    let allow_http = fields.get("allow_http");
    let allowed = allow_http.as_ref().and_then(Field::bool).unwrap_or(false);
    if let Some(field) = allow_http.filter(|_| allowed) {
        field.warn("false: whoever is on the way can answer in the issuer's name");
    }
    let issuer = fields
        .need("issuer", "the issuer's URL, exactly as its tokens spell it")
        .and_then(|field| issuer_url(&field, allowed));
    (issuer, allowed)
}

fn vendor(field: &Field<'_>) -> Option<&'static Vendor> {
    let names = profiles();
    let expected = format!("a vendor: {}", names.join(", "));
    let row = profile(field.text(&expected)?);
    row.or_else(|| field.wrong_word(&expected, names))
}

fn key_source(fields: &mut Fields<'_>, allow_http: bool) -> Option<KeySource> {
    fields.exactly_one(&["discover", "url", "file"], |kind, field| match kind {
        "url" => web_url(&field, allow_http).map(|url| KeySource::Url(url.into())),
        "file" => {
            let path = value::path(&field, "the path of a key set")?;
            file_bytes(&field, &path)?;
            Some(KeySource::File(path))
        }
        _ if field.bool()? => Some(KeySource::Discover),
        _ => field.wrong("discover: true, or a `url` or a `file` in its place"),
    })
}

fn algorithms(field: &Field<'_>) -> Vec<Algorithm> {
    if field.is_list() && field.full_list("asymmetric algorithms").is_none() {
        return Vec::new();
    }
    let names: Vec<&str> = ALL_ALGORITHMS.iter().map(|(name, _)| *name).collect();
    let expected = format!("an asymmetric algorithm: {}", names.join(", "));
    let items = field.distinct("algorithms").unwrap_or_default();
    let algorithm = |item: &Field<'_>| {
        let text = item.text(&expected)?;
        let upper = text.to_ascii_uppercase();
        if upper == "NONE" {
            return item.wrong("a signature: `none` is how tokens are forged (RFC 8725 §3.1)");
        }
        if upper.starts_with("HS") {
            return item.wrong("an asymmetric algorithm: with HS* whoever can verify can also sign (RFC 8725 §3.1)");
        }
        let found = ALL_ALGORITHMS.iter().find(|(name, _)| *name == text).map(|(_, algorithm)| *algorithm);
        found.or_else(|| item.wrong_word(&expected, names.iter().copied()))
    };
    items.iter().filter_map(algorithm).collect()
}

fn token_types(field: &Field<'_>) -> Vec<Box<str>> {
    const EXPECTED: &str = "a JWT type such as at+jwt or JWT";
    let Some(items) = field.full_list("JWT types") else { return Vec::new() };
    let mut types: Vec<Box<str>> = Vec::new();
    for item in &items {
        let Some(text) = item.text(EXPECTED) else { continue };
        let lower = text.to_ascii_lowercase();
        let bare = lower.strip_prefix("application/").unwrap_or(&lower);
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'_' | b'.');
        if bare.is_empty() || !bare.bytes().all(word) {
            item.wrong::<()>(EXPECTED);
        } else if OTHER_TYPES.contains(&bare) {
            item.wrong::<()>("a type of access tokens: this one is for another purpose (RFC 8725 §3.12)");
        } else if types.iter().any(|known| **known == *bare) {
            field.reading.problem(&item.place, &format!("{} a second time", quoted(text)), "each one once");
        } else {
            types.push(bare.into());
        }
    }
    types
}

fn claim_names(field: &Field<'_>) -> Vec<Box<str>> {
    if field.is_list() && field.full_list("claim names").is_none() {
        return Vec::new();
    }
    value::texts(field, "a claim's name").into_iter().map(|name| name.value).collect()
}
