//! Whether a user may still log in, and their groups now.

use crate::{
    authorization_server::{embedded::Embedded, settings::Login},
    decide::authorization_server::people::Person,
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
