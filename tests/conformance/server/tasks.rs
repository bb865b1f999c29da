//! Answers the calls that become tasks, for clients that declare the extension.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult,
        InputRequest,
    },
    service::RequestContext,
    task_manager::{TaskContext, TaskExit, TaskOptions},
};
use serde_json::Value;

use crate::{
    Everything,
    server::{
        catalogue::of,
        rounds::{accepted, form, input},
        tools::say,
    },
};

/// What a task that fails does before it does.
const A_WHILE: Duration = Duration::from_millis(300);
/// How often a client is told to look.
const POLL_MS: u64 = 100;

/// `None` is a tool that is not one of these.
pub(crate) async fn call(
    server: &Everything,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let declared = context.client_capabilities().is_some_and(|client| client.supports_tasks());
    match request.name.as_ref() {
        "slow_compute" if !declared => {
            tokio::time::sleep(duration(request)).await;
            return Some(Ok(say("Computed while you waited").into()));
        }
        "slow_compute" | "failing_job" | "protocol_error_job" | "confirm_delete" | "multi_input" => {}
        "test_tool_with_task" if request.input_responses.is_none() => {
            let asked = form("What is your name?", "name", "string");
            return Some(Ok(input(serde_json::json!({"user_name": asked}), None).into()));
        }
        "test_tool_with_task" => {}
        _ => return None,
    }
    if !declared {
        let needed = ClientCapabilities::builder().enable_tasks().build();
        return Some(Err(ErrorData::missing_required_client_capability(needed)));
    }
    let request = request.clone();
    let options = TaskOptions::new().with_poll_interval_ms(POLL_MS);
    let task = server.tasks.spawn(options, |task| Box::pin(run(request, task)));
    Some(Ok(CreateTaskResult::new(task).into()))
}

async fn run(request: CallToolRequestParams, task: TaskContext) -> Result<CallToolResult, TaskExit> {
    match request.name.as_ref() {
        "slow_compute" => tokio::select! {
            () = task.cancelled() => Err(TaskExit::Cancelled),
            () = tokio::time::sleep(duration(&request)) => Ok(say("Computed")),
        },
        "failing_job" => {
            tokio::time::sleep(A_WHILE).await;
            Ok(CallToolResult::error(vec![ContentBlock::text("The job failed")]))
        }
        "protocol_error_job" => {
            tokio::time::sleep(A_WHILE).await;
            Err(ErrorData::internal_error("The job broke", None).into())
        }
        "confirm_delete" => {
            let answer = task.request_input("confirm", asked("Delete it?", "confirm", "boolean")).await?;
            let deleted = accepted(&answer, "confirm").and_then(Value::as_bool).unwrap_or_default();
            Ok(say(if deleted { "Deleted" } else { "Kept" }))
        }
        "multi_input" => {
            let (first, second) = tokio::join!(
                task.request_input("first", asked("And the name?", "name", "string")),
                task.request_input("second", asked("And the other name?", "name", "string")),
            );
            let name = |answer: &Value| accepted(answer, "name").cloned().unwrap_or_default();
            Ok(say(&format!("{} and {}", name(&first?), name(&second?))))
        }
        _ => {
            let answers = request.input_responses.unwrap_or_default();
            let name = answers.get("user_name").and_then(|answer| accepted(answer, "name")?.as_str());
            Ok(say(&format!("Done for {}", name.unwrap_or("nobody"))))
        }
    }
}

fn asked(message: &str, field: &str, kind: &str) -> InputRequest {
    of(form(message, field, kind))
}

fn duration(request: &CallToolRequestParams) -> Duration {
    let seconds = request.arguments.as_ref().and_then(|all| all.get("seconds")?.as_f64()).unwrap_or_default();
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
