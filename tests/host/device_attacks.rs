//! A device among others that are not as they should be: each ends its run with a reason of its own.

use minipki_core::cert::Id;
use minipki_core::crypto::x25519;
use minipki_core::keys::Fingerprint;
use minipki_core::time::Now;
use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_fixtures::certificates::{anchor, id};
use minipki_tests::device::{Config, Damage, Errand, TestBoard, config, connect, listen};
use minipki_tests::device_others::{Claims, HELLO, Other, around_noon, good, noon};
use minipki_tests::peers::{CA, OTHER_CA, certificate, key_pair, trust};

fn clocked() -> TestBoard {
    TestBoard::new(Now::Exact(noon()))
}

/// A board that is enrolled, after a restart.
fn enrolled(board: TestBoard) -> TestBoard {
    let mut board = board.meets(Other::ca(&trust(), good));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    board.restarted()
}

/// How an enrolment ends at that CA. An enrolment that fails leaves no certificate behind, and no peer is met.
fn at_ca(board: TestBoard, config: &Config<'_>, ca: Other) -> (Exit, TestBoard) {
    let mut board = board.meets(ca);
    let exit = board.run(config);
    assert!(
        exit == Exit::Done || board.certificate().is_none() && board.passed.len() == 1,
        "{:?}",
        board.lines
    );
    (exit, board)
}

/// How an enrolment ends at a CA that makes this of the request.
fn granted(forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static) -> Exit {
    at_ca(clocked(), &config(connect()), Other::ca(&trust(), forge)).0
}

/// A device that listens goes on after what opens no channel: only the one that does counts.
#[test]
fn a_listening_device_waits_for_a_peer_that_opens_a_channel() {
    let stranger = Claims::certified(OTHER_CA, "gateway", around_noon(-300, 3600));
    let mut board = enrolled(clocked())
        .meets(Other::saying(b""))
        .meets(Other::saying(b"GET / HTTP/1.1\r\n\r\n"))
        .meets(Other::silent())
        .meets(Other::initiator(stranger, &[HELLO]))
        .meets(Other::initiator(Claims::of("gateway"), &[HELLO]))
        .meets(Other::silent());
    assert_eq!(board.run(&config(listen())), Exit::Done);
    for reason in [Exit::PeerCut, Exit::PeerGarbage, Exit::PeerSilent, Exit::PeerOfAnotherCa] {
        assert!(board.said(&format!("no channel ({}): {reason}", reason.code())), "{:?}", board.lines);
    }
    assert_eq!((board.said("gateway: hello"), board.passed.len()), (true, 5), "{:?}", board.lines);
}

/// How an enrolled device's meeting with that peer ends, as both sides of the handshake.
fn with_peer(config: Config<'_>, claims: &Claims) -> Exit {
    let exits = [
        (connect(), Other::responder(claims.clone(), &[HELLO])),
        (listen(), Other::initiator(claims.clone(), &[HELLO])),
    ]
    .map(|(errand, peer)| {
        let mut board = enrolled(clocked()).meets(peer);
        let exit = board.run(&Config { errand, ..config });
        assert_eq!(exit == Exit::Done, board.said(": hello"), "{:?}", board.lines);
        assert_eq!(exit == Exit::Done, board.said("sent: "), "{:?}", board.lines);
        (exit, board)
    });
    let [(called, _), (waited, board)] = exits;
    listened(called, waited, &board);
    called
}

/// A device that listens meets the same `reason` as one that calls: it says so, and then nobody else came.
#[track_caller]
fn listened(reason: Exit, exit: Exit, board: &TestBoard) {
    if reason == Exit::Done {
        assert_eq!(exit, Exit::Done, "{:?}", board.lines);
    } else {
        assert_eq!(exit, Exit::PeerSilent, "{:?}", board.lines);
        assert!(board.said(&format!("no channel ({}): {reason}", reason.code())), "{:?}", board.lines);
    }
}

fn valid_for(ca: minipki_core::crypto::rsa::KeySize, validity: Validity) -> Exit {
    with_peer(config(connect()), &Claims::certified(ca, "gateway", validity))
}

