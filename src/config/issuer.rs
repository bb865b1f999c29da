//! Reads `authorization_servers`: the trusted issuers, and the format of their tokens.

use std::time::Duration;

use crate::{
    base::names::{AuthorizationServerName, Issuer, PublicUrl},
    config::{
        accepted_clients::accepted_clients,
        claims,
        embedded::{WrittenEmbedded, embedded},
        introspection::{self, WrittenIntrospection},
        issuer_url::issuer_url,
        keys::issuer::{CLOCK_SKEW, REFETCH_FLOOR},
        place::Written,
        problem::quoted,
        reach,
        reader::{Field, Fields},
        value,
    },
    decide::{
        resource_server::{
            issuer_metadata::AskedAs,
            vendor::{self, GENERIC, Vendor},
        },
        token::{
            rules::{SUBJECT, TokenRules},
            subject::is_of_client,
            token_type,
        },
    },
    outbound::{
        keys::{IssuerSettings, KeySource},
        reach::IssuerReach,
    },
};

/// A larger `clock_skew` gets a warning (SPEC B-21).
pub const CLOCK_SKEW_USUAL: Duration = Duration::from_secs(120);

/// Keys of an external issuer, which cannot be written beside `embedded`.
const ELSEWHERE: &[&str] = &[
    "issuer",
    "allow_http",
    "ca",
    "reach_at",
    "profile",
    "jwks",
    "algorithms",
    "token_types",
    "clock_skew",
    "scope_claims",
    "subject_claims",
    "accepted_issuers",
    "client_ids",
    "required_claims",
    "refetch_floor",
    "introspection",
];

/// The warning about Entra as a direct issuer.
const ENTRA_DIRECTLY: &str = "the embedded authorization server with Entra as its login: MCP clients send `resource`, and Entra refuses \
     their sign-in then (AADSTS9010010). Write, in place of this entry: `embedded: {path: /oauth, login: {oidc: \
     {profile: entra, issuer: \"https://login.microsoftonline.com/TENANT/v2.0\", client_id: ID, client_secret: \
     \"env:SECRET\"}}, grants: [{scopes: [\"*\"]}]}` (docs/identity-providers.md). \
     As it is, only clients that get their tokens in another way can use it";

/// One authorization server as written.
pub(super) struct WrittenAuthorizationServer {
    /// Its name, valid or not: servers refer to it.
    pub(super) name: Box<str>,
    pub(super) profile: Option<Box<str>>,
    pub(super) introspection: WrittenIntrospection,
    pub(super) settings: Option<IssuerSettings>,
    /// Set if it is embedded.
    pub(super) embedded: Option<WrittenEmbedded>,
}

/// `authorization_servers`.
pub(super) fn authorization_servers(
    field: &Field<'_>,
    public_url: Option<&PublicUrl>,
) -> Vec<WrittenAuthorizationServer> {
    let entries = field.entries("authorization servers by name").unwrap_or_default();
    if entries.is_empty() && field.is_map() {
        field.reading.problem(&field.place, "an empty map", "at least one authorization server");
    }
    let mut issuers: Vec<Written<Issuer>> = Vec::new();
    let mut servers = Vec::new();
    for entry in entries {
        let name = value::name(&entry);
        let mut read = WrittenAuthorizationServer {
            name: entry.name.into(),
            profile: None,
            introspection: WrittenIntrospection::default(),
            settings: None,
            embedded: None,
        };
        read.settings = entry.value.section("authorization_servers.*", |fields| {
            if let Some(inside) = fields.get("embedded") {
                only_embedded(fields);
                let inside = read.embedded.insert(embedded(&inside, name.as_deref(), public_url));
                let settings = inside.issuer_settings()?;
                let issuer = settings.rules.issuers.first().cloned();
                if let Some(value) = issuer {
                    only_once(field, &mut issuers, &Written { value, place: inside.place.clone() });
                }
                return Some(settings);
            }
            let (issuer, reach) = reach::issuer(fields, "the issuer's URL, exactly as its tokens spell it");
            let allow_http = reach.as_ref().is_some_and(|reach| reach.allow_http);
            let others = fields.get("accepted_issuers").map(|field| accepted_issuers(&field, allow_http));
            let others = others.unwrap_or_default();
            for issuer in issuer.iter().chain(&others) {
                only_once(field, &mut issuers, issuer);
            }
            let others = others.into_iter().map(|other| other.value).collect();
            rest(fields, name.as_deref(), (issuer, others), reach, (&mut read.profile, &mut read.introspection))
        });
        servers.push(read);
    }
    servers
}

/// A token's `iss` must pick one entry: with two, an attacker would choose the weaker one.
fn only_once(field: &Field<'_>, issuers: &mut Vec<Written<Issuer>>, issuer: &Written<Issuer>) {
    match issuers.iter().find(|other| other.value == issuer.value) {
        Some(other) => field.reading.problem_see(
            &issuer.place,
            &format!("the issuer of {}", other.place.key.trim_end_matches(".issuer").trim_end_matches(".embedded")),
            "each issuer once",
            &other.place,
        ),
        None => issuers.push(issuer.clone()),
    }
}

fn accepted_issuers(field: &Field<'_>, allow_http: bool) -> Vec<Written<Issuer>> {
    let items = field.full_list("issuers").unwrap_or_default();
    items.iter().filter_map(|item| issuer_url(item, allow_http)).collect()
}

/// Refuses the keys of an external issuer.
fn only_embedded(fields: &mut Fields<'_>) {
    for key in ELSEWHERE {
        if let Some(field) = fields.get(key) {
            let expected =
                "`embedded` alone: its issuer is public_url and its path, and the format of its tokens is fixed";
            field.reading.problem(&field.place, "a key of an external authorization server", expected);
        }
    }
}

