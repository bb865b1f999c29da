//! Reads `login.github`.

use serde_json::Value;

use crate::{
    authorization_server::settings::GitHubSettings,
    config::{
        keys::github::GITHUB,
        problem::quoted,
        reach,
        reader::{Field, Fields},
        secret, value,
    },
    decide::authorization_server::{
        github::{GitHubNames, GitHubPlace, is_organization, is_team},
        people::GrantRule,
    },
};

pub(super) use crate::decide::authorization_server::github::CLAIMS;

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
    let settings = || {
        Some(GitHubSettings {
            place: place?,
            client_id: client_id?,
            client_secret: secret?,
            admitted: GitHubNames { organizations: organizations?, teams: teams? },
            granted: GitHubNames::default(),
            reach: reach?,
        })
    };
    (settings(), reference)
}

/// The organizations and teams that `grants` name.
pub(super) fn named_by(grants: &[GrantRule]) -> GitHubNames {
    let values = |claim: &str, is_one: fn(&str) -> bool| {
        let conditions = grants.iter().flat_map(|rule| rule.claims.iter()).filter(|(name, _)| **name == *claim);
        let texts = conditions.flat_map(|(_, values)| values.iter().filter_map(Value::as_str));
        let mut named: Vec<Box<str>> = Vec::new();
        for text in texts.filter(|text| is_one(text)) {
            if !named.iter().any(|known| **known == *text) {
                named.push(text.into());
            }
        }
        named
    };
    GitHubNames { organizations: values("organizations", is_organization), teams: values("teams", is_team) }
}

/// Warns of conditions on claims that a user of GitHub cannot meet, or another user could.
pub(super) fn look_at(claims: &Field<'_>) {
    for entry in claims.entries("accepted values by claim").unwrap_or_default() {
        let found = quoted(entry.name);
        if !CLAIMS.contains(&entry.name) {
            let expected = format!("a claim of GitHub's users: {}", CLAIMS.join(", "));
            entry.value.reading.warning(&entry.at, &found, &expected);
        } else if entry.name == "login" {
            let expected = "teams, or id, the number of the user: a login can be renamed, and then be another user's";
            entry.value.reading.warning(&entry.at, &found, expected);
        }
        let (is_one, expected): (fn(&str) -> bool, _) = match entry.name {
            "teams" => (is_team, "a team as organization/team, such as acme/platform: this one has no members"),
            "organizations" => (is_organization, "the login of an organization: this one has no members"),
            _ => continue,
        };
        let items =
            if entry.value.is_list() { entry.value.list(expected).unwrap_or_default() } else { vec![entry.value] };
        for item in items.iter().filter(|item| !item.scalar_text().is_some_and(is_one)) {
            item.warn(expected);
        }
    }
}

const EXPECTED_PLACE: &str = "a URL such as https://github.com or https://github.example.com, without a path";

fn place(field: &Field<'_>, allow_http: bool) -> Option<GitHubPlace> {
    let text = field.text(EXPECTED_PLACE)?;
    let text = text.strip_suffix('/').unwrap_or(text);
    match value::url(text) {
        Ok(url) if !url.https && !url.is_loopback() && !allow_http => {
            field.wrong("an https:// URL; http:// is for a loopback host, or needs `allow_http: true` (dangerous)")
        }
        Ok(url) if url.authority == text.rsplit('/').next().unwrap_or_default() => {
            Some(GitHubPlace::of(url.https, &url.host, url.port))
        }
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
