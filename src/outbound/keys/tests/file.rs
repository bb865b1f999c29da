//! Keys of a file, which change with it.

use super::*;

#[tokio::test(start_paused = true)]
async fn keys_of_a_file_follow_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let write = |keys: &[Value]| fs::write(&path, json!({ "keys": keys }).to_string()).unwrap();
    let kept = Kept::new(KeySource::File(path.clone()));
    assert!(is_503(&kept.first().await));
    let reached = async |test: &dyn Fn(&KeyStatus) -> bool| {
        let mut progress = kept.keys.progress.subscribe();
        while !test(&kept.keys.status()) {
            progress.changed().await.unwrap();
        }
    };

    write(&[P256.jwk()]);
    reached(&|status| status.keys == 1 && status.last_error.is_none()).await;
    // An unknown kid waits for the next look at the file.
    assert_eq!(kept.ask("new", 1).await, Err(UNKNOWN));
    write(&[P256.jwk(), renamed("new")]);
    assert_eq!(kept.ask("new", 1).await, Ok(2));

    fs::write(&path, "{").unwrap();
    reached(&|status| status.last_error.is_some()).await;
    assert!(kept.now_has("new"));
    fs::remove_file(&path).unwrap();
    reached(&|status| status.last_error.as_ref().is_some_and(|error| error.contains("No such file"))).await;
    assert!(kept.now_has("new"));
    assert!(kept.keys.status().last_error.unwrap().starts_with("jwks_file"));
}
