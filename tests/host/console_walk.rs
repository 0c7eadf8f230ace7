//! The Walk-through page: the bytes of a frame, the values of a verdict, and the attacks of mallory.

use minipki_tests::console::{Browser, TestConsole};

/// Runs the walk-through, and returns the name that identifies it.
async fn run(browser: &Browser) -> String {
    let page = browser.post_and_follow("/walk/run", "").await.body;
    let (_, rest) = page.split_once("name=\"run\" value=\"").expect("a scenario");
    rest.split('"').next().expect("a name").to_owned()
}

#[tokio::test]
async fn each_byte_of_a_frame_is_a_button_of_a_form() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    let run = run(&browser).await;
    let page = browser.get("/walk?step=4").await.expect(200).body;
    let (_, rest) = page.split_once("Any byte, 0 to ").expect("the page says how many bytes there are");
    let last: usize = rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    assert_eq!(page.matches("aria-label=\"Flip byte ").count(), last + 1);
    assert_eq!(page.matches("<span class=\"at\"").count(), (last + 1).div_ceil(16));
    let of_first_field = page.matches("data-bytes=\"0\"").count();
    assert_eq!(of_first_field, 5, "the length prefix has four bytes and a row of the table");
    let page = browser.post_and_follow("/walk/flip", &format!("run={run}&step=4&offset=200")).await.body;
    assert!(page.contains("value=\"200\" data-bytes=\"2\" class=\"flipped\""), "{page}");
}

#[tokio::test]
async fn a_verdict_has_the_values_of_both_sides() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    let run = run(&browser).await;
    for (step, field, says) in [
        (1, "length", "alice sent a body of "),
        (1, "subject_id", "alice has hashed what it sent: "),
        (3, "proof_b64", "Both sides have the same hash of the two messages before: "),
        (4, "serial_number", "The text that arrived has the SHA-256 "),
        (4, "ca_signature_b64", "and this text arrived"),
        (9, "e", "alice has hashed what it sent: "),
        (12, "ciphertext", "belongs to the ciphertext that alice sent"),
        (12, "tag", "alice computed the tag "),
    ] {
        let page = browser.get(&format!("/walk?step={step}")).await.expect(200).body;
        let label = format!("\" aria-label=\"Flip a byte of {field}\"");
        let (before, _) = page.split_once(&label).expect("the field has a button");
        let offset = before.rsplit('"').next().expect("its byte");
        let fields = format!("run={run}&step={step}&offset={offset}");
        let page = browser.post_and_follow("/walk/flip", &fields).await.body;
        let (_, why) = page.split_once("<dt>Why</dt>").expect("a reason");
        assert!(why.split("</dd>").next().is_some_and(|why| why.contains(says)), "{step}, {field}: {why}");
    }
}

#[tokio::test]
async fn each_attack_has_its_messages_its_check_and_its_reason() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    let run = run(&browser).await;
    for (scene, title, says) in [
        ("replay", "Replay: refused by bob", "not the recorded one: its keys are new"),
        ("stolen", "Stolen certificate: refused by bob", "the certificate is for another key"),
        ("other-ca", "Other CA: refused by bob", "names another issuer key than the trusted one"),
        ("expired", "Expired certificate: refused by bob", "the certificate expired at "),
        ("middle", "Man in the middle: refused by alice", "alice to mallory: </span>refused"),
    ] {
        let answer =
            browser.post("/walk/attack", &format!("run={run}&step=2&scene={scene}")).await.expect(303);
        assert_eq!(answer.header("location"), Some("/walk?step=2#attack"));
        let page = browser.get("/walk?step=2").await.expect(200).body;
        for text in [title, says, "mallory to bob: </span>", "<dt>Why</dt>"] {
            assert!(page.contains(text), "{scene}: no {text:?} in {page}");
        }
        assert!(page.contains(&format!("value=\"{scene}\" checked")), "the choice is kept");
    }
    // A reload shows the same. Another run of the walk-through has other clients.
    assert!(browser.get("/walk").await.expect(200).body.contains("Man in the middle: refused by alice"));
    let page = browser.post_and_follow("/walk/run", "").await.body;
    assert!(!page.contains("Man in the middle: refused by"), "{page}");
    browser.post("/walk/attack", &format!("run={run}&step=2&scene=stolen")).await.expect(409);
}
