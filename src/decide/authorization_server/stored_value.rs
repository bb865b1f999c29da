//! How a stored value carries its seal: the last member of its JSON object.
//!
//! `{"a":1}` becomes `{"a":1,"sealed":"<key id>.<tag>"}`: an earlier version of this program reads
//! the same object, because it ignores members that it does not know. A list, such as a consent,
//! becomes `{"value":[1],"sealed":"…"}`: to an earlier version it is unreadable, and the user is
//! asked again.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// What comes before a list.
const BEFORE_LIST: &[u8] = b"{\"value\":";
const BEFORE_ID: &[u8] = b",\"sealed\":\"";
const ID_CHARS: usize = 8;
const TAG_CHARS: usize = 43;
const AFTER_TAG: &[u8] = b"\"}";
/// The length of the whole member, with the brace that ends the object.
const SEAL_BYTES: usize = BEFORE_ID.len() + ID_CHARS + 1 + TAG_CHARS + AFTER_TAG.len();

/// Names a seal key and reveals nothing of it: 32 bits derived from it, as hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SealKeyId([u8; 4]);

impl SealKeyId {
    /// From the derived bits.
    #[must_use]
    pub const fn new(bits: [u8; 4]) -> Self {
        Self(bits)
    }

    fn read(digits: &[u8]) -> Option<Self> {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == ID_CHARS)?;
        // Only the spelling that is written: one value has one form.
        let is_plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten().map(|bits| Self(bits.to_be_bytes()))
    }
}

impl fmt::Display for SealKeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A stored value, taken apart; its tag is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredValue {
    /// The value without its seal.
    pub plain: Vec<u8>,
    /// The key and the tag; `None` for a value from before values were sealed.
    pub seal: Option<(SealKeyId, [u8; 32])>,
}

/// `plain` with its seal; `None` unless it is a JSON object with members, or a list.
#[must_use]
pub fn join(plain: &[u8], key: SealKeyId, tag: &[u8; 32]) -> Option<Vec<u8>> {
    let (before, members) = match plain.strip_suffix(b"}") {
        Some(members) if is_object(members) => (&b""[..], members),
        None if is_list(plain) => (BEFORE_LIST, plain),
        _ => return None,
    };
    let (key, tag) = (key.to_string(), URL_SAFE_NO_PAD.encode(tag));
    Some([before, members, BEFORE_ID, key.as_bytes(), b".", tag.as_bytes(), AFTER_TAG].concat())
}

/// Takes a stored value apart.
#[must_use]
pub fn split(stored: &[u8]) -> StoredValue {
    let sealed = || {
        let (members, seal) = stored.split_at_checked(stored.len().checked_sub(SEAL_BYTES)?)?;
        let (id, rest) = seal.strip_prefix(BEFORE_ID)?.split_at_checked(ID_CHARS)?;
        let tag = rest.strip_prefix(b".")?.strip_suffix(AFTER_TAG)?;
        let tag: [u8; 32] = URL_SAFE_NO_PAD.decode(tag).ok()?.try_into().ok()?;
        let plain = match members.strip_prefix(BEFORE_LIST) {
            Some(list) => is_list(list).then(|| list.to_vec())?,
            None => is_object(members).then(|| [members, b"}"].concat())?,
        };
        Some(StoredValue { seal: Some((SealKeyId::read(id)?, tag)), plain })
    };
    sealed().unwrap_or_else(|| StoredValue { plain: stored.to_vec(), seal: None })
}

/// Whether a text without its last brace can be an object with members, and no list with a seal.
fn is_object(members: &[u8]) -> bool {
    members.len() > 1 && members.starts_with(b"{") && !members.starts_with(BEFORE_LIST)
}

fn is_list(text: &[u8]) -> bool {
    text.starts_with(b"[") && text.ends_with(b"]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SealKeyId = SealKeyId::new([0, 0xab, 1, 0xff]);

    #[test]
    fn login_a11_what_is_joined_is_split_again_and_older_readers_see_the_same_members() {
        let plain = br#"{"client":"a","n":[1,2]}"#;
        let stored = join(plain, KEY, &[7; 32]).unwrap();
        assert_eq!(split(&stored), StoredValue { plain: plain.to_vec(), seal: Some((KEY, [7; 32])) });
        let json: serde_json::Value = serde_json::from_slice(&stored).unwrap();
        assert_eq!((json["client"].as_str(), json["n"][1].as_u64()), (Some("a"), Some(2)));
        assert!(json["sealed"].as_str().unwrap().starts_with("00ab01ff."));
        let list = join(br#"[["r",["a"]]]"#, KEY, &[7; 32]).unwrap();
        assert_eq!(split(&list), StoredValue { plain: br#"[["r",["a"]]]"#.to_vec(), seal: Some((KEY, [7; 32])) });
        assert!(serde_json::from_slice::<serde_json::Value>(&list).unwrap().is_object());
        for other in [&b""[..], b"{}", b"}", b"\"text\"", br#"{"value":[1]}"#, b"[1", b"1]"] {
            assert_eq!(join(other, KEY, &[7; 32]), None);
        }
    }

    #[test]
    fn login_a11_what_is_not_exactly_a_seal_is_none() {
        let stored = join(br#"{"a":1}"#, KEY, &[7; 32]).unwrap();
        let text = String::from_utf8(stored).unwrap();
        for bent in [
            text.replace(",\"sealed", ", \"sealed"),
            text.replace("00ab01ff", "00AB01FF"),
            text.replace("00ab01ff", "00ab01fg"),
            text.replace("00ab01ff.", "00ab01ff:"),
            format!("{text} "),
            format!("{{\"in\":{text}}}"),
            text.replace("\"}", "}"),
            r#"{"name":"x\",\"sealed\":\"00ab01ff.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}"#.to_owned(),
        ] {
            assert_eq!(split(bent.as_bytes()), StoredValue { plain: bent.clone().into_bytes(), seal: None }, "{bent}");
        }
    }
}
