//! The MCP server of the demo: notes in memory, without authentication.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rmcp::{
    ServerHandler,
    handler::server::wrapper::Parameters,
    schemars, tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::net::TcpListener;

/// All notes, by title.
type Notes = Arc<Mutex<BTreeMap<String, String>>>;

#[derive(Clone)]
struct Server {
    notes: Notes,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Title {
    /// Title of the note
    title: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Note {
    /// Title of the note; an existing note with this title is replaced
    title: String,
    /// Text of the note
    text: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Query {
    /// Text to search for, in upper or lower case
    text: String,
}

#[tool_router]
impl Server {
    #[tool(description = "Lists the titles of all notes", annotations(read_only_hint = true))]
    fn list_notes(&self) -> String {
        let notes = self.notes.lock().expect("no panic while it is locked");
        notes.keys().map(|title| format!("- {title}\n")).collect()
    }

    #[tool(description = "Reads one note", annotations(read_only_hint = true))]
    fn read_note(&self, Parameters(Title { title }): Parameters<Title>) -> Result<String, String> {
        let notes = self.notes.lock().expect("no panic while it is locked");
        notes.get(&title).cloned().ok_or_else(|| format!("there is no note {title:?}; list_notes names them"))
    }

    #[tool(description = "Finds notes that hold a text", annotations(read_only_hint = true))]
    fn search_notes(&self, Parameters(Query { text }): Parameters<Query>) -> String {
        let notes = self.notes.lock().expect("no panic while it is locked");
        let text = text.to_lowercase();
        let found = notes
            .iter()
            .filter(|(title, note)| title.to_lowercase().contains(&text) || note.to_lowercase().contains(&text));
        found.map(|(title, note)| format!("## {title}\n{note}\n")).collect()
    }

    #[tool(description = "Writes a note")]
    fn write_note(&self, Parameters(Note { title, text }): Parameters<Note>) -> String {
        let answer = format!("wrote {title:?}, {} characters", text.chars().count());
        self.notes.lock().expect("no panic while it is locked").insert(title, text);
        answer
    }

    #[tool(description = "Deletes every note", annotations(destructive_hint = true))]
    fn delete_all_notes(&self) -> String {
        let mut notes = self.notes.lock().expect("no panic while it is locked");
        let count = notes.len();
        notes.clear();
        format!("deleted {count} notes")
    }
}

#[tool_handler(router = Self::tool_router())]
impl ServerHandler for Server {}

/// Serves on a port that the system chooses, and returns that port.
pub(crate) async fn serve() -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let notes = BTreeMap::from([
        ("Shopping".to_owned(), "Bread, butter, a new padlock".to_owned()),
        ("Portcullis".to_owned(), "A gate that falls by its own weight, and is lifted by hand.".to_owned()),
    ]);
    let server = Server { notes: Arc::new(Mutex::new(notes)) };
    // Without sessions, a single curl request is answered, in JSON.
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(LocalSessionManager::default()), config);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(port)
}
