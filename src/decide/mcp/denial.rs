//! How a refusal by the rules is answered: a challenge, an error, or a result for the model.

use crate::decide::{
    mcp::{error::about::About, request::target::Target},
    refusal::{
        Refusal,
        row::{By, ChallengeKind},
    },
    token::caller::Caller,
};

/// `deny_as:` how a `tools/call` is answered that the rules refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenyAs {
    /// For machines a result, for all other callers a challenge: a library raises an error for a
    /// 403, and an agent without a user cannot step up.
    Auto,
    /// 403 with a challenge.
    Challenge,
    /// 200 with an `isError` result, for clients that drop the 403.
    ToolError,
}

/// The form of the answer to a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialForm {
    /// The status of the refusal, with `WWW-Authenticate`.
    Challenge,
    /// The status of the refusal alone: no scope would help.
    Error,
    /// 200, and a result that says why.
    ToolError,
}

impl DenialForm {
    /// The word in audit lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Error => "error",
            Self::ToolError => "tool_error",
        }
    }
}

impl DenyAs {
    /// The form of the answer. Only a call of a tool, with an id, that the rules refuse can get a
    /// result: an invalid token is never status 200 (SPEC A-59). A call without a token gets one
    /// only with `tool_error`, on a server with a public rule: ChatGPT asks its user to sign in by
    /// a result, and not by a 401.
    #[must_use]
    pub fn form(self, about: &About<'_>) -> DenialForm {
        let row = about.refusal.row();
        let may_read = match self {
            Self::Auto => about.caller.is_some_and(Caller::is_machine),
            Self::Challenge => false,
            Self::ToolError => true,
        };
        // Without a public rule, the target of such a call is not known: its body is not read.
        let needs_sign_in = matches!(about.refusal, Refusal::SignIn { .. } | Refusal::NoCredential);
        let is_denied_call = (matches!(row.by, By::Policy(_)) || needs_sign_in)
            && matches!(about.target, Some(Target::Tool(_)))
            && about.id.is_some();
        match row.challenge {
            _ if may_read && is_denied_call => DenialForm::ToolError,
            ChallengeKind::None => DenialForm::Error,
            ChallengeKind::Bare | ChallengeKind::SignIn(_) | ChallengeKind::Error(..) | ChallengeKind::Scope(_) => {
                DenialForm::Challenge
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{base::text::Text, decide::refusal::TokenFault};

    #[test]
    fn a50_a59_machines_can_read_a_refused_call_and_everyone_else_gets_the_challenge() {
        use DenialForm::{Challenge, Error, ToolError};

        let user = Caller::for_tests("ann", &[], json!({}));
        let machine = Caller::for_tests("ci", &[], json!({})).of_machine();
        let (call, id) = (Target::Tool("pay".into()), Text::from("1"));
        let scope = Refusal::Scope { needed: vec!["pay".into()] };
        let resource = Target::Resources(vec!["file:///a".into()]);
        // (refusal, target, id, caller, forms for auto, challenge and tool_error)
        let cases = [
            (&scope, &call, Some(&id), Some(&user), [Challenge, Challenge, ToolError]),
            (&scope, &call, Some(&id), Some(&machine), [ToolError, Challenge, ToolError]),
            (&Refusal::NoRule, &call, Some(&id), Some(&machine), [ToolError, Error, ToolError]),
            (&Refusal::Forbidden { rule: 0 }, &call, Some(&id), Some(&user), [Error, Error, ToolError]),
            // Without an id there is no answer to read.
            (&scope, &call, None, Some(&machine), [Challenge, Challenge, Challenge]),
            // Only calls of tools.
            (&scope, &resource, Some(&id), Some(&machine), [Challenge, Challenge, Challenge]),
            (&scope, &Target::Several(vec![call.clone()]), Some(&id), Some(&machine), [Challenge; 3]),
            // What is refused before the rules.
            (&Refusal::NoCredential, &resource, Some(&id), None, [Challenge; 3]),
            (&Refusal::Token(TokenFault::Expired), &call, Some(&id), None, [Challenge; 3]),
            (&Refusal::TooManyRequests, &call, Some(&id), Some(&machine), [Error; 3]),
            // A caller without a token can always sign in.
            (&Refusal::NoCredential, &call, Some(&id), None, [Challenge, Challenge, ToolError]),
            (&Refusal::NoCredential, &call, None, None, [Challenge; 3]),
        ];
        for (refusal, target, id, caller, expected) in cases {
            let about = About {
                refusal,
                id,
                method: Some("tools/call"),
                target: Some(target),
                caller,
                required_scopes: &[],
                takes_keys_alone: false,
            };
            let forms = [DenyAs::Auto, DenyAs::Challenge, DenyAs::ToolError].map(|deny_as| deny_as.form(&about));
            assert_eq!(forms, expected, "{refusal:?} {target:?}");
        }
    }
}
