//! Is every body refused that is not plainly JSON in UTF-8 (SPEC C-20, C-21, attacks 13, 15, 37–45)?

use super::world::{Ask, Want, World, call, row};

fn typed(world: &World, media: &str) -> Ask {
    world.post(call("safe")).set("Content-Type", media)
}

#[tokio::test]
async fn c20_attack_013_015_040_to_044_media_types() {
    let world = World::standard().await;
    let mut rows = Vec::new();
    for media in [
        "text/plain",
        "text/json",
        "application/json-patch+json",
        "application/vnd.api+json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "application/json-rpc",
        "application/jsonrequest",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset",
        "application",
        "*/*",
    ] {
        rows.push(row(media, typed(&world, media), Want::OneOf(&[400, 415])));
    }
    for media in [
        "application/json",
        "application/JSON",
        "application/json;charset=utf-8",
        "application/json ;charset=UTF-8",
        "application/json; charset=\"utf-8\"",
    ] {
        rows.push(row(media, typed(&world, media), Want::Passes));
    }
    rows.push(row(
        "attack 042 judged all the same",
        typed(&world, "application/JSON").body(call("danger")),
        Want::Status(403),
    ));
    rows.push(row("attack 044 none", world.post(call("safe")).without("Content-Type"), Want::Status(415)));
    let two = typed(&world, "text/plain").with("Content-Type", "application/json");
    rows.push(row("attack 043 two lines", two, Want::Status(400)));
    rows.push(row("attack 043 joined", typed(&world, "application/json, text/plain"), Want::OneOf(&[400, 415])));
    world.verdicts(rows).await;
    let reply = world.send(&typed(&world, "text/plain")).await;
    assert_eq!(reply.status, 415, "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn c21_attack_037_038_039_content_codings() {
    let world = World::standard().await;
    // A small stored deflate block in gzip framing: what it hides does not matter, nobody may look.
    let packed: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x02\0\xfd\xff{}\x43\xbf\xa6\xa3\x02\0\0\0";
    for coding in ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, identity", "identity, gzip", "x-gzip", "unknown"] {
        let reply = world.send(&world.post(packed).with("Content-Encoding", coding)).await;
        assert_eq!(reply.status, 415, "{coding}: {reply:?}");
        assert_eq!(reply.header("accept-encoding"), Some("identity"), "{coding}");
    }
    let two = world.post(call("safe")).with("Content-Encoding", "identity").with("Content-Encoding", "gzip");
    world
        .verdicts(vec![
            row(
                "plain JSON that says gzip",
                world.post(call("safe")).with("Content-Encoding", "gzip"),
                Want::Status(415),
            ),
            row("two lines", two, Want::OneOf(&[400, 415])),
            row("identity", world.post(call("safe")).with("Content-Encoding", "identity"), Want::Passes),
        ])
        .await;
    world.close().await;
}
