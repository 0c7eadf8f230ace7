//! Small random changes of valid inputs.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The maximum length of an input.
const LONGEST: usize = 8192;

/// Byte strings with a meaning for the parsers.
const WORDS: &[&[u8]] = &[
    b" ",
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\\",
    b"0",
    b"9007199254740991",
    b"true",
    b"null",
    b"=",
    b"\"type\":",
    b"\xff",
    b"\0",
    b"\0\0\0\x01",
    b"\0\0\x10\0",
    b"\xff\xff\xff\xff",
];

/// A generator of changed inputs. The seed determines the inputs.
pub(crate) struct Mutator {
    rng: ChaCha8Rng,
    corpus: Vec<Vec<u8>>,
    input: Vec<u8>,
}

impl Mutator {
    pub(crate) fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Self {
        Mutator { rng: ChaCha8Rng::seed_from_u64(seed), corpus, input: Vec::new() }
    }

    pub(crate) fn next(&mut self) -> &[u8] {
        let pick = self.below(self.corpus.len());
        self.input.clone_from(&self.corpus[pick]);
        for _ in 0..=self.below(4) {
            self.change();
        }
        self.input.truncate(LONGEST);
        &self.input
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.rng.next_u64() % limit.max(1) as u64) as usize
    }

    fn change(&mut self) {
        let at = self.below(self.input.len());
        let end = (at + 1 + self.below(16)).min(self.input.len());
        match self.below(7) {
            0 if at < end => self.input[at] ^= 1 << self.below(8),
            1 if at < end => self.input[at] = self.rng.next_u32() as u8,
            2 if at < end => drop(self.input.drain(at..end)),
            3 if at < end => {
                let again = self.input[at..end].to_vec();
                self.input.splice(at..at, again);
            }
            4 => self.input.truncate(at),
            5 => {
                // Append the rest of another input.
                let other = self.below(self.corpus.len());
                let from = self.below(self.corpus[other].len());
                self.input.truncate(at);
                self.input.extend_from_slice(&self.corpus[other][from..]);
            }
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                self.input.splice(at..at, word.iter().copied());
            }
        }
    }
}
