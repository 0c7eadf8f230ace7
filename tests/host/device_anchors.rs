//! A change of the CA's key: a device follows it, and never goes back. The keys are the test keys of different sizes.

use minipki_core::cert::Id;
use minipki_core::crypto::rsa::KeySize::{self, Bits2048, Bits3072, Bits4096};
use minipki_core::crypto::x25519::PublicKey;
use minipki_core::time::Now;
use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_fixtures::anchors::{sign_update, update, with_fields};
use minipki_fixtures::certificates::{anchor, issue, sample};
use minipki_fixtures::rsa_keys::public;
use minipki_tests::device::{Config, Errand, TestBoard, config, connect, listen};
use minipki_tests::device_remotes::{Claims, HELLO, Remote, around_noon, noon};
use minipki_tests::peers::{certificate, trust};

const DAY: i64 = 24 * 60 * 60;

/// The first validity: it begins before the changes of the fixture, five days before noon, and is in its last third.
fn first() -> Validity {
    around_noon(-20 * DAY, 9 * DAY)
}

/// The validity of a renewed certificate.
fn second() -> Validity {
    around_noon(-300, 90 * DAY)
}

/// A device that has a certificate of the first key for this validity.
fn enrolled_for(validity: Validity) -> TestBoard {
    let ca = Remote::ca(&trust(), move |subject, key| certificate(Bits2048, subject.as_str(), key, validity));
    let mut board = TestBoard::new(Now::Exact(noon())).with_ca(ca);
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    restarted(&board)
}

/// A device whose certificate is not due.
fn fresh() -> TestBoard {
    enrolled_for(around_noon(-6 * DAY, 60 * DAY))
}

/// A device whose certificate is due.
fn due() -> TestBoard {
    enrolled_for(first())
}

fn restarted(board: &TestBoard) -> TestBoard {
    board.restarted().with_entropy(78)
}

/// A CA that renews the certificate of `board` with the key of this size.
fn renewing(board: &TestBoard, size: KeySize, validity: Validity) -> Remote {
    Remote::renewing(board.public_key(), move |subject: Id<'_>, key: &PublicKey| {
        let (issuer_key, serial_number) = (public(size), 4_243);
        let mut fields = sample(&issuer_key);
        fields.serial_number = minipki_core::trust::Serial::new(serial_number).expect("in range");
        (fields.subject_id, fields.subject_key, fields.validity) = (subject, *key, validity);
        issue(&fields, size)
    })
}

/// A peer with a certificate of the key of this size. It accepts certificates of the first key.
fn peer(size: KeySize, validity: Validity) -> Remote {
    Remote::responder(Claims::certified(size, "gateway", validity), &[HELLO])
}

/// The changes up to the key of this size.
fn updates(to: KeySize) -> Vec<Vec<u8>> {
    let all = [update(Bits2048, Bits3072), update(Bits3072, Bits4096)];
    all[..to as usize].to_vec()
}

/// The fingerprints in the record: the provisioned one, the present one and two former ones.
fn keys(board: &TestBoard) -> Option<[Vec<u8>; 4]> {
    let record = board.anchor.as_ref()?;
    Some([0, 32, 64, 104].map(|at| record[at..at + 32].to_vec()))
}

fn fingerprint(size: KeySize) -> Vec<u8> {
    anchor(size).fingerprint().0.to_vec()
}

