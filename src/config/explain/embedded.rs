//! Prints an embedded authorization server with every default written out.

use crate::{
    authorization_server::settings::{
        Dynamic, EmbeddedSettings, GitHubSettings, Login, OidcSettings, RegistrationSettings, StoreSettings,
    },
    base::names::AuthorizationServerName,
    config::{
        EmbeddedProvenance, Settings,
        explain::issuer::{algorithms, jwks, reach},
        keys::embedded::{DYNAMIC, DynamicWord, GRANT_TYPES, REGISTERED, REGISTERED_GRANT_TYPES},
        units::duration_text,
        yaml::{Out, flow, map, text, texts, yes},
    },
    decide::{
        authorization_server::{
            client::{Client, ClientAuth},
            people::{GrantRule, RegisteredBy},
            redirect_scheme::RedirectSchemes,
        },
        policy::{claims::ClaimValue, glob::Glob},
    },
};

/// The entry of `authorization_servers` with this name, if it is embedded.
pub(super) fn find(settings: &Settings, name: &AuthorizationServerName) -> Option<Out> {
    let index = settings.embedded.iter().position(|embedded| embedded.name == *name)?;
    let nowhere = EmbeddedProvenance::default();
    let kept = settings.provenance.embedded.get(index).unwrap_or(&nowhere);
    Some(map([("embedded", embedded(settings.embedded.get(index)?, kept))]))
}

fn embedded(of: &EmbeddedSettings, kept: &EmbeddedProvenance) -> Out {
    let references = kept.clients.iter().map(Option::as_deref).chain(std::iter::repeat(None));
    let clients = of.clients.iter().zip(references).map(|(of, reference)| client(of, reference));
    let words = of.scope_descriptions.iter().map(|(scope, words)| (scope.to_string(), text(words)));
    map([
        ("path", text(&of.path)),
        ("login", login(&of.login, kept)),
        ("registration", registration(&of.registration, kept)),
        ("clients", listed(clients.collect())),
        ("grants", listed(of.grants.iter().map(grant).collect())),
        ("access_token_ttl", text(&duration_text(of.access_token_ttl))),
        ("refresh_token_ttl", text(&duration_text(of.refresh_token_ttl))),
        ("refresh_grace", text(&duration_text(of.refresh_grace))),
        ("step_up", Out::Plain(of.step_up.to_string())),
        ("token_claims", texts(&of.token_claims)),
        ("scope_descriptions", Out::FlowMap(words.collect())),
        ("store", store(of, kept)),
    ])
}

/// An empty list is written in one line.
fn listed(items: Vec<Out>) -> Out {
    if items.is_empty() { Out::Flow(items) } else { Out::List(items) }
}

fn login(login: &Login, kept: &EmbeddedProvenance) -> Out {
    match login {
        Login::Accounts(_) => match &kept.accounts {
            Some(path) => flow([("accounts", text(&path.display().to_string()))]),
            None => flow([("demo_account", yes())]),
        },
        Login::Oidc(of) => map([("oidc", oidc(of, kept))]),
        Login::GitHub(of) => map([("github", github(of, kept))]),
    }
}

fn github(of: &GitHubSettings, kept: &EmbeddedProvenance) -> Out {
    let mut entries = vec![("url", text(&of.place.web))];
    entries.extend(reach(&of.reach));
    entries.extend([
        ("client_id", text(&of.client_id)),
        ("client_secret", text(kept.client_secret.as_deref().unwrap_or_default())),
    ]);
    // An empty list is not written: it would let in no user.
    for (key, names) in [("organizations", &of.admitted.organizations), ("teams", &of.admitted.teams)] {
        entries.extend((!names.is_empty()).then(|| (key, texts(names))));
    }
    entries.push(("trust_email", Out::Plain(of.trust_email.to_string())));
    map(entries)
}

fn oidc(of: &OidcSettings, kept: &EmbeddedProvenance) -> Out {
    let parameters = of.authorize_parameters.iter().map(|(name, value)| (name.to_string(), text(value)));
    let mut entries = vec![("issuer", text(&of.issuer)), ("jwks", jwks(&of.jwks))];
    entries.extend(reach(&of.reach));
    entries.push(("algorithms", algorithms(&of.algorithms)));
    entries.extend([
        ("client_id", text(&of.client_id)),
        // The secret itself is never printed: without its reference, `check` refuses the line.
        ("client_secret", text(kept.client_secret.as_deref().unwrap_or_default())),
        ("profile", text(of.profile.name)),
        ("scopes", texts(&of.scopes)),
        ("authorize_parameters", Out::FlowMap(parameters.collect())),
        ("userinfo", Out::Plain(of.userinfo.to_string())),
        ("claims_max_age", text(&duration_text(of.claims_max_age))),
        ("trust_email", Out::Plain(of.trust_email.to_string())),
    ]);
    map(entries)
}

