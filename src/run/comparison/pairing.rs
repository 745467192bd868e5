//! Which plan of one run is which of the other.
