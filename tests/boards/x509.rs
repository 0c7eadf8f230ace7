//! The validator of X.509 certificates on each board: a path under the root in its image, and paths with one fault each.

use std::fs;
use std::time::Instant;

use minipki_core::x509::Check;
use minipki_fixtures::vectors;
use minipki_fixtures::x509::{Fields, rsa, sequence, tlv};
use minipki_qemu::{Board, Wire};
use minipki_tests::board::{Ended, ended, program};

on_each_board! {
    a_path_under_the_root_is_accepted,
    a_path_with_a_fault_is_refused_by_its_check,
    malformed_and_long_files_are_refused,
}

/// 2026-06-15T12:00:00+00:00, and a time after the validity of all certificates.
const NOW: &str = "1781524800";
const LATER: &str = "1801524800";

/// Runs the validator on a certificate and its issuer, for the server `name` at the time `at`.
fn run(board: Board, [certificate, issuer]: [&[u8]; 2], name: &str, at: &str) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |key: &str, bytes: &[u8]| {
        let path = folder.path().join(key);
        fs::write(&path, bytes).expect("a file");
        format!("{key}={}", path.display())
    };
    let words = [file("certificate", certificate), file("issuer", issuer)];
    let words = words.into_iter().chain([format!("name={name}"), format!("at={at}")]).collect::<Vec<_>>();
    let start = Instant::now();
    ended(program(board, "x509", Wire::None, &words, folder.path()), start)
}

fn a_path_under_the_root_is_accepted(board: Board) {
    let files = vectors("x509/rsa");
    let file = |name: &str| &*files.iter().find(|(file, _)| file == name).expect("the file").1;
    for server in ["server", "server-pss"] {
        let ended = run(board, [file(server), file("issuer")], "example.com", NOW);
        assert_eq!(ended.says("accepted").code, Some(0), "{server}");
    }
}

fn a_path_with_a_fault_is_refused_by_its_check(board: Board) {
    let flipped = |mut certificate: Vec<u8>| {
        *certificate.last_mut().expect("a byte") ^= 1;
        certificate
    };
    let [server, issuer] = rsa::path(|chain| chain);
    let changed = |change: fn(Fields) -> Fields| rsa::path(|chain| chain.ca(change));
    let no_ca = |ca: Fields| ca.with(19, true, sequence(&[])).with(15, true, tlv(3, &[7, 0x80]));
    let by_name = |name, at, check| ([server.clone(), issuer.clone()], name, at, check);
    let by_file = |path, check| (path, "example.com", NOW, check);
    for (path, name, at, check) in [
        by_name("example.com", LATER, Check::NotAfter),
        by_name("example.com", "1000000000", Check::NotBefore),
        by_name("example.org", NOW, Check::SubjectName),
        by_file([flipped(server.clone()), issuer.clone()], Check::Signature),
        by_file([server.clone(), flipped(issuer.clone())], Check::Signature),
        by_file(changed(no_ca), Check::BasicConstraints),
        by_file(changed(|ca| ca.without(19)), Check::BasicConstraints),
        by_file(changed(|ca| ca.with(15, true, tlv(3, &[1, 0x02]))), Check::KeyCertSign),
        by_file([server.clone(), server.clone()], Check::Issuer),
    ] {
        let ended = run(board, [&path[0], &path[1]], name, at);
        let line = format!("does not pass the check {} ({})", check.name(), check.section());
        assert_eq!(ended.says(&line).code, Some(1), "{check}");
    }
}

fn malformed_and_long_files_are_refused(board: Board) {
    let [server, issuer] = rsa::path(|chain| chain);
    let trailing = [&server[..], &[0]].concat();
    let ended = run(board, [&trailing, &issuer], "example.com", NOW);
    assert_eq!(ended.says("refused: the file certificate: ").code, Some(1));
    let ended = run(board, [&[0; 2049], &issuer], "example.com", NOW);
    assert_eq!(ended.says("certificate= must name a file of at most 2048 bytes").code, Some(2));
}
