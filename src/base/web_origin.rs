//! Says whether a text is an origin as browsers send it in `Origin` (RFC 6454 §6.2).

use std::net::Ipv6Addr;

use super::names::split_port;

/// Whether `text` is `scheme://host[:port]` in lower case, without the default port: nothing else
/// that is written in `allowed_origins` ever matches. A browser sends a host with a dot at its end
/// as it is, but that is another name for the same pages, and is not accepted.
#[must_use]
pub fn is_web_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let Ok((host, port)) = split_port(authority) else { return false };
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let scheme_is_good =
        scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.bytes().all(|b| word(b) || b"+-.".contains(&b));
    let host_is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address),
        None => !host.is_empty() && !host.ends_with('.') && host.bytes().all(|b| word(b) || b"-._".contains(&b)),
    };
    let port_is_good = !authority.rsplit_once(':').is_some_and(|(_, port)| port.starts_with('0'));
    let default_port = matches!((scheme, port), ("https" | "wss", Some(443)) | ("http" | "ws", Some(80)));
    scheme_is_good && host_is_good && port_is_good && !default_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_436_only_what_a_browser_sends_is_an_origin() {
        for (text, is_origin) in [
            ("https://a.example", true),
            ("http://localhost:6274", true),
            ("vscode-webview://x1", true),
            ("http://[::1]:3000", true),
            ("https://evil\", \"*", false),
            ("https://evil\"]", false),
            ("https://a.example/", false),
            ("https://A.example", false),
            ("https://a.example:443", false),
            ("https://a@b", false),
            ("https://*", false),
            ("https://a.example.", false),
            ("https://.", false),
            ("https://a.example:080", false),
            ("https://a.example:08080", false),
            ("http://[::1]", true),
            ("http://[::1]:03000", false),
            ("file://", false),
            ("javascript:x", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(is_web_origin(text), is_origin, "{text}");
        }
    }
}
