//! Claims of the company IdP whose shape no entry of `grants` can match, although they look right.

use serde_json::Value;

use crate::decide::policy::claims::{self, ClaimValue};

/// How `claim` hides what the entry of `grants` with `values` asks for; `None` if it matches, or
/// simply has other values.
#[must_use]
pub fn hides(claim: &Value, values: &[ClaimValue]) -> Option<&'static str> {
    let is_compound = |value: &Value| value.is_object() || value.is_array();
    if claims::matches(claim, values) {
        return None;
    }
    match claim {
        Value::Object(_) => Some("an object"),
        Value::Array(list) if list.iter().any(is_compound) => Some("a list of lists or objects"),
        Value::String(text) => is_packed(text, values).then_some("several values in one text"),
        _ => None,
    }
}

/// Whether one of `values` is in a text such as `a,b`, `a b`, `a;b` or `["a","b"]`.
fn is_packed(text: &str, values: &[ClaimValue]) -> bool {
    let parts = text.split(|c: char| matches!(c, ',' | ';' | '[' | ']' | '"') || c.is_whitespace());
    parts.filter(|part| !part.is_empty()).any(|part| claims::matches(&Value::from(part), values))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn login_c5_a_claim_that_hides_a_value_of_grants_is_known() {
        let values = ["staff", "admins"].map(|text| ClaimValue::Is(json!(text)));
        for (claim, expected) in [
            (json!("staff"), None),
            (json!(["other", "staff"]), None),
            (json!(["other"]), None),
            (json!([]), None),
            (json!("other"), None),
            (json!("staffers,others"), None),
            (json!(true), None),
            (json!("other,staff"), Some("several values in one text")),
            (json!("other staff"), Some("several values in one text")),
            (json!(r#"["staff"]"#), Some("several values in one text")),
            (json!([["staff"]]), Some("a list of lists or objects")),
            (json!([{"name": "staff"}]), Some("a list of lists or objects")),
            (json!({"staff": true}), Some("an object")),
        ] {
            assert_eq!(hides(&claim, &values), expected, "{claim}");
        }
    }
}
