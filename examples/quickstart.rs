//! The whole main job on one machine: a real MCP server that knows nothing of OAuth, an issuer that signs real tokens, and the
//! gateway between them. Prints what to type, and serves until Ctrl-C.
//!
//! The issuer is for trying things out: it gives a token to whoever asks. The gateway is the product as it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "an example speaks to a terminal"
)]

use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rmcp::{
    ServerHandler,
    handler::server::wrapper::Parameters,
    schemars, tool, tool_handler, tool_router,
    transport::streamable_http_server::{StreamableHttpService, session::local::LocalSessionManager},
};
use serde_json::json;
use tokio::net::TcpListener;

const GATEWAY: &str = "127.0.0.1:8080";
const ISSUER: &str = "127.0.0.1:8081";
const UPSTREAM: &str = "127.0.0.1:8082";

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder for the configuration");
    let config = folder.path().join("gateway.yaml");
    fs::write(&config, CONFIG).expect("the configuration can be written");

    // The world around the gateway has a thread of its own; the gateway runs below exactly as `portcullis run` does.
    let (bound, ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || world(&bound));
    if let Err(cause) = ready.recv().expect("the world starts or says why") {
        println!("{cause}");
        return ExitCode::FAILURE;
    }
    println!("{}", hello(&config));
    let arguments = ["portcullis".as_ref(), "run".as_ref(), "--config".as_ref(), config.as_os_str()];
    portcullis::cli::main(arguments.iter().map(Into::into))
}

const CONFIG: &str = r#"# What the quickstart runs: one server, two kinds of tools, step-up between them.
public_url: http://127.0.0.1:8080
listen:
  - address: 127.0.0.1:8080
admin: {address: "127.0.0.1:9901"}
authorization_servers:
  local:
    issuer: http://127.0.0.1:8081
servers:
  tools:
    path: /mcp
    upstream: {url: "http://127.0.0.1:8082/mcp"}
    scopes: [mcp:connect]
    rules:
      - {tools: [add], scopes: [mcp:connect]}
      - {tools: ["admin_*"], scopes: ["mcp:admin"]}
log: {format: text, level: info}
"#;

fn hello(config: &Path) -> String {
    format!(
        r#"
  curl ──▶ gateway http://{GATEWAY}/mcp ──▶ MCP server http://{UPSTREAM}/mcp (knows nothing of OAuth)
                 └─ checks tokens of http://{ISSUER} with its published keys

1. Without a token: 401, and where to get one
   curl -i http://{GATEWAY}/mcp

2. What a client reads next
   curl -s http://{GATEWAY}/.well-known/oauth-protected-resource/mcp

3. A token with the scope that was asked for
   TOKEN=$(curl -s http://{ISSUER}/token -d grant_type=client_credentials -d scope=mcp:connect -d resource=http://{GATEWAY}/mcp | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

4. An allowed tool
   curl -s http://{GATEWAY}/mcp -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"add","arguments":{{"a":2,"b":3}}}}}}'

5. One that needs more: 403 insufficient_scope, naming all it needs
   curl -i http://{GATEWAY}/mcp -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"admin_reset","arguments":{{}}}}}}'
   (ask step 3 again with -d 'scope=mcp:connect mcp:admin', and repeat)

Metrics: curl -s http://127.0.0.1:9901/metrics · configuration: {} · stop: Ctrl-C
"#,
        config.display()
    )
}

// ---- the MCP server: rmcp, unmodified, no authentication ----

#[derive(Clone)]
struct Tools;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Sum {
    a: i64,
    b: i64,
}

#[tool_router]
impl Tools {
    #[tool(description = "Adds two numbers")]
    fn add(&self, Parameters(Sum { a, b }): Parameters<Sum>) -> String {
        (a + b).to_string()
    }

    #[tool(description = "Resets everything; an administrator's tool")]
    fn admin_reset(&self) -> String {
        "reset".into()
    }
}

#[tool_handler(router = Self::tool_router())]
impl ServerHandler for Tools {}

// ---- the world: upstream and issuer on one thread ----

#[tokio::main(flavor = "current_thread")]
async fn world(bound: &std::sync::mpsc::Sender<Result<(), String>>) {
    let listeners = async { Ok::<_, String>((listen(UPSTREAM).await?, listen(ISSUER).await?)) }.await;
    let (upstream, issuer) = match listeners {
        Ok(listeners) => listeners,
        Err(cause) => return bound.send(Err(cause)).expect("main waits"),
    };
    bound.send(Ok(())).expect("main waits");

    let config = rmcp::transport::streamable_http_server::StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let mcp = StreamableHttpService::new(|| Ok(Tools), Arc::new(LocalSessionManager::default()), config);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = upstream.accept().await else { continue };
            let service = TowerToHyperService::new(mcp.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });

    let signer = Arc::new(Signer::new());
    loop {
        let Ok((stream, _)) = issuer.accept().await else { continue };
        let signer = Arc::clone(&signer);
        let service = service_fn(move |request| {
            let signer = Arc::clone(&signer);
            async move { Ok::<_, Infallible>(signer.answer(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn listen(address: &str) -> Result<TcpListener, String> {
    let address: SocketAddr = address.parse().expect("an address");
    TcpListener::bind(address).await.map_err(|cause| format!("{address}: {cause}. Free that port and start again."))
}

/// Signs tokens for whoever asks, with a key made at start.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let body = match (request.method().clone(), request.uri().path()) {
            (Method::GET, "/.well-known/oauth-authorization-server") => json!({
                "issuer": format!("http://{ISSUER}"),
                "jwks_uri": format!("http://{ISSUER}/jwks"),
                "token_endpoint": format!("http://{ISSUER}/token"),
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
            }),
            (Method::GET, "/jwks") => {
                let point = self.0.public_key().as_ref();
                // An uncompressed point: 4, then both coordinates.
                let (x, y) = point.strip_prefix(&[4]).expect("an uncompressed point").split_at(32);
                let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
                json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": encode(x), "y": encode(y)}]})
            }
            (Method::POST, "/token") => {
                let form = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let scope = field(&form, "scope").replace('+', " ").replace("%20", " ").replace("%3A", ":");
                let resource = field(&form, "resource").replace("%3A", ":").replace("%2F", "/");
                json!({"access_token": self.token(&scope, &resource), "token_type": "Bearer", "expires_in": 3600, "scope": scope})
            }
            _ => return Response::builder().status(StatusCode::NOT_FOUND).body(Full::default()).expect("a response"),
        };
        Response::builder()
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .expect("a response")
    }

    fn token(&self, scope: &str, resource: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "1"});
        let claims = json!({
            "iss": format!("http://{ISSUER}"), "sub": "you", "client_id": "curl", "aud": resource, "scope": scope,
            "iat": now, "exp": now + 3600, "jti": now.to_string(),
        });
        let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn field(form: &[u8], name: &str) -> String {
    let form = String::from_utf8_lossy(form);
    form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)).unwrap_or_default()
}
