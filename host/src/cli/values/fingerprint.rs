//! Fingerprints: the digits as programs print them, or the words that the console shows.

use minipki_core::keys::Fingerprint;

use minipki_ca::pgp_words;

/// Parses the fingerprint of a CA: 64 hexadecimal digits in either case, with or without separators and a name of the
/// digest in front, or its 32 words.
pub(in crate::cli) fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    let is_separator = |c: char| c.is_whitespace() || c == ',';
    let text = text.trim_start_matches('\u{feff}');
    let words: Vec<_> = text.split(is_separator).filter(|word| !word.is_empty()).collect();
    let is_word = |word: &&str| word.chars().all(char::is_alphabetic);
    // No word of the list has only hexadecimal digits.
    let is_hex = |word: &&str| word.chars().all(|c| c.is_ascii_hexdigit());
    if words.len() > 1 && words.iter().all(is_word) && !words.iter().all(is_hex) {
        return from_words(&words);
    }
    Fingerprint::from_typed(text).map_err(|error| error.to_string())
}

fn from_words(words: &[&str]) -> Result<Fingerprint, String> {
    let bytes = pgp_words::bytes(words).map_err(|error| error.to_string())?;
    let count = bytes.len();
    bytes.try_into().map(Fingerprint).map_err(|_| {
        format!("{count} words, and a fingerprint has 32: give the whole of it in quotation marks")
    })
}
