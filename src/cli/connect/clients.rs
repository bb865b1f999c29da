//! The MCP clients: what each is called, from where it connects, and its steps.

use crate::{
    cli::{
        connect::{
            client_guide::ClientGuide,
            editors,
            endpoint::{McpEndpoint, SignIn, UrlReach},
            guide::{Steps, quoted},
        },
        terminal::word,
    },
    config::problem::nearest,
};

/// All of them, in the order of the documents.
pub(super) const CLIENTS: &[ClientGuide] = &[
    ClientGuide {
        names: &["claude", "claude-web", "claude.ai"],
        title: "Claude (web, Desktop, mobile)",
        redirect_uris: &["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"],
        steps: claude,
    },
    ClientGuide {
        names: &["claude-desktop"],
        title: "Claude Desktop, for a server that Anthropic's cloud cannot reach",
        redirect_uris: MCP_REMOTE_URIS,
        steps: claude_desktop,
    },
    ClientGuide {
        names: &["claude-code"],
        title: "Claude Code",
        redirect_uris: &["http://localhost:8765/callback"],
        steps: claude_code,
    },
    ClientGuide {
        names: &["chatgpt"],
        title: "ChatGPT",
        redirect_uris: &[
            "the one that its page shows (https://chatgpt.com/connector/oauth/…)",
            "https://chatgpt.com/connector_platform_oauth_redirect",
        ],
        steps: chatgpt,
    },
    ClientGuide {
        names: &["vscode", "vs-code", "code", "copilot"],
        title: "VS Code",
        redirect_uris: &["http://127.0.0.1:33418", "https://vscode.dev/redirect"],
        steps: editors::vscode,
    },
    ClientGuide {
        names: &["cursor"],
        title: "Cursor",
        redirect_uris: &["cursor://anysphere.cursor-mcp/oauth/callback"],
        steps: editors::cursor,
    },
    ClientGuide { names: &["cline"], title: "Cline", redirect_uris: &[], steps: editors::cline },
    ClientGuide { names: &["windsurf"], title: "Windsurf", redirect_uris: &[], steps: editors::windsurf },
    ClientGuide { names: &["zed"], title: "Zed", redirect_uris: &[], steps: editors::zed },
    ClientGuide {
        names: &["inspector", "mcp-inspector"],
        title: "MCP Inspector",
        redirect_uris: &["http://localhost:6274/oauth/callback"],
        steps: inspector,
    },
    ClientGuide { names: &["mcp-remote"], title: "mcp-remote", redirect_uris: MCP_REMOTE_URIS, steps: mcp_remote },
    ClientGuide {
        names: &["langchain", "langgraph"],
        title: "LangChain and LangGraph",
        redirect_uris: &[],
        steps: langchain,
    },
];

const MCP_REMOTE_URIS: &[&str] = &["http://localhost:3334/oauth/callback"];

/// The client of this name.
pub(super) fn named(name: &str) -> Result<&'static ClientGuide, String> {
    let wanted = name.to_ascii_lowercase();
    let found = CLIENTS.iter().find(|client| client.names.contains(&&*wanted));
    found.ok_or_else(|| {
        let all = CLIENTS.iter().filter_map(|client| client.names.first().copied());
        let near = nearest(&wanted, CLIENTS.iter().flat_map(|client| client.names.iter().copied()));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        format!("there is no guide for {name:?}; expected one of {}{near}", all.collect::<Vec<_>>().join(", "))
    })
}

/// Why a client in a cloud does not reach a server.
fn unreachable(of: &McpEndpoint, cloud: &str) -> Option<String> {
    match of.reach {
        UrlReach::Internet => None,
        UrlReach::OtherPort => Some(format!(
            "**This does not work with this URL**: {cloud} connects to port 443 with TLS, and {} is elsewhere.",
            of.url
        )),
        UrlReach::Private => Some(format!(
            "**This does not work with this URL**: {cloud} connects from the Internet, and {} is reached from this machine or a \
             private network alone.",
            of.url
        )),
    }
}

fn claude(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let mut steps = Steps::default();
    if let Some(why) = unreachable(of, "Anthropic's cloud") {
        return steps.say(&format!("{why} Use `portcullis connect claude-desktop`, or claude-code."));
    }
    if of.sign_in == SignIn::ApiKey {
        return steps.say(
            "**This does not work with this server**: it takes API keys alone, and Claude sends none. Give the server an \
             authorization server, or use `portcullis connect claude-desktop`.",
        );
    }
    let mut clicks = vec![
        "Settings → Connectors → **Add custom connector**. On Team and Enterprise plans an owner adds it.".to_owned(),
        format!("Name: `{}`. URL: `{}`.", of.name, of.url),
    ];
    if !of.registers() {
        clicks.push("With a client id: **Advanced settings** → OAuth Client ID and Secret.".to_owned());
    }
    clicks.push("**Add**, then **Connect**: a page opens, where you sign in.".to_owned());
    steps = steps.clicks(&clicks);
    guide.own_client(steps, of, "Enter its id under **Advanced settings**.")
}

fn claude_desktop(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let config = "In `claude_desktop_config.json` (Settings → Developer → **Edit Config**); Node.js is needed:";
    let steps = Steps::default().say(config).code("json", &remote_entry(of));
    remote_client(steps, of, guide).say("Restart Claude Desktop.")
}

