//! `cargo xtask screenshots`: the console's pages as pictures, for the README.

use crate::packages;
use crate::steps::{cargo, execute};

/// Where the pictures are, from the root.
const FOLDER: &str = "docs/img";

pub(crate) fn run() -> Result<(), String> {
    need_browser()?;
    let folder = crate::tree::root().join(FOLDER);
    let mut screenshots =
        cargo(&["run", "--locked", "--package", "minipki-tests", "--bin", "screenshots", "--"]);
    execute(screenshots.arg(folder))
}

/// Sees to it that Chromium and its driver are there, for the browser tests too.
pub(crate) fn need_browser() -> Result<(), String> {
    packages::need("chromium", "chromium")?;
    packages::need("chromedriver", "chromium-driver")
}
