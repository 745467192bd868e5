//! The rules, one a file; `RULES` is the list everything else is derived from.
