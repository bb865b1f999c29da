//! Reads `registration`: which clients are accepted without being configured.

use crate::{
    authorization_server::settings::{Dynamic, RegistrationSettings},
    config::{
        keys::embedded::{DYNAMIC, DynamicWord, REDIRECT_SCHEMES, REGISTERED_GRANT_TYPES},
        place::Written,
        problem::quoted,
        reader::{Field, Fields, one_of},
        secret::{self, Referred},
        value,
    },
    decide::authorization_server::{private_scheme::check_scheme, redirect_scheme::RedirectSchemes},
};

/// `registration`, and the reference of its token. By default no client can register.
pub(super) fn registration(field: Option<Field<'_>>) -> (Option<RegistrationSettings>, Option<Box<str>>) {
    let closed = RegistrationSettings {
        dynamic: Dynamic::Off,
        may_act_alone: false,
        redirect_schemes: RedirectSchemes::Known,
        document_hosts: Vec::new(),
        refused_clients: Vec::new(),
        allow_loopback_documents: false,
    };
    let Some(field) = field else { return (Some(closed), None) };
    let mut reference = None;
    let read = field.section("authorization_servers.*.embedded.registration", |fields| {
        let word = fields.get(DYNAMIC.name).map(|field| field.word(DYNAMIC.words));
        let token_at = fields.get("token");
        let token = token_at.as_ref().and_then(|field| secret::long_secret(field));
        let types_at = fields.get("grant_types");
        let may_act_alone = types_at.as_ref().map_or(Some(false), grant_types);
        let schemes = fields.get("redirect_schemes");
        let redirect_schemes = schemes.map_or(Some(RedirectSchemes::Known), |field| redirect_schemes(&field));
        let documents = fields.get("client_id_documents");
        let documents = documents.map(|field| {
            field.section("authorization_servers.*.embedded.registration.client_id_documents", documents_of)
        });
        let refused = fields.get("refused_clients");
        let refused_clients = refused.map(|field| value::texts(&field, "a client id")).unwrap_or_default();
        let dynamic = match (word.unwrap_or(Some(DYNAMIC.default))?, token_at) {
            (DynamicWord::Token, Some(_)) => {
                let Referred { secret, reference: from } = token?;
                reference = Some(from);
                Dynamic::Token(secret)
            }
            (DynamicWord::Token, None) => {
                let expected =
                    "`token`: a reference to the token that a registration must present, env:NAME or file:PATH";
                fields.of.reading.problem(&fields.of.place, "dynamic: token without a token", expected);
                return None;
            }
            (_, Some(at)) => {
                at.reading.problem(&at.place, "a token that is not used", "`dynamic: token` beside it");
                return None;
            }
            (DynamicWord::Open, None) => Dynamic::Open,
            (DynamicWord::Off, None) => Dynamic::Off,
        };
        if let (Some(at), Some(true), Dynamic::Off) = (&types_at, may_act_alone, &dynamic) {
            at.wrong_kind::<()>("`dynamic: token` or `dynamic: open` beside it: no client can register");
        }
        let (document_hosts, allow_loopback_documents) = documents.unwrap_or(Some((Vec::new(), false)))?;
        let refused_clients = refused_clients.into_iter().map(|id| id.value).collect();
        Some(RegistrationSettings {
            dynamic,
            may_act_alone: may_act_alone?,
            redirect_schemes: redirect_schemes?,
            document_hosts,
            refused_clients,
            allow_loopback_documents,
        })
    });
    (read, reference)
}

/// `grant_types`: whether registered clients may use `client_credentials`.
fn grant_types(field: &Field<'_>) -> Option<bool> {
    field.full_list("grant types")?;
    let [code, credentials] = REGISTERED_GRANT_TYPES;
    let mut named = Vec::new();
    for item in field.distinct("grant types")? {
        named.push(item.word(&[(code, code), (credentials, credentials)])?);
    }
    match named.contains(&code) {
        true => Some(named.contains(&credentials)),
        false => field.wrong_kind("authorization_code among them: registered clients sign users in"),
    }
}

/// `redirect_schemes`. An empty list permits no private-use scheme.
fn redirect_schemes(field: &Field<'_>) -> Option<RedirectSchemes> {
    if !field.is_list() {
        return match field.scalar_text() {
            Some("known") => Some(RedirectSchemes::Known),
            Some("any") => Some(RedirectSchemes::Any),
            _ => field.wrong_word(&format!("{}, or a list of schemes", one_of(&REDIRECT_SCHEMES)), REDIRECT_SCHEMES),
        };
    }
    let (mut known, mut schemes) = (false, Vec::new());
    for item in field.distinct("private-use schemes")? {
        match item.text("a private-use scheme, without its colon")? {
            "known" => known = true,
            "any" => return item.wrong("`redirect_schemes: any` by itself: in a list, `any` would be a scheme"),
            text => match check_scheme(text) {
                Ok(()) => schemes.push(text.into()),
                Err(_) => {
                    return item.wrong(
                        "a private-use scheme in lower case, without its colon, such as com.example.app or cursor; not one that a browser or the operating system runs or reads",
                    );
                }
            },
        }
    }
    Some(RedirectSchemes::Listed { known, schemes })
}

/// `client_id_documents`.
fn documents_of(fields: &mut Fields<'_>) -> Option<(Vec<Box<str>>, bool)> {
    const EXPECTED: &str = "hosts: client.example.com, *.example.com, or * for any";
    let hosts = fields.need("hosts", EXPECTED);
    let loopback = fields.get("allow_loopback");
    let allowed = loopback.as_ref().and_then(Field::bool).unwrap_or(false);
    if let Some(field) = loopback.filter(|_| allowed) {
        field.warn("false: a client could make the gateway send requests to other programs on this machine");
    }
    let items = hosts.and_then(|field| field.full_list(EXPECTED))?;
    let mut read: Vec<Written<Box<str>>> = Vec::new();
    for item in &items {
        let Some(text) = item.text(EXPECTED) else { continue };
        if !is_host_pattern(text) {
            item.wrong::<()>("a host in lower case: client.example.com, *.example.com, or * for any");
        } else if let Some(known) = read.iter().find(|host| *host.value == *text) {
            let found = format!("{} a second time", quoted(text));
            item.reading.problem_see(&item.place, &found, "each one once", &known.place);
        } else {
            read.push(Written { value: text.into(), place: item.place.clone() });
        }
    }
    Some((read.into_iter().map(|host| host.value).collect(), allowed))
}

/// A host, `*`, or `*.` and a host of at least two labels: `*.com` is too broad.
fn is_host_pattern(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match text.strip_prefix("*.") {
        Some(rest) => rest.contains('.') && rest.split('.').all(label),
        None => text == "*" || text.split('.').all(label),
    }
}
