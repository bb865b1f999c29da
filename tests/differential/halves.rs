//! Half surrogate pairs in JSON: which bodies have one, and the same body without them.

/// The body with each half of a pair as U+FFFD; the same bytes if it has none.
pub fn mended(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((first, behind)) = rest.split_first() {
        let taken = match (first, behind.first(), unit(rest)) {
            (b'\\', _, Some(0xD800..=0xDBFF)) if matches!(unit(&rest[6..]), Some(0xDC00..=0xDFFF)) => 12,
            (b'\\', _, Some(0xD800..=0xDFFF)) => {
                out.extend_from_slice(b"\\ufffd");
                rest = &rest[6..];
                continue;
            }
            (b'\\', Some(_), _) => 2,
            _ => 1,
        };
        out.extend_from_slice(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

/// The code unit of the escape `\uXXXX` that `text` begins with.
fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.get(..6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}
