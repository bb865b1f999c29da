//! Says how a refused token's `iss` differs from the issuers of the server, for the operator.

use crate::base::names::Issuer;

/// How a refused `iss` relates to the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerMiss<'a> {
    /// It differs from this name of an issuer of the server only by the slash at its end.
    Slash(&'a Issuer),
    /// It differs from this name only by `http` in place of `https`, or the other way round.
    Scheme(&'a Issuer),
    /// It differs from this name only in upper and lower case.
    Case(&'a Issuer),
    /// It is an issuer of the configuration, but not one of the server.
    OfAnotherServer(&'a Issuer),
    /// It is not an issuer of the configuration.
    Unknown,
}

/// Compares the `iss` of a token that was refused for it. `of_server`: the names of the server's
/// issuers; `known`: those of all issuers.
#[must_use]
pub fn compare<'a>(found: &str, of_server: &[&'a Issuer], known: &'a [Issuer]) -> IssuerMiss<'a> {
    let same_but = |is_same: fn(&str, &str) -> bool| of_server.iter().find(|name| is_same(name, found)).copied();
    if let Some(name) = known.iter().find(|name| name.as_str() == found) {
        return IssuerMiss::OfAnotherServer(name);
    }
    if let Some(name) = same_but(|a, b| without_slash(a) == without_slash(b)) {
        return IssuerMiss::Slash(name);
    }
    if let Some(name) = same_but(|a, b| without_scheme(a) == without_scheme(b)) {
        return IssuerMiss::Scheme(name);
    }
    same_but(str::eq_ignore_ascii_case).map_or(IssuerMiss::Unknown, IssuerMiss::Case)
}

impl<'a> IssuerMiss<'a> {
    /// The name in the configuration that the `iss` is, or nearly is.
    #[must_use]
    pub fn named(&self) -> Option<&'a Issuer> {
        match self {
            Self::Slash(name) | Self::Scheme(name) | Self::Case(name) | Self::OfAnotherServer(name) => Some(name),
            Self::Unknown => None,
        }
    }

    /// Stable word for each kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Slash(_) => "slash",
            Self::Scheme(_) => "scheme",
            Self::Case(_) => "case",
            Self::OfAnotherServer(_) => "of_another_server",
            Self::Unknown => "unknown",
        }
    }

    /// What the operator can do. It repeats nothing of the token but what the configuration has.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Slash(name) => {
                let other = name.strip_suffix('/').map_or_else(|| format!("{name}/"), str::to_owned);
                format!("it differs from {name} only by the slash at its end: write {other} in the configuration")
            }
            Self::Scheme(name) => match name.split_once("://") {
                Some(("https", rest)) => {
                    format!(
                        "it differs from {name} only by its scheme: have the issuer write https, or write http://{rest} in the configuration"
                    )
                }
                Some((_, rest)) => {
                    format!("it differs from {name} only by its scheme: write https://{rest} in the configuration")
                }
                None => format!("it differs from {name} only by its scheme"),
            },
            Self::Case(name) => {
                format!(
                    "it differs from {name} only in upper and lower case: write the issuer in the configuration as its tokens do"
                )
            }
            Self::OfAnotherServer(name) => format!(
                "it is {name}, which this server does not accept: if it should, add its entry to authorization_servers \
                 of the server"
            ),
            Self::Unknown => {
                "if it is another spelling of an issuer of this server, add it to accepted_issuers of that \
                              issuer; otherwise the client has a token of another issuer"
                    .to_owned()
            }
        }
    }
}

fn without_slash(name: &str) -> &str {
    name.strip_suffix('/').unwrap_or(name)
}

fn without_scheme(name: &str) -> &str {
    name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_a3_an_iss_that_nearly_fits_is_told_with_what_to_write() {
        let known = ["https://a.example/t", "https://b.example/", "http://c.example", "https://other.example"]
            .map(Issuer::from);
        let of_server: Vec<&Issuer> = known.iter().take(3).collect();
        for (found, kind, says) in [
            ("https://a.example/t/", "slash", "write https://a.example/t/"),
            ("https://b.example", "slash", "write https://b.example"),
            ("http://a.example/t", "scheme", "or write http://a.example/t"),
            ("https://c.example", "scheme", "write https://c.example"),
            ("https://A.example/t", "case", "differs from https://a.example/t"),
            ("https://other.example", "of_another_server", "add its entry to authorization_servers"),
            ("https://evil.example/secret", "unknown", "accepted_issuers"),
            ("", "unknown", "accepted_issuers"),
            ("/", "unknown", "accepted_issuers"),
            ("https://a.example/t//", "unknown", "accepted_issuers"),
        ] {
            let miss = compare(found, &of_server, &known);
            assert_eq!(miss.kind(), kind, "{found}");
            let advice = miss.advice();
            assert!(advice.contains(says) && !advice.contains("secret"), "{found}: {advice}");
        }
        assert_eq!(compare("x", &[], &[]), IssuerMiss::Unknown);
    }
}
