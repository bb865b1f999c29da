//! Speaks MCP to a server as a client does: begins a session, calls methods, lists what is there.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Value, json};

use super::{AskFault, Asker, WebAnswer, WebQuestion};
use crate::{
    base::{
        limits::fetch::{LIST_ENTRIES_MAX, LIST_PAGES_MAX},
        media,
    },
    decide::mcp::{
        answer::answer_of::answer_of,
        method::DISCOVER,
        version::{FIRST_MODERN, LAST_LEGACY},
    },
    outbound::address::AddressRule,
};

/// As SDKs write it.
const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");

/// A client of one MCP server.
pub struct McpClient<'a> {
    asker: &'a Asker,
    url: &'a str,
    /// Sent with each request: a credential, a `User-Agent`.
    fields: HeaderMap,
    rule: AddressRule,
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
    is_modern: bool,
    next_id: u64,
}

/// Why a call has no result.
#[derive(Clone, Debug)]
pub enum McpFault {
    /// The server did not answer.
    Unanswered(AskFault),
    /// The status is not a success.
    Status(Box<WebAnswer>),
    /// The answer is not one of MCP.
    NotMcp(Box<WebAnswer>),
    /// The server answered with an error of JSON-RPC.
    Error {
        /// Its code.
        code: i64,
        /// Its message.
        message: String,
    },
}

/// What a server says of itself when a client begins.
#[derive(Clone, Debug, PartialEq)]
pub struct McpServerInfo {
    /// The version that was agreed on.
    pub version: String,
    /// Its name.
    pub name: String,
    /// Its capabilities.
    pub capabilities: Value,
}

impl<'a> McpClient<'a> {
    /// A client that sends these fields with each request.
    #[must_use]
    pub fn new(asker: &'a Asker, url: &'a str, fields: HeaderMap) -> Self {
        let rule = AddressRule::Configured;
        Self { asker, url, fields, rule, session: None, version: None, is_modern: false, next_id: 0 }
    }

    /// The same, at addresses that this rule permits.
    #[must_use]
    pub fn within(self, rule: AddressRule) -> Self {
        Self { rule, ..self }
    }

    /// Begins as most clients do, with `initialize`; a server that only speaks a version without
    /// sessions is asked with `server/discover`.
    ///
    /// # Errors
    /// [`McpFault`].
    pub async fn begin(&mut self) -> Result<McpServerInfo, McpFault> {
        let begun = self.call("initialize", initial_params()).await;
        let result = match begun {
            Ok(result) => result,
            Err(McpFault::Error { code: -32601 | -32022 | -32602, .. }) => return self.discover().await,
            Err(McpFault::Status(answer)) if answer.status == StatusCode::BAD_REQUEST => {
                return self.discover().await.map_err(|_| McpFault::Status(answer));
            }
            Err(fault) => return Err(fault),
        };
        let version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or(LAST_LEGACY).to_owned();
        self.version = HeaderValue::try_from(&version).ok();
        let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let answer = self.asker.ask(&self.question(&notification)).await.map_err(McpFault::Unanswered)?;
        if !answer.status.is_success() {
            return Err(McpFault::Status(Box::new(answer)));
        }
        Ok(info(version, &result))
    }

    async fn discover(&mut self) -> Result<McpServerInfo, McpFault> {
        self.is_modern = true;
        self.version = Some(HeaderValue::from_static(FIRST_MODERN));
        let result = self.call(DISCOVER, json!({})).await?;
        Ok(info(FIRST_MODERN.to_owned(), &result))
    }

    /// Calls a method, and returns its result.
    ///
    /// # Errors
    /// [`McpFault`].
    pub async fn call(&mut self, method: &str, mut params: Value) -> Result<Value, McpFault> {
        let id = self.next_id;
        self.next_id += 1;
        if let (true, Some(params)) = (self.is_modern, params.as_object_mut()) {
            params.insert("_meta".to_owned(), modern_meta());
        }
        let mut question = self.question(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        if let (true, Ok(method)) = (self.is_modern, HeaderValue::try_from(method)) {
            question.fields.insert(METHOD, method);
        }
        let answer = self.asker.ask(&question).await.map_err(McpFault::Unanswered)?;
        let kind = answer.fields.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let Some(found) = answer_of(kind, &answer.body, id) else {
            let is_success = answer.status.is_success();
            let answer = Box::new(answer);
            return Err(if is_success { McpFault::NotMcp(answer) } else { McpFault::Status(answer) });
        };
        if let Some(error) = found.get("error") {
            // A refusal of HTTP says more than its body.
            if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                return Err(McpFault::Status(Box::new(answer)));
            }
            let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
            let message = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
            return Err(McpFault::Error { code, message });
        }
        if let Some(session) = answer.fields.get(&SESSION) {
            self.session = Some(session.clone());
        }
        Ok(found.get("result").cloned().unwrap_or_default())
    }

