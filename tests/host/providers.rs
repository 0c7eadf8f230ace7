//! `--provider`: whichever each side computes with, they understand each other.

use minipki_tests::program::{run, start};

use crate::cli::served;

#[test]
fn programs_with_different_providers_enrol_and_talk() {
    let (folder, _server, ca) = served(&["--provider", "portable"]);
    let (at, anchor) = (folder.path(), "ca/anchor.json");
    for (name, provider) in [("alice", "aws-lc"), ("bob", "portable")] {
        let what = ["enroll", "--provider", provider, "--ca", &ca, "--anchor", anchor];
        run(at, &[&what[..], &["--subject", name, "--out", name]].concat()).expect(0);
        run(at, &["verify", "--provider", provider, "--anchor", anchor, &format!("{name}/certificate.json")])
            .expect(0);
    }
    for (ours, theirs) in [("aws-lc", "portable"), ("portable", "aws-lc")] {
        let listen =
            ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once", "--provider", theirs];
        let mut listener = start(at, &[&listen[..], &["--expect", "hello", "--send", "and you"]].concat());
        let peer = listener.address("listening");
        let connect = ["connect", "--identity", "alice", "--peer", &peer, "--provider", ours];
        let said = run(at, &[&connect[..], &["--send", "hello", "--expect", "and you"]].concat()).expect(0);
        assert_eq!(said.stdout, "and you\n");
        listener.wait().expect(0);
    }
}

#[test]
fn an_unknown_provider_is_a_usage_error_that_names_the_known_ones() {
    let folder = tempfile::TempDir::new().expect("a folder for the test");
    let refused = run(folder.path(), &["--provider", "abacus", "demo"]).expect(2);
    assert!(refused.stderr.contains("aws-lc") && refused.stderr.contains("portable"), "{}", refused.stderr);
}
