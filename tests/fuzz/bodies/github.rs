//! What must hold for what GitHub says: names have one form, and only what is named becomes a claim.

use portcullis::decide::authorization_server::github::{
    self as said, GitHubNames, GitHubUser, PAGE, TokenAnswer, is_organization, is_team,
};

/// Each reader of GitHub's answers. Input: the name of an answer, a line feed, a body.
pub(crate) fn github(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (kind, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    assert!(said::message(body).chars().all(|c| (' '..='~').contains(&c)));
    match kind {
        b"user" => said::user(body).is_some_and(|user| {
            let person = said::person(&user, None, &GitHubNames::default(), &GitHubNames::default());
            assert_eq!(person.subject.parse(), Ok(user.id));
            assert!(user.id != 0 && !person.claims.contains_key("email"));
            true
        }),
        b"emails" => said::verified_email(body).is_some_and(|email| email.is_none_or(|email| !email.is_empty())),
        b"organizations" => said::organizations(body).is_some_and(|(names, count)| {
            assert!(names.len() <= count && names.iter().all(|name| is_organization(name)));
            is_claimed_if_named(&GitHubNames { organizations: names, teams: Vec::new() });
            true
        }),
        b"teams" => said::teams(body).is_some_and(|(names, count)| {
            assert!(names.len() <= count && names.iter().all(|name| is_team(name)));
            is_claimed_if_named(&GitHubNames { organizations: Vec::new(), teams: names });
            true
        }),
        b"token" => match said::token_answer(body) {
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

/// Of what a user belongs to, one name that is configured becomes a claim, and no other.
fn is_claimed_if_named(of: &GitHubNames) {
    let user = GitHubUser { id: 1, login: "x".into(), name: None };
    let first = |names: &[Box<str>]| names.first().cloned().into_iter().collect::<Vec<_>>();
    let named = GitHubNames { organizations: first(&of.organizations), teams: first(&of.teams) };
    let person = said::person(&user, None, of, &named);
    assert_eq!(person.claims["organizations"], serde_json::json!(named.organizations));
    assert_eq!(person.claims["teams"], serde_json::json!(named.teams));
    assert!(named.is_empty() || named.meets(of), "{PAGE} entries or fewer");
}
