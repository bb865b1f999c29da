//! Shows which resource a URI means: without its user, the values of its query, and its fragment.

use std::fmt::{self, Display, Formatter};

use crate::base::shown::{has_jwt, is_like_address, is_like_key, part_kept, part_shown};

/// A URI that says which resource is meant, and not with which key it is read.
#[derive(Clone, Copy)]
pub struct UriShown<'a> {
    uri: &'a str,
    is_template: bool,
    /// Whether parts of the path are cut that could be keys.
    cuts_keys: bool,
}

/// `uri` without its user, the values of its query, its fragment, and JWTs in its path. Nothing is
/// allocated.
#[must_use]
pub fn uri_shown(uri: &str) -> UriShown<'_> {
    UriShown { uri, is_template: false, cuts_keys: false }
}

/// As [`uri_shown`], of a URI template: an expression that has names alone, such as `{?units}`,
/// stays.
#[must_use]
pub fn template_shown(uri: &str) -> UriShown<'_> {
    UriShown { is_template: true, ..uri_shown(uri) }
}

impl UriShown<'_> {
    /// Also without the parts of its path that could be keys, ids or addresses: for the log.
    #[must_use]
    pub fn without_keys(self) -> Self {
        Self { cuts_keys: true, ..self }
    }

    /// Where the query or the fragment begins.
    fn end_of_path(&self) -> usize {
        let begins = |at: usize| {
            let (before, after) = self.uri.split_at_checked(at).unwrap_or_default();
            !(self.is_template && before.ends_with('{') && is_expression(after))
        };
        self.uri.match_indices(['?', '#']).map(|(at, _)| at).find(|at| begins(*at)).unwrap_or(self.uri.len())
    }

    fn write_part(&self, part: &str, out: &mut Formatter<'_>) -> fmt::Result {
        if self.cuts_keys { out.write_str(&part_shown(part)) } else { part_kept(part, out) }
    }
}

impl Display for UriShown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (before, rest) = self.uri.split_at_checked(self.end_of_path()).unwrap_or((self.uri, ""));
        let (start, after) = opened(before);
        out.write_str(start)?;
        let host_on = user_end(after, rest);
        if host_on.is_some() {
            out.write_str("…@")?;
        }
        let shown = host_on.map_or(after, |at| after.get(at..).unwrap_or_default());
        let has_host = host_on.is_some() || start.ends_with(['/', '\\']);
        let mut before_part = "";
        for (index, piece) in shown.split_inclusive(['/', '\\']).enumerate() {
            let part = piece.trim_end_matches(['/', '\\']);
            match part {
                _ if index == 0 && has_host && (!is_like_key(part) || is_name(part)) => out.write_str(part)?,
                // A URL in a path may have a user of its own.
                _ if is_like_address(part)
                    && (before_part.is_empty() || before_part.ends_with(':') || has_colon(part)) =>
                {
                    out.write_str("…")?;
                }
                _ => self.write_part(part, out)?,
            }
            out.write_str(piece.get(part.len()..).unwrap_or_default())?;
            before_part = part;
        }
        write_query(rest, out)
    }
}

/// The scheme and the slashes after it, in any spelling; and what follows them.
fn opened(text: &str) -> (&str, &str) {
    let is_scheme = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let after = text.split_once(':').filter(|(name, _)| is_scheme(name)).map_or(text, |(_, after)| after);
    let after = after.trim_start_matches(['/', '\\']);
    text.split_at_checked(text.len() - after.len()).unwrap_or(("", text))
}

/// What follows the user, who may have a password, in any reading of what follows the slashes:
/// after an `@`. Where there may be one that is not seen, nothing.
fn user_end(text: &str, rest: &str) -> Option<usize> {
    let last = |text: &str| text.rfind('@').map(|at| at + 1).max(text.rfind("%40").map(|at| at + 3));
    let authority = text.split(['/', '\\']).next().unwrap_or_default();
    let port = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, port)) => port.strip_prefix(':'),
        None => authority.split_once(':').map(|(_, port)| port),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_unclear = |one: char| one == '\\' || one.is_control() || one.is_whitespace();
    if text.contains(is_unclear) {
        return last(text);
    }
    match last(authority) {
        Some(end) => Some(end),
        // The password may have a slash or a question mark.
        None if port.is_some() && authority == text && rest.contains('@') => Some(text.len()),
        None if port.is_some_and(|port| !is_port(port)) => last(text),
        None => None,
    }
}

/// Whether a host is a name of several labels, and no token.
fn is_name(host: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    let is_long = host.split('.').any(|label| label.len() > 63);
    host.contains('.') && !is_long && host.bytes().all(is_word) && !has_jwt(host)
}

fn has_colon(part: &str) -> bool {
    part.contains(':') || part.contains("%3A") || part.contains("%3a")
}

/// Whether `after` begins with the rest of an expression of a URI template that has names alone:
/// `?units,days}` (RFC 6570 §3.2.8).
fn is_expression(after: &str) -> bool {
    let Some((names, _)) = after.get(1..).and_then(|names| names.split_once('}')) else { return false };
    names.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.,*:%".contains(&byte))
        && !names.split(',').any(is_like_key)
}

