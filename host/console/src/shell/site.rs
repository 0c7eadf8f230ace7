//! The host names of a console: where its pages are served, and where its links lead from elsewhere.
//!
//! A browser sends a cookie to every port of the host that has set it. Another server of this machine would get the
//! cookie of a console at 127.0.0.1, and could act with it. So a console on loopback makes up a host name below
//! `localhost`, which browsers resolve to loopback by themselves (RFC 6761 §6.3). The name is as secret as a link.
//!
//! A console over TLS makes up no name: its certificate would show the name to whoever connects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use getrandom::{Error as Entropy, SysRng};

use super::options::ConsoleOptions;
use minipki_ca::Token;

/// The host name of this machine for itself, and what all its own names end with.
const LOCALHOST: &str = "localhost";

/// The host names that a console may be asked for by. Made before it listens: TLS needs them.
pub(crate) struct Names {
    /// The names under which pages are served. Links have the first.
    names: Vec<String>,
    /// Whether the first was made up for this console, and is secret.
    secret: bool,
    /// Whether pages are served under the address, too.
    by_address: bool,
}

impl Names {
    /// The names of a console with these options.
    ///
    /// # Errors
    /// The random number generator's.
    pub(crate) fn new(options: &ConsoleOptions) -> Result<Self, Entropy> {
        let ip = options.listen.ip();
        // Names below `localhost` are these two addresses.
        let localhost = ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
        if localhost && options.tls.is_none() && options.names.is_empty() {
            let name = format!("{}.{LOCALHOST}", Token::generate(&mut SysRng)?.text());
            return Ok(Self { names: vec![name], secret: true, by_address: false });
        }
        let by_address = !ip.is_loopback() || options.names.is_empty();
        Ok(Self { names: options.names.clone(), secret: false, by_address })
    }

    /// Where else a console on `ip` has to listen. Browsers take a name below `localhost` for both 127.0.0.1 and ::1,
    /// so another server on the other address would get what is meant for the console.
    pub(crate) fn twin(&self, ip: IpAddr) -> Option<IpAddr> {
        self.secret.then(|| match ip {
            IpAddr::V4(_) => Ipv6Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
        })
    }

    /// The names for the certificate of a console on `ip`: these, the address unless it is every address, and
    /// `localhost` if the address is of loopback.
    pub(crate) fn certified(&self, ip: IpAddr) -> Vec<String> {
        let mut names = self.names.clone();
        names.extend((!ip.is_unspecified()).then(|| ip.to_string()));
        names.extend(ip.is_loopback().then(|| LOCALHOST.to_owned()));
        names
    }
}

/// What is served under a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The pages.
    Pages,
    /// No page and no cookie. A link that can be opened leads to this scheme, host and port.
    Elsewhere(String),
    /// Nothing: the name is not this console's. A page of another name that resolves to this address (DNS rebinding)
    /// is told by its name.
    Nothing,
}

/// A console that listens, as browsers see it.
pub(crate) struct Site {
    scheme: &'static str,
    address: SocketAddr,
    names: Names,
}

impl Site {
    /// The site of a console that listens on `address`.
    pub(crate) fn new(options: &ConsoleOptions, address: SocketAddr, names: Names) -> Self {
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        Self { scheme, address, names }
    }

    /// Whether requests are encrypted.
    fn encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// What is served under the `Host` of a request.
    pub(crate) fn place(&self, host: &str) -> Place {
        let default = if self.encrypted() { 443 } else { 80 };
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().ok()),
            _ => (host, Some(default)),
        };
        let Some(port) = port else { return Place::Nothing };
        // Nobody else has a made-up name, so a tunnel (`ssh -L`) may have any port at its other end.
        if !self.names.secret && port != self.address.port() {
            return Place::Nothing;
        }
        if self.names.names.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Place::Pages;
        }
        match self.is_address(name).then(|| self.names.names.first()) {
            Some(Some(first)) if !self.names.by_address => {
                Place::Elsewhere(format!("{}://{first}:{port}", self.scheme))
            }
            Some(_) => Place::Pages,
            None => Place::Nothing,
        }
    }

    /// Whether `name` is the address of this console.
    fn is_address(&self, name: &str) -> bool {
        let ip = self.address.ip();
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        match bare.parse::<IpAddr>() {
            // A console on every address is asked for by any of them; rebinding needs a name.
            Ok(asked) => ip.is_unspecified() || asked == ip || (self.names.secret && asked.is_loopback()),
            Err(_) => ip.is_loopback() && name.eq_ignore_ascii_case(LOCALHOST),
        }
    }

    /// Whether `origin` is this site, for a request with this `Host`.
    pub(crate) fn is_origin(&self, origin: &str, host: &str) -> bool {
        origin
            .strip_prefix(self.scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            .is_some_and(|from| from.eq_ignore_ascii_case(host))
    }

    /// The cookie's name. With the port, for consoles on one host. Over TLS with the prefix that has a browser take it
    /// from this host alone, and send it over TLS alone (RFC 6265bis §4.1.3.2). Chromium sends it without TLS as well to
    /// 127.0.0.1, ::1, `localhost` and the names below that.
    pub(crate) fn cookie(&self) -> String {
        let prefix = if self.encrypted() { "__Host-" } else { "" };
        format!("{prefix}minipki-console-{}", self.address.port())
    }

    /// The header `Set-Cookie` that has a browser keep `value` for so many seconds; for none, it forgets the cookie.
    pub(crate) fn set_cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.encrypted() { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}; Max-Age={seconds}", self.cookie())
    }

    /// Where the console is, for a person to open.
    pub(crate) fn url(&self, path: &str) -> String {
        match self.names.names.first() {
            Some(name) => format!("{}://{name}:{}{path}", self.scheme, self.address.port()),
            None => format!("{}://{}{path}", self.scheme, self.address),
        }
    }
}