#[test]
fn a_device_follows_a_change_before_its_renewal_and_keeps_it_over_restarts() {
    let before = due();
    let mut board = restarted(&before).with_ca(Remote::changed(&updates(Bits3072)));
    board = board.with_ca(renewing(&before, Bits3072, second()));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    let said =
        format!("anchor: the CA has a new key, with the fingerprint {}", anchor(Bits3072).fingerprint());
    assert!(board.reported(&said) && board.reported("renewed until "), "{:?}", board.lines);
    let zeros = vec![0; 32];
    let expected = [fingerprint(Bits2048), fingerprint(Bits3072), fingerprint(Bits2048), zeros];
    assert_eq!(keys(&board), Some(expected));
    // Its new certificate verifies, and so do peers of both keys. The first key signs nothing that begins later.
    for (size, validity, exit) in [
        (Bits3072, second(), Exit::PeerRefused),
        (Bits2048, first(), Exit::PeerRefused),
        (Bits2048, second(), Exit::PeerOfAnotherCa),
        (Bits4096, second(), Exit::PeerOfAnotherCa),
    ] {
        let mut again = restarted(&board).with_peer(peer(size, validity));
        assert_eq!(again.run(&config(connect())), exit, "{size:?}: {:?}", again.lines);
        assert_eq!(again.lines[0], "identity: device, as stored");
        // These peers trust the first key alone, so they refuse the device after it has accepted them.
        assert_eq!(again.reported("peer: gateway"), exit == Exit::PeerRefused);
    }
}

#[test]
fn a_device_that_slept_through_two_changes_follows_both() {
    let before = due();
    let mut board = restarted(&before).with_ca(Remote::changed(&updates(Bits4096)));
    board = board.with_ca(renewing(&before, Bits4096, second()));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    assert!(board.reported("renewed until "), "{:?}", board.lines);
    let expected = [Bits2048, Bits4096, Bits2048, Bits3072].map(fingerprint);
    assert_eq!(keys(&board), Some(expected.clone()));
    // The same list again changes nothing, and a shorter one is not followed back.
    for list in [updates(Bits4096), updates(Bits3072), Vec::new()] {
        let stranger = peer(Bits2048, second());
        let mut again = restarted(&board).with_ca(Remote::saying(b"")).with_ca(Remote::changed(&list));
        again = again.with_peer(stranger);
        assert_eq!(again.run(&config(connect())), Exit::PeerOfAnotherCa, "{:?}", again.lines);
        assert_eq!(keys(&again), Some(expected.clone()));
    }
}

/// The device has followed one change, but its renewal has failed. Then the key changes once more.
#[test]
fn a_device_whose_certificate_is_of_a_former_key_follows_the_next_change() {
    let before = due();
    let mut board = restarted(&before).with_ca(Remote::changed(&updates(Bits3072)));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    assert!(board.reported("identity: as stored, since nothing takes connections"), "{:?}", board.lines);
    let mut next = restarted(&board).with_ca(Remote::changed(&updates(Bits4096)));
    next = next.with_ca(renewing(&before, Bits4096, second()));
    assert_eq!(next.run(&config(Errand::Enrol)), Exit::Done, "{:?}", next.lines);
    assert!(next.reported("renewed until "), "{:?}", next.lines);
    assert_eq!(keys(&next), Some([Bits2048, Bits4096, Bits2048, Bits3072].map(fingerprint)));
    // With its certificate of the first key, an earlier list would lead back to the second key.
    let mut back = restarted(&board);
    back.anchor.clone_from(&next.anchor);
    back = back.with_ca(Remote::changed(&updates(Bits3072))).with_ca(renewing(&before, Bits4096, second()));
    assert_eq!(back.run(&config(Errand::Enrol)), Exit::Done);
    assert!(back.reported(&format!("anchor: as before, since {}", Exit::Replayed)), "{:?}", back.lines);
    assert!(back.reported("renewed until ") && back.anchor == next.anchor, "{:?}", back.lines);
}

