//! A running program and its output lines.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::shown;

/// The time limit of each wait. Only an error takes that long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running program; killed when dropped.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    output: Vec<String>,
}

/// The exit code and the output of a program.
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) output: Vec<String>,
}

impl Process {
    /// Starts a program. With `show`, prints the command and each output line after the name.
    pub(super) fn start(name: &'static str, mut command: Command, show: bool) -> Result<Self, String> {
        if show {
            println!("{name:>8} $ {}", shown(&command));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("`{}` did not start: {e}", shown(&command)))?;
        let (sender, lines) = channel();
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as _),
            child.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        for pipe in pipes.into_iter().flatten() {
            forward(name, pipe, sender.clone(), show);
        }
        Ok(Self { name, child, lines, output: Vec::new() })
    }

    /// Waits for a line that contains `text`.
    pub(super) fn wait_for_line(&mut self, text: &str) -> Result<String, String> {
        let until = Instant::now() + TIMEOUT;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.output.push(line.clone());
            if line.contains(text) {
                return Ok(line);
            }
        }
        Err(format!("{} never printed {text:?}:\n{}", self.name, self.output.join("\n")))
    }

    /// Waits for a line that contains `127.0.0.1:PORT`, and returns the port.
    pub(super) fn wait_for_port(&mut self) -> Result<u16, String> {
        const HOST: &str = "127.0.0.1:";
        let line = self.wait_for_line(HOST)?;
        let port = line.split(HOST).nth(1).unwrap_or_default();
        let digits = port.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        digits.parse().map_err(|_| format!("{} printed no port: {line}", self.name))
    }

    /// Waits for the end of the program.
    pub(super) fn wait(mut self) -> Result<Ended, String> {
        let until = Instant::now() + TIMEOUT;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.output.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("{} did not end:\n{}", self.name, self.output.join("\n")));
                }
            }
        }
        // The pipes are closed, so the program has ended or ends now.
        let status = self.child.wait().map_err(|e| format!("{}: {e}", self.name))?;
        let output = std::mem::take(&mut self.output);
        let code = status.code().ok_or_else(|| format!("{}: {status}\n{}", self.name, output.join("\n")))?;
        Ok(Ended { code, output })
    }
}

impl Ended {
    /// Checks the exit code, and that a line contains each of `texts`.
    pub(super) fn expect(self, code: i32, texts: &[&str]) -> Result<Self, String> {
        let missing = texts.iter().find(|text| !self.output.iter().any(|line| line.contains(**text)));
        match missing {
            _ if self.code != code => {
                Err(format!("exit code {}, not {code}:\n{}", self.code, self.output.join("\n")))
            }
            Some(text) => Err(format!("no line with {text:?}:\n{}", self.output.join("\n"))),
            None => Ok(self),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both calls fail only if the program has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(name: &'static str, pipe: Box<dyn Read + Send>, to: Sender<String>, show: bool) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if minipki_qemu::is_noise(&line) {
                continue;
            }
            if show {
                println!("{name:>8} | {line}");
            }
            if to.send(line).is_err() {
                return;
            }
        }
    });
}
