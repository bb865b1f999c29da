//! What must hold for what GitHub says: names have one form, and only what is named becomes a claim.

use portcullis::decide::authorization_server::github::{
    answers::{self as said, GitHubUser, MembershipPage, PAGE},
    names::{GitHubMembership, GitHubMemberships, GitHubNames, is_login, is_team_name},
    person::{GitHubSaid, person},
    place::GitHubPlace,
    token::{TokenAnswer, token_answer},
};

/// Each reader of GitHub's answers. Input: the name of an answer, a line feed, a body.
pub(crate) fn github(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (kind, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    assert!(said::message(body).chars().all(|c| (' '..='~').contains(&c)));
    match kind {
        b"user" => said::user(body).is_some_and(|user| {
            let said = GitHubSaid { user: &user, email: None, member_of: &GitHubMemberships::default() };
            let person = person(&said, &GitHubNames::default(), &GitHubPlace::of(true, "github.com", 443), true);
            assert_eq!(person.subject.parse(), Ok(user.id));
            assert!(user.id != 0 && is_login(&user.login) && !person.claims.contains_key("email"));
            true
        }),
        b"emails" => said::verified_email(body).is_some_and(|email| email.is_none_or(|email| !email.is_empty())),
        b"organizations" => said::organizations(body).is_some_and(|page| {
            assert!(page.memberships.len() <= PAGE && page.memberships.iter().all(|one| is_login(&one.name)));
            is_claimed_if_named(&GitHubMemberships { organizations: taken(page), teams: Vec::new() })
        }),
        b"teams" => said::teams(body).is_some_and(|page| {
            assert!(page.memberships.len() <= PAGE && page.memberships.iter().all(|one| is_team_name(&one.name)));
            is_claimed_if_named(&GitHubMemberships { organizations: Vec::new(), teams: taken(page) })
        }),
        b"token" => match token_answer(body) {
            Some(TokenAnswer::Granted(tokens)) => {
                assert!(!tokens.access_token.is_empty() && tokens.refresh_token.is_none_or(|token| !token.is_empty()));
                true
            }
            Some(TokenAnswer::Refused(error)) => {
                assert!(error.len() <= 64 && error.is_ascii());
                true
            }
            None => false,
        },
        _ => false,
    }
}

fn taken(page: MembershipPage) -> Vec<GitHubMembership> {
    page.memberships
}

/// Of what a user belongs to, one name that is configured becomes a claim, and no other.
fn is_claimed_if_named(of: &GitHubMemberships) -> bool {
    let user = GitHubUser { id: 1, login: "x".into(), name: None };
    let first = |all: &[GitHubMembership]| {
        all.first().map(|one| format!("{}#{}", one.name, one.id).into_boxed_str()).into_iter().collect::<Vec<_>>()
    };
    let named = GitHubNames { organizations: first(&of.organizations), teams: first(&of.teams) };
    let said = GitHubSaid { user: &user, email: None, member_of: of };
    let person = person(&said, &named, &GitHubPlace::of(true, "github.com", 443), false);
    assert_eq!(person.claims["organizations"], serde_json::json!(named.organizations));
    assert_eq!(person.claims["teams"], serde_json::json!(named.teams));
    true
}
