//! What a run looks like: one view, then one file a format.
