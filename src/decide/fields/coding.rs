//! Content codings of answers: which one the upstream used, and whether the client accepts it.

use http::{HeaderMap, header::CONTENT_ENCODING};

mod allocator;
pub mod decoder;
mod expansion;

/// A content coding that the gateway decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `gzip` and `x-gzip`.
    Gzip,
    /// `deflate`: zlib, or bare as some servers send it.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

/// How an answer is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// Not at all.
    Plain,
    /// In one coding.
    By(Coding),
    /// In an unknown coding, or in several.
    Unknown,
}

const NAMES: [(&str, Coding); 5] = [
    ("gzip", Coding::Gzip),
    ("x-gzip", Coding::Gzip),
    ("deflate", Coding::Deflate),
    ("br", Coding::Brotli),
    ("zstd", Coding::Zstd),
];

/// The coding of an answer with these `headers`. Several codings, one above the other, are not
/// read: they multiply what a small answer decompresses to.
#[must_use]
pub fn of_answer(headers: &HeaderMap) -> Encoded {
    let mut found = Encoded::Plain;
    for element in headers.get_all(CONTENT_ENCODING).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
    {
        let name = element.trim_ascii();
        if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            continue;
        }
        found = match (found, named(name)) {
            (Encoded::Plain, Some(coding)) => Encoded::By(coding),
            _ => return Encoded::Unknown,
        };
    }
    found
}

fn named(name: &[u8]) -> Option<Coding> {
    NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, coding)| *coding)
}

/// Whether a client with this `Accept-Encoding` takes `coding` (RFC 9110 §12.5.3).
#[must_use]
pub fn is_accepted(accept_encoding: &[u8], coding: Coding) -> bool {
    let mut by_star = false;
    for element in accept_encoding.split(|byte| *byte == b',') {
        let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let is_refused = parts.any(is_zero_weight);
        if named(name) == Some(coding) {
            return !is_refused;
        }
        by_star |= name == b"*" && !is_refused;
    }
    by_star
}

/// Whether a parameter is `q=0`, in any of its spellings.
fn is_zero_weight(parameter: &[u8]) -> bool {
    let weight = parameter.split_at_checked(2).filter(|(name, _)| name.eq_ignore_ascii_case(b"q="));
    weight.is_some_and(|(_, weight)| weight.iter().all(|byte| matches!(byte, b'0' | b'.')))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn people_c3_attack_146_one_known_coding_is_read_and_nothing_else() {
        use Coding::{Brotli, Deflate, Gzip, Zstd};
        let cases: &[(&[&[u8]], Encoded)] = &[
            (&[], Encoded::Plain),
            (&[b"identity"], Encoded::Plain),
            (&[b"Identity , identity"], Encoded::Plain),
            (&[b""], Encoded::Plain),
            (&[b"gzip"], Encoded::By(Gzip)),
            (&[b"X-GZip"], Encoded::By(Gzip)),
            (&[b"deflate"], Encoded::By(Deflate)),
            (&[b"identity, br"], Encoded::By(Brotli)),
            (&[b"identity", b"zstd"], Encoded::By(Zstd)),
            (&[b"gzip, gzip"], Encoded::Unknown),
            (&[b"gzip", b"br"], Encoded::Unknown),
            (&[b"x-unknown"], Encoded::Unknown),
            (&[b"aes128gcm"], Encoded::Unknown),
            (&[b"identity\xff"], Encoded::Unknown),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(CONTENT_ENCODING, HeaderValue::from_bytes(line).unwrap());
            }
            assert_eq!(of_answer(&headers), *expected, "{lines:?}");
        }
    }

    #[test]
    fn people_c3_what_a_client_accepts() {
        for (accepts, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("identity, *;q=0.1", true),
            ("gzip; q=1, *;q=0", true),
            ("", false),
            ("identity", false),
            ("br, zstd", false),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("*;q=0", false),
            ("gzipped", false),
        ] {
            assert_eq!(is_accepted(accepts.as_bytes(), Coding::Gzip), expected, "{accepts:?}");
        }
    }
}
