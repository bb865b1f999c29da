//! Prints settings as a file with every default written out and secrets by reference.

use serde_json::Value;

use crate::{
    config::{
        DocumentSettings, ListenSettings, ListenTls, ServerProvenance, ServerSettings, Settings, Totals,
        keys::{
            LOG_FORMAT, LOG_LEVEL,
            path::PATH_ACCESS,
            server::{BATCHES, DENY_AS, HIDE},
        },
        server::advertised,
        units::{duration_text, size_text},
        yaml::{Out, flow, map, text, texts, yes},
    },
    decide::{
        fields::query::QueryRule,
        pass_through::PathEntry,
        policy::{
            claims::ClaimValue,
            rule::{Access, Rule},
        },
    },
    outbound::{
        credential::Credential,
        keys::{IssuerSettings, KeySource},
        upstream::UpstreamSettings,
    },
};

mod acme;
mod embedded;
mod issuer;
mod removed;

/// YAML that `check` accepts and reads as these settings. Paths are absolute.
#[must_use]
pub fn print(settings: &Settings) -> String {
    let kept = &settings.provenance;
    let issuers = settings.authorization_servers.iter().enumerate();
    let profile = |index: usize| kept.profiles.get(index).and_then(Option::as_deref);
    let secret = |index: usize| kept.introspection.get(index).and_then(Option::as_deref);
    let nowhere = ServerProvenance::default();
    let servers = settings.servers.iter().enumerate();
    let mut entries = vec![
        ("public_url", text(settings.public_url.origin())),
        ("hosts", Out::Flow(settings.hosts.iter().map(|host| text(&host.to_string())).collect())),
        ("trusted_proxies", Out::Flow(settings.trusted_proxies.iter().map(|range| text(&range.to_string())).collect())),
        ("listen", Out::List(settings.listen.iter().map(listener).collect())),
        ("admin", flow([("address", text(&settings.admin.to_string()))])),
        (
            "authorization_servers",
            Out::Map(
                issuers
                    .map(|(index, of)| {
                        let inside = embedded::find(settings, &of.rules.name);
                        (of.rules.name.to_string(), inside.unwrap_or_else(|| issuer(of, profile(index), secret(index))))
                    })
                    .collect(),
            ),
        ),
        (
            "servers",
            Out::Map(
                servers
                    .map(|(index, of)| {
                        let kept = kept.servers.get(index).unwrap_or(&nowhere);
                        (of.name.to_string(), server(of, kept, &settings.authorization_servers))
                    })
                    .collect(),
            ),
        ),
        ("limits", totals(settings.limits)),
        ("documents", documents(&settings.documents)),
        ("session_keys", texts(&kept.session_keys)),
        (
            "log",
            flow([
                ("format", text(LOG_FORMAT.word(&settings.log.json))),
                ("level", text(LOG_LEVEL.word(&settings.log.level))),
            ]),
        ),
        ("drain", flow([("timeout", text(&duration_text(settings.drain_timeout)))])),
    ];
    // Without one, every server takes API keys alone.
    entries.retain(|(key, _)| *key != "authorization_servers" || !settings.authorization_servers.is_empty());
    entries.extend(kept.api_keys.as_ref().map(|file| ("keys", flow([("file", text(&file.display().to_string()))]))));
    let mut out = String::new();
    map(entries).block(0, &mut out);
    out + &removed::headers()
}

fn documents(all: &[DocumentSettings]) -> Out {
    if all.is_empty() { Out::FlowMap(Vec::new()) } else { Out::Map(all.iter().map(document).collect()) }
}

fn document(document: &DocumentSettings) -> (String, Out) {
    let whole = match &document.file {
        Some(file) => ("file", text(&file.display().to_string())),
        None => ("text", Out::Plain(Value::from(str::from_utf8(&document.bytes).unwrap_or_default()).to_string())),
    };
    let content_type = text(document.content_type.to_str().unwrap_or_default());
    (document.path.to_string(), flow([whole, ("type", content_type)]))
}

