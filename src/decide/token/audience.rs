//! Whether an `aud` value names a resource (RFC 8707 §2, RFC 3986 §6.2).

/// Whether `audience` is `resource`, perhaps in another spelling: scheme and host in any case, the
/// default port written out, and one slash more or less at the end, since both paths are one
/// server. No percent-decoding, no dot segments, no prefixes: each would let a token for one path
/// of this host open another path (SPEC B-13, B-15).
pub(in crate::decide) fn same(resource: &str, audience: &str) -> bool {
    if resource == audience {
        return true;
    }
    let (Some(ours), Some(theirs)) = (Parts::of(resource), Parts::of(audience)) else { return false };
    ours.scheme.eq_ignore_ascii_case(theirs.scheme)
        && ours.authority.eq_ignore_ascii_case(theirs.authority)
        && without_slash(ours.rest) == without_slash(theirs.rest)
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
