//! The renewal of a device's certificate: when it happens, and what no failure costs.

use std::fs;
use std::path::Path;

use minipki_core::cert::Id;
use minipki_core::crypto::x25519::PublicKey;
use minipki_core::time::Now;
use minipki_core::trust::{StatusRule, Validity};
use minipki_device::{Folder, StdBoard, Storage, Timekeeping};
use minipki_device_app::{Config as AnyConfig, Exit, Memory, run};
use minipki_tests::device::{Damage, Errand, TestBoard, config, connect};
use minipki_tests::device_remotes::{Claims, HELLO, Remote, around_noon, good, numbered};
use minipki_tests::loopback::{Cut, Line, Way};
use minipki_tests::peers::trust;
use minipki_tests::server::{Setup, TestServer, now};
use tokio::task::spawn_blocking;

/// The certificate of [`good`] is valid from 300 seconds before noon to 3,600 after it. Its last third begins here.
const LAST_THIRD: i64 = 2_300;

/// The validity of a renewed certificate.
fn later() -> Validity {
    around_noon(LAST_THIRD - 60, 7_200)
}

/// An enrolled device, whose clock shows this many seconds after noon.
fn enrolled_at(seconds: i64) -> TestBoard {
    let mut board =
        TestBoard::new(Now::Exact(around_noon(0, 1).not_before())).with_ca(Remote::ca(&trust(), good));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    let mut board = restarted(&board);
    board.now = Now::Exact(around_noon(seconds, seconds + 1).not_before());
    board
}

/// The board after a restart, with other entropy than at the enrolment. Before a renewal it asks whether the CA has
/// changed its key.
fn restarted(board: &TestBoard) -> TestBoard {
    board.restarted().with_entropy(78).with_ca(Remote::changed(&[]))
}

/// A CA that renews the certificate of `board` once, with this serial number and validity.
fn renewing(board: &TestBoard, serial: u64, validity: Validity) -> Remote {
    Remote::renewing(board.public_key(), move |subject, key| numbered(serial, subject, key, validity))
}

/// An honest CA.
fn honest(board: &TestBoard) -> Remote {
    renewing(board, 4_243, later())
}

/// The private key in the record of a renewal, if it is not erased.
fn new_key(board: &TestBoard) -> Option<&[u8]> {
    board.renewal.as_ref().map(|record| &record[..32]).filter(|key| key.iter().any(|byte| *byte != 0))
}

#[test]
fn the_last_third_of_the_lifetime_brings_a_new_key_and_a_new_certificate() {
    let mut early = enrolled_at(LAST_THIRD);
    assert_eq!(early.run(&config(Errand::Enrol)), Exit::Done);
    assert_eq!(early.lines[0], "identity: device, as stored");
    assert!(early.passed.is_empty() && early.renewal.is_none(), "the CA is not asked");

    let due = enrolled_at(LAST_THIRD + 1);
    let mut board = restarted(&due).with_ca(honest(&due));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    assert!(board.reported("renewed until 2026-06-15T14:00:00+00:00"), "{:?}", board.lines);
    assert!(board.key() != due.key() && board.certificate() != due.certificate());
    assert!(board.renewal.is_some() && new_key(&board).is_none(), "the record is erased");
    // The new identity opens channels, and is not due.
    let gateway = Claims { now: later().not_before(), ..Claims::of("gateway") };
    let mut again = restarted(&board).with_peer(Remote::responder(gateway, &[HELLO]));
    assert_eq!(again.run(&config(connect())), Exit::Done, "{:?}", again.lines);
    assert_eq!(again.lines[0], "identity: device, as stored");
}

#[test]
fn without_a_clock_the_lower_bound_of_the_time_brings_the_renewal() {
    let mut due = enrolled_at(0);
    let bound = around_noon(LAST_THIRD + 1, LAST_THIRD + 2).not_before();
    due.now = Now::AtLeast(bound);
    let mut board = restarted(&due).with_ca(honest(&due));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done);
    assert!(board.reported("renewed until "), "{:?}", board.lines);
}

