//! A removed key stops working even if the rest of a reload is refused (A11).

use std::fs;

use tokio::time::{Duration, Instant, sleep};

use super::api_keys::{ask, new_key, plan};
use crate::e2e::{
    issuer::until_noted,
    reload::{rewrite, until_status},
    world::{Ask, Step, World, server},
};

#[tokio::test]
async fn people_a11_p7_attack_316_a_removed_key_stops_working_although_the_reload_is_refused() {
    let mut made = Vec::new();
    for name in ["one", "two", "three", "four"] {
        made.push(new_key(&["--name", name, "--servers", "machines"]).await);
    }
    let entries: Vec<&str> = made.iter().map(|(_, entry)| entry.as_str()).collect();
    let sealed = plan(&entries).top("session_keys: [\"file:seal\"]").file("seal", &"a".repeat(40));
    let world = sealed.start().await;
    made.iter().for_each(|(key, _)| world.secret(key));
    let of = |index: usize| ask("/machines", &made[index].0, "any");
    let file = world.folder.path().join("keys.yaml");
    let write = |entries: &[&str], more: &str| fs::write(&file, format!("keys:\n{}\n{more}", entries.join("\n")));
    for index in 0..4 {
        assert_eq!(world.send(&of(index)).await.status, 200);
    }
    world.upstream.answer_with(|seen| match seen.method.as_str() {
        "GET" => vec![server::sse_head(&[]), server::chunk("data: one\n\n"), Step::Hang],
        _ => server::json(200, "{}"),
    });
    let stream = |index: usize| Ask::get("/machines").with("Accept", "text/event-stream").token(&made[index].0);
    let (mut ending, mut staying) = (world.open(&stream(0)).await, world.open(&stream(3)).await);
    ending.until("one").await;
    staying.until("one").await;

    // A change that needs a restart, planned for the night.
    fs::write(world.folder.path().join("seal"), "b".repeat(40)).unwrap();
    write(&entries[1..], "").unwrap();
    until_status(&world, &of(0), 401).await;
    assert!(!ending.rest().await.text().contains("two"), "its stream ends");
    let line = world.gateway.line(|line| line.contains("are withdrawn although the reload failed")).await;
    assert!(
        line.contains("\"withdrawn\":\"API key one\"") && line.contains("_in_force\":\"two, three, four\""),
        "{line}"
    );
    let notes = world.admin("/readyz").await.json()["notes"].to_string();
    assert!(notes.contains("session_keys") && notes.contains("withdrawn all the same: API key one"), "{notes}");

    // A new entry with a mistake stands beside the removal.
    write(&entries[2..], "  - {name: new}\n").unwrap();
    until_status(&world, &of(1), 401).await;
    // The file is not YAML any more, and an entry is a comment.
    write(&[&format!("#{}", entries[2]), entries[3]], "- : [").unwrap();
    until_status(&world, &of(2), 401).await;
    assert_eq!(world.send(&of(3)).await.status, 200);
    // A key does not come back before a reload succeeds.
    write(&entries, "").unwrap();
    world.gateway.signal("HUP");
    world.gateway.line(|line| line.contains("\"withdrawn\":\"API key three\"")).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.send(&of(0)).await.status, 401);
    // The stream of the key that stayed has stayed.
    let still = tokio::time::timeout(Duration::from_millis(300), staying.piece()).await;
    assert!(still.is_err(), "the stream ended although its key remained: {still:?}");
    // A file that is gone withdraws nothing, until its time has passed; an empty one does.
    fs::remove_file(&file).unwrap();
    until_noted(&world, "keys.yaml cannot be read").await;
    world.gateway.line(|line| line.contains("\"ERROR\"") && line.contains("put it back, or write an empty")).await;
    assert_eq!(world.send(&of(3)).await.status, 200);
    fs::write(&file, "").unwrap();
    until_status(&world, &of(3), 401).await;
    staying.rest().await;

    // All is mended.
    fs::write(world.folder.path().join("seal"), "a".repeat(40)).unwrap();
    write(&entries, "").unwrap();
    for index in 0..4 {
        until_status(&world, &of(index), 200).await;
    }
    assert_eq!(world.admin("/readyz").await.json()["notes"].to_string(), "[]");
    // Emptied: nothing that counts is left.
    fs::write(&file, "").unwrap();
    until_status(&world, &of(0), 401).await;
    world.close().await;
}

