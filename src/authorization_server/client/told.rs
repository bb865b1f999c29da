//! Says for the operator why a client was refused, and what to do. Anyone can make up its id.

use crate::{
    authorization_server::{
        embedded::Embedded,
        event::RefusedFacts,
        settings::{Dynamic, RegistrationSettings},
    },
    base::{limits::authorization_server::SHOWN_CHARS_MAX, shown::shown, shown_uri::uri_shown},
    decide::authorization_server::{
        client::registered_by,
        client_id_document::DocumentUrl,
        error::{Code, OAuthError},
        holders::is_refused,
    },
};

/// The id of a client: one that is a URL is shown without what could be a secret.
pub(crate) fn client_shown(id: &str) -> String {
    shown(&uri_shown(id).to_string(), SHOWN_CHARS_MAX).to_string()
}

/// What is logged of a client that cannot be found.
pub(crate) fn unknown_client(embedded: &Embedded, id: &str, error: &OAuthError) -> RefusedFacts {
    let (found, advice) = why_unknown(&embedded.settings.registration, id, error);
    RefusedFacts { client: Some(client_shown(id)), found, advice, ..RefusedFacts::default() }
}

fn why_unknown(registration: &RegistrationSettings, id: &str, error: &OAuthError) -> (String, &'static str) {
    let is_dynamic = registered_by(id).is_some();
    let advice = match error.code {
        Code::InvalidClient if is_refused(&registration.refused_clients, id) => {
            return ("the client is in refused_clients".to_owned(), "");
        }
        Code::InvalidClient if DocumentUrl::looks_like_one(id) => {
            "registration.client_id_documents says which documents are accepted"
        }
        Code::InvalidClient if registration.dynamic == Dynamic::Off => {
            "clients cannot register here: write it into `clients`"
        }
        Code::InvalidClient if is_dynamic => {
            "the client must register again: have its user remove this server from it and add it anew; if many clients \
             are affected, the store was lost"
        }
        Code::InvalidClient => {
            "the client must register again: have its user remove this server from it and add it anew; or write it into \
             `clients`"
        }
        _ => "",
    };
    (error.description.to_string(), advice)
}

/// What to do about a request of a known client that the token endpoint refused.
pub(crate) fn advice_of_token(code: Code) -> &'static str {
    match code {
        Code::InvalidGrant => {
            "the client has its user sign in again; if that happens often, look at refresh_token_ttl, or at the store"
        }
        Code::UnauthorizedClient => "give the client this grant in its entry in `clients`, if it may have it",
        Code::InvalidScope => "have the client ask for scopes that it was granted, or change the grants of the user",
        Code::InvalidTarget => "have the client send as resource the URL of one of the servers",
        Code::InvalidRequest => "look at the client: its request is not one of OAuth 2.1",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::authorization_server::redirect_scheme::RedirectSchemes;

    #[test]
    fn first_9_an_unknown_client_is_told_with_advice_that_can_work() {
        let settings = |dynamic: Dynamic, refused: &[&str]| RegistrationSettings {
            dynamic,
            may_act_alone: false,
            redirect_schemes: RedirectSchemes::Known,
            document_hosts: Vec::new(),
            refused_clients: refused.iter().map(|id| Box::from(*id)).collect(),
            allow_loopback_documents: false,
        };
        let unknown = Code::InvalidClient.because("the client is not registered here");
        let told = |dynamic, refused: &[&str], id| why_unknown(&settings(dynamic, refused), id, &unknown);
        assert_eq!(told(Dynamic::Open, &["dyn_a"], "dyn_a"), ("the client is in refused_clients".to_owned(), ""));
        for (dynamic, id, word) in [
            (Dynamic::Open, "dyn_a", "register again"),
            (Dynamic::Off, "dyn_a", "cannot register here: write it into `clients`"),
            (Dynamic::Off, "https://a.example/client.json", "client_id_documents"),
        ] {
            let (found, advice) = told(dynamic, &[], id);
            assert!(found == "the client is not registered here" && advice.contains(word), "{id}: {advice}");
        }
        let away = Code::TemporarilyUnavailable.because("the store is away");
        assert_eq!(why_unknown(&settings(Dynamic::Open, &[]), "dyn_a", &away).1, "");
    }
}
