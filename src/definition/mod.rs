//! The data folders as types: queues, statements, fixtures, scenarios.

mod digest;
pub mod fixture;
pub mod library;
pub mod operation;
pub mod option;
pub mod payload;
pub mod quantity;
pub mod queue;
pub mod scenario;
pub mod script;
pub mod source;
pub mod statement;
mod suggestion;
pub mod threshold;
mod toml_file;

pub use fixture::Fixture;
pub use library::{Library, LibraryError};
pub use operation::Operation;
pub use option::OptionValue;
pub use queue::Queue;
pub use scenario::Scenario;
pub use source::{DefinitionError, Source};
pub use statement::StatementFile;
pub use suggestion::nearest;
