//! A comparison of both engines with random sequences of calls.

use minipki_ca::ports::{
    CertificateFormat, Inquiry, Ledger, LedgerCounts, LedgerError, LedgerFacts, LedgerReader, TokenBook,
    TokenHash, TokenState,
};
use minipki_ledger_memory::MemoryStorage;
use proptest::prelude::*;

use crate::{Draft, Engine, NOW, SEED, Sqlite, at, id, key};

/// The subject, key, token and end of a certificate, as small numbers.
type Item = (u8, u8, Option<u8>, u64);

#[derive(Clone, Debug)]
enum Step {
    /// Add this token for this subject, with this end.
    Add(u8, u8, u64),
    /// Revoke the token at this index of the list.
    Revoke(usize),
    /// Record a batch this number of seconds later.
    Record(Vec<Item>, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let item = (0..3u8, 1..3u8, prop::option::of(0..6u8), 0..40u64);
    prop_oneof![
        2 => (0..6u8, 0..3u8, 0..40u64).prop_map(|(token, subject, end)| Step::Add(token, subject, end)),
        1 => (0..6usize).prop_map(Step::Revoke),
        4 => (prop::collection::vec(item, 1..4), 0..9u64).prop_map(|(batch, later)| Step::Record(batch, later)),
    ]
}

fn token(number: u8) -> TokenHash {
    TokenHash::of(&number.to_string())
}

/// The open ports of an engine.
struct Opened {
    ledger: Box<dyn Ledger>,
    reader: Box<dyn LedgerReader>,
    book: Box<dyn TokenBook>,
}

/// All answers of an engine, without the random numbers of tokens.
#[derive(Debug, PartialEq, Eq)]
struct Answers {
    counts: LedgerCounts,
    facts: Vec<LedgerFacts>,
    usable: Vec<Vec<TokenHash>>,
    tokens: Vec<(String, u64, TokenState)>,
}

impl Opened {
    fn new(engine: &dyn Engine) -> Self {
        let (reader, book) = (engine.reader().expect("opened"), engine.tokens().expect("opened"));
        Self { ledger: engine.ledger(), reader, book }
    }

    fn apply(&mut self, step: &Step, now: u64) -> Result<(), String> {
        match step {
            // No two tokens end at the same time, since their order would be random.
            Step::Add(number, subject, end) => self.book.add(
                token(*number),
                id(&subject.to_string()).as_id(),
                at(NOW + end * 10 + u64::from(*number)),
                at(now),
            ),
            Step::Revoke(index) => {
                let tokens = self.reader.list_tokens(None, 9).expect("listed");
                let id = tokens.get(*index).map_or(0, |token| token.id);
                self.book.revoke(id, at(now))
            }
            Step::Record(batch, _) => {
                let drafts: Vec<_> = batch
                    .iter()
                    .map(|(subject, byte, number, end)| {
                        Draft::new(&subject.to_string(), *byte, NOW + end * 10, number.map(token))
                    })
                    .collect();
                let serials = self.ledger.reserve(drafts.len(), CertificateFormat::Json).expect("reserved");
                let batch: Vec<_> =
                    drafts.iter().zip(serials).map(|(draft, serial)| draft.with(serial)).collect();
                self.ledger.record(&batch, at(now))
            }
        }
        .map_err(|error: LedgerError| error.to_string())
    }

    fn answers(&mut self, now: u64) -> Answers {
        let names: Vec<_> = (0..3u8).map(|subject| id(&subject.to_string())).collect();
        let (keys, mut usable, mut inquiries) = ([key(1), key(2)], Vec::new(), Vec::new());
        for name in &names {
            for subject_key in &keys {
                let mut tokens = self.ledger.tokens(name.as_id(), subject_key, at(now)).expect("read");
                tokens.sort_by_key(|token| *token.as_bytes());
                usable.push(tokens);
                for token in [None].into_iter().chain((0..6).map(|number| Some(token(number)))) {
                    inquiries.push(Inquiry { subject_id: name.as_id(), subject_key, token });
                }
            }
        }
        let facts = self.ledger.facts(&inquiries, at(now)).expect("read");
        let tokens = self.reader.list_tokens(None, 9).expect("listed");
        Answers {
            counts: self.reader.counts(at(now)).expect("counted"),
            facts: facts.into_iter().map(|facts| facts.expect("a sound row")).collect(),
            usable,
            tokens: tokens
                .into_iter()
                .map(|token| (token.subject_id.to_string(), token.expires.get(), token.state))
                .collect(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn both_engines_answer_any_sequence_of_calls_in_the_same_way(steps in prop::collection::vec(step(), 1..24)) {
        let (sqlite, memory) = (Sqlite::default(), MemoryStorage::new(SEED));
        let (mut sqlite_ports, mut memory_ports) = (Opened::new(&sqlite), Opened::new(&memory));
        let mut now = NOW;
        for step in steps {
            if let Step::Record(_, later) = &step {
                now += later;
            }
            prop_assert_eq!(sqlite_ports.apply(&step, now), memory_ports.apply(&step, now), "{:?}", step);
            // At a time before the newest, at the newest, and at a later one.
            for time in [now - 5, now, now + 100] {
                prop_assert_eq!(sqlite_ports.answers(time), memory_ports.answers(time), "{:?} at {}", step, time);
            }
        }
    }
}
