//! Text that a person reads, in both languages.
//!
//! English and Japanese stand side by side in the source, so a missing
//! translation does not compile. Nothing here reads the locale: the front end
//! chooses the language.

use std::fmt;

/// The language of everything that a person reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl Lang {
    /// `en` or `ja`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ja => "ja",
        }
    }

    /// One of two texts.
    #[must_use]
    pub fn pick<T>(self, en: T, ja: T) -> T {
        match self {
            Lang::En => en,
            Lang::Ja => ja,
        }
    }
}

/// `say!(lang, "english {x}", "日本語 {x}")`: format the text of one language.
#[macro_export]
macro_rules! say {
    ($lang:expr, $en:literal, $ja:literal $(, $arg:expr)* $(,)?) => {
        match $lang {
            $crate::text::Lang::En => format!($en $(, $arg)*),
            $crate::text::Lang::Ja => format!($ja $(, $arg)*),
        }
    };
}

/// What a person is told about an error: where and what in one line, then the
/// facts (expected, got, who produced it), then what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// One line, lowercase in English, no final stop.
    pub what: String,
    /// Indented lines below it.
    pub facts: Vec<String>,
    /// Lines that begin with `hint:`.
    pub hints: Vec<String>,
}

impl Explanation {
    /// An explanation of one line.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Explanation { what: what.into(), facts: Vec::new(), hints: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for fact in &self.facts {
            write!(f, "\n  {fact}")?;
        }
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// An error that can be told to a person in either language.
pub trait Explain {
    /// The error in words.
    fn explain(&self, lang: Lang) -> Explanation;
}

/// The word among `known` that is closest to `word`, if any is close enough to
/// be a likely slip: at most a third of its letters differ. Among
/// equally close ones, the one that begins like `word`.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (distance(word, k), k))
        .filter(|(d, k)| *d <= (k.chars().count().max(word.chars().count()) / 3).max(1))
        .min_by_key(|(d, k)| {
            (*d, std::cmp::Reverse(word.chars().zip(k.chars()).take_while(|(a, b)| a == b).count()))
        })
        .map(|(_, k)| k)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one
/// word into the other (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let substitute = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swap = if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    table[i - 2][j - 2] + 1
                } else {
                    usize::MAX
                };
                substitute.min(swap).min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Lang, distance, nearest};

    #[test]
    fn nearest_word() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("stpes", "steps"), 1);
        assert_eq!(nearest("lerning_rate", ["steps", "learning_rate"]), Some("learning_rate"));
        assert_eq!(nearest("vanishing-gradients", ["vanishing-gradient"]), Some("vanishing-gradient"));
        assert_eq!(nearest("xyz", ["steps", "batch"]), None);
        assert_eq!(nearest("ini", ["in", "init"]), Some("init"));
    }

    #[test]
    fn say_picks_the_language() {
        let n = 3;
        assert_eq!(say!(Lang::En, "{n} runs", "{n} 回"), "3 runs");
        assert_eq!(say!(Lang::Ja, "{n} runs", "{n} 回"), "3 回");
    }
}
