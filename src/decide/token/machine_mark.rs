//! What shows that a token was issued to a machine, which has no user to ask for more scope.

use serde_json::{Map, Value};

/// What counts at any issuer.
pub const MACHINES: &[MachineMark] = &[MachineMark::SubjectIsClient];

/// A sign that a token was issued to a client that acts for itself. It changes only how a refusal
/// is answered, never whether there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineMark {
    /// `sub` is the client's own id (RFC 9068 §2.2).
    SubjectIsClient,
    /// This claim has this value.
    Is(&'static str, &'static str),
    /// This claim is text.
    Has(&'static str),
    /// This claim is this prefix and the client's id, in any case.
    ClientAfter(&'static str, &'static str),
}

impl MachineMark {
    /// The claim that it is about, besides the client's.
    #[must_use]
    pub fn claim(self) -> Option<&'static str> {
        match self {
            Self::SubjectIsClient => None,
            Self::Is(name, _) | Self::Has(name) | Self::ClientAfter(name, _) => Some(name),
        }
    }

    /// Whether these claims have the mark; `client` is the client of the token.
    #[must_use]
    pub fn is_in(self, claims: &Map<String, Value>, client: Option<&str>) -> bool {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        match self {
            Self::SubjectIsClient => text("sub").is_some_and(|subject| Some(subject) == client),
            Self::Is(name, value) => text(name) == Some(value),
            Self::Has(name) => text(name).is_some(),
            Self::ClientAfter(name, prefix) => {
                let rest = text(name).and_then(|text| text.strip_prefix(prefix));
                rest.zip(client).is_some_and(|(rest, client)| rest.eq_ignore_ascii_case(client))
            }
        }
    }
}
