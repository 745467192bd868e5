//! Lexing SQL: split statements, find `:name`; knows no server.

pub mod normalise;
pub mod part;
pub mod position;
pub mod split;
pub mod template;
pub mod token;

pub use position::Position;
pub use template::{Bound, Template, TemplateError};
