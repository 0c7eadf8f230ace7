//! The program `minipki console` for browser tests, the setup of a CA in it, and the pictures of its pages.

use std::path::Path;

use tempfile::TempDir;

use crate::browser::Browser;
use crate::program::{self, Done, Running};

/// A running `minipki console`. It ends when this is dropped.
pub struct Console {
    running: Running,
    /// The link that the program printed.
    pub link: String,
    folder: TempDir,
}

impl Console {
    /// Starts a console with a folder that does not exist yet.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut running =
            program::start(folder.path(), &["console", "--dir", "ca", "--listen", "127.0.0.1:0"]);
        let link = running.line("/enter?key=").trim().to_owned();
        Self { running, link, folder }
    }

    /// The host of the link: `NAME.localhost:PORT`.
    pub fn host(&self) -> &str {
        self.link.split('/').nth(2).expect("a link")
    }

    /// The port of the console.
    pub fn port(&self) -> u16 {
        self.host().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// The folder around the CA's folder, for identities.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Enrols `subject` at `ca` with the program.
    pub fn enrol(&self, ca: &str, fingerprint: &str, subject: &str) -> Done {
        let arguments =
            ["enroll", "--ca", ca, "--subject", subject, "--fingerprint", fingerprint, "--out", subject];
        program::run(self.folder(), &arguments)
    }

    /// Stops the console and returns its output.
    pub fn stop(self) -> Done {
        self.running.stop()
    }
}

/// The address and the fingerprint of a running CA, from its Overview.
pub struct Ca {
    /// The address: `127.0.0.1:PORT`.
    pub address: String,
    /// The fingerprint in hexadecimal.
    pub fingerprint: String,
}

/// Generates the CA's key and starts its server, on the pages of the console.
pub async fn set_up(browser: &Browser) -> Ca {
    browser.goto("/").await;
    browser.fill("input[name=issuer_id]", "lab-ca").await;
    browser.click("form[action='/authority/key'] button").await;
    browser.fill("input[name=listen]", "127.0.0.1:0").await;
    browser.click("form[action='/authority/start'] button").await;
    browser.wait("form[action='/authority/stop']").await;
    let address = browser.text("[data-state=running] strong").await;
    let fingerprint = browser.value("document.getElementById('fingerprint').dataset.text").await;
    let fingerprint = fingerprint.as_str().expect("a fingerprint").to_owned();
    Ca { address, fingerprint }
}

/// The name of each picture in `docs/img`, and the path of its page in the navigation.
pub const PICTURES: [(&str, &str); 10] = [
    ("first-start", "/"),
    ("overview", "/"),
    ("authority", "/authority"),
    ("certificates", "/certificates"),
    ("certificate", "/certificates"),
    ("live", "/live"),
    ("walk", "/walk"),
    ("tokens", "/tokens"),
    ("phone-overview", "/"),
    ("phone", "/walk"),
];

/// The colour schemes. Each page has a picture in both.
pub const SCHEMES: [&str; 2] = ["light", "dark"];

/// The name of a picture's file.
pub fn picture_file(name: &str, scheme: &str) -> String {
    format!("console-{name}-{scheme}.png")
}
