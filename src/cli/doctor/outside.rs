//! Examines an MCP server from outside: asks what each client asks, in the same order.

use std::{fs, io, io::Read as _, path::Path};

use bytes::Bytes;
use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE},
};

use super::finding::Finding;
use crate::{
    base::limits::tokens::TOKEN_BYTES_MAX,
    outbound::ask::{AskFault, Asker, WebAnswer, WebQuestion},
};

/// An MCP server to examine.
pub(super) struct Outside<'a> {
    /// Its URL, as users enter it.
    pub url: &'a str,
    /// Asks it.
    pub asker: &'a Asker,
    /// A token to send to the URL.
    pub token: Option<&'a PresentedToken>,
}

/// A token of `--token-file`. It cannot be printed.
pub(super) struct PresentedToken(String);

impl PresentedToken {
    /// Reads a file with one token.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        fs::File::open(path)?.take(TOKEN_BYTES_MAX as u64 + 64).read_to_string(&mut text)?;
        Ok(Self(text))
    }
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"portcullis-doctor","version":"1"}}}"#;
/// As the SDKs write it.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("portcullis-doctor/", env!("CARGO_PKG_VERSION")));

impl Outside<'_> {
    /// What is wrong.
    pub(super) async fn check(&self) -> Vec<Finding> {
        let _ = self.token.map(|token| token.0.len());
        let mut findings = Vec::new();
        match self.initialize().await {
            Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => {
                if !answer.fields.contains_key(WWW_AUTHENTICATE) {
                    findings.push(
                        Finding::new("challenge-missing", format!("POST {}", self.url))
                            .found("401 without WWW-Authenticate")
                            .expected("WWW-Authenticate: Bearer resource_metadata=\"…\""),
                    );
                }
            }
            Ok(_) | Err(_) => {}
        }
        findings
    }

    async fn initialize(&self) -> Result<WebAnswer, AskFault> {
        let mut question = WebQuestion::new(Method::POST, self.url)
            .with(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .with(ACCEPT, BOTH)
            .with(USER_AGENT, AGENT);
        question.body = Bytes::from_static(INITIALIZE.as_bytes());
        self.asker.ask(&question).await
    }
}
