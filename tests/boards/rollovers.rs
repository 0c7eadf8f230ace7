//! Changes of the key of the real CA.

use std::fs;

use minipki_core::cert::Certificate;
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::PublicKey;
use minipki_core::keys::Fingerprint;
use minipki_device_app::Exit;
use minipki_qemu::Board;
use minipki_tests::board::{ANSWER, Scenario};
use minipki_tests::peers::now;

on_each_board! {
    it_follows_the_ca_to_its_new_key_also_after_two_changes,
}

const DAY: u64 = 24 * 60 * 60;

/// The key of the CA that has signed the certificate of a device.
fn issuer(scenario: &Scenario, subject: &str) -> Fingerprint {
    let record = fs::read(scenario.path(subject).join("identity")).expect("a record");
    let text = record[64..].split(|byte| *byte == 0).next().expect("a certificate");
    let key: PublicKey = Certificate::parse(text).expect("a certificate").issuer_key().expect("a key");
    key.fingerprint(Portable::new())
}

/// Lets a device without a clock know that the last third of its certificate's life has begun.
fn is_due(scenario: &Scenario, subject: &str) {
    let time = scenario.path(subject).join("time");
    let mut record = fs::read(&time).expect("the device stores the time");
    record[..8].copy_from_slice(&(now().get() + 61 * DAY).to_be_bytes());
    fs::write(&time, record).expect("the record can be changed");
}

/// The sensor follows when it meets a peer with a certificate of the new key. The sleeper misses two changes, and follows
/// both at its renewal.
fn it_follows_the_ca_to_its_new_key_also_after_two_changes(board: Board) {
    let mut scenario = Scenario::new(board);
    scenario.enrol("bob");
    for subject in ["sensor", "sleeper"] {
        scenario.device(subject).setting("clock=none").run().exits(Exit::Done).says("enrolled until ");
    }
    let first = scenario.anchor().fingerprint();
    scenario.change_key();
    let second = scenario.anchor().fingerprint();
    scenario.run(&["renew", "--identity", "bob"]).expect(0);
    let (bob, port) = scenario.bob();
    let ended = scenario.device("sensor").setting("clock=none").calling(port, "bob").run().exits(Exit::Done);
    // The certificate of the sensor is of the former key. Bob accepts it too.
    ended.says(&format!("with the fingerprint {second}")).says(&format!("bob: {ANSWER}"));
    drop(bob);
    assert_eq!(issuer(&scenario, "sensor"), first);

    scenario.change_key();
    let third = scenario.anchor().fingerprint();
    for subject in ["sensor", "sleeper"] {
        is_due(&scenario, subject);
        let ended = scenario.device(subject).setting("clock=none").run().exits(Exit::Done);
        ended.says(&format!("with the fingerprint {third}")).says("renewed until ");
        assert_eq!(issuer(&scenario, subject), third);
    }
    assert!(first != second && second != third);
}
