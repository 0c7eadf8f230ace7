//! Accessibility: axe-core has no serious findings in both colour schemes, and a phone needs no horizontal scrolling.

use minipki_fixtures::openssl;
use minipki_tests::browser::{Browser, browse};
use minipki_tests::console_program::{Console, set_up};
use minipki_tests::program::run;
use serde_json::{Value, json};

const AXE: &str = include_str!("axe.min.js");

/// Runs axe-core and returns its serious and critical findings.
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
    let Value::Array(found) = found else { panic!("axe returns no list: {found}") };
    found.into_iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
}

/// The paths of all pages in the navigation.
async fn pages(browser: &Browser) -> Vec<String> {
    let tabs = "Array.from(document.querySelectorAll('.top nav a'), (tab) => tab.getAttribute('href'))";
    let Value::Array(tabs) = browser.value(tabs).await else { panic!("no navigation") };
    tabs.iter().map(|tab| tab.as_str().unwrap_or_default().to_owned()).collect()
}

/// Checks the open page in both colour schemes and on a phone.
async fn check(browser: &Browser, page: &str, problems: &mut Vec<String>) {
    for (dark, scheme) in [(false, "light"), (true, "dark")] {
        browser.dark(dark).await;
        problems
            .extend(findings(browser).await.into_iter().map(|found| format!("{page}, {scheme}: {found}")));
    }
    browser.dark(false).await;
    for width in [2560, 768, 390, 360] {
        browser.size(width, 780).await;
        let hidden = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let hidden = browser.value(hidden).await;
        if hidden != json!(0) {
            problems.push(format!("{page} has {hidden} pixels beside a screen of {width}"));
        }
    }
    problems.extend(findings(browser).await.into_iter().map(|found| format!("{page}, on a phone: {found}")));
    browser.size(1200, 900).await;
}

/// Puts the certificate of the open page on hold, then revokes it. Checks the page after each step.
async fn revoke(browser: &Browser, problems: &mut Vec<String>) {
    browser.click("form[action$='/hold'] button").await;
    browser.says("Done: the certificate is on hold").await;
    browser.says("The certificate is on hold.").await;
    check(browser, "a certificate on hold", problems).await;
    browser.run("document.querySelector('[name=reason]').value = 'key_compromise'").await;
    // The browser does not send the form before the box is ticked.
    browser.click("form[action$='/revoke'] button").await;
    browser.says("Done: the certificate is on hold").await;
    browser.click("[name=confirm]").await;
    browser.click("form[action$='/revoke'] button").await;
    browser.says("Done: the certificate is revoked").await;
    check(browser, "a revoked certificate", problems).await;
    browser.click("a[href='/certificates']").await;
    browser.says("revoked").await;
    check(browser, "the certificates, with a revoked one", problems).await;
    browser.goto("/certificates?state=revoked").await;
    // The Walk-through has a CA of its own.
    assert_eq!(browser.value("document.querySelectorAll('tbody th').length").await, json!(1));
}

