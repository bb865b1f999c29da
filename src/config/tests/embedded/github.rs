//! `login.github`: what is read, printed, refused and warned of.

use super::{ACCOUNTS, WHOLE, folder, with};
use crate::{
    authorization_server::settings::{GitHubSettings, Login},
    config::{explain, file::Loaded},
};

const OIDC: &str = "oidc: {issuer: \"https://login.example.com/realms/main/\", client_id: portcullis, client_secret: env:SESSION_KEY, scopes: [profile, offline_access]}";
const GRANTS: &str = "grants: [{claims: {groups: [mcp, 5], staff: true}, scopes: [\"*\"]}]";

/// The file with `login.github` of these further keys, and these grants.
fn file(keys: &str, grants: &str) -> String {
    assert!(WHOLE.contains(OIDC) && WHOLE.contains(GRANTS));
    let github = format!("github: {{client_id: Iv1.abc, client_secret: env:SESSION_KEY{keys}}}");
    WHOLE.replace(OIDC, &github).replace(GRANTS, &format!("grants: [{{claims: {grants}, scopes: [\"*\"]}}]"))
}

fn read(keys: &str, grants: &str) -> Result<(GitHubSettings, String), String> {
    let folder = folder(ACCOUNTS);
    let loaded = with(&file(keys, grants), folder.path()).map_err(|problems| problems.to_string())?;
    let github = |loaded: &Loaded| match &loaded.settings.embedded[1].login {
        Login::GitHub(github) => (**github).clone(),
        _ => panic!("github"),
    };
    let printed = explain::print(&loaded.settings);
    let again = with(&printed, folder.path()).unwrap_or_else(|problems| panic!("{problems}\n{printed}"));
    assert_eq!(github(&again), github(&loaded), "explain prints what was read");
    Ok((github(&loaded), loaded.warnings.iter().map(|warning| format!("{warning}\n")).collect()))
}

#[test]
fn c3_github_is_read_with_what_grants_name() {
    let (github, warnings) = read("", "{teams: [acme/platform, Acme/Ops], organizations: acme}").unwrap();
    assert_eq!((&*github.place.web, &*github.place.api), ("https://github.com", "https://api.github.com"));
    assert!(github.admitted.is_empty());
    assert_eq!(github.granted.teams, ["acme/platform", "Acme/Ops"].map(Box::<str>::from));
    assert_eq!(github.granted.organizations, ["acme"].map(Box::<str>::from));
    assert_eq!(github.scopes(), ["user:email", "read:org"]);
    assert!(warnings.contains("organizations or teams by name alone: acme, acme/platform, Acme/Ops; expected the number after each name, such as acme#1234"), "{warnings}");
    assert_eq!(read("", "{teams: [\"acme/platform#9\"], organizations: \"acme#7\"}").unwrap().1, "");
    assert!(!github.uses_email && read("", "{email: [a@x]}").unwrap().0.uses_email);

    let (github, _) =
        read(", url: \"https://git.corp.example/\", organizations: [acme], teams: [b/c]", "{id: [42]}").unwrap();
    assert_eq!(
        (&*github.place.web, &*github.place.api),
        ("https://git.corp.example", "https://git.corp.example/api/v3")
    );
    assert_eq!((github.admitted.organizations.len(), github.admitted.teams.len()), (1, 1));
    assert_eq!(read("", "{id: [42]}").unwrap().0.scopes(), ["user:email"]);
    // Another secret, another team or another CA is the same app; another place or app is not.
    let (one, _) = read("", "{id: [42]}").unwrap();
    assert!(one.is_same_idp(&read(", teams: [a/b], url: \"https://www.GitHub.com:443\"", "{id: [1]}").unwrap().0));
    assert!(!one.is_same_idp(&github));
}

