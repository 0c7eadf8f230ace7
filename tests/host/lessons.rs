//! The lessons in `docs/learn`: their commands run in a real bash, in order, and print what the pages show.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use minipki_tests::bash::Bash;
use tempfile::TempDir;

/// The pages with commands, in their order.
const PAGES: [(&str, &str); 9] = [
    ("README.md", include_str!("../../docs/learn/README.md")),
    ("1-keys.md", include_str!("../../docs/learn/1-keys.md")),
    ("2-possession.md", include_str!("../../docs/learn/2-possession.md")),
    ("3-certificate.md", include_str!("../../docs/learn/3-certificate.md")),
    ("4-trust.md", include_str!("../../docs/learn/4-trust.md")),
    ("5-handshake.md", include_str!("../../docs/learn/5-handshake.md")),
    ("6-noise-and-tls.md", include_str!("../../docs/learn/6-noise-and-tls.md")),
    ("7-attacks.md", include_str!("../../docs/learn/7-attacks.md")),
    ("8-time.md", include_str!("../../docs/learn/8-time.md")),
];

/// The ports in the pages. Each run has free ones in their place.
const PORTS: [&str; 5] = ["9000", "9001", "9101", "9102", "9443"];

/// Text that is left out, or different in each run.
const GAP: &str = "…";

/// The time in which a program that was started answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A block of commands, and the output that the page shows for it.
struct Block<'p> {
    commands: Vec<&'p str>,
    output: Option<Vec<&'p str>>,
}

/// The blocks of a page.
fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for fenced in page.split("```").skip(1).step_by(2) {
        let (language, content) = fenced.split_once('\n').expect("a block has lines");
        let lines = content.lines().filter(|line| !line.trim().is_empty()).collect();
        if language == "sh" {
            blocks.push(Block { commands: lines, output: None });
            continue;
        }
        let block = blocks.last_mut().filter(|block| language == "output" && block.output.is_none());
        block.unwrap_or_else(|| panic!("{language:?} is not expected here: {content}")).output = Some(lines);
    }
    blocks
}

/// Whether the block only reads files, so that it can be run again.
fn reads_only(commands: &[&str]) -> bool {
    commands.iter().all(|line| ["grep ", "tail ", "cat "].iter().any(|reader| line.starts_with(reader)))
}

