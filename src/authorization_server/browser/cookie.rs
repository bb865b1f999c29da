//! Cookies: `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax` (SPEC D-03); without TLS, fewer.

use http::{HeaderMap, header::COOKIE};

use crate::{authorization_server::embedded::Embedded, base::digest::sha256_base64url};

#[cfg(test)]
mod tests;

/// A cookie of the embedded server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The browser that a flow belongs to, through login, consent and the IdP's callback.
    Browser,
    /// The sign-in session.
    Login,
}

impl Cookie {
    /// `Set-Cookie` with `value`, for `max_age_secs`.
    pub(crate) fn set(self, embedded: &Embedded, value: &str, max_age_secs: u64) -> String {
        line(embedded, &self.name(embedded), value, max_age_secs)
    }

    /// `Set-Cookie` that deletes it.
    pub(crate) fn clear(self, embedded: &Embedded) -> String {
        self.set(embedded, "", 0)
    }

    /// The value; `None` if the cookie is missing or comes twice.
    pub(crate) fn get<'h>(self, embedded: &Embedded, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.name(embedded);
        let mut values = pairs(headers).filter(|(key, _)| *key == name).map(|(_, value)| value);
        // An attacker may have set one of two, and their order depends on paths.
        match (values.next(), values.next()) {
            (Some(value), None) if is_well_formed(value) => Some(value),
            _ => None,
        }
    }

    /// Several embedded servers may share a host or its ports; each has its own cookie names.
    fn name(self, embedded: &Embedded) -> String {
        match self {
            Self::Browser => name(embedded, "browser"),
            Self::Login => name(embedded, "login"),
        }
    }
}

/// The name of a cookie of this server.
pub(super) fn name(embedded: &Embedded, what: &str) -> String {
    let prefix = if embedded.is_https() { "__Host-" } else { "" };
    let issuer = sha256_base64url(&embedded.settings.issuer);
    format!("{prefix}portcullis-{what}-{}", issuer.get(..8).unwrap_or_default())
}

/// `Set-Cookie` with this name and value.
pub(super) fn line(embedded: &Embedded, name: &str, value: &str, max_age_secs: u64) -> String {
    // Browsers accept `__Host-` only with Secure and Path=/, over TLS: another host of the domain
    // cannot set one (attack 163).
    let secure = if embedded.is_https() { "; Secure" } else { "" };
    // Lax, not Strict: the IdP's callback comes from another site.
    format!("{name}={value}; Path=/; Max-Age={max_age_secs}; HttpOnly; SameSite=Lax{secure}")
}

/// Names and values of all cookies of a request.
pub(super) fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// Whether the value has the form of
/// [`unguessable`](crate::authorization_server::keys::random::unguessable).
fn is_well_formed(value: &str) -> bool {
    value.len() == 43 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
