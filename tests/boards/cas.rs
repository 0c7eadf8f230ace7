//! CAs that refuse a device, and servers that are no CA. Each case has its own exit code.

use minipki_core::cert::Id;
use minipki_core::crypto::x25519::PublicKey;
use minipki_device_app::Exit;
use minipki_qemu::{Board, HOST};
use minipki_tests::board::{Ended, Scenario};
use minipki_tests::device_remotes::Remote;
use minipki_tests::loopback::{accepts, free_port};
use minipki_tests::peers::{expired, valid};

on_each_board! {
    a_wrong_fingerprint,
    a_wrong_token,
    a_name_in_use,
    garbage_in_place_of_a_ca,
    a_ca_that_never_answers,
    invalid_certificates,
}

/// Enrols a new device with `more` arguments at the CA on this port. Checks that it stores no certificate.
fn enrol_at(scenario: &Scenario, port: u16, more: &[&str]) -> Ended {
    let ca = format!("{HOST}:{port}");
    // The last of two equal options counts.
    let ended = scenario.device("sensor").with(&["--ca", &ca]).with(more).run().talks_to_no_peer();
    assert!(!scenario.has_certificate("sensor"), "{ended:#?}");
    ended
}

fn a_wrong_fingerprint(board: Board) {
    let scenario = Scenario::new(board);
    let wrong = "07".repeat(32);
    let ended = enrol_at(&scenario, scenario.ca, &["--fingerprint", &wrong]).exits(Exit::ProofRefused);
    ended.says("the CA refused (proof_failed): ");
    // A CA that accepts every proof has the wrong key.
    let stranger = scenario.other_forger();
    let grant = move |subject: Id<'_>, key: &PublicKey| stranger.certificate(subject.as_str(), key, valid());
    enrol_at(&scenario, accepts(move || Remote::impostor(grant)), &[]).exits(Exit::WrongFingerprint);
}

fn a_wrong_token(board: Board) {
    let scenario = Scenario::with(board, "2048", &["--require-token"]);
    enrol_at(&scenario, scenario.ca, &[]).exits(Exit::TokenRefused);
    enrol_at(&scenario, scenario.ca, &["--token", "not-this-one"]).exits(Exit::ProofRefused);
    let made = scenario.run(&["ca", "token", "--dir", "ca", "--subject", "sensor"]).expect(0);
    let token = made.stdout.trim();
    let ended = scenario.device("sensor").with(&["--token", token]).run().exits(Exit::Done);
    assert!(!ended.lines.concat().contains(token), "the token is shown");
    // The token works once.
    std::fs::remove_dir_all(scenario.path("sensor")).expect("the folder exists");
    enrol_at(&scenario, scenario.ca, &["--token", token]).exits(Exit::ProofRefused);
}

fn a_name_in_use(board: Board) {
    let scenario = Scenario::new(board);
    scenario.enrol("bob");
    let ended = enrol_at(&scenario, scenario.ca, &["--subject", "bob"]).exits(Exit::CaRefused);
    ended.says("the CA refused (subject_taken): ");
}

fn garbage_in_place_of_a_ca(board: Board) {
    let scenario = Scenario::new(board);
    for garbage in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\0\0\0\0", b"\0\0\0\x05hello", b"\0\0\0\x02{}"]
    {
        enrol_at(&scenario, accepts(|| Remote::saying(garbage)), &[]).exits(Exit::CaGarbage);
    }
    enrol_at(&scenario, accepts(|| Remote::saying(b"")), &[]).exits(Exit::CaCut);
    enrol_at(&scenario, free_port(), &[]).exits(Exit::CaUnreachable);
}

fn a_ca_that_never_answers(board: Board) {
    let scenario = Scenario::new(board);
    enrol_at(&scenario, accepts(Remote::silent), &["--deadline", "1"]).exits(Exit::CaSilent).within(1);
}

fn invalid_certificates(board: Board) {
    let scenario = Scenario::new(board);
    let (anchor, forger) = (scenario.anchor(), scenario.forger());
    let grant = move |subject: Id<'_>, key: &PublicKey| {
        let mut certificate = forger.certificate(subject.as_str(), key, valid());
        flip(&mut certificate);
        certificate
    };
    enrol_at(&scenario, accepts(move || Remote::ca(&anchor, grant)), &[]).exits(Exit::CertificateRefused);
    // A signed certificate is stored, because the device's clock may be wrong. The device does not use it.
    let (anchor, forger) = (scenario.anchor(), scenario.forger());
    let grant = move |subject: Id<'_>, key: &PublicKey| forger.certificate(subject.as_str(), key, expired());
    let ca = format!("{HOST}:{}", accepts(move || Remote::ca(&anchor, grant)));
    let device = scenario.device("sensor").calling(free_port(), "bob");
    device.with(&["--ca", &ca]).run().exits(Exit::CertificateExpired).talks_to_no_peer();
    assert!(scenario.has_certificate("sensor"));
}

/// Changes a digit of the serial number. The certificate stays well formed.
pub(crate) fn flip(certificate: &mut [u8]) {
    const SERIAL: &[u8] = b":4242,";
    let at = certificate.windows(SERIAL.len()).position(|bytes| bytes == SERIAL).expect("a forger's number");
    certificate[at + 1] ^= 1;
}
