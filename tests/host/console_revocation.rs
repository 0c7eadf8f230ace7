//! Revocation at the console: an operator revokes certificates, puts them on hold and removes holds.

use std::net::SocketAddr;

use minipki_ca::Policy;
use minipki_ca::ports::{CertificateFormat, NewCertificate, Storage};
use minipki_client::{CaContact, fetch_status};
use minipki_core::cert::{Anchor, Certificate, Status};
use minipki_core::crypto::Portable;
use minipki_core::trust::{CertStatus, RevocationReason, Serial, Validity};
use minipki_fixtures::certificates::time;
use minipki_keys::{CaFolder, SignerKind};
use minipki_ledger::{Accept, SqliteStorage};
use minipki_provider::HostProvider;
use minipki_server::state::{self, open_authority};
use minipki_tests::ca::{id, proven};
use minipki_tests::console::{Answer, Browser, TestConsole};
use minipki_tests::server::{PROVEN, enrol, now, pair, soon};
use tokio::net::TcpStream;

/// A console with a running CA.
struct Scene {
    console: TestConsole,
    browser: Browser,
    ca: SocketAddr,
    anchor: Anchor,
}

impl Scene {
    async fn start() -> Self {
        let console = TestConsole::start().await;
        let browser = console.enter().await;
        browser.make_key().await;
        let ca = browser.start_ca().await;
        let text = browser.get("/authority/anchor.json").await.expect(200).body;
        let anchor = Anchor::decode(Portable::new(), text.as_bytes()).expect("a good anchor");
        Self { console, browser, ca, anchor }
    }

    fn storage(&self) -> SqliteStorage {
        state::storage(&CaFolder::open(&self.console.ca()).expect("a CA"))
    }

    /// Enrols `subject` with the key pair of this byte.
    async fn enrol(&self, subject: &str, byte: u8) -> Serial {
        let mut stream = soon(TcpStream::connect(self.ca)).await.expect("a connection");
        let outcome = soon(enrol(&mut stream, &self.anchor, subject, &pair(byte), PROVEN)).await;
        let certificate = outcome.expect("an answer").granted();
        Certificate::parse(&certificate).expect("a good certificate").serial_number()
    }

    /// The status that the CA signs, and its revocation number.
    async fn status(&self, serial: Serial) -> (CertStatus, u64) {
        let contact = CaContact::new(self.ca.to_string());
        let text = soon(fetch_status(&contact, HostProvider::default(), &self.anchor, serial, false)).await;
        let text = text.expect("a genuine status");
        let status = Status::parse(&text).expect("a good status");
        (status.status(), status.number())
    }

    /// The reason of the revocation in the status that the CA signs, and its revocation number.
    async fn revoked_for(&self, serial: Serial) -> (Option<RevocationReason>, u64) {
        match self.status(serial).await {
            (CertStatus::Revoked(revocation), number) => (Some(revocation.reason), number),
            (status, number) => {
                assert_eq!(status, CertStatus::Good);
                (None, number)
            }
        }
    }

    /// Clicks on a button of the certificate's page.
    async fn act(&self, serial: Serial, action: &str, fields: &str) -> Answer {
        self.browser.post(&format!("/certificates/{serial}/{action}"), fields).await
    }

    /// Clicks on a button, and opens the page that the answer leads to. Returns its query and the page.
    async fn done(&self, serial: Serial, action: &str, fields: &str) -> (String, String) {
        let answer = self.act(serial, action, fields).await.expect(303);
        let location = answer.header("location").expect("the address of a page");
        let path = location.strip_suffix("#revocation").expect("the part of the page");
        let page = self.browser.get(path).await.expect(200).body;
        let query = path.strip_prefix(&format!("/certificates/{serial}?")).expect("the same certificate");
        (query.to_owned(), page)
    }

    async fn page(&self, serial: Serial) -> String {
        self.browser.get(&format!("/certificates/{serial}")).await.expect(200).body
    }
}

/// The first text in each cell of a column, in order.
fn column<'p>(page: &'p str, label: &str) -> Vec<&'p str> {
    let start = format!(" data-label=\"{label}\">");
    let texts = |rest: &'p str| rest.split('>').filter_map(|part| part.split('<').next()).map(str::trim);
    let first = |rest: &'p str| texts(rest).find(|text| !text.is_empty());
    page.split(start.as_str()).skip(1).filter_map(first).collect()
}

