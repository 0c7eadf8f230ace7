//! Bodies that a machine refuses at once, one file each, with the code in the name of the file; and the table of codes.

use minipki_core::bytes::Secret;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Machine, Want, frame};
use minipki_core::session::{self, CaServer, LocalIdentity, Responder};
use minipki_core::time::Now;
use minipki_core::trust::StatusPolicy;
use minipki_core::wire::{Code, Refusal};
use minipki_fixtures::certificates::{NOW, anchor, time};
use minipki_fixtures::rsa_keys::rng;
use minipki_fixtures::vectors;

/// The answer of `machine` to `body`: the code of the refusal, and the error that the application gets.
fn refusal<M: Machine<Error = session::Error>>(machine: M, body: &[u8]) -> (String, session::Error) {
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let mut link = Link::new(machine, &mut rx, &mut tx);
    let framed = [&frame::header(body.len()).expect("a body")[..], body].concat();
    assert_eq!(link.want(), Ok(Want::Receive));
    link.space()[..framed.len()].copy_from_slice(&framed);
    link.received(framed.len());
    assert_eq!(link.want(), Ok(Want::Send));
    let sent = link.to_send().to_vec();
    let refusal = Refusal::decode(&sent[4..]).expect("a refusal");
    assert_eq!(refusal.text, refusal.code.text());
    link.sent(sent.len());
    (refusal.code.to_string(), link.want().expect_err("an error"))
}

/// Gives each file of `folder` to a fresh machine.
fn corpus<M: Machine<Error = session::Error>>(folder: &str, machine: impl Fn() -> M) {
    for (name, body) in vectors(folder) {
        let (expected, _) = name.split_once('-').expect("a code before the first dash");
        let (code, error) = refusal(machine(), &body);
        assert_eq!(code, expected, "{name}: {error:?}");
        assert_eq!(error.code().map(|code| code.to_string()), Some(code), "{name}");
    }
}

#[test]
fn the_enrolment_corpus_is_refused_as_named() {
    corpus("enrolment/refuse", || CaServer::new(Portable::new()));
}

#[test]
fn the_channel_corpus_is_refused_as_named() {
    let (key, anchor) =
        (KeyPair::from_secret(Portable::new(), Secret::new([2; 32])), anchor(KeySize::Bits2048));
    // The certificate is never sent: each body is refused before.
    let local = LocalIdentity {
        key: &key,
        credentials: b"{}",
        anchor: &anchor,
        now: Now::Exact(time(NOW)),
        status_policy: StatusPolicy::default(),
        peer: None,
    };
    corpus("channel/refuse", || Responder::new(local, &mut rng(2)));
}

#[test]
fn the_protocol_page_has_every_code_of_a_refusal() {
    let page = include_str!("../../docs/protocol.md");
    let (_, table) = page.split_once("| code | meaning |").expect("the table of codes");
    let (table, _) = table.split_once("\n\n").expect("the end of the table");
    let mut named: Vec<&str> =
        table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    // The value that stands for an unknown code is never sent.
    let mut codes: Vec<_> = Code::all().filter(|&code| code != Code::Other).map(Code::as_str).collect();
    named.sort_unstable();
    codes.sort_unstable();
    assert_eq!(named, codes);
}
