//! What an updater remembers, out and back in: a checkpoint that continues.

use super::Updater;
use crate::say;
use crate::text::{Explain, Explanation, Lang};
use kobai_kernels::Real;
use std::fmt;

/// What an [`Updater`] remembers from one update to the next. With the params,
/// the state and the step of the executor this is all that training needs to
/// continue as if it had never stopped. The learning rate is a setting, not
/// memory: who changes it sets it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments<T> {
    /// Name of the rule that they belong to.
    pub rule: String,
    /// Updates done.
    pub updates: u64,
    /// [`Optimizer::moments`](super::Optimizer::moments) vectors, each with an
    /// element per param, in the order of [`Plan::params`](crate::Plan::params).
    pub values: Vec<Vec<T>>,
}

/// Why moments cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MomentsError {
    /// They belong to another rule.
    Rule {
        /// The updater's rule.
        expected: &'static str,
        /// Theirs.
        got: String,
    },
    /// The rule keeps another number of values per param.
    Count {
        /// The updater's rule.
        rule: &'static str,
        /// Vectors that it keeps.
        expected: usize,
        /// Vectors that were given.
        got: usize,
    },
    /// A vector does not have one value per param.
    Length {
        /// Which vector, from 0.
        index: usize,
        /// Params of the network.
        expected: usize,
        /// Values that were given.
        got: usize,
    },
}

impl<T: Real> Updater<T> {
    /// A copy of what it remembers.
    #[must_use]
    pub fn export(&self) -> Moments<T> {
        let optimizer = &self.updates.optimizer;
        let values = [&self.first, &self.second];
        Moments {
            rule: optimizer.name().into(),
            updates: self.t,
            values: values[..optimizer.moments()].iter().map(|v| v.to_vec()).collect(),
        }
    }

    /// Continues from what another updater of the same rule and network
    /// remembered. After an error nothing has changed.
    ///
    /// # Errors
    /// Moments of another rule or size.
    pub fn restore(&mut self, moments: &Moments<T>) -> Result<(), MomentsError> {
        let optimizer = self.updates.optimizer;
        let (rule, expected) = (optimizer.name(), optimizer.moments());
        if moments.rule != rule {
            return Err(MomentsError::Rule { expected: rule, got: moments.rule.clone() });
        }
        if moments.values.len() != expected {
            return Err(MomentsError::Count { rule, expected, got: moments.values.len() });
        }
        for (index, (own, given)) in [&self.first, &self.second].into_iter().zip(&moments.values).enumerate()
        {
            if own.len() != given.len() {
                return Err(MomentsError::Length { index, expected: own.len(), got: given.len() });
            }
        }
        for (own, given) in [&mut self.first, &mut self.second].into_iter().zip(&moments.values) {
            own.copy_from_slice(given);
        }
        self.t = moments.updates;
        Ok(())
    }
}

impl Explain for MomentsError {
    fn explain(&self, lang: Lang) -> Explanation {
        let e = Explanation::new(say!(
            lang,
            "the optimiser's saved moments do not fit",
            "保存された最適化手法のモーメントが合いません"
        ));
        match self {
            MomentsError::Rule { expected, got } => e
                .fact(say!(
                    lang,
                    "expected moments of {expected}, got those of {got}",
                    "期待: {expected} のモーメント、実際: {got} のもの"
                ))
                .hint(say!(
                    lang,
                    "continue with the optimiser {got}, or start again",
                    "最適化手法 {got} で続けるか、最初から学習してください"
                )),
            MomentsError::Count { rule, expected, got } => e
                .fact(say!(
                    lang,
                    "expected {expected} vectors for {rule}, got {got}",
                    "期待: {rule} のベクトル {expected} 本、実際: {got} 本"
                ))
                .hint(damaged(lang)),
            MomentsError::Length { index, expected, got } => e
                .fact(say!(
                    lang,
                    "expected {expected} values in vector {index}, one per param, got {got}",
                    "期待: ベクトル {index} にパラメータと同数の {expected} 個、実際: {got} 個"
                ))
                .hint(damaged(lang)),
        }
    }
}

fn damaged(lang: Lang) -> String {
    say!(
        lang,
        "is the checkpoint whole, and of this network?",
        "チェックポイントが壊れていないか、同じネットワークのものか確かめてください"
    )
}

impl fmt::Display for MomentsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for MomentsError {}