/// Checks the pages of the CA certificate and of an X.509 certificate, and that a field and its bytes light up together.
async fn x509(browser: &Browser, console: &Console, problems: &mut Vec<String>) {
    let at = console.folder();
    let path = |name: &str| at.join(name).display().to_string();
    let (key, csr) = (path("www.key"), path("www.csr"));
    let make =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/"];
    let named = ["-addext", "subjectAltName=DNS:www.example.org", "-keyout", &key, "-out", &csr];
    openssl(&[&make[..], &named].concat(), b"");
    let sign = ["ca", "sign", "--dir", "ca", "--csr", "www.csr", "--profile", "tls-server"];
    run(at, &[&sign[..], &["--allow-name", "www.example.org", "--out", "www.pem"]].concat()).expect(0);

    browser.goto("/authority").await;
    browser.click("#ca-certificate summary").await;
    browser.says("Trust this CA to identify websites").await;
    check(browser, "the CA certificate", problems).await;
    browser.goto("/certificates?subject=www").await;
    browser.says("X.509").await;
    check(browser, "a list with an X.509 certificate", problems).await;
    browser.click("tbody th a").await;
    browser.says("the names of the subject").await;
    check(browser, "an X.509 certificate", problems).await;
    // The field of the validity has the bytes of two others within its own.
    let lit = "Array.from(document.querySelectorAll('.lit'), (part) => part.dataset.bytes)";
    for (number, inner) in [(4, 2), (5, 0)] {
        let link = format!("document.querySelector('a[href=\"#x509-{number}\"]').focus()");
        browser.run(&link).await;
        let name = format!("x509-{number}");
        assert_eq!(browser.value(lit).await, json!([name, name]));
        let within = format!("document.querySelectorAll('#x509-{number} [data-bytes]').length");
        assert_eq!(browser.value(&within).await, json!(inner));
    }
    browser
        .run(
            "document.querySelector('#x509-1').dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))",
        )
        .await;
    let serial = "document.querySelector('.explained .lit[data-bytes=\"x509-1\"] dt').textContent";
    assert_eq!(browser.value(serial).await, json!("serialNumber"));
    browser.click("a[href*='check=now']").await;
    browser.says("CN=www.example.org, issued by CN=lab-ca").await;
    let failed = "document.querySelectorAll('.checks .badge.bad').length";
    assert_eq!(browser.value(failed).await, json!(0));
    check(browser, "an X.509 certificate, checked", problems).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        let mut problems = Vec::new();
        check(browser, "the first page", &mut problems).await;
        let ca = set_up(browser).await;
        browser.goto("/walk").await;
        check(browser, "an empty walk-through", &mut problems).await;
        browser.click("form[action='/walk/run'] button").await;
        browser.says("Step 1 of 27").await;
        console.enrol(&ca.address, &ca.fingerprint, "sensor-7").expect(0);
        for path in pages(browser).await {
            browser.goto(&path).await;
            if path == "/live" {
                browser.says("sensor-7").await;
                browser.click(".connection summary").await;
                browser.says("sensor-7 is granted").await;
                browser.click(".sequence summary").await;
                browser.says("no answer recorded earlier").await;
            }
            check(browser, &path, &mut problems).await;
        }
        browser.click("form[action='/links'] button").await;
        check(browser, "a link for another browser", &mut problems).await;
        let link = browser.text("#link").await;
        browse(&link, async |_| {
            browser.click("footer a[href='/sessions']").await;
            browser.says("by a link of 1").await;
            check(browser, "the sessions", &mut problems).await;
        })
        .await;
        browser.goto("/certificates").await;
        browser.click("tbody th a").await;
        browser.says("Fields").await;
        check(browser, "a certificate", &mut problems).await;
        browser.click("a[href*='check=now']").await;
        browser.says("Checked at").await;
        let passed = "document.querySelectorAll('.checks .badge.good').length";
        assert_eq!(browser.value(passed).await, json!(6));
        browser.says("MiniPKI protocol §3").await;
        for part in
            ["subject_public_key_info", "Encoded certificate", "\"ca_signature_b64\":", "Signed bytes"]
        {
            browser.says(part).await;
        }
        check(browser, "a certificate, checked", &mut problems).await;
        revoke(browser, &mut problems).await;
        x509(browser, &console, &mut problems).await;
        browser.goto("/certificates?serial=none").await;
        browser.says("A serial number is a whole number").await;
        check(browser, "a search with a mistake", &mut problems).await;
        browser.goto("/tokens").await;
        browser.fill("[name=subject]", "visitor").await;
        browser.click("form[action='/tokens'] button").await;
        browser.says("This token is shown only once").await;
        check(browser, "a fresh token", &mut problems).await;
        browser.click("form[action='/links'] button").await;
        browser.says("Open this link in the other browser").await;
        check(browser, "a link", &mut problems).await;
        browser.goto("/nowhere").await;
        browser.says("There is no such page").await;
        check(browser, "a refusal", &mut problems).await;
        browser.goto("/walk?step=4").await;
        browser.click(".decoded button").await;
        browser.wait("#verdict").await;
        check(browser, "a verdict", &mut problems).await;
        browser.click("form[action='/walk/attack'] > button").await;
        browser.wait("#attack").await;
        check(browser, "an attack", &mut problems).await;
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    })
    .await;
}
