//! Cookies: the attributes that are set, and the values that are accepted.

use http::HeaderValue;

use super::*;
use crate::authorization_server::testing::World;

#[tokio::test]
async fn d03_cookies_are_for_one_host_and_unreadable_to_scripts() {
    let world = World::new().await;
    let value = "x".repeat(43);
    for cookie in [Cookie::Browser, Cookie::Login] {
        let line = cookie.set(&world.embedded, &value, 600);
        assert!(line.starts_with("__Host-portcullis-"), "{line}");
        assert!(line.ends_with(&format!("={value}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure")), "{line}");
        assert!(cookie.clear(&world.embedded).contains("=; Path=/; Max-Age=0;"));
    }
    let plain = world.reloaded(|settings| settings.issuer = "http://127.0.0.1:8080/oauth".into());
    let line = Cookie::Login.set(&plain.embedded, &value, 1);
    assert!(line.starts_with("portcullis-login-") && !line.contains("Secure"), "{line}");
    let other = world.reloaded(|settings| settings.issuer = "https://gw.example/other".into());
    assert_ne!(Cookie::Login.name(&world.embedded), Cookie::Login.name(&other.embedded), "two issuers of one host");
}

#[tokio::test]
async fn d03_one_cookie_is_read_and_two_or_odd_ones_are_not() {
    let world = World::new().await;
    let name = Cookie::Browser.name(&world.embedded);
    let (one, two) = ("a".repeat(43), "b".repeat(43));
    for (lines, found) in [
        (vec![format!("{name}={one}")], Some(&one)),
        (vec![format!("x=y; {name}={one}; z=")], Some(&one)),
        (vec!["x=y".to_owned(), format!("{name}={one}")], Some(&one)),
        (vec![format!("{name}={one}; {name}={two}")], None),
        (vec![format!("{name}={one}"), format!("{name}={one}")], None),
        (vec![format!("x{name}={one}")], None),
        (vec![format!("{name}={one}c")], None),
        (vec![format!("{name}=\"{one}\"")], None),
        (vec![format!("{name}=")], None),
        (vec![], None),
    ] {
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append(COOKIE, HeaderValue::try_from(line).unwrap());
        }
        assert_eq!(Cookie::Browser.get(&world.embedded, &headers), found.map(String::as_str), "{lines:?}");
    }
}
