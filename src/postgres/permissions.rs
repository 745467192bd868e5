//! What the role may do on a server, and what the server does by itself: who builds fixtures there goes by it.

/// What is permitted and needed while a fixture is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Whether the planner's statistics may be handed over from a sample that is the same on every build.
    pub hand_over_statistics: bool,
    /// Whether what was built is written out by a checkpoint. Never on a server that others use: it would write out for all of them.
    pub checkpoint: bool,
    /// Whether autovacuum runs, now or under another profile, and has to be kept away from the tables of fixtures.
    pub autovacuum: bool,
}

impl Permissions {
    /// On a managed server everything is permitted; what is built for plans is used where autovacuum runs, too.
    pub const MANAGED: Permissions = Permissions {
        hand_over_statistics: true,
        checkpoint: true,
        autovacuum: true,
    };
}
