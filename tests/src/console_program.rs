//! A console, run as its users run it, and the pages that a browser needs to come to a running CA.

use std::path::Path;

use tempfile::TempDir;

use crate::browser::Browser;
use crate::program::{self, Done, Running};

/// A running `minipki console`. Ends with the test.
pub struct Console {
    running: Running,
    /// The link that it printed.
    pub link: String,
    folder: TempDir,
}

impl Console {
    /// Starts one over a folder that does not exist yet.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut running =
            program::start(folder.path(), &["console", "--dir", "ca", "--listen", "127.0.0.1:0"]);
        let link = running.line("/enter?key=").trim().to_owned();
        Self { running, link, folder }
    }

    /// What browsers ask for it by: `NAME.localhost:PORT`.
    pub fn host(&self) -> &str {
        self.link.split('/').nth(2).expect("a link")
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.host().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// A folder that the CA's is in, for identities.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Enrols a client at `ca`, as a person does in a terminal.
    pub fn enrol(&self, ca: &str, fingerprint: &str, subject: &str) -> Done {
        let arguments =
            ["enroll", "--ca", ca, "--subject", subject, "--fingerprint", fingerprint, "--out", subject];
        program::run(self.folder(), &arguments)
    }

    /// Stops it, and gives what it said.
    pub fn stop(self) -> Done {
        self.running.stop()
    }
}

/// A CA that serves, as its Authority page shows it.
pub struct Ca {
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// In hexadecimal.
    pub fingerprint: String,
}

/// From a first start to a running server, by hand: generates the key and starts the CA.
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
