//! Decides which private-use schemes clients may register (SPEC E-30).

use crate::decide::authorization_server::redirect_uri::RedirectUri;

#[cfg(test)]
mod tests;

/// Schemes without a dot of widely used clients, which are accepted by default.
pub const KNOWN_SCHEMES: [&str; 18] = [
    "antigravity",
    "claude",
    "code-oss",
    "cursor",
    "goose",
    "grok",
    "kiro",
    "lmstudio",
    "raycast",
    "trae",
    "vscode",
    "vscode-insiders",
    "vscodium",
    "warp",
    "warppreview",
    "windsurf",
    "windsurf-next",
    "zed",
];

/// Which private-use schemes clients may register (`registration.redirect_schemes`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectSchemes {
    /// Those with a dot, which a domain name stands behind, and [`KNOWN_SCHEMES`].
    Known,
    /// All but those that are never accepted.
    Any,
    /// These alone, and perhaps those of [`Self::Known`].
    Listed {
        /// Whether those of [`Self::Known`] are accepted as well.
        known: bool,
        /// The schemes, without colons.
        schemes: Vec<Box<str>>,
    },
}

impl RedirectSchemes {
    /// Reads a redirect URI that a client wants to register.
    ///
    /// # Errors
    /// What is wrong with it, for `error_description`.
    pub fn read(&self, text: &str) -> Result<RedirectUri, &'static str> {
        let uri = RedirectUri::parse(text)?;
        match self.accept(&uri) {
            true => Ok(uri),
            false => Err("the private-use scheme of the URL is not accepted here"),
        }
    }

    /// Whether a client may have this redirect URI.
    #[must_use]
    pub fn accept(&self, uri: &RedirectUri) -> bool {
        let Some(scheme) = uri.private_scheme() else { return true };
        let is_known = || scheme.contains('.') || KNOWN_SCHEMES.contains(&scheme);
        match self {
            Self::Known => is_known(),
            Self::Any => true,
            Self::Listed { known, schemes } => *known && is_known() || schemes.iter().any(|one| **one == *scheme),
        }
    }
}
