//! Data sets, decoding, downloads and sampling for the Kobai deep-learning trainer.
