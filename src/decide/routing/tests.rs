//! The route of each path, and paths without a route.

use super::{
    Ending::{Configured as C, Other as O},
    IssuerEndpoint as E, Owner, Route, RouteEntry, RouteFault, Routes, is_plain_path, is_server_path, messages_path,
};

fn routes(servers: &[(&str, bool)]) -> Result<Routes, RouteFault> {
    let entry = |&(path, root)| RouteEntry { path, root, legacy: false };
    Routes::new(&servers.iter().map(entry).collect::<Vec<_>>(), &[])
}

fn taken(path: &str, by: Owner, of: Owner) -> RouteFault {
    RouteFault::Taken { path: path.into(), by: Some(by), of: Some(of) }
}

#[test]
fn c95_an_old_event_stream_has_documents_and_messages_and_takes_no_root() {
    let entry = |path, legacy| RouteEntry { path, root: false, legacy };
    let routes = Routes::new(&[entry("/w/mcp", false), entry("/w/sse", true)], &[]).unwrap();
    for (path, route) in [
        ("/w/mcp", Route::Server(0, C)),
        ("/w/mcp/messages", Route::NotFound),
        ("/w/sse", Route::Server(1, C)),
        ("/w/sse/messages", Route::Messages(1)),
        ("/w/sse/messages/", Route::NotFound),
        ("/w/messages", Route::NotFound),
        ("/messages", Route::NotFound),
        ("/.well-known/oauth-protected-resource/w/sse", Route::ResourceMetadata(1, C)),
        ("/w/sse/.well-known/openid-configuration", Route::IssuerMetadata(1)),
        ("/.well-known/oauth-protected-resource/w/sse/messages", Route::NotFound),
        ("/w/sse/messages/.well-known/openid-configuration", Route::NotFound),
        // The documents of the only server, as if there were no `legacy_sse`.
        ("/.well-known/oauth-protected-resource", Route::ResourceMetadata(0, C)),
        ("/.well-known/openid-configuration", Route::IssuerMetadata(0)),
    ] {
        assert_eq!(routes.find(path), route, "{path}");
    }
    assert_eq!((Route::Messages(3).server(), messages_path("/")), (Some(3), "/messages".to_owned()));
    let clash = Routes::new(&[entry("/w/sse/messages", false), entry("/w/sse", true)], &[]);
    assert_eq!(clash, Err(taken("/w/sse/messages", Owner::Server(0), Owner::Server(1))));
}

#[test]
fn a02_documents_are_where_the_rfcs_say() {
    let routes = routes(&[("/a/b/mcp", false)]).unwrap();
    for (path, route) in [
        ("/a/b/mcp", Route::Server(0, C)),
        ("/.well-known/oauth-protected-resource/a/b/mcp", Route::ResourceMetadata(0, C)),
        ("/.well-known/oauth-protected-resource", Route::ResourceMetadata(0, C)),
        ("/.well-known/oauth-authorization-server", Route::IssuerMetadata(0)),
        ("/.well-known/openid-configuration", Route::IssuerMetadata(0)),
        ("/.well-known/oauth-authorization-server/a/b/mcp", Route::IssuerMetadata(0)),
        ("/.well-known/openid-configuration/a/b/mcp", Route::IssuerMetadata(0)),
        ("/a/b/mcp/.well-known/oauth-authorization-server", Route::IssuerMetadata(0)),
        ("/a/b/mcp/.well-known/openid-configuration", Route::IssuerMetadata(0)),
        ("/a/b/mcp/.well-known/oauth-protected-resource", Route::NotFound),
        // anything else under `/.well-known/`.
        ("/.well-known/oauth-protected-resource/a/b", Route::NotFound),
        ("/.well-known/oauth-protected-resource/", Route::NotFound),
        ("/.well-known/jwks.json", Route::NotFound),
        ("/.well-known/", Route::NotFound),
    ] {
        assert_eq!(routes.find(path), route, "{path}");
    }
}

#[test]
fn a03_the_root_resource_has_its_document_at_the_root() {
    for servers in [&[("/", false)][..], &[("/", false), ("/b", false)]] {
        let routes = routes(servers).unwrap();
        assert_eq!(routes.find("/"), Route::Server(0, C));
        assert_eq!(routes.find("/.well-known/oauth-protected-resource"), Route::ResourceMetadata(0, C));
        assert_eq!(routes.find("/.well-known/oauth-authorization-server"), Route::IssuerMetadata(0));
        assert_eq!(routes.find("/.well-known/oauth-protected-resource/"), Route::NotFound);
        assert_eq!(routes.find(""), Route::NotFound);
    }
}

