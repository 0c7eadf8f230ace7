//! The commands of the README, pasted line by line into terminals with bash in an empty folder.

use std::collections::BTreeMap;

use minipki_tests::shell::{Network, Shell};
use tempfile::TempDir;

const README: &str = include_str!("../../README.md");

/// The blocks for a shell that use the program.
fn blocks() -> impl Iterator<Item = &'static str> {
    let blocks = README.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.filter(|block| block.contains("minipki ") && !block.contains("cargo "))
}

/// A text that shows that the command of `line` has begun to wait; `None` if it ends by itself.
fn waits(line: &str) -> Option<&'static str> {
    let waiting = [
        ("minipki ca serve", "serving"),
        ("minipki listen", "is listening on"),
        ("minipki connect", "open: "),
        ("minipki console", "the console serves"),
    ];
    waiting.into_iter().find_map(|(command, text)| line.starts_with(command).then_some(text))
}

/// The terminal of a block, as the README says.
fn terminal(block: &str) -> &'static str {
    match block {
        block if ["ca init", "ca rollover"].iter().any(|command| block.contains(command)) => "ca",
        block if ["--subject bob", "listen --identity bob"].iter().any(|command| block.contains(command)) => {
            "bob"
        }
        block if block.contains("minipki console") => "console",
        _ => "alice",
    }
}

#[test]
fn the_lines_of_the_readme_work_as_they_stand() {
    let folder = TempDir::new().expect("a folder");
    let network = Network::new();
    let mut shells: BTreeMap<&str, (Shell, bool)> = BTreeMap::new();
    let mut seen = Vec::new();
    for block in blocks() {
        let name = terminal(block);
        let (shell, busy) = shells.entry(name).or_insert_with(|| (network.shell(folder.path()), false));
        if std::mem::take(busy) {
            shell.interrupts();
        }
        for line in block.lines().filter(|line| !line.is_empty()) {
            assert!(!*busy, "a command before this line waits: {line}");
            shell.types(line);
            if let Some(text) = waits(line) {
                shell.shows(text);
                *busy = true;
            } else {
                assert_eq!(shell.code(), 0, "{line}");
            }
            seen.push(line);
        }
        if block.contains("minipki connect") {
            shells.get_mut("alice").expect("a terminal").0.types("hello");
            shells.get_mut("bob").expect("a terminal").0.shows("alice: hello");
        }
    }
    let commands = [
        "ca init",
        "ca serve",
        "enroll",
        "listen",
        "connect",
        "ca list",
        "inspect",
        "verify",
        "ca token",
        "status",
        "ca revoke",
        "ca revocations",
        "console",
        "ca backup",
        "ca check",
        "ca rollover",
        "anchors",
    ];
    for command in commands {
        let command = format!("minipki {command} ");
        assert!(seen.iter().any(|line| line.starts_with(&command)), "the README does not show `{command}`");
    }
    // The program is found in each terminal after these two lines.
    assert!(README.contains("```sh\ncargo build --release\nexport PATH=\"$PWD/target/release:$PATH\"\n```"));
}