fn write_query(rest: &str, out: &mut Formatter<'_>) -> fmt::Result {
    let (query, fragment) = rest.split_once('#').map_or((rest, None), |(query, rest)| (query, Some(rest)));
    if let Some(query) = query.strip_prefix('?') {
        for (index, parameter) in query.split('&').enumerate() {
            out.write_str(if index == 0 { "?" } else { "&" })?;
            match parameter.split_once('=').filter(|(name, _)| !is_like_key(name) && !is_like_address(name)) {
                Some((name, _)) => write!(out, "{name}=…")?,
                None if parameter.is_empty() => {}
                None => out.write_str("…")?,
            }
        }
    }
    if fragment.is_some() { out.write_str("#…") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_435_a_uri_names_its_resource_and_shows_no_value_of_its_query() {
        for (uri, seen) in [
            ("file:///reports/2026.pdf", "file:///reports/2026.pdf"),
            ("https://drive.example/x?token=SECRET&sig=abcd", "https://drive.example/x?token=…&sig=…"),
            ("https://drive.example/x?SECRET", "https://drive.example/x?…"),
            ("https://drive.example/x?U0VDUkVUU0VDUkVU==", "https://drive.example/x?…"),
            ("https://drive.example/x?a=1&&b#token=SECRET", "https://drive.example/x?a=…&&…#…"),
            ("https://ada:SECRET@drive.example/x@y?z=1", "https://…@drive.example/x@y?z=…"),
            ("db://rows/a@b", "db://rows/a@b"),
            ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
            ("note:1#SECRET", "note:1#…"),
            ("https://drive.example/x{?token=SECRET", "https://drive.example/x{?token=…"),
            ("https://drive.example/x{#SECRET", "https://drive.example/x{#…"),
            ("https://drive.example/x{?SECRET}", "https://drive.example/x{?…"),
            ("", ""),
        ] {
            assert_eq!(uri_shown(uri).to_string(), seen);
        }
        for (template, seen) in [
            ("weather://{city}{?units,days}", "weather://{city}{?units,days}"),
            ("weather://{city}{?units}?token=SECRET", "weather://{city}{?units}?token=…"),
            ("weather://{city}{?token=SECRET}", "weather://{city}{?token=…"),
            ("weather://{city}{?SECRET", "weather://{city}{?…"),
            ("weather://{city}{?ghp_0123456789abcdef}", "weather://{city}{?…"),
            ("weather://{city}{#part}{?SECRET key}", "weather://{city}{#part}{?…"),
        ] {
            assert_eq!(template_shown(template).to_string(), seen);
        }
    }

    #[test]
    fn attack_438_a_user_is_not_shown_in_any_reading_of_a_uri() {
        for (uri, seen) in [
            ("https:\\\\ada:SECRET@drive.example/x", "https:\\\\…@drive.example/x"),
            ("//ada:SECRET@drive.example/x", "//…@drive.example/x"),
            ("https:/ada:SECRET@drive.example/x", "https:/…@drive.example/x"),
            ("https:ada:SECRET@drive.example/x", "https:…@drive.example/x"),
            ("https:///ada:SECRET@drive.example/x", "https:///…@drive.example/x"),
            ("https://ada:SEC/RET@drive.example/x", "https://…@drive.example/x"),
            ("https://ada:SEC\\RET@drive.example/x", "https://…@drive.example/x"),
            ("https://ada:1?SECRET@drive.example/x", "https://…@?…"),
            ("https://ada%3ASECRET%40drive.example/x", "https://…@drive.example/x"),
            ("ht\ttps://ada:SECRET@drive.example/x", "…@drive.example/x"),
            (" https://ada:SECRET@drive.example/x", "…@drive.example/x"),
            ("view-source:https://ada:SECRET@drive.example/x", "view-source:…@drive.example/x"),
            ("https://r.example/https://ada:SECRET@drive.example/x", "https://r.example/https://…/x"),
            ("https://r.example/https:/SECRET@drive.example/x", "https://r.example/https:/…/x"),
            ("https://r.example/a/ada:SECRET@drive.example", "https://r.example/a/…"),
        ] {
            assert_eq!(uri_shown(uri).to_string(), seen, "{uri:?}");
            assert!(!uri_shown(uri).without_keys().to_string().contains("SEC"), "{uri:?}");
        }
    }

    #[test]
    fn attack_439_a_part_of_a_uri_that_could_be_a_key_is_not_in_the_log() {
        const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2EifQ.c2lnbmF0dXJlc2lnbmF0dXJl";
        for (uri, kept, told) in [
            (
                "https://a.example/reset/ghp_0123456789abcdefghijklmnopqrstuvwxyz",
                "https://a.example/reset/ghp_0123456789abcdefghijklmnopqrstuvwxyz",
                "https://a.example/reset/ghp_0123…",
            ),
            (&format!("https://a.example/{JWT}/x"), "https://a.example/eyJ…/x", "https://a.example/eyJhbGci…/x"),
            (&format!("https://a.example/x;t={JWT}"), "https://a.example/x;t=eyJ…", "https://a.example/x;t=eyJh…"),
            (&format!("token://{JWT}"), "token://eyJ…", "token://eyJhbGci…"),
            ("token://0123456789abcdef", "token://0123456789abcdef", "token://0123…"),
            ("note:0123456789abcdef", "note:0123456789abcdef", "note:0123…"),
            ("file:///users/ada@corp.example/x", "file:///users/ada@corp.example/x", "file:///users/…/x"),
            (
                "https://ec2-10-0-0-1.aws.example/x",
                "https://ec2-10-0-0-1.aws.example/x",
                "https://ec2-10-0-0-1.aws.example/x",
            ),
        ] {
            let shown = uri_shown(uri);
            assert_eq!([shown.to_string(), shown.without_keys().to_string()], [kept, told], "{uri}");
        }
    }
}
