//! Patterns that cover a path of the gateway, another server or an MCP endpoint stop the start.

use crate::e2e::world::Plan;

async fn refused(servers: &str, why: &str) {
    let Err(refused) = Plan::standard().servers(servers).try_start().await else { panic!("taken: {servers}") };
    assert!(refused.output.contains(why), "{why}: {servers}\n{}", refused.output);
}

fn one(paths: &str) -> String {
    format!(
        "
  main:
    path: /a/mcp
    upstream: {{url: \"@UPSTREAM@/inner/mcp\"}}
    access: authenticated
    paths: [{paths}]
"
    )
}

#[tokio::test]
async fn people_b4_attack_265_a_pattern_covers_no_path_of_the_gateway() {
    for path in ["/a/*", "/a/mcp", "/a/mcp/", "/*/mcp", "/a/mcp/**", "/a/m*"] {
        refused(&one(&format!("{{path: \"{path}\"}}")), "which covers /a/mcp").await;
    }
    for path in ["/**", "/.well-known/**", "/.well-known/oauth-protected-resource/x", "/.well-known/o*/**"] {
        refused(&one(&format!("{{path: \"{path}\"}}")), "which covers /.well-known/").await;
    }
}

#[tokio::test]
async fn people_b4_attack_268_a_pattern_reaches_no_mcp_endpoint_of_an_upstream() {
    for path in ["/inner/mcp", "/inner/**", "/inner/m*", "/*/mcp", "/INNER/**", "/inner/MCP/"] {
        refused(&one(&format!("{{path: \"{path}\"}}")), "would be judged by no rule").await;
    }
    // Some servers answer at every path below their endpoint.
    refused(&one("{path: \"/inner/mcp/files/**\", methods: [POST]}"), "would be judged by no rule").await;
    // Another server's endpoint at the same upstream.
    let two = format!(
        "{}  other: {{path: /b/mcp, upstream: {{url: \"@UPSTREAM@/second\"}}, access: authenticated}}\n",
        one("{path: /second}")
    );
    refused(&two, "the MCP endpoint of servers.other").await;
}

#[tokio::test]
async fn people_b4_attack_265_patterns_of_two_servers_do_not_overlap() {
    let two = format!(
        "{}  other: {{path: /b/mcp, upstream: {{url: \"@UPSTREAM@/second\"}}, access: authenticated, paths: [{{path: \"/files/*.png\"}}]}}\n",
        one("{path: \"/files/**\"}")
    );
    refused(&two, "paths of one server alone").await;
    refused(&one("{path: \"/files/private/**\"}, {path: \"/files/**\", access: public}"), "the public paths first")
        .await;
}
