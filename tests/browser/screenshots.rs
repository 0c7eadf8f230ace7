//! Takes a picture of each page of the console, light and dark: `cargo xtask screenshots`.

use std::path::{Path, PathBuf};

use minipki_tests::browser::{Browser, browse};
use minipki_tests::console_program::{Console, set_up};

/// Bytes of a picture, at most: it is shown in the README.
const LIMIT: usize = 200 * 1024;

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: screenshots FOLDER"));
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.size(1100, 760).await;
        let ca = set_up(browser).await;
        console.enrol(&ca.address, &ca.fingerprint, "greenhouse-1").expect(0);
        browser.goto("/walk").await;
        browser.click("form[action='/walk/play'] button").await;
        browser.says("Step 1 of 15").await;
        std::fs::remove_dir_all(console.folder().join("greenhouse-1")).expect("it was there");
        console.enrol(&ca.address, &ca.fingerprint, "greenhouse-1").expect(3);
        console.enrol(&ca.address, &ca.fingerprint, "greenhouse-2").expect(0);

        browser.goto("/").await;
        browser.wait("[data-state=running]").await;
        shoot(browser, &folder, "authority").await;
        browser.goto("/live").await;
        browser.says("subject_taken").await;
        shoot(browser, &folder, "live").await;
        browser.goto("/walk?step=10").await;
        shoot(browser, &folder, "walk").await;
        browser.goto("/walk?step=4").await;
        browser.click("[aria-label='Flip a byte of not_after']").await;
        browser.wait("#verdict").await;
        shoot(browser, &folder, "flip").await;
    })
    .await;
}

async fn shoot(browser: &Browser, folder: &Path, name: &str) {
    for (dark, light) in [(false, "light"), (true, "dark")] {
        browser.dark(dark).await;
        browser.run("scrollTo(0, 0); document.activeElement.blur();").await;
        let picture = browser.screenshot().await;
        assert!(picture.len() <= LIMIT, "{name}, {light}: {} bytes are more than {LIMIT}", picture.len());
        std::fs::write(folder.join(format!("console-{name}-{light}.png")), picture).expect("a picture");
    }
}
