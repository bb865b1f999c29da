//! Rate limits, with a clock that tests turn.

use std::{net::IpAddr, time::Duration};

use super::*;

fn at(secs: u64) -> Now {
    let time = Duration::from_secs(secs);
    Now { wall: time, mono: time }
}

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

#[test]
fn e28_logins_to_an_account_cost_more_each_time() {
    let throttle = Throttle::default();
    let to = Action::LoginToFrom("ada", ADDRESS);
    for _ in 0..5 {
        assert_eq!(throttle.attempt(to, at(0)), Ok(()));
    }
    // The fifth was free; the sixth makes the seventh wait.
    assert_eq!(throttle.attempt(to, at(0)), Ok(()));
    let mut now = 0;
    for wait in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        assert_eq!(throttle.attempt(to, at(now)), Err(Duration::from_secs(wait)));
        assert_eq!(
            throttle.attempt(to, at(now + wait - 1)),
            Err(Duration::from_secs(1)),
            "nothing was added by asking"
        );
        now += wait;
        assert_eq!(throttle.attempt(to, at(now)), Ok(()));
    }
    assert_eq!(throttle.check(Action::LoginToFrom("bob", ADDRESS), at(now)), Ok(()), "another account");
    let elsewhere = Action::LoginToFrom("ada", "192.0.2.8".parse().unwrap());
    assert_eq!(throttle.check(elsewhere, at(now)), Ok(()), "guesses from elsewhere do not lock its owner out");
    assert_eq!(throttle.check(to, at(now + 300)), Ok(()));
    throttle.refund(to);
    for _ in 0..6 {
        assert_eq!(throttle.attempt(to, at(now)), Ok(()), "its owner has logged in");
    }
}

#[test]
fn e28_one_address_cannot_hold_up_an_account_for_others_and_many_can_not_guess_without_end() {
    let throttle = Throttle::default();
    let (from, to) = (Action::LoginToFrom("ada", ADDRESS), Action::LoginTo("ada"));
    let mut guesses = 0;
    for now in 0..48 * 3600 {
        if throttle.attempt(from, at(now)).is_ok() {
            assert_eq!(throttle.attempt(to, at(now)), Ok(()), "at {now}, after {guesses}");
            guesses += 1;
        }
    }
    assert!((500..800).contains(&guesses), "{guesses}");
    let mut guesses = 0;
    for now in 0..24 * 3600 {
        guesses += u32::from(throttle.attempt(to, at(48 * 3600 + now)).is_ok());
    }
    assert!(guesses < 2_000, "{guesses}");
}

#[test]
fn e28_a_login_that_works_does_not_pay_for_guesses_at_others() {
    let throttle = Throttle::default();
    let from = Action::LoginFrom(ADDRESS);
    for _ in 0..31 {
        assert_eq!(throttle.attempt(from, at(0)), Ok(()), "a guess");
        if throttle.attempt(from, at(0)).is_err() {
            return;
        }
        throttle.refund(from);
    }
    panic!("guesses without end");
}

#[test]
fn e28_what_has_a_rate_comes_back_one_by_one() {
    for (action, at_once, every_ms) in [
        (Action::Registration(ADDRESS), 30, 1_000),
        (Action::ClientSecret("robot"), 20, 1_000),
        (Action::ClientFrom(ADDRESS), 60, 1_000),
        (Action::Revocation(ADDRESS), 30, 1_000),
        (Action::Authorize(ADDRESS), 300, 200),
    ] {
        let throttle = Throttle::default();
        for count in 0..at_once {
            assert_eq!(throttle.attempt(action, at(0)), Ok(()), "{action:?} {count}");
        }
        assert_eq!(throttle.attempt(action, at(0)), Err(Duration::from_millis(every_ms)), "{action:?}");
        let later = |ms: u64| Now { wall: Duration::ZERO, mono: Duration::from_millis(ms) };
        assert!(throttle.attempt(action, later(every_ms - 1)).is_err(), "{action:?}");
        assert_eq!(throttle.attempt(action, later(every_ms)), Ok(()), "{action:?}");
        assert!(throttle.attempt(action, later(every_ms)).is_err(), "one, not two: {action:?}");
        for count in 0..at_once {
            assert_eq!(throttle.attempt(action, later(every_ms * 10_000)), Ok(()), "{action:?} {count}");
        }
    }
}

#[test]
fn e28_a_successful_login_does_not_delay_others_at_the_same_address() {
    let throttle = Throttle::default();
    let from = Action::LoginFrom(ADDRESS);
    let mut now = 0;
    for _ in 0..40 {
        while let Err(wait) = throttle.attempt(from, at(now)) {
            now += wait.as_secs();
        }
    }
    let Err(wait) = throttle.check(from, at(now)) else { panic!("there is no wait") };
    now += wait.as_secs();
    throttle.attempt(from, at(now)).unwrap();
    throttle.refund(from);
    assert_eq!(throttle.check(from, at(now)), Ok(()));
    throttle.attempt(from, at(now)).unwrap();
    assert!(throttle.check(from, at(now)).unwrap_err() > Duration::from_secs(30), "guesses cost what they did");
}

