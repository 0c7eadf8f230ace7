//! A real bash that runs the lines of a document, one by one, as its reader does.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::program;

/// The line that marks the end of a command, with its exit code.
const MARK: &str = "@@end of the command: ";

/// A running bash. Its programs end with it.
pub struct Bash {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Bash {
    /// Starts bash in `folder`, with the built program first in its path.
    ///
    /// # Panics
    /// If bash cannot be started.
    pub fn start(folder: &Path, home: &Path) -> Self {
        let mut paths = vec![program::path().parent().expect("a program is in a folder").to_owned()];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut bash = Command::new("bash");
        // Errors and output come in one stream, as at a terminal.
        bash.args(["--noprofile", "--norc", "-c", "exec bash --noprofile --norc 2>&1"]);
        bash.current_dir(folder).env("HOME", home).env("LC_ALL", "C.UTF-8");
        bash.env("PATH", std::env::join_paths(paths).expect("paths without a colon"));
        program::without_variables(&mut bash);
        let mut child = bash.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash starts");
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.expect("a pipe"));
        Self { child, input: input.expect("a pipe"), output }
    }

    /// Runs one line. Returns its output and its exit code.
    ///
    /// # Panics
    /// If bash has ended.
    pub fn run(&mut self, line: &str) -> (String, i32) {
        writeln!(self.input, "{line}\nprintf '\\n{MARK}%s\\n' $?").expect("bash reads");
        let mut text = String::new();
        loop {
            let start = text.len();
            let read = self.output.read_line(&mut text).expect("bash writes text");
            assert!(read > 0, "bash has ended after {line:?}:\n{text}");
            if let Some(code) = text[start..].strip_prefix(MARK) {
                let code = code.trim_end().parse().expect("a number");
                text.truncate(start);
                return (text, code);
            }
        }
    }
}

impl Drop for Bash {
    fn drop(&mut self) {
        // The programs in the background are jobs of this bash. A CA must have stopped before it is served again.
        let _ = writeln!(self.input, "kill $(jobs -p) 2> /dev/null\nwait\nexit");
        let _ = self.child.wait();
    }
}
