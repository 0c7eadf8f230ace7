//! The claims of the README and of the pages under `docs/`: commands, figures, pictures, links and names of tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use minipki_tests::console::TestConsole;
use minipki_tests::console_program::{PICTURES, SCHEMES, picture_file};

const README: &str = include_str!("../../README.md");

/// The commands in the shell blocks of the README that start with `word`, without comments.
fn commands(word: &str) -> Vec<Vec<&'static str>> {
    let blocks = README.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let lines = blocks.flat_map(str::lines).map(|line| line.split('#').next().unwrap_or_default());
    lines
        .map(|line| line.split_whitespace().collect())
        .filter(|words: &Vec<_>| words.first() == Some(&word))
        .collect()
}

#[test]
fn demo_and_test_are_the_first_commands() {
    let first: Vec<_> = commands("cargo").into_iter().take(2).map(|words| words.join(" ")).collect();
    assert_eq!(first, ["cargo run --release -- demo", "cargo xtask test"]);
}

/// Whether a line has a ratio in the format of the benchmarks: `1.62x`.
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

#[test]
fn the_cpu_of_a_certificate_over_256_connections_is_that_of_the_benchmarks() {
    let (_, section) =
        include_str!("../../docs/benchmarks.md").split_once("<!-- with-ifma -->").expect("a section");
    let row = section.lines().find(|line| line.starts_with("| minipki, 256 connections, kept |"));
    let bold: Vec<_> = row.expect("a row").split("**").skip(1).step_by(2).collect();
    let (classic, proven) = (bold[0], bold[2]);
    let claim =
        format!("takes {classic} (classic form) or {proven} (proven form) of the CPU of one signature");
    let readme = README.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&claim), "the README does not say: {claim}");
}

/// A path below the project's root.
fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// All texts between `start` and `end`.
fn between<'t>(text: &'t str, start: &'t str, end: char) -> impl Iterator<Item = &'t str> {
    text.split(start).skip(1).map(move |rest| rest.split(end).next().unwrap_or_default())
}

#[tokio::test]
async fn every_page_of_the_console_has_its_picture() {
    let console = TestConsole::start().await;
    let page = console.enter().await.get("/").await.expect(200).body;
    let (_, navigation) = page.split_once("<nav aria-label=\"Pages\">").expect("a navigation");
    let (navigation, _) = navigation.split_once("</nav>").expect("the end of the text");
    let pages: BTreeSet<_> = between(navigation, "href=\"", '"').collect();
    assert_eq!(PICTURES.into_iter().map(|(_, page)| page).collect::<BTreeSet<_>>(), pages);
}

#[test]
fn the_pictures_in_docs_are_the_screenshots() {
    let there: BTreeSet<_> = fs::read_dir(at_root("docs/img"))
        .expect("`cargo xtask screenshots` makes it")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("a name"))
        .collect();
    let taken: BTreeSet<_> =
        PICTURES.iter().flat_map(|(name, _)| SCHEMES.map(|scheme| picture_file(name, scheme))).collect();
    assert_eq!(there, taken, "run `cargo xtask screenshots`");
}

#[test]
fn every_picture_of_the_readme_has_both_colours_and_a_description() {
    let shown: Vec<_> =
        between(README, "<picture>", '\0').map(|rest| rest.split("</picture>").next()).collect();
    assert!(shown.len() > 1, "the README has pictures");
    for picture in shown.into_iter().flatten() {
        let attribute = |name: &'static str| between(picture, name, '"').next().expect(name);
        let (dark, light) = (attribute("srcset=\""), attribute("src=\""));
        assert_eq!(dark.replace("-dark.", "-light."), light);
        assert!(at_root(dark).is_file() && at_root(light).is_file(), "{picture}");
        assert!(attribute("alt=\"").split_whitespace().count() > 3, "{picture}");
    }
    assert_eq!(README.matches("<img").count(), README.matches("<picture>").count());
}

#[test]
fn every_link_of_the_readme_leads_to_a_file() {
    let links: Vec<_> = between(README, "](", ')').filter(|link| !link.starts_with("http")).collect();
    assert!(links.len() > 5, "the README links to the pages");
    for link in links {
        assert!(at_root(link).exists(), "{link}");
    }
}

/// Appends all Rust sources in a folder to `into`.
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
fn every_test_named_in_threats_and_faults_exists() {
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
            // Some tests run with each provider, some on each board, some on each engine of a ledger.
            let forms = ["()", "<P: TestProvider>()", "(board: Board)", "(engine: &dyn Engine)"];
            let forms = forms.map(|form| format!("fn {name}{form}"));
            assert!(forms.iter().any(|form| text.contains(form)), "no test is called {name}");
        }
    }
}