#[test]
fn a18_a19_of_several_servers_one_may_own_the_root() {
    let none = routes(&[("/a/mcp", false), ("/b/mcp", false)]).unwrap();
    assert_eq!(none.find("/.well-known/oauth-protected-resource"), Route::NotFound);
    assert_eq!(none.find("/.well-known/openid-configuration"), Route::NotFound);
    assert_eq!(none.find("/.well-known/oauth-protected-resource/a/mcp"), Route::ResourceMetadata(0, C));
    assert_eq!(none.find("/.well-known/oauth-protected-resource/b/mcp"), Route::ResourceMetadata(1, C));
    assert_eq!(none.find("/.well-known/oauth-protected-resource/c/mcp"), Route::NotFound);

    let second = routes(&[("/a/mcp", false), ("/b/mcp", true)]).unwrap();
    assert_eq!(second.find("/.well-known/oauth-protected-resource"), Route::ResourceMetadata(1, C));
    assert_eq!(second.find("/.well-known/oauth-authorization-server"), Route::IssuerMetadata(1));
}

#[test]
fn two_servers_cannot_share_a_path() {
    let taken = |path: &str| Err(taken(path, Owner::Server(0), Owner::Server(1)));
    let root = "/.well-known/oauth-protected-resource";
    assert_eq!(routes(&[("/a", false), ("/a", false)]), taken("/a"));
    assert_eq!(routes(&[("/a", true), ("/b", true)]), taken(root));
    assert_eq!(routes(&[("/", false), ("/b", true)]), taken(root));
    assert_eq!(routes(&[("/a", false), ("/b//", false)]), Err(RouteFault::Path { of: Owner::Server(1) }));
    assert!(routes(&[]).is_ok());
}

#[test]
fn e01_an_embedded_issuer_has_its_documents_in_every_form_and_its_endpoints_below() {
    let server = RouteEntry { path: "/w/mcp", root: false, legacy: false };
    let routes = Routes::new(&[server], &["/oauth", "/b/as"]).unwrap();
    let metadata = Route::Issuer(0, E::Metadata);
    for (path, route) in [
        ("/.well-known/oauth-authorization-server/oauth", metadata),
        ("/.well-known/openid-configuration/oauth", metadata),
        ("/oauth/.well-known/oauth-authorization-server", metadata),
        ("/oauth/.well-known/openid-configuration", metadata),
        ("/oauth/jwks", Route::Issuer(0, E::Jwks)),
        ("/oauth/authorize", Route::Issuer(0, E::Authorize)),
        ("/oauth/login", Route::Issuer(0, E::Login)),
        ("/oauth/consent", Route::Issuer(0, E::Consent)),
        ("/oauth/callback", Route::Issuer(0, E::Callback)),
        ("/oauth/token", Route::Issuer(0, E::Token)),
        ("/oauth/register", Route::Issuer(0, E::Register)),
        ("/oauth/revoke", Route::Issuer(0, E::Revoke)),
        ("/oauth/introspect", Route::Issuer(0, E::Introspect)),
        ("/b/as/token", Route::Issuer(1, E::Token)),
        ("/.well-known/openid-configuration/b/as", Route::Issuer(1, E::Metadata)),
        // The mirror is still about the server.
        ("/.well-known/openid-configuration", Route::IssuerMetadata(0)),
        ("/.well-known/oauth-protected-resource/oauth", Route::NotFound),
        ("/oauth", Route::NotFound),
        ("/oauth/", Route::NotFound),
        ("/oauth/token/", Route::NotFound),
        ("/OAuth/token", Route::NotFound),
        // With two authorization servers, a client without metadata cannot say which it means.
        ("/token", Route::NotFound),
        ("/authorize", Route::NotFound),
    ] {
        assert_eq!(routes.find(path), route, "{path}");
    }
    assert_eq!((Route::Issuer(0, E::Token).server(), routes.find("/w/mcp")), (None, Route::Server(0, C)));
}

