//! The keys of one rule.

use crate::config::keys::row::{KeyRow, KeySection, PATTERN, SCOPE, ValueShape, filled_list, list, map};

/// The kinds of targets; each rule is about one of them.
pub(in crate::config) const TARGETS: &[&str] = &["tools", "resources", "prompts", "methods"];

/// `servers.*.rules[]`.
pub(super) fn section() -> KeySection {
    let patterns = || filled_list("patterns", PATTERN);
    KeySection {
        about: "One rule: the targets of one kind that it matches, and what a token needs for them. A rule without \
                conditions permits its targets to every caller that has `scopes` of the server.",
        one_of: TARGETS,
        keys: vec![
            KeyRow::optional("tools", patterns(), "Names of tools."),
            KeyRow::optional(
                "resources",
                patterns(),
                "URIs of resources. A URI is permitted where every reading of it that servers use is permitted. `*` \
                 and `?` do not cross a `/` unless the rule denies; `**` does, and `*` alone is every resource.",
            ),
            KeyRow::optional("prompts", patterns(), "Names of prompts."),
            KeyRow::optional(
                "methods",
                patterns(),
                "Protocol methods that touch no tool, resource or prompt. Unknown methods are refused without such a \
                 rule.",
            ),
            KeyRow::optional("scopes", list("scopes", SCOPE), "The token needs all of these scopes."),
            KeyRow::optional("any_scope", filled_list("scopes", SCOPE), "The token needs one of these scopes."),
            KeyRow::optional(
                "claims",
                map("accepted values by claim", ValueShape::ClaimValues),
                "Each of these claims of the token has one of its values. A key that starts with `/` is a JSON Pointer, such \
                 as `/realm_access/roles`. In `{glob: \"*@example.com\"}`, `*` is any text and `?` any character. \
                 An `email` matches nothing if the token says `email_verified: false` (or `xms_edov: false`): the log warns of it. Where the \
                 issuer says nothing about it, add `email_verified: true` if users can choose their address there.",
            ),
            KeyRow::flag("deny", "Refuses the targets to every caller. Such a rule has no conditions."),
            KeyRow::flag(
                "public",
                "Permits the targets to everyone, also without a token. Such a rule has no conditions, and is about tools, \
                 resources or prompts. Without a token pass only `initialize`, `ping`, lists, and what a public rule \
                 permits; a client that asks for more is told to sign in.",
            ),
            KeyRow::flag("report_only", "Permits what the rule would refuse, and logs it."),
        ],
    }
}
