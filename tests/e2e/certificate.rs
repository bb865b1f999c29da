//! Is an operator told of a certificate that clients refuse, once (attack 189)?

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::time::{Duration, Instant, sleep};

use super::world::{Plan, World, certificate, command::portcullis};

const NOT_AFTER: &str = "portcullis_certificate_not_after_seconds";

/// A certificate for `name` that holds until the end of 1999 or long.
fn write(world: &World, name: &str, expired: bool) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(1990, 1, 1);
    params.not_after = if expired { date_time_ymd(2000, 1, 1) } else { date_time_ymd(2100, 1, 1) };
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let folder = world.folder.path();
    for (file, text) in [("tls.key", key.serialize_pem()), ("tls.crt", made.pem())] {
        std::fs::write(folder.join("new"), text).unwrap();
        std::fs::rename(folder.join("new"), folder.join(file)).unwrap();
    }
}

fn lines(world: &World, text: &str) -> usize {
    world.gateway.output().lines().filter(|line| line.contains(text)).count()
}

async fn until(world: &World, what: &str, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(12);
    while lines(world, what) < count {
        assert!(Instant::now() < deadline, "{what} {count} times never came:\n{}", world.gateway.tail());
        sleep(Duration::from_millis(20)).await;
    }
}

/// What `check` says, and how it ends.
async fn check(world: &World) -> (String, Option<i32>) {
    let (code, _, said) = portcullis(world.folder.path(), &["check", "--config", "gateway.yaml"]).await;
    (said, code)
}

#[tokio::test]
async fn attack_189_an_expired_certificate_or_one_for_another_host_is_warned_of_once_and_exported() {
    let world = Plan::standard().tls().start().await;
    assert!(world.metric(NOT_AFTER).await.unwrap() > 4e9, "the world's own lasts");
    assert_eq!((lines(&world, "the certificate: "), check(&world).await), (0, (String::new(), Some(0))));

    write(&world, "localhost", true);
    until(&world, "it has expired", 1).await;
    assert_eq!(world.metric(NOT_AFTER).await, Some(946_684_800.0));
    let (said, code) = check(&world).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("warning: ") && said.contains("tls.crt: it has expired"), "{said}");

    write(&world, "other.example", false);
    until(&world, "it is for other.example, and clients ask for localhost", 1).await;
    assert_eq!(world.metric(NOT_AFTER).await, Some(4_102_444_800.0));
    assert!(check(&world).await.0.contains("other.example"));

    // Several looks later each was told once.
    write(&world, "localhost", false);
    until(&world, "a changed certificate is in use", 3).await;
    assert_eq!((lines(&world, "it has expired"), lines(&world, "it is for other.example")), (1, 1));
    world.close().await;
}

#[tokio::test]
async fn attack_189_the_start_warns_too() {
    let mut params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2000, 1, 1);
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let plan = Plan::standard().tls().file("tls.crt", &made.pem()).file("tls.key", &key.serialize_pem());
    let world = plan.start().await;
    for text in ["it has expired", "it is for other.example"] {
        until(&world, text, 1).await;
        assert_eq!(lines(&world, text), 1, "{}", world.gateway.tail());
    }
    world.close().await;
}

#[tokio::test]
async fn attack_189_the_whole_chain_is_looked_at() {
    let mut params = CertificateParams::new(vec!["issuer.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = date_time_ymd(2000, 1, 1);
    let expired = CertifiedIssuer::self_signed(params.clone(), KeyPair::generate().unwrap()).unwrap();
    params.not_after = date_time_ymd(2100, 1, 1);
    let foreign = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let (mut params, key) =
        (CertificateParams::new(vec!["localhost".to_owned()]).unwrap(), KeyPair::generate().unwrap());
    params.not_after = date_time_ymd(2100, 1, 1);
    let own = params.signed_by(&key, &expired).unwrap().pem();

    let plan = Plan::standard().tls().file("tls.crt", &format!("{own}{}", expired.pem()));
    let world = plan.file("tls.key", &key.serialize_pem()).start().await;
    until(&world, "certificate 2 in it: it has expired", 1).await;
    assert_eq!(world.metric(NOT_AFTER).await, Some(946_684_800.0), "the earliest");
    let write = |text: String| {
        std::fs::write(world.folder.path().join("new"), text).unwrap();
        std::fs::rename(world.folder.path().join("new"), world.folder.path().join("tls.crt")).unwrap();
    };
    write(format!("{own}{}", foreign.pem()));
    until(&world, "certificate 1 in it was not issued by certificate 2", 1).await;
    let (said, code) = check(&world).await;
    assert!(code == Some(0) && said.contains("was not issued by certificate 2"), "{said}");
    write(format!("{}{own}", foreign.pem()));
    until(&world, "the first certificate in the file must be the server's own", 1).await;
    let (said, code) = check(&world).await;
    assert!(code != Some(0) && said.contains("the key belongs to certificate 2 in the file"), "{code:?} {said}");
    world.close().await;
}

#[tokio::test]
async fn attack_189_a_missing_file_is_an_error_once_and_its_return_is_told() {
    let world = Plan::standard().tls().start().await;
    let (file, away) = (world.folder.path().join("tls.crt"), world.folder.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    until(&world, "a changed certificate cannot be used", 1).await;
    let failures = "portcullis_certificate_reload_failures_total";
    assert_eq!(world.metric(failures).await, Some(1.0));
    std::fs::rename(&away, &file).unwrap();
    until(&world, "the certificate's files can be read again", 1).await;
    // The same again is another change, and several looks in between are none.
    std::fs::rename(&file, &away).unwrap();
    until(&world, "a changed certificate cannot be used", 2).await;
    sleep(Duration::from_secs(5)).await;
    certificate::leaf().write(world.folder.path());
    until(&world, "a changed certificate is in use", 1).await;
    assert_eq!((lines(&world, "cannot be used"), world.metric(failures).await), (2, Some(2.0)));
    world.close().await;
}
