//! Failures of a board. Each has its own exit code.

use std::time::Instant;

use minipki_qemu::{Board, Wire};
use minipki_tests::board::{Ended, Scenario, ended, program};

on_each_board! {
    each_failure_has_its_own_code,
    without_entropy_the_device_does_not_start,
    without_an_address_the_device_does_not_start,
    wrong_arguments_do_not_start_the_device,
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

fn without_entropy_the_device_does_not_start(board: Board) {
    let scenario = Scenario::new(board);
    for (source, line) in [("/dev/null", "is empty"), ("/nowhere", "cannot read entropy from /nowhere")] {
        let ended = scenario.device("sensor").setting(&format!("entropy={source}")).run();
        assert_eq!(ended.says(line).code, Some(104), "{source}");
        assert!(!scenario.path("sensor/identity").exists(), "a key was made without entropy");
    }
}

fn without_an_address_the_device_does_not_start(board: Board) {
    let scenario = Scenario::new(board);
    let ended = scenario.device("sensor").wired(Wire::None).run();
    assert_eq!(ended.says("the network gave no address").within(20).code, Some(105));
}

fn wrong_arguments_do_not_start_the_device(board: Board) {
    let scenario = Scenario::new(board);
    for (word, line) in [
        ("ip=10.0.2.15", "ip=10.0.2.15 is not like 10.0.2.15/24"),
        ("ip=10.0.2.15/33", "ip=10.0.2.15/33 is not like 10.0.2.15/24"),
        ("clock=sun", "clock=sun is neither host nor none"),
        ("--sned", "there is no option --sned"),
    ] {
        let device = scenario.device("sensor");
        let device = if word.starts_with("--") { device.with(&[word]) } else { device.setting(word) };
        assert_eq!(device.run().says(line).says("exit 2: usage").code, Some(2), "{word}");
    }
}
