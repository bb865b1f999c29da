//! Names of clients, as the catalogue writes them.

pub(super) const BROWSER: &str = "A browser's console";
pub(super) const CHATGPT: &str = "ChatGPT";
pub(super) const CLAUDE: &str = "Claude (web, Desktop and mobile)";
pub(super) const CLAUDE_CODE: &str = "Claude Code";
pub(super) const CODEX: &str = "Codex";
pub(super) const CURSOR: &str = "Cursor";
pub(super) const INSPECTOR: &str = "MCP Inspector";
pub(super) const LANGCHAIN: &str = "LangChain";
pub(super) const MCP_REMOTE: &str = "mcp-remote";
/// Claude Code, Cursor, mcp-remote, Inspector and others run on it.
pub(super) const NODE: &str = "Clients on Node";
pub(super) const PYTHON_SDK: &str = "Python SDK";
pub(super) const TYPESCRIPT_SDK: &str = "TypeScript SDK";
pub(super) const VS_CODE: &str = "VS Code";
/// Not a client: the gateway's own audit line.
pub(super) const LOG: &str = "The gateway's audit line";

/// All of them, in the order of the index.
pub(super) const CLIENTS: [&str; 13] = [
    CLAUDE,
    CLAUDE_CODE,
    CHATGPT,
    VS_CODE,
    CURSOR,
    INSPECTOR,
    MCP_REMOTE,
    CODEX,
    LANGCHAIN,
    TYPESCRIPT_SDK,
    PYTHON_SDK,
    NODE,
    BROWSER,
];
