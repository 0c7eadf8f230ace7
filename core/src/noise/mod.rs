//! Noise XX (revision 34) as typestates. Knows no certificate and no JSON.
