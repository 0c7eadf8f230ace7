//! The Certificates page: its searches, its sort orders and its page links.

use std::path::Path;

use minipki_ca::Policy;
use minipki_fixtures::certificates::time;
use minipki_keys::{CaFolder, SignerKind};
use minipki_ledger::Accept;
use minipki_server::state::open_authority;
use minipki_tests::browser::{Browser, browse};
use minipki_tests::ca::proven;
use minipki_tests::console_program::Console;
use serde_json::{Value, json};

/// The number of pumps, and of all certificates.
const PUMPS: u8 = 57;
const ALL: usize = 60;

/// The number of rows on a page.
const PAGE: usize = 50;

/// Issues certificates of the console's CA: to the pumps on the first two days, to three people on the third.
/// Returns the subjects in the order of issue.
fn issue(ca: &Path) -> Vec<String> {
    let folder = CaFolder::open(ca).expect("the console has made the folder");
    let mut authority = open_authority(&folder, Policy::default(), SignerKind::Aws, Accept::default())
        .expect("the server is stopped");
    let pumps = (1..=PUMPS).map(|number| (format!("pump-{number:02}"), if number <= 30 { 1 } else { 2 }));
    let people = ["carol", "alice", "bob"].map(|name| (name.to_owned(), 3));
    let mut subjects = Vec::new();
    for (subject, day) in pumps.chain(people) {
        // The key of number 60, which is bob's, consists of the byte 60 (3c).
        let key = u8::try_from(subjects.len() + 1).expect("few");
        let now = time(&format!("2025-03-0{day}T12:00:00+00:00"));
        let issued = authority.issue_many(&[proven(&subject, key, None)], now);
        assert!(matches!(issued[..], [Ok(_)]), "{subject}: {issued:?}");
        subjects.push(subject);
    }
    assert_eq!(subjects.len(), ALL);
    subjects
}

/// Waits until the rows of the table are `subjects` in this order.
async fn shows<S: AsRef<str>>(browser: &Browser, subjects: &[S]) {
    let rows = "JSON.stringify(Array.from(document.querySelectorAll('tbody th'), (row) => row.innerText))";
    let subjects: Vec<_> = subjects.iter().map(AsRef::as_ref).collect();
    let wanted = serde_json::to_string(&subjects).expect("strings");
    browser.until(&format!("{rows} === {}", Value::from(wanted))).await;
}

/// Opens the page, fills in the form and sends it.
async fn search(browser: &Browser, fields: &[(&str, &str)]) {
    browser.goto("/certificates").await;
    for (name, value) in fields {
        // The format of a typed date depends on the browser's language. The sent format does not.
        browser.run(&format!("document.querySelector('.search [name={name}]').value = '{value}'")).await;
    }
    browser.click(".search button").await;
}

fn reversed(subjects: &[String]) -> Vec<String> {
    subjects.iter().rev().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_searched_sorted_and_paged() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.click("form[action='/authority/key'] button").await;
        browser.wait("form[action='/authority/start']").await;
        let issued = issue(&console.folder().join("ca"));
        let newest = reversed(&issued);

        // The newest certificate comes first. The links lead to the next page and back.
        browser.goto("/certificates").await;
        shows(browser, &newest[..PAGE]).await;
        browser.says("50 of 60 issued so far").await;
        assert_eq!(browser.value("document.querySelector('[rel=prev]')").await, json!(null));
        browser.click("[rel=next]").await;
        shows(browser, &newest[PAGE..]).await;
        assert_eq!(browser.value("document.querySelector('[rel=next]')").await, json!(null));
        browser.click("[rel=prev]").await;
        shows(browser, &newest[..PAGE]).await;

        found(browser, &newest).await;
        sorted(browser, &issued).await;
        exported(browser, &newest).await;
    })
    .await;
}

