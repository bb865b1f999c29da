//! The keys that say how an issuer is reached and how it signs: of issuers and of `login.oidc`.

use jsonwebtoken::Algorithm;

use crate::config::keys::row::{FILE, KeyRow, KeySection, ValueShape, filled_list, matching, only_true};

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

/// The name of an algorithm that may be written.
pub(in crate::config) fn algorithm_name(algorithm: Algorithm) -> &'static str {
    ALL_ALGORITHMS.iter().find(|(_, other)| *other == algorithm).map_or("", |(name, _)| name)
}

/// `ca` of an issuer.
pub(super) fn ca() -> KeyRow {
    KeyRow::optional(
        "ca",
        FILE,
        "A PEM file with the certificates of the private CA that the issuer's certificates come from, or with the \
         issuer's own certificate. With it, the public CAs are not trusted for this issuer.",
    )
}

/// `reach_at` of an issuer.
pub(super) fn reach_at() -> KeyRow {
    KeyRow::optional(
        "reach_at",
        matching("a scheme, a host and a port", "^https?://[^/?#@]+/?$"),
        "Where the gateway connects for every URL of the issuer's own scheme, host and port, such as \
         `http://keycloak:8080` inside a cluster. The issuer sees its public host as `Host`, and the public scheme in \
         `X-Forwarded-Proto`; its metadata and tokens must still name `issuer`. Browsers are sent to the public URLs. \
         With `https://`, the certificate must be for the host that is written here; `http://` needs `allow_http`.",
    )
}

/// `allow_http` of an issuer.
pub(super) fn allow_http() -> KeyRow {
    KeyRow::flag(
        "allow_http",
        "Dangerous: permits an `http://` issuer, or an `http://` URL under `reach_at`, on another host than this one.",
    )
}

/// `jwks` of an issuer.
pub(super) fn jwks() -> KeySection {
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

/// `algorithms` of an issuer.
pub(super) fn algorithms() -> KeyRow {
    KeyRow::optional(
        "algorithms",
        filled_list("signature algorithms", ValueShape::Words(ALL_ALGORITHMS.iter().map(|(name, _)| *name).collect())),
        "Accepted signature algorithms. All are asymmetric: `none` and HMAC cannot be configured.",
    )
    .or(ALGORITHMS.iter().map(|algorithm| algorithm_name(*algorithm)).collect())
}
