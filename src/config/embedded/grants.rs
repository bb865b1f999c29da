//! Reads `grants`: who may be granted which scopes by an embedded authorization server.

use crate::{
    authorization_server::settings::{Dynamic, EmbeddedSettings, Login, RegistrationSettings},
    base::names::Scope,
    config::{
        claims::claim_conditions,
        embedded::{clients::Read, github},
        keys::embedded::REGISTERED,
        place::Place,
        problem::{nearest, quoted},
        reader::{Field, Fields},
        reading::{Reading, WrittenFinding},
        regular,
    },
    decide::{
        authorization_server::people::{GrantRule, RegisteredBy},
        policy::glob::Glob,
    },
};

/// `grants`. An empty list is refused: such a server could not issue a token.
///
/// With `dynamic: open` and `client_credentials` an entry must say that anyone gets something.
pub(super) fn grants(
    field: &Field<'_>,
    login: Option<&Login>,
    registration: Option<&RegistrationSettings>,
    clients: &[Read],
) -> Option<Vec<GrantRule>> {
    let items = field.full_list("grants: without one, no scope is granted")?;
    let read = |item: &Field<'_>| {
        item.section("authorization_servers.*.embedded.grants[]", |fields| {
            Some(grant(fields, login, registration, clients))
        })
    };
    let rules: Vec<GrantRule> = items.iter().filter_map(read).collect();
    let is_open = registration.is_some_and(|of| of.may_act_alone && of.dynamic == Dynamic::Open);
    if is_open && rules.iter().all(|rule| rule.registered.is_none()) {
        let found = "no entry for clients that register, which `dynamic: open` permits to anyone";
        let expected = "an entry {registered: anyone, scopes: …}, `dynamic: token`, or no client_credentials";
        field.reading.problem(&field.place, found, expected);
    }
    Some(rules)
}

fn grant(
    fields: &mut Fields<'_>,
    login: Option<&Login>,
    registration: Option<&RegistrationSettings>,
    clients: &[Read],
) -> GrantRule {
    let accounts_at = fields.get("accounts");
    let groups_at = fields.get("groups");
    let claims_at = fields.get("claims");
    let clients_at = fields.get("clients");
    let registered_at = fields.get("registered");
    let scopes = fields.need("scopes", "a non-empty list of scopes or patterns of scopes");

    // A condition that no user can meet is a mistake.
    for field in [&accounts_at, &groups_at].into_iter().flatten() {
        match login {
            Some(Login::Oidc(_)) => {
                field.wrong_kind::<()>("`claims`: with `login.oidc` there are no local accounts and no groups");
            }
            Some(Login::GitHub(_)) => {
                field.wrong_kind::<()>(
                    "`claims`: with `login.github` write teams as `claims: {teams: [acme/platform]}`",
                );
            }
            Some(Login::Accounts(_)) | None => {}
        }
    }
    if let (Some(field), Some(Login::Accounts(_))) = (&claims_at, login) {
        field.wrong_kind::<()>("`accounts` or `groups`: local accounts have no claims");
    }
    if let (Some(field), Some(Login::GitHub(_))) = (&claims_at, login) {
        github::look_at(field);
    }
    if let Some(field) = &clients_at
        && (accounts_at.is_some() || groups_at.is_some() || claims_at.is_some())
    {
        field.wrong_kind::<()>("an entry of its own: a client that acts for itself has no user");
    }
    if let Some(field) = &registered_at
        && [&accounts_at, &groups_at, &claims_at, &clients_at].into_iter().any(Option::is_some)
    {
        field.wrong_kind::<()>("an entry of its own: a client that registered itself acts without a user");
    }
    let registered = registered_at.and_then(|field| registered(&field, registration));
    let accounts = listed(accounts_at.as_ref(), "names of accounts", |item, name| {
        let Some(Login::Accounts(of)) = login else { return };
        if !of.accounts.iter().any(|account| *account.name == *name) {
            // Not an error: it would keep the earlier accounts in force, with the removed one.
            let known = of.accounts.iter().map(|account| &*account.name);
            let (found, near) = (quoted(name), nearest(name, known));
            let expected = "the name of an account: this one is not there, and gets nothing";
            item.reading.warn(WrittenFinding::new(&item.place, &found, expected).near(near));
        }
    });
    let groups = listed(groups_at.as_ref(), "names of groups", |item, name| {
        let Some(Login::Accounts(of)) = login else { return };
        if !of.accounts.iter().any(|account| account.groups.iter().any(|group| **group == *name)) {
            let known = of.accounts.iter().flat_map(|account| &account.groups).map(|group| &**group);
            let (found, near) = (quoted(name), nearest(name, known));
            let expected = "a group that an account has";
            item.reading.warn(WrittenFinding::new(&item.place, &found, expected).near(near));
        }
    });
    // A client with a mistake has no known id, so then ids are not checked.
    let known: Option<Vec<_>> = clients.iter().map(Option::as_ref).collect();
    let clients = listed(clients_at.as_ref(), "ids of clients", |item, id| {
        let Some(known) = &known else { return };
        match known.iter().find(|client| *client.id == *id) {
            Some(client) if client.grants.credentials => {}
            Some(_) => {
                item.wrong::<()>("a client with `client_credentials` among its grant_types");
            }
            None => {
                item.wrong_word::<()>("the id of a client under `clients`", known.iter().map(|client| &*client.id));
            }
        }
    });
    GrantRule {
        accounts,
        groups,
        claims: claims_at.and_then(|field| claim_conditions(&field)).unwrap_or_default(),
        trusts_email: login.is_some_and(Login::trusts_email),
        clients,
        registered,
        scopes: scopes.map(|field| globs(&field)).unwrap_or_default(),
    }
}

