//! Answers the calls of 2026-07-28 that first need something of the client, with state that only this server could have written.

use aws_lc_rs::{
    hmac::{self, HMAC_SHA256},
    rand::SystemRandom,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolRequestParams, CallToolResponse, InputRequests, InputRequiredResult},
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    Everything,
    server::{catalogue::of, tools::say},
};

type Answer = Result<CallToolResponse, ErrorData>;

/// `None` is a tool that is not one of these.
pub(crate) fn call(
    server: &Everything,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Option<Answer> {
    let given = |key: &str| request.input_responses.as_ref().and_then(|all| all.get(key));
    let stated = || server.seal.open(&request.name, request.request_state.as_deref());
    let sealed = |state: &str| Some(server.seal.close(&request.name, state));
    let answer = match request.name.as_ref() {
        "test_input_required_result_elicitation" | "test_streaming_elicitation" => match given("user_name") {
            None => needs(json!({"user_name": form("What is your name?", "name", "string")}), None),
            Some(answer) => match accepted(answer, "name").and_then(Value::as_str) {
                Some(name) => done(&format!("Hello, {name}!")),
                None => Err(ErrorData::invalid_params("user_name is no accepted answer with a name", None)),
            },
        },
        "test_input_required_result_sampling" => match given("capital_question") {
            None => needs(json!({"capital_question": question("What is the capital of France?")}), None),
            Some(answer) => done(answer.pointer("/content/text").and_then(Value::as_str).unwrap_or("no text")),
        },
        "test_input_required_result_list_roots" => match given("client_roots").and_then(|roots| roots.get("roots")) {
            None => needs(json!({"client_roots": roots()}), None),
            Some(roots) => done(&format!("The roots are {roots}")),
        },
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            match (stated(), given("confirm")) {
                (Err(refused), _) => Err(refused),
                (Ok(Some(_)), Some(_)) => done("state-ok"),
                (Ok(_), _) => needs(json!({"confirm": form("Please confirm", "ok", "boolean")}), sealed("asked")),
            }
        }
        "test_input_required_result_multiple_inputs" => {
            match (stated(), ["user_name", "greeting", "client_roots"].map(given)) {
                (Err(refused), _) => Err(refused),
                (Ok(Some(_)), [Some(_), Some(_), Some(_)]) => done("All three arrived"),
                (Ok(_), _) => needs(
                    json!({
                        "user_name": form("What is your name?", "name", "string"),
                        "greeting": question("Generate a greeting"),
                        "client_roots": roots(),
                    }),
                    sealed("asked"),
                ),
            }
        }
        "test_input_required_result_multi_round" => match (stated(), given("step1"), given("step2")) {
            (Err(refused), ..) => Err(refused),
            (Ok(Some(2)), _, Some(_)) => done("Both steps are made"),
            (Ok(Some(1)), Some(_), _) => {
                let asked = form("Step 2: What is your favorite color?", "color", "string");
                needs(json!({"step2": asked}), sealed("second"))
            }
            (Ok(_), ..) => {
                needs(json!({"step1": form("Step 1: What is your name?", "name", "string")}), sealed("first"))
            }
        },
        "test_input_required_result_capabilities" => able(context),
        _ => return None,
    };
    Some(answer)
}

/// Asks for what this client said that it can do, and for nothing else.
fn able(context: &RequestContext<RoleServer>) -> Answer {
    let client = context.client_capabilities().unwrap_or_default();
    let mut asked = serde_json::Map::new();
    if client.sampling.is_some() {
        asked.insert("question".into(), question("What is the capital of France?"));
    }
    if client.elicitation.is_some() {
        asked.insert("user_name".into(), form("What is your name?", "name", "string"));
    }
    if client.roots.is_some() {
        asked.insert("client_roots".into(), roots());
    }
    if asked.is_empty() { done("This client can do nothing") } else { needs(asked.into(), None) }
}

fn done(text: &str) -> Answer {
    Ok(say(text).into())
}

fn needs(asked: Value, state: Option<String>) -> Answer {
    Ok(input(asked, state).into())
}

pub(crate) fn input(asked: Value, state: Option<String>) -> InputRequiredResult {
    InputRequiredResult::new(Some(of::<InputRequests>(asked)), state)
}

/// A form with one field.
pub(crate) fn form(message: &str, field: &str, kind: &str) -> Value {
    json!({"method": "elicitation/create", "params": {
        "message": message,
        "requestedSchema": {"type": "object", "properties": {field: {"type": kind}}, "required": [field]},
    }})
}

fn question(text: &str) -> Value {
    json!({"method": "sampling/createMessage", "params": {
        "messages": [{"role": "user", "content": {"type": "text", "text": text}}],
        "maxTokens": 100,
    }})
}

fn roots() -> Value {
    json!({"method": "roots/list", "params": {}})
}

/// A field of a form that the user sent.
pub(crate) fn accepted<'a>(answer: &'a Value, field: &str) -> Option<&'a Value> {
    answer.get("action").filter(|action| *action == "accept")?;
    answer.get("content")?.get(field)
}

/// Makes state that comes back unchanged or not at all.
pub(crate) struct Seal(hmac::Key);

impl Seal {
    pub(crate) fn new() -> Self {
        Self(hmac::Key::generate(HMAC_SHA256, &SystemRandom::new()).expect("a key"))
    }

    fn close(&self, tool: &str, state: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{tool}\n{state}").as_bytes());
        format!("{state}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Which round the state is of, where there is state; an error where it was written by someone else.
    fn open(&self, tool: &str, presented: Option<&str>) -> Result<Option<u8>, ErrorData> {
        let Some(presented) = presented else { return Ok(None) };
        let refused = || ErrorData::invalid_params("requestState is not what this server sent", None);
        let (state, tag) = presented.split_once('.').ok_or_else(refused)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| refused())?;
        hmac::verify(&self.0, format!("{tool}\n{state}").as_bytes(), &tag).map_err(|_| refused())?;
        Ok(Some(if state == "second" { 2 } else { 1 }))
    }
}
