//! A client's path cannot leave its pattern, and a redirect of the upstream cannot either.

use super::{echo, plan};
use crate::e2e::world::{Ask, server};

#[tokio::test]
async fn people_b4_attack_263_no_spelling_of_a_path_leaves_its_pattern() {
    let world = plan().start().await;
    world.upstream.answer_with(echo);
    let token = world.token();
    let mut refused = 0;
    for below in ["/files/public", "/files"] {
        for escape in [
            "/../inner/mcp",
            "/..",
            "/.",
            "/./a",
            "/%2e%2e/inner/mcp",
            "/.%2e/a",
            "/%2E%2E%2Finner/mcp",
            "/..%2finner/mcp",
            "/..%5cinner",
            "/..\\inner",
            "/a\\..\\..\\inner",
            "/%252e%252e/inner",
            "/%25252e%25252e/inner",
            "/..%252finner",
            "/..%c0%afinner",
            "/%c0%ae%c0%ae/inner",
            "/..;/inner/mcp",
            "/..%3b/inner/mcp",
            "/a;b",
            "/a%00",
            "/a%0d%0aX: y",
            "//inner/mcp",
            "/a//b",
            "/%2finner",
            "/a%2f..%2f..",
            "/a%3f.png",
            "/a%23",
            "/%u002e%u002e/inner",
            "/%",
            "/%2",
            "/%ef%bc%8e%ef%bc%8e/inner",
            "/..%ef%bc%8finner",
            "/..%e2%88%95inner",
            "/%e2%80%a5/inner",
            "/.../inner",
            "/..%20/inner",
            "/c:/inner",
            "/%25u002f",
        ] {
            let target = format!("{below}{escape}");
            for method in ["GET", "POST"] {
                let reply = world.send(&Ask::new(method, &target).token(&token)).await;
                assert!(matches!(reply.status, 400 | 404), "{method} {target}: {reply:?}");
                refused += 1;
            }
        }
    }
    // What only an entry of the other access would match.
    for target in
        ["/Files/a", "/FILES/public/a", "/f%69les/a", "/files", "/filesx/a", "/icon.png/", "/icon.PNG", "/inner/mcp"]
    {
        let reply = world.send(&Ask::get(target).token(&token)).await;
        assert_eq!(reply.status, 404, "{target}");
    }
    for target in ["/files/%70ublic/a", "/files/publi%63/a"] {
        let reply = world.send(&Ask::get(target)).await;
        assert_eq!((reply.status, reply.reason().as_str()), (400, "unsafe_path"), "{target}");
    }
    assert_eq!((world.upstream.count(), refused), (0, 152));
    world.close().await;
}

#[tokio::test]
async fn people_b4_a_token_in_a_query_does_not_reach_the_upstream() {
    let world = plan().start().await;
    for query in ["access_token=x", "a&Access%5fToken=x", "a;access_token=x", "a=1%26access_token=x"] {
        for target in ["/icon.png", "/files/a"] {
            let reply = world.send(&Ask::get(&format!("{target}?{query}")).token(&world.token())).await;
            assert_eq!(reply.status, 400, "{target}?{query}");
        }
    }
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn people_b4_attack_264_a_redirect_stays_within_the_paths() {
    let world = plan().start().await;
    let upstream = world.upstream.url();
    for (status, to, expected) in [
        (302, "/files/b?x=1".to_owned(), Some("/files/b?x=1")),
        (307, format!("{upstream}/files/a/"), Some("/files/a/")),
        (301, "b".to_owned(), Some("/files/b")),
        (302, "http://mcp.internal:8000/files/b".to_owned(), Some("/files/b")),
        (302, "public/b#z".to_owned(), Some("/files/public/b#z")),
        (302, "https://evil.example/files/b?sig=secret".to_owned(), None),
        (302, "//evil.example/files/b".to_owned(), None),
        (308, "/inner/mcp".to_owned(), None),
        (302, "/oauth/consent".to_owned(), None),
        (302, "/files/../inner/mcp".to_owned(), None),
        (302, "javascript:alert(1)".to_owned(), None),
    ] {
        let place = to.clone();
        world.upstream.answer_with(move |_| server::full(status, &[("Location", &place)], ""));
        let reply = world.send(&Ask::get("/files/a").token(&world.token())).await;
        match expected {
            Some(place) => assert_eq!((reply.status, reply.header("location")), (status, Some(place)), "{to}"),
            None => assert_eq!((reply.status, reply.header("location")), (502, None), "{to}"),
        }
    }
    let line = world.gateway.line(|line| line.contains("it redirects to a place that is not in the `paths`")).await;
    assert!(line.contains("at /files/a: ") && line.contains("or its host to `upstream.aliases`"), "{line}");
    assert!(world.gateway.output().contains("https://evil.example/files/b"));
    assert!(!world.gateway.output().contains("sig=secret"));
    world.close().await;
}
