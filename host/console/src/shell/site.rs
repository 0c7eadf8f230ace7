//! The host names of a console, and its cookie.
//!
//! A browser sends a cookie to every port of the host that has set it. So another server of this machine would receive
//! the cookie of a console at 127.0.0.1, and could use it. For this reason a console on loopback has a random host name
//! below `localhost`. Browsers resolve this name to loopback by themselves (RFC 6761 §6.3). It is as secret as a link.
//!
//! A console over TLS has no random name: its certificate would show the name to everybody who connects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use getrandom::{Error as Entropy, SysRng};

use super::options::ConsoleOptions;
use minipki_ca::Token;

/// The host name of loopback, and the suffix of the random name.
const LOCALHOST: &str = "localhost";

/// The host names of a console. They are created before it listens, since the TLS certificate has them.
pub(crate) struct Names {
    /// The names under which pages are served. Links have the first one.
    names: Vec<String>,
    /// Whether the first name is random and secret.
    secret: bool,
    /// Whether pages are also served under the address.
    by_address: bool,
}

impl Names {
    /// The names of a console with these options.
    ///
    /// # Errors
    /// An error of the random number generator.
    pub(crate) fn new(options: &ConsoleOptions) -> Result<Self, Entropy> {
        let ip = options.listen.ip();
        // Browsers resolve names below `localhost` to these two addresses.
        let localhost = ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
        if localhost && options.tls.is_none() && options.names.is_empty() {
            let name = format!("{}.{LOCALHOST}", Token::generate(&mut SysRng)?.text());
            return Ok(Self { names: vec![name], secret: true, by_address: false });
        }
        let by_address = !ip.is_loopback() || options.names.is_empty();
        Ok(Self { names: options.names.clone(), secret: false, by_address })
    }

    /// The other loopback address that a console on `ip` must also listen on. Browsers resolve a name below `localhost`
    /// to both 127.0.0.1 and ::1, so another server on the other address would receive requests for the console.
    pub(crate) fn twin(&self, ip: IpAddr) -> Option<IpAddr> {
        self.secret.then(|| match ip {
            IpAddr::V4(_) => Ipv6Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
        })
    }

    /// The names for the certificate of a console on `ip`: those that it must have, then more. These are the address unless
    /// it is unspecified, and `localhost` if the address is loopback. Without host names, links have the address, so it must
    /// be in the certificate.
    pub(crate) fn certified(&self, ip: IpAddr) -> [Vec<String>; 2] {
        let address = (!ip.is_unspecified()).then(|| ip.to_string());
        let localhost = ip.is_loopback().then(|| LOCALHOST.to_owned());
        match &self.names[..] {
            [] => [address.into_iter().collect(), localhost.into_iter().collect()],
            names => [names.to_vec(), address.into_iter().chain(localhost).collect()],
        }
    }
}

/// The content that the console serves under a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The pages.
    Pages,
    /// No pages and no cookie. A valid link is redirected to this scheme, host and port.
    Elsewhere(String),
    /// Nothing: the name does not belong to this console. This stops DNS rebinding.
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

    /// The content that is served under the `Host` of a request.
    pub(crate) fn place(&self, host: &str) -> Place {
        let default = if self.encrypted() { 443 } else { 80 };
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().ok()),
            _ => (host, Some(default)),
        };
        let Some(port) = port else { return Place::Nothing };
        // No other server has a random name, so a tunnel (`ssh -L`) may have any port at its other end.
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
            // A console on the unspecified address accepts any address: DNS rebinding needs a name.
            Ok(asked) => ip.is_unspecified() || asked == ip || (self.names.secret && asked.is_loopback()),
            Err(_) => ip.is_loopback() && name.eq_ignore_ascii_case(LOCALHOST),
        }
    }

    /// Whether `origin` is this site, in a request with this `Host`.
    pub(crate) fn is_origin(&self, origin: &str, host: &str) -> bool {
        origin
            .strip_prefix(self.scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            .is_some_and(|from| from.eq_ignore_ascii_case(host))
    }

    /// The cookie's name. It contains the port, since several consoles may run on one host. Over TLS it has the prefix
    /// `__Host-`: a browser accepts it from this host only, and sends it over TLS only (RFC 6265bis §4.1.3.2). Chromium
    /// also sends it without TLS to 127.0.0.1, ::1, `localhost` and the names below `localhost`.
    pub(crate) fn cookie(&self) -> String {
        let prefix = if self.encrypted() { "__Host-" } else { "" };
        format!("{prefix}minipki-console-{}", self.address.port())
    }

    /// The value of the header `Set-Cookie`. The browser keeps the cookie for `seconds`; 0 deletes it.
    pub(crate) fn set_cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.encrypted() { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}; Max-Age={seconds}", self.cookie())
    }

    /// The URL of `path`, for the user's browser.
    pub(crate) fn url(&self, path: &str) -> String {
        match self.names.names.first() {
            Some(name) => format!("{}://{name}:{}{path}", self.scheme, self.address.port()),
            None => format!("{}://{}{path}", self.scheme, self.address),
        }
    }
}
