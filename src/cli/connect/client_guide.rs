//! What is known of one MCP client, and how a client that cannot register gets an id.

use crate::cli::connect::{
    endpoint::{McpEndpoint, SignIn},
    guide::Steps,
};

/// One MCP client.
#[derive(Debug)]
pub(super) struct ClientGuide {
    /// What to type for it; the first is the usual one.
    pub names: &'static [&'static str],
    /// How it calls itself.
    pub title: &'static str,
    /// The redirect URIs of a client that is registered by hand.
    pub redirect_uris: &'static [&'static str],
    /// What to do in it.
    pub steps: fn(&McpEndpoint, &ClientGuide) -> Steps,
}

impl ClientGuide {
    /// What to do in it, as Markdown.
    pub(super) fn steps(&self, of: &McpEndpoint) -> String {
        (self.steps)(of, self).finish()
    }

    /// How a client that cannot register itself gets an id; `enter` says where to type it.
    pub(super) fn own_client(&self, steps: Steps, of: &McpEndpoint, enter: &str) -> Steps {
        let uris = match self.redirect_uris {
            [] => String::new(),
            [one] => format!(" with the redirect URI {one}"),
            several => format!(" with the redirect URIs {}", several.join(" and ")),
        };
        match &of.sign_in {
            SignIn::Registers | SignIn::ApiKey => steps,
            SignIn::ById(ids) if ids.is_empty() => steps.say(&format!(
                "The gateway lets no client register: add one to `clients:` of the embedded authorization server{uris}. {enter}"
            )),
            SignIn::ById(ids) => steps.say(&format!(
                "The gateway lets no client register; it knows {}. Use one of them, or add one to `clients:`{uris}. {enter}",
                ids.join(", ")
            )),
            SignIn::Issuer(issuer) => {
                steps.say(&format!("If {issuer} lets no client register: register one there{uris}. {enter}"))
            }
            SignIn::Unknown => {
                steps.say(&format!("If its authorization server lets no client register: register one there{uris}. {enter}"))
            }
        }
    }
}
