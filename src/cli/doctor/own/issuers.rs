//! Can the gateway use each authorization server: its metadata, its keys, its introspection?

use std::{fs, time::Duration};

use bytes::Bytes;
use http::StatusCode;

use super::{
    metadata::{ExaminedIssuer, OwnClient, refuses_client},
    own_file::{OwnFile, wall},
    refresh, words,
};
use crate::{
    cli::doctor::finding::Finding,
    decide::{resource_server::issuer_metadata::ServerMetadata, token::jwk::KeySet},
    outbound::keys::{IssuerSettings, KeySource},
};

/// Clocks that differ by more cause trouble soon.
const SKEW_MAX: Duration = Duration::from_secs(30);

/// What is wrong with the authorization servers that are not embedded.
pub(super) async fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let profiles = &of.settings().provenance.profiles;
    for (index, settings) in of.settings().authorization_servers.iter().enumerate() {
        if settings.keys == KeySource::Embedded {
            continue;
        }
        let Some(name) = settings.rules.issuers.first() else { continue };
        let issuer = ExaminedIssuer {
            of,
            key: format!("authorization_servers.{}", settings.rules.name),
            issuer: name,
            asked_as: settings.asked_as,
            asker: of.asker_of(&settings.reach),
            detour: settings.reach.at.as_ref(),
        };
        let profile = profiles.get(index).and_then(Option::as_deref);
        findings.extend(one(&issuer, settings, profile).await);
    }
    findings
}

async fn one(issuer: &ExaminedIssuer<'_>, settings: &IssuerSettings, profile: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (metadata, date) = match issuer.metadata().await {
        Ok((metadata, date)) => (Some(metadata), date),
        Err(finding) => {
            let needs_metadata = settings.keys == KeySource::Discover
                || settings.introspection.as_ref().is_some_and(|introspection| introspection.url.is_none());
            findings.push(if needs_metadata { *finding } else { finding.warning() });
            (None, None)
        }
    };
    if let Some(date) = date {
        let apart = date.abs_diff(wall());
        if apart > SKEW_MAX {
            let side = if date > wall() { "ahead of" } else { "behind" };
            findings.push(
                issuer
                    .finding("clock-skew", "issuer", format!("its clock is {} s {side} this host's", apart.as_secs()))
                    .expected("clocks that agree")
                    .line("clock_skew: 2m"),
            );
        }
    }
    let needs_scope = refresh::needs_scope(issuer.issuer, profile);
    findings.extend(metadata.as_ref().and_then(|metadata| refresh::check(issuer, metadata, needs_scope)));
    findings.extend(keys(issuer, settings, metadata.as_ref()).await);
    findings.extend(introspection(issuer, settings, metadata.as_ref()).await);
    findings
}

async fn keys(
    issuer: &ExaminedIssuer<'_>,
    settings: &IssuerSettings,
    metadata: Option<&ServerMetadata>,
) -> Option<Finding> {
    let discovered = metadata.and_then(|metadata| metadata.jwks_uri.as_deref());
    let (name, place, fetched) = match &settings.keys {
        KeySource::Embedded | KeySource::Nowhere => return None,
        KeySource::File(path) => {
            let read = fs::read(path).map(Bytes::from).map_err(|cause| cause.to_string());
            ("jwks.file", path.display().to_string(), read)
        }
        KeySource::Url(url) => ("jwks.url", words::without_query(url), fetched(issuer, url).await),
        KeySource::Discover => match (metadata, discovered) {
            (None, _) => return None,
            (Some(_), None) => {
                let finding = issuer.finding("jwks-missing", "issuer", "metadata without jwks_uri");
                return Some(finding.expected("jwks_uri").example("jwks: {url: \"https://HOST/keys\"}"));
            }
            (Some(_), Some(url)) => ("issuer", url.to_owned(), named_keys(issuer, url).await),
        },
    };
    let told = |id, found: String| issuer.finding(id, name, format!("{place}: {found}")).expected("a JSON Web Key Set");
    let document = match fetched {
        Ok(document) => document,
        Err(why) => return Some(told("jwks-unreachable", why)),
    };
    let set = match KeySet::examine(&document) {
        Ok(set) => set,
        Err(fault) => return Some(told("jwks-unreadable", format!("{fault:?}"))),
    };
    let algorithms = &settings.rules.algorithms;
    if algorithms.iter().any(|algorithm| set.candidates(None, *algorithm).next().is_some()) {
        return None;
    }
    let found = format!("{place}: {} keys that can verify, and {} others", set.len(), set.skipped());
    Some(issuer.finding("jwks-empty", name, found).expected(format!("a key for one of {algorithms:?}")))
}

/// The key set that the metadata names.
async fn named_keys(issuer: &ExaminedIssuer<'_>, url: &str) -> Result<Bytes, String> {
    let answer = issuer.get_named("jwks_uri", url).await?;
    if answer.status == StatusCode::OK { Ok(answer.body) } else { Err(words::of_answer(&answer)) }
}

async fn fetched(issuer: &ExaminedIssuer<'_>, url: &str) -> Result<Bytes, String> {
    match issuer.get(url).await {
        Ok(answer) if answer.status == StatusCode::OK => Ok(answer.body),
        Ok(answer) => Err(words::of_answer(&answer)),
        Err(fault) => Err(words::of_fault(&fault)),
    }
}

async fn introspection(
    issuer: &ExaminedIssuer<'_>,
    settings: &IssuerSettings,
    metadata: Option<&ServerMetadata>,
) -> Option<Finding> {
    let introspection = settings.introspection.as_ref()?;
    let endpoint = metadata.and_then(|metadata| metadata.introspection_endpoint.as_deref());
    let methods = metadata.and_then(|metadata| metadata.introspection_endpoint_auth_methods_supported.as_deref());
    // A URL that is written takes Basic.
    let (name, member, url, methods) = match (&introspection.url, endpoint) {
        (Some(url), _) => ("introspection.url", None, &**url, None),
        (None, Some(url)) => ("introspection", Some("introspection_endpoint"), url, methods),
        (None, None) => {
            metadata?;
            let finding =
                issuer.finding("introspection-missing", "introspection", "metadata without an introspection_endpoint");
            return Some(
                finding
                    .expected("introspection_endpoint, or a URL")
                    .example("introspection: {url: \"https://HOST/introspect\", …}"),
            );
        }
    };
    let client = OwnClient { id: &introspection.client_id, secret: introspection.client_secret.expose() };
    let form = [("token", "portcullis-doctor"), ("token_type_hint", "access_token")];
    match issuer.post((member, url), &form, &client, methods).await {
        Err(why) => {
            let found = format!("{}: {why}", words::without_query(url));
            Some(issuer.finding("introspection-unreachable", name, found).expected("an answer"))
        }
        Ok(answer) if refuses_client(&answer) => {
            let found =
                format!("{}: status {} to the gateway's client", words::without_query(url), answer.status.as_u16());
            let finding = issuer.finding("introspection-refused", "introspection.client_id", found);
            Some(
                finding
                    .expected("an answer with `active`")
                    .example("introspection: {client_id: …, client_secret: \"env:…\"}"),
            )
        }
        Ok(answer) if answer.status != StatusCode::OK => {
            let found = format!("{}: status {}", words::without_query(url), answer.status.as_u16());
            Some(issuer.finding("introspection-unreachable", name, found).expected("status 200"))
        }
        Ok(_) => None,
    }
}
