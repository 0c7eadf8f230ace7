//! Addresses: `HOST:PORT` with an IP address or a name, and the shorter forms that people write.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Parses an address of this machine to listen on. Without a port it is `PORT`. `*`, or nothing before the colon, is
/// every IPv4 address of this machine. Of a name the first IPv4 address is used, otherwise the first IPv6 address.
pub(in crate::cli) fn local<const PORT: u16>(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = split(text, PORT)?;
    if matches!(host, "" | "*") {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok((address, port).into());
    }
    // This also reads an IPv6 address with the name of an interface, for example fe80::1%eth0.
    let found: Vec<_> = (host, port)
        .to_socket_addrs()
        .map_err(|_| format!("no address of {host} is known: check the name"))?
        .collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| format!("{host} has no address"))
}

/// Parses the address of a CA or a peer, into `HOST:PORT` with an IPv6 address in brackets. Without a port it is `PORT`.
/// Nothing before the colon is this machine.
pub(in crate::cli) fn remote<const PORT: u16>(text: &str) -> Result<String, String> {
    let (host, port) = split(text, PORT)?;
    Ok(match host {
        "*" => return Err(format!("* is no address to connect to: write for example 127.0.0.1:{port}")),
        "" => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        host if host.contains(':') => format!("[{host}]:{port}"),
        host => format!("{host}:{port}"),
    })
}

/// The host, without brackets, and the port.
fn split(text: &str, default: u16) -> Result<(&str, u16), String> {
    let text = text.trim();
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return Err(format!("an address has no http:// or other scheme: write {host}"));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else { return Err(form()) };
        if !is_ipv6(host) {
            return Err("brackets are for an IPv6 address, for example [::1]:9000".to_owned());
        }
        return match after.strip_prefix(':') {
            Some(number) => Ok((host, port(number)?)),
            None if after.is_empty() => Ok((host, default)),
            None => Err(form()),
        };
    }
    // A port alone.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(("127.0.0.1", port(text)?));
    }
    let Some((host, number)) = text.rsplit_once(':') else { return named(text, default) };
    if host.contains(':') {
        // An IPv6 address without brackets. Its last group is taken as a port if it looks like one.
        let is_port = number.len() >= 4 && number.parse::<u16>().is_ok() && is_ipv6(host);
        return match is_port {
            // These two are always meant so.
            true if matches!(host, "::" | "::1") || !is_ipv6(text) => Ok((host, port(number)?)),
            false if is_ipv6(text) => Ok((text, default)),
            _ => {
                Err("an IPv6 address is written in brackets before a port, for example [::1]:9000".to_owned())
            }
        };
    }
    if host.is_empty() {
        return Ok(("", port(number)?));
    }
    named(host, port(number)?)
}

/// Checks a name or an IPv4 address.
fn named(host: &str, port: u16) -> Result<(&str, u16), String> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host == "*" || (!host.is_empty() && host.chars().all(is_name)) {
        Ok((host, port))
    } else {
        Err(form())
    }
}

/// Whether `host` is an IPv6 address, with or without the name of an interface.
fn is_ipv6(host: &str) -> bool {
    let (address, interface) = host.split_once('%').unwrap_or((host, "0"));
    address.parse::<Ipv6Addr>().is_ok() && !interface.is_empty() && !interface.contains(':')
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a port is a number from 0 to 65535".to_owned())
}

fn form() -> String {
    "expected HOST:PORT, for example 127.0.0.1:9000, localhost:9000 or [::1]:9000".to_owned()
}
