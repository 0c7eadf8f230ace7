//! The tests that the pages under `docs/` name must exist.

use std::fs;
use std::path::Path;

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
    for folder in ["core", "host", "tests", "xtask"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder), &mut text);
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
            let forms =
                ["()", "<P: TestProvider>()", "(board: Board)"].map(|form| format!("fn {name}{form}"));
            assert!(forms.iter().any(|form| text.contains(form)), "no test is called {name}");
        }
    }
}