#[test]
fn a_peer_of_a_new_key_makes_the_device_ask_its_ca_once() {
    let own = |size| Claims { anchor: anchor(Bits2048), ..Claims::certified(size, "gateway", second()) };
    // As the side that connects, the device tries again.
    let mut board = fresh().with_ca(Remote::saying(b"")).with_ca(Remote::changed(&updates(Bits3072)));
    board = board.with_peer(peer(Bits3072, second()));
    board = board.with_peer(Remote::responder(own(Bits3072), &[HELLO]));
    assert_eq!(board.run(&config(connect())), Exit::Done, "{:?}", board.lines);
    assert!(board.reported("anchor: the CA has a new key") && board.reported("gateway: hello"));
    assert_eq!(keys(&board).map(|keys| keys[1].clone()), Some(fingerprint(Bits3072)));
    // As the side that listens, it waits for the peer to come again. Strangers cause no further request.
    let mut board = fresh().with_ca(Remote::saying(b"")).with_ca(Remote::changed(&updates(Bits3072)));
    board = board.with_peer(Remote::initiator(own(Bits3072), &[HELLO]));
    for _ in 0..3 {
        board = board.with_peer(Remote::initiator(own(Bits4096), &[HELLO]));
    }
    board = board.with_peer(Remote::initiator(own(Bits3072), &[HELLO]));
    assert_eq!(board.run(&config(listen())), Exit::Done, "{:?}", board.lines);
    assert_eq!(board.passed.len(), 7, "two requests, five peers: {:?}", board.lines);
}

#[test]
fn a_change_that_the_pinned_key_has_not_signed_is_refused() {
    let forged = with_fields(Bits2048, Bits3072, |fields| sign_update(&fields, Bits3072));
    let mut flipped = update(Bits2048, Bits3072);
    let at = flipped.len() - 60;
    flipped[at] ^= 1;
    let before = due();
    for list in [vec![forged], vec![flipped], vec![update(Bits3072, Bits4096)]] {
        let mut board = restarted(&before).with_ca(Remote::changed(&list));
        board = board.with_ca(renewing(&before, Bits3072, second()));
        assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done);
        let line = format!("anchor: as before, since {}", Exit::CertificateRefused);
        assert!(board.reported(&line) && board.anchor.is_none(), "{:?}", board.lines);
        // A certificate of the other key is refused as before.
        let line = format!("identity: as stored, since {}", Exit::WrongFingerprint);
        assert!(board.reported(&line) && board.identity == before.identity, "{:?}", board.lines);
    }
}

#[test]
fn another_provisioned_fingerprint_discards_the_record() {
    let before = due();
    let mut board = restarted(&before).with_ca(Remote::changed(&updates(Bits4096)));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    let other = Config { fingerprint: anchor(Bits3072).fingerprint(), ..config(Errand::Enrol) };
    let ca =
        Remote::ca(&anchor(Bits3072), |subject, key| certificate(Bits3072, subject.as_str(), key, second()));
    let mut board = restarted(&board).with_ca(ca);
    assert_eq!(board.run(&other), Exit::Done, "{:?}", board.lines);
    assert_eq!(
        board.lines[0], "identity: no usable certificate",
        "it is of a key before the provisioned one"
    );
    assert_eq!(board.key(), before.key());
    // With the fingerprint of before, the record counts again: it is not lost by a wrong argument.
    let mut board = restarted(&board);
    board.identity.clone_from(&before.identity);
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    assert_eq!(keys(&board).map(|keys| keys[1].clone()), Some(fingerprint(Bits4096)));
}

#[test]
fn a_change_that_is_not_stored_is_not_followed_and_a_damaged_record_ends_the_run() {
    let mut board = due().with_ca(Remote::changed(&updates(Bits3072)));
    board.writes = 0;
    assert_eq!((board.run(&config(Errand::Enrol)), board.anchor.is_none()), (Exit::Done, true));
    assert!(board.reported(&format!("anchor: as before, since {}", Exit::Storage)), "{:?}", board.lines);
    let mut board = restarted(&board).with_ca(Remote::changed(&updates(Bits3072)));
    board.run(&config(Errand::Enrol));
    // Two keys that are the same, and a time after the year 9999.
    for (at, with) in [(64, fingerprint(Bits3072)), (96, vec![0xff; 8])] {
        let mut damaged = restarted(&board);
        damaged.anchor.as_mut().expect("stored")[at..at + with.len()].copy_from_slice(&with);
        assert_eq!(damaged.run(&config(Errand::Enrol)), Exit::Storage, "{at}: {:?}", damaged.lines);
    }
}