fn registration(of: &RegistrationSettings, kept: &EmbeddedProvenance) -> Out {
    let mut entries = vec![(
        "dynamic",
        text(DYNAMIC.word(&match of.dynamic {
            Dynamic::Open => DynamicWord::Open,
            Dynamic::Token(_) => DynamicWord::Token,
            Dynamic::Off => DynamicWord::Off,
        })),
    )];
    if let Dynamic::Token(_) = of.dynamic {
        entries.push(("token", text(kept.token.as_deref().unwrap_or_default())));
    }
    if of.may_act_alone {
        entries.push(("grant_types", texts(&REGISTERED_GRANT_TYPES)));
    }
    entries.push((
        "redirect_schemes",
        match &of.redirect_schemes {
            RedirectSchemes::Known => text("known"),
            RedirectSchemes::Any => text("any"),
            RedirectSchemes::Listed { known, schemes } => {
                let known = known.then_some("known").into_iter();
                Out::Flow(known.chain(schemes.iter().map(|scheme| &**scheme)).map(text).collect())
            }
        },
    ));
    if !of.document_hosts.is_empty() {
        let loopback = Out::Plain(of.allow_loopback_documents.to_string());
        let documents = flow([("hosts", texts(&of.document_hosts)), ("allow_loopback", loopback)]);
        entries.push(("client_id_documents", documents));
    }
    if !of.refused_clients.is_empty() {
        entries.push(("refused_clients", texts(&of.refused_clients)));
    }
    map(entries)
}

fn client(of: &Client, reference: Option<&str>) -> Out {
    let mut entries = vec![("id", text(&of.id))];
    entries.extend(of.name.as_deref().map(|name| ("name", text(name))));
    if !of.redirect_uris.is_empty() {
        entries.push(("redirect_uris", Out::Flow(of.redirect_uris.iter().map(|uri| text(uri.as_str())).collect())));
    }
    let from = || text(reference.unwrap_or_default());
    match &of.auth {
        ClientAuth::None => {}
        ClientAuth::Secret(_) => entries.push(("secret", from())),
        ClientAuth::Keys(_) => entries.push(("jwks", from())),
        ClientAuth::KeysAt(url) => entries.push(("jwks_uri", text(url))),
    }
    let may = [of.grants.code, of.grants.refresh, of.grants.credentials];
    let types = GRANT_TYPES.into_iter().zip(may).filter(|(_, may)| *may).map(|(word, _)| text(word));
    entries.push(("grant_types", Out::Flow(types.collect())));
    if !of.introspects.is_empty() {
        entries.push(("introspects", texts(&of.introspects)));
    }
    entries.extend(of.scopes.as_ref().map(|scopes| ("scopes", texts(scopes))));
    entries.extend(of.trusted.then(|| ("trusted", Out::Plain("true".to_owned()))));
    flow(entries)
}

fn grant(of: &GrantRule) -> Out {
    let mut entries = Vec::new();
    for (key, names) in [("accounts", &of.accounts), ("groups", &of.groups), ("clients", &of.clients)] {
        if !names.is_empty() {
            entries.push((key, texts(names)));
        }
    }
    if !of.claims.is_empty() {
        let values =
            |values: &[ClaimValue]| Out::Flow(values.iter().map(|value| Out::Plain(value.to_string())).collect());
        let claims = of.claims.iter().map(|(claim, of)| (claim.to_string(), values(of)));
        entries.push(("claims", Out::FlowMap(claims.collect())));
    }
    entries.extend(of.registered.map(|by| {
        let [token, anyone] = REGISTERED;
        ("registered", text(if by == RegisteredBy::Token { token } else { anyone }))
    }));
    entries.push(("scopes", Out::Flow(of.scopes.iter().map(Glob::as_str).map(text).collect())));
    flow(entries)
}

fn store(of: &EmbeddedSettings, kept: &EmbeddedProvenance) -> Out {
    match &of.store {
        StoreSettings::Memory => flow([("memory", yes())]),
        StoreSettings::File(path) => flow([("file", text(&path.display().to_string()))]),
        StoreSettings::Redis(_) => {
            let url = ("redis", text(kept.redis.as_deref().unwrap_or_default()));
            if of.allow_eviction { flow([url, ("allow_eviction", yes())]) } else { flow([url]) }
        }
    }
}