#[test]
fn a_ca_that_cannot_be_reached_or_refuses_does_not_stop_a_device_whose_certificate_is_valid() {
    let due = enrolled_at(LAST_THIRD + 1);
    for (ca, reason) in [
        (None, Exit::CaUnreachable),
        (Some(Remote::silent()), Exit::CaSilent),
        (Some(Remote::saying(b"")), Exit::CaCut),
        (Some(Remote::saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")), Exit::CaGarbage),
        (Some(Remote::ca(&trust(), good)), Exit::ProofRefused),
        // Its clock is wrong: the new certificate has ended, or has not begun.
        (Some(renewing(&due, 4_243, around_noon(0, 10))), Exit::CertificateExpired),
        (Some(renewing(&due, 4_243, around_noon(9_000, 9_900))), Exit::CertificateNotYetValid),
    ] {
        let mut board = restarted(&due);
        if let Some(ca) = ca {
            board = board.with_ca(ca);
        }
        board = board.with_peer(Remote::responder(Claims::of("gateway"), &[HELLO]));
        assert_eq!(board.run(&config(connect())), Exit::Done, "{:?}", board.lines);
        assert!(board.reported(&format!("identity: as stored, since {reason}")), "{:?}", board.lines);
        assert!(board.reported("gateway: hello") && board.identity == due.identity);
        // The next attempt has the same new key.
        let kept = new_key(&board).expect("stored before the request").to_vec();
        let mut again = restarted(&board).with_entropy(79).with_ca(honest(&due));
        assert_eq!(again.run(&config(Errand::Enrol)), Exit::Done, "{:?}", again.lines);
        assert_eq!(again.key(), Some(&kept[..]), "another key");
    }
}

#[test]
fn an_earlier_certificate_in_place_of_a_new_one_is_refused() {
    let due = enrolled_at(LAST_THIRD + 1);
    for (serial, validity) in [(4_242, later()), (4_243, around_noon(-301, 7_200))] {
        let mut board = restarted(&due).with_ca(renewing(&due, serial, validity));
        assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done);
        let line = format!("identity: as stored, since {}", Exit::Replayed);
        assert!(board.reported(&line) && board.identity == due.identity, "{:?}", board.lines);
    }
    // For the key of the present certificate it is no renewal at all.
    let present = due.public_key();
    let replay = Remote::renewing(present, move |subject, _| good(subject, &present));
    let mut board = restarted(&due).with_ca(replay);
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done);
    assert!(board.reported(&format!("as stored, since {}", Exit::CertificateRefused)), "{:?}", board.lines);
}

#[test]
fn after_its_end_a_certificate_is_renewed_or_the_run_ends() {
    let over = enrolled_at(3_601);
    let mut renewed = restarted(&over).with_ca(honest(&over));
    assert_eq!(renewed.run(&config(Errand::Enrol)), Exit::Done, "{:?}", renewed.lines);
    assert!(renewed.reported("renewed until ") && renewed.key() != over.key());
    for (ca, exit) in [(Remote::silent(), Exit::CaSilent), (renewing(&over, 4_242, later()), Exit::Replayed)]
    {
        let mut board = restarted(&over).with_ca(ca);
        assert_eq!((board.run(&config(connect())), board.passed.len()), (exit, 2), "{:?}", board.lines);
        assert_eq!(board.identity, over.identity);
    }
}

#[test]
fn a_renewal_that_ends_anywhere_is_repeated_with_the_same_new_key() {
    let due = enrolled_at(LAST_THIRD + 1);
    let mut whole = restarted(&due).with_ca(honest(&due));
    assert_eq!(whole.run(&config(Errand::Enrol)), Exit::Done);
    let passed = whole.passed[1].borrow().clone();
    let incoming =
        (0..passed.incoming.len()).map(|at| Damage { incoming: Some(at), ..Damage::default() }).step_by(23);
    let outgoing =
        (0..passed.outgoing).map(|at| Damage { outgoing: Some(at), ..Damage::default() }).step_by(11);
    for (number, damage) in incoming.chain(outgoing).enumerate() {
        let damage = Damage { silent: number % 3 == 0, ..damage };
        let line = Remote::saying(&passed.incoming);
        let mut board = restarted(&due).with_damaged_ca(line, damage);
        assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{damage:?}: {:?}", board.lines);
        assert!(board.identity == due.identity && board.reported("as stored, since"), "{damage:?}");
        let mut again = restarted(&board).with_entropy(80).with_ca(honest(&due));
        assert_eq!(again.run(&config(Errand::Enrol)), Exit::Done, "{damage:?}: {:?}", again.lines);
        assert!(again.identity == whole.identity, "{damage:?}: another key");
    }
}

/// A write may also stand for a power failure: the records before it are stored, and no other.
#[test]
fn a_failed_write_at_any_point_of_a_renewal_leaves_a_whole_identity() {
    let due = enrolled_at(LAST_THIRD + 1);
    let mut whole = restarted(&due).with_ca(honest(&due));
    assert_eq!(whole.run(&config(Errand::Enrol)), Exit::Done);
    let all = usize::MAX - whole.writes;
    assert_eq!(all, 7, "a new key, three reservations, an identity, the erased key, the time");
    for writes in 0..all {
        let mut board = restarted(&due).with_ca(honest(&due));
        board.writes = writes;
        let exit = board.run(&config(Errand::Enrol));
        // Before the request, the device goes on with its certificate.
        assert_eq!(exit == Exit::Done, board.passed.len() < 2, "{writes}: {:?}", board.lines);
        assert!(exit == Exit::Done || exit == Exit::Storage, "{writes}");
        let stored = &board.identity;
        assert!(*stored == due.identity || *stored == whole.identity, "{writes}: half of an identity");
        let mut again = restarted(&board).with_entropy(if writes == 0 { 78 } else { 79 });
        again = again.with_ca(honest(&due));
        assert_eq!(again.run(&config(Errand::Enrol)), Exit::Done, "{writes}: {:?}", again.lines);
        assert!(again.identity == whole.identity, "{writes}: another key");
    }
}