    /// The entries of a list: at most [`LIST_ENTRIES_MAX`], over at most [`LIST_PAGES_MAX`] pages.
    ///
    /// # Errors
    /// [`McpFault`].
    pub async fn list(&mut self, method: &str, member: &str) -> Result<Vec<Value>, McpFault> {
        let mut entries = Vec::new();
        let mut cursor: Option<Value> = None;
        for _ in 0..LIST_PAGES_MAX {
            let params = cursor.take().map_or(json!({}), |cursor| json!({"cursor": cursor}));
            let mut page = self.call(method, params).await?;
            if let Some(Value::Array(found)) = page.get_mut(member).map(Value::take) {
                entries.extend(found.into_iter().take(LIST_ENTRIES_MAX.saturating_sub(entries.len())));
            }
            cursor = page.get("nextCursor").filter(|cursor| cursor.is_string()).cloned();
            if cursor.is_none() || entries.len() >= LIST_ENTRIES_MAX {
                break;
            }
        }
        Ok(entries)
    }

    /// The session that the server began.
    #[must_use]
    pub fn session(&self) -> Option<&HeaderValue> {
        self.session.as_ref()
    }

    /// Asks for the event stream of the session; the answer has what came in time.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn stream(&self) -> Result<WebAnswer, AskFault> {
        let mut question = self.question(&Value::Null);
        question.method = Method::GET;
        question.body = Bytes::new();
        question.fields.remove(CONTENT_TYPE);
        question.fields.insert(ACCEPT, HeaderValue::from_static(media::EVENT_STREAM));
        question.enough = Some(|_| true);
        self.asker.ask(&question).await
    }

    /// Ends the session, if there is one. A server that does not let it end keeps it.
    pub async fn end(self) {
        if self.session.is_some() {
            let mut question = self.question(&Value::Null);
            question.method = Method::DELETE;
            question.body = Bytes::new();
            let _ = self.asker.ask(&question).await;
        }
    }

    fn question(&self, message: &Value) -> WebQuestion<'a> {
        let mut question = WebQuestion::new(Method::POST, self.url);
        question.fields = self.fields.clone();
        question.rule = self.rule;
        question.fields.insert(CONTENT_TYPE, HeaderValue::from_static(media::JSON));
        question.fields.insert(ACCEPT, ACCEPTED);
        if let Some(session) = &self.session {
            question.fields.insert(SESSION, session.clone());
        }
        if let Some(version) = &self.version {
            question.fields.insert(VERSION, version.clone());
        }
        question.body = Bytes::from(message.to_string());
        question.enough = Some(holds_an_answer);
        question
    }
}

/// Whether a stream, which may go on for ever, has an event with an answer.
fn holds_an_answer(body: &[u8]) -> bool {
    let is_whole = body.ends_with(b"\n\n") || body.ends_with(b"\r\n\r\n") || body.ends_with(b"\r\r");
    let has = |word: &[u8]| memchr::memmem::find(body, word).is_some();
    is_whole && has(b"data:") && (has(b"\"result\"") || has(b"\"error\""))
}

fn initial_params() -> Value {
    json!({"protocolVersion": LAST_LEGACY, "capabilities": {}, "clientInfo": client_info()})
}

fn client_info() -> Value {
    json!({"name": "portcullis", "version": env!("CARGO_PKG_VERSION")})
}

fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": FIRST_MODERN,
        "io.modelcontextprotocol/clientInfo": client_info(),
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn info(version: String, result: &Value) -> McpServerInfo {
    let server = result.get("serverInfo").and_then(|server| server.get("name")).and_then(Value::as_str);
    let capabilities = result.get("capabilities").cloned().unwrap_or_default();
    McpServerInfo { version, name: server.unwrap_or_default().to_owned(), capabilities }
}
