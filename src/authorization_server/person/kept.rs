//! Shortens what the company IdP says about a user to what the store has room for.

use crate::{
    authorization_server::person::bridge::Bridge,
    decide::authorization_server::{
        error::{Code, OAuthError},
        kept_claims,
        people::Person,
    },
};

/// The user with the claims that are kept. `named`: those of `grants` and `token_claims`.
///
/// # Errors
/// `code`, with the name of the claim that is too large. The operator is told.
pub(crate) fn shortened(person: Person, named: &[Box<str>], bridge: &Bridge, code: Code) -> Result<Person, OAuthError> {
    match kept_claims::keep(person.claims, named) {
        Ok(claims) => Ok(Person { claims, ..person }),
        Err(large) => {
            let why = large.in_words();
            bridge.cannot_keep(format!("a user of the company IdP cannot be logged in: {why}"));
            Err(code.because(why))
        }
    }
}
