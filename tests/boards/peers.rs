//! A device among peers that are not whom they claim to be: from either side, each ends its run with a reason of its own.

use std::time::Instant;

use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_qemu::Board;
use minipki_tests::board::{Device, Ended, Scene, ended};
use minipki_tests::device_others::{Claims, HELLO, Other};
use minipki_tests::loopback::{calls, free_port, takes};
use minipki_tests::peers::{expired, key_pair, now, valid};

use crate::cas::flip;

on_each_board! {
    a_peer_that_is_honest,
    a_peer_whose_certificate_has_expired,
    a_peer_whose_certificate_has_not_begun,
    a_peer_of_another_ca,
    a_peer_with_the_right_certificate_and_the_wrong_key,
    a_peer_whose_certificate_has_a_byte_flipped,
    a_peer_with_another_name,
    a_peer_that_refuses,
    what_is_no_peer,
    a_probe_and_a_stranger_before_an_honest_peer,
    a_peer_that_never_answers,
}

/// What a peer claims, in a scene in which the device is enrolled.
type Claiming = fn(&Scene) -> Claims;

/// Lets a device meet such a peer from both sides.
fn meets(board: Board, claiming: Claiming, exit: Exit) -> [Ended; 2] {
    let scene = enrolled(board);
    let claims = claiming(&scene);
    let ends = |other: fn(Claims) -> Other| {
        let claims = claims.clone();
        move || other(claims)
    };
    let device = scene.device("sensor");
    let called = called(device.clone(), ends(|claims| Other::initiator(claims, &[HELLO])));
    let port = takes(ends(|claims| Other::responder(claims, &[HELLO])));
    let calling = device.calling(port, "gateway").run().exits(exit);
    [calling, if exit == Exit::Done { called.exits(exit) } else { called.opens_none(exit) }]
}

/// A scene in which the device that is `sensor` has its certificate.
fn enrolled(board: Board) -> Scene {
    let scene = Scene::new(board);
    scene.device("sensor").run().exits(Exit::Done);
    scene
}

/// A device that listens, when another calls.
fn called(device: Device<'_>, other: impl FnOnce() -> Other + Send + 'static) -> Ended {
    let port = free_port();
    let start = Instant::now();
    let mut device = device.listening(port, "gateway").start();
    device.line("listening at");
    calls(port, other);
    ended(device, start)
}

fn refused(board: Board, claiming: Claiming, exit: Exit) {
    for ended in meets(board, claiming, exit) {
        ended.meets_nobody();
    }
}

fn a_peer_that_is_honest(board: Board) {
    for ended in meets(board, |scene| scene.honest("gateway"), Exit::Done) {
        ended.says("peer: gateway, certificate verified").says("gateway: hello");
    }
}

fn a_peer_whose_certificate_has_expired(board: Board) {
    refused(board, |scene| scene.claims(&scene.forger(), "gateway", expired()), Exit::PeerExpired);
}

fn a_peer_whose_certificate_has_not_begun(board: Board) {
    refused(board, |scene| scene.claims(&scene.forger(), "gateway", tomorrow()), Exit::PeerNotYetValid);
}

fn tomorrow() -> Validity {
    let hours = |hours: u64| now().checked_add_seconds(hours * 3600).expect("a time");
    Validity::new(hours(24), hours(48)).expect("in order")
}

fn a_peer_of_another_ca(board: Board) {
    refused(board, |scene| scene.claims(&scene.other_forger(), "gateway", valid()), Exit::PeerOfAnotherCa);
}

fn a_peer_with_the_right_certificate_and_the_wrong_key(board: Board) {
    refused(board, |scene| Claims { key: key_pair(9), ..scene.honest("gateway") }, Exit::PeerKeyDiffers);
}

fn a_peer_whose_certificate_has_a_byte_flipped(board: Board) {
    let claiming = |scene: &Scene| {
        let mut claims = scene.honest("gateway");
        flip(&mut claims.certificate);
        claims
    };
    refused(board, claiming, Exit::PeerCertificateRefused);
}

fn a_peer_with_another_name(board: Board) {
    refused(board, |scene| scene.honest("mallory"), Exit::PeerIsAnother);
}

/// A peer that trusts another CA has seen our certificate, and says what it thinks of it.
fn a_peer_that_refuses(board: Board) {
    let claiming =
        |scene: &Scene| Claims { anchor: scene.other_forger().anchor(), ..scene.honest("gateway") };
    for ended in meets(board, claiming, Exit::PeerRefused) {
        ended.says("the peer refused (certificate_refused): ");
    }
}

fn what_is_no_peer(board: Board) {
    let scene = enrolled(board);
    let device = scene.device("sensor");
    for (said, exit) in [
        (&b"SSH-2.0-OpenSSH\r\n"[..], Exit::PeerGarbage),
        (b"\0\0\0\x02{}", Exit::PeerGarbage),
        (b"", Exit::PeerCut),
    ] {
        called(device.clone(), || Other::saying(said)).opens_none(exit);
        let port = takes(|| Other::saying(said));
        device.clone().calling(port, "gateway").run().exits(exit).meets_nobody();
    }
    device.calling(free_port(), "gateway").run().exits(Exit::PeerUnreachable);
}

/// A device that listens goes on after what opens no channel.
fn a_probe_and_a_stranger_before_an_honest_peer(board: Board) {
    let scene = enrolled(board);
    let port = free_port();
    let stranger = scene.claims(&scene.other_forger(), "gateway", valid());
    let honest = scene.honest("gateway");
    let start = Instant::now();
    let mut device = scene.device("sensor").listening(port, "gateway").told(&["--deadline", "20"]).start();
    device.line("listening at");
    calls(port, || Other::saying(b""));
    device.line("no channel (32): ");
    calls(port, move || Other::initiator(stranger, &[HELLO]));
    device.line("no channel (35): ");
    calls(port, move || Other::initiator(honest, &[HELLO]));
    ended(device, start).exits(Exit::Done);
}

fn a_peer_that_never_answers(board: Board) {
    let scene = enrolled(board);
    let device = scene.device("sensor");
    let hasty = device.clone().told(&["--deadline", "1"]);
    hasty.calling(takes(Other::silent), "gateway").run().exits(Exit::PeerSilent).within(1);
    called(device.clone(), Other::silent).opens_none(Exit::PeerSilent).within(4);
    device.listening(free_port(), "gateway").run().exits(Exit::PeerSilent).within(4);
}
