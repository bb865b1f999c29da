//! A request in the making: exactly the bytes that it says.

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Ask {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: None }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST as MCP clients send it.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target)
            .with("Content-Type", "application/json")
            .with("Accept", "application/json, text/event-stream")
            .body(body)
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Takes a field away.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self
    }

    /// Replaces a field.
    pub fn set(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).with(name, value)
    }

    pub fn token(self, token: &str) -> Self {
        self.set("Authorization", format!("Bearer {token}"))
    }

    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    pub fn sent_body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// The bytes on the wire. `Host` and `Content-Length` are added unless they are there; `Connection: close` unless told otherwise.
    pub fn bytes(&self, authority: &str) -> Vec<u8> {
        let has = |name: &str| self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let mut field = |name: &str, value: &[u8]| bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        if !has("host") {
            field("Host", authority.as_bytes());
        }
        for (name, value) in &self.headers {
            field(name, value);
        }
        if let Some(body) = &self.body
            && !has("content-length")
            && !has("transfer-encoding")
        {
            field("Content-Length", body.len().to_string().as_bytes());
        }
        if !has("connection") {
            field("Connection", b"close");
        }
        bytes.extend(b"\r\n");
        bytes.extend(self.sent_body());
        bytes
    }
}
