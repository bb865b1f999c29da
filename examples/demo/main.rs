//! Demo: an MCP server without OAuth, the gateway in front of it, and one account, on this machine.
//!
//! It prints how to connect, and then each decision of the gateway and its embedded authorization
//! server. It needs no network and leaves no files. `--port N` uses another port than 8080.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "an example speaks to a terminal"
)]

use std::{
    env,
    error::Error,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    signal::{self, unix::SignalKind},
};

mod notes;
mod watch;

/// What this run is made with.
struct Demo {
    port: u16,
    password: String,
    secret: String,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        // The gateway is a separate process, started as an operator would start it.
        ["--gateway", config] => portcullis::cli::main(["portcullis", "run", "--config", config].map(Into::into)),
        ["--hash-password"] => portcullis::cli::main(["portcullis", "hash-password"].map(Into::into)),
        [] => run(8080),
        ["--port", port] => match port.parse() {
            Ok(port) => run(port),
            Err(_) => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: demo [--port PORT]    (default: 8080)");
    ExitCode::from(2)
}

fn run(port: u16) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match runtime.block_on(serve(port)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16) -> Result<(), Box<dyn Error>> {
    if let Err(cause) = TcpListener::bind(("127.0.0.1", port)) {
        return Err(format!("127.0.0.1:{port}: {cause}. Free that port, or choose another with `--port`.").into());
    }
    let upstream = notes::serve().await?;
    let demo = Demo { port, password: random::<9>()?, secret: random::<24>()? };
    let folder = tempfile::tempdir()?;
    let config = demo.write(folder.path(), upstream).await?;
    let mut gateway = Command::new(env::current_exe()?)
        .arg("--gateway")
        .arg(&config)
        .env("DEMO_CLIENT_SECRET", &demo.secret)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    println!("Starting the gateway …");
    // SIGTERM reaches this process only: the gateway is killed and the folder is removed.
    let mut terminate = signal::unix::signal(SignalKind::terminate())?;
    let ended = tokio::select! {
        ended = demo.follow(&mut gateway, &config) => ended,
        _ = terminate.recv() => return Ok(()),
    };
    // Ctrl-C also reaches the gateway, which lets open streams finish before it exits.
    let status = gateway.wait().await?;
    if status.success() { ended } else { Err(format!("the gateway ended with {status}").into()) }
}

impl Demo {
    /// Writes the configuration and the account, as an operator would.
    async fn write(&self, folder: &Path, upstream: u16) -> Result<PathBuf, Box<dyn Error>> {
        let mut hashing = Command::new(env::current_exe()?)
            .arg("--hash-password")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = hashing.stdin.take().ok_or("no input")?;
        stdin.write_all(self.password.as_bytes()).await?;
        drop(stdin);
        let hashed = hashing.wait_with_output().await?;
        if !hashed.status.success() {
            return Err(format!("hash-password ended with {}", hashed.status).into());
        }
        let hash = String::from_utf8(hashed.stdout)?;
        let hash = hash.trim_end();
        let accounts = format!("accounts:\n  - {{name: demo, password: \"{hash}\", groups: [writers]}}\n");
        fs::write(folder.join("accounts.yaml"), accounts)?;
        let config = folder.join("gateway.yaml");
        let text = CONFIG.replace("PORT", &self.port.to_string()).replace("UPSTREAM", &upstream.to_string());
        fs::write(&config, text)?;
        Ok(config)
    }

    /// Shows the output of the gateway until it exits.
    async fn follow(&self, gateway: &mut Child, config: &Path) -> Result<(), Box<dyn Error>> {
        let mut decisions = BufReader::new(gateway.stdout.take().ok_or("no output")?).lines();
        let mut log = BufReader::new(gateway.stderr.take().ok_or("no log")?).lines();
        let (mut is_stopping, mut log_ended) = (false, false);
        loop {
            tokio::select! {
                line = decisions.next_line() => match line? {
                    Some(line) if line == "ready" => println!("{}", self.hello(config)),
                    Some(line) => watch::decision(&line),
                    None => return Ok(()),
                },
                line = log.next_line(), if !log_ended => match line? {
                    Some(line) => watch::event(&line),
                    None => log_ended = true,
                },
                _ = signal::ctrl_c(), if !is_stopping => {
                    is_stopping = true;
                    println!("\nStopping …");
                }
            }
        }
    }

    fn hello(&self, config: &Path) -> String {
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
}

/// Random characters that need no escape in a URL.
fn random<const N: usize>() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the system gives no random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
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
      store: {memory: true}
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
log: {format: json, level: info}
"#;
