//! Prints how an issuer is reached, and how its tokens are signed.

use jsonwebtoken::Algorithm;

use crate::{
    config::{
        keys::reach::algorithm_name,
        units::duration_text,
        yaml::{Out, flow, text, texts, yes},
    },
    decide::{
        policy::claims::ClaimValue,
        token::rules::{AcceptedClients, TokenRules},
    },
    outbound::{introspect::IntrospectionSettings, keys::KeySource, reach::IssuerReach},
};

pub(super) fn jwks(keys: &KeySource) -> Out {
    flow([match keys {
        KeySource::Url(url) => ("url", text(url)),
        KeySource::File(path) => ("file", text(&path.display().to_string())),
        // An embedded authorization server is printed by `embedded::find`.
        KeySource::Discover | KeySource::Embedded | KeySource::Nowhere => ("discover", yes()),
    }])
}

pub(super) fn algorithms(algorithms: &[Algorithm]) -> Out {
    Out::Flow(algorithms.iter().map(|algorithm| text(algorithm_name(*algorithm))).collect())
}

/// `accepted_issuers`, `client_ids` and `required_claims`, as far as they are written.
pub(super) fn accepted(rules: &TokenRules) -> Vec<(&'static str, Out)> {
    let others = rules.issuers.get(1..).filter(|others| !others.is_empty());
    let clients = match &rules.clients {
        AcceptedClients::Unset => None,
        AcceptedClients::Listed(clients) => Some(texts(clients)),
        AcceptedClients::Any => Some(text("any")),
    };
    let values = |values: &[ClaimValue]| Out::Flow(values.iter().map(|value| Out::Plain(value.to_string())).collect());
    let claims = rules.required_claims.iter().map(|(claim, of)| (claim.to_string(), values(of)));
    let required = (!rules.required_claims.is_empty()).then(|| Out::FlowMap(claims.collect()));
    let others = others.map(|others| ("accepted_issuers", texts(others)));
    let clients = clients.map(|clients| ("client_ids", clients));
    others.into_iter().chain(clients).chain(required.map(|claims| ("required_claims", claims))).collect()
}

pub(super) fn reach(reach: &IssuerReach) -> Vec<(&'static str, Out)> {
    let ca = reach.ca.as_ref().map(|ca| ("ca", text(&ca.path.display().to_string())));
    let at = reach.at.as_ref().map(|at| ("reach_at", text(&at.url())));
    let allow_http = ("allow_http", Out::Plain(reach.allow_http.to_string()));
    ca.into_iter().chain(at).chain([allow_http]).collect()
}

/// The secret is printed by its reference.
pub(super) fn introspection(of: &IntrospectionSettings, secret: Option<&str>, only: bool) -> Out {
    let url = of.url.as_ref().map(|url| ("url", text(url)));
    let rest = [
        ("client_id", text(&of.client_id)),
        ("client_secret", text(secret.unwrap_or_default())),
        ("cache", text(&duration_text(of.cache))),
    ];
    flow(url.into_iter().chain(rest).chain(only.then(|| ("only", yes()))))
}
