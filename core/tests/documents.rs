//! What the pages under `docs/` say of the code must be so.

use std::fs;
use std::path::Path;

use minipki_core::wire::Code;

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("the tests are here") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_test_named_on_the_pages_of_threats_and_faults_exists() {
    let mut text = String::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Some tests stand beside what they test, since they reach what is private there.
    let others = ["../host", "../core/src", "../xtask/src"].map(|folder| tests.join(folder));
    for folder in [tests].into_iter().chain(others.iter().map(|folder| folder.as_path())) {
        sources(folder, &mut text);
    }
    let pages = [(include_str!("../../docs/threats.md"), 20), (include_str!("../../docs/faults.md"), 40)];
    for (page, least) in pages {
        let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
        let named: Vec<&str> = rows
            .flat_map(|row| row.rsplit('|').nth(1).expect("a last column").split('`').skip(1).step_by(2))
            .collect();
        assert!(named.len() >= least, "the page has its tables");
        for name in named {
            // Some run under each provider, some on each board.
            let forms = ["()", "<P: Provider>()", "(board: Board)"].map(|form| format!("fn {name}{form}"));
            assert!(forms.iter().any(|form| text.contains(form)), "no test is called {name}");
        }
    }
}

#[test]
fn the_protocol_page_has_every_code_of_a_refusal() {
    let page = include_str!("../../docs/protocol.md");
    let (_, table) = page.split_once("| code | meaning |").expect("the table of codes");
    let mut named: Vec<&str> =
        table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    // What stands for a code that this version does not know is never sent.
    let mut codes: Vec<_> = Code::all().filter(|&code| code != Code::Other).map(Code::as_str).collect();
    named.sort_unstable();
    codes.sort_unstable();
    assert_eq!(named, codes);
}
