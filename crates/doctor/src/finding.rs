//! What a check says.

use kobai_engine::Lang;

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl Words {
    /// The text of one language.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.ja)
    }
}

/// `words!("english {x}", "日本語 {x}")`: the text of both languages.
#[macro_export]
macro_rules! words {
    ($en:literal, $ja:literal $(, $arg:expr)* $(,)?) => {
        $crate::finding::Words { en: format!($en $(, $arg)*), ja: format!($ja $(, $arg)*) }
    };
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing need be done.
    Hint,
    /// It may do harm.
    Warning,
    /// It keeps the network from learning, or makes its result wrong.
    Disease,
}

impl Severity {
    /// `disease`, `warning` or `hint`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Hint => "hint",
            Severity::Warning => "warning",
            Severity::Disease => "disease",
        }
    }

    /// The same for a person.
    #[must_use]
    pub fn word(self, lang: Lang) -> &'static str {
        match self {
            Severity::Hint => lang.pick("hint", "参考"),
            Severity::Warning => lang.pick("warning", "注意"),
            Severity::Disease => lang.pick("disease", "病気"),
        }
    }
}

/// A number that speaks for a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What was measured.
    pub what: Words,
    /// Its value.
    pub value: f64,
    /// Its normal range, such as `1e-4 – 1e-1`.
    pub normal: String,
}

impl Evidence {
    /// A number beside its normal range.
    #[must_use]
    pub fn new(what: Words, value: f64, normal: impl Into<String>) -> Self {
        Evidence { what, value, normal: normal.into() }
    }
}

/// A value of an experiment file.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A number.
    Number(f64),
    /// A whole number.
    Whole(u64),
    /// A word.
    Word(String),
    /// True or false.
    Flag(bool),
}

/// A change of an experiment file.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Sets a dotted key, such as `optimizer.lr`.
    Set {
        /// The key.
        key: &'static str,
        /// Its value.
        to: Setting,
    },
    /// Multiplies a number. Whole numbers stay whole and at least 1.
    Scale {
        /// The key.
        key: &'static str,
        /// The factor.
        by: f64,
    },
    /// Removes a key.
    Remove {
        /// The key.
        key: &'static str,
    },
    /// Removes a layer.
    RemoveLayer {
        /// Its name.
        layer: String,
    },
    /// Sets a key of one layer.
    SetLayer {
        /// Its name.
        layer: String,
        /// The key.
        key: &'static str,
        /// Its value.
        to: Setting,
    },
    /// Replaces every activation between layers, and the initial weights.
    Activations {
        /// The activation, such as `relu`.
        to: &'static str,
        /// The initial weights that fit it.
        init: &'static str,
    },
    /// Puts an activation between linear layers that have none.
    Separate {
        /// The activation.
        with: &'static str,
    },
    /// Multiplies the number of units of all hidden linear layers.
    Widen {
        /// The factor.
        by: f64,
    },
}

/// What to change, and why that should help.
#[derive(Clone, Debug, PartialEq)]
pub struct Prescription {
    /// The changes, in order. Empty if no edit of the file can help.
    pub edits: Vec<Edit>,
    /// In words.
    pub why: Words,
    /// Whether the whole training must be run to prove it, not only its beginning.
    pub whole_run: bool,
}

impl Prescription {
    /// Changes that show their effect early.
    #[must_use]
    pub fn new(edits: Vec<Edit>, why: Words) -> Self {
        Prescription { edits, why, whole_run: false }
    }

    /// Advice that no edit of the file can follow.
    #[must_use]
    pub fn advice(why: Words) -> Self {
        Prescription { edits: Vec::new(), why, whole_run: false }
    }

    /// Says that the whole training must be run.
    #[must_use]
    pub fn over_the_whole_run(mut self) -> Self {
        self.whole_run = true;
        self
    }
}

/// A disease that a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Code of the check, such as `D012`.
    pub code: &'static str,
    /// Key of the disease in the rule base, such as `C1`.
    pub disease: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Where it sits, if in one layer.
    pub layer: Option<String>,
    /// The step since which it is there. None: before the first step.
    pub since_step: Option<u64>,
    /// Belief, 0 to 1. Grows with the distance from the limit; not calibrated.
    pub probability: f64,
    /// What is wrong, in one sentence.
    pub what: Words,
    /// The numbers that say so.
    pub evidence: Vec<Evidence>,
    /// What else it could be, and why it is not.
    pub excluded: Vec<Words>,
    /// The cause that explains it, if it is the symptom of another finding.
    pub explained_by: Option<&'static str>,
    /// What to do.
    pub cure: Prescription,
}
