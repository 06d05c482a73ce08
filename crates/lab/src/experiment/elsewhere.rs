//! Words of other frameworks, so that a file written from memory gets the hint
//! that it needs: `mse` is `mean-squared-error` here, `Dense` is `linear`.

use kobai_engine::text::nearest;

/// What other frameworks say, in lower case and with hyphens, and what we say.
const WORDS: &[(&str, &str)] = &[
    // Losses. Keras' cross-entropies take probabilities unless told otherwise.
    ("mse", "mean-squared-error"),
    ("mse-loss", "mean-squared-error"),
    ("mae", "mean-absolute-error"),
    ("l1-loss", "mean-absolute-error"),
    ("softmax-cross-entropy", "cross-entropy"),
    ("crossentropy", "cross-entropy"),
    ("bce-with-logits", "binary-cross-entropy"),
    ("bce", "binary-cross-entropy-of-probabilities"),
    ("binary-crossentropy", "binary-cross-entropy-of-probabilities"),
    ("categorical-crossentropy", "cross-entropy-of-probabilities"),
    ("sparse-categorical-crossentropy", "cross-entropy-of-probabilities"),
    ("nll", "cross-entropy-of-probabilities"),
    // Initial weights.
    ("glorot", "xavier"),
    ("glorot-normal", "xavier"),
    ("xavier-normal", "xavier"),
    ("glorot-uniform", "xavier-uniform"),
    ("he-normal", "he"),
    ("kaiming", "he"),
    ("kaiming-normal", "he"),
    ("kaiming-uniform", "he-uniform"),
    ("lecun-normal", "lecun"),
    ("ones", "constant"),
    ("random-normal", "normal"),
    ("random-uniform", "uniform"),
    // Layers and activations.
    ("dense", "linear"),
    ("fc", "linear"),
    ("fully-connected", "linear"),
    ("conv2d", "conv"),
    ("convolution", "conv"),
    ("maxpool", "max-pool"),
    ("maxpooling2d", "max-pool"),
    ("avgpool", "avg-pool"),
    ("average-pool", "avg-pool"),
    ("averagepooling2d", "avg-pool"),
    ("batchnorm", "batch-norm"),
    ("batch-normalization", "batch-norm"),
    ("bn", "batch-norm"),
    ("leakyrelu", "leaky-relu"),
    ("selu", "elu"),
    ("exponential", "exp"),
    ("logistic", "sigmoid"),
    // Keys.
    ("learning-rate", "lr"),
    ("batch-size", "batch"),
    ("epsilon", "eps"),
    ("loss-function", "loss"),
    ("optimiser", "optimizer"),
    // Optimisers that are not here have a near relative.
    ("nadam", "adam"),
    ("adamax", "adam"),
    ("sgd-momentum", "momentum"),
    ("rms-prop", "rmsprop"),
];

/// The known word that was meant: by its spelling in another style, by its name
/// elsewhere, or by a slip of a letter.
pub(super) fn meant<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let plain = got.to_lowercase().replace(['_', ' '], "-");
    let same = |word: &str| known.iter().copied().find(|k| k.replace('_', "-") == word);
    same(&plain)
        .or_else(|| WORDS.iter().find(|(word, _)| *word == plain).and_then(|(_, ours)| same(ours)))
        .or_else(|| nearest(got, known.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn words_of_other_frameworks_are_understood() {
        let losses = ["cross-entropy", "mean-squared-error", "cross-entropy-of-probabilities"];
        assert_eq!(meant("MSE", losses), Some("mean-squared-error"));
        assert_eq!(meant("categorical_crossentropy", losses), Some("cross-entropy-of-probabilities"));
        assert_eq!(meant("Mean_Squared_Error", losses), Some("mean-squared-error"));
        assert_eq!(meant("crossentropy", losses), Some("cross-entropy"));
        assert_eq!(meant("hinge", losses), None);
        // Only what is known in this place is offered, and slips are still found.
        assert_eq!(meant("mse", ["mean", "sum"]), None);
        assert_eq!(meant("learning_rate", ["lr", "name"]), Some("lr"));
        assert_eq!(meant("Dense", ["linear", "conv"]), Some("linear"));
        assert_eq!(meant("rleu", ["relu", "elu"]), Some("relu"));
    }
}
