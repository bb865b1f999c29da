//! Answers with a prompt, or with what is needed to make it.

use rmcp::{
    ErrorData,
    model::{GetPromptRequestParams, GetPromptResponse, GetPromptResult, PromptMessage},
};
use serde_json::{Value, json};

use crate::server::{
    catalogue::{PNG, of},
    rounds::{accepted, form, input},
};

pub(crate) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let argument = |name: &str| {
        let given = request.arguments.as_ref().and_then(|all| all.get(name)?.as_str());
        given.ok_or_else(|| ErrorData::invalid_params(format!("argument {name} is missing"), None))
    };
    let text = |text: &str| json!({"type": "text", "text": text});
    let content = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1")?, argument("arg2")?);
            vec![text(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => vec![
            json!({"type": "resource", "resource": {
                "uri": argument("resourceUri")?, "mimeType": "text/plain", "text": "Embedded resource content for testing.",
            }}),
            text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image" => vec![
            json!({"type": "image", "data": PNG, "mimeType": "image/png"}),
            text("Please analyze the image above."),
        ],
        "test_input_required_result_prompt" => {
            let answer = request.input_responses.as_ref().and_then(|all| all.get("user_context"));
            match answer.and_then(|answer| accepted(answer, "context")?.as_str()) {
                Some(context) => vec![text(&format!("Mind the context: {context}"))],
                None => {
                    let asked = form("What context should the prompt use?", "context", "string");
                    return Ok(input(json!({"user_context": asked}), None).into());
                }
            }
        }
        other => return Err(ErrorData::invalid_params(format!("Unknown prompt: {other}"), None)),
    };
    let message = |content: Value| of::<PromptMessage>(json!({"role": "user", "content": content}));
    Ok(GetPromptResult::new(content.into_iter().map(message).collect()).into())
}
