//! Keeps the house in order: layers, names and lists.
