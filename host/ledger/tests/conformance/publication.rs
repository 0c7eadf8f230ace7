//! The publication of the CA: its public URLs, while it issues.

use minipki_ca::{PublicUrl, Publication};

use crate::{Engine, on_each_engine};

on_each_engine! {
    a_public_url_counts_at_once_and_stays_known
}

fn a_public_url_counts_at_once_and_stays_known(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let mut reader = engine.reader().expect("opened");
    let url = |text: &str| text.parse::<PublicUrl>().expect("a URL");
    let (a, b) = (url("http://a.example"), url("http://b.example"));
    let shards = Publication::default().shards;
    for (set, former) in [
        (None, vec![]),
        (Some(&a), vec![]),
        (Some(&b), vec![&a]),
        (Some(&b), vec![&a]),
        (None, vec![&b, &a]),
        (Some(&a), vec![&b]),
        (Some(&b), vec![&a]),
    ] {
        engine.set_public_url(set).expect("set");
        let expected =
            Publication { shards, url: set.cloned(), former: former.into_iter().cloned().collect() };
        assert_eq!(reader.publication().expect("read"), expected);
        assert_eq!(ledger.publication().expect("read"), expected);
    }
}
