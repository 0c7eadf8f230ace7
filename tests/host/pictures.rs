//! The pictures of the console: of every page, in both lights; and what the README shows and links to is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use minipki_tests::console::TestConsole;
use minipki_tests::pictures::{LIGHTS, PICTURES, file};

const README: &str = include_str!("../../README.md");

/// A path from the project's root.
fn at_root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// What stands between `start` and `end`, wherever it does.
fn between<'t>(text: &'t str, start: &'t str, end: char) -> impl Iterator<Item = &'t str> {
    text.split(start).skip(1).map(move |rest| rest.split(end).next().unwrap_or_default())
}

#[tokio::test]
async fn every_page_of_the_console_has_its_picture() {
    let console = TestConsole::start().await;
    let page = console.enter().await.get("/").await.expect(200).body;
    let (_, navigation) = page.split_once("<nav aria-label=\"Pages\">").expect("a navigation");
    let (navigation, _) = navigation.split_once("</nav>").expect("its end");
    let pages: BTreeSet<_> = between(navigation, "href=\"", '"').collect();
    assert_eq!(PICTURES.into_iter().map(|(_, page)| page).collect::<BTreeSet<_>>(), pages);
}

#[test]
fn the_pictures_are_those_that_are_taken() {
    let there: BTreeSet<_> = fs::read_dir(at_root("docs/img"))
        .expect("`cargo xtask screenshots` makes it")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("a name"))
        .collect();
    let taken: BTreeSet<_> =
        PICTURES.iter().flat_map(|(name, _)| LIGHTS.map(|light| file(name, light))).collect();
    assert_eq!(there, taken, "run `cargo xtask screenshots`");
}

#[test]
fn what_the_readme_shows_is_there_in_both_lights_and_said_in_words() {
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
fn what_the_readme_links_to_is_there() {
    let links: Vec<_> = between(README, "](", ')').filter(|link| !link.starts_with("http")).collect();
    assert!(links.len() > 5, "the README links to the pages");
    for link in links {
        assert!(at_root(link).exists(), "{link}");
    }
}
