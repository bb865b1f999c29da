//! Reads `login.github`.

use crate::{
    authorization_server::settings::GitHubSettings,
    config::{
        keys::github::GITHUB,
        problem::quoted,
        reach,
        reader::{Field, Fields},
        secret,
        tree::Meaning,
        value,
    },
    decide::{
        authorization_server::{
            github::{
                names::{GitHubNames, has_number, is_organization, is_team},
                place::GitHubPlace,
            },
            people::GrantRule,
        },
        json::pointer,
        policy::claims::ClaimValue,
    },
};

pub(super) use crate::decide::authorization_server::github::person::CLAIMS;

/// `login.github`, and the reference of its secret. What `grants` name is filled in when they are
/// read.
pub(super) fn github(fields: &mut Fields<'_>) -> (Option<GitHubSettings>, Option<Box<str>>) {
    let reach = reach::without_detour(fields);
    let allow_http = reach.as_ref().is_some_and(|reach| reach.allow_http);
    let place = match fields.get("url") {
        Some(field) => place(&field, allow_http),
        None => place_of(GITHUB),
    };
    let client_id = fields.need("client_id", "the client id of the app at GitHub");
    let client_id = client_id.and_then(|field| field.text("the client id of the app at GitHub").map(Box::from));
    let secret = fields.need("client_secret", "a reference to a client secret of the app: env:NAME or file:PATH");
    let (secret, reference) = secret
        .and_then(|field| secret::secret(&field))
        .map_or((None, None), |referred| (Some(referred.secret), Some(referred.reference)));
    let organizations = fields.get("organizations");
    let organizations = names(organizations.as_ref(), "the login of an organization, such as acme", is_organization);
    let written = fields.get("teams");
    let teams = names(written.as_ref(), "a team as organization/team, such as acme/platform", is_team);
    if let (Some(field), Some(organizations), Some(teams)) = (&written, &organizations, &teams) {
        of_whole_organizations(field, organizations, teams);
    }
    let trusting = fields.get("trust_email");
    let trust_email = trusting.as_ref().and_then(Field::bool).unwrap_or(false);
    if let Some(field) = trusting.filter(|_| trust_email) {
        field
            .warn("false, unless users of this server cannot choose their own address: the server verifies no address");
    }
    let settings = || {
        Some(GitHubSettings {
            place: place?,
            client_id: client_id?,
            client_secret: secret?,
            admitted: GitHubNames { organizations: organizations?, teams: teams? },
            granted: GitHubNames::default(),
            uses_email: false,
            trust_email,
            reach: reach?,
        })
    };
    (settings(), reference)
}

/// Fills in what the other keys of the authorization server need: the organizations and teams that
/// `grants` name, and whether an address is of use.
pub(super) fn complete(github: &mut GitHubSettings, grants: &[GrantRule], token_claims: &[Box<str>]) {
    let values = |claim: &str, is_one: fn(&str) -> bool| {
        let conditions = grants.iter().flat_map(|rule| rule.claims.iter()).filter(|(name, _)| **name == *claim);
        let texts = conditions.flat_map(|(_, values)| values.iter().filter_map(ClaimValue::text));
        let mut named: Vec<Box<str>> = Vec::new();
        for text in texts.filter(|text| is_one(text)) {
            if !named.iter().any(|known| **known == *text) {
                named.push(text.into());
            }
        }
        named
    };
    github.granted =
        GitHubNames { organizations: values("organizations", is_organization), teams: values("teams", is_team) };
    let is_email = |name: &str| matches!(&*pointer::root(name), "email" | "email_verified");
    github.uses_email = token_claims.iter().any(|name| is_email(name))
        || grants.iter().any(|rule| rule.claims.iter().any(|(name, _)| is_email(name)));
}

/// Warns of a grant without conditions while every user of GitHub may sign in, and of names that
/// another organization or team can take.
pub(super) fn look_at_grants(field: &Field<'_>, github: &GitHubSettings, grants: &[GrantRule]) {
    let is_for_all = |rule: &GrantRule| {
        rule.claims.is_empty()
            && rule.accounts.is_empty()
            && rule.groups.is_empty()
            && rule.clients.is_empty()
            && rule.registered.is_none()
    };
    if github.admitted.is_empty() && grants.iter().any(is_for_all) {
        let expected = "`claims` in each entry, or `organizations` or `teams` in login.github: every user of GitHub can sign in and gets these scopes";
        field.reading.warning(&field.place, "an entry without `claims`", expected);
    }
    let named = github.named();
    let free: Vec<&str> =
        named.organizations.iter().chain(&named.teams).map(|name| &**name).filter(|name| !has_number(name)).collect();
    if let Some(first) = free.first() {
        let expected = format!(
            "the number after each name, such as {first}#1234, which the log has at each sign-in (member_of): if an organization or a team is renamed, another one can take its name"
        );
        let found = format!("organizations or teams by name alone: {}", free.join(", "));
        field.reading.warning(&field.place, &found, &expected);
    }
}

