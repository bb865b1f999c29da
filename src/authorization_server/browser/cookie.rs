//! Cookies: `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax`, and without a prefix on loopback `http` (SPEC D-03).

use http::{HeaderMap, header::COOKIE};

use crate::authorization_server::{Embedded, keys::seal::name_of};

#[cfg(test)]
mod tests;

/// What a cookie says about a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Which browser a flow belongs to: the same through login, consent and the IdP's callback.
    Browser,
    /// Who has logged in.
    Login,
}

impl Cookie {
    /// `Set-Cookie` with `value`, for `max_age_secs`.
    pub(crate) fn set(self, embedded: &Embedded, value: &str, max_age_secs: u64) -> String {
        // A browser takes `__Host-` only with Secure and Path=/, and from TLS: no neighbour of ours can plant one (attack 163).
        let secure = if embedded.is_https() { "; Secure" } else { "" };
        // Lax and not Strict: the IdP's callback comes from another site.
        format!("{}={value}; Path=/; Max-Age={max_age_secs}; HttpOnly; SameSite=Lax{secure}", self.name(embedded))
    }

    /// `Set-Cookie` that takes it away.
    pub(crate) fn clear(self, embedded: &Embedded) -> String {
        self.set(embedded, "", 0)
    }

    /// The value; nothing where it is not there, or there twice.
    pub(crate) fn get<'h>(self, embedded: &Embedded, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.name(embedded);
        let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        });
        // Of two, one may be somebody else's, and which of them comes first is a matter of paths.
        match (values.next(), values.next()) {
            (Some(value), None) if is_ours(value) => Some(value),
            _ => None,
        }
    }

    /// One host may have several issuers, and one machine several of its ports: their cookies are told apart by name.
    fn name(self, embedded: &Embedded) -> String {
        let prefix = if embedded.is_https() { "__Host-" } else { "" };
        let what = match self {
            Self::Browser => "browser",
            Self::Login => "login",
        };
        let issuer = name_of(&embedded.settings.issuer);
        format!("{prefix}portcullis-{what}-{}", issuer.get(..8).unwrap_or_default())
    }
}

/// Whether it looks like what [`unguessable`](crate::authorization_server::keys::seal::unguessable) makes.
fn is_ours(value: &str) -> bool {
    value.len() == 43 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
