//! Is the MCP client that the suite's client scenarios are run with: rmcp, calling and reading whatever the server lists.
//!
//! The suite names the server as the last argument, the version and the arguments to call with in the environment.
//! `CONFORMANCE_TOKEN` is sent where there is one, which is how the same client stands before the gateway.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    missing_docs,
    reason = "a test client may stop the moment something is not as expected"
)]

use std::{collections::BTreeMap, env, fmt::Debug, process::ExitCode};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        CallToolRequestParams, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
        GetPromptRequestParams, Implementation, JsonObject, ProtocolVersion, ReadResourceRequestParams, Tool,
    },
    service::{ClientLifecycleMode, ClientServiceExt, RequestContext, RunningService},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let url = env::args().next_back().expect("the server as the last argument");
    let version = env::var("MCP_CONFORMANCE_PROTOCOL_VERSION").unwrap_or_else(|_| "2025-11-25".into());
    let lifecycle = if version == ProtocolVersion::V_2026_07_28.as_str() {
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
    } else {
        ClientLifecycleMode::Initialize
    };
    let mut config = StreamableHttpClientTransportConfig::with_uri(url);
    if let Ok(token) = env::var("CONFORMANCE_TOKEN") {
        config = config.auth_header(token);
    }
    let transport = StreamableHttpClientTransport::from_config(config);
    match (Client { version }).serve_with_lifecycle(transport, lifecycle).await {
        Ok(client) => {
            use_everything(&client).await;
            let _ended = client.cancel().await;
            ExitCode::SUCCESS
        }
        Err(cause) => {
            eprintln!("no session: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// What a scenario does not offer fails; the scenario's own server judges what reached it.
async fn use_everything(client: &RunningService<RoleClient, Client>) {
    let tools = told("tools/list", client.list_all_tools().await).unwrap_or_default();
    let asked_for = calls();
    for tool in &tools {
        let arguments = asked_for.get(tool.name.as_ref()).cloned().unwrap_or_else(|| made_up(tool, &tools));
        let call = CallToolRequestParams::new(tool.name.clone()).with_arguments(arguments);
        told(&tool.name, client.call_tool(call).await);
    }
    let server = client.peer().peer_info();
    let capabilities = server.map(|server| server.capabilities.clone()).unwrap_or_default();
    if capabilities.resources.is_some() {
        for resource in told("resources/list", client.list_all_resources().await).unwrap_or_default() {
            told(&resource.uri, client.read_resource(ReadResourceRequestParams::new(&resource.uri)).await);
        }
    }
    if capabilities.prompts.is_some() {
        for prompt in told("prompts/list", client.list_all_prompts().await).unwrap_or_default() {
            told(&prompt.name, client.get_prompt(GetPromptRequestParams::new(&prompt.name)).await);
        }
    }
}

fn told<T, E: Debug>(what: &str, outcome: Result<T, E>) -> Option<T> {
    outcome.map_err(|cause| eprintln!("{what}: {cause:?}")).ok()
}

/// The arguments that the scenario wants its tools called with.
fn calls() -> BTreeMap<String, JsonObject> {
    let context: Value = env::var("MCP_CONFORMANCE_CONTEXT")
        .map(|text| serde_json::from_str(&text).expect("the suite writes JSON"))
        .unwrap_or_default();
    let listed = context.get("toolCalls").and_then(Value::as_array).cloned().unwrap_or_default();
    let call =
        |call: Value| Some((call.get("name")?.as_str()?.to_owned(), call.get("arguments")?.as_object()?.clone()));
    listed.into_iter().filter_map(call).collect()
}

/// Something of the right type for every property that has one. Who asks for a schema gets the first tool's, as it came.
fn made_up(tool: &Tool, tools: &[Tool]) -> JsonObject {
    let properties = tool.input_schema.get("properties").and_then(Value::as_object);
    let mut arguments = filled(properties.into_iter().flatten());
    if let (Some(_), Some(first)) = (properties.and_then(|all| all.get("schema")), tools.first()) {
        arguments.insert("schema".into(), first.schema_as_json_value());
    }
    arguments
}

fn filled<'a>(properties: impl Iterator<Item = (&'a String, &'a Value)>) -> JsonObject {
    let value = |schema: &Value| match (schema.get("default"), schema.get("type").and_then(Value::as_str)) {
        (Some(default), _) => Some(default.clone()),
        (None, Some("string")) => Some(json!("text")),
        (None, Some("number" | "integer")) => Some(json!(5)),
        (None, Some("boolean")) => Some(json!(true)),
        _ => None,
    };
    properties.filter_map(|(name, schema)| Some((name.clone(), value(schema)?))).collect()
}

struct Client {
    version: String,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let capabilities = serde_json::from_value(json!({"roots": {}, "sampling": {}, "elicitation": {}}));
        let config = ClientConfig::new(
            capabilities.expect("capabilities of the protocol"),
            Implementation::new("conformance-client", "1.0.0"),
        );
        match serde_json::from_value(json!(self.version)) {
            Ok(version) => config.with_protocol_version(version),
            Err(_) => config,
        }
    }

    /// Agrees to everything, with the defaults of the form.
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let form = serde_json::to_value(&request).unwrap_or_default();
        let properties = form.pointer("/requestedSchema/properties").and_then(Value::as_object);
        let content = filled(properties.into_iter().flatten());
        let mut answer = ElicitResult::new(ElicitationAction::Accept);
        answer.content = Some(content.into());
        Ok(answer)
    }
}
