//! The pages that show the protocol: Live and Walk-through.

use fantoccini::key::Key;
use minipki_tests::browser::browse;
use minipki_tests::console_program::{Console, set_up};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn from_a_first_start_to_a_certificate_seen_live() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.says("This CA has no key yet").await;
        let ca = set_up(browser).await;

        browser.goto("/live").await;
        browser.says("There are no events yet").await;
        browser.says("Watching").await;
        console.enrol(&ca.address, &ca.fingerprint, "sensor-7").expect(0);
        // A connection is one line, which unfolds.
        browser.until("document.querySelector('.connection .badge')?.textContent === 'granted'").await;
        browser.click(".connection summary").await;
        browser.says("sensor-7 is granted a certificate").await;
        browser.says("the connection ends").await;
        browser.says("4 msg").await;
        assert_eq!(browser.value("document.querySelectorAll('.sequence .gap').length").await, json!(7));
        let messages = "Array.from(document.querySelectorAll('.sequence .name'), (name) => name.textContent)";
        let four = json!(["enroll_request", "enroll_challenge", "enroll_proof", "granted"]);
        assert_eq!(browser.value(messages).await, four);

        // An arrow opens the decoded message.
        browser.click(".sequence summary").await;
        browser.says("no answer recorded earlier fits this request").await;
        browser.says("\"sensor-7\"").await;

        // While the page is paused it shows no new events. It shows them afterwards.
        browser.click("#pause").await;
        console.enrol(&ca.address, &ca.fingerprint, "sensor-8").expect(0);
        browser.says("events wait").await;
        let sensor_8 = "document.getElementById('connections').innerText.includes('sensor-8')";
        assert_eq!(browser.value(sensor_8).await, json!(false));
        browser.click("#pause").await;
        browser.until("document.querySelector('.connection .who').textContent === 'sensor-8'").await;

        // Another key requests a name in use. The refusal has a code, and the filters find it.
        std::fs::remove_dir_all(console.folder().join("sensor-7")).expect("the folder exists");
        console.enrol(&ca.address, &ca.fingerprint, "sensor-7").expect(3);
        browser.until("document.querySelector('.connection[data-refused]') !== null").await;
        let shown = "Array.from(document.querySelectorAll('.connection:not([hidden]) .who'), (who) => who.textContent)";
        browser.click("#refusals").await;
        assert_eq!(browser.value(shown).await, json!(["sensor-7"]));
        browser.click("#refusals").await;
        browser.fill("#filter", "sensor-8").await;
        assert_eq!(browser.value(shown).await, json!(["sensor-8"]));
        browser.fill("#filter", "subject_taken").await;
        assert_eq!(browser.value(shown).await, json!(["sensor-7"]));
        browser.fill("#filter", "nobody").await;
        browser.says("No connection matches").await;
        browser.click("#clear").await;
        browser.until("document.querySelectorAll('.connection:not([hidden])').length === 3").await;
    })
    .await;
    let log = console.stop().expect(0).stderr;
    for action in ["generate the CA key", "start the CA server"] {
        assert!(log.contains(action), "no audit line of {action:?} in:\n{log}");
    }
}

