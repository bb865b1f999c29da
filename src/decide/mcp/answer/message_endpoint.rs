//! Resolves the message endpoint of a 2024-11-05 upstream: a path at its own origin (SPEC C-96).

use super::server_origin::ServerOrigin;
use crate::base::limits::messages::ENDPOINT_BYTES_MAX;

/// The URL against which a reference of the upstream is resolved.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// The names of the server; its own comes first.
    pub names: &'a [ServerOrigin],
    /// Path and query of the URL.
    pub path_and_query: &'a str,
}

const ELSEWHERE: &str = "it is neither at the upstream nor at one of its aliases";
const NO_URI: &str = "it is not a URI";

/// Resolves the URI of an `endpoint` event to path and query (RFC 3986 §5.2).
///
/// The `endpoint` event decides where this caller's messages go, together with the upstream's
/// credential: never to another server (attack 152). A URI with one of the server's other names is
/// at the server, and only its path and query are used.
///
/// # Errors
/// Why the endpoint cannot be used.
pub fn resolve(base: Base<'_>, reference: &[u8]) -> Result<String, &'static str> {
    let reference = std::str::from_utf8(reference).map_err(|_| NO_URI)?;
    // Browsers read `\` as `/`, and drop tabs and line ends.
    if reference.is_empty() || !reference.bytes().all(is_uri_byte) {
        return Err(NO_URI);
    }
    // A fragment is never sent.
    let reference = reference.split('#').next().unwrap_or_default();
    let rest = below_origin(base, reference)?;
    let base_path = base.path_and_query.split('?').next().unwrap_or_default();
    let (path, query) = rest.find('?').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    let whole = match path {
        "" => base_path.to_owned(),
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative => {
            let folder = base_path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{relative}")
        }
    };
    let resolved = without_dots(&whole)? + query;
    if is_own(&resolved) { Ok(resolved) } else { Err(NO_URI) }
}

/// Whether `target` is a path and query with one reading, as [`resolve`] makes it.
#[must_use]
pub fn is_own(target: &str) -> bool {
    // Two slashes at the start would name a host if the target were resolved again.
    target.starts_with('/')
        && !target.starts_with("//")
        && target.len() <= ENDPOINT_BYTES_MAX
        && target.bytes().all(|byte| is_uri_byte(byte) && byte != b'#')
}

/// The bytes of RFC 3986 §2.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// The part of `reference` after scheme and authority. If it has them, they must be one of the
/// names in `base`.
fn below_origin<'a>(base: Base<'_>, reference: &'a str) -> Result<&'a str, &'static str> {
    let marked = reference.find([':', '/', '?']).and_then(|at| reference.split_at_checked(at));
    let (scheme, rest) = match marked {
        Some((scheme, rest)) if rest.starts_with(':') => (Some(scheme), rest.get(1..).unwrap_or_default()),
        _ => (None, reference),
    };
    let https = match scheme {
        None => base.names.first().is_some_and(ServerOrigin::is_https),
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => true,
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => false,
        Some(_) => return Err(ELSEWHERE),
    };
    let Some(net) = rest.strip_prefix("//") else {
        // `http:messages` is a path to some readers and a host to others.
        return if scheme.is_some() { Err(NO_URI) } else { Ok(rest) };
    };
    let end = net.find(['/', '?']).unwrap_or(net.len());
    let (authority, rest) = net.split_at_checked(end).ok_or(NO_URI)?;
    if !base.names.iter().any(|name| name.is_at(https, authority)) {
        return Err(ELSEWHERE);
    }
    match rest.chars().next() {
        None => Ok("/"),
        Some('/') => Ok(rest),
        Some(_) => Err(NO_URI),
    }
}

