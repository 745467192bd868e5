//! Samples of one variant.