/// The participant that refuses a flipped byte in the last field of each message, and its refusal code.
const REFUSED: [(&str, &str, &str); 27] = [
    ("alice to CA: enroll_request", "CA", "unknown_type"),
    ("CA to alice: enroll_challenge", "alice", ""),
    ("alice to CA: enroll_proof", "CA", "unknown_type"),
    ("CA to alice: granted", "alice", ""),
    ("bob to CA: enroll_request", "CA", "unknown_type"),
    ("CA to bob: enroll_challenge", "bob", ""),
    ("bob to CA: enroll_proof", "CA", "unknown_type"),
    ("CA to bob: granted", "bob", ""),
    ("alice to bob: handshake_1", "bob", "bad_request"),
    ("bob to alice: handshake_2", "alice", "bad_request"),
    ("alice to bob: handshake_3", "bob", "bad_request"),
    ("alice to bob: encrypted message", "bob", ""),
    ("alice to bob: close", "bob", ""),
    ("bob to alice: encrypted message", "alice", ""),
    ("bob to alice: close", "alice", ""),
    ("alice to CA: renew_request", "CA", "unknown_type"),
    ("CA to alice: enroll_challenge", "alice", ""),
    ("alice to CA: enroll_proof", "CA", "unknown_type"),
    ("CA to alice: granted", "alice", ""),
    ("bob to CA: revoke_request", "CA", "unknown_type"),
    ("CA to bob: enroll_challenge", "bob", ""),
    ("bob to CA: enroll_proof", "CA", "unknown_type"),
    ("CA to bob: revoked", "bob", ""),
    ("bob to CA: status_request", "CA", "unknown_type"),
    ("CA to bob: status", "bob", ""),
    ("alice to CA: anchors_request", "CA", "unknown_type"),
    ("CA to alice: anchors", "alice", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_is_flipped_at_every_step_of_the_walk_through() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        // The Walk-through needs no key of the CA.
        browser.goto("/walk").await;
        browser.click("form[action='/walk/run'] button").await;
        for (step, (title, by, code)) in REFUSED.into_iter().enumerate() {
            browser.says(&format!("Step {} of 27", step + 1)).await;
            assert_eq!(browser.text("#step").await, title);
            // The last field that has a button.
            let last =
                "const all = document.querySelectorAll('.decoded button'); all[all.length - 1].click();";
            browser.run(last).await;
            let verdict = browser.text("#verdict").await;
            assert_eq!(verdict.trim(), format!("Refused by {by} {code}").trim(), "{title}");
            assert!(!browser.text(".verdict .check").await.is_empty(), "{title}");
            browser.says("Why").await;
            browser.until("document.activeElement.id === 'verdict'").await;
            if step + 1 < REFUSED.len() {
                browser.press(Key::Right).await;
            }
        }
        browser.goto("/walk?step=15").await;
        browser.press(Key::Left).await;
        browser.says("Step 14 of 27").await;
        browser.says("Nobody, alice. Not even the CA.").await;

        // Any bits of any byte can be changed, here for a length of billions.
        browser.goto("/walk?step=1").await;
        browser.run("document.querySelector('select[name=mask]').value = '255'").await;
        browser.fill("input[type=number]", "0").await;
        browser.click("form.inline button").await;
        assert_eq!(browser.text("#verdict").await, "Refused by CA bad_frame");
        browser.says("The first four bytes of a frame are its length").await;
        // A reload shows the same verdict, and changes nothing again.
        browser.run("location.reload()").await;
        assert_eq!(browser.text("#verdict").await, "Refused by CA bad_frame");

        // Both ends have the same keys. Only fingerprints are shown.
        browser.goto("/walk?step=11").await;
        browser.says("alice has the keys. Fingerprint of the key for sending").await;
        browser.says("bob has the keys. Fingerprint of the key for sending").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_is_chosen_among_the_bytes_of_the_frame() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.goto("/walk").await;
        browser.click("form[action='/walk/run'] button").await;
        browser.goto("/walk?step=4").await;
        browser.wait(".hex").await;
        // One stop of the Tab key. The arrow keys go on from there, and do not change the step.
        let stops = "Array.from(document.querySelectorAll('.hex button'), (byte) => byte).filter((byte) => byte.tabIndex === 0).map((byte) => byte.value)";
        assert_eq!(browser.value(stops).await, json!(["0"]));
        browser.run("document.querySelector('.hex button').focus()").await;
        for (key, byte) in [
            ("ArrowUp", "0"),
            ("ArrowDown", "16"),
            ("ArrowRight", "17"),
            ("End", "31"),
            ("Home", "16"),
            ("ArrowLeft", "15"),
        ] {
            let press = format!("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true, cancelable: true }}))");
            browser.run(&press).await;
            assert_eq!(browser.value("document.activeElement.value").await, json!(byte), "{key}");
            assert_eq!(browser.value(stops).await, json!([byte]), "{key}");
        }
        browser.says("Step 4 of 27").await;

        // A byte and the row of its field light up together, from either side.
        let lit = |field: u8| {
            let count = |place| format!("document.querySelectorAll('{place} .lit[data-bytes=\"{field}\"]').length");
            format!("[{}, {}]", count(".hex"), count(".decoded"))
        };
        browser.run("document.querySelector('.hex button').focus()").await;
        assert_eq!(browser.value(&lit(0)).await, json!([4, 1]));
        browser.run("document.querySelector('.decoded tr[data-bytes=\"2\"] button').focus()").await;
        let signature = browser.value("document.querySelectorAll('.hex [data-bytes=\"2\"]').length").await;
        assert_eq!(browser.value(&lit(2)).await, json!([signature, 1]));
        assert_eq!(browser.value(&lit(0)).await, json!([0, 0]));

        // A click flips the byte. The byte is then the stop of the Tab key.
        browser.click(".hex button[value='200']").await;
        assert_eq!(browser.text("#verdict").await, "Refused by alice");
        browser.says("byte 200 of the frame, in certificate.ca_signature_b64").await;
        browser.says("and this text arrived").await;
        assert_eq!(browser.value(stops).await, json!(["200"]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mallory_attacks_and_is_refused() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.goto("/walk").await;
        browser.click("form[action='/walk/run'] button").await;
        for (scene, title) in [
            ("stolen", "Stolen certificate: refused by bob certificate_refused"),
            ("middle", "Man in the middle: refused by alice certificate_refused"),
        ] {
            browser.click(&format!("input[value='{scene}']")).await;
            browser.click("form[action='/walk/attack'] > button").await;
            browser.says(title).await;
            browser.until("document.activeElement.id === 'attack'").await;
        }
        let lanes = "Array.from(document.querySelectorAll('[aria-labelledby=attack] .lifelines span'), (lane) => lane.textContent)";
        assert_eq!(browser.value(lanes).await, json!(["alice", "mallory", "bob"]));
        assert_eq!(browser.value("document.querySelectorAll('[aria-labelledby=attack] .arrow').length").await, json!(5));
    })
    .await;
}

/// Opens and closes `count` connections to the CA, one after the other.
async fn knock(address: &str, count: usize) {
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.expect("the CA listens");
        stream.shutdown().await.expect("the connection is open");
        stream.read_to_end(&mut Vec::new()).await.expect("the CA ends the connection");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_page_does_not_grow_without_limit() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        let ca = set_up(browser).await;
        browser.goto("/live").await;
        browser.says("Watching").await;
        // A connection without a message has two events.
        knock(&ca.address, 600).await;
        let first = "document.querySelector('.connection .title')?.textContent";
        let rows = "document.querySelectorAll('#connections .sequence > li').length === 1000";
        browser.until(&format!("{first} === '#600' && {rows}")).await;
        let size =
            "[document.getElementsByTagName('*').length, document.querySelectorAll('.connection').length]";
        let full = browser.value(size).await;
        assert_eq!(full[1], json!(500));
        assert!(full[0].as_u64().is_some_and(|elements| elements < 15_000), "{full}");
        knock(&ca.address, 600).await;
        browser.until(&format!("{first} === '#1200' && {rows}")).await;
        assert_eq!(browser.value(size).await, full);
    })
    .await;
}
