//! How sealed bytes are written into JSON: a list of numbers, or, if they are many, text.
//!
//! A list takes 3.6 characters a byte, text 1.4. Earlier releases read and write lists alone, so
//! short secrets stay lists: such a release may run beside this one during an upgrade.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// More bytes are written as text.
const LIST_BYTES_MAX: usize = 6 * 1_024;
/// What the text begins with: no other text of a stored value is taken for a secret.
const BEFORE: &str = "sealed:";

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    List(Vec<u8>),
    Text(Box<str>),
}

/// Writes them.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(sealed: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
    match sealed {
        Some(bytes) if bytes.len() > LIST_BYTES_MAX => to.serialize_some(&text(bytes)),
        sealed => sealed.serialize(to),
    }
}

/// Reads either form.
///
/// # Errors
/// It has neither form.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
    match Option::<Written>::deserialize(from)? {
        None => Ok(None),
        Some(Written::List(bytes)) => Ok(Some(bytes)),
        Some(Written::Text(written)) => {
            bytes(&written).map(Some).ok_or_else(|| serde::de::Error::custom("not sealed bytes"))
        }
    }
}

/// The bytes as text.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    format!("{BEFORE}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The bytes of [`text`]; `None` for any other text.
#[must_use]
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.strip_prefix(BEFORE)?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Kept {
        #[serde(default, with = "super")]
        sealed: Option<Vec<u8>>,
    }

    #[test]
    fn login_a8_short_secrets_are_lists_as_before_and_long_ones_text() {
        for (sealed, written) in [
            (None, json!({"sealed": null})),
            (Some(vec![0, 7, 255]), json!({"sealed": [0, 7, 255]})),
            (Some(vec![7; LIST_BYTES_MAX]), json!({"sealed": vec![7; LIST_BYTES_MAX]})),
            (Some(vec![7; LIST_BYTES_MAX + 1]), json!({"sealed": text(&[7; LIST_BYTES_MAX + 1])})),
        ] {
            let kept = Kept { sealed };
            assert_eq!(json!(kept), written);
            assert_eq!(serde_json::from_str::<Kept>(&written.to_string()).unwrap(), kept);
        }
        assert_eq!(serde_json::from_str::<Kept>("{}").unwrap(), Kept { sealed: None });
        for bad in [json!("BwcH"), json!("sealed:="), json!([256]), json!(7)] {
            assert!(serde_json::from_str::<Kept>(&json!({"sealed": bad}).to_string()).is_err(), "{bad}");
        }
    }
}
