//! Kōbai: a deep-learning trainer you can see through.