#[test]
fn e08_one_embedded_issuer_is_also_at_the_root_where_nothing_else_is() {
    let server = |path| RouteEntry { path, root: false, legacy: false };
    let one = Routes::new(&[server("/token")], &["/oauth"]).unwrap();
    for (path, route) in [
        ("/authorize", Route::Issuer(0, E::Authorize)),
        ("/register", Route::Issuer(0, E::Register)),
        ("/token", Route::Server(0, C)),
        ("/oauth/token", Route::Issuer(0, E::Token)),
        ("/jwks", Route::NotFound),
        ("/revoke", Route::NotFound),
        ("/login", Route::NotFound),
    ] {
        assert_eq!(one.find(path), route, "{path}");
    }
    let none = Routes::new(&[server("/mcp")], &[]).unwrap();
    assert_eq!(none.find("/authorize"), Route::NotFound);
}

#[test]
fn an_issuer_takes_no_path_of_a_server_or_of_another_issuer() {
    let server = |path| RouteEntry { path, root: false, legacy: false };
    let (by, of) = (Owner::Server(0), Owner::Issuer(0));
    for (path, fault) in [
        ("/oauth/token", taken("/oauth/token", by, of)),
        ("/oauth", taken("/.well-known/oauth-authorization-server/oauth", by, of)),
    ] {
        assert_eq!(Routes::new(&[server(path)], &["/oauth"]), Err(fault), "{path}");
    }
    let twice = taken("/.well-known/oauth-authorization-server/a", Owner::Issuer(0), Owner::Issuer(1));
    assert_eq!(Routes::new(&[], &["/a", "/a"]), Err(twice));
    for path in ["/", "oauth", "/oauth/", "/o%61uth", "/.well-known/as"] {
        assert_eq!(Routes::new(&[], &[path]), Err(RouteFault::Path { of }), "{path}");
    }
}

#[test]
fn f20_odd_paths_are_nothing() {
    let routes = routes(&[("/mcp", false)]).unwrap();
    for path in [
        "",
        "/",
        "mcp",
        "/MCP",
        "/Mcp",
        "//mcp",
        "/mcp//",
        "//mcp/",
        "/mcp/./",
        "/mcp%2f/",
        "/./mcp",
        "/a/../mcp",
        "/mcp/.",
        "/mcp/..",
        "/mcp/..;/admin",
        "/mcp;x=1",
        "/mcp;",
        "/%6dcp",
        "/mc%70",
        "/mcp%2f",
        "/mcp%2F",
        "/mcp%00",
        "/mcp\\",
        "/mcp%5c",
        "/mcp%20",
        "/mcp ",
        " /mcp",
        "/mcp#f",
        "/mcp?x=1",
        "/mcp\0",
        "/mcp\u{ff0f}",
        "/ｍcp",
        "/mcpx",
        "/mcp.json",
        "*",
        "http://evil/mcp",
        "/mcp/x",
        "/x/mcp",
        "\\mcp",
        "/mcp%",
        "/.well-known/../mcp",
        "/.well-known/oauth-protected-resource%2fmcp",
        "/.well-known/OAuth-Protected-Resource/mcp",
        "/%2ewell-known/oauth-protected-resource/mcp",
    ] {
        assert_eq!(routes.find(path), Route::NotFound, "{path:?}");
    }
    assert_eq!(routes.find("/mcp"), Route::Server(0, C));
}

#[test]
fn f20_configured_paths_have_one_spelling() {
    for path in ["/", "/mcp", "/a/b/mcp", "/v1.2/~team/x_y-z", "/a@b:c+d", "/..a", "/MCP"] {
        assert!(is_plain_path(path), "{path}");
    }
    for path in [
        "",
        "mcp",
        "/mcp/",
        "//",
        "//mcp",
        "/a//b",
        "/.",
        "/..",
        "/a/./b",
        "/a/../b",
        "/mcp;x",
        "/mcp?x",
        "/mcp#x",
        "/m%63p",
        "/mcp\\",
        "/m cp",
        "/mcp\n",
        "/mçp",
        "/mcp\"",
        "/a=b",
        "/.well-known/mcp",
        "/a/.well-known/mcp",
        "/{x}",
        "/*",
    ] {
        assert!(!is_plain_path(path), "{path:?}");
    }
}