/// Every key after `issuer`. Asks for all keys before the first `?`, so that every mistake is
/// reported.
fn rest(
    fields: &mut Fields<'_>,
    name: Option<&str>,
    (issuer, others): (Option<Written<Issuer>>, Vec<Issuer>),
    reach: Option<IssuerReach>,
    (profile_name, written): (&mut Option<Box<str>>, &mut WrittenIntrospection),
) -> Option<IssuerSettings> {
    let profile = fields.get("profile").and_then(|field| vendor(&field));
    *profile_name = profile.map(|row| row.name.into());
    if let Some(field) = fields.get("profile").filter(|_| profile.is_some_and(|row| row.name == "entra")) {
        // AADSTS9010010: Entra refuses a `resource` beside a scope of another form.
        field.warn(ENTRA_DIRECTLY);
    }
    let vendor = profile.unwrap_or(&GENERIC);
    let allow_http = reach.as_ref().is_some_and(|reach| reach.allow_http);
    let jwks_at = fields.get("jwks").map(|field| field.place);
    let keys = reach::jwks(fields, "authorization_servers.*.jwks", allow_http);
    let introspection = introspection::introspection(fields, allow_http, written);
    if let Some(place) = jwks_at.filter(|_| written.only) {
        let expected = "either `jwks` or `introspection.only: true`: with the second, no keys are fetched";
        fields.of.reading.problem(&place, "keys of an authorization server that signs no tokens", expected);
    }
    let algorithms = reach::algorithms(fields);
    let default = |of: &[&str]| -> Vec<Box<str>> { of.iter().map(|word| Box::from(*word)).collect() };
    let token_types = match fields.get("token_types") {
        Some(field) => token_types(&field),
        None => default(vendor.token_types),
    };
    let skew_at = fields.get("clock_skew");
    let clock_skew = value::duration(fields, &CLOCK_SKEW);
    if let Some(field) = skew_at.filter(|_| clock_skew > CLOCK_SKEW_USUAL) {
        field.warn("at most 120s: expired tokens are accepted for this long");
    }
    let scope_claims = match fields.get("scope_claims") {
        Some(field) => claim_names(&field),
        None => default(vendor.scope_claims),
    };
    let subject_claims = match fields.get("subject_claims") {
        Some(field) => subject_claims(&field, vendor),
        None => vec![SUBJECT.into()],
    };
    let names: Vec<&Issuer> = issuer.iter().map(|issuer| &issuer.value).chain(&others).collect();
    let (clients, required_claims) = accepted_clients(fields, &names, vendor);
    let refetch_floor = value::duration(fields, &REFETCH_FLOOR);
    let mut issuers = vec![issuer?.value];
    issuers.extend(others);
    Some(IssuerSettings {
        rules: TokenRules {
            name: AuthorizationServerName::from(name?),
            profile: vendor.name,
            issuers,
            algorithms,
            token_types,
            clock_skew,
            scope_claims,
            client_claims: vendor.client_claims,
            marks: vendor.marks,
            clients,
            required_claims,
            subject_claims,
            machine_marks: vendor.machine_marks,
            scope_prefixes: default(vendor.scope_prefixes),
        },
        keys: if written.only { KeySource::Nowhere } else { keys? },
        introspection: match introspection {
            Some(settings) => Some(settings?),
            None => None,
        },
        refetch_floor,
        reach: reach?,
        asked_as: AskedAs::ResourceServer,
    })
}

fn vendor(field: &Field<'_>) -> Option<&'static Vendor> {
    let names: Vec<&str> = vendor::names().collect();
    let expected = format!("a vendor: {}", names.join(", "));
    let row = vendor::row(field.text(&expected)?);
    row.or_else(|| field.wrong_word(&expected, names))
}

fn token_types(field: &Field<'_>) -> Vec<Box<str>> {
    const EXPECTED: &str = "a JWT type such as at+jwt or JWT";
    let Some(items) = field.full_list("JWT types") else { return Vec::new() };
    let mut types: Vec<Written<Box<str>>> = Vec::new();
    for item in &items {
        let Some(text) = item.text(EXPECTED) else { continue };
        let bare = token_type::short(text);
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'_' | b'.');
        if bare.is_empty() || !bare.bytes().all(word) {
            item.wrong::<()>(EXPECTED);
        } else if token_type::is_other(&bare) {
            item.wrong::<()>("a type of access tokens: this one is for another purpose (RFC 8725 §3.12)");
        } else if let Some(known) = types.iter().find(|known| *known.value == *bare) {
            let found = format!("{} a second time", quoted(text));
            field.reading.problem_see(&item.place, &found, "each one once", &known.place);
        } else {
            types.push(Written { value: bare.into(), place: item.place.clone() });
        }
    }
    types.into_iter().map(|one| one.value).collect()
}

/// Nearly every token has a client: where its claim comes first, no later one ever counts.
fn subject_claims(field: &Field<'_>, vendor: &Vendor) -> Vec<Box<str>> {
    let names = claim_names(field);
    if names.first().is_some_and(|first| is_of_client(first, vendor.client_claims)) {
        field.warn(
            "`sub` or another claim of users first: a claim of the client names machines alone, so tokens of users are \
             refused",
        );
    }
    names
}

fn claim_names(field: &Field<'_>) -> Vec<Box<str>> {
    if field.is_list() && field.full_list("claim names").is_none() {
        return Vec::new();
    }
    claims::claim_names(field, "a claim's name").into_iter().map(|name| name.value).collect()
}