/// Removes dot segments (RFC 3986 §5.2.4). An escaped dot is refused, because only some servers
/// decode it.
fn without_dots(path: &str) -> Result<String, &'static str> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ if matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..") => return Err(NO_URI),
            _ => kept.push(segment),
        }
    }
    Ok(format!("/{}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::limits::connections::URI_BYTES_MAX, decide::mcp::session_seal::SEAL_ADDS};

    fn named(names: &[(bool, &str)], path_and_query: &str, reference: &[u8]) -> Result<String, &'static str> {
        let names = names.iter().map(|(https, authority)| ServerOrigin::new(*https, authority).unwrap());
        super::resolve(Base { names: &names.collect::<Vec<_>>(), path_and_query }, reference)
    }

    #[derive(Clone, Copy)]
    enum At {
        Http,
        Https,
    }
    use At::{Http as HTTP, Https as HTTPS};

    fn resolve(at: At, reference: &[u8]) -> Result<String, &'static str> {
        match at {
            HTTP => named(&[(false, "up.example:8000")], "/a/sse?v=1", reference),
            HTTPS => named(&[(true, "up.example")], "/sse", reference),
        }
    }

    #[test]
    fn people_c6_an_endpoint_may_have_another_name_of_the_server() {
        let names = [(false, "up.example:8000"), (true, "Alias.example"), (false, "[::1]:9000")];
        for (reference, resolved) in [
            ("https://alias.example/m?x", "/m?x"),
            ("HTTPS://ALIAS.example:443/m", "/m"),
            ("http://[::1]:9000/m", "/m"),
            ("//up.example:8000/m", "/m"),
            ("http://up.example:8000/m", "/m"),
            ("/m", "/m"),
        ] {
            assert_eq!(named(&names, "/sse", reference.as_bytes()).as_deref(), Ok(resolved), "{reference}");
        }
    }

    #[test]
    fn people_c6_attack_274_what_only_looks_like_an_alias_is_refused() {
        let names = [(false, "up.example:8000"), (true, "alias.example")];
        for reference in [
            "http://alias.example/m",
            "http://alias.example:443/m",
            "https://alias.example:8443/m",
            "https://up.example:8000/m",
            "//alias.example/m",
            "https://alias.example.evil/m",
            "https://evil.alias.example/m",
            "https://alias.example@evil/m",
            "https://evil@alias.example/m",
            "https://alias.example./m",
            "https://alias-example/m",
            "https://aliasexample/m",
            "https:///m",
        ] {
            assert_eq!(named(&names, "/sse", reference.as_bytes()), Err(ELSEWHERE), "{reference}");
        }
        for reference in ["https://alias.example//evil/m", "https://alias.example\\@evil/m", "https:alias.example/m"] {
            assert_eq!(named(&names, "/sse", reference.as_bytes()), Err(NO_URI), "{reference}");
        }
    }

    #[test]
    fn c96_an_endpoint_of_the_same_origin_is_resolved() {
        for (reference, resolved) in [
            ("/messages?sessionId=x", "/messages?sessionId=x"),
            ("/messages/?session_id=0a1b", "/messages/?session_id=0a1b"),
            ("messages?sessionId=x", "/a/messages?sessionId=x"),
            ("../messages", "/messages"),
            ("../../../messages", "/messages"),
            ("./m/./n/../o", "/a/m/o"),
            ("m/..", "/a/"),
            ("/m/.", "/m/"),
            ("?id=1", "/a/sse?id=1"),
            ("/m?a=/../b:c?d", "/m?a=/../b:c?d"),
            ("/m#part", "/m"),
            ("/m/a:b@c", "/m/a:b@c"),
            ("/a//b", "/a//b"),
            ("http://up.example:8000/m?x", "/m?x"),
            ("HTTP://UP.example:8000/m", "/m"),
            ("http://up.example:8000", "/"),
            ("//up.example:8000/m", "/m"),
        ] {
            assert_eq!(resolve(HTTP, reference.as_bytes()).as_deref(), Ok(resolved), "{reference}");
        }
        for reference in ["https://up.example/m", "https://up.example:443/m", "//up.example/m"] {
            assert_eq!(resolve(HTTPS, reference.as_bytes()).as_deref(), Ok("/m"), "{reference}");
        }
    }

    #[test]
    fn attack_152_an_endpoint_of_another_origin_is_refused() {
        for reference in [
            "http://internal:9000/x",
            "//evil/x",
            "//evil",
            "https://up.example:8000/m",
            "http://up.example/m",
            "http://up.example:80/m",
            "http://up.example:8001/m",
            "http://up.example:8000@evil/m",
            "http://user@up.example:8000/m",
            "http://up.example.:8000/m",
            "http://up.example:8000.evil/m",
            "http://[::1]:8000/m",
            "http:///m",
            "///m",
            "////up.example:8000/m",
            "ftp://up.example:8000/m",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:,x",
            "mailto:a@b",
        ] {
            assert_eq!(resolve(HTTP, reference.as_bytes()), Err(ELSEWHERE), "{reference}");
        }
        assert_eq!(resolve(HTTPS, b"http://up.example/m"), Err(ELSEWHERE));
        assert_eq!(resolve(HTTPS, b"https://up.example:80/m"), Err(ELSEWHERE));
    }

    #[test]
    fn attack_152_what_could_be_read_as_another_uri_is_refused() {
        for reference in [
            "",
            "#part-of-nothing but space",
            " /m",
            "/m ",
            "/m\n/n",
            "/\t/evil/x",
            "/\\evil/x",
            "\\\\evil\\x",
            "http:\\\\evil",
            "http:m",
            "http:/m",
            "/\u{2215}m",
            "/m<x>",
            "/m\"x",
            "/%2e%2e/x",
            "/a/%2E/x",
            "/a/.%2e/x",
            "/.//evil/x",
            "/a/..//evil/x",
            "http://up.example:8000//evil/x",
            "http://up.example:8000?x",
        ] {
            assert_eq!(resolve(HTTP, reference.as_bytes()), Err(NO_URI), "{reference:?}");
        }
        assert_eq!(resolve(HTTP, b"/\xff"), Err(NO_URI));
        let fits = |length: usize| resolve(HTTP, format!("/{}", "x".repeat(length - 1)).as_bytes()).is_ok();
        assert!(fits(ENDPOINT_BYTES_MAX) && !fits(ENDPOINT_BYTES_MAX + 1));
    }

    #[test]
    fn c96_the_longest_endpoint_comes_back_in_a_uri_that_is_read() {
        let sealed = ENDPOINT_BYTES_MAX.div_ceil(3) * 4 + SEAL_ADDS;
        // Half of the bound is left for the public path, and for a prefix that a proxy before the
        // gateway adds.
        assert!(sealed < URI_BYTES_MAX / 2, "{sealed}");
    }

    #[test]
    fn what_was_resolved_is_our_own_and_nothing_else_is() {
        for own in ["/", "/m", "/m?x=%20&y", "/a//b"] {
            assert!(is_own(own), "{own}");
        }
        for other in ["", "m", "//m", "*", "http://a/m", "/m#x", "/m x", "/m\r\nHost: x", "/\u{e9}"] {
            assert!(!is_own(other), "{other:?}");
        }
    }
}
