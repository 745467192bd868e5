//! What the server and this machine tell while and after workers run: counters, wait events, statements, processor time.
