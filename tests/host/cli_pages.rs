//! Help pages, completions and colours of the program.

use std::fs;
use std::path::Path;

use minipki_tests::program::{run, run_with};
use tempfile::TempDir;

/// Collects every command with the words that select it.
fn commands(command: &clap::Command, words: &[String], all: &mut Vec<(Vec<String>, clap::Command)>) {
    all.push((words.to_vec(), command.clone()));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        commands(inner, &[words, &[inner.get_name().to_owned()]].concat(), all);
    }
}

#[test]
fn every_page_has_an_example_that_parses() {
    let folder = TempDir::new().expect("a folder for the test");
    let mut all = Vec::new();
    commands(&minipki::cli::command(), &[], &mut all);
    assert!(all.len() >= 13, "only {} commands", all.len());
    for (words, _) in all {
        let page = run(folder.path(), &[&words[..], &["--help".to_owned()]].concat()).expect(0).stdout;
        let examples: Vec<_> = page
            .lines()
            .skip_while(|line| !line.starts_with("Example"))
            .filter_map(|line| line.strip_prefix("  minipki"))
            .collect();
        assert!(!examples.is_empty(), "no example: minipki {}", words.join(" "));
        for example in examples {
            let arguments = std::iter::once("minipki").chain(example.split_whitespace());
            let parsed = minipki::cli::command().try_get_matches_from(arguments);
            assert!(parsed.is_ok(), "`minipki{example}`: {}", parsed.expect_err("a parse error"));
        }
    }
}

#[test]
fn every_command_and_option_is_explained() {
    minipki::cli::command().debug_assert();
    let mut all = Vec::new();
    commands(&minipki::cli::command(), &[], &mut all);
    for (words, command) in all {
        assert!(command.get_about().is_some(), "minipki {} has no description", words.join(" "));
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} of {words:?} is not explained", argument.get_id());
        }
    }
}

#[test]
fn the_exit_codes_are_documented() {
    let folder = TempDir::new().expect("a folder for the test");
    let page = run(folder.path(), &["--help"]).expect(0).stdout;
    for code in ["  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "  5  ", "  6  ", "  7  ", "  130"] {
        assert!(page.contains(code), "{code:?} in {page}");
    }
}

#[test]
fn completions_for_each_shell() {
    let folder = TempDir::new().expect("a folder for the test");
    for shell in ["bash", "zsh", "fish"] {
        let script = run(folder.path(), &["completions", shell]).expect(0);
        assert!(script.stdout.contains("fingerprint") && script.stderr.is_empty(), "{shell}");
    }
}

#[test]
fn a_wrong_command_line_is_code_2() {
    let folder = TempDir::new().expect("a folder for the test");
    let wrong: [&[&str]; 8] = [
        &[],
        &["serve"],
        &["ca", "init"],
        &["ca", "init", "--dir", "ca", "--bits", "1024"],
        &["ca", "init", "--dir", "ca", "--issuer-id", "no spaces"],
        &["ca", "token", "--dir", "ca", "--subject", "alice", "--expires-in", "soon"],
        &["enroll", "--ca", "127.0.0.1:9", "--subject", "alice", "--out", "alice"],
        &["verify", "--anchor", "a", "--at", "yesterday", "b"],
    ];
    for arguments in wrong {
        let refused = run(folder.path(), arguments).expect(2);
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{refused:?}");
    }
}

#[test]
fn colours_only_where_they_are_requested() {
    let folder = TempDir::new().expect("a folder for the test");
    let arguments = ["inspect", "nothing.json"];
    let plain = run(folder.path(), &arguments).expect(1).stderr;
    assert!(!plain.contains('\u{1b}'), "no colours into a pipe: {plain:?}");
    let forced = run_with(folder.path(), &arguments, &[("CLICOLOR_FORCE", "1")]).expect(1).stderr;
    assert!(forced.contains('\u{1b}'), "colours can be forced: {forced:?}");
    let refused =
        run_with(folder.path(), &arguments, &[("CLICOLOR_FORCE", "0"), ("NO_COLOR", "1")]).expect(1).stderr;
    assert!(!refused.contains('\u{1b}'), "NO_COLOR is honoured: {refused:?}");
}

#[test]
fn the_commands_of_the_readme_parse() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).expect("the README exists");
    let mut commands = 0;
    for line in readme.lines().filter(|line| line.starts_with("minipki ")) {
        let command = line.split(" #").next().unwrap_or(line);
        let fingerprint = "00".repeat(32);
        // A shell puts the fingerprint into the place of its variable.
        let quoted = "\"$fingerprint\"";
        let words = command.split_whitespace().map(|word| if word == quoted { &*fingerprint } else { word });
        let parsed = minipki::cli::command().try_get_matches_from(words);
        assert!(parsed.is_ok(), "`{line}`: {}", parsed.expect_err("a parse error"));
        commands += 1;
    }
    assert!(commands >= 8, "only {commands} commands");
}