/// Whether `line` is the `shown` one. A gap stands for any text.
fn fits(shown: &str, line: &str) -> bool {
    let pieces: Vec<&str> = shown.trim_end().split(GAP).collect();
    let [first, middle @ .., last] = &pieces[..] else { return shown.trim_end() == line.trim_end() };
    let rest = line.trim_end().strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let Some(mut rest) = rest else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

/// Compares an output with the shown one. A line that is only a gap stands for any number of lines.
fn compare(shown: &[String], output: &str) -> Result<(), String> {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let (mut at, mut gap) = (0, false);
    for wanted in shown {
        if wanted.trim() == GAP {
            gap = true;
            continue;
        }
        let rest = lines.get(at..).unwrap_or_default();
        let found = rest.iter().take(if gap { rest.len() } else { 1 }).position(|line| fits(wanted, line));
        at += 1 + found.ok_or_else(|| format!("the page shows {wanted:?}, not in:\n{output}"))?;
        gap = false;
    }
    if gap || at == lines.len() { Ok(()) } else { Err(format!("the page does not show all of:\n{output}")) }
}

/// Runs pages in a folder of their own.
struct Reader {
    home: TempDir,
    ports: BTreeMap<&'static str, String>,
}

impl Reader {
    fn new() -> Self {
        // All sockets stay open until each port is chosen, so that no port comes twice.
        let sockets = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let ports =
            sockets.each_ref().map(|socket| socket.local_addr().expect("it is bound").port().to_string());
        Self {
            home: TempDir::new().expect("a folder for the test"),
            ports: PORTS.into_iter().zip(ports).collect(),
        }
    }

    /// The text with the ports of this run.
    fn with_ports(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (port, free)| {
            text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{free}"))
        })
    }

    fn lab(&self) -> PathBuf {
        self.home.path().join("pki-lab")
    }

    /// Runs a page in a new bash.
    fn read(&self, name: &str, page: &str) {
        let folder = if self.lab().exists() { self.lab() } else { self.home.path().to_owned() };
        let mut shell = Bash::start(&folder, self.home.path());
        for block in blocks(page) {
            self.run(&mut shell, name, &block);
        }
    }

    fn run(&self, shell: &mut Bash, name: &str, block: &Block<'_>) {
        let shown =
            block.output.as_ref().map(|shown| shown.iter().map(|line| self.with_ports(line)).collect());
        // Where a page shows no output, any is good.
        let shown: Vec<_> = shown.unwrap_or_else(|| vec![GAP.to_owned()]);
        let until = Instant::now() + PATIENCE;
        loop {
            let output: Result<String, String> =
                block.commands.iter().map(|line| self.command(shell, line)).collect();
            match output.and_then(|output| compare(&shown, &output)) {
                Ok(()) => return,
                // Another program may not have written its line yet.
                Err(_) if reads_only(&block.commands) && Instant::now() < until => {
                    thread::sleep(Duration::from_millis(100));
                }
                Err(problem) => panic!("{name}, after {:?}: {problem}", block.commands),
            }
        }
    }

    /// Runs one line. Returns its output, or a wrong exit code.
    fn command(&self, shell: &mut Bash, line: &str) -> Result<String, String> {
        // The test has built the program.
        if line == "cargo build --release" {
            return Ok(String::new());
        }
        let log = line.ends_with('&').then(|| {
            let file = line.split("> ").nth(1).and_then(|rest| rest.split(' ').next());
            self.lab().join(file.expect("a program in the background has a log"))
        });
        if let Some(log) = &log {
            // A log of the lesson before would look like a start. Usually there is none.
            let _ = fs::remove_file(log);
        }
        let (output, code) = shell.run(&self.with_ports(line));
        let fails = line.ends_with("# fails");
        if (code != 0) != fails {
            return Err(format!("{line}: exit code {code}:\n{output}"));
        }
        if let Some(log) = &log {
            wait_for_start(log, line);
        }
        Ok(output)
    }
}

/// Waits until a program that was started says that it is ready.
fn wait_for_start(log: &Path, line: &str) {
    if line.starts_with("openssl") {
        return;
    }
    let ready = ["INFO serving", "is listening on", "waits at"];
    let until = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        if ready.iter().any(|word| text.contains(word)) {
            return;
        }
        assert!(Instant::now() < until, "{line} does not start:\n{text}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_lessons_run_in_order_and_print_what_they_show() {
    let reader = Reader::new();
    for (name, page) in PAGES {
        reader.read(name, page);
    }
}

#[test]
fn every_lesson_has_commands_outputs_and_a_question_with_a_folded_answer() {
    for (name, page) in &PAGES[1..] {
        let blocks = blocks(page);
        assert!(blocks.len() >= 3, "{name} has commands");
        assert!(blocks.iter().filter(|block| block.output.is_some()).count() >= 2, "{name} shows outputs");
        for part in
            ["\n## What to look at\n", "\n## Question\n", "\n<details>\n<summary>Answer</summary>\n\n"]
        {
            assert_eq!(page.matches(part).count(), 1, "{name}: {part:?}");
        }
        assert!(page.contains("\n</details>\n"), "{name}");
    }
}

#[test]
fn the_comparison_of_outputs_finds_differences() {
    let shown = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    let output = "one 17 two\n\nthree\nfour\n";
    for good in [&["one … two", "three", "four"][..], &["…", "four"], &["one …", "…"], &["…"]] {
        assert_eq!(compare(&shown(good), output), Ok(()), "{good:?}");
    }
    for bad in [&["one … two"][..], &["one … three", "…"], &["three", "four"], &["…", "five", "…"], &[]]
    {
        assert!(compare(&shown(bad), output).is_err(), "{bad:?}");
    }
}

#[test]
fn every_link_of_the_lessons_leads_to_a_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/learn");
    let mut links = 0;
    for entry in fs::read_dir(&folder).expect("the lessons are here") {
        let path = entry.expect("an entry").path();
        let page = fs::read_to_string(&path).expect("a page");
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(folder.join(link).exists(), "{}: {link}", path.display());
            links += 1;
        }
    }
    assert!(links > 15, "the pages have links");
}
