//! What a list tells clients of each tool: whether it is public, or which scopes it needs.

use serde_json::json;

use super::{names, needed};
use crate::decide::{
    mcp::request::target::Target,
    policy::rule::{Access, Policy},
};

/// The value of `securitySchemes` for a tool, in the shape that ChatGPT reads; an empty list if no
/// token permits the tool. Claims that a rule wants are not told.
#[must_use]
pub fn security_schemes(policy: &Policy, tool: &Target) -> String {
    let rule = match &policy.access {
        Access::Authenticated => None,
        Access::Rules(rules) => match rules.iter().find(|rule| names(&rule.subject, tool)) {
            Some(rule) => Some(rule),
            None => return json!([]).to_string(),
        },
    };
    if rule.is_some_and(|rule| rule.public) {
        return json!([{"type": "noauth"}]).to_string();
    }
    if rule.is_some_and(|rule| rule.deny && !rule.report_only) {
        return json!([]).to_string();
    }
    let scopes = needed(policy, &[], rule.filter(|rule| !rule.report_only));
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    json!([{"type": "oauth2", "scopes": scopes}]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::policy::{
        evaluate::tests::{policy, rule},
        rule::Subject,
    };

    #[test]
    fn d2_each_tool_says_what_its_rule_needs() {
        let rules = vec![
            rule(Subject::Tools, "drop_*").denies(),
            rule(Subject::Tools, "search").made_public(),
            rule(Subject::Tools, "pay").needs("pay").needs_any("a b"),
            rule(Subject::Tools, "watched").needs("w").reports(),
            rule(Subject::Tools, "profile"),
        ];
        let ruled = policy("mcp", rules);
        let open = Policy { access: Access::Authenticated, ..policy("mcp", Vec::new()) };
        for (policy, tool, expected) in [
            (&ruled, "search", r#"[{"type":"noauth"}]"#),
            (&ruled, "pay", r#"[{"scopes":["mcp","pay","a"],"type":"oauth2"}]"#),
            (&ruled, "watched", r#"[{"scopes":["mcp"],"type":"oauth2"}]"#),
            (&ruled, "profile", r#"[{"scopes":["mcp"],"type":"oauth2"}]"#),
            (&ruled, "drop_all", "[]"),
            (&ruled, "unknown", "[]"),
            (&open, "any", r#"[{"scopes":["mcp"],"type":"oauth2"}]"#),
        ] {
            assert_eq!(security_schemes(policy, &Target::Tool(tool.into())), expected, "{tool}");
        }
    }
}
