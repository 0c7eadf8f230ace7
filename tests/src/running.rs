//! A program that runs beside a test: its output, its signals and its terminal.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::mem::take;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The longest wait for output. Only a broken program exceeds it.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The result of a program.
#[derive(Debug)]
pub struct Done {
    /// The exit code; `None` if a signal ended the program.
    pub code: Option<i32>,
    /// The text of standard output.
    pub stdout: String,
    /// The text of standard error.
    pub stderr: String,
}

impl Done {
    /// Checks the exit code.
    ///
    /// # Panics
    /// If it is not `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// A running program. It is killed when this is dropped.
pub struct Running {
    child: Child,
    lines: Receiver<(Stream, String)>,
    stdout: Output,
    stderr: Output,
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Error,
}

/// The output on one stream. The order of lines on different streams is not known.
#[derive(Default)]
struct Output {
    text: String,
    /// The bytes that [`Running::line`] has returned or skipped.
    passed: usize,
}

impl Output {
    /// The next line that contains `text`, if there is one.
    fn next(&mut self, text: &str) -> Option<String> {
        let mut end = self.passed;
        for line in self.text[self.passed..].split_inclusive('\n') {
            end += line.len();
            if line.contains(text) {
                self.passed = end;
                return Some(line.to_owned());
            }
        }
        None
    }
}

impl Running {
    /// Starts `command` and reads both of its streams.
    pub(crate) fn new(command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (sender, lines) = channel();
        forward(Stream::Out, child.stdout.take().expect("the stream is a pipe"), sender.clone());
        forward(Stream::Error, child.stderr.take().expect("the stream is a pipe"), sender);
        Self { child, lines, stdout: Output::default(), stderr: Output::default() }
    }

    /// Starts `command` with this input.
    pub(crate) fn with_input(command: &mut Command, input: &[u8]) -> Self {
        let mut running = Self::new(command.stdin(Stdio::piped()));
        let mut stdin = running.child.stdin.take().expect("the stream is a pipe");
        stdin.write_all(input).expect("the program reads");
        running
    }

    /// Starts `command` with a terminal as its input.
    pub(crate) fn at_terminal(command: &mut Command) -> (Self, Terminal) {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the system has terminals");
        grantpt(&keys).and_then(|()| unlockpt(&keys)).expect("the owner may change it");
        let name = ptsname(&keys, Vec::new()).expect("the terminal has a name");
        let input = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("the terminal opens");
        (Self::new(command.stdin(Stdio::from(input))), Terminal(keys.into()))
    }

    /// Starts `command` with its standard error going to `stderr`. The test does not see that stream.
    pub(crate) fn with_stderr(command: &mut Command, stderr: Stdio) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut child = child.expect("the program starts");
        let (sender, lines) = channel();
        forward(Stream::Out, child.stdout.take().expect("the stream is a pipe"), sender);
        Self { child, lines, stdout: Output::default(), stderr: Output::default() }
    }

    /// The process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that contains `text`, and returns it. Skips the lines before it on the same stream.
    ///
    /// # Panics
    /// If the program ends or is silent for too long before that.
    #[track_caller]
    pub fn line(&mut self, text: &str) -> String {
        loop {
            if let Some(line) = self.stdout.next(text).or_else(|| self.stderr.next(text)) {
                return line;
            }
            match self.lines.recv_timeout(TIMEOUT) {
                Ok((stream, line)) => self.keep(stream, &line),
                Err(_) => panic!("no line with {text:?} in:\n{}{}", self.stdout.text, self.stderr.text),
            }
        }
    }

    /// The `127.0.0.1:PORT` in the next line that contains `text`.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn address(&mut self, text: &str) -> String {
        let line = self.line(text);
        let start = line.find("127.0.0.1:").expect("the line names an address");
        line[start..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect()
    }

    /// Sends the program a signal. `name` is its name without `SIG`.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Sends SIGTERM and waits for the end of the program.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn stop(self) -> Done {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for the end of the program.
    ///
    /// # Panics
    /// If the program does not end and is silent for too long.
    pub fn wait(mut self) -> Done {
        loop {
            match self.lines.recv_timeout(TIMEOUT) {
                Ok((stream, line)) => self.keep(stream, &line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("the program hangs:\n{}{}", self.stdout.text, self.stderr.text)
                }
            }
        }
        let code = self.child.wait().expect("the program was started").code();
        Done { code, stdout: take(&mut self.stdout.text), stderr: take(&mut self.stderr.text) }
    }

    fn keep(&mut self, stream: Stream, line: &str) {
        let output = match stream {
            Stream::Out => &mut self.stdout,
            Stream::Error => &mut self.stderr,
        };
        output.text.push_str(line);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The program may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends each line, with its line end, to `to`.
fn forward(stream: Stream, from: impl Read + Send + 'static, to: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = String::new();
        // Invalid UTF-8 ends the loop. The test does not see the output after it.
        while from.read_line(&mut line).is_ok_and(|n| n > 0) && to.send((stream, take(&mut line))).is_ok() {}
    });
}

/// The keyboard of a program's terminal.
pub struct Terminal(File);

impl Terminal {
    /// Types a line.
    ///
    /// # Panics
    /// If the terminal is closed.
    pub fn types(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).expect("the terminal is open");
    }

    /// Waits until the terminal shows `text`. Returns all that it has shown since the last call.
    ///
    /// # Panics
    /// If the terminal is closed before.
    pub fn shows(&mut self, text: &str) -> String {
        let mut shown = Vec::new();
        while !String::from_utf8_lossy(&shown).contains(text) {
            let mut some = [0; 256];
            let len = self.0.read(&mut some).expect("the terminal is open");
            shown.extend_from_slice(&some[..len]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Presses one key, without the Enter key.
    ///
    /// # Panics
    /// If the terminal is closed.
    pub fn presses(&mut self, key: u8) {
        self.0.write_all(&[key]).expect("the terminal is open");
    }

    /// Types Ctrl-D at the beginning of a line, which ends the input.
    ///
    /// # Panics
    /// If the terminal is closed.
    pub fn ends(&mut self) {
        self.0.write_all(b"\x04").expect("the terminal is open");
    }
}