#[test]
fn a_damaged_new_key_is_replaced_and_an_unreadable_one_is_not() {
    let due = enrolled_at(LAST_THIRD + 1);
    let mut board = restarted(&due);
    board.run(&config(Errand::Enrol));
    let kept = new_key(&board).expect("stored").to_vec();
    for at in [3, 40] {
        let mut damaged = restarted(&board).with_entropy(79).with_ca(honest(&due));
        damaged.renewal.as_mut().expect("stored")[at] ^= 1;
        assert_eq!(damaged.run(&config(Errand::Enrol)), Exit::Done, "{:?}", damaged.lines);
        assert!(damaged.key() != Some(&kept[..]) && damaged.reported("renewed until"));
    }
    // Too long for the buffer, so that it cannot be read.
    let mut unreadable = restarted(&board).with_ca(honest(&due));
    unreadable.renewal.as_mut().expect("stored").resize(200, 0);
    assert_eq!(unreadable.run(&config(Errand::Enrol)), Exit::Done);
    assert!(unreadable.reported(&format!("as stored, since {}", Exit::Storage)), "{:?}", unreadable.lines);
    assert_eq!(unreadable.passed.len(), 1, "the CA is not asked for a certificate");
}

/// Runs a device on the PC's board, in the last third of the default lifetime, on a line to the real server.
fn run_due(server: (u16, minipki_core::keys::Fingerprint), store: &Path, days: u64) -> (Exit, Vec<String>) {
    let config = AnyConfig {
        ca: ([127, 0, 0, 1], server.0).into(),
        fingerprint: server.1,
        subject: Id::new("device").expect("a name"),
        token: None,
        errand: minipki_device_app::Errand::Enrol,
        peer: None,
        status: StatusRule::Optional,
        send: None,
        deadline: std::time::Duration::from_secs(2),
    };
    let clock = now().checked_add_seconds(days * 24 * 60 * 60).expect("a time");
    let mut lines = Vec::new();
    let storage = Storage::Folder(Folder::open(store).expect("a folder of its own"));
    let mut board = StdBoard::new(Timekeeping::Fixed(clock), storage, |line| lines.push(line.to_string()));
    let exit = run(&config, &mut Memory::new(), &mut board);
    drop(board);
    (exit, lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_ca_repeats_its_answer_to_a_renewal_for_the_same_new_key() {
    let server = TestServer::start(Setup::default()).await;
    let (port, fingerprint) = (server.address.port(), server.anchor.fingerprint());
    let around = tempfile::tempdir().expect("a folder");
    let store = around.path().join("store");
    let read = |store: &Path, name: &str| fs::read(store.join(name)).expect("a record")[..64].to_vec();
    let renewed = spawn_blocking(move || {
        let done = |port, days| {
            let (exit, lines) = run_due((port, fingerprint), &store, days);
            assert_eq!(exit, Exit::Done, "{lines:?}");
            lines.join("\n")
        };
        assert!(done(port, 0).contains("enrolled until"));
        let present = read(&store, "identity");
        assert!(done(port, 59).contains("as stored") && !store.join("renewal").exists());
        // The challenge comes first. The certificate is 1.4 KB.
        let cuts = [(Way::Out, 20), (Way::Out, 300), (Way::Back, 50), (Way::Back, 200), (Way::Back, 1_000)];
        let mut new_key = None;
        for (way, after) in cuts {
            // The device asks first whether the CA has changed its key.
            let line = Line::sparing(1, port, Some(Cut { way, after, silent: false }));
            let said = done(line.port, 61);
            assert!(said.contains("as stored, since the connection to the CA was cut"), "{after}: {said}");
            assert_eq!(read(&store, "identity"), present);
            let key = read(&store, "renewal");
            assert_eq!(*new_key.get_or_insert(key.clone()), key, "another key");
        }
        assert!(done(port, 61).contains("renewed until"));
        assert_eq!(Some(read(&store, "identity")), new_key);
        assert_eq!(read(&store, "renewal"), [0; 64]);
        true
    });
    assert!(renewed.await.expect("no panic"));
    let recorded = server.reader().counts(now()).expect("counted").certificates;
    assert_eq!(recorded, 2, "one enrolment, one renewal");
}

/// The device proves the key of its own certificate, so a CA that expects another key refuses.
#[test]
fn a_renewal_proves_the_key_of_the_present_certificate() {
    let due = enrolled_at(LAST_THIRD + 1);
    let stranger = minipki_tests::peers::key_pair(9);
    let forge = |subject: Id<'_>, key: &PublicKey| numbered(4_243, subject, key, later());
    let mut board = restarted(&due).with_ca(Remote::renewing(*stranger.public(), forge));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done);
    assert!(board.reported(&format!("as stored, since {}", Exit::ProofRefused)), "{:?}", board.lines);
}
