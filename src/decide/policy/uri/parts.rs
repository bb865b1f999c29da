//! Splits a URI into its parts (RFC 3986 §3), and finds the spellings of each part.

use std::net::Ipv6Addr;

use url::{Host, Url};

use crate::base::percent::unescape;

/// A URI split into its parts. Only the scheme is checked.
pub(super) struct UriParts<'t> {
    pub(super) scheme: &'t str,
    pub(super) authority: Option<&'t str>,
    pub(super) path: &'t str,
    /// With its `?`.
    query: &'t str,
    /// With its `#`.
    fragment: &'t str,
    /// All after the scheme and `//`.
    rest: &'t str,
}

impl<'t> UriParts<'t> {
    /// Splits `text`; `None` if it has no scheme.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme {
            return None;
        }
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(rest) => (Some(before(rest, &['/', '?', '#'])), rest),
            None => (None, rest),
        };
        let after = rest.strip_prefix(authority.unwrap_or_default()).unwrap_or_default();
        let path = before(after, &['?', '#']);
        let after = after.strip_prefix(path).unwrap_or_default();
        let query = before(after, &['#']);
        let fragment = after.strip_prefix(query).unwrap_or_default();
        Some(Self { scheme, authority, path, query, fragment, rest })
    }

    /// All spellings of the part after the authority: without dot segments, without doubled
    /// slashes, with and without the query and the fragment, and with `?` and `#` as ordinary
    /// letters of the path.
    pub(super) fn tails(&self) -> Vec<String> {
        let Self { path, query, fragment, .. } = self;
        let query = if *query == "?" { "" } else { query };
        let whole = format!("{path}{}{fragment}", self.query);
        let mut tails = Vec::new();
        for path in [without_dots(path), without_dots(&collapsed(path))] {
            tails.push(format!("{path}{}{fragment}", self.query));
            tails.push(format!("{path}{query}"));
        }
        if !(self.query.is_empty() && fragment.is_empty()) {
            tails.push(without_dots(&whole));
            tails.push(without_dots(&collapsed(&whole)));
        }
        tails.dedup();
        tails
    }

    /// All after `//`.
    pub(super) fn whole(&self) -> &str {
        self.rest
    }

    /// As [`Self::whole`], where the authority is a folder that `..` can leave.
    pub(super) fn climbed(&self) -> String {
        let climbed = without_dots(&format!("/{}", self.rest));
        climbed.strip_prefix('/').unwrap_or(&climbed).to_owned()
    }
}

/// `tail` without the slash at the end of its path; `None` if it has no such slash.
pub(super) fn bare(tail: &str) -> Option<String> {
    let path = before(tail, &['?', '#']);
    let after = tail.strip_prefix(path)?;
    path.strip_suffix('/').map(|path| format!("{path}{after}"))
}

/// The most parameters that a query may have. [`super::hazard`] refuses more.
pub(super) const PARAMETERS_MAX: usize = 32;

/// The parameters of the query, if there is one.
pub(in crate::decide::policy) fn parameters(text: &str) -> impl Iterator<Item = &str> {
    let (_, query) = before(text, &['#']).split_once('?').unwrap_or_default();
    query.split('&').filter(|parameter| !parameter.is_empty())
}

/// `text` with each parameter of its query moved to the front, and with that parameter alone. Empty
/// if the query has fewer than two parameters.
pub(super) fn parameter_orders(text: &str) -> Vec<String> {
    let mut orders = Vec::new();
    let short = before(text, &['#']);
    let (front, query) = short.split_once('?').unwrap_or_default();
    if !query.contains('&') {
        return orders;
    }
    for (index, first) in parameters(text).take(PARAMETERS_MAX).enumerate() {
        let others = parameters(text).enumerate().filter(|(other, _)| *other != index);
        let rest: Vec<&str> = others.map(|(_, parameter)| parameter).collect();
        orders.push(format!("{front}?{first}"));
        if !rest.is_empty() {
            orders.push(format!("{front}?{first}&{}", rest.join("&")));
        }
    }
    orders
}

/// `text` without the delimiters of RFC 3986 appendix C: `<URL:…>`. Python's `urllib` removes them.
pub(super) fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text).trim();
    match text.split_at_checked(4) {
        Some((word, rest)) if word.eq_ignore_ascii_case("url:") => rest.trim(),
        _ => text,
    }
}

/// `text` up to the first of `ends`.
pub(super) fn before<'t>(text: &'t str, ends: &[char]) -> &'t str {
    text.split(ends).next().unwrap_or_default()
}

/// How an authority may be written: with and without userinfo, in lower case, without a usual or
/// empty port.
pub(super) fn authorities(scheme: &str, authority: &str) -> Vec<String> {
    let (userinfo, address) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let (host, port) = host_and_port(address);
    let host = host.to_lowercase();
    let host = host.strip_suffix('.').filter(|host| !host.is_empty()).unwrap_or(&host);
    let usual = match scheme {
        "http" | "ws" => "80",
        "https" | "wss" => "443",
        "ftp" => "21",
        _ => "",
    };
    let number = port.trim_start_matches('0');
    let number = if number.is_empty() && !port.is_empty() { "0" } else { number };
    let address = if number.is_empty() || number == usual { host.to_owned() } else { format!("{host}:{number}") };
    let with_user = userinfo.map(|user| format!("{user}@{address}"));
    with_user.into_iter().chain([address]).collect()
}

fn host_and_port(address: &str) -> (&str, &str) {
    match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (address, ""),
    }
}

/// The address that a host name means when it is dialled, whatever the scheme: `127.1` is
/// `127.0.0.1`.
pub(super) fn dialled(authority: &str) -> Option<String> {
    let address = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = host_and_port(address);
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    let dialled = match url.host()? {
        Host::Domain(_) => return None,
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => mapped(address).unwrap_or_else(|| format!("[{address}]")),
    };
    let number = port.trim_start_matches('0');
    Some(if number.is_empty() || number == "80" { dialled } else { format!("{dialled}:{number}") })
}

fn mapped(address: Ipv6Addr) -> Option<String> {
    address.to_ipv4_mapped().map(|address| address.to_string())
}

/// A path without `.` and `..` segments, however their dots are escaped (RFC 3986 §5.2.4).
pub(super) fn without_dots(path: &str) -> String {
    let (lead, path) = path.strip_prefix('/').map_or(("", path), |rest| ("/", rest));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match dots(segment) {
            Some(count) => {
                if count == 2 {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            None => kept.push(segment),
        }
    }
    format!("{lead}{}", kept.join("/"))
}

/// The number of dots, if the segment is `.` or `..`.
fn dots(segment: &str) -> Option<usize> {
    let mut rest = segment;
    let mut count = 0;
    while !rest.is_empty() {
        let dot = ["%2e", "%2E", "."].into_iter().find_map(|dot| rest.strip_prefix(dot));
        rest = dot.filter(|_| count < 2)?;
        count += 1;
    }
    (count > 0).then_some(count)
}

/// `path` with each run of slashes written as one.
pub(super) fn collapsed(path: &str) -> String {
    let mut single = String::with_capacity(path.len());
    for character in path.chars() {
        if !(character == '/' && single.ends_with('/')) {
            single.push(character);
        }
    }
    single
}

/// `text`, percent-decoded once. A `%` without two hex digits stays; bytes that are not UTF-8
/// become U+FFFD.
pub(super) fn decoded(text: &str) -> String {
    unescape(text).decode_utf8_lossy().into_owned()
}
