//! Sans-IO machines: a message in, the next state and an event out.
