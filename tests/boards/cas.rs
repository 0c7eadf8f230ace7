//! A device among CAs that refuse it, and among CAs that are none: each ends its run with a reason of its own.

use minipki_core::cert::Id;
use minipki_core::crypto::x25519::PublicKey;
use minipki_device_app::Exit;
use minipki_qemu::{Board, HOST};
use minipki_tests::board::{Ended, Scene};
use minipki_tests::device_others::Other;
use minipki_tests::loopback::{free_port, takes};
use minipki_tests::peers::{expired, valid};

on_each_board! {
    a_wrong_fingerprint,
    a_wrong_token,
    a_name_that_another_has,
    what_is_no_ca,
    a_ca_that_never_answers,
    certificates_that_do_not_hold,
}

/// How a new device's enrolment ends at another CA than it was told of. It keeps no certificate.
fn at(scene: &Scene, port: u16, more: &[&str]) -> Ended {
    let ca = format!("{HOST}:{port}");
    // Of an option that comes twice, the last counts.
    let ended = scene.device("sensor").told(&["--ca", &ca]).told(more).run().meets_nobody();
    assert!(!scene.has_certificate("sensor"), "{ended:#?}");
    ended
}

fn a_wrong_fingerprint(board: Board) {
    let scene = Scene::new(board);
    let wrong = "07".repeat(32);
    let ended = at(&scene, scene.ca, &["--fingerprint", &wrong]).exits(Exit::ProofRefused);
    ended.says("the CA refused (proof_failed): ");
    // A CA that lets anybody in gives itself away by its key.
    let stranger = scene.other_forger();
    let grant = move |subject: Id<'_>, key: &PublicKey| stranger.certificate(subject.as_str(), key, valid());
    at(&scene, takes(move || Other::impostor(grant)), &[]).exits(Exit::WrongFingerprint);
}

fn a_wrong_token(board: Board) {
    let scene = Scene::with(board, "2048", &["--require-token"]);
    at(&scene, scene.ca, &[]).exits(Exit::TokenRefused);
    at(&scene, scene.ca, &["--token", "not-this-one"]).exits(Exit::ProofRefused);
    let made = scene.run(&["ca", "token", "--dir", "ca", "--subject", "sensor"]).expect(0);
    let token = made.stdout.trim();
    let ended = scene.device("sensor").told(&["--token", token]).run().exits(Exit::Done);
    assert!(!ended.lines.concat().contains(token), "a token is never shown");
    at_most_once(&scene, token);
}

fn at_most_once(scene: &Scene, token: &str) {
    std::fs::remove_dir_all(scene.path("sensor")).expect("it was made");
    at(scene, scene.ca, &["--token", token]).exits(Exit::ProofRefused);
}

fn a_name_that_another_has(board: Board) {
    let scene = Scene::new(board);
    scene.enrol("bob");
    let ended = at(&scene, scene.ca, &["--subject", "bob"]).exits(Exit::CaRefused);
    ended.says("the CA refused (subject_taken): ");
}

fn what_is_no_ca(board: Board) {
    let scene = Scene::new(board);
    for garbage in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\0\0\0\0", b"\0\0\0\x05hello", b"\0\0\0\x02{}"]
    {
        at(&scene, takes(|| Other::saying(garbage)), &[]).exits(Exit::CaGarbage);
    }
    at(&scene, takes(|| Other::saying(b"")), &[]).exits(Exit::CaCut);
    at(&scene, free_port(), &[]).exits(Exit::CaUnreachable);
}

fn a_ca_that_never_answers(board: Board) {
    let scene = Scene::new(board);
    at(&scene, takes(Other::silent), &["--deadline", "1"]).exits(Exit::CaSilent).within(1);
}

fn certificates_that_do_not_hold(board: Board) {
    let scene = Scene::new(board);
    let (anchor, forger) = (scene.anchor(), scene.forger());
    let grant = move |subject: Id<'_>, key: &PublicKey| {
        let mut certificate = forger.certificate(subject.as_str(), key, valid());
        flip(&mut certificate);
        certificate
    };
    at(&scene, takes(move || Other::ca(&anchor, grant)), &[]).exits(Exit::CertificateRefused);
    // One that is genuine is kept, for the case that the device's clock is wrong; nothing is done with it.
    let (anchor, forger) = (scene.anchor(), scene.forger());
    let grant = move |subject: Id<'_>, key: &PublicKey| forger.certificate(subject.as_str(), key, expired());
    let ca = format!("{HOST}:{}", takes(move || Other::ca(&anchor, grant)));
    let device = scene.device("sensor").calling(free_port(), "bob");
    device.told(&["--ca", &ca]).run().exits(Exit::CertificateExpired).meets_nobody();
    assert!(scene.has_certificate("sensor"));
}

/// Changes a digit of the serial number, which leaves a certificate well formed.
pub(crate) fn flip(certificate: &mut [u8]) {
    const SERIAL: &[u8] = b":4242,";
    let at = certificate.windows(SERIAL.len()).position(|bytes| bytes == SERIAL).expect("a forger's number");
    certificate[at + 1] ^= 1;
}
