//! `--pcap`: Wireshark reads the capture, and its dissector for MiniPKI names each message.

use std::path::Path;
use std::process::Command;

use minipki_tests::program::{run, start};

use crate::talk::{connect, listen, people};

/// Reads a capture with tshark and the dissector. Returns the fields of each packet that `filter` selects.
fn tshark(file: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let dissector = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/wireshark/minipki.lua");
    let mut tshark = Command::new("tshark");
    tshark.arg("-X").arg(format!("lua_script:{}", dissector.display())).arg("-r").arg(file);
    tshark.args([
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
        "-Y",
        filter,
        "-T",
        "fields",
    ]);
    tshark.args(fields.iter().flat_map(|field| ["-e", field]));
    let done = tshark.output().expect("tshark is missing: `apt-get install --no-install-recommends tshark`");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !errors.contains("Lua"), "{errors}");
    String::from_utf8(done.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

#[test]
fn wireshark_reads_the_capture_of_both_sides() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let mut bob = start(at, &listen(&["--pcap", "bob.pcap"]));
    let address = bob.address("listening");
    let more = ["--send", "hello", "--pcap", "alice.pcap"];
    run(at, &connect("alice", &address, &more)).expect(0);
    bob.line("alice: hello");
    // The next connection has its own port. It is refused.
    run(at, &connect("alice", &address, &["--as-attacker", "steal"])).expect(0);
    bob.line("the certificate is for another key");
    bob.stop().expect(0);
    let handshake = ["handshake_1", "handshake_2", "handshake_3"];
    let talk = ["encrypted message", "close", "close"];
    let alice = tshark(&at.join("alice.pcap"), "minipki", &["minipki.type"]);
    assert_eq!(alice, [&handshake[..], &talk].concat());
    let bob = tshark(&at.join("bob.pcap"), "minipki", &["minipki.type"]);
    assert_eq!(bob.len(), 6 + 4, "{bob:?}");
    assert_eq!(bob[..3], handshake);
    assert_eq!(bob[6..], [&handshake[..], &["refused"]].concat());
    let codes = tshark(&at.join("bob.pcap"), "minipki.code", &["minipki.code", "tcp.stream"]);
    assert_eq!(codes, ["certificate_refused\t1"]);
    for file in ["alice.pcap", "bob.pcap"] {
        let file = at.join(file);
        let wrong =
            "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.analysis.flags";
        assert_eq!(tshark(&file, wrong, &["frame.number"]), [""; 0], "{}", file.display());
        let starts = tshark(&file, "tcp.flags.syn == 1 && tcp.flags.ack == 0", &["tcp.dstport"]);
        assert!(!starts.is_empty() && starts.iter().all(|port| port == "9101"), "{starts:?}");
        assert!(!tshark(&file, "tcp.flags.fin == 1", &["frame.number"]).is_empty(), "{}", file.display());
        // The dissector of JSON reads the messages.
        let noise = tshark(&file, "minipki.type == \"handshake_1\"", &["json.key"]);
        assert!(noise.iter().all(|keys| keys.contains("noise_b64")) && !noise.is_empty(), "{noise:?}");
    }
}

#[test]
fn a_capture_overwrites_no_file() {
    let folder = people(&["alice"]);
    let at = folder.path();
    std::fs::write(at.join("notes"), "kept").expect("a file");
    let refused = run(at, &connect("alice", "127.0.0.1:9", &["--send", "x", "--pcap", "notes"])).expect(1);
    assert!(refused.stderr.contains("notes: "), "{refused:?}");
    assert_eq!(std::fs::read(at.join("notes")).expect("the file"), b"kept");
}
