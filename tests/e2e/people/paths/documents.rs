//! Documents of the operator need no token, and never cover the gateway's own paths.

use tokio::{
    net::TcpStream,
    time::{Duration, Instant, sleep},
};

use crate::e2e::world::{Ask, Plan, Reply, World};

const DOCUMENTS: &str = "documents:
  /.well-known/openai-apps-challenge: {text: abc123}
  /.well-known/apple-app-site-association: {text: '{\"applinks\": {}}'}
  /icon.svg: {file: icon.svg}
  /privacy: {text: '<script>1</script>', type: text/html; charset=utf-8}
  /: {text: hello}
";

fn plan() -> Plan {
    Plan::standard().top(DOCUMENTS).file("icon.svg", "<svg>1</svg>")
}

#[tokio::test]
async fn people_b4_documents_are_answered_without_a_token() {
    let world = plan().start().await;
    for (path, content_type, body) in [
        ("/.well-known/openai-apps-challenge", "text/plain; charset=utf-8", "abc123"),
        ("/.well-known/apple-app-site-association", "application/json", "{\"applinks\": {}}"),
        ("/icon.svg", "image/svg+xml", "<svg>1</svg>"),
        ("/privacy", "text/html; charset=utf-8", "<script>1</script>"),
        ("/", "text/plain; charset=utf-8", "hello"),
    ] {
        let reply = world.send(&Ask::get(path).with("Origin", "https://any.example")).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, body), "{path}");
        assert_eq!(reply.header("content-type"), Some(content_type), "{path}");
        assert_eq!(reply.header("content-security-policy"), Some("sandbox"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(reply.header("cache-control"), Some("public, max-age=60"), "{path}");

        let head = world.send(&Ask::new("HEAD", &format!("{path}?v=1"))).await;
        assert_eq!((head.status, head.text().as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), Some(body.len().to_string().as_str()), "{path}");

        let etag = reply.header("etag").unwrap().to_owned();
        let again = world.send(&Ask::get(path).with("If-None-Match", &etag)).await;
        assert_eq!((again.status, again.header("etag")), (304, Some(etag.as_str())), "{path}");

        let posted = world.send(&Ask::post(path, "{}")).await;
        assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{path}");
        let preflight = Ask::new("OPTIONS", path).with("Origin", "https://any.example");
        let preflight = world.send(&preflight.with("Access-Control-Request-Method", "GET")).await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, Some("*")), "{path}");
    }
    for path in ["/icon.svg/", "/ICON.svg", "/icon%2esvg", "//icon.svg", "/./icon.svg", "/icon.svg;x", "/.well-known/"]
    {
        assert_eq!(world.send(&Ask::get(path)).await.status, 404, "{path}: one spelling");
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn people_b4_a_changed_document_is_read_again_and_a_bad_one_leaves_the_old() {
    let world = plan().start().await;
    let get = Ask::get("/icon.svg");
    let before = world.send(&get).await;
    std::fs::write(world.folder.path().join("icon.svg"), "<svg>2!</svg>").unwrap();
    let after = until_body(&world, &get, "<svg>2!</svg>").await;
    assert_ne!(before.header("etag"), after.header("etag"));

    std::fs::remove_file(world.folder.path().join("icon.svg")).unwrap();
    world.gateway.signal("HUP");
    world.gateway.line(|line| line.contains("icon.svg, which cannot be read")).await;
    assert_eq!(world.send(&get).await.text(), "<svg>2!</svg>");
    world.close().await;
}

async fn until_body(world: &World, ask: &Ask, body: &str) -> Reply {
    let deadline = Instant::now() + Duration::from_secs(12);
    loop {
        let reply = world.send(ask).await;
        if reply.text() == body {
            return reply;
        }
        assert!(Instant::now() < deadline, "{body} never came: {reply:?}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn people_b4_over_http_2_an_answer_to_head_is_its_head_alone() {
    let world = plan().start().await;
    let socket = TcpStream::connect(world.gateway.listening_address()).await.unwrap();
    let (mut sender, connection) = ::h2::client::handshake(socket).await.unwrap();
    let connection = tokio::spawn(connection);
    for (path, status) in [("/privacy", 200), ("/absent", 404), ("/mcp", 401), ("/mcp?access_token=x", 400)] {
        let mut lengths = Vec::new();
        for method in ["GET", "HEAD"] {
            let uri = format!("http://{}{path}", world.authority);
            let request = http::Request::builder().method(method).uri(uri).body(()).unwrap();
            let (answer, _) = sender.send_request(request, true).unwrap();
            let mut answer = answer.await.unwrap();
            let length = answer.headers().get("content-length").cloned();
            if method == "HEAD" {
                assert_eq!(answer.status(), status, "{path}");
                assert!(answer.body().is_end_stream(), "{path}");
                assert!(answer.body_mut().data().await.is_none(), "{path}");
            }
            lengths.push((answer.status(), length));
        }
        assert_eq!(lengths.first(), lengths.last(), "{path}: as for GET");
        assert!(lengths.iter().all(|(_, length)| length.is_some()), "{path}: {lengths:?}");
    }
    connection.abort();
    world.close().await;
}

#[tokio::test]
async fn people_b4_attack_267_a_document_is_no_script_of_a_service_worker() {
    let world = plan().start().await;
    for (name, value) in [("Service-Worker", "script"), ("Sec-Fetch-Dest", "serviceworker")] {
        let reply = world.send(&Ask::get("/privacy").with(name, value)).await;
        assert_eq!((reply.status, reply.reason().as_str()), (403, "service_worker"), "{name}");
    }
    world.close().await;
}

#[tokio::test]
async fn people_b4_attack_265_a_document_covers_no_path_of_the_gateway() {
    for path in [
        "/mcp",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource/other",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/mcp/.well-known/openid-configuration",
    ] {
        let refused = Plan::standard().top(&format!("documents: {{{path}: {{text: x}}}}")).try_start().await;
        let Err(refused) = refused else { panic!("{path} was taken") };
        assert!(
            refused.output.contains("a path that the gateway does not answer itself"),
            "{path}: {}",
            refused.output
        );
    }
}
