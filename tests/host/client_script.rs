//! The conversation of a script. It succeeds if every expected text has arrived.

use std::time::Duration;

use minipki_client::chat::{ChatOptions, Limits, Note, Script, encode, run};
use minipki_client::{ChannelOptions, ClientError, Ending, Role};
use minipki_core::session;
use minipki_core::wire::Code;
use minipki_tests::ca::id;
use minipki_tests::peers::{MemoryChannel, channel, enter, identity, stream};

fn script(send: &[&str], expect: &[&str]) -> Script {
    let own = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    Script { send: own(send), expect: own(expect), deadline: Duration::from_secs(30) }
}

async fn run_script(channel: MemoryChannel, script: &Script) -> (Result<(), ClientError>, String) {
    let mut printed = Vec::new();
    let notes = |note: Note| panic!("nothing to note: {note}");
    let options =
        ChatOptions { prefix: "", limits: Limits::default(), notes: &notes, stop: None, revoked: None };
    let end = run(channel, script, &mut printed, &options).await;
    (end, String::from_utf8(printed).expect("text"))
}

#[tokio::test]
async fn two_matching_scripts_both_succeed() {
    let (alice, bob) = channel().await;
    let (one, other) = (script(&["hello", "again"], &["welcome"]), script(&["welcome"], &["again", "hello"]));
    let (alice, bob) = tokio::join!(run_script(alice, &one), run_script(bob, &other));
    alice.0.expect("welcome has arrived");
    bob.0.expect("both have arrived, in any order");
    assert_eq!((alice.1.as_str(), bob.1.as_str()), ("welcome\n", "hello\nagain\n"));
}

#[tokio::test]
async fn each_expected_text_needs_a_message_of_its_own() {
    let (alice, bob) = channel().await;
    let (one, other) = (script(&["twice"], &[]), script(&[], &["twice", "twice"]));
    let (alice, bob) = tokio::join!(run_script(alice, &one), run_script(bob, &other));
    alice.0.expect("nothing was expected");
    let error = bob.0.expect_err("the text came once");
    assert!(matches!(&error, ClientError::Missing { why: Ending::Closed, .. }), "{error}");
    assert!(error.to_string().contains("\"twice\""), "{error}");
}

#[tokio::test]
async fn a_missed_deadline_names_the_missing_text() {
    let (alice, mut bob) = channel().await;
    let waiting = Script { deadline: Duration::from_millis(50), ..script(&[], &["here", "never"]) };
    let greeting = encode("here");
    let (sent, (end, printed)) = tokio::join!(bob.outbound.send(&greeting), run_script(alice, &waiting));
    sent.expect("open");
    assert_eq!(printed, "here\n");
    let error = end.expect_err("one never came");
    assert!(
        matches!(&error, ClientError::Missing { text, why: Ending::Deadline(_) } if text == "never"),
        "{error}"
    );
}

// In paused time, so that the test waits only for the limit of the close.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_close_does_not_hold_a_script_up() {
    let (alice, mut bob) = channel().await;
    let person = async {
        assert!(bob.inbound.receive().await.expect("open").is_some());
        assert_eq!(bob.inbound.receive().await.expect("orderly"), None, "the script has closed");
        bob
    };
    let greeting = script(&["hello"], &[]);
    let (alice, _bob) = tokio::join!(run_script(alice, &greeting), person);
    alice.0.expect("all was sent");
}

#[tokio::test]
async fn a_text_too_long_is_refused_before_anything_is_sent() {
    let (alice, mut bob) = channel().await;
    let long = script(&["short", &"x".repeat(6000)], &[]);
    let (end, _) = run_script(alice, &long).await;
    assert!(matches!(end, Err(ClientError::TooLong { limit: 5104, .. })));
    let error = bob.inbound.receive().await.map(|text| text.map(<[u8]>::to_vec)).expect_err("nothing came");
    assert_eq!(error.session_error(), Some(session::Error::Truncated));
}

#[tokio::test]
async fn a_script_that_is_refused_after_the_handshake_fails() {
    let (near, far) = stream(64);
    let (alice, bob, options) = (identity("alice"), identity("bob"), ChannelOptions::default());
    let strict = ChannelOptions { peer: Some(id("carol")), ..ChannelOptions::default() };
    let greeting = script(&["hello"], &[]);
    let talker = async {
        let channel = enter(Role::Initiator, near, &alice, &options).await.expect("bob is certified");
        run_script(channel, &greeting).await.0
    };
    let (end, outcome) = tokio::join!(talker, enter(Role::Responder, far, &bob, &strict));
    outcome.expect_err("alice is not carol");
    assert_eq!(
        end.expect_err("a refusal").session_error(),
        Some(session::Error::Refused(Code::CertificateRefused))
    );
}
