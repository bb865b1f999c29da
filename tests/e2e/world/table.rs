//! Tables of requests and verdicts: every row is tried, all that differ are reported together.

use super::{Ask, Reply, World};

/// One row.
pub struct Row {
    name: String,
    ask: Ask,
    want: Want,
}

/// What should come of it.
#[derive(Clone, Copy, Debug)]
pub enum Want {
    /// The upstream gets the very body, and its answer comes back.
    Passes,
    /// This status, and the upstream sees nothing.
    Status(u16),
    /// This status and JSON-RPC error code, and the upstream sees nothing.
    Error(u16, i64),
    /// One of these, and the upstream sees nothing; 0 is a connection closed without an answer.
    OneOf(&'static [u16]),
}

/// A row.
pub fn row(name: impl Into<String>, ask: Ask, want: Want) -> Row {
    Row { name: name.into(), ask, want }
}

impl World {
    /// Tries all rows; fails with all that differ.
    pub async fn verdicts(&self, rows: Vec<Row>) {
        let mut wrong = Vec::new();
        for Row { name, ask, want } in rows {
            self.upstream.take();
            let reply = self.send(&ask).await;
            if let Some(problem) = self.differs(&ask, want, &reply) {
                wrong.push(format!("{name}: {problem}"));
            }
        }
        assert!(wrong.is_empty(), "{} rows differ:\n  {}", wrong.len(), wrong.join("\n  "));
    }

    /// Tries raw bytes: a status of `allowed`, the connection closed, and the upstream untouched.
    pub async fn refused_on_the_wire(&self, rows: Vec<(&str, Vec<u8>, &[u16])>) {
        let mut wrong = Vec::new();
        for (name, bytes, allowed) in rows {
            self.upstream.take();
            let reply = self.raw(&bytes).await;
            let seen = self.upstream.count();
            if !allowed.contains(&reply.status) || !reply.closed || seen > 0 {
                wrong.push(format!(
                    "{name}: status {} (wanted one of {allowed:?}), closed {}, the upstream saw {seen}; {}",
                    reply.status,
                    reply.closed,
                    reply.text()
                ));
            }
        }
        assert!(wrong.is_empty(), "{} rows differ:\n  {}", wrong.len(), wrong.join("\n  "));
    }

    fn differs(&self, ask: &Ask, want: Want, reply: &Reply) -> Option<String> {
        let seen = self.upstream.take();
        let got = format!("got {} {}", reply.status, reply.text());
        let refused = !matches!(want, Want::Passes);
        if refused && !seen.is_empty() {
            return Some(format!("the upstream saw {} request(s); {got}", seen.len()));
        }
        let right = match want {
            Want::Passes => {
                let same = seen.len() == 1 && seen[0].body == ask.sent_body();
                matches!(reply.status, 200 | 202) && same
            }
            Want::Status(status) => reply.status == status,
            Want::Error(status, code) => reply.status == status && reply.code() == Some(code),
            Want::OneOf(all) => all.contains(&reply.status),
        };
        (!right).then(|| format!("wanted {want:?}, {got}"))
    }
}

/// `tools/call` of this tool.
pub fn call(tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#)
}

/// A request with these raw parameters.
pub fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

/// A request of 2026-07-28, with its standard headers.
pub fn modern(method: &str, name: Option<&str>, params: &str) -> Ask {
    let meta = concat!(
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
        r#""io.modelcontextprotocol/clientCapabilities":{}}"#
    );
    let comma = if params.is_empty() { "" } else { "," };
    let ask = Ask::post("/mcp", request(method, &format!("{{{params}{comma}{meta}}}")))
        .with("MCP-Protocol-Version", "2026-07-28")
        .with("Mcp-Method", method);
    match name {
        Some(name) => ask.with("Mcp-Name", name),
        None => ask,
    }
}
