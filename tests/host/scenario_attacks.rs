//! The scenes of the walk-through: mallory attacks, and a check of alice or bob stops the attack.

use minipki_lab::MessageKind::{Close, Handshake1, Handshake2, Handshake3, Record, Refused};
use minipki_lab::Participant::{Alice, Bob, Mallory};
use minipki_lab::{MessageKind, Participant, Sandbox, Scenario, ScenarioError, Scene};
use minipki_provider::HostProvider;

/// A message: its sender, its receiver and its kind.
type Message = (Participant, Participant, MessageKind);

/// An attack on bob.
const ATTACK: [Message; 4] = [
    (Mallory, Bob, Handshake1),
    (Bob, Mallory, Handshake2),
    (Mallory, Bob, Handshake3),
    (Bob, Mallory, Refused),
];

/// The conversation that mallory records.
const HONEST: [Message; 6] = [
    (Alice, Bob, Handshake1),
    (Bob, Alice, Handshake2),
    (Alice, Bob, Handshake3),
    (Alice, Bob, Record(0)),
    (Alice, Bob, Close(1)),
    (Bob, Alice, Close(0)),
];

/// An attack between alice and bob.
const MIDDLE: [Message; 5] = [
    (Alice, Mallory, Handshake1),
    (Mallory, Bob, Handshake1),
    (Bob, Mallory, Handshake2),
    (Mallory, Alice, Handshake2),
    (Alice, Mallory, Refused),
];

async fn run() -> (Sandbox, Scenario) {
    let sandbox = Sandbox::start(HostProvider::default()).await.expect("a CA");
    let scenario = Scenario::run(&sandbox.endpoint(), HostProvider::default()).await;
    (sandbox, scenario.expect("a CA that issues"))
}

#[tokio::test]
async fn each_scene_is_stopped_by_its_check() {
    let (sandbox, scenario) = run().await;
    let refused = "certificate_refused";
    for scene in Scene::ALL {
        assert_eq!(Scene::from_name(scene.name()), Some(scene));
        let (messages, by, check, code) = match scene {
            Scene::Replay => {
                let messages = [&HONEST[..], &ATTACK].concat();
                (messages, Bob, "the authentication tag does not fit", "handshake_failed")
            }
            Scene::Stolen => (ATTACK.to_vec(), Bob, "the certificate is for another key", refused),
            Scene::OtherCa => {
                (ATTACK.to_vec(), Bob, "names another issuer key than the trusted one", refused)
            }
            Scene::Expired => (ATTACK.to_vec(), Bob, "the certificate expired at ", refused),
            Scene::Middle => (MIDDLE.to_vec(), Alice, "the certificate is for another key", refused),
        };
        let attacked = scenario.attack(scene, sandbox.ended()).await;
        let attacked = attacked.unwrap_or_else(|error| panic!("{scene:?}: {error}"));
        assert_eq!((attacked.scene, attacked.by, attacked.code), (scene, by, Some(code)));
        assert!(attacked.check.contains(check), "{scene:?}: {}", attacked.check);
        let sent: Vec<_> = attacked.steps.iter().map(|step| (step.from, step.to, step.kind)).collect();
        assert_eq!(sent, messages, "{scene:?}");
        assert!(attacked.told.iter().any(|step| step.contains("mallory")), "{:?}", attacked.told);
    }
    // The clients are as before.
    scenario.attack(Scene::Stolen, sandbox.ended()).await.expect("the same again");
}

#[tokio::test]
async fn a_replayed_message_is_the_recorded_one() {
    let (sandbox, scenario) = run().await;
    let steps = scenario.attack(Scene::Replay, sandbox.ended()).await.expect("refused").steps;
    let frames = |from, to| -> Vec<_> {
        let sent = steps.iter().filter(|step| (step.from, step.to) == (from, to));
        sent.map(|step| &step.frame).collect()
    };
    let (honest, again) = (frames(Alice, Bob), frames(Mallory, Bob));
    assert_eq!(honest[0], again[0], "message 1");
    assert_eq!(honest[1], again[1], "message 3");
    assert_ne!(frames(Bob, Alice)[0], frames(Bob, Mallory)[0], "bob answers with a new key");
}

#[tokio::test]
async fn a_certificate_that_has_not_ended_is_not_this_scene() {
    let (_sandbox, scenario) = run().await;
    let shown = scenario.steps().iter().find(|step| step.kind == Handshake3).expect("a handshake");
    let valid = shown.plaintext.as_deref().expect("the certificate of alice");
    let error = scenario.attack(Scene::Expired, valid).await.expect_err("it is valid");
    assert!(matches!(error, ScenarioError::Attack(_)), "{error}");
    assert!(error.to_string().contains("has not expired"), "{error}");
}
