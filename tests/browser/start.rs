//! From an empty folder to a certificate that is seen live.

use minipki_tests::browser::browse;
use minipki_tests::console_program::{Console, set_up};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn from_a_first_start_to_a_certificate_seen_live() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.says("This CA has no key yet").await;
        let ca = set_up(browser).await;

        browser.goto("/live").await;
        browser.says("Nothing has happened yet").await;
        browser.says("Watching").await;
        console.enrol(&ca.address, &ca.fingerprint, "sensor-7").expect(0);
        browser.says("sensor-7 is granted a certificate").await;
        browser.says("the connection ends").await;
        let messages = "Array.from(document.querySelectorAll('.sequence .name'), (name) => name.textContent)";
        let four = json!(["enroll_request", "enroll_challenge", "enroll_proof", "granted"]);
        assert_eq!(browser.value(messages).await, four);

        // An arrow opens to the message, decoded.
        browser.click(".sequence summary").await;
        browser.says("no answer recorded earlier fits this request").await;
        browser.says("\"sensor-7\"").await;

        // While paused nothing moves; what came meanwhile is there when it goes on.
        browser.click("#pause").await;
        console.enrol(&ca.address, &ca.fingerprint, "sensor-8").expect(0);
        browser.says("events wait").await;
        let sensor_8 = "document.getElementById('connections').innerText.includes('sensor-8')";
        assert_eq!(browser.value(sensor_8).await, json!(false));
        browser.click("#pause").await;
        browser.says("sensor-8 is granted").await;

        // Another key asks for a name in use: it stands out with its code, and can be filtered for.
        std::fs::remove_dir_all(console.folder().join("sensor-7")).expect("it was there");
        console.enrol(&ca.address, &ca.fingerprint, "sensor-7").expect(3);
        browser.says("subject_taken").await;
        let shown = "Array.from(document.querySelectorAll('.connection:not([hidden]) .who'), (who) => who.textContent)";
        browser.click("#refusals").await;
        assert_eq!(browser.value(shown).await, json!(["sensor-7"]));
        browser.click("#refusals").await;
        browser.fill("#filter", "sensor-8").await;
        assert_eq!(browser.value(shown).await, json!(["sensor-8"]));
        browser.fill("#filter", "subject_taken").await;
        assert_eq!(browser.value(shown).await, json!(["sensor-7"]));
    })
    .await;
    let log = console.stop().expect(0).stderr;
    for action in ["generate the CA key", "start the CA server"] {
        assert!(log.contains(action), "no audit line of {action:?} in:\n{log}");
    }
}
