//! Headers of both versions, whole, cut and broken.

use super::*;

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2_START, &[command, family], &length, rest].concat()
}

const V4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x1f, 0x90, 0, 80];

fn v6(first: [u8; 16]) -> Vec<u8> {
    [&first[..], &[0; 16], &[0, 1, 0, 2]].concat()
}

#[test]
fn login_d1_whole_headers_of_both_versions_name_the_client() {
    let client = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    let mapped: Ipv6Addr = "::ffff:203.0.113.9".parse().unwrap();
    let plain: Ipv6Addr = "2001:db8::9".parse().unwrap();
    for (header, wanted) in [
        (b"PROXY TCP4 203.0.113.9 10.0.0.1 65535 0\r\n".to_vec(), client("203.0.113.9")),
        (b"PROXY TCP6 2001:db8::9 ::1 1 2\r\n".to_vec(), client("2001:db8::9")),
        (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n".to_vec(), client("203.0.113.9")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::ffff ::1 1 2\r\n".to_vec(), None),
        (v2(0x21, 0x11, &V4), client("203.0.113.9")),
        (v2(0x21, 0x11, &[&V4[..], &[4; 900]].concat()), client("203.0.113.9")),
        (v2(0x21, 0x21, &v6(plain.octets())), client("2001:db8::9")),
        (v2(0x21, 0x21, &v6(mapped.octets())), client("203.0.113.9")),
        (v2(0x21, 0x31, &[b'/'; 216]), None),
        (v2(0x21, 0x00, &[]), None),
        // Health checks of the proxy: what they say about addresses is ignored.
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &V4), None),
        (v2(0x20, 0x7f, &[1, 2]), None),
    ] {
        let whole = ProxyHeader { client: wanted, bytes: header.len() };
        assert_eq!(read(&header), Ok(Some(whole)), "{header:?}");
        let followed = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(read(&followed), Ok(Some(whole)), "{header:?}");
        for cut in 0..header.len() {
            assert_eq!(read(&header[..cut]), Ok(None), "{cut} of {header:?}");
        }
    }
}

#[test]
fn login_d1_attack_199_anything_else_is_refused() {
    for (header, why) in [
        (b"GET / HTTP/1.1\r\n".to_vec(), "no PROXY header"),
        (b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(), "no PROXY header"),
        (b"\x16\x03\x01".to_vec(), "no PROXY header"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n".to_vec(), "a PROXY line without CRLF"),
        (b"PROXY \n".to_vec(), "a PROXY line without CRLF"),
        (b"PROXY \r\n".to_vec(), "a PROXY line of an unknown family"),
        (b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(), "a PROXY line of an unknown family"),
        (b"PROXY TCP4\r\n".to_vec(), "a PROXY line of an unknown family"),
        (b"PROXY TCP4 \xff 1.2.3.4 1 2\r\n".to_vec(), "a PROXY line that is not ASCII"),
        ([b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 93]].concat(), "a PROXY line that is too long"),
        (v2(0x11, 0x11, &V4), "a PROXY header of an unknown version or command"),
        (v2(0x22, 0x11, &V4), "a PROXY header of an unknown version or command"),
        (v2(0x21, 0x12, &V4), "a PROXY header of an unknown family"),
        (v2(0x21, 0x11, &V4[..11]), "a PROXY header without its addresses"),
        (v2(0x21, 0x21, &[0; 35]), "a PROXY header without its addresses"),
        (v2(0x21, 0x11, &vec![0; PROXY_HEADER_BYTES_MAX - 15]), "a PROXY header that is too long"),
    ] {
        assert_eq!(read(&header), Err(why), "{header:?}");
    }
    for rest in [
        "TCP4 1.2.3.4 1.2.3.4 1",
        "TCP4 1.2.3.4 1.2.3.4 1 2 3",
        "TCP4 1.2.3.4 1.2.3.4 1 2 ",
        "TCP4  1.2.3.4 1.2.3.4 1 2",
        "TCP4 1.2.3.4 1.2.3.4 1 65536",
        "TCP4 1.2.3.4 1.2.3.4 1 +2",
        "TCP4 1.2.3.4 1.2.3.4 01 2",
        "TCP4 1.2.3.4 1.2.3.4  2",
        "TCP4 01.2.3.4 1.2.3.4 1 2",
        "TCP4 ::1 ::1 1 2",
        "TCP6 1.2.3.4 1.2.3.4 1 2",
        "TCP6 ::1%lo ::1 1 2",
    ] {
        let line = format!("PROXY {rest}\r\n");
        assert_eq!(read(line.as_bytes()), Err("a PROXY line without two addresses and two ports"), "{line}");
    }
}
