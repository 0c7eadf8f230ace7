//! `cargo xtask instructions`: how many instructions the core's hot paths take, held to a table.
//!
//! Callgrind counts the same on a busy machine as on an idle one. Its processor has AVX2 and neither SHA-NI nor
//! AVX-512, so the counts are of code that every PC runs. They change with the compiler, which is why the
//! table names it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::shown;
use crate::{tree, valgrind};

const TABLE: &str = "benches/instructions/table.txt";
const PROGRAM: &str = "minipki-instructions";

/// How far from the table a count may be, in percent.
const TOLERANCE: f64 = 2.0;

/// What a path took.
#[derive(Clone, Debug, PartialEq)]
struct Count {
    path: String,
    instructions: u64,
}

/// Counts, and compares with the table or writes it: `[--bless]`.
pub(crate) fn run(bless: bool) -> Result<(), String> {
    if !valgrind::IS_SUPPORTED {
        eprintln!("    not counted: the table is of x86-64 under Linux");
        return Ok(());
    }
    let counts = count()?;
    let compiler = compiler()?;
    let path = tree::root().join(TABLE);
    if bless {
        fs::write(&path, render(&compiler, &counts)).map_err(|e| format!("cannot write {TABLE}: {e}"))?;
        eprintln!("    {} counts written to {TABLE}", counts.len());
        return Ok(());
    }
    let faults = compare(&tree::read(&path)?, &compiler, &counts)?;
    if faults.is_empty() {
        eprintln!("    {} paths are within {TOLERANCE} % of {TABLE}", counts.len());
        return Ok(());
    }
    Err(format!("{TABLE}:\n       {}", faults.join("\n       ")))
}

/// Runs the program once under callgrind, which writes two files for each path: what came before it, and itself.
fn count() -> Result<Vec<Count>, String> {
    let program = valgrind::build(PROGRAM)?;
    let folder = tree::root().join("target/instructions");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let mut callgrind = Command::new("valgrind");
    callgrind
        .args(["--quiet", "--tool=callgrind", "--callgrind-out-file=counts"])
        .args(["--dump-before=*minipki_counted*", "--dump-before=*minipki_done*"])
        .arg(program)
        .current_dir(&folder);
    let line = shown(&callgrind);
    eprintln!("    $ {line}");
    let output = callgrind.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "`{line}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let names = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>();
    names.into_iter().zip((2..).step_by(2)).map(|(path, number)| read_count(&folder, path, number)).collect()
}

/// The count in callgrind's file of this number: `totals: 1234567`.
fn read_count(folder: &Path, path: String, number: usize) -> Result<Count, String> {
    let file: PathBuf = folder.join(format!("counts.{number}"));
    let text = tree::read(&file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    let instructions = total.filter(|total| *total > 0).ok_or(format!("nothing was counted for `{path}`"))?;
    Ok(Count { path, instructions })
}

fn compiler() -> Result<String, String> {
    let output = Command::new("rustc").arg("--version").output().map_err(|e| format!("`rustc`: {e}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn render(compiler: &str, counts: &[Count]) -> String {
    let mut table = format!("# Written by `cargo xtask instructions --bless`, with\n{compiler}\n\n");
    for Count { path, instructions } in counts {
        let _ = writeln!(table, "{instructions:>12}  {path}");
    }
    table
}

/// What the table has otherwise.
fn compare(table: &str, compiler: &str, counts: &[Count]) -> Result<Vec<String>, String> {
    let mut lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let blessed = lines.next().unwrap_or_default();
    if blessed != compiler {
        return Err(format!(
            "{TABLE} is of {blessed}, and this is {compiler}: look at what has changed, then bless it"
        ));
    }
    let mut expected = Vec::new();
    for line in lines {
        let parsed = line.trim().split_once("  ").and_then(|(count, path)| Some((count.parse().ok()?, path)));
        let (instructions, path) = parsed.ok_or(format!("{TABLE}: cannot read `{line}`"))?;
        expected.push(Count { path: path.to_owned(), instructions });
    }
    let mut faults = Vec::new();
    for Count { path, instructions: found } in counts {
        let Some(Count { instructions, .. }) = expected.iter().find(|expected| expected.path == *path) else {
            faults.push(format!("{path}: {found}, and it is not in the table"));
            continue;
        };
        let percent = (*found as f64 / *instructions as f64 - 1.0) * 100.0;
        if percent.abs() > TOLERANCE {
            faults.push(format!("{path}: {found}, {percent:+.1} % of {instructions}"));
        }
    }
    for Count { path, .. } in expected.iter().filter(|one| !counts.iter().any(|count| count.path == one.path))
    {
        faults.push(format!("{path}: not counted any more"));
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(verify: u64) -> Vec<Count> {
        [("sign", 5_000_000), ("verify", verify)]
            .map(|(path, instructions)| Count { path: path.to_owned(), instructions })
            .to_vec()
    }

    #[test]
    fn a_table_holds_what_was_blessed_to_it() {
        let table = render("rustc 1", &counts(100_000));
        let faults = |verify| compare(&table, "rustc 1", &counts(verify)).map(|faults| faults.len());
        assert_eq!(faults(100_000), Ok(0));
        assert_eq!(faults(101_900), Ok(0));
        assert_eq!(faults(102_100), Ok(1));
        assert_eq!(faults(97_900), Ok(1), "a path that became quicker is to be held to that");
    }

    #[test]
    fn a_path_that_comes_or_goes_and_another_compiler_are_noticed() {
        let table = render("rustc 1", &counts(100_000));
        assert_eq!(compare(&table, "rustc 1", &counts(100_000)[..1]).map(|faults| faults.len()), Ok(1));
        let more = [counts(100_000), vec![Count { path: "new".to_owned(), instructions: 1 }]].concat();
        assert_eq!(compare(&table, "rustc 1", &more).map(|faults| faults.len()), Ok(1));
        assert!(compare(&table, "rustc 2", &counts(100_000)).is_err());
    }
}