/// Warns of conditions on claims that a user of GitHub cannot meet, or another user could.
pub(super) fn look_at(claims: &Field<'_>) {
    for entry in claims.entries("accepted values by claim").unwrap_or_default() {
        let found = quoted(entry.name);
        // `/email` is `email`.
        let name = &*pointer::canonical(entry.name);
        if !CLAIMS.contains(&name) {
            let expected = format!("a claim of GitHub's users: {}", CLAIMS.join(", "));
            entry.value.reading.warning(&entry.at, &found, &expected);
        } else if name == "login" {
            let expected =
                "teams, or id, the number of the user: a user can rename it, and another user can take it then";
            entry.value.reading.warning(&entry.at, &found, expected);
        } else if name == "name" {
            let expected = "teams, or id, the number of the user: users write any name into their profile";
            entry.value.reading.warning(&entry.at, &found, expected);
        }
        let (is_one, expected): (fn(&str) -> bool, _) = match name {
            "teams" => (is_team, "a team as organization/team, such as acme/platform: this one has no members"),
            "organizations" => (is_organization, "the login of an organization: this one has no members"),
            "id" => (is_plain_number, "a number without quotes: no user has this one"),
            "email" => (is_one_address, "one whole address, or {glob: \"*@example.com\"}: no user has this one"),
            _ => continue,
        };
        let items =
            if entry.value.is_list() { entry.value.list(expected).unwrap_or_default() } else { vec![entry.value] };
        // A quoted number is text, and no claim equals it.
        let is_text = |item: &Field<'_>| name == "id" && matches!(item.meaning(), Some(Meaning::Text(_)));
        for item in &items {
            match (item.is_map(), name) {
                // GitHub is asked about the names that are written without a pattern.
                (true, "teams" | "organizations") => item.reading.warning(&item.place, "a pattern", WITHOUT_PATTERN),
                (true, "id") => item.reading.warning(&item.place, "a pattern", expected),
                (true, _) => {}
                // The reader of all claims warns of the `*`, with the pattern to write.
                (false, "email") if item.scalar_text().is_some_and(|text| text.contains('*')) => {}
                (false, _) if is_text(item) || !item.scalar_text().is_some_and(is_one) => item.warn(expected),
                (false, _) => {}
            }
        }
    }
}

const WITHOUT_PATTERN: &str = "names without a pattern: this one matches only teams and organizations that are also \
                               named without a pattern in `login.github` or `grants`";

fn is_plain_number(text: &str) -> bool {
    text.parse::<u64>().is_ok()
}

fn is_one_address(text: &str) -> bool {
    text.contains('@')
}

const EXPECTED_PLACE: &str = "a URL such as https://github.com or https://github.example.com, without a path";

fn place(field: &Field<'_>, allow_http: bool) -> Option<GitHubPlace> {
    let text = field.text(EXPECTED_PLACE)?;
    let text = text.strip_suffix('/').unwrap_or(text);
    match value::url(text) {
        Ok(url) if !url.https && !url.is_loopback() && !allow_http => {
            field.wrong("an https:// URL; http:// is for a loopback host, or needs `allow_http: true` (dangerous)")
        }
        Ok(url) if url.authority == text.rsplit('/').next().unwrap_or_default() => place_of(text),
        Ok(_) => field.wrong(EXPECTED_PLACE),
        Err(expected) => field.wrong(expected),
    }
}

fn place_of(text: &str) -> Option<GitHubPlace> {
    value::url(text).ok().map(|url| GitHubPlace::of(url.https, &url.host, url.port))
}

/// An empty list is a mistake: it reads as "no user may sign in", and would let in all.
fn names(field: Option<&Field<'_>>, expected: &str, is_one: fn(&str) -> bool) -> Option<Vec<Box<str>>> {
    let Some(field) = field else { return Some(Vec::new()) };
    if field.is_list() {
        field.full_list(expected)?;
    }
    let items = field.distinct(expected)?;
    let name = |item: &Field<'_>| {
        let text = item.text(expected)?;
        if is_one(text) { Some(Box::from(text)) } else { item.wrong(expected) }
    };
    items.iter().map(name).collect()
}

/// Warns of a team whose whole organization may sign in.
fn of_whole_organizations(field: &Field<'_>, organizations: &[Box<str>], teams: &[Box<str>]) {
    let is_whole = |team: &str| {
        let organization = team.split('/').next().unwrap_or_default();
        organizations.iter().any(|one| one.eq_ignore_ascii_case(organization))
    };
    for team in teams.iter().filter(|team| is_whole(team)) {
        field.reading.warning(
            &field.place,
            &format!("{}, whose organization is under `organizations`", quoted(team)),
            "teams of other organizations: every member of this one may sign in already; what a team may do is for `grants`",
        );
    }
}
