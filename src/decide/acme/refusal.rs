//! What the refusal of a CA means, in words for the operator (RFC 8555 §6.7).

use serde::Deserialize;

/// Longest part of a text of the CA that is shown.
const SHOWN_CHARS_MAX: usize = 400;
/// Most parts of a refusal that are shown.
const PARTS_MAX: usize = 5;
/// Where the types of RFC 8555 are.
const NAMESPACE: &str = "urn:ietf:params:acme:error:";

/// A refusal, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaProblem {
    /// The type, without its namespace if it is one of RFC 8555.
    pub kind: String,
    /// What the CA says.
    pub detail: String,
    /// The name that it is about.
    pub name: Option<String>,
}

/// What the operator should know about a challenge when its validation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidationsSeen {
    /// How many connections of the validation this listener answered.
    pub answered: u32,
}

impl CaProblem {
    /// Takes what a CA says: bounded, in printable characters, and without `hidden`, which is the
    /// address of the operator.
    #[must_use]
    pub fn new(kind: Option<&str>, detail: Option<&str>, name: Option<&str>, hidden: &str) -> Self {
        let kind = kind.unwrap_or_default();
        Self {
            kind: shown(kind.strip_prefix(NAMESPACE).unwrap_or(kind), hidden),
            detail: shown(detail.unwrap_or_default(), hidden),
            name: name.map(|name| shown(name, hidden)),
        }
    }

    /// Whether it must be waited for: retrying sooner makes it worse.
    #[must_use]
    pub fn is_rate_limit(&self) -> bool {
        self.kind == "rateLimited"
    }

    /// Whether a nonce was refused more often than requests are repeated: it has no other cause.
    #[must_use]
    pub fn is_nonce(&self) -> bool {
        self.kind == "badNonce"
    }

    /// Whether the account is not, or no longer, known to the CA.
    #[must_use]
    pub fn is_lost_account(&self) -> bool {
        self.kind == "accountDoesNotExist"
    }

    /// What to do about it.
    fn advice(&self, seen: Option<ValidationsSeen>) -> &'static str {
        match (self.kind.as_str(), seen) {
            ("dns", _) => {
                "the CA found no address for this name: create its A or AAAA record, and wait until it is published"
            }
            ("connection" | "tls" | "unauthorized" | "incorrectResponse", Some(ValidationsSeen { answered: 1.. })) => {
                "this listener answered a validation, but not each one: look for a second address in the DNS of this name, or for \
                 a replica with another cache folder"
            }
            ("connection" | "tls" | "unauthorized" | "incorrectResponse", _) => {
                "no validation reached this listener: check that the A and AAAA records of this name lead here, that firewalls and \
                 port forwardings let port 443 through to this listener, and that no proxy ends TLS in front of it"
            }
            ("caa", _) => {
                "a CAA record of this name, or of a domain above it, does not permit this CA: add the CA to it"
            }
            ("rateLimited", _) => "wait, as the gateway does; try things out with the `directory` of the CA for tests",
            ("externalAccountRequired", _) => {
                "this CA binds accounts to one that you have there: write `external_account` with the key id and key that it gives you"
            }
            ("rejectedIdentifier" | "unsupportedIdentifier", _) => {
                "this CA gives no certificate for this name: check `domains`, or take another `directory`"
            }
            ("invalidContact" | "unsupportedContact", _) => {
                "the CA does not accept the address in `email`: write another"
            }
            ("userActionRequired", _) => "the CA asks its customers to do something first: read what it says",
            ("accountDoesNotExist", _) => {
                "the CA does not know the account in the cache: the next attempt makes a new one"
            }
            ("badSignatureAlgorithm" | "badPublicKey" | "badCSR", _) => {
                "this CA does not accept keys of ECDSA with P-256: take another `directory`"
            }
            ("serverInternal" | "badNonce", _) => "the fault is the CA's: the gateway tries again",
            _ => "see the documentation of the CA",
        }
    }

    /// The refusal as a sentence: of which name, what the CA says, what to do.
    #[must_use]
    pub fn sentence(&self, seen: Option<ValidationsSeen>) -> String {
        let about = self.name.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
        let kind = if self.kind.is_empty() { "a problem without a type" } else { &self.kind };
        let detail = if self.detail.is_empty() { String::new() } else { format!(" ({})", self.detail) };
        format!("{about}the CA says {kind}{detail}; {}", self.advice(seen))
    }
}

