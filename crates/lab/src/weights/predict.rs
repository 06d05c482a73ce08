//! Inputs through a network with loaded weights.
