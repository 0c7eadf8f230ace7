//! Takes a picture of each page of the console, light and dark: `cargo xtask screenshots`.

use std::path::{Path, PathBuf};

use minipki_tests::browser::{Browser, browse};
use minipki_tests::console_program::{Ca, Console, PICTURES, SCHEMES, picture_file, set_up};
use minipki_tests::program::run_with;

/// The maximum of bytes of all pictures together. They are part of the repository.
const LIMIT: usize = 2_000_000;

/// The width of the page and the maximum height of a picture, on a computer and on a phone.
const DESKTOP: (u32, u32) = (1280, 760);
const PHONE: (u32, u32) = (390, 780);

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: screenshots FOLDER"));
    // Remove old pictures that are no longer in the list.
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
            let size = if name.starts_with("phone") { PHONE } else { DESKTOP };
            browser.size(size.0, size.1).await;
            if name == "first-start" {
                browser.says("This CA has no key yet").await;
            } else {
                // Every later picture needs a CA.
                if ca.is_none() {
                    ca = Some(set_up(browser).await);
                }
                arrange(browser, &console, ca.as_ref().expect("just made"), name).await;
            }
            bytes += shoot(browser, &folder, name, size).await;
        }
        assert!(bytes <= LIMIT, "{bytes} bytes are more than {LIMIT}");
        println!("{} pictures, {bytes} bytes", PICTURES.len() * SCHEMES.len());
    })
    .await;
}

/// Prepares the content of a picture and opens its page.
async fn arrange(browser: &Browser, console: &Console, ca: &Ca, name: &str) {
    match name {
        "overview" => {
            for subject in ["greenhouse-1", "greenhouse-2", "pump-house", "weather-mast"] {
                console.enrol(&ca.address, &ca.fingerprint, subject).expect(0);
            }
            // Another key requests a name in use.
            std::fs::remove_dir_all(console.folder().join("pump-house")).expect("the folder exists");
            console.enrol(&ca.address, &ca.fingerprint, "pump-house").expect(3);
            browser.goto("/").await;
            browser.wait("[data-state=running]").await;
            browser.says("subject_taken").await;
        }
        "authority" => browser.goto("/authority").await,
        "phone-overview" => browser.goto("/").await,
        "certificates" => browser.goto("/certificates").await,
        "certificate" => {
            browser.goto("/certificates?subject=pump").await;
            browser.click("tbody th a").await;
            browser.click("a[href*='check=now']").await;
            browser.says("passed").await;
        }
        "live" => {
            console.enrol(&ca.address, &ca.fingerprint, "gate").expect(0);
            browser.goto("/live").await;
            browser.click(".connection[data-refused] > details > summary").await;
            browser.says("subject_taken").await;
        }
        "walk" => {
            browser.goto("/walk").await;
            browser.click("form[action='/walk/run'] button").await;
            browser.says("Step 1 of 27").await;
            browser.goto("/walk?step=4").await;
            browser.click("[aria-label='Flip a byte of serial_number']").await;
            browser.wait("#verdict").await;
        }
        "phone" => browser.goto("/walk?step=10").await,
        "tokens" => tokens(browser, console, ca).await,
        other => panic!("no steps for the picture {other}"),
    }
}

/// Makes a spent token, a revoked token and a usable token.
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
    browser.click("button.danger[popovertarget]").await;
    browser.click(":popover-open button.danger").await;
    browser.says("The token is revoked").await;
    make("boiler").await;
    // Load the page again, without the text of a token.
    browser.goto("/tokens").await;
}

/// Writes both pictures of the open page and returns their size in bytes.
async fn shoot(browser: &Browser, folder: &Path, name: &str, size: (u32, u32)) -> usize {
    let mut bytes = 0;
    for scheme in SCHEMES {
        browser.dark(scheme == "dark").await;
        browser.run("scrollTo(0, 0); document.activeElement.blur();").await;
        let picture = browser.picture(size.0, size.1).await;
        bytes += picture.len();
        std::fs::write(folder.join(picture_file(name, scheme)), picture).expect("a picture");
    }
    bytes
}