/// Several refusals as one text.
#[must_use]
pub fn sentences<'p>(problems: impl IntoIterator<Item = (&'p CaProblem, Option<ValidationsSeen>)>) -> String {
    let all: Vec<String> = problems.into_iter().take(PARTS_MAX).map(|(problem, seen)| problem.sentence(seen)).collect();
    all.join(". ")
}

/// The URL of the terms of service that a directory names.
#[must_use]
pub fn terms_of_service(directory: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Directory {
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        #[serde(rename = "termsOfService")]
        terms: Option<String>,
    }
    let directory: Directory = serde_json::from_slice(directory).ok()?;
    let terms = directory.meta?.terms?;
    (terms.starts_with("https://") || terms.starts_with("http://")).then(|| shown(&terms, ""))
}

fn shown(text: &str, hidden: &str) -> String {
    let clean = |text: &str| -> String {
        text.chars().map(|c| if c.is_control() || c == '\u{2028}' || c == '\u{2029}' { ' ' } else { c }).collect()
    };
    let text = clean(text);
    let text = if hidden.is_empty() { text } else { text.replace(hidden, "(the address)") };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str) -> CaProblem {
        CaProblem::new(Some(&format!("{NAMESPACE}{kind}")), Some("why"), Some("a.example"), "ops@example.com")
    }

    #[test]
    fn f42_a_refusal_says_what_the_ca_says_and_what_to_do() {
        let seen = |answered| Some(ValidationsSeen { answered });
        for (kind, seen, wanted) in [
            ("dns", seen(0), "create its A or AAAA record"),
            ("connection", seen(0), "no validation reached this listener"),
            ("connection", seen(2), "a second address"),
            ("tls", seen(0), "no proxy ends TLS"),
            ("unauthorized", seen(0), "no proxy ends TLS"),
            ("caa", None, "CAA record"),
            ("rateLimited", None, "wait"),
            ("externalAccountRequired", None, "`external_account`"),
            ("rejectedIdentifier", None, "`domains`"),
            ("invalidContact", None, "`email`"),
            ("accountDoesNotExist", None, "a new one"),
            ("badNonce", None, "the gateway tries again"),
            ("other", None, "documentation of the CA"),
        ] {
            let said = problem(kind).sentence(seen);
            assert!(said.starts_with(&format!("a.example: the CA says {kind} (why); ")), "{said}");
            assert!(said.contains(wanted), "{said}");
        }
        assert_eq!(
            CaProblem::default().sentence(None),
            "the CA says a problem without a type; see the documentation of the CA"
        );
    }

    #[test]
    fn f42_attack_404_what_a_ca_says_is_bounded_printable_and_without_the_address() {
        let detail = format!("ops@example.com\r\nFAKE LOG LINE\u{2028}{}", "x".repeat(10_000));
        let problem = CaProblem::new(Some("a\nb"), Some(&detail), Some("n\u{7}"), "ops@example.com");
        let said = problem.sentence(None);
        assert!(said.chars().all(|c| !c.is_control()) && said.len() < 1_000, "{said}");
        assert!(!said.contains("ops@example.com") && said.contains("(the address)  FAKE"), "{said}");
    }

    #[test]
    fn f42_the_terms_of_service_are_those_of_the_directory() {
        let read = |body: &str| terms_of_service(body.as_bytes());
        assert_eq!(
            read(r#"{"meta": {"termsOfService": "https://ca.example/tos"}}"#).as_deref(),
            Some("https://ca.example/tos")
        );
        for none in [r#"{"meta": {}}"#, "{}", "", r#"{"meta": {"termsOfService": "javascript:x"}}"#, r#"{"meta": 1}"#] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
