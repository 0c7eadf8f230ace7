//! A comparison of both engines with random sequences of calls.

use minipki_ca::ports::{
    CertificateFormat, CertificateRecord, Inquiry, IssuerKey, IssuerKeyUse, Ledger, LedgerCounts,
    LedgerError, LedgerFacts, LedgerReader, NewCertificate, Page, RevocationBook, RevocationChange,
    RevocationRecord, RevokedPage, StatedStatus, TokenBook, TokenHash, TokenState,
};
use minipki_core::keys::Fingerprint;
use minipki_core::trust::{RevocationReason, Serial};
use proptest::prelude::*;

use crate::{Draft, Engine, NOW, Sqlite, at, id, in_memory, key};

/// The subject, key, token and end of a certificate, as small numbers, and the index of the certificate that it renews
/// with whether it supersedes it.
type Item = (u8, u8, Option<u8>, u64, Option<(usize, bool)>);

#[derive(Clone, Debug)]
enum Step {
    /// Add this token for this subject, with this end.
    Add(u8, u8, u64),
    /// Revoke the token at this index of the list.
    Revoke(usize),
    /// Record a batch this number of seconds later.
    Record(Vec<Item>, u64),
    /// Change the revocations of the certificates at these indexes, for these reasons, by the holder or an operator.
    Change(Vec<(usize, RevocationReason, bool)>),
    /// Change the key of the CA to this one.
    ChangeKey(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let renews = prop::option::weighted(0.3, (0..8usize, any::<bool>()));
    let item = (0..3u8, 1..3u8, prop::option::of(0..6u8), 0..40u64, renews);
    // Most changes put on hold or lift, so that some can be lifted.
    let reason = prop_oneof![
        Just(RevocationReason::CertificateHold),
        Just(RevocationReason::RemoveFromHold),
        Just(RevocationReason::KeyCompromise),
        Just(RevocationReason::Unspecified),
    ];
    prop_oneof![
        2 => (0..6u8, 0..3u8, 0..40u64).prop_map(|(token, subject, end)| Step::Add(token, subject, end)),
        1 => (0..6usize).prop_map(Step::Revoke),
        4 => (prop::collection::vec(item, 1..4), 0..9u64).prop_map(|(batch, later)| Step::Record(batch, later)),
        3 => prop::collection::vec((0..8usize, reason, any::<bool>()), 1..4).prop_map(Step::Change),
        1 => (1..6u8).prop_map(Step::ChangeKey),
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
    revocations: Box<dyn RevocationBook>,
    /// The certificates in the order of issue.
    serials: Vec<Serial>,
}

/// All answers of an engine, without the random numbers of tokens.
#[derive(Debug, PartialEq, Eq)]
struct Answers {
    counts: LedgerCounts,
    facts: Vec<LedgerFacts>,
    usable: Vec<Vec<TokenHash>>,
    tokens: Vec<(String, u64, TokenState)>,
    statuses: (u64, Vec<StatedStatus>),
    /// The keys of the CA, and the revoked certificates of each.
    keys: Vec<(IssuerKeyUse, RevokedPage)>,
    revoked: RevokedPage,
    histories: Vec<Vec<RevocationRecord>>,
    certificates: Vec<CertificateRecord>,
}

impl Opened {
    fn new(engine: &dyn Engine) -> Self {
        let (reader, book) = (engine.reader().expect("opened"), engine.tokens().expect("opened"));
        let revocations = engine.revocations(at(NOW)).expect("opened");
        Self { ledger: engine.ledger(), reader, book, revocations, serials: Vec::new() }
    }

    /// The certificate at an index, if there is one.
    fn serial(&self, index: usize) -> Option<Serial> {
        self.serials.get(index % self.serials.len().max(1)).copied()
    }

    /// Makes changes, alternately with the ledger and beside it. Returns the text of all outcomes.
    fn change(&mut self, changes: &[(usize, RevocationReason, bool)], now: u64) -> String {
        let changes: Vec<_> = changes
            .iter()
            .filter_map(|(index, reason, by_holder)| {
                let serial = self.serial(*index)?;
                Some(match by_holder {
                    true => RevocationChange::by_holder(serial, *reason),
                    false => RevocationChange::new(serial, *reason, "x"),
                })
            })
            .collect();
        let beside = self.serials.len().is_multiple_of(2);
        let book = if beside { self.revocations.as_mut() } else { &mut *self.ledger };
        format!("{:?}", book.revoke(&changes, at(now)).expect("written"))
    }

    fn apply(&mut self, step: &Step, now: u64) -> Result<String, String> {
        match step {
            // No two tokens end at the same time, since their order would be random.
            Step::Add(number, subject, end) => self.book.add(
                token(*number),
                id(&subject.to_string()).as_id(),
                at(NOW + end * 10 + u64::from(*number)),
                None,
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
                    .map(|(subject, byte, number, end, _)| {
                        Draft::new(&subject.to_string(), *byte, NOW + end * 10, number.map(token))
                    })
                    .collect();
                let serials = self.ledger.reserve(drafts.len(), CertificateFormat::Json).expect("reserved");
                let zipped = drafts.iter().zip(&serials).zip(batch);
                let new = zipped.map(|((draft, serial), item)| {
                    let renews = item.4.and_then(|(index, _)| self.serial(index));
                    let supersede = item.4.is_some_and(|(_, supersede)| supersede);
                    NewCertificate { renews, supersede, lifetime: Some(item.3), ..draft.with(*serial) }
                });
                let batch: Vec<_> = new.collect();
                let recorded = self.ledger.record(&batch, at(now));
                if recorded.is_ok() {
                    self.serials.extend(&serials);
                }
                recorded
            }
            Step::ChangeKey(byte) => {
                let fingerprint = Fingerprint(key(*byte));
                let update = Some(format!("{{\"by\":{}}}", byte - 1).into_bytes());
                self.ledger.change_key(&IssuerKey { fingerprint, not_before: at(now), update }, at(now))
            }
            Step::Change(changes) => return Ok(self.change(changes, now)),
        }
        .map(|()| String::new())
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
                let subject_id = name.as_id();
                for token in [None].into_iter().chain((0..6).map(|number| Some(token(number)))) {
                    inquiries.push(Inquiry { subject_id, subject_key, token, renews: None });
                }
                for renews in self.serials.iter().copied().map(Some) {
                    inquiries.push(Inquiry { subject_id, subject_key, token: None, renews });
                }
            }
        }
        let facts = self.ledger.facts(&inquiries, at(now)).expect("read");
        let tokens = self.reader.list_tokens(None, 9).expect("listed");
        let mut serials = self.serials.clone();
        serials.push(Serial::new(1).expect("a number that nobody has drawn"));
        let (number, stated) = self.ledger.statuses(&serials).expect("read");
        let statuses = (number, stated.into_iter().map(|stated| stated.expect("a sound row")).collect());
        let keys = self.reader.issuer_keys().expect("read").into_iter().map(|key| {
            let revoked = self.reader.list_revoked(Some(key.key.fingerprint), None, 99).expect("listed");
            (key, revoked)
        });
        let keys = keys.collect();
        let histories =
            self.serials.iter().map(|serial| self.reader.revocation_history(*serial).expect("read"));
        Answers {
            keys,
            statuses,
            histories: histories.collect(),
            revoked: self.reader.list_revoked(None, None, 99).expect("listed"),
            certificates: self.reader.list(Page { subject: None, after: 0, limit: 99 }).expect("listed"),
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
        let (sqlite, model) = (Sqlite::default(), in_memory());
        let (mut sqlite_ports, mut memory_ports) = (Opened::new(&sqlite), Opened::new(&model));
        let mut now = NOW;
        for step in steps {
            if let Step::Record(_, later) = &step {
                now += later;
            }
            prop_assert_eq!(sqlite_ports.apply(&step, now), memory_ports.apply(&step, now), "{:?}", step);
            // At a time before the newest, at the newest, and at a later one.
            for time in [now - 5, now, now + 100] {
                let answers = sqlite_ports.answers(time);
                prop_assert_eq!(&answers, &memory_ports.answers(time), "{:?} at {}", step, time);
                // Each number was used once, and none was left out.
                let mut numbers: Vec<_> = answers.histories.iter().flatten().map(|one| one.number).collect();
                numbers.sort_unstable();
                prop_assert!(numbers.into_iter().eq(1..=answers.statuses.0));
            }
        }
    }
}
