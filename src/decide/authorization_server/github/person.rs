//! A user of GitHub as a person with claims for `grants`.

use serde_json::{Map, Value, json};

use crate::decide::authorization_server::{
    github::{
        answers::GitHubUser,
        names::{GitHubMemberships, GitHubNames},
        place::GitHubPlace,
    },
    people::Person,
    visible_text::visible,
};

/// The longest display name.
const DISPLAY_CHARS_MAX: usize = 80;
/// The claims that a user of GitHub has.
pub const CLAIMS: [&str; 7] = ["id", "login", "name", "email", "email_verified", "organizations", "teams"];

/// What GitHub says about a user.
#[derive(Clone, Copy, Debug)]
pub struct GitHubSaid<'a> {
    /// The user.
    pub user: &'a GitHubUser,
    /// The primary address, if GitHub says that it is verified.
    pub email: Option<&'a str>,
    /// Where the user is a member.
    pub member_of: &'a GitHubMemberships,
}

/// The user with their claims. Of organizations and teams only those are claims that `named` has,
/// in its spelling: users are in hundreds. `trusts_email`: whether addresses count although this
/// GitHub does not verify them.
#[must_use]
pub fn person(said: &GitHubSaid<'_>, named: &GitHubNames, place: &GitHubPlace, trusts_email: bool) -> Person {
    let GitHubSaid { user, email, member_of } = *said;
    let mut claims = Map::new();
    claims.insert("id".to_owned(), json!(user.id));
    claims.insert("login".to_owned(), json!(user.login));
    let name = visible(user.name.as_deref().unwrap_or_default());
    if !name.is_empty() {
        claims.insert("name".to_owned(), json!(name.chars().take(DISPLAY_CHARS_MAX).collect::<String>()));
    }
    if let Some(email) = email {
        claims.insert("email".to_owned(), json!(email));
        claims.insert("email_verified".to_owned(), Value::Bool(place.verifies_email || trusts_email));
    }
    let member = named.among(member_of);
    claims.insert("organizations".to_owned(), json!(member.organizations));
    claims.insert("teams".to_owned(), json!(member.teams));
    Person {
        subject: place.subject(user.id).into(),
        name: user.login.chars().take(DISPLAY_CHARS_MAX).collect::<String>().into(),
        account: None,
        groups: Vec::new(),
        claims,
    }
}
