//! Cookies: `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax`, and without a prefix on loopback `http` (SPEC D-03).

use http::HeaderMap;

use crate::issuer::Embedded;

/// What a cookie says about a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Which browser a flow belongs to: the same through login, consent and the IdP's callback.
    Browser,
    /// Who has logged in.
    Login,
}

impl Cookie {
    /// `Set-Cookie` with `value`, for `max_age_secs`.
    pub(super) fn set(self, _embedded: &Embedded, _value: &str, _max_age_secs: u64) -> String {
        todo!()
    }

    /// `Set-Cookie` that takes it away.
    pub(super) fn clear(self, _embedded: &Embedded) -> String {
        todo!()
    }

    /// The value; nothing where it is not there, or there twice.
    pub(super) fn get<'h>(self, _embedded: &Embedded, _headers: &'h HeaderMap) -> Option<&'h str> {
        todo!()
    }
}
