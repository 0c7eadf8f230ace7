//! Text forms: base64, canonical JSON, times and PEM.
