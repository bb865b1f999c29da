//! Sign-ins that fail one after the other: from when on the operator is told (SPEC E-46).
//!
//! One failed sign-in may be the user's doing, and what a browser brings back from the company IdP
//! may be invented: an attacker begins a sign-in and answers it with an error, or with a code that
//! the IdP never issued. So the operator is told only if several sign-ins in a row have failed,
//! without a success in between; and if browsers say so, only if they are of two networks, unless
//! the gateway has seen it itself.

use std::net::IpAddr;

use crate::{base::peer::network, decide::authorization_server::error::Code};

/// How many sign-ins must fail.
const FAILURES: usize = 3;
/// In how many networks, if browsers say so.
const NETWORKS: usize = 2;

/// Who has seen a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenBy {
    /// The gateway itself, in an answer of the IdP.
    Gateway,
    /// A browser, which came back with this `state` (its digest) from this address.
    Browser([u8; 32], IpAddr),
}

/// Failures since the last success.
#[derive(Debug, Default)]
pub struct FailuresInARow {
    seen_by_gateway: usize,
    states: Vec<[u8; 32]>,
    networks: Vec<IpAddr>,
}

impl FailuresInARow {
    /// Counts a failure; whether the operator must be told.
    pub fn failed(&mut self, seen_by: SeenBy) -> bool {
        match seen_by {
            SeenBy::Gateway => self.seen_by_gateway = self.seen_by_gateway.saturating_add(1),
            SeenBy::Browser(state, address) => {
                let network = network(address);
                if self.networks.len() < NETWORKS && !self.networks.contains(&network) {
                    self.networks.push(network);
                }
                // Those of one network never fill the list, so that one of another network counts.
                let room = if self.networks.len() < NETWORKS { FAILURES - 1 } else { FAILURES };
                if self.states.len() < room && !self.states.contains(&state) {
                    self.states.push(state);
                }
            }
        }
        self.seen_by_gateway >= FAILURES || self.states.len() >= FAILURES
    }

    /// A sign-in has succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

/// What an `error` of the IdP's authorization endpoint means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationError {
    /// The user is not logged in; the client is told this.
    User(Code),
    /// The IdP cannot answer now; the client is told this.
    Moment(Code),
    /// The IdP does not accept the request of the gateway: the operator must act.
    Gateway,
}

impl AuthorizationError {
    /// Of this `error`. `never_ask`: the client asked for a sign-in without a page, and must learn
    /// that one is needed (OpenID Connect Core §3.1.2.6).
    #[must_use]
    pub fn of(error: &str, never_ask: bool) -> Self {
        match error {
            "login_required" if never_ask => Self::User(Code::LoginRequired),
            "interaction_required" | "consent_required" | "account_selection_required" if never_ask => {
                Self::User(Code::InteractionRequired)
            }
            "server_error" => Self::Moment(Code::ServerError),
            "temporarily_unavailable" => Self::Moment(Code::TemporarilyUnavailable),
            // RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, RFC 8707 §2.
            "invalid_request"
            | "invalid_client"
            | "unauthorized_client"
            | "unsupported_response_type"
            | "unsupported_response_mode"
            | "invalid_scope"
            | "invalid_target"
            | "invalid_redirect_uri"
            | "redirect_uri_mismatch"
            | "invalid_request_uri"
            | "invalid_request_object"
            | "request_not_supported"
            | "request_uri_not_supported"
            | "registration_not_supported" => Self::Gateway,
            _ => Self::User(Code::AccessDenied),
        }
    }
}

/// What to do about an `error` of the authorization endpoint that is about the gateway.
#[must_use]
pub fn advice(error: &str) -> &'static str {
    match error {
        "invalid_scope" => "allow this client the scopes of login.oidc.scopes at the IdP, or change login.oidc.scopes",
        "unauthorized_client" | "unsupported_response_type" | "unsupported_response_mode" => {
            "allow this client the grant authorization_code (response type `code`) at the IdP"
        }
        "invalid_client" => "check login.oidc.client_id",
        "invalid_redirect_uri" | "redirect_uri_mismatch" => {
            "enter the gateway's callback URL in the settings of this client at the IdP"
        }
        "server_error" | "temporarily_unavailable" => "look into the log of the IdP",
        _ => {
            "look into the log of the IdP, and check login.oidc.authorize_parameters, and the callback URL and PKCE (S256) of this client at the IdP"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(state: u8, address: &str) -> SeenBy {
        SeenBy::Browser([state; 32], address.parse().unwrap())
    }

    #[test]
    fn login_c9_three_failures_in_a_row_that_the_gateway_has_seen_are_for_the_operator() {
        let mut failures = FailuresInARow::default();
        assert!(!failures.failed(SeenBy::Gateway) && !failures.failed(SeenBy::Gateway));
        failures.succeeded();
        assert!(!failures.failed(SeenBy::Gateway) && !failures.failed(SeenBy::Gateway));
        assert!(failures.failed(SeenBy::Gateway) && failures.failed(SeenBy::Gateway));
    }

    #[test]
    fn login_c9_no_browser_alone_and_no_network_alone_tells_the_operator_anything() {
        let mut failures = FailuresInARow::default();
        for state in 0..100 {
            assert!(!failures.failed(browser(state, "192.0.2.1")), "one network");
            assert!(!failures.failed(browser(state, "::ffff:192.0.2.1")), "the same network");
        }
        assert!(failures.failed(browser(100, "198.51.100.7")), "another one says the same");
        failures.succeeded();
        for _ in 0..100 {
            assert!(
                !failures.failed(browser(1, "192.0.2.1")) && !failures.failed(browser(1, "198.51.100.7")),
                "one sign-in"
            );
        }
        failures.succeeded();
        assert!(!failures.failed(browser(1, "2001:db8::1")) && !failures.failed(browser(2, "2001:db8::2")));
        assert!(!failures.failed(browser(3, "2001:db8::3")), "one /64");
    }

    #[test]
    fn login_c9_an_error_of_the_authorization_endpoint_is_the_users_the_operators_or_the_moments() {
        use AuthorizationError as A;
        for (error, never_ask, expected) in [
            ("access_denied", false, A::User(Code::AccessDenied)),
            ("login_required", false, A::User(Code::AccessDenied)),
            ("login_required", true, A::User(Code::LoginRequired)),
            ("consent_required", true, A::User(Code::InteractionRequired)),
            ("something_else", true, A::User(Code::AccessDenied)),
            ("server_error", false, A::Moment(Code::ServerError)),
            ("temporarily_unavailable", true, A::Moment(Code::TemporarilyUnavailable)),
            ("invalid_scope", false, A::Gateway),
            ("unauthorized_client", true, A::Gateway),
            ("invalid_request", false, A::Gateway),
            ("unsupported_response_type", false, A::Gateway),
        ] {
            assert_eq!(A::of(error, never_ask), expected, "{error} {never_ask}");
        }
    }
}
