//! Does a real MCP client reach a real MCP server that knows nothing of OAuth, through the gateway and over TLS?

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rmcp::{
    ClientHandler, Peer, RoleClient, RoleServer, ServiceExt,
    model::{CallToolRequestParams, ClientRequest, ProgressNotificationParam, Request, RequestMetaObject},
    service::{NotificationContext, PeerRequestOptions, RunningService},
    tool, tool_router,
    transport::{
        StreamableHttpClientTransport,
        streamable_http_client::StreamableHttpClientTransportConfig,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::world::{Plan, World};

struct Tools;

#[tool_router(server_handler)]
impl Tools {
    #[tool]
    fn safe(&self) -> String {
        "safe".to_owned()
    }

    #[tool]
    fn danger(&self) -> String {
        "danger".to_owned()
    }

    #[tool]
    async fn progress(&self, meta: RequestMetaObject, client: Peer<RoleServer>) -> Result<String, rmcp::ErrorData> {
        if let Some(token) = meta.get_progress_token() {
            for step in 1..=3 {
                let _ = client.notify_progress(ProgressNotificationParam::new(token.clone(), f64::from(step))).await;
            }
        }
        Ok("done".to_owned())
    }
}

/// An unmodified rmcp server; ends when dropped.
pub(super) struct Server {
    pub(super) url: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let stop = CancellationToken::new();
        let config = StreamableHttpServerConfig::default().with_cancellation_token(stop.child_token());
        let service: StreamableHttpService<Tools, LocalSessionManager> =
            StreamableHttpService::new(|| Ok(Tools), Arc::default(), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepting = stop.child_token();
        let task = tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = accepting.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                let service = hyper_util::service::TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let io = hyper_util::rt::TokioIo::new(stream);
                    let executor = hyper_util::rt::TokioExecutor::new();
                    let _ = hyper_util::server::conn::auto::Builder::new(executor).serve_connection(io, service).await;
                });
            }
        });
        Self { url, stop, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

#[derive(Clone, Default)]
struct Client {
    progress: Arc<AtomicUsize>,
}

impl ClientHandler for Client {
    async fn on_progress(&self, _: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.progress.fetch_add(1, Ordering::SeqCst);
    }
}

async fn connect(world: &World, token: &str) -> Result<RunningService<RoleClient, Client>, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = StreamableHttpClientTransportConfig::with_uri(world.resource()).auth_header(token);
    let transport = StreamableHttpClientTransport::from_config(config);
    Client::default().serve(transport).await.map_err(|cause| cause.to_string())
}

async fn world(server: &Server) -> World {
    let upstream = format!("upstream: {{url: \"{}/mcp\"", server.url);
    Plan::standard_but("upstream: {url: \"@UPSTREAM@/inner/mcp\"", &upstream).start().await
}

#[tokio::test]
async fn rmcp_client_and_server_talk_through_the_gateway() {
    let server = Server::start().await;
    let world = world(&server).await;
    let client = connect(&world, &world.token()).await.expect("initialize through the gateway");
    let tools = client.list_all_tools().await.expect("tools/list");
    assert!(tools.iter().any(|tool| tool.name == "safe"));

    let result = client.call_tool(CallToolRequestParams::new("safe")).await.expect("an allowed call");
    assert!(format!("{result:?}").contains("safe"));
    let refused = client.call_tool(CallToolRequestParams::new("danger")).await;
    assert!(refused.is_err(), "{refused:?}");

    let call = ClientRequest::CallToolRequest(Request::new(CallToolRequestParams::new("progress")));
    let handle = client.send_request_with_option(call, PeerRequestOptions::default()).await.unwrap();
    handle.await_response().await.expect("a call with progress");
    assert_eq!(client.service().progress.load(Ordering::SeqCst), 3, "progress arrived while the call ran");

    let _ = client.cancel().await;
    world.close().await;
}

#[tokio::test]
async fn rmcp_client_with_more_scope_may_do_more_and_without_a_token_nothing() {
    let server = Server::start().await;
    let world = world(&server).await;
    let client = connect(&world, &world.token_with("mcp:connect mcp:danger")).await.unwrap();
    let result = client.call_tool(CallToolRequestParams::new("danger")).await.expect("allowed with the scope");
    assert!(format!("{result:?}").contains("danger"));
    let _ = client.cancel().await;
    assert!(connect(&world, "bad").await.is_err(), "a bad token cannot initialize");
    world.close().await;
}
