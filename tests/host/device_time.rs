//! The time of a device: what it learns from its CA, and what no peer and no wrong clock can make of it.

use minipki_core::cert::Id;
use minipki_core::crypto::x25519;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_tests::device::{Errand, TestBoard, config, connect};
use minipki_tests::device_others::{Claims, Other, around_noon, good, noon};
use minipki_tests::peers::{CA, certificate, trust};

const DAY: i64 = 24 * 60 * 60;

/// A board that knows only that it is not before the day before noon.
fn clockless() -> TestBoard {
    TestBoard::new(Now::AtLeast(around_noon(-DAY, 0).not_before()))
}

/// A CA whose certificates are good for that time.
fn dated(validity: Validity) -> Other {
    Other::ca(&trust(), move |subject: Id<'_>, key: &x25519::PublicKey| {
        certificate(CA, subject.as_str(), key, validity)
    })
}

fn enrolled(board: TestBoard, ca: Other) -> TestBoard {
    let mut board = board.meets(ca);
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    board.restarted()
}

/// How that device's call ends at a peer that is certified for that time, and the device after a restart.
fn meets(board: &TestBoard, validity: Validity) -> (Exit, TestBoard) {
    let peer = Other::responder(Claims::certified(CA, "gateway", validity), &[]);
    let mut board = board.restarted().meets(peer);
    let exit = board.run(&config(connect()));
    (exit, board)
}

/// The lower bound that it has stored, in seconds from noon.
fn least(board: &TestBoard) -> i64 {
    let record = board.time.as_ref().expect("it has one");
    let seconds = u64::from_be_bytes(*record.first_chunk().expect("8 bytes"));
    seconds.cast_signed() - noon().get().cast_signed()
}

#[test]
fn a_device_without_a_clock_learns_the_time_from_what_its_ca_grants() {
    let board = enrolled(clockless(), Other::ca(&trust(), good));
    assert_eq!(least(&board), -300, "its certificate began then");
    assert_eq!(meets(&board, around_noon(-7200, -301)).0, Exit::PeerExpired);
    let (exit, board) = meets(&board, around_noon(-7200, 50));
    assert_eq!(exit, Exit::Done);
    for whose in ["device", "gateway"] {
        let unsure = format!("whether the certificate of {whose} has expired since could not be checked");
        assert!(board.said(&unsure), "{:?}", board.lines);
    }
}

#[test]
fn a_peers_certificate_from_2099_moves_no_clock() {
    let board = enrolled(clockless(), Other::ca(&trust(), good));
    let (exit, board) = meets(&board, around_noon(72 * 365 * DAY, 73 * 365 * DAY));
    assert_eq!((exit, least(&board)), (Exit::Done, -300));
    // The device asks its CA, in case that its own certificate has expired; while the CA is away it keeps that.
    let mut alone = board.restarted();
    assert_eq!(alone.run(&config(Errand::Enrol)), Exit::Done, "{:?}", alone.lines);
    assert!(alone.said("identity: as stored, since nothing takes connections"), "{:?}", alone.lines);
    let asked = enrolled(board.restarted(), Other::ca(&trust(), good));
    assert_eq!(asked.key(), board.key());
    // The CA has told the time, so nothing is left to ask.
    let mut settled = asked.restarted();
    assert_eq!(settled.run(&config(Errand::Enrol)), Exit::Done);
    assert_eq!(settled.lines[0], "identity: device, as stored");
    assert_eq!(meets(&settled, around_noon(-300, 3600)).0, Exit::Done, "honest peers are met as before");
}

#[test]
fn a_device_without_a_clock_renews_when_it_has_seen_a_newer_certificate() {
    let board = enrolled(clockless(), Other::ca(&trust(), good));
    let later = around_noon(2 * DAY, 4 * DAY);
    let (exit, board) = meets(&board, later);
    assert_eq!(exit, Exit::Done, "it cannot know that it is late");
    let board = enrolled(board.restarted(), dated(later));
    assert_eq!(least(&board), 2 * DAY);
    assert_eq!(meets(&board, around_noon(-300, DAY)).0, Exit::PeerExpired);
}

#[test]
fn a_ca_whose_clock_is_wrong_once_spoils_a_device_for_90_days_at_most() {
    let wrong = around_noon(72 * 365 * DAY, 73 * 365 * DAY);
    let board = enrolled(clockless(), dated(wrong));
    assert_eq!(least(&board), 89 * DAY, "90 days from what it knew");
    // The certificate begins later than the device can know, so it asks again. The same answer moves nothing.
    let board = enrolled(board, dated(wrong));
    assert_eq!(least(&board), 89 * DAY);
    // The CA's clock is right again, and so is the device's certificate.
    let days = |from: i64| around_noon(from * DAY, (from + 90) * DAY);
    let board = enrolled(board, dated(days(0)));
    assert_eq!(least(&board), 89 * DAY);
    assert_eq!(
        meets(&board, days(-2)).0,
        Exit::PeerExpired,
        "certificates that end before are refused until then"
    );
    assert_eq!(meets(&board, days(0)).0, Exit::Done);
    // Erasing the record of the time repairs it at once: the CA tells it again. The key stays.
    let mut erased = board.restarted();
    erased.time = None;
    let repaired = enrolled(erased, dated(around_noon(-200, 90 * DAY)));
    assert_eq!((least(&repaired), repaired.key()), (-200, board.key()));
    assert_eq!(meets(&repaired, days(-2)).0, Exit::Done);
}

#[test]
fn a_clock_that_was_set_back_is_not_believed() {
    let mut board = enrolled(TestBoard::new(Now::Exact(noon())), Other::ca(&trust(), good));
    board.now = Now::Exact(around_noon(-10 * DAY, 0).not_before());
    let (exit, board) = meets(&board, around_noon(-300, 3600));
    assert_eq!(exit, Exit::Done);
    assert!(board.said("could not be checked"), "{:?}", board.lines);
}

#[test]
fn a_certificate_that_the_clock_does_not_allow_is_kept_until_it_does() {
    let years = |years: u64| UnixTime::new(years * 365 * 86_400).expect("a time");
    for (wrong, reason) in [(years(0), Exit::CertificateNotYetValid), (years(129), Exit::CertificateExpired)]
    {
        let mut board = TestBoard::new(Now::Exact(wrong)).meets(Other::ca(&trust(), good));
        assert_eq!(board.run(&config(Errand::Enrol)), reason, "{:?}", board.lines);
        assert_eq!(board.time, None, "a wrong clock proves nothing");
        // Started again with a wrong clock, it asks again with the same key.
        let mut again = board.restarted().with_entropy(78).meets(Other::ca(&trust(), good));
        assert_eq!(again.run(&config(Errand::Enrol)), reason);
        assert_eq!(again.identity, board.identity);
        // With a right one it needs no CA.
        let mut right = again.restarted();
        right.now = Now::Exact(noon());
        assert_eq!(right.run(&config(Errand::Enrol)), Exit::Done, "{:?}", right.lines);
        assert_eq!(right.lines[0], "identity: device, as stored");
    }
}
