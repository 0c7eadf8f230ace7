//! What all pages share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::engine::Engine;
use super::session::Sessions;
use super::walk::Stage;
use super::{ConsoleOptions, Limits};

/// Shared by all requests.
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    pub(super) sessions: Sessions,
    pub(super) site: Site,
    pub(super) limits: Limits,
    pub(super) stage: Stage,
    /// The root that a browser may be told to trust, if the CA issued the console's certificate.
    pub(super) root_pem: Option<String>,
}

/// What this console is called by browsers.
pub(super) struct Site {
    scheme: &'static str,
    address: SocketAddr,
    names: Vec<String>,
}

impl Site {
    /// The site of a console that listens on `address`.
    pub(super) fn new(options: &ConsoleOptions, address: SocketAddr) -> Self {
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let mut names = options.names.clone();
        if address.ip().is_loopback() {
            names.push("localhost".to_owned());
        }
        Self { scheme, address, names }
    }

    /// Whether requests are encrypted.
    pub(super) fn encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether a request with this `Host` was meant for this console. A page of another name that
    /// resolves to this address (DNS rebinding) is told by its name.
    pub(super) fn is_host(&self, host: &str) -> bool {
        let default = if self.encrypted() { 443 } else { 80 };
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(default)),
        };
        port == Some(self.address.port()) && self.is_name(name)
    }

    fn is_name(&self, name: &str) -> bool {
        if self.names.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return true;
        }
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        // Who listens on every address is asked for by any of them; rebinding needs a name.
        bare.parse::<IpAddr>().is_ok_and(|ip| self.address.ip().is_unspecified() || ip == self.address.ip())
    }

    /// Whether `origin` is this site, for a request with this `Host`.
    pub(super) fn is_origin(&self, origin: &str, host: &str) -> bool {
        origin
            .strip_prefix(self.scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            .is_some_and(|from| from.eq_ignore_ascii_case(host))
    }

    /// The cookie's name: with the port, since a browser does not tell apart the ports of a host.
    pub(super) fn cookie(&self) -> String {
        format!("minipki-console-{}", self.address.port())
    }

    /// Where the console is, for a person to open.
    pub(super) fn url(&self, path: &str) -> String {
        let port = self.address.port();
        match self.names.first() {
            Some(name) if !self.address.ip().is_loopback() => {
                format!("{}://{name}:{port}{path}", self.scheme)
            }
            _ => format!("{}://{}{path}", self.scheme, self.address),
        }
    }
}
