//! The keys of `authorization_servers`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    base::limits::tokens::CLOCK_SKEW_MAX,
    config::{
        keys::{
            embedded, introspection,
            reach::{algorithms, allow_http, ca, jwks, reach_at},
            row::{ISSUER, KeyRow, KeySection, ValueShape, filled_list, matching},
            typed::RangedKey,
        },
        units::DURATION_MAX,
    },
    decide::{
        resource_server::vendor::{self, GENERIC},
        token::rules::SUBJECT,
    },
};

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
                "accepted_issuers",
                filled_list("issuers", ISSUER),
                "Other spellings of `iss` that this issuer writes into its tokens, each as it is written there. They share \
                 one key set, and a caller is the same in each spelling: the one with the name in `issuer`. If \
                 `issuer` changes, each caller becomes another one, with other sessions and tasks, also if two spellings \
                 only change places. Metadata is fetched for `issuer` alone.",
            ),
            KeyRow::optional(
                "profile",
                ValueShape::Words(vendor::names().collect()),
                "A vendor whose known departures from the standards become the defaults of `token_types`, \
                 `scope_claims` and the claim that names the client. Keys that are written override the profile.",
            )
            .or_else(format!("`{}`", GENERIC.name)),
            KeyRow::section("jwks", jwks()).or(json!({"discover": true})),
            algorithms(),
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
                "Claims that hold scopes, each as a string or a list. A name that starts with `/` is a JSON Pointer, such \
                 as `/realm_access/roles`.",
            )
            .or(GENERIC.scope_claims.iter().copied().collect()),
            KeyRow::optional(
                "subject_claims",
                filled_list("claim names", matching("a claim name", ".")),
                "Claims that name the caller: the first that a token has counts. The caller is this claim, its value and \
                 the issuer together: a client id is never the user with the same text in `sub`. Name only claims that \
                 users cannot choose for themselves and that the issuer never gives to another user. A claim of the client, \
                 such as `client_id`, names machines alone: it counts if the `profile` marks the token as a machine's, or \
                 if the token has only claims of the protocols (`iss`, `aud`, times, scopes, clients, `roles`, \
                 `permissions`). Any other claim could be about a user, so that token is refused.",
            )
            .or(vec![SUBJECT].into()),
            KeyRow::optional(
                "client_ids",
                ValueShape::WordsOr(
                    vec!["any"],
                    Box::new(filled_list("client ids", matching("a client id", ".")).into()),
                ),
                "For issuers that cannot write the resource into `aud`: tokens without `aud`, or with their own client \
                 alone as `aud`, are accepted if they were issued to one of these clients, by every server that \
                 accepts this issuer. With the client as `aud`, each must show that it is an access token, by a mark of the `profile`; \
                 without `aud`, or with an empty one, `scope` or `scp` is enough. `any` \
                 accepts every client, for issuers where clients register themselves: it needs `required_claims` with a \
                 claim of your organization, and is refused for issuers where anyone can have an account.",
            ),
            KeyRow::optional(
                "required_claims",
                ValueShape::Map { what: "values by claim", of: Box::new(ValueShape::ClaimValues) },
                "Claims that every token of this issuer must have, each with one of these values; other tokens are \
                 refused with 401. For issuers that serve several organizations, such as \
                 `{org_id: [org_42]}`.",
            ),
            REFETCH_FLOOR.row(),
            KeyRow::section("introspection", introspection::section()),
            ca(),
            reach_at(),
            allow_http(),
        ],
    }
}

/// RFC 7519 §5.1 recommends capitals for `JWT`; types are compared without regard to case.
fn type_name(name: &str) -> Value {
    if name == "jwt" { "JWT".into() } else { name.into() }
}
