//! The demo's configuration, and what it prints at the start.

use std::path::Path;

use super::Demo;

impl Demo {
    /// How to connect, and what to try.
    pub(super) fn hello(&self, config: &Path) -> String {
        let Self { port, password, secret } = self;
        let url = format!("http://127.0.0.1:{port}");
        let headers = "-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream'";
        format!(
            r#"
  MCP client ──▶ portcullis {url}/mcp ──▶ notes server (an MCP server without any authentication)
                     └─ authorization server {url}/oauth

  MCP URL    {url}/mcp
  Account    demo
  Password   {password}          (made for this run only)

Connect a client: it opens a browser, where you log in and consent.
  Inspector  npx @modelcontextprotocol/inspector        Streamable HTTP, {url}/mcp, then Connect
  Claude     claude mcp add --transport http notes {url}/mcp        then /mcp in Claude Code
  VS Code    code --add-mcp '{{"name":"notes","type":"http","url":"{url}/mcp"}}'

Or with curl, as a program that has its own secret:
  curl -i {url}/mcp   # 401, and where to get a token
  TOKEN=$(curl -s {url}/oauth/token -u robot:{secret} -d grant_type=client_credentials -d scope=notes:read -d resource={url}/mcp | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -s {url}/mcp -H "Authorization: Bearer $TOKEN" {headers} -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"list_notes","arguments":{{}}}}}}'
  curl -i {url}/mcp -H "Authorization: Bearer $TOKEN" {headers} -d '{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"write_note","arguments":{{"title":"a","text":"b"}}}}}}'   # 403: the challenge names notes:write, which a client would now ask for

Things to try: list_notes needs notes:read; write_note asks you for notes:write the first time; delete_all_notes is denied to every
caller and in no list. Configuration: {config}

Every decision (Ctrl-C stops the demo):"#,
            config = config.display()
        )
    }

    /// The configuration of the gateway, as an operator would write it.
    pub(super) fn config(&self, upstream: u16) -> String {
        CONFIG.replace("UPSTREAM", &upstream.to_string()).replace("PORT", &self.port.to_string())
    }
}

const CONFIG: &str = r#"# The demo: one server, tools that need different scopes, and the embedded authorization server.
public_url: http://127.0.0.1:PORT
listen:
  - address: 127.0.0.1:PORT
admin: {address: "127.0.0.1:0"}
authorization_servers:
  demo:
    embedded:
      path: /oauth
      login: {accounts: accounts.yaml}
      registration: {dynamic: open, client_id_documents: {hosts: ["*"]}}
      clients:
        - {id: robot, name: Your program, secret: "env:DEMO_CLIENT_SECRET", grant_types: [client_credentials]}
      grants:
        - {groups: [writers], scopes: ["notes:*"]}
        - {clients: [robot], scopes: ["notes:read"]}
      scope_descriptions:
        notes:read: Read your notes
        notes:write: Write notes and change them
      store: {file: store.sqlite}
servers:
  notes:
    path: /mcp
    upstream: {url: "http://127.0.0.1:UPSTREAM/mcp"}
    scopes: [notes:read]
    deny_as: challenge   # by default, a program without a user gets a result in place of the 403
    # Pages on this machine, such as MCP Inspector in direct mode.
    allowed_origins: ["http://localhost:*", "http://127.0.0.1:*"]
    rules:
      - {tools: [list_notes, read_note, search_notes]}
      - {tools: [write_note], scopes: ["notes:write"]}
      - {tools: [delete_all_notes], deny: true}
      - {resources: ["note://**"]}
session_keys: ["env:DEMO_SESSION_KEY"]
log: {format: json, level: info}
"#;