fn listener(listener: &ListenSettings) -> Out {
    let address = ("address", text(&listener.address.to_string()));
    let proxy_protocol = ("proxy_protocol", Out::Plain(listener.proxy_protocol.to_string()));
    let health = listener.health.iter().map(|path| ("health", text(path)));
    let transport = match &listener.tls {
        Some(ListenTls::Files(tls)) => {
            let path = |path: &std::path::Path| text(&path.display().to_string());
            let tls = flow([("certificate", path(&tls.certificate)), ("key", path(&tls.key))]);
            ("tls", tls)
        }
        Some(ListenTls::Acme(settings)) => ("tls", map([("acme", acme::acme(settings))])),
        None => ("plaintext", yes()),
    };
    map([address, transport, proxy_protocol].into_iter().chain(health))
}

fn issuer(of: &IssuerSettings, profile: Option<&str>, secret: Option<&str>) -> Out {
    let rules = &of.rules;
    let mut entries = vec![("issuer", text(rules.issuers.first().map_or("", |issuer| issuer)))];
    // A profile also sets values that have no key: the client's claim, and scope prefixes.
    entries.extend(profile.map(|name| ("profile", text(name))));
    entries.extend([
        ("algorithms", issuer::algorithms(&rules.algorithms)),
        ("token_types", texts(&rules.token_types)),
        ("clock_skew", text(&duration_text(rules.clock_skew))),
        ("scope_claims", texts(&rules.scope_claims)),
        ("subject_claims", texts(&rules.subject_claims)),
        ("refetch_floor", text(&duration_text(of.refetch_floor))),
    ]);
    let only = of.keys == KeySource::Nowhere;
    entries.extend((!only).then(|| ("jwks", issuer::jwks(&of.keys))));
    entries.extend(of.introspection.as_ref().map(|of| ("introspection", issuer::introspection(of, secret, only))));
    entries.extend(issuer::accepted(rules));
    entries.extend(issuer::reach(&of.reach));
    map(entries)
}

fn server(server: &ServerSettings, kept: &ServerProvenance, issuers: &[IssuerSettings]) -> Out {
    let upstream = &server.upstream;
    let mut to = vec![("url", text(&url(upstream)))];
    let file = |path: &std::path::Path| text(&path.display().to_string());
    let ca = kept.ca.as_deref().map(|ca| ("ca", file(ca)));
    match &upstream.client_certificate {
        None => to.extend(ca),
        Some(own) => {
            let own = [("certificate", file(&own.certificate_path)), ("key", file(&own.key_path))];
            to.push(("tls", flow(ca.into_iter().chain(own))));
        }
    }
    to.push(("aliases", Out::Flow(upstream.aliases.iter().map(|alias| text(&alias.url())).collect())));
    to.push(("query", query(&upstream.query)));
    to.push(("connect_timeout", text(&duration_text(upstream.connect_timeout))));
    to.push(("response_timeout", text(&duration_text(upstream.response_timeout))));
    to.push(("pass_headers", Out::Flow(server.pass_headers.iter().map(|name| text(name.as_str())).collect())));

    let names: Vec<&str> = server
        .authorization_servers
        .iter()
        .filter_map(|index| Some(issuers.get(*index)?.rules.name.as_str()))
        .collect();
    let policy = &server.policy;
    let challenge = match &server.first_challenge {
        None => "omit",
        Some(scopes) if !policy.connect.is_empty() && *scopes == advertised(&policy.connect) => "baseline",
        Some(_) => "all",
    };
    let implies = policy
        .implies
        .iter()
        .map(|(scope, globs)| (scope.to_string(), Out::Flow(globs.iter().map(|glob| text(glob.as_str())).collect())));
    let access = match &policy.access {
        Access::Authenticated => ("access", text("authenticated")),
        Access::Rules(rules) => ("rules", Out::List(rules.iter().map(rule).collect())),
    };
    let origins: Vec<&str> = server.allowed_origins.iter().filter_map(|origin| origin.to_str().ok()).collect();
    let headers = server.identity_headers.iter().map(|header| (header.name.to_string(), text(&header.claim)));
    map([
        ("path", text(&server.path)),
        ("root", Out::Plain(server.root.to_string())),
        ("upstream", map(to)),
        ("paths", Out::Flow(server.paths.iter().map(path).collect())),
        ("authorization_servers", texts(&names)),
        ("audiences", texts(&server.audiences)),
        ("scopes", texts(&policy.connect)),
        ("scopes_supported", texts(&server.scopes_supported)),
        ("challenge_scope", text(challenge)),
        ("scope_implies", Out::FlowMap(implies.collect())),
        access,
        (HIDE.name, text(HIDE.word(&server.hide))),
        ("advertise_scopes", Out::Plain(server.advertise_scopes.to_string())),
        (DENY_AS.name, text(DENY_AS.word(&server.deny_as))),
        ("credential", credential(&server.credential, kept)),
        ("identity_headers", Out::FlowMap(headers.collect())),
        ("allowed_origins", texts(&origins)),
        (
            "limits",
            flow([
                ("request_body", text(&size_text(server.limits.request_body))),
                ("token", text(&size_text(server.limits.token))),
                ("json_depth", Out::Plain(server.limits.json_depth.to_string())),
                ("streams_per_caller", Out::Plain(server.limits.streams_per_caller.to_string())),
                ("sessions_per_caller", Out::Plain(server.limits.sessions_per_caller.to_string())),
                ("upstream_connections", Out::Plain(server.limits.upstream_connections.to_string())),
                ("requests_per_caller", Out::Plain(server.limits.requests_per_caller.to_string())),
                ("body_bytes_per_caller", text(&size_text(server.limits.body_bytes_per_caller))),
            ]),
        ),
        (BATCHES.name, text(BATCHES.word(&server.batches))),
        (
            "stream_keep_alive",
            server.stream_keep_alive.map_or_else(|| text("off"), |every| text(&duration_text(every))),
        ),
        (
            "legacy_sse",
            server.legacy_sse.as_ref().map_or_else(
                || text("off"),
                |legacy| flow([("path", text(&legacy.path)), ("upstream", text(&url(&legacy.upstream)))]),
            ),
        ),
    ])
}

