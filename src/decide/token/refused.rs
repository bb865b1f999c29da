//! Says what a refused token has, what was expected and what to do, for log, audit and `explain`.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    base::{
        clock::Now,
        date::written,
        names::{Issuer, Resource},
        shown::{path_kept, shown},
    },
    decide::{
        json::pointer,
        policy::email,
        refusal::{
            NotAccess, Refusal, TokenFault,
            told::{Told, listed},
            words::Attention,
        },
        resource_server::vendor_hints::{self, HintCase},
        token::{
            jwt::{REFUSED_MEMBERS, object},
            other_issuer::IssuerMiss,
            refused::words::{VALUE_CHARS_MAX, form, shape, span, value_shown},
            rules::{AcceptedClients, TokenRules},
            times::time,
        },
    },
};

#[cfg(test)]
mod tests;
mod words;

/// Claims whose values name no person and are no secret: who issued the token, for what, and what
/// kind it is. The value of any other claim is not shown.
const SHOWN_CLAIMS: [&str; 18] = [
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "azp",
    "client_id",
    "cid",
    "appid",
    "typ",
    "token_use",
    "tokenType",
    "ver",
    "tid",
    "org_id",
    "hd",
    "idtyp",
    "gty",
];

/// What to do about a token that is too long to be read.
pub const TOO_LONG: &str =
    "raise `limits.token` of the server, or have the issuer put fewer values, such as groups, into its tokens";

/// What to do about the faults that are not about the shape of an issuer's own tokens.
fn otherwise(fault: &TokenFault) -> &'static str {
    match fault {
        TokenFault::Oversize => TOO_LONG,
        TokenFault::Signature => {
            "it is damaged, forged or of another system; or the issuer has replaced the key under the same kid and does \
             not publish the new one yet"
        }
        TokenFault::UnknownKey => {
            "it is of another system, or the issuer signs with a key that it does not publish at this place: compare the \
             kid with the key set"
        }
        TokenFault::Algorithm => "have the issuer sign with one of these algorithms, or list its own under algorithms",
        TokenFault::Header | TokenFault::KeyId => "look at the system that made the token",
        TokenFault::ApiKeyForm => "copy the whole key into the client",
        TokenFault::ApiKeyUnknown => "the key was removed from the file of `keys`, or belongs to another gateway",
        TokenFault::ApiKeyServer => "if the key may be used here, add the server to its entry",
        TokenFault::Expired | TokenFault::Inactive | TokenFault::Revoked => {
            "the client gets another token; if users sign in again and again, look at lifetimes and at offline_access"
        }
        _ => "",
    }
}

/// What one server expects of a token.
pub struct TokenExpectation<'a> {
    /// The rules of its issuers.
    pub rules: Vec<&'a TokenRules>,
    /// Its resource identifier.
    pub resource: &'a Resource,
    /// Other values that `aud` may have.
    pub audiences: &'a [Box<str>],
    /// Bytes of a token.
    pub bytes_max: u64,
    /// How the `iss` of the token differs from the issuers of the server, and whether the issuer
    /// that it nearly names has signed the token.
    pub miss: Option<(IssuerMiss<'a>, bool)>,
}

/// A token, as far as it can be read. Nothing of it is verified.
struct SeenToken {
    header: Option<Map<String, Value>>,
    claims: Option<Map<String, Value>>,
}

