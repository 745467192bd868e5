//! What a plan that both runs have came to.
