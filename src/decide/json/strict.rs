//! Reads a JSON object with one meaning: no name twice, no byte order mark, no bytes after it.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Number, Value};

/// The bytes are not a JSON object with one meaning. The reason is not reported, because the input
/// is untrusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotStrict;

/// Reads one object from `bytes`, nested at most `depth_max` levels deep.
///
/// RFC 7515 §4 and RFC 7519 §4 let a reader use the last of two members with one name. Then one
/// reader may check the first and another use the last. So duplicates are refused at any depth.
///
/// # Errors
/// [`NotStrict`].
pub fn object(bytes: &[u8], depth_max: u32) -> Result<Map<String, Value>, NotStrict> {
    let mut reader = Deserializer::from_slice(bytes);
    let value = Strict { depth_left: depth_max }.deserialize(&mut reader).map_err(|_| NotStrict)?;
    reader.end().map_err(|_| NotStrict)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(NotStrict),
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth_left: u32,
}

impl Strict {
    fn inside<E: Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left }),
            None => Err(E::custom("too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON without duplicate names")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(inside)? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        // Names are compared after their escapes are read: `"a\u0075d"` is `"aud"`.
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inside)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate name"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b38_one_meaning_or_none() {
        let deep = |levels: usize| format!("{}{}{}", r#"{"a":"#.repeat(levels), "1", "}".repeat(levels)).into_bytes();
        let cases: [(&str, Vec<u8>, bool); 24] = [
            ("empty object", b"{}".to_vec(), true),
            ("white space around", b" \r\n\t{ \"a\" : [1, -2, 3.5, null, true, \"x\"] } \n".to_vec(), true),
            ("same name at two levels", br#"{"a":{"a":{}}}"#.to_vec(), true),
            ("escaped text", br#"{"a":"\u00e9\ud83d\ude00"}"#.to_vec(), true),
            ("as deep as allowed", deep(16), true),
            ("one deeper", deep(17), false),
            ("arrays count", format!(r#"{{"a":{}{}}}"#, "[".repeat(16), "]".repeat(16)).into_bytes(), false),
            ("a flood of brackets", "[".repeat(400_000).into_bytes(), false),
            ("duplicate", br#"{"a":1,"a":1}"#.to_vec(), false),
            ("duplicate below", br#"{"b":{"a":1,"a":2}}"#.to_vec(), false),
            ("duplicate in a list", br#"{"b":[{"a":1,"a":2}]}"#.to_vec(), false),
            ("duplicate by escape", br#"{"aud":1,"a\u0075d":2}"#.to_vec(), false),
            ("BOM", b"\xEF\xBB\xBF{}".to_vec(), false),
            ("trailing object", b"{}{}".to_vec(), false),
            ("trailing NUL", b"{}\0".to_vec(), false),
            ("trailing comma", br#"{"a":1,}"#.to_vec(), false),
            ("comment", b"{/**/}".to_vec(), false),
            ("not an object", b"[]".to_vec(), false),
            ("text", br#""{}""#.to_vec(), false),
            ("nothing", Vec::new(), false),
            ("bad UTF-8", b"{\"a\":\"\xC0\x80\"}".to_vec(), false),
            ("lone surrogate", br#"{"a":"\ud800"}"#.to_vec(), false),
            ("NaN", br#"{"a":NaN}"#.to_vec(), false),
            ("number out of range", br#"{"a":1e400}"#.to_vec(), false),
        ];
        for (case, bytes, good) in cases {
            assert_eq!(object(&bytes, 16).is_ok(), good, "{case}");
        }
    }
}