#[test]
fn an_honest_ca_and_an_honest_peer() {
    for (errand, peer) in [
        (connect(), Other::responder(Claims::of("gateway"), &[HELLO])),
        (listen(), Other::initiator(Claims::of("gateway"), &[HELLO])),
    ] {
        let mut board = clocked().meets(Other::ca(&trust(), good)).meets(peer);
        assert_eq!(board.run(&config(errand)), Exit::Done);
        assert!(!board.said("could not be checked"), "with a clock all is certain: {:?}", board.lines);
        let talk =
            ["peer: gateway, certificate verified", "sent: 21.5 degrees", "gateway: hello", "exit 0: done"];
        assert!(board.lines.ends_with(&talk.map(String::from)), "{:?}", board.lines);
        assert!(enrolled(clocked()).identity == board.identity, "the same entropy, the same identity");
    }
    assert_eq!(
        with_peer(Config { peer: Some(id("gateway")), ..config(connect()) }, &Claims::of("gateway")),
        Exit::Done
    );
}

#[test]
fn a_restart_goes_straight_to_the_channel() {
    let mut board = enrolled(clocked()).meets(Other::responder(Claims::of("gateway"), &[]));
    assert_eq!(board.run(&config(connect())), Exit::Done);
    assert_eq!(board.lines[0], "identity: device, as stored");
    assert_eq!(board.passed.len(), 1, "the CA is not asked");
}

#[test]
fn an_identity_that_does_not_fit_is_not_used() {
    let whole = enrolled(clocked());
    let damaged = |at: usize| {
        let mut board = whole.restarted();
        board.identity.as_mut().expect("enrolled")[at] ^= 1;
        board
    };
    let mut shortened = whole.restarted();
    shortened.identity.as_mut().expect("enrolled").truncate(40);
    let enrolled_anew = |board: TestBoard, config: &Config<'_>| {
        let (exit, board) = at_ca(board.with_entropy(78), config, Other::ca(&trust(), good));
        assert_eq!((exit, board.said("enrolled until")), (Exit::Done, true), "{:?}", board.lines);
        board
    };
    // The private key and the public key; and what is no identity at all.
    for board in [damaged(3), damaged(40), shortened] {
        let board = enrolled_anew(board, &config(Errand::Enrol));
        assert_eq!(board.lines[0], "identity: the stored key is damaged");
        assert_ne!(board.key(), whole.key());
    }
    // The certificate; and another subject. A device has one key.
    let other = Config { subject: id("another"), ..config(Errand::Enrol) };
    for (board, config) in [(damaged(90), config(Errand::Enrol)), (whole.restarted(), other)] {
        let board = enrolled_anew(board, &config);
        assert_eq!(board.lines[0], "identity: no certificate that is good now");
        assert_eq!(board.key(), whole.key());
    }
}

/// A word that is wrong once costs neither the key nor the certificate.
#[test]
fn an_identity_outlives_words_that_are_wrong() {
    let whole = enrolled(clocked());
    let wrong = Config { fingerprint: Fingerprint([7; 32]), ..config(Errand::Enrol) };
    for ca in [Other::ca(&trust(), good), Other::saying(b""), Other::silent()] {
        let mut board = whole.restarted().meets(ca);
        assert_ne!(board.run(&wrong), Exit::Done);
        assert_eq!(board.identity, whole.identity);
    }
}

#[test]
fn an_expired_identity_is_renewed_with_its_key() {
    let mut board = enrolled(clocked());
    let key = board.identity.as_ref().expect("enrolled")[..32].to_vec();
    let later = around_noon(7200, 9000);
    board.now = Now::Exact(later.not_before());
    let renewed =
        move |subject: Id<'_>, key: &x25519::PublicKey| certificate(CA, subject.as_str(), key, later);
    let mut board = board.meets(Other::ca(&trust(), renewed));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done);
    assert!(board.said("enrolled until"), "{:?}", board.lines);
    assert_eq!(board.identity.expect("enrolled")[..32], key);
}

