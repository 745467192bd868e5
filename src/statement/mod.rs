//! A definition made executable: defaults evaluated, `fetched` fed, values passed through in binary.
