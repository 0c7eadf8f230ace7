//! Takes a picture of each page of the console, light and dark: `cargo xtask screenshots`.

use std::path::{Path, PathBuf};

use minipki_tests::browser::{Browser, browse};
use minipki_tests::console_program::{Ca, Console, set_up};
use minipki_tests::pictures::{LIGHTS, PICTURES, file};
use minipki_tests::program::run_with;

/// Bytes of all pictures, at most: they are in the repository, and some in the README.
const LIMIT: usize = 1_500_000;

/// Width of a desk's page and of a phone's, and how much of a page's height a picture shows.
const DESK: (u32, u32) = (1100, 680);
const PHONE: (u32, u32) = (390, 780);

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: screenshots FOLDER"));
    // Anew: a picture that is not taken any more should not stay.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("a folder of pictures");
    }
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.hide_scrollbars().await;
        let mut ca = None;
        let mut bytes = 0;
        for (name, _) in PICTURES {
            let size = if name == "phone" { PHONE } else { DESK };
            browser.size(size.0, size.1).await;
            if name == "first-start" {
                browser.says("This CA has no key yet").await;
            } else {
                // There is a CA from the second picture on.
                if ca.is_none() {
                    ca = Some(set_up(browser).await);
                }
                arrange(browser, &console, ca.as_ref().expect("just made"), name).await;
            }
            bytes += shoot(browser, &folder, name, size).await;
        }
        assert!(bytes <= LIMIT, "{bytes} bytes are more than {LIMIT}");
        println!("{} pictures, {bytes} bytes", PICTURES.len() * LIGHTS.len());
    })
    .await;
}

/// Has something happen that is worth a picture, and opens the page that shows it.
async fn arrange(browser: &Browser, console: &Console, ca: &Ca, name: &str) {
    match name {
        "authority" => {
            for subject in ["greenhouse-1", "greenhouse-2", "pump-house", "weather-mast"] {
                console.enrol(&ca.address, &ca.fingerprint, subject).expect(0);
            }
            browser.goto("/").await;
            browser.wait("[data-state=running]").await;
        }
        "certificates" => browser.goto("/certificates").await,
        "certificate" => {
            browser.goto("/certificates?subject=pump").await;
            browser.click("tbody th a").await;
            browser.click("a[href*='check=now']").await;
            browser.says("passed").await;
        }
        "live" => {
            // Another key asks for a name in use.
            std::fs::remove_dir_all(console.folder().join("pump-house")).expect("it was there");
            console.enrol(&ca.address, &ca.fingerprint, "pump-house").expect(3);
            console.enrol(&ca.address, &ca.fingerprint, "gate").expect(0);
            browser.goto("/live").await;
            browser.says("subject_taken").await;
        }
        "walk" => {
            browser.goto("/walk").await;
            browser.click("form[action='/walk/play'] button").await;
            browser.says("Step 1 of 15").await;
            browser.goto("/walk?step=4").await;
            browser.click("[aria-label='Flip a byte of serial_number']").await;
            browser.wait("#verdict").await;
        }
        "phone" => browser.goto("/walk?step=10").await,
        "tokens" => tokens(browser, console, ca).await,
        other => panic!("nobody says how {other} comes about"),
    }
}

/// A token that was spent, one that was revoked, and one that can be used.
async fn tokens(browser: &Browser, console: &Console, ca: &Ca) {
    let make = async |subject| {
        browser.goto("/tokens").await;
        browser.fill("[name=subject]", subject).await;
        browser.click("form[action='/tokens'] button").await;
        browser.text("#token").await
    };
    let token = make("pump-house").await;
    let enrol = ["enroll", "--ca", &ca.address, "--subject", "pump-house", "--fingerprint", &ca.fingerprint];
    let enrol = [&enrol[..], &["--out", "new-pump"]].concat();
    run_with(console.folder(), &enrol, &[("MINIPKI_TOKEN", &token)]).expect(0);
    make("visitor").await;
    browser.click("button.danger").await;
    browser.says("revoked").await;
    make("boiler").await;
    // Anew: a token's picture is nobody's business.
    browser.goto("/tokens").await;
}

/// Writes both pictures of the page that is open; gives how many bytes they are.
async fn shoot(browser: &Browser, folder: &Path, name: &str, size: (u32, u32)) -> usize {
    let mut bytes = 0;
    for light in LIGHTS {
        browser.dark(light == "dark").await;
        browser.run("scrollTo(0, 0); document.activeElement.blur();").await;
        let picture = browser.picture(size.0, size.1).await;
        bytes += picture.len();
        std::fs::write(folder.join(file(name, light)), picture).expect("a picture");
    }
    bytes
}
