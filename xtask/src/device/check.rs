//! The device on the board against the real CA and the real peers.

use std::net::TcpListener;
use std::time::Instant;

use super::qemu::{Board, HOST, Wire};
use super::scene::{ANSWER, READING, Scene, and, boards, free_port};
use crate::embedded::firmware::Firmware;

/// A test.
type Test = fn(&Scene) -> Result<(), String>;

const TESTS: &[(&str, Test)] = &[
    ("enrols and talks as initiator, then again as stored", initiator),
    ("enrols and talks as responder", responder),
    ("talks to a second board", two_boards),
    ("a static address serves as well as DHCP", static_address),
    ("without a clock, says what it could not check", no_clock),
    ("refuses a CA with another fingerprint", wrong_fingerprint),
    ("refuses a peer with another name", wrong_peer),
    ("gives up on a CA that is not there", no_ca),
    ("gives up on a CA that never answers", silent_ca),
    ("gives up on peers that never come", no_peer),
];

/// Runs them one after another: each has the processor to itself.
pub(super) fn run(firmware: &Firmware, board: Board) -> Result<(), String> {
    let chip = board.chip;
    let scene = Scene::open(firmware, board, false)?;
    for (name, test) in TESTS {
        one(chip, name, *test, &scene)?;
    }
    // The longest certificates, and the most stack.
    let scene = Scene::with_key(firmware, board, "4096", false)?;
    one(chip, "does it all with a CA of 4096 bits", initiator, &scene)
}

fn one(chip: &str, name: &str, test: Test, scene: &Scene) -> Result<(), String> {
    let start = Instant::now();
    test(scene).map_err(|e| format!("{chip} {name}: {e}"))?;
    eprintln!("    ok: {chip} {name} ({:.1} s)", start.elapsed().as_secs_f64());
    Ok(())
}

fn initiator(scene: &Scene) -> Result<(), String> {
    for line in ["enrolled until ", "identity: initiator, as stored"] {
        let (bob, port) = scene.listener("initiator")?;
        let to = format!("{HOST}:{port}");
        let words = and(
            scene.provision("initiator")?,
            &["--connect", &to, "--peer-subject", "bob", "--send", READING],
        );
        let board = scene.board("board", Wire::Host, &words)?.wait()?;
        let answer = format!("bob: {ANSWER}");
        board.expect(0, &[line, "peer: bob, certificate verified", &answer, "exit 0: done"])?;
        bob.wait()?.expect(0, &[READING])?;
    }
    Ok(())
}

fn responder(scene: &Scene) -> Result<(), String> {
    let port = free_port()?;
    let words = and(
        scene.provision("responder")?,
        &["--listen", "0.0.0.0:9101", "--peer-subject", "bob", "--send", READING],
    );
    let mut board = scene.board("board", Wire::Listening(port), &words)?;
    board.line("listening at 10.0.2.15:9101")?;
    let to = format!("127.0.0.1:{port}");
    let connect = ["connect", "--identity", "bob", "--peer", &to, "--peer-subject", "responder"];
    let bob = scene.host("bob", &[connect.as_slice(), &["--send", ANSWER, "--expect", READING]].concat())?;
    bob.wait()?.expect(0, &[READING])?;
    let answer = format!("bob: {ANSWER}");
    board.wait()?.expect(0, &["peer: bob, certificate verified", &answer, "exit 0: done"]).map(drop)
}

fn two_boards(scene: &Scene) -> Result<(), String> {
    let (first, second) = boards(scene)?;
    let (heard, answer) = (format!("second: {READING}"), format!("first: {ANSWER}"));
    first.expect(0, &["peer: second, certificate verified", &heard])?;
    second.expect(0, &["peer: first, certificate verified", &answer]).map(drop)
}

/// A board of its own that only enrols, with `more` words in front of the usual ones.
fn enrols(scene: &Scene, name: &str, more: &str, code: i32, line: &str) -> Result<(), String> {
    let mut words = scene.provision(name)?;
    words.insert(0, more.to_owned());
    scene.board("board", Wire::Host, &words)?.wait()?.expect(code, &[line]).map(drop)
}

fn static_address(scene: &Scene) -> Result<(), String> {
    enrols(scene, "static", "ip=10.0.2.40/24", 0, "enrolled until ")
}

fn no_clock(scene: &Scene) -> Result<(), String> {
    enrols(scene, "timeless", "clock=none", 0, "time: at least ")
}

fn wrong_fingerprint(scene: &Scene) -> Result<(), String> {
    let mut wrong = scene.fingerprint.clone();
    let last = if wrong.ends_with('0') { "1" } else { "0" };
    wrong.replace_range(wrong.len().saturating_sub(1).., last);
    // Of an option that comes twice, the last counts.
    let words = and(scene.provision("misled")?, &["--fingerprint", &wrong]);
    scene.board("board", Wire::Host, &words)?.wait()?.expect(14, &["exit 14: "]).map(drop)
}

fn wrong_peer(scene: &Scene) -> Result<(), String> {
    let (_bob, port) = scene.listener("picky")?;
    let to = format!("{HOST}:{port}");
    let words = and(scene.provision("picky")?, &["--connect", &to, "--peer-subject", "carol"]);
    scene.board("board", Wire::Host, &words)?.wait()?.expect(40, &["exit 40: "]).map(drop)
}

fn no_ca(scene: &Scene) -> Result<(), String> {
    let ca = format!("{HOST}:{}", free_port()?);
    let words = and(scene.provision("lonely")?, &["--ca", &ca]);
    scene.board("board", Wire::Host, &words)?.wait()?.expect(10, &["exit 10: "]).map(drop)
}

fn silent_ca(scene: &Scene) -> Result<(), String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
    let ca = format!("{HOST}:{}", listener.local_addr().map_err(|e| e.to_string())?.port());
    let words = and(scene.provision("patient")?, &["--ca", &ca, "--deadline", "1"]);
    let start = Instant::now();
    scene.board("board", Wire::Host, &words)?.wait()?.expect(11, &["exit 11: "])?;
    let took = start.elapsed().as_secs_f64();
    if took < 10.0 { Ok(()) } else { Err(format!("a deadline of 1 s took {took:.1} s")) }
}

fn no_peer(scene: &Scene) -> Result<(), String> {
    let words = and(scene.provision("forgotten")?, &["--listen", "0.0.0.0:9101", "--deadline", "1"]);
    scene.board("board", Wire::Host, &words)?.wait()?.expect(31, &["exit 31: "]).map(drop)
}