/// Warns of an entry for registered clients that gives them no token: they get one only for a
/// server that names one of their scopes.
pub(super) fn give_registered_clients_something(place: &Place, reading: &Reading<'_>, settings: &EmbeddedSettings) {
    let is_named = |rule: &GrantRule| {
        let mut scopes = settings.resources.iter().flat_map(|one| &one.scopes);
        scopes.any(|scope| rule.scopes.iter().any(|glob| glob.matches(scope)))
    };
    for rule in settings.grants.iter().filter(|rule| rule.registered.is_some()) {
        if !is_named(rule) {
            let found = "an entry of `grants` for registered clients whose scopes no server names";
            let expected =
                "a scope of a server: such a client gets a token only for a server that names one of its scopes";
            reading.warning(place, found, expected);
        }
    }
}

/// `registered`.
fn registered(field: &Field<'_>, registration: Option<&RegistrationSettings>) -> Option<RegisteredBy> {
    let [token, anyone] = REGISTERED;
    let by = field.word(&[(token, RegisteredBy::Token), (anyone, RegisteredBy::Anyone)])?;
    match registration {
        Some(of) if !of.may_act_alone => {
            field.wrong("no such entry, or `client_credentials` among registration.grant_types")
        }
        Some(of) if of.dynamic == Dynamic::Open && by == RegisteredBy::Token => {
            field.wrong("anyone: with `dynamic: open` every client can register and gets these scopes")
        }
        _ => Some(by),
    }
}

/// Distinct names, each passed to `look`. An empty list is refused: it reads as "for every user".
fn listed(field: Option<&Field<'_>>, expected: &str, look: impl Fn(&Field<'_>, &str)) -> Vec<Box<str>> {
    let Some(field) = field else { return Vec::new() };
    if field.is_list() && field.full_list(expected).is_none() {
        return Vec::new();
    }
    let items = field.distinct(expected).unwrap_or_default();
    let name = |item: &Field<'_>| {
        let name = item.text(expected)?;
        look(item, name);
        Some(name.into())
    };
    items.iter().filter_map(name).collect()
}

fn globs(field: &Field<'_>) -> Vec<Glob> {
    let items = field.full_list("scopes or patterns of scopes").unwrap_or_default();
    let glob = |item: &Field<'_>| {
        let text = item.text("a scope or a pattern of scopes")?;
        match Scope::is_valid(text) {
            true => {
                regular::look(item.reading, &item.place, text, false);
                Some(Glob::new(text))
            }
            false => item.wrong("a scope or a pattern of scopes: no spaces, quotes or backslashes"),
        }
    };
    items.iter().filter_map(glob).collect()
}
