//! Hostile and broken peers of a device, as initiator and as responder. Each case has its own exit code.

use std::time::Instant;

use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_qemu::Board;
use minipki_tests::board::{Device, Ended, Scenario, ended};
use minipki_tests::device_remotes::{Claims, HELLO, Remote};
use minipki_tests::loopback::{accepts, connects, free_port};
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
    garbage_in_place_of_a_peer,
    a_probe_and_a_stranger_before_an_honest_peer,
    a_peer_that_never_answers,
}

/// Makes the claims of a peer in a scenario.
type MakeClaims = fn(&Scenario) -> Claims;

/// Runs a device with a peer of these claims, once as initiator and once as responder.
fn run_both(board: Board, make_claims: MakeClaims, exit: Exit) -> [Ended; 2] {
    let scenario = enrolled(board);
    let claims = make_claims(&scenario);
    let remote = |make: fn(Claims) -> Remote| {
        let claims = claims.clone();
        move || make(claims)
    };
    let device = scenario.device("sensor");
    let listened = listen(device.clone(), remote(|claims| Remote::initiator(claims, &[HELLO])));
    let port = accepts(remote(|claims| Remote::responder(claims, &[HELLO])));
    let connected = device.calling(port, "gateway").run().exits(exit);
    [connected, if exit == Exit::Done { listened.exits(exit) } else { listened.opens_none(exit) }]
}

/// A scenario in which the device `sensor` has its certificate.
fn enrolled(board: Board) -> Scenario {
    let scenario = Scenario::new(board);
    scenario.device("sensor").run().exits(Exit::Done);
    scenario
}

/// Runs a listening device. The remote connects to it.
fn listen(device: Device<'_>, remote: impl FnOnce() -> Remote + Send + 'static) -> Ended {
    let port = free_port();
    let start = Instant::now();
    let mut device = device.listening(port, "gateway").start();
    device.line("listening at");
    connects(port, remote);
    ended(device, start)
}

fn refused(board: Board, make_claims: MakeClaims, exit: Exit) {
    for ended in run_both(board, make_claims, exit) {
        ended.talks_to_no_peer();
    }
}

fn a_peer_that_is_honest(board: Board) {
    for ended in run_both(board, |scenario| scenario.honest("gateway"), Exit::Done) {
        ended.says("peer: gateway, certificate verified").says("gateway: hello");
    }
}

fn a_peer_whose_certificate_has_expired(board: Board) {
    refused(board, |scenario| scenario.claims(&scenario.forger(), "gateway", expired()), Exit::PeerExpired);
}

fn a_peer_whose_certificate_has_not_begun(board: Board) {
    refused(
        board,
        |scenario| scenario.claims(&scenario.forger(), "gateway", tomorrow()),
        Exit::PeerNotYetValid,
    );
}

fn tomorrow() -> Validity {
    let hours = |hours: u64| now().checked_add_seconds(hours * 3600).expect("a time");
    Validity::new(hours(24), hours(48)).expect("in order")
}

fn a_peer_of_another_ca(board: Board) {
    refused(
        board,
        |scenario| scenario.claims(&scenario.other_forger(), "gateway", valid()),
        Exit::PeerOfAnotherCa,
    );
}

fn a_peer_with_the_right_certificate_and_the_wrong_key(board: Board) {
    refused(
        board,
        |scenario| Claims { key: key_pair(9), ..scenario.honest("gateway") },
        Exit::PeerKeyDiffers,
    );
}

fn a_peer_whose_certificate_has_a_byte_flipped(board: Board) {
    let make_claims = |scenario: &Scenario| {
        let mut claims = scenario.honest("gateway");
        flip(&mut claims.certificate);
        claims
    };
    refused(board, make_claims, Exit::PeerCertificateRefused);
}

fn a_peer_with_another_name(board: Board) {
    refused(board, |scenario| scenario.honest("mallory"), Exit::PeerIsAnother);
}

/// A peer that trusts another CA receives the device's certificate and refuses it.
fn a_peer_that_refuses(board: Board) {
    let make_claims = |scenario: &Scenario| Claims {
        anchor: scenario.other_forger().anchor(),
        ..scenario.honest("gateway")
    };
    for ended in run_both(board, make_claims, Exit::PeerRefused) {
        ended.says("the peer refused (certificate_refused): ");
    }
}

fn garbage_in_place_of_a_peer(board: Board) {
    let scenario = enrolled(board);
    let device = scenario.device("sensor");
    for (bytes, exit) in [
        (&b"SSH-2.0-OpenSSH\r\n"[..], Exit::PeerGarbage),
        (b"\0\0\0\x02{}", Exit::PeerGarbage),
        (b"", Exit::PeerCut),
    ] {
        listen(device.clone(), || Remote::saying(bytes)).opens_none(exit);
        let port = accepts(|| Remote::saying(bytes));
        device.clone().calling(port, "gateway").run().exits(exit).talks_to_no_peer();
    }
    device.calling(free_port(), "gateway").run().exits(Exit::PeerUnreachable);
}

/// A listening device continues to wait after a connection without a channel.
fn a_probe_and_a_stranger_before_an_honest_peer(board: Board) {
    let scenario = enrolled(board);
    let port = free_port();
    let stranger = scenario.claims(&scenario.other_forger(), "gateway", valid());
    let honest = scenario.honest("gateway");
    let start = Instant::now();
    let mut device = scenario.device("sensor").listening(port, "gateway").with(&["--deadline", "20"]).start();
    device.line("listening at");
    connects(port, || Remote::saying(b""));
    device.line("no channel (32): ");
    connects(port, move || Remote::initiator(stranger, &[HELLO]));
    device.line("no channel (35): ");
    connects(port, move || Remote::initiator(honest, &[HELLO]));
    ended(device, start).exits(Exit::Done);
}

fn a_peer_that_never_answers(board: Board) {
    let scenario = enrolled(board);
    let device = scenario.device("sensor");
    let short = device.clone().with(&["--deadline", "1"]);
    short.calling(accepts(Remote::silent), "gateway").run().exits(Exit::PeerSilent).within(1);
    listen(device.clone(), Remote::silent).opens_none(Exit::PeerSilent).within(4);
    device.listening(free_port(), "gateway").run().exits(Exit::PeerSilent).within(4);
}
