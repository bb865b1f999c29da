//! The keys of `login.github`: GitHub, or a GitHub Enterprise Server.

use serde_json::json;

use crate::config::keys::{
    reach::ca,
    row::{KeyRow, KeySection, NAME, SECRET, filled, filled_list, matching},
};

/// `url` of GitHub itself.
pub(in crate::config) const GITHUB: &str = "https://github.com";

/// `login.github`.
pub(super) fn section() -> KeySection {
    KeySection {
        about: "GitHub, at which users log in: with a GitHub App, whose user tokens expire, or an OAuth app. Users have \
                the claims `id`, `login`, `name`, `email` (the primary address, if it is verified), `organizations` \
                and `teams`: of these two, what the configuration names.",
        one_of: &[],
        keys: vec![
            KeyRow::optional(
                "url",
                matching("a URL", "^https?://[^/?#@]+/?$"),
                "Where GitHub is: `https://github.com`, a GitHub with data residency such as `https://acme.ghe.com`, \
                 or a GitHub Enterprise Server.",
            )
            .or(json!(GITHUB)),
            ca(),
            KeyRow::flag("allow_http", "Dangerous: permits an `http://` URL on another host than this one."),
            KeyRow::required("client_id", NAME, "The client id of the app at GitHub."),
            KeyRow::required("client_secret", SECRET, "A client secret of the app at GitHub."),
            KeyRow::optional(
                "organizations",
                filled_list("organizations", filled("the login of an organization")),
                "Active members of any of these organizations may sign in, each written as its login, or as `login#id`: if \
                 an organization is renamed, another one can take its login. A billing manager is not a member.",
            )
            .or_else("no organization is needed, unless `teams` is written"),
            KeyRow::optional(
                "teams",
                filled_list("teams", matching("a team", "^[^/]+/[^/]+$")),
                "Members of any of these teams may sign in, each written as `organization/team`, the words of its address \
                 at GitHub, or as `organization/team#id`. Members of a child team count only if the child team is \
                 written, too.",
            )
            .or_else("no team is needed, unless `organizations` is written"),
            KeyRow::flag(
                "trust_email",
                "Whether an address of an Enterprise Server counts. Such a server verifies no address, although it \
                 says so; those of `github.com` and `ghe.com` count if they are verified.",
            ),
        ],
    }
}
