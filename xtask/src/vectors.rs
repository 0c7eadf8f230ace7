//! `cargo xtask vectors`: checks that each test vector has an origin in vectors/README.md, and a test that reads it.

use crate::tree;

/// The page with a row for each file or folder: | `path` | origin | licence |
const PAGE: &str = "vectors/README.md";

/// The folders with code that reads vectors.
const READERS: &[&str] = &["tests", "benches", "fuzz", "core", "host"];

/// A row of the page.
struct Row<'a> {
    path: &'a str,
    origin: &'a str,
}

/// Compares the folder with its page and its readers, and prints the origin of each vector.
pub(crate) fn run() -> Result<(), String> {
    let root = tree::root();
    let page = tree::read(&root.join(PAGE))?;
    let files: Vec<String> =
        tree::files(&root.join("vectors"), "").iter().map(|path| tree::name(path)).collect();
    let mut sources = Vec::new();
    for path in READERS.iter().flat_map(|reader| tree::files(&root.join(reader), "rs")) {
        sources.push(tree::read(&path)?);
    }
    let errors = compare(&page, &files, &sources);
    if !errors.is_empty() {
        return Err(format!("{} errors\n       {}", errors.len(), errors.join("\n       ")));
    }
    for row in rows(&page).filter_map(Result::ok) {
        let count = files.iter().filter(|file| row.holds(file)).count();
        eprintln!("    {count:>4}  {:<28} {}", row.path, row.origin);
    }
    eprintln!("    to make a vector again, follow its origin; never edit a vector by hand");
    Ok(())
}

fn compare(page: &str, files: &[String], sources: &[String]) -> Vec<String> {
    let mut errors: Vec<String> = rows(page).filter_map(Result::err).collect();
    let rows: Vec<Row<'_>> = rows(page).filter_map(Result::ok).collect();
    for file in files.iter().filter(|file| *file != PAGE && !rows.iter().any(|row| row.holds(file))) {
        errors.push(format!("{PAGE}: no row names the origin of `{file}`"));
    }
    for row in &rows {
        if !files.iter().any(|file| row.holds(file)) {
            errors.push(format!("{PAGE}: `{}` does not exist", row.path));
        }
        if !sources.iter().any(|source| row.is_read_by(source)) {
            errors.push(format!("{PAGE}: no test reads `{}`", row.path));
        }
    }
    errors
}

/// The rows of the page's tables. A row without an origin or a licence is an error.
fn rows(page: &str) -> impl Iterator<Item = Result<Row<'_>, String>> {
    page.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cells: Vec<&str> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim_matches([' ', '`'])).collect();
        match cells[..] {
            [path, origin, licence] if !origin.is_empty() && !licence.is_empty() => Ok(Row { path, origin }),
            _ => Err(format!("{PAGE}: not | `path` | origin | licence |: {line}")),
        }
    })
}

impl Row<'_> {
    fn holds(&self, file: &str) -> bool {
        let inside =
            file.strip_prefix("vectors/").and_then(|file| file.strip_prefix(self.path.trim_end_matches('/')));
        inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether a source names the whole path, as `vectors("…")` or a file's path, or the folder and the file.
    fn is_read_by(&self, source: &str) -> bool {
        let path = self.path.trim_end_matches('/');
        let names = |path: &str| {
            source.contains(&format!("\"{path}\"")) || source.contains(&format!("vectors/{path}"))
        };
        names(path) || path.rsplit_once('/').is_some_and(|(folder, file)| names(folder) && names(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_OF_TWO: &str = "| file | origin | licence |\n| --- | --- | --- |\n| `rsa/key.pem` | openssl genrsa 2048 | MIT |\n| `json/refuse` | by hand | MIT |\n";

    fn errors(page: &str, files: &[&str], source: &str) -> usize {
        let files: Vec<String> = files.iter().map(|file| format!("vectors/{file}")).collect();
        compare(page, &files, &[source.to_owned()]).len()
    }

    #[test]
    fn a_vector_with_a_row_and_a_reader_passes() {
        let source = "include_str!(\"../../vectors/rsa/key.pem\"); vectors(\"json/refuse\")";
        assert_eq!(errors(PAGE_OF_TWO, &["README.md", "rsa/key.pem", "json/refuse/null"], source), 0);
        let source = "root.join(\"../vectors/rsa\").join(\"key.pem\"); vectors(\"json/refuse\")";
        assert_eq!(errors(PAGE_OF_TWO, &["rsa/key.pem", "json/refuse/null"], source), 0);
    }

    #[test]
    fn an_unlisted_a_missing_and_an_unread_vector_fail() {
        let source = "include_str!(\"../../vectors/rsa/key.pem\"); vectors(\"json/refuse\")";
        assert_eq!(errors(PAGE_OF_TWO, &["rsa/key.pem", "json/refuse/null", "json/refused"], source), 1);
        assert_eq!(errors(PAGE_OF_TWO, &["rsa/key.pem"], source), 1);
        assert_eq!(errors(PAGE_OF_TWO, &["rsa/key.pem", "json/refuse/null"], "vectors(\"json/refuse\")"), 1);
    }

    #[test]
    fn a_row_without_an_origin_fails() {
        assert_eq!(errors("| `json` | | MIT |\n", &[], ""), 1);
        assert_eq!(errors("| `json` | by hand | one more | MIT |\n", &[], ""), 1);
    }
}