#[test]
fn people_b1_with_and_without_a_slash_at_the_end_are_one_server() {
    for (configured, other) in [("/a/mcp", "/a/mcp/"), ("/a/mcp/", "/a/mcp")] {
        let routes = routes(&[(configured, false), ("/b", false)]).unwrap();
        for (path, ending) in [(configured, C), (other, O)] {
            let below = |document: &str| format!("/.well-known/{document}{path}");
            assert_eq!(routes.find(path), Route::Server(0, ending), "{path}");
            assert_eq!(routes.find(&below("oauth-protected-resource")), Route::ResourceMetadata(0, ending));
            assert_eq!(routes.find(&below("oauth-authorization-server")), Route::IssuerMetadata(0));
            assert_eq!(routes.find(&below("openid-configuration")), Route::IssuerMetadata(0));
            assert_eq!(routes.find(&format!("{path}/")).server(), (path == "/a/mcp").then_some(0), "{path}/");
        }
        for path in ["/a/mcp/.well-known/openid-configuration", "/a/mcp/.well-known/oauth-authorization-server"] {
            assert_eq!(routes.find(path), Route::IssuerMetadata(0), "{path}");
        }
        for path in ["/a/mcp//", "/a/mcp//.well-known/openid-configuration", "/b/.well-known/", "/a/", "/a"] {
            assert_eq!(routes.find(path), Route::NotFound, "{path}");
        }
    }
    // Documents, messages and the embedded authorization server have one spelling.
    let entry = |path, legacy| RouteEntry { path, root: false, legacy };
    let routes = Routes::new(&[entry("/w/mcp", false), entry("/w/sse/", true)], &["/oauth"]).unwrap();
    assert_eq!(routes.find("/w/sse"), Route::Server(1, O));
    assert_eq!(routes.find("/w/sse/messages"), Route::Messages(1));
    for path in ["/w/sse/messages/", "/oauth/token/", "/oauth/", "/token/", "/.well-known/oauth-protected-resource/"] {
        assert_eq!(routes.find(path), Route::NotFound, "{path}");
    }
}

#[test]
fn people_b1_attack_255_no_path_is_of_two_servers_because_of_a_slash() {
    let taken = |path: &str| Err(taken(path, Owner::Server(0), Owner::Server(1)));
    assert_eq!(routes(&[("/a", false), ("/a/", false)]), taken("/a/"));
    assert_eq!(routes(&[("/a/", false), ("/a", false)]), taken("/a"));
    let entry = |path, legacy| RouteEntry { path, root: false, legacy };
    let messages = Routes::new(&[entry("/w/sse/messages/", false), entry("/w/sse", true)], &[]);
    assert_eq!(messages, taken("/w/sse/messages"));
    let issuer = Routes::new(&[entry("/oauth/token/", false)], &["/oauth"]);
    let of = (Owner::Server(0), Owner::Issuer(0));
    assert_eq!(issuer, Err(self::taken("/oauth/token", of.0, of.1)));
}

#[test]
fn people_b1_a_slash_at_the_end_can_be_configured() {
    for path in ["/", "/mcp", "/mcp/", "/a/b/"] {
        assert!(is_server_path(path), "{path}");
    }
    for path in ["", "//", "/mcp//", "mcp/", "/./", "/a/../", "/.well-known/", "/a/.well-known/", "/a//b/"] {
        assert!(!is_server_path(path), "{path:?}");
    }
}

#[test]
fn people_a11_a_server_without_an_authorization_server_has_no_documents() {
    let server = |path| RouteEntry { path, root: path == "/a", legacy: false };
    let mut routes = Routes::new(&[server("/a"), server("/b")], &["/oauth"]).unwrap();
    routes.remove_documents(0);
    for (path, route) in [
        ("/a", Route::Server(0, C)),
        ("/.well-known/oauth-protected-resource/a", Route::NotFound),
        ("/.well-known/oauth-protected-resource", Route::NotFound),
        ("/.well-known/oauth-authorization-server/a", Route::NotFound),
        ("/a/.well-known/openid-configuration", Route::NotFound),
        ("/.well-known/oauth-protected-resource/a/", Route::NotFound),
        ("/.well-known/oauth-protected-resource/b", Route::ResourceMetadata(1, C)),
        ("/oauth/.well-known/oauth-authorization-server", Route::Issuer(0, E::Metadata)),
    ] {
        assert_eq!(routes.find(path), route, "{path}");
    }
}
