//! Decides which redirect URIs may be registered, and which requested URIs match (E-30, E-31).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    base::limits::authorization_server::REDIRECT_URI_BYTES_MAX,
    decide::authorization_server::{
        form::{decode, encode},
        private_scheme::check_scheme,
        url::{WebUrl, check_characters, check_path},
    },
};

#[cfg(test)]
mod tests;

/// Parameters that an answer adds. A redirect URI must not have them already (SPEC E-04, attack
/// 164).
const OURS: [&str; 7] = ["code", "state", "iss", "error", "error_description", "error_uri", "response"];

/// A redirect URI, compared and used exactly as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri {
    text: Box<str>,
}

/// The two kinds of redirect URIs.
enum Kind<'a> {
    Web(WebUrl<'a>),
    /// A private-use scheme, and the part after its colon.
    Private(&'a str, &'a str),
}

impl RedirectUri {
    /// Accepts `https` to any host, `http` to a loopback host, and a private-use scheme (RFC 8252
    /// §7.1). No fragment, no user name, no control characters, no scheme that a browser or the
    /// system runs or reads (`javascript:`, `data:` …). Which private-use schemes clients may
    /// register is another question ([`super::redirect_scheme::RedirectSchemes`]).
    ///
    /// # Errors
    /// What is wrong with the URI, for `error_description`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > REDIRECT_URI_BYTES_MAX {
            return Err("the URL is too long");
        }
        let rest = match kind(text)? {
            Kind::Web(url) if !url.https && !url.is_plain_loopback() => {
                return Err(
                    "http:// is allowed only for 127.0.0.1, [::1] and localhost; the URL must begin with https://",
                );
            }
            Kind::Web(url) => url.rest,
            Kind::Private(_, rest) => rest,
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A second question mark is data, but some readers split at the last question mark, and
        // would find the answer's parameters after it.
        if query.contains('?') {
            return Err("the URL has a second question mark");
        }
        // Some readers search for `&state=` anywhere, and would find it in the path first.
        for parameter in query.split('&').chain(path.split('&').skip(1)) {
            let parameter = decode(parameter.as_bytes()).map_err(|_| "the URL's query is not a list of parameters")?;
            // An escaped equals sign does not hide a name: the part before it is compared.
            if parameter.split('=').next().is_some_and(|name| OURS.contains(&name)) {
                return Err("the URL has a parameter that the answer will have");
            }
        }
        Ok(Self { text: text.into() })
    }

    /// The URI as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `asked` is this URI, byte by byte except for the port of a loopback host over
    /// `http`.
    #[must_use]
    pub fn matches(&self, asked: &str) -> bool {
        if *self.text == *asked {
            return true;
        }
        // RFC 8252 §7.3: a native client listens on any free port. Only the port may differ;
        // `localhost` is not `127.0.0.1`.
        let on_this_machine = |text| match kind(text) {
            Ok(Kind::Web(url)) if !url.https && url.is_plain_loopback() => Some((url.written_host, url.rest)),
            _ => None,
        };
        on_this_machine(&self.text).is_some_and(|ours| on_this_machine(asked) == Some(ours))
    }

    /// The destination for the consent page: the host, or the private-use scheme.
    #[must_use]
    pub fn host(&self) -> Cow<'_, str> {
        match kind(&self.text) {
            Ok(Kind::Web(url)) => url.host,
            Ok(Kind::Private(scheme, _)) => scheme.into(),
            Err(_) => "".into(),
        }
    }

    /// What a consent is bound to (SPEC D-03): the origin; on this machine without the port, which
    /// native clients choose anew each time; a private-use scheme with its colon.
    #[must_use]
    pub fn consent_origin(&self) -> Box<str> {
        match kind(&self.text) {
            Ok(Kind::Web(url)) if url.is_loopback() => {
                format!("{}://{}", if url.https { "https" } else { "http" }, url.host).into()
            }
            Ok(Kind::Web(url)) => {
                let origin = if url.https { url.origin.strip_suffix(":443") } else { None };
                origin.unwrap_or(url.origin).to_ascii_lowercase().into()
            }
            Ok(Kind::Private(scheme, _)) => format!("{scheme}:").into(),
            // Never the same as another origin.
            Err(_) => self.text.clone(),
        }
    }

    /// The path of a URL of the web, as written.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match kind(&self.text) {
            Ok(Kind::Web(url)) => url.rest.split('?').next(),
            Ok(Kind::Private(..)) | Err(_) => None,
        }
    }

    /// Whether it leads to a program on the user's machine, which another program can impersonate:
    /// a loopback host or a private-use scheme.
    #[must_use]
    pub fn is_native(&self) -> bool {
        match kind(&self.text) {
            Ok(Kind::Web(url)) => url.is_loopback(),
            Ok(Kind::Private(..)) | Err(_) => true,
        }
    }

    /// The private-use scheme, if it has one.
    #[must_use]
    pub fn private_scheme(&self) -> Option<&str> {
        match kind(&self.text) {
            Ok(Kind::Private(scheme, _)) => Some(scheme),
            Ok(Kind::Web(_)) | Err(_) => None,
        }
    }

    /// Whether any program on the user's machine may rightly claim it: a private-use scheme without
    /// a dot, which no domain name stands behind (RFC 8252 §8.6).
    #[must_use]
    pub fn is_claimable(&self) -> bool {
        self.private_scheme().is_some_and(|scheme| !scheme.contains('.'))
    }

    /// The URI with parameters added to its query.
    #[must_use]
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let added = encode(parameters);
        let between = match self.text.split_once('?') {
            _ if added.is_empty() => "",
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{between}{added}", self.text)
    }
}

fn kind(text: &str) -> Result<Kind<'_>, &'static str> {
    let (scheme, rest) = text.split_once(':').ok_or("the URL has no scheme")?;
    if matches!(scheme, "https" | "http") {
        return WebUrl::read(text).map(Kind::Web);
    }
    check_characters(text)?;
    check_scheme(scheme)?;
    if !rest.starts_with('/') {
        return Err("the URL has no slash after its private-use scheme");
    }
    let authority = rest.strip_prefix("//").and_then(|after| after.split(['/', '?']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err("the URL has a user name");
    }
    check_path(rest)?;
    Ok(Kind::Private(scheme, rest))
}

impl TryFrom<String> for RedirectUri {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.text.into()
    }
}
