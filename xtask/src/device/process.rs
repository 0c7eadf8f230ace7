//! A program that runs beside us: its lines, shown as they come where a person is to see them.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::steps::shown;

/// How long anything may take: only what is broken takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; killed when dropped.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

/// How a program ended, and all that it said.
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) heard: Vec<String>,
}

impl Process {
    /// Starts it. Where `show`, each of its lines is printed behind its name.
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
        Ok(Self { name, child, lines, heard: Vec::new() })
    }

    /// Waits for a line with `text` in it.
    pub(super) fn line(&mut self, text: &str) -> Result<String, String> {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.heard.push(line.clone());
            if line.contains(text) {
                return Ok(line);
            }
        }
        Err(format!("{} never said {text:?}:\n{}", self.name, self.heard.join("\n")))
    }

    /// The port of the `127.0.0.1:PORT` in the next line that has one.
    pub(super) fn port(&mut self) -> Result<u16, String> {
        const HOST: &str = "127.0.0.1:";
        let line = self.line(HOST)?;
        let port = line.split(HOST).nth(1).unwrap_or_default();
        let digits = port.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        digits.parse().map_err(|_| format!("{} named no port: {line}", self.name))
    }

    /// Waits until it ends by itself.
    pub(super) fn wait(mut self) -> Result<Ended, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.heard.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("{} did not end:\n{}", self.name, self.heard.join("\n")));
                }
            }
        }
        // Its pipes are closed: it ends now, or has.
        let status = self.child.wait().map_err(|e| format!("{}: {e}", self.name))?;
        let heard = std::mem::take(&mut self.heard);
        let code = status.code().ok_or_else(|| format!("{}: {status}\n{}", self.name, heard.join("\n")))?;
        Ok(Ended { code, heard })
    }
}

impl Ended {
    /// This end, if it was with `code`, after a line with each of `texts`.
    pub(super) fn expect(self, code: i32, texts: &[&str]) -> Result<Self, String> {
        let missing = texts.iter().find(|text| !self.heard.iter().any(|line| line.contains(**text)));
        match missing {
            _ if self.code != code => {
                Err(format!("exit code {}, not {code}:\n{}", self.code, self.heard.join("\n")))
            }
            Some(text) => Err(format!("no line with {text:?}:\n{}", self.heard.join("\n"))),
            None => Ok(self),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
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