#[tokio::test]
async fn people_a11_a_newly_named_file_with_a_mistake_is_read_again_when_it_is_mended() {
    let (key, entry) = new_key(&["--name", "ci", "--servers", "main", "--scopes", "mcp:connect"]).await;
    let world = World::standard().await;
    world.secret(&key);
    let file = world.folder.path().join("other.yaml");
    let failures = async || world.metric("portcullis_config_reload_failures_total").await.unwrap_or_default();
    let until_refused = async |times: f64| {
        let deadline = Instant::now() + Duration::from_secs(12);
        while failures().await < times {
            assert!(Instant::now() < deadline, "not refused {times} times\n{}", world.gateway.tail());
            sleep(Duration::from_millis(30)).await;
        }
    };
    // It is not there yet.
    rewrite(&world, |yaml| format!("keys: {{file: other.yaml}}\n{yaml}"));
    until_refused(1.0).await;
    // It comes with a mistake.
    fs::write(&file, format!("keys:\n{}\n", entry.replace("main", "mian"))).unwrap();
    until_refused(2.0).await;
    world.gateway.line(|line| line.contains("mian") && line.contains("did you mean")).await;
    // It is mended, and nothing else is touched.
    fs::write(&file, format!("keys:\n{entry}\n")).unwrap();
    until_status(&world, &ask("/mcp", &key, "safe"), 200).await;
    assert!(!world.admin("/readyz").await.json()["notes"].to_string().contains("reload"));
    world.close().await;
}

#[tokio::test]
async fn people_p7_attack_316_a_moved_file_or_a_renamed_server_withdraws_no_key() {
    let mut made = Vec::new();
    for name in ["one", "two"] {
        made.push(new_key(&["--name", name, "--servers", "machines"]).await);
    }
    let world = plan(&[&made[0].1, &made[1].1]).start().await;
    made.iter().for_each(|(key, _)| world.secret(key));
    let of = |index: usize| ask("/machines", &made[index].0, "any");
    let (file, moved) = (world.folder.path().join("keys.yaml"), world.folder.path().join("moved.yaml"));
    // The file has moved, and something else has a mistake.
    fs::rename(&file, &moved).unwrap();
    rewrite(&world, |yaml| format!("{}nonsense: 1\n", yaml.replace("keys.yaml", "moved.yaml")));
    until_noted(&world, "nonsense").await;
    for index in 0..2 {
        assert_eq!(
            world.send(&of(index)).await.status,
            200,
            "its entry is in the file that the new configuration names"
        );
    }
    // The server has another name there.
    let text = fs::read_to_string(&moved).unwrap();
    fs::write(&moved, text.replace("machines", "robots")).unwrap();
    rewrite(&world, |yaml| format!("{}worse: 1\n", yaml.replace("machines:", "robots:")));
    until_noted(&world, "worse").await;
    for index in 0..2 {
        assert_eq!(world.send(&of(index)).await.status, 200, "the server of before is still in force");
    }
    // A key that is taken out there stops working, and the log says why.
    fs::write(&moved, format!("keys:\n{}\n", made[1].1)).unwrap();
    until_status(&world, &of(0), 401).await;
    assert_eq!(world.send(&of(1)).await.status, 200);
    let why = |line: &str| line.contains("are withdrawn although") && line.contains("moved.yaml no longer has");
    world.gateway.line(why).await;
    // So does one that is moved to another server: its server of before is still there.
    rewrite(&world, |yaml| yaml.replace("robots:", "machines:"));
    fs::write(&moved, format!("keys:\n{}\n", made[1].1.replace("machines", "main"))).unwrap();
    until_status(&world, &of(1), 401).await;
    world.close().await;
}
