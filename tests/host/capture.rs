//! `--pcap`: Wireshark reads the capture, and its dissector for MiniPKI names each message.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use minipki_core::link::Direction;
use minipki_net::trace::{CAPTURE_HEADER, Capture, TapSource};
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
    fs::write(at.join("notes"), "kept").expect("a file");
    let refused = run(at, &connect("alice", "127.0.0.1:9", &["--send", "x", "--pcap", "notes"])).expect(1);
    assert!(refused.stderr.contains("notes: "), "{refused:?}");
    assert_eq!(fs::read(at.join("notes")).expect("the file"), b"kept");
}

#[test]
fn a_capture_without_a_frame_does_not_block_its_name() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let capture = at.join("x.pcap");
    // Nobody listens, so there is no frame. The next try takes the same file.
    let nobody = connect("alice", "127.0.0.1:9", &["--send", "x", "--pcap", "x.pcap"]);
    for _ in 0..2 {
        run(at, &nobody).expect(5);
        assert_eq!(fs::read(&capture).expect("the file"), CAPTURE_HEADER);
    }
    // A capture that another process writes is not taken.
    let mut bob = start(at, &listen(&["--pcap", "x.pcap"]));
    let address = bob.address("listening");
    let refused = run(at, &nobody).expect(1).stderr;
    assert!(refused.contains("x.pcap"), "{refused}");
    run(at, &connect("alice", &address, &["--send", "hello"])).expect(0);
    bob.line("alice: hello");
    bob.stop().expect(0);
    let frames = tshark(&capture, "minipki", &["minipki.type"]);
    assert_eq!(frames[..3], ["handshake_1", "handshake_2", "handshake_3"]);
    // With frames it is kept.
    let before = fs::read(&capture).expect("the file");
    run(at, &nobody).expect(1);
    assert_eq!(fs::read(&capture).expect("the file"), before);
    // An empty file has no frame, and a file that only begins alike is kept.
    fs::write(&capture, "").expect("written");
    run(at, &nobody).expect(5);
    fs::write(&capture, [&CAPTURE_HEADER[..], b"x"].concat()).expect("written");
    run(at, &nobody).expect(1);
}

/// A file on a disk with room for some bytes.
struct Full {
    room: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        self.room -= count;
        self.written.lock().expect("one thread").extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_capture_that_cannot_be_written_ends_once_and_not_its_connection() {
    let header = CAPTURE_HEADER.len();
    // A connection begins with three packets of 56 bytes, and ends with three. `"x"` makes one of 61 bytes.
    let (bare, framed) = (16 + 40, 16 + 40 + 4 + 1);
    let whole = header + 6 * bare + 2 * framed;
    for room in
        [header, header + 1, header + 3 * bare, header + 3 * bare + framed, whole - bare, whole - 1, whole]
    {
        let (written, failures) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let told = Arc::clone(&failures);
        let failed = move |error: io::Error| told.lock().expect("one thread").push(error.kind());
        let file = Full { room, written: Arc::clone(&written) };
        let capture = Capture::new(file, Box::new(failed)).expect("the header fits");
        let connection = capture.connection(false);
        connection.frame(Direction::Sent, b"x");
        connection.frame(Direction::Received, b"y");
        drop(connection);
        // A later connection does not write after the gap.
        if room < whole {
            capture.connection(true).frame(Direction::Sent, b"z");
        }
        let expected = if room < whole { vec![ErrorKind::StorageFull] } else { Vec::new() };
        assert_eq!(*failures.lock().expect("one thread"), expected, "{room}");
        assert_eq!(written.lock().expect("one thread").len(), room);
    }
    // Without room for the header there is no capture.
    let written = Arc::new(Mutex::new(Vec::new()));
    let refused = Capture::new(Full { room: header - 1, written }, Box::new(|_| panic!("not told twice")));
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::StorageFull));
}