#[test]
fn proofs_are_refused_without_telling_what_is_wrong() {
    let wrong = Config { fingerprint: anchor(OTHER_CA).fingerprint(), ..config(connect()) };
    let (exit, board) = at_ca(clocked(), &wrong, Other::ca(&trust(), good));
    assert_eq!(exit, Exit::ProofRefused);
    assert!(board.said("the CA refused (proof_failed): "), "{:?}", board.lines);
    let token = Some(minipki_device_app::Token("not-known-there"));
    let (exit, board) = at_ca(clocked(), &Config { token, ..config(connect()) }, Other::ca(&trust(), good));
    assert_eq!(exit, Exit::ProofRefused);
    assert!(!board.said("not-known-there"), "a token is never shown");
}

#[test]
fn a_ca_with_another_key_is_not_believed_whatever_it_grants() {
    let own = |subject: Id<'_>, key: &x25519::PublicKey| {
        certificate(OTHER_CA, subject.as_str(), key, around_noon(-300, 3600))
    };
    assert_eq!(at_ca(clocked(), &config(connect()), Other::impostor(own)).0, Exit::WrongFingerprint);
    let pinned = Config { fingerprint: Fingerprint([7; 32]), ..config(connect()) };
    assert_eq!(at_ca(clocked(), &pinned, Other::impostor(good)).0, Exit::WrongFingerprint);
}

#[test]
fn only_the_certificate_that_was_asked_for_is_accepted() {
    let valid = || around_noon(-300, 3600);
    assert_eq!(granted(move |_, key| certificate(CA, "mallory", key, valid())), Exit::CertificateRefused);
    assert_eq!(granted(|subject, _| good(subject, key_pair(9).public())), Exit::CertificateRefused);
    let changed = |subject: Id<'_>, key: &x25519::PublicKey| {
        let text = String::from_utf8(good(subject, key)).expect("text");
        text.replace("\"serial_number\":4242", "\"serial_number\":4243").into_bytes()
    };
    assert_eq!(granted(changed), Exit::CertificateRefused);
    let at = |from, to| {
        move |subject: Id<'_>, key: &x25519::PublicKey| {
            certificate(CA, subject.as_str(), key, around_noon(from, to))
        }
    };
    // One that is genuine and out of its time is kept, for the case that the device's clock is wrong.
    for (certificate, reason) in
        [(at(-7200, -3600), Exit::CertificateExpired), (at(3600, 7200), Exit::CertificateNotYetValid)]
    {
        let mut board = clocked().meets(Other::ca(&trust(), certificate));
        assert_eq!(board.run(&config(connect())), reason);
        assert!(!board.said("peer: ") && board.passed.len() == 1, "no peer is met with it");
    }
}

#[test]
fn what_is_no_ca_is_told_from_one() {
    let end = |other| at_ca(clocked(), &config(connect()), other).0;
    for garbage in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\0\0\0\0", b"\0\0\0\x05hello", b"\0\0\0\x02{}"]
    {
        assert_eq!(end(Other::saying(garbage)), Exit::CaGarbage, "{garbage:?}");
    }
    assert_eq!(end(Other::saying(b"")), Exit::CaCut);
    assert_eq!(end(Other::silent()), Exit::CaSilent);
    assert_eq!(
        end(Other::saying(b"\0\0\0\x3a{\"code\":\"subject_taken\",\"error\":\"ask the desk\",\"ok\":false}")),
        Exit::CaRefused
    );
    assert_eq!(
        end(Other::saying(b"\0\0\0\x3a{\"code\":\"token_invalid\",\"error\":\"ask the desk\",\"ok\":false}")),
        Exit::TokenRefused
    );
    assert_eq!(clocked().run(&config(connect())), Exit::CaUnreachable);
}

