//! Recognises client ids that are URLs of Client ID Metadata Documents (SPEC E-32).

use std::borrow::Cow;

use crate::{
    base::limits::authorization_server::CLIENT_ID_BYTES_MAX,
    decide::{authorization_server::url::WebUrl, token::audience::same},
};

#[cfg(test)]
mod tests;

/// A client id that is the URL of the client's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentUrl {
    text: Box<str>,
}

impl DocumentUrl {
    /// Whether a client id begins like a URL, which means a document. Ids that the gateway assigns
    /// never do (SPEC E-37).
    #[must_use]
    pub fn looks_like_one(client_id: &str) -> bool {
        let begins =
            |scheme: &str| client_id.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        begins("https:") || begins("http:")
    }

    /// Requires `https`, a host that is a name, a path, no dot segments, no fragment, no user name.
    /// `http` to a loopback host only with `allow_loopback` (for tests on one machine).
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn parse(client_id: &str, allow_loopback: bool) -> Result<Self, &'static str> {
        if client_id.len() > CLIENT_ID_BYTES_MAX {
            return Err("the URL is too long");
        }
        let url = WebUrl::read(client_id)?;
        check_fetchable(&url, allow_loopback)?;
        let path = url.rest.split('?').next().unwrap_or_default();
        if matches!(path, "" | "/") {
            return Err("the URL has no path");
        }
        Ok(Self { text: client_id.into() })
    }

    /// The URL, which is the client id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host in lower case, for allow-lists and for the consent page.
    #[must_use]
    pub fn host(&self) -> Cow<'_, str> {
        WebUrl::read(&self.text).map_or("".into(), |url| url.host)
    }

    /// Whether two ids name the same document: host and default port may be spelled differently.
    /// To refuse a client only: each spelling is a client of its own.
    #[must_use]
    pub fn is_same(one: &str, other: &str) -> bool {
        same(one, other)
    }

    /// Whether the document is on this machine, which only `allow_loopback` permits.
    pub(super) fn is_loopback(&self) -> bool {
        WebUrl::read(&self.text).is_ok_and(|url| url.is_loopback())
    }
}

/// Checks the text of a URL that a client wants fetched (SPEC D-30). The fetcher also checks the
/// addresses of its host.
pub(super) fn check_fetchable(url: &WebUrl<'_>, allow_loopback: bool) -> Result<(), &'static str> {
    if allow_loopback && url.is_plain_loopback() {
        return Ok(());
    }
    if !url.https {
        return Err("the URL does not begin with https://");
    }
    if url.is_address || url.is_loopback() {
        return Err("the URL's host is an address or this machine, not a name");
    }
    Ok(())
}