const REVOKE: &str = "reason=key_compromise&confirm=yes";

#[tokio::test]
async fn a_certificate_is_revoked_after_a_confirmation_and_only_once() {
    let scene = Scene::start().await;
    let alice = scene.enrol("alice", 1).await;
    let path = format!("/certificates/{alice}/revoke");
    assert_eq!(scene.revoked_for(alice).await, (None, 0));

    // A form without a confirmation, without a good reason, or of no page of this session.
    for (fields, word) in [
        ("reason=key_compromise", "the box was not ticked"),
        ("confirm=yes", "the reason is missing"),
        ("reason=certificate_hold&confirm=yes", "the reason is missing"),
        ("reason=remove_from_hold&confirm=yes", "the reason is missing"),
        ("reason=none&confirm=yes", "the reason is missing"),
    ] {
        let refused = scene.act(alice, "revoke", fields).await.expect(422).body;
        assert!(refused.contains(word) && refused.contains("alice"), "{fields}: {refused}");
    }
    let origin = format!("Origin: http://{}\r\n", scene.browser.host);
    for action in ["revoke", "hold", "unhold"] {
        let path = format!("/certificates/{alice}/{action}");
        scene.browser.post_from(&path, &origin, REVOKE).await.expect(403);
        scene.browser.post_from(&path, &origin, &format!("csrf=1&{REVOKE}")).await.expect(403);
        scene.browser.get(&path).await.expect(405);
        let stranger = Browser { cookie: String::new(), ..scene.browser.clone() };
        stranger.post(&path, REVOKE).await.expect(401);
    }
    assert_eq!(scene.revoked_for(alice).await, (None, 0));
    assert!(scene.page(alice).await.contains("neither revoked nor on hold"));

    let (query, page) = scene.done(alice, "revoke", REVOKE).await;
    assert_eq!(query, "change=1");
    for text in [
        "Done: the certificate is revoked.",
        "alice <span class=\"badge bad\">revoked</span></h2>",
        "<code>key_compromise</code>",
        "console session 1 at 127.0.0.1:",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains(&path) && !page.contains("/hold\""), "no further action: {page}");
    assert_eq!(scene.revoked_for(alice).await, (Some(RevocationReason::KeyCompromise), 1));

    // A second click, another reason and a hold get the first answer.
    let other = "reason=superseded&confirm=yes";
    for (action, fields) in [("revoke", REVOKE), ("revoke", other), ("hold", "")] {
        let (query, page) = scene.done(alice, action, fields).await;
        assert_eq!(query, "change=1&repeated", "{action}");
        assert!(page.contains("Nothing was changed: the certificate is revoked since"), "{page}");
        assert_eq!(column(&page, "Number"), ["1"]);
    }
    let refused = scene.act(alice, "unhold", "").await.expect(409).body;
    assert!(refused.contains("is not on hold") && refused.contains("alice"), "{refused}");
    assert_eq!(scene.revoked_for(alice).await, (Some(RevocationReason::KeyCompromise), 1));

    let checked = scene.browser.get(&format!("/certificates/{alice}?check=now")).await.expect(200).body;
    let count = |result: &str| checked.matches(&format!("{result}</span>")).count();
    assert_eq!((count("passed"), count("failed"), count("not reached")), (4, 1, 1), "{checked}");
    assert!(checked.contains("the certificate was revoked at"), "{checked}");
}

#[tokio::test]
async fn an_unknown_serial_number_is_refused() {
    let scene = Scene::start().await;
    for serial in ["1", "0", "x", "%3Cscript%3E"] {
        for action in ["revoke", "hold", "unhold"] {
            let refused = scene.browser.post(&format!("/certificates/{serial}/{action}"), REVOKE).await;
            let page = refused.expect(404).body;
            assert!(page.contains("No certificate was issued with this serial number"), "{page}");
        }
    }
}

