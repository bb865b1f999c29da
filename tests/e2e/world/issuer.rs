//! A pretend authorization server: its metadata and its keys, over real HTTP, counted, stoppable and changeable.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{
    key::{Alg, HOUSE, Keys},
    leak::Captured,
    server::{self, Seen, Step, Upstream},
    token::Mint,
};

/// The path of the key set.
pub const JWKS_PATH: &str = "/keys";
/// The path of the introspection endpoint.
pub const INTROSPECTION_PATH: &str = "/introspect";
/// The paths of the metadata.
pub const METADATA_PATHS: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

struct Documents {
    metadata: Value,
    keys: Value,
    introspection: Option<Arc<Introspection>>,
}

/// A running issuer.
pub struct Issuer {
    server: Upstream,
    documents: Arc<Mutex<Documents>>,
    captured: Arc<Captured>,
}

impl Issuer {
    /// Starts one that signs with `keys`.
    pub async fn start(keys: &'static Keys, captured: Arc<Captured>) -> Self {
        let server = Upstream::start(None).await;
        let issuer = server.url();
        let metadata = json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}{JWKS_PATH}"),
            "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
            "introspection_endpoint": format!("{issuer}{INTROSPECTION_PATH}"),
            "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
        });
        let documents = Documents { metadata, keys: key_set(keys), introspection: None };
        let documents = Arc::new(Mutex::new(documents));
        let issuer = Self { server, documents, captured };
        issuer.answer_politely();
        issuer
    }

    /// The issuer string.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The server itself, for counting, stopping and slowing.
    pub fn server(&self) -> &Upstream {
        &self.server
    }

    /// How often the key set was fetched.
    pub fn key_fetches(&self) -> usize {
        self.server.count_of(JWKS_PATH)
    }

    /// Replaces the key set.
    pub fn publish(&self, keys: Value) {
        self.documents.lock().unwrap().keys = keys;
    }

    /// Answers introspection so.
    pub fn introspect(&self, answer: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) {
        self.documents.lock().unwrap().introspection = Some(Arc::new(answer));
    }

    /// How often a token was introspected.
    pub fn introspections(&self) -> usize {
        self.server.count_of(INTROSPECTION_PATH)
    }

    /// A good token for `resource`, not yet signed.
    pub fn mint(&self, resource: &str) -> Mint {
        Mint::new(&self.url(), resource, Arc::clone(&self.captured))
    }

    /// Serves the documents, but spoils those at `paths`.
    pub fn spoil(&self, paths: &'static [&'static str], spoils: Box<Spoils>) {
        let documents = Arc::clone(&self.documents);
        self.server.answer_with(move |seen| {
            let polite = documents.lock().unwrap().answer(seen);
            if paths.contains(&seen.target.as_str()) { spoils(polite) } else { polite }
        });
    }

    /// Serves the documents; undoes what a test scripted.
    pub fn answer_politely(&self) {
        let documents = Arc::clone(&self.documents);
        self.server.answer_with(move |seen| documents.lock().unwrap().answer(seen));
    }
}

/// What introspection answers.
type Introspection = dyn Fn(&Seen) -> Vec<Step> + Send + Sync;

/// What becomes of the polite answer.
pub type Spoils = dyn Fn(Vec<Step>) -> Vec<Step> + Send + Sync;

impl Documents {
    fn answer(&self, seen: &Seen) -> Vec<Step> {
        let body = match seen.target.as_str() {
            JWKS_PATH => self.keys.to_string(),
            INTROSPECTION_PATH => match &self.introspection {
                Some(answer) => return answer(seen),
                None => return server::json(404, r#"{"error":"not_found"}"#),
            },
            path if METADATA_PATHS.contains(&path) => self.metadata.to_string(),
            _ => return server::json(404, r#"{"error":"not_found"}"#),
        };
        server::json(200, body)
    }
}

/// A key set with one key of each kind.
pub fn key_set(keys: &Keys) -> Value {
    json!({"keys": [
        keys.jwk(Alg::Rs256, "rs"), keys.jwk(Alg::Es256, "es"), keys.jwk(Alg::EdDsa, "ed"), keys.jwk(Alg::Es384, "es384"),
    ]})
}

/// The house issuer's key set.
pub fn house_key_set() -> Value {
    key_set(&HOUSE)
}
