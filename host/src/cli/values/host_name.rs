//! The host names of a console.

use std::net::SocketAddr;

use minipki_ca::SubjectName;

/// A host name or an IP address, and the port if one is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct HostName {
    host: String,
    port: Option<u16>,
}

impl HostName {
    /// The name without its port, which must be that of `listen`.
    pub(in crate::cli) fn at(self, listen: SocketAddr) -> Result<String, String> {
        match self.port {
            Some(port) if port != listen.port() => Err(format!(
                "--name {}:{port} has another port than the address to listen on, {listen}",
                self.host
            )),
            _ => Ok(self.host),
        }
    }
}

/// Parses `HOST` or `HOST:PORT`.
pub(in crate::cli) fn host_name(text: &str) -> Result<HostName, String> {
    // Networks have names with `_` too, which no certificate can have (RFC 1123 §2.1).
    let is_name = |host: &str| SubjectName::host(&host.replace('_', "-")).is_ok();
    let text = text.trim();
    if is_name(text) {
        return Ok(HostName { host: text.to_owned(), port: None });
    }
    text.rsplit_once(':')
        .filter(|(host, _)| is_name(host))
        .and_then(|(host, port)| Some(HostName { host: host.to_owned(), port: Some(port.parse().ok()?) }))
        .ok_or_else(|| "this is not a host name: write for example ca.example or ca.example:9080".to_owned())
}
