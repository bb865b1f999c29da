//! What a reader saw of a message: all that decides what it does and to what.

use portcullis::decide::mcp::request::{
    message::{Message, MessageKind},
    target::Target,
};
use serde::Deserialize;
use serde_json::Value;

/// A member that should be a string: `None` where it is absent, and a word in brackets where it is something else.
type Said = Option<String>;

/// One message, seen through one reader. The readers of other languages write it as JSON, with the same names.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct View {
    /// `request`, `notification`, `response`, `batch` or `other`.
    pub kind: String,
    pub method: Said,
    /// The type of `id` and, where it is a string, its value: not every reader keeps 64 bits.
    pub id: Option<(String, String)>,
    pub name: Said,
    pub uri: Said,
    pub task: Said,
    pub ref_type: Said,
    pub ref_name: Said,
    pub ref_uri: Said,
    pub version: Said,
    pub capabilities: bool,
    pub subscriptions: Vec<String>,
    pub tasks: Vec<String>,
    /// What a server would touch: each reader works it out by itself.
    pub target: Vec<String>,
    /// The messages of a batch, in which case nothing else is said.
    #[serde(default)]
    pub batch: Vec<Self>,
    /// Whether the reader keeps only what its types know, so that only kind, method, id and target mean something.
    #[serde(default)]
    pub typed: bool,
}

impl View {
    pub fn of_gateway(message: &Message, target: &Target) -> Self {
        let said = |text: &Option<portcullis::base::text::Text>| text.as_ref().map(|text| text.as_str().to_owned());
        let all = |texts: &[portcullis::base::text::Text]| {
            texts.iter().map(|text| text.as_str().to_owned()).collect::<Vec<_>>()
        };
        let params = &message.params;
        let kind = match message.kind {
            MessageKind::Request => "request",
            MessageKind::Notification => "notification",
            MessageKind::Response => "response",
        };
        Self {
            kind: kind.to_owned(),
            method: (message.kind != MessageKind::Response).then(|| message.method.as_str().to_owned()),
            id: message.id.as_ref().map(|raw| id(&serde_json::from_str(raw.as_str()).expect("a raw id is JSON"))),
            name: said(&params.name),
            uri: said(&params.uri),
            task: said(&params.task_id),
            ref_type: said(&params.ref_type),
            ref_name: said(&params.ref_name),
            ref_uri: said(&params.ref_uri),
            version: said(&params.meta_version),
            capabilities: params.meta_capabilities,
            subscriptions: all(&params.subscriptions),
            tasks: all(&params.task_ids),
            target: match target {
                Target::Tool(name) | Target::Prompt(name) | Target::Template(name) => vec![name.as_str().to_owned()],
                Target::Resources(uris) => all(uris),
                Target::Tasks { ids, resources, .. } => [all(resources), all(ids)].concat(),
                _ => Vec::new(),
            },
            ..Self::default()
        }
    }

    pub fn of_batch(batch: Vec<Self>) -> Self {
        Self { kind: "batch".to_owned(), batch, ..Self::default() }
    }

    pub fn of_json(message: &Value) -> Self {
        if let Value::Array(messages) = message {
            return Self::of_batch(messages.iter().map(Self::of_json).collect());
        }
        let none = Value::Null;
        let at = |path: &str| match message.pointer(path) {
            Some(Value::String(text)) => Some(text.clone()),
            None => None,
            Some(_) => Some("[not a string]".to_owned()),
        };
        let list = |path: &str| match message.pointer(path) {
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().unwrap_or("[not a string]").to_owned()).collect()
            }
            None => Vec::new(),
            Some(_) => vec!["[not a list]".to_owned()],
        };
        let has = |name: &str| message.get(name).is_some();
        let kind = match (has("method"), has("id"), has("result") || has("error")) {
            (true, true, false) => "request",
            (true, false, false) => "notification",
            (false, true, true) => "response",
            _ => "other",
        };
        let meta = message.pointer("/params/_meta").unwrap_or(&none);
        let mut view = Self {
            kind: kind.to_owned(),
            method: at("/method"),
            id: message.get("id").map(id),
            name: at("/params/name"),
            uri: at("/params/uri"),
            task: at("/params/taskId"),
            ref_type: at("/params/ref/type"),
            ref_name: at("/params/ref/name"),
            ref_uri: at("/params/ref/uri"),
            version: at("/params/_meta/io.modelcontextprotocol~1protocolVersion"),
            capabilities: meta.get("io.modelcontextprotocol/clientCapabilities").is_some(),
            subscriptions: list("/params/notifications/resourceSubscriptions"),
            tasks: list("/params/notifications/taskIds"),
            ..Self::default()
        };
        view.target = view.touched();
        view
    }

    /// The same, of a reader whose types drop what they do not know.
    pub fn of_types(self) -> Self {
        Self { typed: true, ..self }
    }

    fn touched(&self) -> Vec<String> {
        let one = |said: &Said| said.iter().cloned().collect::<Vec<_>>();
        match self.method.as_deref() {
            Some("tools/call" | "prompts/get") => one(&self.name),
            Some("resources/read" | "resources/subscribe" | "resources/unsubscribe") => one(&self.uri),
            Some("completion/complete") if self.ref_type.as_deref() == Some("ref/prompt") => one(&self.ref_name),
            Some("completion/complete") => one(&self.ref_uri),
            Some("subscriptions/listen") => [self.subscriptions.as_slice(), &self.tasks].concat(),
            Some("tasks/get" | "tasks/result" | "tasks/cancel" | "tasks/update") => one(&self.task),
            _ => Vec::new(),
        }
    }

    /// Whether this reader would do the same to the same.
    pub fn agrees(&self, gateway: &Self) -> bool {
        if self.kind == "batch" {
            return gateway.kind == "batch"
                && self.batch.len() == gateway.batch.len()
                && self.batch.iter().zip(&gateway.batch).all(|(one, other)| one.agrees(other));
        }
        if self.typed {
            // What its types do not know, it does not touch; nothing may be there that nobody was asked about.
            return self.kind == gateway.kind
                && self.method == gateway.method
                && self.id == gateway.id
                && self.target.iter().all(|touched| gateway.target.contains(touched));
        }
        self == gateway
    }
}

fn id(value: &Value) -> (String, String) {
    match value {
        Value::String(text) => ("string".to_owned(), text.clone()),
        Value::Number(number) if number.is_f64() => ("fraction".to_owned(), String::new()),
        Value::Number(_) => ("integer".to_owned(), String::new()),
        _ => ("other".to_owned(), String::new()),
    }
}