#[test]
fn c3_what_would_admit_no_user_or_any_is_refused() {
    for (keys, grants, expected) in [
        (
            ", organizations: []",
            "{id: [42]}",
            "login.github.organizations: found an empty list; expected a non-empty list",
        ),
        (", teams: []", "{id: [42]}", "login.github.teams: found an empty list"),
        (
            ", teams: [platform]",
            "{id: [42]}",
            "login.github.teams[0]: found \"platform\"; expected a team as organization/team",
        ),
        (
            ", organizations: [a/b]",
            "{id: [42]}",
            "login.github.organizations[0]: found \"a/b\"; expected the login of an organization",
        ),
        (", teams: [a/b, a/b]", "{id: [42]}", "a second time"),
        (
            ", url: \"https://github.com/acme\"",
            "{id: [42]}",
            "expected a URL such as https://github.com or https://github.example.com, without a path",
        ),
        (", url: \"http://git.corp.example\"", "{id: [42]}", "or needs `allow_http: true` (dangerous)"),
        (", scopes: [repo]", "{id: [42]}", "an unknown key"),
    ] {
        let said = read(keys, grants).expect_err(keys);
        assert!(said.contains(expected), "{keys}: {said}");
    }
    let groups = file("", "{id: [42]}").replace("claims: {id: [42]}", "groups: [staff]");
    let said = with(&groups, folder(ACCOUNTS).path()).unwrap_err().to_string();
    assert!(said.contains("with `login.github` write teams as `claims: {teams: [acme/platform]}`"), "{said}");
}

#[test]
fn c3_conditions_that_no_user_meets_or_another_could_are_warned_of() {
    for (keys, grants, expected) in [
        ("", "{login: [ada]}", "a user can rename it, and another user can take it then"),
        ("", "{team: [acme/platform]}", "found \"team\"; expected a claim of GitHub's users: id, login"),
        (
            "",
            "{teams: [platform]}",
            "expected a team as organization/team, such as acme/platform: this one has no members",
        ),
        ("", "{organizations: \"acme/platform\"}", "expected the login of an organization: this one has no members"),
        (
            ", organizations: [Acme], teams: [acme/platform]",
            "{id: [42]}",
            "found \"acme/platform\", whose organization is under `organizations`",
        ),
        ("", "{name: [Ada]}", "users write any name into their profile"),
        ("", "{id: [\"42\"]}", "a number without quotes: no user has this one"),
        ("", "{email: [\"*@corp.example\"]}", "expected {glob: \"*@corp.example\"}, if `*` stands for any text"),
        ("", "{/email: [corp.example]}", "one whole address, or {glob: \"*@example.com\"}: no user has this one"),
        ("", "{/teams: [platform]}", "expected a team as organization/team"),
        ("", "{teams: {glob: \"acme/*\"}}", "found a pattern; expected names without a pattern"),
        ("", "{id: {glob: \"4*\"}}", "found a pattern; expected a number without quotes"),
        (", trust_email: true", "{id: [42]}", "login.github.trust_email: found true; expected false"),
        (", allow_http: true", "{id: [42]}", "login.github.allow_http: found true; expected false"),
    ] {
        let (_, warnings) = read(keys, grants).unwrap();
        assert!(warnings.contains(expected), "{grants}: {warnings}");
    }
    for grants in [
        "{teams: [\"acme/platform#9\"]}",
        "{email: [a@x]}",
        "{organizations: [\"acme#7\"], id: 42}",
        "{email: {glob: \"*@corp.example\"}}",
        "{/email: [a@x, {glob: \"*@corp.example\"}], /teams: [\"acme/platform#9\"]}",
    ] {
        assert_eq!(read("", grants).unwrap().1, "", "{grants}");
    }
    let claims = WHOLE
        .replace(OIDC, "github: {client_id: x, client_secret: env:SESSION_KEY}")
        .replace(GRANTS, "grants: [{scopes: [\"*\"]}]\n      token_claims: [login, groups]");
    let loaded = with(&claims, folder(ACCOUNTS).path()).unwrap();
    let warnings: String = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.contains("token_claims[1]: found \"groups\"; expected a claim of GitHub's users"), "{warnings}");
    assert!(warnings.contains("every user of GitHub can sign in and gets these scopes"), "{warnings}");
}
