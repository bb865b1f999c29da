//! The keys of `authorization_servers`.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::{
    base::limits::tokens::CLOCK_SKEW_MAX,
    config::{
        keys::{
            embedded,
            row::{FILE, ISSUER, KeyRow, KeySection, ValueShape, filled_list, matching, only_true},
            typed::RangedKey,
        },
        units::DURATION_MAX,
    },
    decide::resource_server::vendor::{self, GENERIC},
};

/// Every algorithm that may be written: asymmetric, and used by some issuer.
pub(in crate::config) const ALL_ALGORITHMS: &[(&str, Algorithm)] = &[
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

/// Default of `algorithms` (SPEC B-30).
pub(in crate::config) const ALGORITHMS: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// `clock_skew` (SPEC B-21). Tokens of an embedded authorization server have the same default: the
/// replica that signs may have another clock than the replica that verifies.
pub(in crate::config) const CLOCK_SKEW: RangedKey<Duration> = RangedKey {
    name: "clock_skew",
    default: Duration::from_secs(30),
    least: Duration::ZERO,
    most: CLOCK_SKEW_MAX,
    about: "How far the clocks of the issuer and of the gateway may differ. Expired tokens are accepted for this long.",
};

/// `refetch_floor`.
pub(in crate::config) const REFETCH_FLOOR: RangedKey<Duration> = RangedKey {
    name: "refetch_floor",
    default: Duration::from_secs(30),
    least: Duration::from_secs(1),
    most: DURATION_MAX,
    about: "Tokens with unknown key ids cause one fetch of the key set in this time, and at most five more, spread \
            evenly.",
};

/// `authorization_servers.*`.
pub(super) fn section() -> KeySection {
    KeySection {
        about: "One authorization server whose tokens are accepted: an external one (`issuer`), or one that is part \
                of the gateway (`embedded`). With `embedded`, no other key may be written here.",
        one_of: &["issuer", "embedded"],
        keys: vec![
            KeyRow::section("embedded", embedded::section()),
            KeyRow::optional(
                "issuer",
                ISSUER,
                "The issuer's URL. It is compared byte by byte with the claim `iss`, a slash at the end included.",
            ),
            KeyRow::optional(
                "profile",
                ValueShape::Words(vendor::names().collect()),
                "A vendor whose known departures from the standards become the defaults of `token_types`, \
                 `scope_claims` and the claim that names the client. Keys that are written override the profile.",
            )
            .or_else(format!("`{}`", GENERIC.name)),
            KeyRow::section("jwks", jwks()).or(json!({"discover": true})),
            KeyRow::optional(
                "algorithms",
                filled_list(
                    "signature algorithms",
                    ValueShape::Words(ALL_ALGORITHMS.iter().map(|(name, _)| *name).collect()),
                ),
                "Accepted signature algorithms. All are asymmetric: `none` and HMAC cannot be configured.",
            )
            .or(ALGORITHMS.iter().map(|algorithm| algorithm_name(*algorithm)).collect()),
            KeyRow::optional(
                "token_types",
                filled_list("JWT types", matching("a JWT type", "^[A-Za-z0-9+._/-]+$")),
                "Accepted values of the token header `typ`. The types of other kinds of JWT, such as `dpop+jwt`, \
                 cannot be listed. ID tokens are refused even where their `typ` is listed.",
            )
            .or(GENERIC.token_types.iter().map(|name| type_name(name)).collect()),
            CLOCK_SKEW.row(),
            KeyRow::optional(
                "scope_claims",
                filled_list("claim names", matching("a claim name", ".")),
                "Claims that hold scopes, each as a string or a list.",
            )
            .or(GENERIC.scope_claims.iter().copied().collect()),
            REFETCH_FLOOR.row(),
            KeyRow::flag("allow_http", "Dangerous: permits an `http://` issuer on another host than this one."),
        ],
    }
}

/// The name of an algorithm that may be written.
pub(in crate::config) fn algorithm_name(algorithm: Algorithm) -> &'static str {
    ALL_ALGORITHMS.iter().find(|(_, other)| *other == algorithm).map_or("", |(name, _)| name)
}

/// RFC 7519 §5.1 recommends capitals for `JWT`; types are compared without regard to case.
fn type_name(name: &str) -> Value {
    if name == "jwt" { "JWT".into() } else { name.into() }
}

fn jwks() -> KeySection {
    KeySection {
        about: "Where the issuer's keys come from.",
        one_of: &["discover", "url", "file"],
        keys: vec![
            KeyRow::optional("discover", only_true(), "The keys come from `jwks_uri` of the issuer's metadata."),
            KeyRow::optional("url", matching("a URL", "^https?://"), "The keys come from this URL."),
            KeyRow::optional("file", FILE, "The keys come from this file, which is read again when it changes."),
        ],
    }
}