#[test]
fn peers_that_are_not_verified_are_told_nothing() {
    assert_eq!(valid_for(OTHER_CA, around_noon(-300, 3600)), Exit::PeerOfAnotherCa);
    assert_eq!(valid_for(CA, around_noon(-7200, -3600)), Exit::PeerExpired);
    assert_eq!(valid_for(CA, around_noon(3600, 7200)), Exit::PeerNotYetValid);
    let stolen = Claims { key: key_pair(9), ..Claims::of("gateway") };
    assert_eq!(with_peer(config(connect()), &stolen), Exit::PeerKeyDiffers);
    let changed =
        String::from_utf8(Claims::of("gateway").certificate).expect("text").replace(":4242,", ":4243,");
    let changed = Claims { certificate: changed.into_bytes(), ..Claims::of("gateway") };
    assert_eq!(with_peer(config(connect()), &changed), Exit::PeerCertificateRefused);
    let wanted = Config { peer: Some(id("gateway")), ..config(connect()) };
    assert_eq!(with_peer(wanted, &Claims::of("mallory")), Exit::PeerIsAnother);
}

#[test]
fn a_peer_that_refuses_us_is_reported_with_its_word() {
    let elsewhere = Claims { anchor: anchor(OTHER_CA), ..Claims::of("gateway") };
    let other = Claims { wants: Some(id("someone").into()), ..Claims::of("gateway") };
    for claims in [elsewhere, other] {
        for (errand, peer) in [
            (connect(), Other::responder(claims.clone(), &[HELLO])),
            (listen(), Other::initiator(claims.clone(), &[HELLO])),
        ] {
            let mut board = enrolled(clocked()).meets(peer);
            let exit = board.run(&config(errand));
            if errand == connect() {
                assert_eq!(exit, Exit::PeerRefused);
            } else {
                listened(Exit::PeerRefused, exit, &board);
            }
            assert!(board.said("the peer refused (certificate_refused): "), "{:?}", board.lines);
        }
    }
}

#[test]
fn the_peers_word_is_heard_even_where_nothing_can_be_sent_any_more() {
    let refusing = || Other::responder(Claims { anchor: anchor(OTHER_CA), ..Claims::of("gateway") }, &[]);
    let mut board = enrolled(clocked()).meets(refusing());
    assert_eq!(board.run(&config(connect())), Exit::PeerRefused);
    // The last two frames are what follows the handshake: a chat message, and the end.
    let sent = board.passed[0].borrow().outgoing;
    let handshake = sent - (4 + br#"{"text":"21.5 degrees","type":"chat"}"#.len() + 16) - (4 + 16);
    for at in handshake..sent {
        let damage = Damage { outgoing: Some(at), ..Damage::default() };
        let mut board = enrolled(clocked()).meets_with(refusing(), damage);
        assert_eq!(board.run(&config(connect())), Exit::PeerRefused, "{at}");
    }
}

#[test]
fn what_is_no_peer_is_told_from_one() {
    for (other, reason) in [
        (&b"SSH-2.0-OpenSSH\r\n"[..], Exit::PeerGarbage),
        (b"\0\0\0\x02{}", Exit::PeerGarbage),
        (b"", Exit::PeerCut),
    ] {
        assert_eq!(enrolled(clocked()).meets(Other::saying(other)).run(&config(connect())), reason);
        let mut board = enrolled(clocked()).meets(Other::saying(other));
        let exit = board.run(&config(listen()));
        listened(reason, exit, &board);
    }
    for errand in [connect(), listen()] {
        assert_eq!(enrolled(clocked()).meets(Other::silent()).run(&config(errand)), Exit::PeerSilent);
    }
    assert_eq!(enrolled(clocked()).run(&config(connect())), Exit::PeerUnreachable);
    assert_eq!(enrolled(clocked()).run(&config(listen())), Exit::PeerSilent, "nobody came");
}

#[test]
fn messages_that_a_device_cannot_read_are_passed_over() {
    let bodies: [&[u8]; 4] =
        [br#"{"text":"caf\u00e9","type":"chat"}"#, b"hello", br#"{"text":"x","type":"wave"}"#, HELLO];
    let mut board = enrolled(clocked()).meets(Other::responder(Claims::of("gateway"), &bodies));
    assert_eq!(board.run(&config(connect())), Exit::Done);
    assert_eq!(board.lines.iter().filter(|line| line.starts_with("passed over a message")).count(), 3);
    assert!(board.said("gateway: hello"), "{:?}", board.lines);
}