/// What the operator is told of a refused token.
///
/// The token is read again: this happens for refused tokens alone, and costs less than their
/// verification.
#[must_use]
pub fn told(token: &str, fault: &TokenFault, expected: &TokenExpectation<'_>, now: Now) -> Told {
    let mut parts = token.split('.');
    let mut part = || if token.len() as u64 <= expected.bytes_max { object(parts.next()?).ok() } else { None };
    let seen = SeenToken { header: part(), claims: part() };
    let iss = seen.claim("iss").and_then(Value::as_str);
    let named = |rules: &&&TokenRules| iss.is_some_and(|iss| rules.issuers.iter().any(|one| one.as_str() == iss));
    let rules = expected.rules.iter().find(named).copied();
    let (found, wanted) = facts(token, fault, &seen, (rules, expected), now);

    let is_genuine = is_after_signature(fault, &seen) || expected.miss.as_ref().is_some_and(|(_, genuine)| *genuine);
    let attention = match fault {
        TokenFault::Expired | TokenFault::Revoked | TokenFault::Inactive => Attention::Story,
        TokenFault::Oversize => Attention::Act,
        _ if is_genuine => Attention::Act,
        _ => Attention::Look,
    };
    // For a token that names no issuer, the hint is that of the first one.
    let vendor = rules.or(expected.rules.first().copied());
    let hint = vendor.and_then(|rules| hint(rules, fault, &seen));
    let advice = match (&expected.miss, fault) {
        (Some((miss, _)), TokenFault::Issuer) => miss.advice(),
        _ => fault.advice().unwrap_or_else(|| otherwise(fault)).to_owned(),
    };
    let unproven = match (fault, is_genuine) {
        (TokenFault::Issuer, false) => {
            "the token is not verified, and anyone can send such a token: follow this only if you know that your issuer makes \
             such tokens"
        }
        _ => "",
    };
    let advice: Vec<&str> =
        [hint.unwrap_or_default(), &advice, unproven].into_iter().filter(|one| !one.is_empty()).collect();
    Told {
        kind: kind(fault, expected.miss.as_ref()),
        attention,
        what: what(fault, is_genuine).into(),
        found: found.into(),
        expected: wanted.into(),
        advice: advice.join("; ").into(),
        issuer: rules.map(|rules| rules.name.to_string()).unwrap_or_default().into(),
        rule_at: "".into(),
    }
}

impl SeenToken {
    fn claim(&self, name: &str) -> Option<&Value> {
        pointer::find(self.claims.as_ref()?, name)
    }

    fn header(&self, name: &str) -> Option<&Value> {
        self.header.as_ref()?.get(name)
    }

    /// The claim with this name: `azp my-app`.
    fn shown(&self, name: &str) -> String {
        match self.claim(name) {
            None => format!("no {name}"),
            Some(value) if SHOWN_CLAIMS.contains(&name) => format!("{name} {}", value_shown(value)),
            Some(value) => format!("{name}, {} (its value is not shown)", shape(value)),
        }
    }
}

