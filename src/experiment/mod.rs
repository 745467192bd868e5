//! The pipelines: they emit events and return a run.
