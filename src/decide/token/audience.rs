//! Whether an `aud` value names a resource (RFC 8707 §2, RFC 3986 §6.2).

/// Whether `audience` is the resource of a server: as [`same`], or with one slash more or less at
/// the end, since both paths are one server (SPEC B-13, B-15).
pub(in crate::decide) fn same_server(resource: &str, audience: &str) -> bool {
    compare(resource, audience, |ours, theirs| without_slash(ours) == without_slash(theirs))
}

/// Whether two URIs are one, perhaps in another spelling: scheme and host in any case, the default
/// port written out, and a `/` after a root, which older clients always send. No percent-decoding,
/// no dot segments, no prefixes: each would let a token for one path of this host open another
/// path.
pub(in crate::decide) fn same(one: &str, other: &str) -> bool {
    compare(one, other, |ours, theirs| ours == theirs || (is_root(ours) && is_root(theirs)))
}

fn compare(one: &str, other: &str, is_same_rest: fn(&str, &str) -> bool) -> bool {
    if one == other {
        return true;
    }
    let (Some(ours), Some(theirs)) = (Parts::of(one), Parts::of(other)) else { return false };
    ours.scheme.eq_ignore_ascii_case(theirs.scheme)
        && ours.authority.eq_ignore_ascii_case(theirs.authority)
        && is_same_rest(ours.rest, theirs.rest)
}

fn is_root(rest: &str) -> bool {
    matches!(rest, "" | "/")
}

fn without_slash(rest: &str) -> &str {
    rest.strip_suffix('/').unwrap_or(rest)
}

/// A URI split into its parts, without decoding.
struct Parts<'a> {
    scheme: &'a str,
    /// Without the scheme's default port.
    authority: &'a str,
    /// Path, query and fragment.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(uri: &'a str) -> Option<Self> {
        let (scheme, after) = uri.split_once("://")?;
        let (authority, rest) = after.split_at_checked(after.find(['/', '?', '#']).unwrap_or(after.len()))?;
        let default_port = if scheme.eq_ignore_ascii_case("https") {
            ":443"
        } else if scheme.eq_ignore_ascii_case("http") {
            ":80"
        } else {
            // Only web URIs surely have a case-insensitive host. Any other resource is compared
            // byte by byte.
            return None;
        };
        Some(Self { scheme, authority: authority.strip_suffix(default_port).unwrap_or(authority), rest })
    }
}
