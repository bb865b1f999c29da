//! Prints how an issuer is reached, and how its tokens are signed.

use jsonwebtoken::Algorithm;

use crate::{
    config::{
        keys::reach::algorithm_name,
        units::duration_text,
        yaml::{Out, flow, text, yes},
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
