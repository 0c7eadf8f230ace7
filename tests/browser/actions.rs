//! Actions of a person: their confirmation, their message, mistakes in forms, and the keyboard.

use fantoccini::key::Key;
use minipki_tests::browser::browse;
use minipki_tests::console_program::{Console, set_up};
use minipki_tests::program::{run, start};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_beside_its_field_and_the_input_is_kept() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        // The pattern of the field is for the convenience of a person. The server checks again.
        browser.run("document.querySelector('[name=issuer_id]').pattern = '.*'").await;
        browser.fill("[name=issuer_id]", "no spaces").await;
        browser.click("[name=bits][value='3072']").await;
        browser.click("form[action='/authority/key'] button").await;
        browser.wait("[name=issuer_id][aria-invalid=true]").await;
        assert!(!browser.text("#issuer-error").await.is_empty());
        assert_eq!(
            browser.value("document.querySelector('[name=issuer_id]').value").await,
            json!("no spaces")
        );
        assert_eq!(browser.value("document.querySelector('[name=bits]:checked').value").await, json!("3072"));
        // The page has its navigation.
        browser.wait(".top nav a[aria-current]").await;

        set_up(browser).await;
        browser.says("The CA server listens on 127.0.0.1:").await;
        browser.wait(".toast").await;
        // A stop needs a confirmation. The address of the last start is kept.
        browser.click("button[popovertarget=stop]").await;
        browser.says("Clients get no certificate and no status").await;
        browser.click(":popover-open [popovertargetaction=hide]").await;
        browser.until("document.querySelector(':popover-open') === null").await;
        browser.click("button[popovertarget=stop]").await;
        browser.click("form[action='/authority/stop'] button.danger").await;
        browser.says("The CA server has stopped").await;
        assert_eq!(
            browser.value("document.querySelector('[name=listen]').value").await,
            json!("127.0.0.1:0")
        );
        // A reload repeats neither the action nor the message.
        browser.run("location.reload()").await;
        browser.until("document.querySelector('[name=listen]') && !document.querySelector('.toast')").await;
        browser.fill("[name=listen]", "nowhere").await;
        browser.click("form[action='/authority/start'] button").await;
        browser.says("This is not an address").await;
        assert_eq!(browser.value("document.querySelector('[name=listen]').value").await, json!("nowhere"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_opens_pages_and_moves_in_tables() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        let ca = set_up(browser).await;
        for subject in ["one", "two", "three"] {
            console.enrol(&ca.address, &ca.fingerprint, subject).expect(0);
        }
        let open = "document.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, bubbles: true }))";
        browser.goto("/").await;
        browser.run(open).await;
        browser.wait("#palette[open]").await;
        browser.fill("#palette-text", "certificates that").await;
        browser.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))").await;
        browser.until("location.search === '?state=expiring'").await;
        // A text that is no page is searched.
        browser.run(open).await;
        browser.fill("#palette-text", "two").await;
        browser.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))").await;
        browser.until("location.search === '?q=two'").await;
        browser.until("document.querySelectorAll('tbody tr').length === 1").await;

        browser.goto("/certificates").await;
        browser.run("document.activeElement.blur()").await;
        browser.run("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '/', bubbles: true }))").await;
        browser.until("document.activeElement.name === 'q'").await;
        browser.run("document.querySelector('tbody th a').focus()").await;
        let focused = "document.activeElement.textContent";
        for (key, subject) in [("ArrowDown", "two"), ("ArrowDown", "one"), ("ArrowDown", "one"), ("ArrowUp", "two")] {
            let press = format!("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))");
            browser.run(&press).await;
            assert_eq!(browser.value(focused).await, json!(subject), "{key}");
        }
        // A field of a certificate and its bytes light up together.
        browser.click("tbody th a").await;
        browser.wait("[data-bytes]").await;
        browser.run("document.querySelector('.explained [data-bytes] a').focus()").await;
        assert_eq!(browser.value("document.querySelectorAll('.lit').length").await, json!(2));
        browser.press(Key::Tab).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_shows_charts_with_numbers_and_refusals_with_reasons() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        let ca = set_up(browser).await;
        console.enrol(&ca.address, &ca.fingerprint, "pump").expect(0);
        std::fs::remove_dir_all(console.folder().join("pump")).expect("the folder exists");
        console.enrol(&ca.address, &ca.fingerprint, "pump").expect(3);
        browser.goto("/").await;
        browser.says("subject_taken").await;
        assert_eq!(
            browser.value("document.querySelectorAll('.chart svg rect.issued').length").await,
            json!(3)
        );
        assert_eq!(
            browser.value("document.querySelectorAll('.chart svg rect.refused').length").await,
            json!(3)
        );
        browser.click(".chart summary").await;
        assert_eq!(browser.text(".chart tbody .number").await, "1");
        browser.says("none with this key").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_that_serves_is_shown_and_its_ledger_is_read() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.click("form[action='/authority/key'] button").await;
        browser.wait("form[action='/authority/start']").await;
        let server = start(console.folder(), &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
        let mut server = server;
        let address = server.address("serving");
        let fingerprint = browser.value("document.getElementById('fingerprint').dataset.text").await;
        console.enrol(&address, fingerprint.as_str().expect("a fingerprint"), "elsewhere").expect(0);
        browser.goto("/").await;
        browser.says("running elsewhere").await;
        browser.says("serves this CA, since").await;
        assert_eq!(
            browser.value("document.querySelector('[action=\"/authority/start\"]')").await,
            json!(null)
        );
        browser.goto("/certificates").await;
        browser.says("elsewhere").await;
        server.stop().expect(0);
        browser.goto("/").await;
        browser.wait("form[action='/authority/start']").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_a_new_link_after_a_sign_out() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.click("form[action='/authority/key'] button").await;
        browser.wait("form[action='/authority/start']").await;
        browser.click("form[action='/sign-out'] button").await;
        browser.says("The session is over").await;
        browser.says("minipki console link").await;
        let link = loop {
            // The console listens for the command soon after the key was made.
            let done = run(console.folder(), &["console", "link", "--dir", "ca"]);
            if !done.stdout.is_empty() {
                break done.stdout.trim().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        browser.goto(&link).await;
        browser.wait("form[action='/authority/start']").await;
    })
    .await;
    run(console.folder(), &["console", "link", "--dir", "nowhere"]).expect(5);
}