fn query(rule: &QueryRule) -> Out {
    match rule {
        QueryRule::Forward => text("forward"),
        QueryRule::Drop => text("drop"),
        QueryRule::Named(names) => texts(names),
    }
}

fn url(upstream: &UpstreamSettings) -> String {
    let scheme = if upstream.peer.tls { "https" } else { "http" };
    format!("{scheme}://{}{}", upstream.authority, upstream.path_and_query)
}

fn path(entry: &PathEntry) -> Out {
    let methods: Vec<&str> = entry.methods.names().collect();
    let access = ("access", text(PATH_ACCESS.word(&entry.access)));
    flow([("path", text(entry.pattern.as_str())), access, ("methods", texts(&methods))])
}

fn credential(credential: &Credential, kept: &ServerProvenance) -> Out {
    match credential {
        Credential::Strip => flow([("strip", yes())]),
        Credential::Forward => flow([("forward", flow([("dangerous", yes())]))]),
        // The secret itself is never printed: without its reference, `check` refuses the line.
        Credential::Header(name, _) => {
            let value = text(kept.credential.as_deref().unwrap_or_default());
            flow([("header", flow([("name", text(name.as_str())), ("value", value)]))])
        }
    }
}

fn rule(rule: &Rule) -> Out {
    let patterns = rule.subject.patterns().into_iter().map(text).collect();
    let mut entries = vec![(rule.subject.key().to_owned(), Out::Flow(patterns))];
    let scopes = [("scopes", &rule.scopes), ("any_scope", &rule.any_scope)];
    entries.extend(
        scopes
            .into_iter()
            .filter(|(_, scopes)| !scopes.is_empty())
            .map(|(key, scopes)| (key.to_owned(), texts(scopes))),
    );
    if !rule.claims.is_empty() {
        let values =
            |values: &[ClaimValue]| Out::Flow(values.iter().map(|value| Out::Plain(value.to_string())).collect());
        let claims = rule.claims.iter().map(|(claim, of)| (claim.to_string(), values(of)));
        entries.push(("claims".to_owned(), Out::FlowMap(claims.collect())));
    }
    let flags = [("deny", rule.deny), ("report_only", rule.report_only), ("public", rule.public)];
    entries.extend(flags.into_iter().filter(|(_, on)| *on).map(|(key, _)| (key.to_owned(), yes())));
    Out::FlowMap(entries)
}

/// The default of `requests` is not written: at the start it also follows the limit on open files.
fn totals(limits: Totals) -> Out {
    let Totals { requests, is_requests_written, body_bytes } = limits;
    let body_bytes = size_text(body_bytes);
    Out::Plain(if is_requests_written {
        format!("{{requests: {requests}, body_bytes: {body_bytes}}}")
    } else {
        format!("{{body_bytes: {body_bytes}}}  # requests: {requests}, or fewer where the limit on open files is low")
    })
}
