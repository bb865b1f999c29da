//! Whether the user and the client of an access token are still in the configuration.

use std::collections::HashSet;

use crate::decide::authorization_server::{
    client::{REGISTERED_PREFIX, registered_by},
    client_id_document::DocumentUrl,
    people::RegisteredBy,
};

/// The users and clients that may use access tokens which were issued to them earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holders {
    /// The subjects of the local accounts; `None` if users log in at the company IdP, which alone
    /// knows them.
    pub accounts: Option<HashSet<Box<str>>>,
    /// The configured clients.
    pub clients: HashSet<Box<str>>,
    /// `refused_clients`.
    pub refused: Vec<Box<str>>,
    /// The registered clients that may act for themselves; `None` if none may.
    pub acting: Option<RegisteredBy>,
}

impl Holders {
    /// Whether a token of this `subject` and this `client` may still be used.
    #[must_use]
    pub fn include(&self, subject: &str, client: &str) -> bool {
        self.has_client(client) && self.has_subject(subject, client) && self.may_act(subject, client)
    }

    fn has_client(&self, client: &str) -> bool {
        // Registrations and documents are not in the configuration. Any other id is that of a
        // client which was configured when the token was issued.
        let may_be_outside = client.starts_with(REGISTERED_PREFIX) || DocumentUrl::looks_like_one(client);
        self.clients.contains(client) || (may_be_outside && !is_refused(&self.refused, client))
    }

    fn has_subject(&self, subject: &str, client: &str) -> bool {
        let Some(accounts) = &self.accounts else { return true };
        // A client that acts for itself is the subject of its tokens; no account has its name.
        subject == client || accounts.contains(subject)
    }

    /// A registered client that acts for itself needs the operator's opt-in for as long as its
    /// token is used.
    fn may_act(&self, subject: &str, client: &str) -> bool {
        let acts_for_itself = subject == client && client.starts_with(REGISTERED_PREFIX);
        !acts_for_itself
            || match self.acting {
                None => false,
                Some(RegisteredBy::Token) => registered_by(client) == Some(RegisteredBy::Token),
                Some(RegisteredBy::Anyone) => true,
            }
    }
}

/// Whether the operator refuses the client with this id, in whatever spelling of its document's
/// host.
pub fn is_refused(refused: &[Box<str>], client: &str) -> bool {
    refused.iter().any(|refused| DocumentUrl::is_same(refused, client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b1_a_token_counts_while_its_user_and_its_client_are_in_the_configuration() {
        let set = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        let local = Holders {
            accounts: Some(set(&["ada", "bob"])),
            clients: set(&["desktop", "nightly"]),
            refused: ["dyn_bad", "https://bad.example/client", "desktop"].map(Box::from).to_vec(),
            acting: Some(RegisteredBy::Anyone),
        };
        let bridge = Holders { accounts: None, ..local.clone() };
        for (subject, client, at_accounts, at_idp) in [
            ("ada", "desktop", true, true),
            ("bob", "dyn_good", true, true),
            ("bob", "https://good.example/client", true, true),
            // The user was removed, or was never there.
            ("eve", "desktop", false, true),
            ("Ada", "desktop", false, true),
            ("", "desktop", false, true),
            // The client was removed or is refused.
            ("ada", "laptop", false, false),
            ("ada", "", false, false),
            ("ada", "dyn_bad", false, false),
            ("ada", "https://bad.example/client", false, false),
            ("ada", "https://BAD.example:443/client", false, false),
            ("ada", "https://bad.example/Client", true, true),
            // A client for itself.
            ("nightly", "nightly", true, true),
            ("weekly", "weekly", false, false),
            ("dyn_good", "dyn_good", true, true),
            ("dyn_bad", "dyn_bad", false, false),
            // Not for itself.
            ("nightly", "desktop", false, true),
        ] {
            assert_eq!(local.include(subject, client), at_accounts, "accounts: {subject} {client}");
            assert_eq!(bridge.include(subject, client), at_idp, "IdP: {subject} {client}");
        }
    }

    #[test]
    fn login_b9_attack_221_a_registered_client_acts_for_itself_while_the_operator_permits_it() {
        let holders = |acting| Holders {
            accounts: None,
            clients: HashSet::from(["nightly".into()]),
            refused: Vec::new(),
            acting,
        };
        let (by_anyone, by_token) = ("dyn_0123456789abcdefghijkl", "dyn_token_0123456789abcdefghijkl");
        for (subject, client, none, token, anyone) in [
            (by_anyone, by_anyone, false, false, true),
            (by_token, by_token, false, true, true),
            ("dyn_token_0123456789abcdef", "dyn_token_0123456789abcdef", false, false, true),
            ("dyn_odd", "dyn_odd", false, false, true),
            // For a user, and configured clients for themselves.
            ("ada", by_anyone, true, true, true),
            ("ada", by_token, true, true, true),
            (by_token, by_anyone, true, true, true),
            ("nightly", "nightly", true, true, true),
        ] {
            let found = [None, Some(RegisteredBy::Token), Some(RegisteredBy::Anyone)]
                .map(|of| holders(of).include(subject, client));
            assert_eq!(found, [none, token, anyone], "{subject} {client}");
        }
    }
}