fn claude_code(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let (name, url) = (word(&of.name), word(&of.url));
    let with_token = format!("claude mcp add --transport http {name} {url} --header \"Authorization: Bearer TOKEN\"");
    if of.sign_in == SignIn::ApiKey {
        return Steps::default().say("With an API key in place of TOKEN:").code("sh", &with_token);
    }
    let steps = Steps::default()
        .code("sh", &format!("claude mcp add --transport http {name} {url}"))
        .say(&format!("Then, in a session: `/mcp` → {} → **Authenticate**; or `claude mcp login {name}`.", of.name));
    let steps = guide.own_client(steps, of, "Then:").code_if(
        !of.registers(),
        "sh",
        &format!(
            "claude mcp add --transport http --client-id CLIENT_ID --client-secret --callback-port 8765 {name} {url}"
        ),
    );
    steps.say("With a token or an API key, without a browser:").code("sh", &with_token)
}

fn chatgpt(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let mut steps = Steps::default();
    if let Some(why) = unreachable(of, "OpenAI's cloud") {
        return steps.say(&why);
    }
    if of.sign_in == SignIn::ApiKey {
        return steps.say(
            "**This does not work with this server**: it takes API keys alone, and ChatGPT signs in with OAuth. Give the server \
             an authorization server.",
        );
    }
    let missing = match (of.answers_tool_errors, of.advertises_scopes) {
        (true, true) => None,
        (true, false) => Some("advertise_scopes: true"),
        (false, true) => Some("deny_as: tool_error"),
        (false, false) => Some("deny_as: tool_error\nadvertise_scopes: true"),
    };
    if let (Some(lines), true) = (missing, of.is_ours) {
        let where_to = format!(
            "ChatGPT opens its sign-in from a tool result. Write this under `servers.{}` in the configuration:",
            of.name
        );
        steps = steps.say(&where_to).code("yaml", lines);
    }
    steps = steps.clicks(&[
        "Settings → Apps & Connectors → Advanced settings → **Developer mode**.".to_owned(),
        format!("Settings → Apps & Connectors → **Create**. URL: `{}`. Authentication: OAuth.", of.url),
    ]);
    guide.own_client(steps, of, "Enter its id on that page.")
}

fn inspector(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let steps = Steps::default().code("sh", "npx @modelcontextprotocol/inspector").say(&format!(
        "Transport: Streamable HTTP. URL: `{}`. **Connect**, and sign in in the window that opens.",
        of.url
    ));
    let steps = match &of.sign_in {
        SignIn::ApiKey => steps.say("With an API key: Authentication → header `Authorization`, value `Bearer KEY`."),
        _ => guide.own_client(steps, of, "Enter its id under Authentication."),
    };
    steps.say_if(
        of.is_ours && !of.allows_inspector,
        &format!(
            "In its direct mode its page calls the gateway itself: write `allowed_origins: [\"http://localhost:6274\"]` under \
             `servers.{}`.",
            of.name
        ),
    )
}

fn mcp_remote(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let steps = Steps::default()
        .say("For clients that only start programs; Node.js is needed:")
        .code("json", &remote_entry(of));
    remote_client(steps, of, guide)
}

/// The entry of a client that starts mcp-remote.
fn remote_entry(of: &McpEndpoint) -> String {
    let (name, url) = (quoted(&of.name), quoted(&of.url));
    // mcp-remote accepts http:// for localhost alone.
    let open = if of.url.starts_with("http://") { ", \"--allow-http\"" } else { "" };
    match of.sign_in {
        SignIn::ApiKey => format!(
            "{{\n  \"mcpServers\": {{\n    {name}: {{\n      \"command\": \"npx\",\n      \"args\": [\"-y\", \"mcp-remote\", \
             {url}{open}, \"--header\", \"Authorization:${{AUTH}}\"],\n      \"env\": {{\"AUTH\": \"Bearer KEY\"}}\n    }}\n  \
             }}\n}}"
        ),
        _ => format!(
            "{{\n  \"mcpServers\": {{\n    {name}: {{\"command\": \"npx\", \"args\": [\"-y\", \"mcp-remote\", {url}{open}]}}\n  \
             }}\n}}"
        ),
    }
}

fn remote_client(steps: Steps, of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let enter = "Add `\"--static-oauth-client-info\", \"{\\\"client_id\\\": \\\"…\\\"}\"` to the arguments.";
    let steps = guide.own_client(steps, of, enter);
    steps.say_if(
        of.url.starts_with("https://") && of.reach != UrlReach::Internet,
        "If the certificate is from a private authority, add `\"env\": {\"NODE_EXTRA_CA_CERTS\": \"/path/to/ca.pem\"}`.",
    )
}

fn langchain(of: &McpEndpoint, _: &ClientGuide) -> Steps {
    let (name, url) = (quoted(&of.name), quoted(&of.url));
    let code = format!(
        "from langchain_mcp_adapters.client import MultiServerMCPClient\n\nclient = MultiServerMCPClient({{\n    {name}: {{\n        \
         \"transport\": \"streamable_http\",\n        \"url\": {url},\n        \"headers\": {{\"Authorization\": \"Bearer \
         TOKEN\"}},\n    }},\n}})"
    );
    let token = match &of.sign_in {
        SignIn::ApiKey => "TOKEN is an API key: `portcullis key new` makes one.",
        _ => "TOKEN is an access token for this URL, or an API key (`portcullis key new`).",
    };
    Steps::default().code("python", &code).say(token).say_if(
        of.is_ours && !of.answers_tool_errors && of.sign_in != SignIn::ApiKey,
        &format!(
            "With a user's token, write `deny_as: tool_error` under `servers.{}`: the adapter raises an error on a 403.",
            of.name
        ),
    )
}
