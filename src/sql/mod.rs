//! Lexing SQL: split statements, find `:name`, normalise text; knows no server.
