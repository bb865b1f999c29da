//! What an operator is told of a refusal: what came, what was expected, and what to do about it.

use std::borrow::Cow;

use crate::{
    base::{
        limits::connections::{HEADER_FIELDS_MAX, URI_BYTES_MAX},
        names::Scope,
        shown::shown,
        web_origin::is_web_origin,
    },
    decide::refusal::{
        BodyLimit, Refusal,
        words::{Attention, OperatorWords},
    },
};

/// Characters of one fact that are shown.
pub const FACT_CHARS_MAX: usize = 200;
/// Values of a list that are shown.
const VALUES_MAX: usize = 8;

/// What an operator is told of one refusal. A fact that is not known is empty.
///
/// It has no token, no value of a query, and no value of a claim that could be about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Lines of one kind are limited together.
    pub kind: &'static str,
    /// How much it matters.
    pub attention: Attention,
    /// What happened.
    pub what: Cow<'static, str>,
    /// What came.
    pub found: Cow<'static, str>,
    /// What would have been accepted.
    pub expected: Cow<'static, str>,
    /// What to do.
    pub advice: Cow<'static, str>,
    /// The name of the token's issuer in the configuration.
    pub issuer: Cow<'static, str>,
    /// Where the deciding rule is written.
    pub rule_at: Cow<'static, str>,
}

impl Told {
    /// What is known from the refusal alone. Nothing is allocated for the most frequent ones.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Self {
        let OperatorWords { attention, what, advice } = refusal.operator_words();
        let (found, expected) = facts(refusal);
        let advice = match refusal {
            // The line is proposed only if `check` takes it.
            Refusal::ForeignOrigin(origin) if is_web_origin(origin) && origin.len() <= FACT_CHARS_MAX => {
                format!("{advice}: allowed_origins: [\"{origin}\"]").into()
            }
            _ => advice.into(),
        };
        let kind = refusal.line_kind();
        let (issuer, rule_at) = (Cow::Borrowed(""), Cow::Borrowed(""));
        Self { kind, attention, what: what.into(), found, expected, advice, issuer, rule_at }
    }

    /// The same, with what came and what was expected.
    #[must_use]
    pub fn with(self, found: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { found: found.into(), expected: expected.into(), ..self }
    }

    /// The facts as lines for a terminal, in the words of the log.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let facts = [("found", &self.found), ("expected", &self.expected), ("advice", &self.advice)];
        let facts = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
        let mut lines = vec![self.what.to_string()];
        lines.extend(facts.map(|(name, fact)| format!("  {name}: {fact}")));
        lines
    }
}

/// What came and what was expected, as far as the refusal says it.
fn facts(refusal: &Refusal) -> (Cow<'static, str>, Cow<'static, str>) {
    const NOTHING: Cow<'static, str> = Cow::Borrowed("");
    match refusal {
        Refusal::BadRequest(why)
        | Refusal::UnsafePath(why)
        | Refusal::Unreadable(why)
        | Refusal::NotAMessage(why)
        | Refusal::BadParams(why)
        | Refusal::HeaderMismatch(why)
        | Refusal::UnsafeUri(why)
        | Refusal::Internal(why) => ((*why).into(), NOTHING),
        Refusal::Method(allowed) => (NOTHING, (*allowed).into()),
        Refusal::ForeignOrigin(origin) => (shown(origin, FACT_CHARS_MAX).to_string().into(), NOTHING),
        Refusal::NullOrigin => ("null".into(), NOTHING),
        Refusal::Presentation(fault) => (fault.description().into(), "Authorization: Bearer, with one token".into()),
        Refusal::PinnedQuery(name) => (
            format!("the parameter {}", shown(name, FACT_CHARS_MAX)).into(),
            "a query without it: upstream.url sets it".into(),
        ),
        Refusal::UriTooLong => (NOTHING, format!("at most {URI_BYTES_MAX} bytes").into()),
        Refusal::HeadersTooLarge => {
            (NOTHING, format!("at most {HEADER_FIELDS_MAX} fields, within limits.token").into())
        }
        Refusal::Expectation => (NOTHING, "100-continue, or no Expect".into()),
        Refusal::BadSessionHeader => (NOTHING, "each once, in plain ASCII".into()),
        Refusal::MediaType => (NOTHING, "application/json in UTF-8".into()),
        Refusal::ContentCoding => (NOTHING, "a body that is not compressed".into()),
        Refusal::BodyTooLarge(limit) => {
            let key = match limit {
                BodyLimit::OfServer(_) => " (limits.request_body)",
                BodyLimit::Fixed(_) => "",
            };
            (NOTHING, format!("at most {} bytes{key}", limit.bytes()).into())
        }
        Refusal::LargeWithoutToken(bytes) => (NOTHING, format!("at most {bytes} bytes without a token").into()),
        Refusal::Scope { needed } => (NOTHING, scopes(needed).into()),
        _ => (NOTHING, NOTHING),
    }
}

/// Scopes for an operator: `a b c`.
#[must_use]
pub fn scopes(all: &[Scope]) -> String {
    listed(all.iter().map(Scope::as_str), " ")
}

/// The first of these values, visible and shortened, with `gap` between them.
#[must_use]
pub fn listed<'a>(values: impl Iterator<Item = &'a str>, gap: &str) -> String {
    let mut values = values;
    let first: Vec<String> =
        values.by_ref().take(VALUES_MAX).map(|value| shown(value, FACT_CHARS_MAX).to_string()).collect();
    let more = values.count();
    let mut text = first.join(gap);
    if more > 0 {
        text.push_str(&format!("{gap}and {more} more"));
    }
    text
}
