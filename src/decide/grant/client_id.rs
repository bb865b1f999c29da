//! Which client ids are URLs of Client ID Metadata Documents, and which of those are well formed (SPEC E-32).

/// A client id that names its own document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentUrl {
    text: Box<str>,
}

impl DocumentUrl {
    /// Whether a client id means a document: it begins like a URL. Ids that we mint never do (SPEC E-37).
    #[must_use]
    pub fn looks_like_one(_client_id: &str) -> bool {
        todo!()
    }

    /// `https`, a host that is a name, a path, no dot segments, no fragment, no user name; `http` to a loopback host only where
    /// `allow_loopback` says so (tests of a whole machine).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(_client_id: &str, _allow_loopback: bool) -> Result<Self, &'static str> {
        todo!()
    }

    /// The URL, which is the client id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, for allow-lists and for the consent page.
    #[must_use]
    pub fn host(&self) -> &str {
        todo!()
    }
}