#[test]
fn e28_e35_all_addresses_of_one_ipv6_subnet_are_one() {
    let throttle = Throttle::default();
    let from = |text: &str| Action::Registration(text.parse().unwrap());
    for host in 0..30 {
        throttle.attempt(from(&format!("2001:db8:0:1::{host:x}")), at(0)).unwrap();
    }
    throttle.attempt(from("2001:db8:0:1:ffff::1"), at(0)).unwrap_err();
    throttle.attempt(from("2001:db8:0:2::1"), at(0)).unwrap();
    while throttle.attempt(from("::ffff:192.0.2.7"), at(0)).is_ok() {}
    throttle.attempt(from("192.0.2.7"), at(0)).unwrap_err();
    throttle.attempt(from("::ffff:192.0.2.8"), at(0)).unwrap();
}

#[test]
fn e28_a_flood_of_names_does_not_shorten_a_wait() {
    let throttle = Throttle::default();
    let to = Action::LoginTo("ada");
    while throttle.attempt(to, at(0)).is_ok() {}
    for count in 0..THROTTLED_MAX + 10 {
        throttle.count(Action::LoginTo(&format!("name {count}")), at(1));
    }
    assert!(throttle.check(to, at(1)).is_err());
    assert!(throttle.known.lock().unwrap().len() <= THROTTLED_MAX);
}

#[test]
fn login_d1_many_subnets_of_one_ipv6_site_are_limited_together() {
    let throttle = Throttle::default();
    let address = |subnet: u16, host: u16| format!("2001:db8:1:{subnet:x}::{host:x}").parse::<IpAddr>().unwrap();
    let mut guesses = 0;
    for subnet in 0..400 {
        for host in 0..5 {
            guesses += u32::from(throttle.attempt(Action::LoginToFrom("ada", address(subnet, host)), at(0)).is_ok());
        }
    }
    assert_eq!(guesses, 16 * 5 + 1, "as many as sixteen subnets have");
    let elsewhere = Action::LoginToFrom("ada", "2001:db8:2::1".parse().unwrap());
    assert_eq!(throttle.attempt(elsewhere, at(0)), Ok(()), "another site");
    assert_eq!(throttle.attempt(Action::LoginToFrom("bob", address(1, 1)), at(0)), Ok(()), "another account");
    // A few subnets that behave are not held up by each other.
    let throttle = Throttle::default();
    for subnet in 0..10 {
        for host in 0..30 {
            throttle.attempt(Action::Registration(address(subnet, host)), at(0)).unwrap();
        }
    }
    throttle.attempt(Action::Registration(address(0, 0)), at(0)).unwrap_err();
    throttle.attempt(Action::Registration(address(11, 0)), at(0)).unwrap();
}

#[test]
fn login_d1_a_hosted_client_has_2000_sign_ins_an_hour_from_one_address() {
    let throttle = Throttle::default();
    for count in 0..2_000 {
        let now = at(count * 3_600 / 2_000);
        throttle.attempt(Action::Registration(ADDRESS), now).unwrap();
        throttle.check(Action::ClientFrom(ADDRESS), now).unwrap();
    }
}

#[test]
fn login_d3_attempts_that_are_counted_out_of_order_need_not_wait_for_each_other() {
    let throttle = Throttle::default();
    let (one, other) = (Action::LoginTo("ada"), Action::Authorize(ADDRESS));
    for now in [5, 3, 4, 1] {
        throttle.attempt(one, at(now)).unwrap();
        throttle.attempt(other, at(now)).unwrap();
    }
    throttle.refund(other);
    throttle.attempt(other, at(1)).unwrap();
}

#[test]
fn login_d1_e28_each_failure_leaves_fewer_logins_under_way_and_bursts_gain_no_guesses() {
    let (failed, under_way) = (Action::LoginFrom(ADDRESS), Action::LoginsUnderWay(ADDRESS));
    for failures in 0..30 {
        let throttle = Throttle::default();
        (0..failures).for_each(|_| throttle.count(failed, at(0)));
        assert!(!throttle.is_used_up(failed, at(0)));
        let burst = (0..200).filter(|_| throttle.attempt_beside(failed, under_way, at(0)).is_ok()).count();
        assert_eq!(burst, 120 - 3 * failures);
    }
    // A day of guesses, each time when so many failures have been forgotten.
    for patience in [1_u64, 60, 330, 600, 1_200] {
        let (throttle, mut guesses) = (Throttle::default(), 0);
        for now in (0..24 * 3_600 / patience).map(|round| at(round * patience)) {
            let mut burst = 0;
            while throttle.check(failed, now).is_ok() {
                let begun = match throttle.is_used_up(failed, now) {
                    true => throttle.attempt(failed, now),
                    false => throttle.attempt_beside(failed, under_way, now).map(|()| burst += 1),
                };
                if begun.is_err() {
                    break;
                }
                guesses += 1;
            }
            (0..burst).for_each(|_| throttle.count(failed, now));
        }
        assert!(guesses <= 24 * 360 + 120, "{guesses}, each {patience} s");
    }
    // The subnets of one site have less together, too.
    let throttle = Throttle::default();
    let address = |subnet: u32| format!("2001:db8:1:{subnet:x}::1").parse::<IpAddr>().unwrap();
    (0..480).for_each(|one| throttle.count(Action::LoginFrom(address(one)), at(0)));
    assert!(throttle.is_used_up(Action::LoginFrom(address(999)), at(0)), "all subnets together");
    let new = |one| (Action::LoginFrom(address(one)), Action::LoginsUnderWay(address(one)));
    let burst = (1_000..3_000).filter(|one| {
        let (failed, under_way) = new(*one);
        throttle.attempt_beside(failed, under_way, at(0)).is_ok()
    });
    assert_eq!(burst.count(), 40, "a share of 10 in 490 failures that are left");
}
