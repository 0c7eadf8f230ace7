//! MiniPKI on a PC: certificate authority, clients and command line.