#[tokio::test]
async fn a_hold_is_removed_and_each_change_is_in_the_history() {
    let scene = Scene::start().await;
    let alice = scene.enrol("alice", 1).await;
    let refused = scene.act(alice, "unhold", "").await.expect(409).body;
    assert!(refused.contains("is not on hold"), "{refused}");

    let (query, page) = scene.done(alice, "hold", "").await;
    assert!(query == "change=1" && page.contains("Done: the certificate is on hold."), "{page}");
    assert_eq!(scene.revoked_for(alice).await, (Some(RevocationReason::CertificateHold), 1));
    assert_eq!(scene.done(alice, "hold", "").await.0, "change=1&repeated");

    let (query, page) = scene.done(alice, "unhold", "").await;
    assert!(query == "change=2" && page.contains("the certificate is not on hold any more."), "{page}");
    assert!(page.contains("alice <span class=\"badge good\">valid</span></h2>"), "{page}");
    assert_eq!(scene.revoked_for(alice).await, (None, 2));
    let (query, page) = scene.done(alice, "unhold", "").await;
    assert!(query == "change=2&repeated" && page.contains("Nothing was changed"), "{page}");

    scene.done(alice, "hold", "").await;
    let (query, page) = scene.done(alice, "revoke", "reason=privilege_withdrawn&confirm=yes").await;
    assert_eq!(query, "change=4");
    assert_eq!(column(&page, "Number"), ["1", "2", "3", "4"]);
    let changes = ["Put on hold", "Hold removed", "Put on hold", "The subject has lost a right"];
    for (seen, wanted) in column(&page, "Change").iter().zip(changes) {
        assert!(seen.starts_with(wanted), "{seen} is not {wanted}");
    }
    assert!(column(&page, "By").iter().all(|actor| actor.starts_with("console session 1 at 127.0.0.1:")));
    assert_eq!(scene.revoked_for(alice).await, (Some(RevocationReason::PrivilegeWithdrawn), 4));

    // The link of an earlier change says nothing: the change is not the newest.
    for query in ["change=1", "change=3&repeated", "change=99", "change=x"] {
        let page = scene.browser.get(&format!("/certificates/{alice}?{query}")).await.expect(200).body;
        assert!(!page.contains("Done:") && !page.contains("Nothing was changed"), "{query}: {page}");
    }

    // The audit log has each change once. The refusals and the repeated clicks have changed nothing.
    let storage = scene.storage();
    let entries = soon(async {
        loop {
            let found = storage.reader().and_then(|mut reader| reader.list_audit(None, 100)).expect("read");
            let mut found: Vec<_> = found.into_iter().map(|record| record.entry).collect();
            found.retain(|entry| entry.action() == "change a revocation");
            if found.len() >= 4 {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    let entries = entries.await;
    assert_eq!(entries.len(), 4);
    assert!(entries[0].actor().starts_with("console session 1 at 127.0.0.1:"), "{:?}", entries[0]);
    let details = format!("certificate {alice}, privilege_withdrawn, revocation number 4");
    assert_eq!(entries[0].details(), details);
}

#[tokio::test]
async fn certificates_are_found_by_their_state_and_counted() {
    let scene = Scene::start().await;
    scene.enrol("alice", 1).await;
    let (bob, carol) = (scene.enrol("bob", 2).await, scene.enrol("carol", 3).await);
    scene.done(bob, "revoke", REVOKE).await;
    scene.done(carol, "hold", "").await;
    let search = async |query: &str| scene.browser.get(&format!("/certificates?sort=subject&{query}")).await;
    let table = async |query: &str| search(query).await.expect(200).body;
    let page = table("").await;
    assert_eq!(column(&page, "Subject"), ["alice", "bob", "carol"]);
    assert_eq!(column(&page, "State"), ["valid", "revoked", "on hold"]);
    assert_eq!(column(&page, "Issued").len(), 3);
    assert!(!page.contains("not recorded"), "{page}");

    // The certificates end in 90 days.
    let today = &now().to_string()[..10];
    let searches: [(&str, &[&str]); 13] = [
        ("state=valid", &["alice"]),
        ("state=valid&days=91", &[]),
        ("state=expiring", &[]),
        ("state=expiring&days=91", &["alice"]),
        ("state=revoked", &["bob"]),
        ("state=held", &["carol"]),
        ("state=expired", &[]),
        ("state=not-yet-valid", &[]),
        ("state=revoked&subject=alice", &[]),
        ("ends_from=2020-01-01", &["alice", "bob", "carol"]),
        (&format!("ends_from={today}&ends_until=9000-01-01"), &["alice", "bob", "carol"]),
        (&format!("ends_until={today}"), &[]),
        ("ends_from=9000-01-01", &[]),
    ];
    for (query, subjects) in searches {
        assert_eq!(column(&table(query).await, "Subject"), subjects, "{query}");
    }
    assert_eq!(column(&table("days=91").await, "State")[0], "expiring");
    for (query, word) in [
        ("state=ended", "There is no such state"),
        ("days=0", "Enter 1 to 3650 days"),
        ("ends_from=soon", "is not a date"),
    ] {
        let page = search(query).await.expect(422).body;
        assert!(page.contains(word) && column(&page, "Subject").is_empty(), "{query}: {page}");
    }

    let page = scene.browser.get("/").await.expect(200).body;
    for count in [
        "<dt>Alive</dt><dd>1</dd><dd class=\"rate\">of 3 issued</dd>",
        "<dt>End in 7 days</dt><dd>0</dd>",
        "<dt>End in 30 days</dt><dd>0</dd>",
        "<dt>Expired</dt><dd>0</dd>",
        "<dt>On hold</dt><dd>1</dd>",
        "<dt>Revoked</dt><dd>1</dd>",
        "<dt>Revocation number</dt><dd>2</dd>",
    ] {
        assert!(page.contains(count), "{count} in {page}");
    }
}

#[tokio::test]
async fn the_pages_of_a_search_keep_its_state_and_its_dates() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    let folder = CaFolder::open(&console.ca()).expect("a CA");
    {
        let mut authority = open_authority(&folder, Policy::default(), SignerKind::Aws, Accept::default())
            .expect("the server is stopped");
        let begin = time("2025-03-01T12:00:00+00:00");
        for byte in 1..=55 {
            let issued = authority.issue_many(&[proven(&format!("pump-{byte:02}"), byte, None)], begin);
            assert!(matches!(issued[..], [Ok(_)]), "{issued:?}");
        }
    }
    let query = "state=expired&days=7&ends_from=2025-05-01&ends_until=2025-06-30&sort=subject";
    let first = browser.get(&format!("/certificates?{query}")).await.expect(200).body;
    assert_eq!(column(&first, "Subject").len(), 50);
    let (_, rest) = first.split_once("rel=\"next\" href=\"").expect("a next page");
    let link = rest.split('"').next().expect("a link").replace("&#38;", "&").replace("&amp;", "&");
    for field in query.split('&') {
        assert!(link.contains(&format!("{field}&")), "{field} in {link}");
    }
    let second = browser.get(&link).await.expect(200).body;
    assert_eq!(column(&second, "Subject"), ["pump-51", "pump-52", "pump-53", "pump-54", "pump-55"]);
    assert!(second.contains("aria-current=\"true\">Expired</a>"), "{second}");
    let without = browser.get(&format!("/certificates?{}", query.replace("expired", "valid"))).await;
    assert!(column(&without.expect(200).body, "Subject").is_empty());
}

#[tokio::test]
async fn a_certificate_names_its_renewal_and_the_renewal_names_it() {
    let scene = Scene::start().await;
    let first = scene.enrol("alice", 1).await;
    let (now, subject) = (now(), id("alice"));
    let end = now.checked_add_seconds(86_400).expect("a time");
    let mut recorder = scene.storage().recorder(now).expect("the ledger opens");
    let second = recorder.reserve(1, CertificateFormat::Json).expect("reserved")[0];
    let renewal = NewCertificate {
        serial: second,
        subject_id: subject.as_id(),
        subject_key: &[2; 32],
        validity: Validity::new(now, end).expect("in order"),
        format: CertificateFormat::Json,
        certificate: b"{\"a\":\"renewal\"}",
        token: None,
        renews: Some(first),
        supersede: true,
        lifetime: None,
        request: None,
    };
    recorder.record(&[renewal], now).expect("recorded");
    drop(recorder);

    let link = |serial: Serial| format!("<a href=\"/certificates/{serial}\"><code>{serial}</code></a>");
    let page = scene.page(first).await;
    assert!(page.contains(&format!("<dt>Renewed by</dt><dd>{}", link(second))), "{page}");
    assert!(!page.contains("<dt>Renews</dt>"), "{page}");
    assert_eq!(column(&page, "By"), ["renewal"]);
    assert!(page.contains("<code>superseded</code>"), "{page}");
    let page = scene.page(second).await;
    assert!(page.contains(&format!("<dt>Renews</dt><dd>{}", link(first))), "{page}");
    assert!(!page.contains("<dt>Renewed by</dt>"), "{page}");
    // It ends within a day.
    assert!(page.contains(" <span class=\"badge busy\">expiring</span></h2>"), "{page}");
}
