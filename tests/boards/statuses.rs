//! Revocation statuses between a device, the real CA and its peers.

use minipki_core::trust::{CertStatus, Revocation, RevocationReason};
use minipki_device_app::Exit;
use minipki_qemu::{Board, HOST};
use minipki_tests::board::{ANSWER, READING, Scenario};
use minipki_tests::device_remotes::{HELLO, Remote};
use minipki_tests::loopback::{accepts, free_port};
use minipki_tests::peers::now;

on_each_board! {
    it_shows_its_status_and_stops_when_it_is_revoked,
    it_refuses_a_revoked_peer_and_an_earlier_status,
}

/// The program on the host and the device demand a status of each other.
fn it_shows_its_status_and_stops_when_it_is_revoked(board: Board) {
    let scenario = Scenario::new(board);
    scenario.enrol("bob");
    let talk = ["--listen", "127.0.0.1:0", "--send", ANSWER, "--expect", READING, "--require-status"];
    let mut bob = scenario.start(&[["listen", "--identity", "bob"].as_slice(), &talk].concat());
    let address = bob.address("listening");
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let device = scenario.device("sensor").calling(port, "bob").with(&["--require-status"]);
    let ended = device.run().exits(Exit::Done).says(&format!("bob: {ANSWER}"));
    ended.says("status: not revoked at ").says("revocation: bob was not revoked at ");
    // Without the CA it shows the status that it has stored.
    let alone = device.clone().with(&["--ca", &format!("{HOST}:{}", free_port())]);
    alone.run().exits(Exit::Done).says("status: not from the CA, since ").says("status: not revoked at ");
    let revoke = ["ca", "revoke", "--dir", "ca", "--subject", "sensor", "--reason", "key_compromise"];
    scenario.run(&revoke).expect(0);
    let ended = device.run().exits(Exit::Revoked).talks_to_no_peer();
    ended.says("(reason: key_compromise)");
}

fn it_refuses_a_revoked_peer_and_an_earlier_status(board: Board) {
    let scenario = Scenario::new(board);
    let meets = |number, status| {
        let claims = scenario.honest("gateway").with_status(&scenario.forger().status(number, status));
        let port = accepts(move || Remote::responder(claims, &[HELLO]));
        scenario.device("sensor").calling(port, "gateway").with(&["--max-status-age", "600"]).run()
    };
    meets(1_000, CertStatus::Good).exits(Exit::Done).says("revocation: gateway was not revoked at ");
    let earlier = meets(999, CertStatus::Good).exits(Exit::PeerStatusRefused).talks_to_no_peer();
    earlier.says("the revocation number 999, and the number 1000 was seen before");
    let revocation = Revocation { reason: RevocationReason::KeyCompromise, revoked_at: now() };
    let revoked = meets(1_001, CertStatus::Revoked(revocation)).exits(Exit::PeerRevoked);
    revoked.talks_to_no_peer().says("revocation: the certificate was revoked at ");
}
