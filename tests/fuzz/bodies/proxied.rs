//! What must hold for the words of proxies about their clients: the PROXY header, `Forwarded` and `X-Forwarded-For`.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue, header};
use portcullis::{
    base::{address_range::AddressRange, limits::connections::PROXY_HEADER_BYTES_MAX},
    decide::fields::{
        forwarded::{client, is_trusted},
        header_names::X_FORWARDED_FOR,
        proxy_header::{self, ProxyHeader},
    },
};

/// A PROXY header is bounded, and read the same in one piece, in pieces, and with anything behind it.
pub(crate) fn proxy_header(input: &[u8]) -> bool {
    match proxy_header::read(input) {
        Ok(Some(header @ ProxyHeader { client, bytes })) => {
            assert!(bytes <= PROXY_HEADER_BYTES_MAX && bytes <= input.len());
            assert_eq!(client, client.map(|address| address.to_canonical()));
            for cut in 0..bytes {
                assert_eq!(proxy_header::read(&input[..cut]), Ok(None), "{cut} bytes");
            }
            for behind in [&b""[..], b"\n", b"\r\n", b"PROXY ", &[0; 64]] {
                assert_eq!(proxy_header::read(&[&input[..bytes], behind].concat()), Ok(Some(header)));
            }
            true
        }
        Ok(None) => {
            assert!(input.len() < PROXY_HEADER_BYTES_MAX);
            false
        }
        Err(why) => {
            assert_eq!(proxy_header::read(&[input, b"\r\n"].concat()), Err(why), "no later byte repairs it");
            false
        }
    }
}

/// Whatever a client claims in front, no proxy's word about it is read as another address. Input: lines of `Forwarded`, an empty
/// line, lines of `X-Forwarded-For`, all of the client.
pub(crate) fn forwarded(input: &[u8]) -> bool {
    let trusted: [AddressRange; 1] = ["10.0.0.0/8".parse().expect("a network")];
    let (proxy, real) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([203, 0, 113, 9]));
    let mut claimed = HeaderMap::new();
    let mut name = header::FORWARDED;
    for line in input.split(|byte| *byte == b'\n').take(16) {
        match HeaderValue::from_bytes(line) {
            Ok(_) if line.is_empty() => name = X_FORWARDED_FOR,
            Ok(value) => drop(claimed.append(&name, value)),
            Err(_) => return false,
        }
    }
    // Another peer is never replaced.
    assert_eq!(client(real, &claimed, &trusted), real);
    assert_eq!(client(proxy, &claimed, &[]), proxy);
    for (name, element) in [(header::FORWARDED, "for=203.0.113.9"), (X_FORWARDED_FOR, "203.0.113.9")] {
        // A proxy adds a line, or adds to the last one.
        let mut added = claimed.clone();
        added.append(&name, HeaderValue::from_static(element));
        let mut joined = claimed.clone();
        let lines: Vec<&[u8]> = claimed.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        let line = [&lines[..], &[element.as_bytes()]].concat().join(&b", "[..]);
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            joined.insert(&name, value);
        }
        for told in [added, joined] {
            let found = client(proxy, &told, &trusted);
            assert!(found == real || found == proxy, "{found} from {told:?}");
        }
    }
    let found = client(proxy, &claimed, &trusted);
    assert!(found == proxy || !claimed.is_empty());
    found != proxy && !is_trusted(&trusted, found) && found != IpAddr::from(Ipv4Addr::UNSPECIFIED)
}
