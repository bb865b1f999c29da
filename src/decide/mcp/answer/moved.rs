//! Decides whether a redirect of an upstream adds or removes a final slash and nothing else.

use super::message_endpoint::{self, Base};

/// The longest part of a `Location` that a log line shows.
const SHOWN_BYTES_MAX: usize = 300;

/// The path to which `location` leads, if it is at a name of the same server and differs from the
/// path of `base` only by a slash at its end. The query of `location` is not read: the server wrote
/// it, and part of it may come from a client.
///
/// # Errors
/// Why the redirect is not followed.
pub fn slash(base: Base<'_>, location: &[u8]) -> Result<String, &'static str> {
    let end = location.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(location.len());
    let path = message_endpoint::resolve(base, location.get(..end).unwrap_or_default())?;
    let from = base.path_and_query.split('?').next().unwrap_or_default();
    let is_longer = path.strip_suffix('/').is_some_and(|shorter| shorter == from);
    let is_shorter = from.strip_suffix('/').is_some_and(|shorter| shorter == path);
    if is_longer || is_shorter { Ok(path) } else { Err("its path differs by more than a slash at its end") }
}

/// `location` for a log line: without its query, which may hold a client's secret, and without user
/// name and password.
#[must_use]
pub fn shown(location: &[u8]) -> String {
    let end = location.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(location.len());
    let shown = String::from_utf8_lossy(location.get(..end.min(SHOWN_BYTES_MAX)).unwrap_or_default()).into_owned();
    let without_user = match shown.split_once("//") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}//{host}{path}")
        }
        None => shown,
    };
    without_user.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::mcp::answer::server_origin::ServerOrigin;

    fn names(all: &[(bool, &str)]) -> Vec<ServerOrigin> {
        all.iter().map(|(https, authority)| ServerOrigin::new(*https, authority).unwrap()).collect()
    }

    #[test]
    fn people_c1_a_slash_at_the_end_is_the_only_difference_that_is_followed() {
        let names = names(&[(false, "up.example:8000"), (true, "alias.example")]);
        let base = |path_and_query| Base { names: &names, path_and_query };
        for (from, location, to) in [
            ("/a/mcp", "/a/mcp/", "/a/mcp/"),
            ("/a/mcp/", "/a/mcp", "/a/mcp"),
            ("/a/mcp?key=1", "/a/mcp/?key=2&x=3#y", "/a/mcp/"),
            ("/a/mcp?key=1", "http://up.example:8000/a/mcp/", "/a/mcp/"),
            ("/a/mcp", "HTTP://UP.EXAMPLE:8000/a/mcp/?{\"odd\":`query`}", "/a/mcp/"),
            ("/a/mcp", "https://alias.example/a/mcp/", "/a/mcp/"),
            ("/a/mcp", "https://alias.example:443/a/mcp/", "/a/mcp/"),
            ("/a/mcp", "//up.example:8000/a/mcp/", "/a/mcp/"),
            ("/a/mcp", "mcp/", "/a/mcp/"),
            ("/a/mcp", "./mcp/", "/a/mcp/"),
        ] {
            assert_eq!(slash(base(from), location.as_bytes()).as_deref(), Ok(to), "{from} {location}");
        }
    }

    #[test]
    fn people_c1_attack_273_any_other_redirect_is_not_followed() {
        let names = names(&[(false, "up.example:8000"), (true, "alias.example")]);
        for location in [
            "",
            "?x",
            "/a/mcp",
            "/a/mcp//",
            "//a/mcp/",
            "/a/MCP/",
            "/a/mcp/x",
            "/a/mcp/.",
            "/a/mcp/%2e",
            "/a/mcp%2f",
            "/a%2fmcp/",
            "/b/mcp/",
            "/",
            "/login",
            "http://evil.example/a/mcp/",
            "//evil.example/a/mcp/",
            "http://up.example/a/mcp/",
            "https://up.example:8000/a/mcp/",
            "http://alias.example/a/mcp/",
            "https://alias.example:8000/a/mcp/",
            "http://user@up.example:8000/a/mcp/",
            "http://up.example:8000@evil.example/a/mcp/",
            "http://up.example:8000.evil.example/a/mcp/",
            "http://up.example:8000\\@evil.example/a/mcp/",
            "http:/a/mcp/",
            "http:a/mcp/",
            "ftp://up.example:8000/a/mcp/",
            " /a/mcp/",
            "/a/mcp/ ",
            "/a/\u{e4}/",
        ] {
            let found = slash(Base { names: &names, path_and_query: "/a/mcp?k=/a/mcp/" }, location.as_bytes());
            // `/a/mcp/.` has a dot segment, which RFC 3986 removes.
            let is_same = location == "/a/mcp/.";
            assert_eq!(found.is_ok(), is_same, "{location}: {found:?}");
        }
        assert!(slash(Base { names: &names, path_and_query: "/" }, b"http://up.example:8000").is_err());
    }

    #[test]
    fn people_c1_a_log_line_shows_a_target_without_what_may_be_secret() {
        for (location, text) in [
            ("https://other.example/login?token=secret", "https://other.example/login"),
            ("https://user:secret@other.example/a#secret", "https://other.example/a"),
            ("/a/b?secret", "/a/b"),
            ("//u:secret@h", "//h"),
            ("/a\n\u{1b}[31m", "/a\\n\\u{1b}[31m"),
            ("", ""),
        ] {
            assert_eq!(shown(location.as_bytes()), text);
        }
        assert!(shown(&[b'x'; 5_000]).len() <= SHOWN_BYTES_MAX);
    }
}
