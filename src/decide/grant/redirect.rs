//! Where an answer may be sent: which redirect URIs may be registered, and which asked-for one is a registered one (SPEC E-30, E-31).

use serde::{Deserialize, Serialize};

/// A redirect URI as the client wrote it: it is compared and used as these very bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri {
    text: Box<str>,
}

impl RedirectUri {
    /// `https` anywhere, `http` to a loopback host, and a private-use scheme with a dot in it (RFC 8252 §7.1). No fragment, no user
    /// name, no control characters, nothing that a browser would run (`javascript:`, `data:` …).
    ///
    /// # Errors
    /// What is wrong with it, for `error_description`.
    pub fn parse(_text: &str) -> Result<Self, &'static str> {
        todo!()
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `asked` is this one: byte by byte, but for the port of a loopback host over `http`.
    #[must_use]
    pub fn matches(&self, _asked: &str) -> bool {
        todo!()
    }

    /// Whom it leads to, for the consent page: the host, or the private-use scheme.
    #[must_use]
    pub fn host(&self) -> &str {
        todo!()
    }

    /// Whether it leads to a program on the user's own machine that anybody may have put there: a loopback host or a private-use scheme.
    #[must_use]
    pub fn is_native(&self) -> bool {
        todo!()
    }

    /// The URI with parameters added to its query.
    #[must_use]
    pub fn with(&self, _parameters: &[(&str, &str)]) -> String {
        todo!()
    }
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
