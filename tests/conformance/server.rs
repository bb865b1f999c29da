//! Is the MCP server that the conformance suite is run against, directly and through the gateway: rmcp, every feature, no OAuth.
//!
//! It speaks 2025-03-26 to 2026-07-28 on one loopback address. `--lax` takes away what a careful server checks of the
//! HTTP request, so that what then still passes was checked by the gateway.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a test server may stop the moment something is not as expected"
)]
#![allow(deprecated, reason = "the older versions of the protocol have what the newest deprecates")]

mod server {
    pub(crate) mod catalogue;
    pub(crate) mod lax;
    pub(crate) mod prompts;
    pub(crate) mod rounds;
    pub(crate) mod skills;
    pub(crate) mod tasks;
    pub(crate) mod tools;
}

use std::{convert::Infallible, net::Ipv4Addr, sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
        CompletionInfo, GetPromptRequestParams, GetPromptResponse, GetSkillRequestParams, GetSkillResult,
        GetTaskParams, GetTaskResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListSkillsResult, ListToolsResult, PaginatedRequestParams,
        ReadResourceDirectoryRequestParams, ReadResourceDirectoryResult, ReadResourceRequestParams,
        ReadResourceResponse, ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
    task_manager::TaskManager,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::{net::TcpListener, sync::broadcast};

use crate::server::{catalogue, lax, prompts, rounds, skills, tasks, tools};

/// How soon a client whose stream was closed is to come back.
const RETRY: Duration = Duration::from_millis(300);
/// Changes that a slow listener may be behind.
const CHANGES_HELD: usize = 16;

#[tokio::main]
async fn main() {
    let mut port = 0;
    let mut lax = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--port" => port = arguments.next().and_then(|n| n.parse().ok()).expect("--port takes a number"),
            "--lax" => lax = true,
            other => panic!("unknown argument {other}: conformance-server [--port N] [--lax]"),
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the port is free");
    println!("http://{}/mcp", listener.local_addr().expect("a bound address"));

    let everything = Everything::default();
    let sessions = Arc::clone(&everything.sessions);
    let config = StreamableHttpServerConfig::default()
        .with_sse_retry(Some(RETRY))
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*"]);
    let mcp = StreamableHttpService::new(move || Ok(everything.clone()), sessions, config);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let mcp = mcp.clone();
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mcp = mcp.clone();
            async move {
                let request = request.map(BodyExt::boxed);
                let request = if lax { lax::as_the_body_says(request).await } else { request };
                Ok::<_, Infallible>(mcp.handle(request).await)
            }
        });
        let mut connection = http1::Builder::new();
        connection.timer(TokioTimer::new());
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
    }
}

/// What a change of a list is told to whoever listens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Tools,
    Prompts,
}

/// One server for all sessions and requests.
#[derive(Clone)]
pub(crate) struct Everything {
    pub(crate) sessions: Arc<LocalSessionManager>,
    pub(crate) tasks: TaskManager,
    pub(crate) seal: Arc<rounds::Seal>,
    pub(crate) changes: broadcast::Sender<Change>,
}

impl Default for Everything {
    fn default() -> Self {
        Self {
            sessions: Arc::default(),
            tasks: TaskManager::new(),
            seal: Arc::new(rounds::Seal::new()),
            changes: broadcast::Sender::new(CHANGES_HELD),
        }
    }
}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_logging()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .enable_skills_with_directory_read()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("conformance-server", "1.0.0"))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(catalogue::tools()))
    }

    /// The transport compares `Mcp-Param-*` with the arguments by the schema of this tool.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        catalogue::tools().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(answer) = tasks::call(self, &request, &context).await {
            return answer;
        }
        if let Some(answer) = rounds::call(self, &request, &context) {
            return answer;
        }
        tools::call(self, &request, &context).await.map(CallToolResponse::from)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.tasks.get_task(&request.task_id).map(GetTaskResult::new)
    }

    async fn update_task(&self, request: UpdateTaskParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(catalogue::prompts()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let known = ["testing", "tested", "text"];
        let fitting = known.into_iter().filter(|word| word.starts_with(&request.argument.value)).map(str::to_owned);
        let values = CompletionInfo::with_all_values(fitting.collect());
        values.map(CompleteResult::new).map_err(|cause| ErrorData::internal_error(cause, None))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(catalogue::resources()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(catalogue::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        catalogue::read(&request.uri).map(ReadResourceResponse::from)
    }

    async fn list_skills(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        Ok(ListSkillsResult::with_all_items(vec![skills::skill()]))
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        let skill = skills::skill();
        if skill.uri != request.uri {
            return Err(ErrorData::invalid_params("no such skill", None));
        }
        Ok(GetSkillResult::new(skill).with_ttl_ms(0))
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceDirectoryResult, ErrorData> {
        skills::children(&request.uri).map(ListResourcesResult::with_all_items)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            // What this listener did not ask for is refused by the sink, which is as it should be.
            let _unwanted = match change {
                Ok(Change::Tools) => subscription.sink().notify_tool_list_changed().await,
                Ok(Change::Prompts) => subscription.sink().notify_prompt_list_changed().await,
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            };
        }
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(&self, request: SubscribeRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        catalogue::read(&request.uri).map(|_| ())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        catalogue::read(&request.uri).map(|_| ())
    }
}
