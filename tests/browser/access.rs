//! For everybody: without serious findings of axe-core, light and dark, and on a phone without scrolling sideways.

use minipki_tests::browser::{Browser, browse};
use minipki_tests::console_program::{Console, set_up};
use serde_json::{Value, json};

const AXE: &str = include_str!("axe.min.js");

/// Runs axe-core; gives what it finds that is serious or worse.
async fn findings(browser: &Browser) -> Vec<String> {
    browser.run(AXE).await;
    let found = browser
        .run_async(
            "const done = arguments[arguments.length - 1];\
             axe.run({ resultTypes: ['violations'] }).then((result) => done(result.violations\
               .filter((one) => ['serious', 'critical'].includes(one.impact))\
               .map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(' | ')}`)),\
               (error) => done([`axe failed: ${error}`]))",
        )
        .await;
    let Value::Array(found) = found else { panic!("axe gives a list, not {found}") };
    found.into_iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
}

/// The paths of all pages, as the navigation has them.
async fn pages(browser: &Browser) -> Vec<String> {
    let tabs = "Array.from(document.querySelectorAll('.top nav a'), (tab) => tab.getAttribute('href'))";
    let Value::Array(tabs) = browser.value(tabs).await else { panic!("no navigation") };
    tabs.iter().map(|tab| tab.as_str().unwrap_or_default().to_owned()).collect()
}

/// Looks at the page that is open in both lights and on a phone.
async fn look(browser: &Browser, what: &str, faults: &mut Vec<String>) {
    for (dark, light) in [(false, "light"), (true, "dark")] {
        browser.dark(dark).await;
        faults.extend(findings(browser).await.into_iter().map(|found| format!("{what}, {light}: {found}")));
    }
    browser.dark(false).await;
    browser.size(360, 780).await;
    let wide = browser.value("document.documentElement.scrollWidth").await;
    if wide.as_u64() != Some(360) {
        faults.push(format!("{what} is {wide} pixels wide on a phone of 360"));
    }
    faults.extend(findings(browser).await.into_iter().map(|found| format!("{what}, on a phone: {found}")));
    browser.size(1200, 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_open_to_everybody() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        let mut faults = Vec::new();
        look(browser, "the first page", &mut faults).await;
        let ca = set_up(browser).await;
        browser.goto("/walk").await;
        look(browser, "an empty stage", &mut faults).await;
        browser.click("form[action='/walk/play'] button").await;
        browser.says("Step 1 of 15").await;
        console.enrol(&ca.address, &ca.fingerprint, "sensor-7").expect(0);
        for path in pages(browser).await {
            browser.goto(&path).await;
            if path == "/live" {
                browser.says("sensor-7 is granted").await;
                browser.click(".sequence summary").await;
                browser.says("no answer recorded earlier").await;
            }
            look(browser, &path, &mut faults).await;
        }
        browser.click("form[action='/links'] button").await;
        look(browser, "a link for another browser", &mut faults).await;
        let link = browser.text("#link").await;
        browse(&link, async |_| {
            browser.click("footer a[href='/sessions']").await;
            browser.says("by a link of 1").await;
            look(browser, "the sessions", &mut faults).await;
        })
        .await;
        browser.goto("/certificates").await;
        browser.click("tbody th a").await;
        browser.says("Field by field").await;
        look(browser, "a certificate", &mut faults).await;
        browser.click("a[href*='check=now']").await;
        browser.says("Checked at").await;
        let passed = "document.querySelectorAll('.checks .badge.good').length";
        assert_eq!(browser.value(passed).await, json!(5));
        for part in ["subject_public_key_info", "As it travels", "\"ca_signature_b64\":", "What is signed"] {
            browser.says(part).await;
        }
        look(browser, "a certificate, checked", &mut faults).await;
        browser.goto("/certificates?subject=nobody&serial=none").await;
        browser.says("A serial number is a whole number").await;
        look(browser, "a search with a mistake", &mut faults).await;
        browser.goto("/tokens").await;
        browser.fill("[name=subject]", "visitor").await;
        browser.click("form[action='/tokens'] button").await;
        browser.says("It is shown this once").await;
        look(browser, "a fresh token", &mut faults).await;
        browser.click("form[action='/links'] button").await;
        browser.says("Open this in the other browser").await;
        look(browser, "a link", &mut faults).await;
        browser.goto("/nowhere").await;
        browser.says("There is no such page").await;
        look(browser, "a refusal", &mut faults).await;
        browser.goto("/walk?step=4").await;
        browser.click(".decoded button").await;
        browser.wait("#verdict").await;
        look(browser, "a verdict", &mut faults).await;
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    })
    .await;
}