/// Tests each field of the search, and two fields together.
async fn found(browser: &Browser, newest: &[String]) {
    let beginning =
        |text: &str| newest.iter().filter(|subject| subject.starts_with(text)).cloned().collect::<Vec<_>>();
    search(browser, &[("q", "pump-0")]).await;
    shows(browser, &beginning("pump-0")).await;
    search(browser, &[("q", "alice")]).await;
    shows(browser, &["alice"]).await;
    let serial = browser.text("tbody td[data-label='Serial number']").await;
    search(browser, &[("q", &serial)]).await;
    shows(browser, &["alice"]).await;
    search(browser, &[("q", "3c3c")]).await;
    shows(browser, &["bob"]).await;
    search(browser, &[("q", "ff")]).await;
    browser.says("None of the 60 issued certificates matches").await;

    search(browser, &[("from", "2025-03-03")]).await;
    shows(browser, &["bob", "alice", "carol"]).await;
    search(browser, &[("from", "2025-03-02"), ("until", "2025-03-02")]).await;
    shows(browser, &newest[3..30]).await;
    search(browser, &[("until", "2025-03-01")]).await;
    shows(browser, &newest[30..]).await;
    search(browser, &[("until", "2025-02-28")]).await;
    browser.says("None of the 60").await;
    search(browser, &[("q", "pump-3"), ("until", "2025-03-01")]).await;
    shows(browser, &["pump-30"]).await;

    // The form keeps its values. One click shows all certificates again.
    assert_eq!(browser.value("document.querySelector('[name=q]').value").await, json!("pump-3"));
    browser.click(".under a").await;
    shows(browser, &newest[..PAGE]).await;
    search(browser, &[("q", "no such name!")]).await;
    browser.says("Nothing is found by this text").await;
    shows::<&str>(browser, &[]).await;
    // The input is kept.
    assert_eq!(browser.value("document.querySelector('[name=q]').value").await, json!("no such name!"));

    // A chip adds a filter to the search.
    search(browser, &[("q", "pump-0")]).await;
    browser.click("a.chip[href*='state=expired']").await;
    shows(browser, &beginning("pump-0")).await;
    browser.click("a.chip[href*='issued=today']").await;
    browser.says("None of the 60").await;
    browser.click("a.chip[href*='state=valid']").await;
    browser.says("None of the 60").await;
    assert_eq!(browser.value("document.querySelectorAll('.chip[aria-current]').length").await, json!(2));
}

/// Tests the sort orders of the form and of the column heads, on both pages.
async fn sorted(browser: &Browser, issued: &[String]) {
    let mut by_subject = issued.to_vec();
    by_subject.sort();
    search(browser, &[("sort", "subject")]).await;
    shows(browser, &by_subject[..PAGE]).await;
    browser.click("[rel=next]").await;
    shows(browser, &by_subject[PAGE..]).await;

    let order = async |column: &str| {
        let head =
            "Array.from(document.querySelectorAll('thead th')).find((head) => head.innerText === COLUMN)";
        let head = head.replace("COLUMN", &Value::from(column).to_string());
        browser.value(&format!("{head}.getAttribute('aria-sort')")).await
    };
    assert_eq!((order("Subject").await, order("Ends").await), (json!("ascending"), json!("none")));
    browser.click("thead a[href*='sort=subject']").await;
    shows(browser, &reversed(&by_subject)[..PAGE]).await;
    assert_eq!(order("Subject").await, json!("descending"));

    // Certificates with the same end keep the order of issue. All have expired.
    browser.click("thead a[href*='sort=end']").await;
    shows(browser, &issued[..PAGE]).await;
    assert_eq!(browser.value("document.querySelectorAll('tbody .badge.bad').length").await, json!(PAGE));
    browser.click("thead a[href*='sort=end']").await;
    shows(browser, &reversed(issued)[..PAGE]).await;
    browser.click("thead a[href*='sort=begin']").await;
    shows(browser, &issued[..PAGE]).await;

    // A search result is sorted too.
    search(browser, &[("q", "pump-1"), ("sort", "oldest")]).await;
    shows(browser, &issued[9..19]).await;
}

/// Tests both exports of a search, which have the certificates of all pages.
async fn exported(browser: &Browser, newest: &[String]) {
    let fetch = async |path: &str| {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             fetch('{path}').then((answer) => answer.text()).then(done, (error) => done(`failed: ${{error}}`))"
        );
        browser.run_async(&script).await.as_str().expect("a text").to_owned()
    };
    let csv = fetch("/certificates/export.csv").await;
    let subjects: Vec<_> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1))
        .map(|cell| cell.trim_matches('"'))
        .collect();
    assert_eq!(subjects, newest, "{csv}");
    let json: Value =
        serde_json::from_str(&fetch("/certificates/export.json?subject=pump-0&sort=subject").await)
            .expect("JSON");
    let rows = json.as_array().expect("a list");
    assert_eq!(
        (rows.len(), &rows[0]["subject"], &rows[0]["state"]),
        (9, &json!("pump-01"), &json!("expired"))
    );
}
