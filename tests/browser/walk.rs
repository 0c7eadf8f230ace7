//! The Walk-through: forward and back, and a flipped byte at every step.

use fantoccini::key::Key;
use minipki_tests::browser::browse;
use minipki_tests::console_program::{Console, set_up};

/// Who refuses a byte that is flipped in the last field of each message, and the code that is sent.
const REFUSED: [(&str, &str, &str); 15] = [
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
];

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_is_flipped_at_every_step_of_the_walk_through() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.goto("/walk").await;
        browser.says("The CA server does not run").await;
        set_up(browser).await;
        browser.goto("/walk").await;
        browser.click("form[action='/walk/play'] button").await;
        for (step, (title, by, code)) in REFUSED.into_iter().enumerate() {
            browser.says(&format!("Step {} of 15", step + 1)).await;
            assert_eq!(browser.text("#step").await, title);
            // The last field that has a button.
            let last =
                "const all = document.querySelectorAll('.decoded button'); all[all.length - 1].click();";
            browser.run(last).await;
            let verdict = browser.text("#verdict").await;
            assert_eq!(verdict.trim(), format!("Refused by {by} {code}").trim(), "{title}");
            assert!(!browser.text(".verdict .check").await.is_empty(), "{title}");
            browser.until("document.activeElement.id === 'verdict'").await;
            if step + 1 < REFUSED.len() {
                browser.press(Key::Right).await;
            }
        }
        browser.press(Key::Left).await;
        browser.says("Step 14 of 15").await;
        browser.says("Nobody, alice. Not even the CA.").await;

        // Any byte can be chosen, and any bits of it: here a length of billions.
        browser.goto("/walk?step=1").await;
        browser.run("document.querySelector('select[name=mask]').value = '255'").await;
        browser.fill("input[type=number]", "0").await;
        browser.click("form.inline button").await;
        assert_eq!(browser.text("#verdict").await, "Refused by CA bad_frame");

        // The keys come out the same at both ends, and only as fingerprints.
        browser.goto("/walk?step=11").await;
        browser.says("alice has the keys. Fingerprint of the key it seals with").await;
        browser.says("bob has the keys. Fingerprint of the key it seals with").await;

        // What was played was seen live.
        browser.goto("/live").await;
        browser.says("is granted a certificate").await;
    })
    .await;
}
