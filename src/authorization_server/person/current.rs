//! Whether a user may still act here: the account as it is configured now.

use crate::{
    authorization_server::{embedded::Embedded, settings::Login},
    decide::authorization_server::people::Person,
};

/// The person with the groups of now. `None` if the account was removed, or if users no longer log
/// in the way that this person did.
pub(crate) fn person_now(embedded: &Embedded, person: &Person) -> Option<Person> {
    match (&embedded.settings.login, &person.account) {
        (Login::Accounts(accounts), Some(name)) => {
            let account = accounts.accounts.iter().find(|account| account.name == *name)?;
            let subject = account.subject.as_ref().unwrap_or(&account.name);
            (*subject == person.subject).then(|| Person { groups: account.groups.clone(), ..person.clone() })
        }
        (Login::Oidc(_), None) => Some(person.clone()),
        (Login::Accounts(_), None) | (Login::Oidc(_), Some(_)) => None,
    }
}
