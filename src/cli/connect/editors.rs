//! The steps of clients that are editors: an entry in a file of JSON for each.

use crate::cli::connect::{
    client_guide::ClientGuide,
    endpoint::{McpEndpoint, SignIn},
    guide::{Steps, quoted},
};

pub(super) fn vscode(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let (name, url) = (quoted(&of.name), quoted(&of.url));
    let entry = match of.sign_in {
        SignIn::ApiKey => format!(
            "{{\n  \"inputs\": [{{\"id\": \"token\", \"type\": \"promptString\", \"description\": \"Token\", \"password\": true}}],\n  \
             \"servers\": {{\n    {name}: {{\"type\": \"http\", \"url\": {url}, \"headers\": {{\"Authorization\": \"Bearer \
             ${{input:token}}\"}}}}\n  }}\n}}"
        ),
        _ => format!("{{\n  \"servers\": {{\n    {name}: {{\"type\": \"http\", \"url\": {url}}}\n  }}\n}}"),
    };
    let steps = Steps::default()
        .say("In `.vscode/mcp.json` of the workspace, or in your own through **MCP: Open User Configuration**:")
        .code("json", &entry)
        .say("**Start** above the entry opens the browser, or asks for the API key.");
    guide.own_client(steps, of, "Its id goes into `\"oauth\": {\"clientId\": \"…\"}` of the entry.")
}

pub(super) fn cursor(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let steps = Steps::default()
        .say("In `~/.cursor/mcp.json`, or in `.cursor/mcp.json` of a project:")
        .code("json", &entry("mcpServers", of, "\"url\""))
        .say_if(of.sign_in != SignIn::ApiKey, "Settings → MCP → **Connect** opens the browser.");
    guide.own_client(steps, of, "Its id goes into `\"auth\": {\"CLIENT_ID\": \"…\"}` of the entry.")
}

pub(super) fn cline(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let steps = Steps::default()
        .say("In `cline_mcp_settings.json` (MCP Servers → Configure):")
        .code("json", &entry("mcpServers", of, "\"type\": \"streamableHttp\", \"url\""))
        .say_if(of.sign_in != SignIn::ApiKey, "Then **Authenticate** beside the server.");
    guide.own_client(steps, of, "Its redirect URI holds a hash of the URL: Cline shows it when it signs in.")
}

pub(super) fn windsurf(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let steps = Steps::default()
        .say("In `~/.codeium/windsurf/mcp_config.json`; the key is `serverUrl`:")
        .code("json", &entry("mcpServers", of, "\"serverUrl\""))
        .say("**Refresh** in the MCP panel, then sign in.");
    guide.own_client(steps, of, "Where Windsurf takes no id, use `portcullis connect mcp-remote`.")
}

pub(super) fn zed(of: &McpEndpoint, guide: &ClientGuide) -> Steps {
    let steps = Steps::default()
        .say("In Zed's settings file (**zed: open settings file**):")
        .code("json", &entry("context_servers", of, "\"url\""))
        .say_if(
            of.sign_in != SignIn::ApiKey,
            "Zed opens the browser where you sign in. A version that does not: `portcullis connect mcp-remote`.",
        );
    guide.own_client(steps, of, "Where Zed takes no id, use `portcullis connect mcp-remote`.")
}

/// An entry of one line: what comes before the URL differs from client to client.
fn entry(list: &str, of: &McpEndpoint, before: &str) -> String {
    let (name, url) = (quoted(&of.name), quoted(&of.url));
    let headers = match of.sign_in {
        SignIn::ApiKey => ", \"headers\": {\"Authorization\": \"Bearer KEY\"}",
        _ => "",
    };
    format!("{{\n  \"{list}\": {{\n    {name}: {{{before}: {url}{headers}}}\n  }}\n}}")
}