/// Lines about tokens that anyone can make do not use up the line about a genuine one.
fn kind(fault: &TokenFault, miss: Option<&(IssuerMiss<'_>, bool)>) -> &'static str {
    let (TokenFault::Issuer, Some((miss, is_genuine))) = (fault, miss) else { return fault.reason() };
    match (miss, is_genuine) {
        (IssuerMiss::Slash(_), true) => "token_issuer_slash_genuine",
        (IssuerMiss::Slash(_), false) => "token_issuer_slash",
        (IssuerMiss::Scheme(_), true) => "token_issuer_scheme_genuine",
        (IssuerMiss::Scheme(_), false) => "token_issuer_scheme",
        (IssuerMiss::Case(_), true) => "token_issuer_case_genuine",
        (IssuerMiss::Case(_), false) => "token_issuer_case",
        (IssuerMiss::OfAnotherServer(_), true) => "token_issuer_of_another_server_genuine",
        (IssuerMiss::OfAnotherServer(_), false) => "token_issuer_of_another_server",
        (IssuerMiss::Unknown, _) => "token_issuer_unknown",
    }
}

/// Whether the fault is only found after the issuer's signature was verified.
fn is_after_signature(fault: &TokenFault, seen: &SeenToken) -> bool {
    match fault {
        TokenFault::Type(NotAccess::Header) => seen.header("typ").is_none_or(Value::is_string),
        TokenFault::Type(_)
        | TokenFault::Expired
        | TokenFault::Revoked
        | TokenFault::Time(_)
        | TokenFault::NotYetValid
        | TokenFault::Audience
        | TokenFault::NoAudience
        | TokenFault::Client(_)
        | TokenFault::Subject(_)
        | TokenFault::ScopeShape(_)
        | TokenFault::Required(_)
        | TokenFault::SenderConstraint
        | TokenFault::Claims(_) => true,
        _ => false,
    }
}

fn what(fault: &TokenFault, is_genuine: bool) -> String {
    match fault {
        TokenFault::Issuer => "a token was refused, because its iss is not an issuer of this server".to_owned(),
        TokenFault::Oversize => "an access token is too large".to_owned(),
        _ if is_genuine => format!("a token of this issuer was refused: {}", fault.description()),
        TokenFault::Malformed => "a token was refused: it is not a signed JWT".to_owned(),
        TokenFault::Algorithm => "a token was refused: its algorithm is not one of its issuer".to_owned(),
        TokenFault::Header => "a token was refused: its header has a member that may not be there".to_owned(),
        TokenFault::KeyId => "a token was refused: its kid is not a short text".to_owned(),
        TokenFault::UnknownKey => "a token was refused: its issuer publishes no such key".to_owned(),
        TokenFault::Signature => "a token names a key of its issuer, but another key signed it".to_owned(),
        _ => format!("a credential was refused: {}", fault.description()),
    }
}

type Of<'a> = (Option<&'a TokenRules>, &'a TokenExpectation<'a>);

/// What the token has, and what was expected.
fn facts(token: &str, fault: &TokenFault, seen: &SeenToken, (rules, expected): Of<'_>, now: Now) -> (String, String) {
    let none = String::new;
    let skew = rules.map_or(Duration::ZERO, |rules| rules.clock_skew);
    let of_rules = |text: fn(&TokenRules) -> String| rules.map(text).unwrap_or_default();
    match fault {
        TokenFault::Oversize => (none(), format!("at most {} bytes (limits.token)", expected.bytes_max)),
        TokenFault::Malformed => (form(token), "three parts of base64url, with two dots between them".to_owned()),
        TokenFault::Algorithm => (
            format!("alg {}", seen.header("alg").map_or("absent".to_owned(), value_shown)),
            of_rules(|rules| {
                listed(rules.algorithms.iter().map(name_of).collect::<Vec<_>>().iter().map(|name| &**name), ", ")
            }),
        ),
        TokenFault::Type(NotAccess::Header) => (
            format!("typ {}", seen.header("typ").map_or("absent".to_owned(), value_shown)),
            of_rules(|rules| listed(rules.token_types.iter().map(|one| &**one), ", ")),
        ),
        TokenFault::Type(NotAccess::Has(name)) => {
            (format!("the claim {name}"), "an access token without it".to_owned())
        }
        TokenFault::Type(NotAccess::Says(name)) => (seen.shown(name), "an access token".to_owned()),
        TokenFault::Type(NotAccess::Unproven | NotAccess::Hinted) => {
            (seen.shown("aud"), format!("aud {}", expected.resource))
        }
        TokenFault::Header => {
            let members = REFUSED_MEMBERS.iter().filter(|name| seen.header(name).is_some());
            (format!("header member {}", listed(members.copied(), ", ")), "a header without it".to_owned())
        }
        TokenFault::KeyId => {
            (format!("kid, {}", seen.header("kid").map_or("absent".into(), shape)), "a short text".to_owned())
        }
        TokenFault::Issuer => {
            let issuers = expected.rules.iter().flat_map(|rules| &rules.issuers);
            (iss(seen), format!("iss {}", listed(issuers.map(Issuer::as_str), " or ")))
        }
        TokenFault::UnknownKey => (
            seen.header("kid").map_or("no kid".to_owned(), |kid| format!("kid {}", value_shown(kid))),
            rules.and_then(|rules| rules.issuers.first()).map_or_else(none, |issuer| format!("a key of {issuer}")),
        ),
        TokenFault::Signature => {
            (seen.header("kid").map_or_else(none, |kid| format!("kid {}", value_shown(kid))), none())
        }
        TokenFault::Expired => {
            (moment(seen, "exp", now), format!("later than {}", written(now.wall.saturating_sub(skew))))
        }
        TokenFault::NotYetValid => {
            let name = ["nbf", "iat"]
                .into_iter()
                .find(|name| seen.claim(name).and_then(time).is_some_and(|at| at > now.wall.saturating_add(skew)));
            let limit = written(now.wall.saturating_add(skew));
            (
                moment(seen, name.unwrap_or("nbf"), now),
                format!("not later than {limit} (clock_skew {}s)", skew.as_secs()),
            )
        }
        TokenFault::Time(name) | TokenFault::Claims(name) => {
            (seen.claim(name).map_or_else(|| format!("no {name}"), |value| format!("{name}, {}", shape(value))), none())
        }
        TokenFault::Audience | TokenFault::NoAudience => (seen.shown("aud"), audiences(expected)),
        TokenFault::Client(name) => {
            let clients = rules.map(|rules| match &rules.clients {
                AcceptedClients::Listed(all) => format!("client_ids: {}", listed(all.iter().map(|one| &**one), ", ")),
                AcceptedClients::Unset | AcceptedClients::Any => "a token that names its client".to_owned(),
            });
            (seen.shown(name), clients.unwrap_or_default())
        }
        TokenFault::Subject(names) => (none(), format!("text in {names}")),
        TokenFault::ScopeShape(name) => (
            seen.claim(name).map_or_else(none, |value| format!("{name}, {}", shape(value))),
            "text, or a list of texts".to_owned(),
        ),
        TokenFault::Required(name) if **name == *email::VERIFIED => (format!("{name} false"), none()),
        TokenFault::Required(name) => {
            let required = rules.and_then(|rules| rules.required_claims.iter().find(|(one, _)| one == name));
            let values = required.map(|(_, values)| values.iter().map(ToString::to_string).collect::<Vec<_>>());
            let values = values.unwrap_or_default();
            // A value that could be about a person is in the configuration, and not in the log.
            let wanted = match SHOWN_CLAIMS.contains(&&**name) {
                true => format!("{name} {}", listed(values.iter().map(|one| &**one), " or ")),
                false => format!("{name} with a value of required_claims"),
            };
            (seen.shown(name), wanted)
        }
        TokenFault::SenderConstraint => ("the claim cnf".to_owned(), "a bearer token, without cnf".to_owned()),
        TokenFault::Revoked
        | TokenFault::ApiKeyForm
        | TokenFault::ApiKeyUnknown
        | TokenFault::ApiKeyServer
        | TokenFault::Inactive => (none(), none()),
    }
}

fn name_of(algorithm: &jsonwebtoken::Algorithm) -> String {
    format!("{algorithm:?}")
}

fn audiences(expected: &TokenExpectation<'_>) -> String {
    let all = std::iter::once(&**expected.resource).chain(expected.audiences.iter().map(|one| &**one));
    format!("aud {}", listed(all, " or "))
}

/// An issuer that looks like one: a URL, without what may hold a secret.
fn iss(seen: &SeenToken) -> String {
    let Some(value) = seen.claim("iss") else { return "no iss".to_owned() };
    let Some(text) = value.as_str() else { return format!("iss, {}", shape(value)) };
    let is_url = (text.starts_with("https://") || text.starts_with("http://")) && !text.contains('@');
    match text.split(['?', '#']).next().filter(|_| is_url) {
        Some(url) => format!("iss {}", shown(&path_kept(url).to_string(), VALUE_CHARS_MAX)),
        None => "iss, a text that is not a URL".to_owned(),
    }
}

/// A time: `exp 2026-01-31T12:00:00Z, 90 s ago`.
fn moment(seen: &SeenToken, name: &str, now: Now) -> String {
    let Some(at) = seen.claim(name).and_then(time) else { return format!("no {name}") };
    let relation = match now.wall.checked_sub(at) {
        Some(ago) => format!("{} ago", span(ago)),
        None => format!("in {}", span(at.saturating_sub(now.wall))),
    };
    format!("{name} {}, {relation}", written(at))
}

/// What the vendor of the issuer is known for.
fn hint(rules: &TokenRules, fault: &TokenFault, seen: &SeenToken) -> Option<&'static str> {
    let iss = seen.claim("iss").and_then(Value::as_str).unwrap_or_default();
    let audience = |name: &str| match seen.claim("aud") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(all)) => all.iter().any(|one| one == name),
        _ => false,
    };
    let case = match fault {
        TokenFault::Malformed | TokenFault::Inactive => HintCase::Opaque,
        TokenFault::Issuer if iss.starts_with("https://sts.windows.net/") => HintCase::EarlierVersion,
        TokenFault::Issuer => HintCase::Issuer,
        TokenFault::Audience | TokenFault::Type(NotAccess::Unproven | NotAccess::Hinted) if audience("account") => {
            HintCase::DefaultAudience
        }
        TokenFault::Audience | TokenFault::Client(_) => HintCase::Audience,
        TokenFault::NoAudience => HintCase::NoAudience,
        TokenFault::Type(_) => HintCase::IdToken,
        TokenFault::UnknownKey | TokenFault::Signature => HintCase::Key,
        _ => return None,
    };
    let own = rules.issuers.first().map(Issuer::as_str).unwrap_or_default();
    vendor_hints::hint(rules.profile, own, case)
}

impl Refusal {
    /// What the operator is told, where it is about a token.
    #[must_use]
    pub fn told_of_token(&self, token: &str, expected: &TokenExpectation<'_>, now: Now) -> Option<Told> {
        let Self::Token(fault) = self else { return None };
        Some(told(token, fault, expected, now))
    }
}
