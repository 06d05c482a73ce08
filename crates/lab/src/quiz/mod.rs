//! The course's check questions, answered by computation.
//!
//! No answer is stored: a question carries its choices and a function that
//! computes which of them the engine bears out, with the numbers that say so.
//! What is trained for it is trained when the question is asked.

mod questions;

use crate::results::Text;
use serde_json::{Value, json};

/// What a question asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// One of these, named by letters.
    Choice(Vec<Text>),
    /// A number.
    Number,
}

/// A check question.
pub struct Question {
    /// Identifier, such as `sigmoid-derivative`.
    pub id: &'static str,
    /// Section of the course.
    pub section: Text,
    /// The question.
    pub text: Text,
    /// What it asks for.
    pub asks: Asks,
    compute: fn() -> Computed,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the computation says.
pub(crate) struct Computed {
    /// Whether each choice is borne out; one value for a number.
    supported: Vec<bool>,
    /// The number that was asked for.
    number: Option<f64>,
    /// The numbers behind it.
    because: Text,
    /// A command that goes deeper.
    command: &'static str,
}

/// An answer with its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The right choices, from 0. Empty for a number.
    pub choices: Vec<usize>,
    /// The right number.
    pub number: Option<f64>,
    /// The computed numbers behind it, in words.
    pub because: Text,
    /// A command that goes deeper.
    pub command: &'static str,
}

impl Answer {
    /// Whether what a person typed is right. None if it is no answer at all.
    #[must_use]
    pub fn judge(&self, question: &Question, typed: &str) -> Option<bool> {
        let typed = typed.trim().to_lowercase();
        match &question.asks {
            Asks::Choice(choices) => {
                let letter = typed.chars().next()?;
                let index = (letter as usize).checked_sub('a' as usize)?;
                (typed.chars().count() == 1 && index < choices.len()).then(|| self.choices.contains(&index))
            }
            Asks::Number => {
                let value: f64 = match typed.split_once('/') {
                    Some((a, b)) => a.trim().parse::<f64>().ok()? / b.trim().parse::<f64>().ok()?,
                    None => typed.parse().ok()?,
                };
                Some(self.number.is_some_and(|n| (n - value).abs() <= 1e-9 * n.abs().max(1.0)))
            }
        }
    }
}

impl Question {
    /// Computes the answer, now.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let Computed { supported, number, because, command } = (self.compute)();
        let choices = match self.asks {
            Asks::Choice(_) => (0..supported.len()).filter(|i| supported[*i]).collect(),
            Asks::Number => Vec::new(),
        };
        Answer { choices, number, because, command }
    }

    /// Question and answer as a document.
    #[must_use]
    pub fn document(&self, answer: &Answer) -> Value {
        let choices = match &self.asks {
            Asks::Choice(choices) => json!(choices),
            Asks::Number => Value::Null,
        };
        json!({
            "id": self.id, "section": self.section, "question": self.text, "choices": choices,
            "right": answer.choices, "number": answer.number, "because": answer.because,
            "command": answer.command,
        })
    }
}

/// Every question, in the order of the course.
#[must_use]
pub fn questions() -> Vec<Question> {
    questions::all()
}

#[cfg(test)]
mod tests {
    use super::{Asks, questions};

    /// The accepted answers of the course: what is computed must come to them.
    #[test]
    fn computed_answers_are_the_accepted_ones() {
        let expected: &[(&str, &[usize], Option<f64>)] = &[
            ("sigmoid-derivative", &[], Some(0.25)),
            ("zero-weights", &[1], None),
            ("batch-norm-effects", &[0], None),
            ("momentum", &[0], None),
            ("adagrad", &[2], None),
            ("rmsprop", &[1], None),
            ("which-is-l1", &[1], None),
            ("l2-gradient", &[3], None),
            ("l1-gradient", &[2], None),
            ("convolution-size", &[], Some(7.0)),
        ];
        let all = questions();
        assert_eq!(all.len(), expected.len());
        for (question, (id, choices, number)) in all.iter().zip(expected) {
            assert_eq!(question.id, *id);
            let answer = question.answer();
            assert_eq!(answer.choices, *choices, "{id}: {}", answer.because.en);
            assert_eq!(answer.number, *number, "{id}");
            assert!(!answer.because.ja.is_empty());
            if let Asks::Choice(list) = &question.asks {
                assert!(list.len() > 1 && choices[0] < list.len());
                let letter = ["a", "b", "c", "d"][choices[0]];
                assert_eq!(answer.judge(question, letter), Some(true));
                assert_eq!(answer.judge(question, "z"), None);
            } else {
                assert_eq!(answer.judge(question, &format!("{}", number.unwrap())), Some(true));
                assert_eq!(answer.judge(question, "3"), Some(false));
                assert_eq!(answer.judge(question, "what"), None);
            }
        }
        assert_eq!(all[0].answer().judge(&all[0], "1/4"), Some(true));
    }
}
