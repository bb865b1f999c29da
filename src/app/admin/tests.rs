//! The admin port: answers, host names, and many connections at once.

use http::header::HOST;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{app::ready::ServerReport, base::limits::operating::ADMIN_CONNECTIONS_MAX};

struct Told(Vec<String>);

impl Tells for Told {
    fn host(&self) -> Box<str> {
        "mcp.example.com".into()
    }

    fn ready(&self) -> Report {
        let server = |name: &str, reasons| ServerReport { name: name.to_owned(), reasons, notes: Vec::new() };
        let servers = vec![server("weather", self.0.clone()), server("files", vec!["no keys".to_owned()])];
        Report { reasons: self.0.clone(), notes: Vec::new(), servers }
    }

    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }
}

fn request(method: &Method, path: &str, host: &str) -> Request<()> {
    Request::builder().method(method).uri(path).header(HOST, host).body(()).unwrap()
}

#[test]
fn the_admin_port_knows_four_paths() {
    let (ready, not_ready) = (Told(Vec::new()), Told(vec!["draining".to_owned()]));
    for (method, path, tells, status) in [
        (Method::GET, "/healthz", &ready, 200),
        (Method::GET, "/healthz", &not_ready, 200),
        (Method::GET, "/readyz", &ready, 200),
        (Method::HEAD, "/readyz", &ready, 200),
        (Method::GET, "/readyz", &not_ready, 503),
        (Method::GET, "/readyz/weather", &ready, 200),
        (Method::HEAD, "/readyz/weather", &ready, 200),
        (Method::GET, "/readyz/weather", &not_ready, 503),
        (Method::GET, "/readyz/files", &ready, 503),
        (Method::GET, "/readyz/other", &ready, 404),
        (Method::GET, "/readyz/", &ready, 404),
        (Method::POST, "/readyz/weather", &ready, 404),
        (Method::GET, "/metrics", &ready, 200),
        (Method::POST, "/metrics", &ready, 404),
        (Method::GET, "/metrics/", &ready, 404),
        (Method::GET, "/", &ready, 404),
    ] {
        let answer = answer(&request(&method, path, "10.1.2.3:9901"), tells);
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        let media = if path == "/metrics" && status == 200 { metrics::CONTENT_TYPE } else { "application/json" };
        assert_eq!(answer.headers()[CONTENT_TYPE], media);
    }
    for (host, status) in [("mcp.example.com", 200), ("evil.example", 421), ("localhost:x", 400)] {
        assert_eq!(answer(&request(&Method::GET, "/healthz", host), &ready).status().as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn the_admin_port_answers_and_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(serve(listener, ADMIN_CONNECTIONS_MAX, Arc::new(Told(Vec::new()))));
    let mut half_sent = Vec::new();
    for _ in 0..ADMIN_CONNECTIONS_MAX {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(b"GET /readyz HTTP/1.1\r\nHo").await.unwrap();
        half_sent.push(tcp);
    }
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(b"GET /readyz/weather HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut text = String::new();
    tcp.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n{\"notes\":[],\"ready\":true,\"reasons\":[]}\n"), "{text}");
}
