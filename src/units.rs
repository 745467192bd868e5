//! Pages, bytes, milliseconds: one `Display` each, used where people read (inside, the unit is in the name).
