//! Whether a user may still log in, and their groups now.

use crate::{
    authorization_server::{embedded::Embedded, settings::Login},
    decide::authorization_server::{
        error::{Code, OAuthError},
        people::Person,
    },
};

/// The user with their current groups. `None` if the account was removed, or if the configuration
/// changed between local accounts and the company IdP.
pub(crate) fn person_now(embedded: &Embedded, person: &Person) -> Option<Person> {
    match (&embedded.settings.login, &person.account) {
        (Login::Accounts(accounts), Some(name)) => {
            let account = accounts.accounts.iter().find(|account| account.name == *name)?;
            (*account.subject() == *person.subject).then(|| Person { groups: account.groups.clone(), ..person.clone() })
        }
        (Login::Oidc(_) | Login::GitHub(_), None) => Some(person.clone()),
        (Login::Accounts(_), None) | (Login::Oidc(_) | Login::GitHub(_), Some(_)) => None,
    }
}

/// Refuses for now if the account was withdrawn, or lost groups, by a reload that is refused:
/// perhaps only a file is missing. A login ends only if a reload succeeds (attack 316).
///
/// # Errors
/// `temporarily_unavailable`.
pub(crate) fn check_settled(embedded: &Embedded, person: &Person) -> Result<(), OAuthError> {
    let Login::Accounts(accounts) = &embedded.settings.login else { return Ok(()) };
    match person.account.as_ref().is_some_and(|name| accounts.unsettled.contains(name)) {
        false => Ok(()),
        true => Err(Code::TemporarilyUnavailable
            .because("the account is withdrawn while the gateway's configuration has a mistake; try again later")),
    }
}
