//! What a rule may look at: one measured statement with its plans, and the relations it works on.
