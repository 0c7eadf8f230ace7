//! The README's commands, as they stand there.

use std::collections::BTreeMap;

use minipki_tests::program::{Running, run, start};
use tempfile::TempDir;

const README: &str = include_str!("../../README.md");

/// The lines of the README's shell blocks that start with `word`, without their comments.
fn commands(word: &str) -> Vec<Vec<&'static str>> {
    let blocks = README.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let lines = blocks.flat_map(str::lines).map(|line| line.split('#').next().unwrap_or_default());
    lines
        .map(|line| line.split_whitespace().collect())
        .filter(|words: &Vec<_>| words.first() == Some(&word))
        .collect()
}

#[test]
fn the_five_minutes_run_as_they_stand_there() {
    let folder = TempDir::new().expect("a folder for the test");
    let mut running: Vec<Running> = Vec::new();
    // What the text has in place of what this run finds out.
    let mut found = BTreeMap::from([("F", String::new())]);
    let mut seen = Vec::new();
    for words in commands("minipki") {
        let mut arguments: Vec<String> = words[1..]
            .iter()
            .map(|word| found.get(word).cloned().unwrap_or_else(|| (*word).to_owned()))
            .collect();
        let command =
            arguments.iter().take_while(|word| !word.starts_with('-')).cloned().collect::<Vec<_>>().join(" ");
        match command.as_str() {
            // Not a whole command: it stands for any with that option.
            "enroll" if words.contains(&"…") => continue,
            "ca serve" | "console" | "listen" => {
                arguments.extend(["--listen".into(), "127.0.0.1:0".into()]);
                let mut program = start(folder.path(), &arguments);
                let (said, place) = match command.as_str() {
                    "listen" => ("listening", "127.0.0.1:9101"),
                    "console" => ("the console serves", "127.0.0.1:9080"),
                    _ => ("serving", "127.0.0.1:9000"),
                };
                found.insert(place, program.address(said));
                running.push(program);
            }
            "connect" => {
                // Nobody types here.
                arguments.extend(["--send".into(), "hello".into()]);
                run(folder.path(), &arguments).expect(0);
            }
            "ca init" => {
                let made = run(folder.path(), &arguments).expect(0);
                found.insert("F", made.stdout.trim_end().to_owned());
            }
            _ => drop(run(folder.path(), &arguments).expect(0)),
        }
        seen.push(command);
    }
    for command in [
        "ca init",
        "ca serve",
        "enroll",
        "listen",
        "connect",
        "ca list",
        "inspect alice/certificate.json",
        "ca token",
        "console",
    ] {
        assert!(seen.iter().any(|one| one == command), "the README does not show `{command}`");
    }
}

#[test]
fn the_two_commands_are_the_first() {
    let first: Vec<_> = commands("cargo").into_iter().take(2).map(|words| words.join(" ")).collect();
    assert_eq!(first, ["cargo run --release -- demo", "cargo xtask test"]);
}

/// A ratio as the benchmarks write them: `1.62x`.
fn has_ratio(line: &str) -> bool {
    line.split_whitespace().any(|word| {
        let number = word.trim_start_matches('(').split_once('x').map(|(number, _)| number);
        number.is_some_and(|number| number.contains('.') && number.parse::<f64>().is_ok())
    })
}

#[test]
fn each_ratio_is_one_of_the_benchmarks() {
    let page = include_str!("../../docs/benchmarks.md");
    let ratios: Vec<_> = README.lines().filter(|line| has_ratio(line)).collect();
    assert!(ratios.len() > 3, "the README has figures");
    for line in ratios {
        assert!(page.contains(line.trim_end_matches('|')), "docs/benchmarks.md does not say: {line}");
    }
}
