//! Says which tools, prompts and resources there are, and what a resource holds.

use rmcp::{
    ErrorData,
    model::{JsonObject, Prompt, ReadResourceResult, Resource, ResourceContents, ResourceTemplate, Tool},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::server::skills;

/// One grey pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==";
/// One silent sample.
pub(crate) const WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA==";

/// The first is one that can be called without arguments: the suite probes headers with it.
const TOOLS: [(&str, &str); 41] = [
    ("test_simple_text", "Answers with a text"),
    ("test_image_content", "Answers with an image"),
    ("test_audio_content", "Answers with a sound"),
    ("test_embedded_resource", "Answers with a resource"),
    ("test_multiple_content_types", "Answers with a text, an image and a resource"),
    ("test_tool_with_logging", "Logs while it runs"),
    ("test_error_handling", "Always fails"),
    ("test_tool_with_progress", "Reports progress while it runs"),
    ("test_sampling", "Has the client ask its model"),
    ("test_elicitation", "Asks the user for a name and an address"),
    ("test_elicitation_sep1034_defaults", "Asks the user for values that have defaults"),
    ("test_elicitation_sep1330_enums", "Asks the user to choose, in every way there is"),
    ("test_reconnection", "Closes the stream before it answers"),
    ("json_schema_2020_12_tool", "Takes arguments that only JSON Schema 2020-12 can describe"),
    ("test_custom_header", "Takes an argument that is repeated in a header"),
    ("test_missing_capability", "Needs a client that samples"),
    ("test_streaming_elicitation", "Asks for input on an open answer stream"),
    ("test_logging_tool", "Logs if the request asks for it"),
    ("test_trigger_tool_change", "Tells listeners that the tools changed"),
    ("test_trigger_prompt_change", "Tells listeners that the prompts changed"),
    ("test_input_required_result_elicitation", "Needs a name"),
    ("test_input_required_result_sampling", "Needs an answer of the client's model"),
    ("test_input_required_result_list_roots", "Needs the client's roots"),
    ("test_input_required_result_request_state", "Needs a confirmation, with state"),
    ("test_input_required_result_tampered_state", "Needs a confirmation, with state that nobody may change"),
    ("test_input_required_result_multiple_inputs", "Needs three things at once"),
    ("test_input_required_result_multi_round", "Needs one thing after the other"),
    ("test_input_required_result_capabilities", "Needs whatever this client can give"),
    ("greet", "Greets at once"),
    ("slow_compute", "Takes its time"),
    ("failing_job", "Fails as a task"),
    ("protocol_error_job", "Breaks as a task"),
    ("confirm_delete", "Asks once while it runs as a task"),
    ("multi_input", "Asks twice at once while it runs as a task"),
    ("test_tool_with_task", "Asks first, then runs as a task"),
    // Names that a filter must leave alone, whatever it makes of their spelling.
    ("a", "The shortest name"),
    ("Case.Dot-Dash_9", "Every kind of character that a name may have"),
    ("case.dot-dash_9", "The same in small letters"),
    ("test_simple_text_", "The first with something behind it"),
    ("tools", "Named like a member of the answer"),
    ("result", "Named like the answer"),
];

pub(crate) fn tools() -> Vec<Tool> {
    TOOLS.iter().map(|(name, what)| Tool::new(*name, *what, of::<JsonObject>(schema(name)))).collect()
}

fn schema(tool: &str) -> Value {
    let (properties, required) = match tool {
        "json_schema_2020_12_tool" => return schema_2020_12(),
        "test_sampling" => (json!({"prompt": {"type": "string"}}), json!(["prompt"])),
        "test_elicitation" => (json!({"message": {"type": "string"}}), json!(["message"])),
        "test_custom_header" => (json!({"region": {"type": "string", "x-mcp-header": "Region"}}), json!(["region"])),
        "greet" => (json!({"name": {"type": "string"}}), json!(["name"])),
        "slow_compute" => (json!({"seconds": {"type": "number"}, "label": {"type": "string"}}), json!(["seconds"])),
        "confirm_delete" => (json!({"filename": {"type": "string"}}), json!(["filename"])),
        _ => return json!({"type": "object", "properties": {}}),
    };
    json!({"type": "object", "properties": properties, "required": required})
}

fn schema_2020_12() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}

pub(crate) fn prompts() -> Vec<Prompt> {
    let argument = |name: &str| json!({"name": name, "description": "A text", "required": true});
    of(json!([
        {"name": "test_simple_prompt", "description": "One text"},
        {"name": "test_prompt_with_arguments", "description": "A text made of two arguments",
            "arguments": [argument("arg1"), argument("arg2")]},
        {"name": "test_prompt_with_embedded_resource", "description": "A resource and what to do with it",
            "arguments": [argument("resourceUri")]},
        {"name": "test_prompt_with_image", "description": "An image and what to do with it"},
        {"name": "test_input_required_result_prompt", "description": "Needs to know the context"},
    ]))
}

pub(crate) fn resources() -> Vec<Resource> {
    let mut all: Vec<Resource> = of(json!([
        {"uri": "test://static-text", "name": "Text", "description": "A text that stays", "mimeType": "text/plain"},
        {"uri": "test://static-binary", "name": "Image", "description": "An image that stays", "mimeType": "image/png"},
        {"uri": "test://watched-resource", "name": "Watched", "description": "A text to subscribe to",
            "mimeType": "text/plain"},
    ]));
    all.extend(skills::files());
    all
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    of(json!([{
        "uriTemplate": "test://template/{id}/data", "name": "Data", "description": "Data of one id",
        "mimeType": "application/json",
    }]))
}

pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let content = match uri {
        "test://static-text" => text(uri, "text/plain", "This is the content of the static text resource."),
        "test://static-binary" => of(json!({"uri": uri, "mimeType": "image/png", "blob": PNG})),
        "test://watched-resource" => text(uri, "text/plain", "Nothing has changed."),
        _ => match uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data")) {
            Some(id) => {
                let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
                text(uri, "application/json", &data.to_string())
            }
            None => skills::read(uri)
                .ok_or_else(|| ErrorData::resource_not_found("Resource not found", Some(json!({"uri": uri}))))?,
        },
    };
    Ok(ReadResourceResult::new(vec![content]).with_ttl_ms(0))
}

pub(crate) fn text(uri: &str, media_type: &str, text: &str) -> ResourceContents {
    of(json!({"uri": uri, "mimeType": media_type, "text": text}))
}

/// What is written here as JSON, as the type that the library wants.
pub(crate) fn of<T: DeserializeOwned>(written: Value) -> T {
    serde_json::from_value(written).expect("what is written here has the shape of the protocol")
}
