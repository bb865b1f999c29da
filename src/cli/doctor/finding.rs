//! One finding of `doctor`: what is wrong, where, what was expected, and what to do.

/// One finding. The words that are the same for every finding of an id are in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A row of the catalogue.
    pub id: &'static str,
    /// The URL, with the method where it matters; or `file:line:column key` of a configuration.
    pub at: String,
    /// What is there.
    pub found: String,
    /// What a client needs there.
    pub expected: String,
    /// How it comes about here. Empty: what the catalogue says.
    pub cause: String,
    /// What to do here. Empty: what the catalogue says.
    pub fix: String,
    /// `file:line:column key`: what it is about in one's own configuration. If it was found there,
    /// `at` says it.
    pub place: Option<String>,
    /// The line to write in a configuration of this gateway.
    pub line: Option<String>,
    /// What such a line looks like, if its values are not known here.
    pub example: Option<String>,
    /// A value that came, and that a configuration may need.
    pub value: Option<String>,
    /// The authorization server that it is about.
    pub issuer: Option<String>,
    /// How bad it is.
    pub severity: Severity,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// A client cannot connect.
    Fault,
    /// It works for some clients, or will stop to work.
    Warning,
}

impl Finding {
    /// A fault at this place.
    pub(crate) fn new(id: &'static str, at: impl Into<String>) -> Self {
        let (at, severity) = (at.into(), Severity::Fault);
        let (found, expected, cause, fix) = Default::default();
        let (place, line, example, value, issuer) = Default::default();
        Self { id, at, found, expected, cause, fix, place, line, example, value, issuer, severity }
    }

    pub(crate) fn found(self, found: impl Into<String>) -> Self {
        Self { found: found.into(), ..self }
    }

    pub(crate) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    pub(crate) fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    pub(crate) fn line(self, line: impl Into<String>) -> Self {
        Self { line: Some(line.into()), ..self }
    }

    pub(crate) fn example(self, example: impl Into<String>) -> Self {
        Self { example: Some(example.into()), ..self }
    }

    pub(crate) fn value(self, value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), ..self }
    }

    pub(crate) fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
}

impl Severity {
    /// As `--json` writes it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
        }
    }
}
