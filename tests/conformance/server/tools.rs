//! Answers the calls that need no second request: content of every kind, and what a server may send while it works.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResult, ClientCapabilities, ContentBlock, LoggingLevel,
        LoggingMessageNotificationParam, ProgressNotificationParam, ServerRequest,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    Change, Everything,
    server::catalogue::{PNG, WAV, of},
};

/// Long enough for a relay that gathers what it should pass on to be noticed.
const STEP: Duration = Duration::from_millis(50);
/// POST streams of one session that may have been open before.
const STREAMS_MAX: u64 = 64;

pub(crate) async fn call(
    server: &Everything,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let argument = |name: &str| request.arguments.as_ref().and_then(|all| all.get(name)?.as_str()).unwrap_or_default();
    match request.name.as_ref() {
        "test_simple_text" => Ok(say("This is a simple text response for testing.")),
        "test_image_content" => Ok(content(json!([{"type": "image", "data": PNG, "mimeType": "image/png"}]))),
        "test_audio_content" => Ok(content(json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]))),
        "test_embedded_resource" => Ok(content(json!([{"type": "resource", "resource": {
            "uri": "test://embedded-resource", "mimeType": "text/plain", "text": "This is an embedded resource content.",
        }}]))),
        "test_multiple_content_types" => Ok(content(json!([
            {"type": "text", "text": "Multiple content types test:"},
            {"type": "image", "data": PNG, "mimeType": "image/png"},
            {"type": "resource", "resource": {
                "uri": "test://mixed-content-resource", "mimeType": "application/json",
                "text": r#"{"test":"data","value":123}"#,
            }},
        ]))),
        "test_error_handling" => {
            Ok(CallToolResult::error(vec![ContentBlock::text("This tool intentionally returns an error for testing")]))
        }
        "test_tool_with_logging" => log(context).await,
        "test_logging_tool" if context.meta.log_level().is_some() => log(context).await,
        "test_logging_tool" => Ok(say("Nobody asked for a log")),
        "test_tool_with_progress" => progress(context).await,
        "test_sampling" => sample(context, argument("prompt")).await,
        "test_elicitation" => elicit(context, argument("message"), name_and_address()).await,
        "test_elicitation_sep1034_defaults" => elicit(context, "Please check these values", defaults()).await,
        "test_elicitation_sep1330_enums" => elicit(context, "Please choose", choices()).await,
        "test_reconnection" => reconnection(server, context).await,
        "test_custom_header" => Ok(say(&format!("region {}", argument("region")))),
        "test_missing_capability" => match context.client_capabilities() {
            Some(client) if client.sampling.is_some() => Ok(say("This client samples")),
            _ => {
                let needed = ClientCapabilities::builder().enable_sampling().build();
                Err(ErrorData::missing_required_client_capability(needed))
            }
        },
        "test_trigger_tool_change" => Ok(tell(server, Change::Tools)),
        "test_trigger_prompt_change" => Ok(tell(server, Change::Prompts)),
        "greet" => Ok(say(&format!("Hello, {}!", argument("name")))),
        known if server_has(known) => Ok(say(&format!("{known} was called"))),
        other => Err(ErrorData::invalid_params(format!("Unknown tool: {other}"), None)),
    }
}

pub(crate) fn say(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn content(blocks: Value) -> CallToolResult {
    CallToolResult::success(of(blocks))
}

fn server_has(tool: &str) -> bool {
    crate::server::catalogue::tools().iter().any(|known| known.name == tool)
}

fn tell(server: &Everything, change: Change) -> CallToolResult {
    // Nobody listening is no failure of the tool.
    let listeners = server.changes.send(change).unwrap_or_default();
    say(&format!("{listeners} listen"))
}

async fn log(context: &RequestContext<RoleServer>) -> Result<CallToolResult, ErrorData> {
    for line in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(line));
        context.peer.notify_logging_message(message).await.map_err(broken)?;
        tokio::time::sleep(STEP).await;
    }
    Ok(say("Three lines were logged"))
}

async fn progress(context: &RequestContext<RoleServer>) -> Result<CallToolResult, ErrorData> {
    let token = context.meta.get_progress_token();
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = &token {
            let report = ProgressNotificationParam::new(token.clone(), done).with_total(100.0);
            context.peer.notify_progress(report).await.map_err(broken)?;
        }
        tokio::time::sleep(STEP).await;
    }
    Ok(say("All of 100 done"))
}

async fn sample(context: &RequestContext<RoleServer>, prompt: &str) -> Result<CallToolResult, ErrorData> {
    let answer = ask(
        context,
        "sampling/createMessage",
        json!({"messages": [{"role": "user", "content": {"type": "text", "text": prompt}}], "maxTokens": 100}),
    )
    .await?;
    let text = answer.pointer("/content/text").or_else(|| answer.pointer("/content/0/text"));
    Ok(say(&format!("LLM response: {}", text.and_then(Value::as_str).unwrap_or("none"))))
}

async fn elicit(
    context: &RequestContext<RoleServer>,
    message: &str,
    schema: Value,
) -> Result<CallToolResult, ErrorData> {
    let answer = ask(context, "elicitation/create", json!({"message": message, "requestedSchema": schema})).await?;
    let part = |name: &str| answer.get(name).cloned().unwrap_or_default();
    Ok(say(&format!("User response: action={}, content={}", part("action"), part("content"))))
}

/// Sends the client a request while the call waits, as the versions with sessions allow.
async fn ask(context: &RequestContext<RoleServer>, method: &str, params: Value) -> Result<Value, ErrorData> {
    let request: ServerRequest = of(json!({"method": method, "params": params}));
    let answer = context.peer.send_request(request).await.map_err(broken)?;
    serde_json::to_value(answer).map_err(broken)
}

fn broken(cause: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(cause.to_string(), None)
}

fn name_and_address() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    })
}

fn defaults() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": true},
        },
        "required": [],
    })
}

fn choices() -> Value {
    let plain = ["option1", "option2", "option3"];
    let titled = json!([
        {"const": "value1", "title": "First"}, {"const": "value2", "title": "Second"}, {"const": "value3", "title": "Third"},
    ]);
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {
                "type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        },
        "required": [],
    })
}

/// Closes the stream that waits for this answer; the client must come back with `Last-Event-ID` to get it.
async fn reconnection(server: &Everything, context: &RequestContext<RoleServer>) -> Result<CallToolResult, ErrorData> {
    let session = context
        .extensions
        .get::<http::request::Parts>()
        .and_then(|request| request.headers.get("mcp-session-id")?.to_str().ok());
    if let Some(session) = session {
        let handle = server.sessions.sessions.read().await.get(session).cloned();
        tokio::time::sleep(STEP).await;
        if let Some(handle) = handle {
            for stream in 0..STREAMS_MAX {
                // Only a stream that is open can be closed; the call does not know which is its own.
                let _not_open = handle.close_sse_stream(stream, None).await;
            }
        }
        tokio::time::sleep(STEP).await;
    }
    Ok(say("Here after all"))
}
