//! One reading of a URI, and the kind of server that reads it in this way.

use std::{borrow::Cow, cell::OnceCell};

use crate::decide::policy::fold::folded;

/// One reading of a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriReading<'u> {
    /// The URI as this kind of server understands it.
    pub text: Cow<'u, str>,
    /// The kind of server.
    pub how: How,
    /// Whether this kind of server may ignore case, as file systems of Windows and macOS do.
    pub folds: bool,
    /// Computed when a rule needs it.
    folded: OnceCell<Vec<String>>,
}

impl UriReading<'_> {
    /// The text in lower case, and folded, as file systems that ignore case compare it.
    #[must_use]
    pub fn folded(&self) -> &[String] {
        self.folded.get_or_init(|| {
            let mut texts = vec![self.text.to_lowercase()];
            if !self.text.is_ascii() {
                texts.push(folded(&self.text));
            }
            texts
        })
    }
}

/// A kind of server, by how it reads a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A server that compares the text as it came.
    Written,
    /// A WHATWG parser: `new URL(uri)` of JavaScript, `AnyUrl` of pydantic.
    Whatwg,
    /// A server that normalises by RFC 3986 §6.2, or reads only some parts.
    Rfc3986,
    /// A server that percent-decodes.
    Decoded,
    /// A server that turns the URI into a POSIX path.
    Posix,
    /// A server that turns the URI into a Windows path.
    Windows,
    /// A reading of only some servers. A rule that matches it must permit, but no rule needs to
    /// match it.
    Possible,
}

impl How {
    /// The words of `explain`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Written => "as written",
            Self::Whatwg => "by a WHATWG parser",
            Self::Rfc3986 => "normalised by RFC 3986",
            Self::Decoded => "percent-decoded",
            Self::Posix => "as a POSIX path",
            Self::Windows => "as a Windows path",
            Self::Possible => "by some servers",
        }
    }
}

/// The URI as it came: the first of its readings, which allocates nothing.
#[must_use]
pub fn as_written(uri: &str) -> UriReading<'_> {
    UriReading { text: Cow::Borrowed(uri), how: How::Written, folds: scheme_is_file(uri), folded: OnceCell::new() }
}

pub(super) fn scheme_is_file(uri: &str) -> bool {
    let before = uri.split(':').next().unwrap_or_default();
    let mut letters = before.bytes().filter(|byte| *byte > b' ').map(|byte| byte.to_ascii_lowercase());
    letters.by_ref().take(4).eq(*b"file") && letters.next().is_none()
}

/// Adds a reading, unless it is known.
pub(super) fn add(all: &mut Vec<UriReading<'_>>, text: String, how: How) {
    let folds = match how {
        How::Posix | How::Windows => true,
        How::Possible => text.starts_with("file:"),
        _ => false,
    };
    if !all.iter().any(|known| known.text == text && (known.folds || !folds)) {
        all.push(UriReading { text: Cow::Owned(text), how, folds, folded: OnceCell::new() });
    }
}
