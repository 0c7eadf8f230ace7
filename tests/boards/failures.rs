//! Each way in which a board itself fails ends the run, with an exit code of its own.

use std::time::Instant;

use minipki_qemu::{Board, Wire};
use minipki_tests::board::{Ended, Scene, ended, program};

on_each_board! {
    each_failure_has_its_own_code,
    without_entropy_there_is_no_device,
    without_an_address_there_is_no_device,
    words_that_make_no_sense_do_not_start_it,
}

fn run(board: Board, name: &str, word: &str) -> Ended {
    let start = Instant::now();
    ended(program(board, name, Wire::None, &[word.to_owned()], &std::env::temp_dir()), start)
}

fn each_failure_has_its_own_code(board: Board) {
    for (word, code, line) in [
        ("by=panic", 101, "panic at "),
        ("by=undefined", 102, "fault: "),
        ("by=wild-read", 102, "address 0x30000000"),
        ("by=flash-write", 102, "address 0x00001000"),
        ("by=overflow", 103, "stack overflow"),
        ("by=big-frame", 103, "stack overflow"),
        ("by=nothing", 2, "usage: "),
    ] {
        assert_eq!(run(board, "fail", word).says(line).code, Some(code), "{word}");
    }
}

fn without_entropy_there_is_no_device(board: Board) {
    let scene = Scene::new(board);
    for (source, line) in [("/dev/null", "has run dry"), ("/nowhere", "cannot read entropy from /nowhere")] {
        let ended = scene.device("sensor").word(&format!("entropy={source}")).run();
        assert_eq!(ended.says(line).code, Some(104), "{source}");
        assert!(!scene.path("sensor/identity").exists(), "nothing was made up");
    }
}

fn without_an_address_there_is_no_device(board: Board) {
    let scene = Scene::new(board);
    let ended = scene.device("sensor").wired(Wire::None).run();
    assert_eq!(ended.says("the network gave no address").within(20).code, Some(105));
}

fn words_that_make_no_sense_do_not_start_it(board: Board) {
    let scene = Scene::new(board);
    for (word, line) in [
        ("ip=10.0.2.15", "ip=10.0.2.15 is not like 10.0.2.15/24"),
        ("ip=10.0.2.15/33", "ip=10.0.2.15/33 is not like 10.0.2.15/24"),
        ("clock=sun", "clock=sun is neither host nor none"),
        ("--sned", "there is no option --sned"),
    ] {
        let device = scene.device("sensor");
        let device = if word.starts_with("--") { device.told(&[word]) } else { device.word(word) };
        assert_eq!(device.run().says(line).says("exit 2: usage").code, Some(2), "{word}");
    }
}
