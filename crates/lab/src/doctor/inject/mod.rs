//! Diseases planted into a healthy experiment: to teach, and to measure the doctor.

mod faults;

pub use faults::FAULTS;

use super::edit::{self, inner_lists, is_activation, is_weighted};
use super::subject::Subject;
use crate::results::Text;
use How::{
    Activations, All, Deepen, Dropout, FreezeFirst, HeadActivation, Narrow, NoActivations, Norm, Scale, Set,
};
use Planted::{Number, Whole, Word, Yes};
use kobai_doctor::finding::{Edit, Setting};
use kobai_engine::Lang;
use kobai_engine::text::nearest;
use toml::{Table, Value};

/// A disease that can be planted.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name, such as `rate-high`.
    pub id: &'static str,
    /// Code of the check that is to find it.
    pub expect: &'static str,
    /// What is done, English and Japanese.
    pub what: [&'static str; 2],
    how: How,
}

/// How a disease is planted.
#[derive(Clone, Copy, Debug)]
enum How {
    Set(&'static [(&'static str, Planted)]),
    Scale(&'static str, f64),
    Activations(&'static str, &'static str),
    NoActivations,
    HeadActivation(&'static str),
    Dropout(f64),
    Narrow(i64),
    FreezeFirst,
    /// So many more hidden layers like the last one.
    Deepen(usize),
    /// Batch normalisation behind every hidden layer, with this momentum.
    Norm(f64),
    /// One after the other.
    All(&'static [How]),
}

/// A value of a planted key.
#[derive(Clone, Copy, Debug)]
enum Planted {
    Number(f64),
    Whole(u64),
    Word(&'static str),
    Yes,
}

impl Fault {
    /// What is done, in one language.
    #[must_use]
    pub fn what(&self, lang: Lang) -> &'static str {
        lang.pick(self.what[0], self.what[1])
    }
}

/// The fault of a name, or the nearest name.
///
/// # Errors
/// The nearest name, if one is near.
pub fn fault_named(id: &str) -> Result<&'static Fault, Option<&'static str>> {
    FAULTS.iter().find(|f| f.id == id).ok_or_else(|| nearest(id, FAULTS.iter().map(|f| f.id)))
}

/// A subject's file with a disease.
///
/// # Errors
/// Why the disease does not fit the file.
pub fn inject(subject: &Subject, fault: &Fault) -> Result<Table, Text> {
    if fault.id == "raw-targets" && subject.split.train.classes() > 0 {
        let (en, ja) = ("its targets are classes, not values", "目標値が値ではなくクラスです");
        return Err(Text { en: en.into(), ja: ja.into() });
    }
    // These are diseases of a regression with one output.
    if matches!(fault.id, "bounded-output" | "one-unit-softmax") && subject.plan.output_shape().len() != 1 {
        let (en, ja) = ("it has more than one output", "出力が 1 つではありません");
        return Err(Text { en: en.into(), ja: ja.into() });
    }
    plant(subject, fault.how)
}

fn plant(subject: &Subject, how: How) -> Result<Table, Text> {
    let edits: Vec<Edit> = match how {
        Set(keys) => keys
            .iter()
            .map(|(key, planted)| Edit::Set {
                key,
                to: match planted {
                    Number(x) => Setting::Number(*x),
                    Whole(n) => Setting::Whole(*n),
                    Word(w) => Setting::Word((*w).into()),
                    Yes => Setting::Flag(true),
                },
            })
            .collect(),
        Scale(key, by) => vec![Edit::Scale { key, by }],
        Activations(to, init) => vec![Edit::Activations { to, init }],
        FreezeFirst => {
            let first = subject.plan.nodes.iter().find(|n| !n.params.is_empty());
            let pattern = format!("{}.*", first.map_or("", |n| n.name.as_str()));
            let mut table = subject.table.clone();
            if let Some(Value::Table(training)) = table.get_mut("training") {
                training.insert("freeze".into(), Value::Array(vec![Value::String(pattern)]));
            }
            return Ok(table);
        }
        All(hows) => {
            let mut table = subject.table.clone();
            for how in hows {
                let mut so_far = subject.clone();
                so_far.table = table;
                table = plant(&so_far, *how)?;
            }
            return Ok(table);
        }
        NoActivations | HeadActivation(_) | Dropout(_) | Narrow(_) | Deepen(_) | Norm(_) => {
            let mut table = subject.table.clone();
            layers(edit::layers(&mut table)?, how, true);
            return Ok(table);
        }
    };
    edit::apply(subject, &edits)
}

/// Changes a list of layers; `top` for the network's own.
fn layers(list: &mut Vec<Value>, how: How, top: bool) {
    let last = list.iter().rposition(is_weighted).unwrap_or(0);
    match how {
        NoActivations => {
            let mut i = 0;
            list.retain(|layer| {
                i += 1;
                !(is_activation(layer) && i <= last + 1)
            });
        }
        HeadActivation(word) => {
            if top {
                list.push(Value::String(word.into()));
            }
            return;
        }
        Dropout(p) => {
            let dropout = Value::Table([("dropout".to_string(), Value::Float(p))].into_iter().collect());
            let first = if top { list.iter().position(is_weighted).unwrap_or(0) + 1 } else { 0 };
            for i in (first..list.len()).rev().filter(|i| *i > 0 || !top) {
                if is_weighted(&list[i]) {
                    list.insert(i, dropout.clone());
                }
            }
        }
        Narrow(units) => {
            for layer in list.iter_mut().take(last).filter_map(Value::as_table_mut) {
                if layer.contains_key("linear") {
                    layer.insert("linear".into(), Value::Integer(units));
                }
            }
        }
        Deepen(more) if top && last > 0 => {
            // The last hidden layer and what follows it, once more.
            let from = list[..last].iter().rposition(is_weighted).unwrap_or(0);
            let hidden: Vec<Value> = list[from..last].to_vec();
            for _ in 0..more {
                list.splice(last..last, hidden.iter().cloned());
            }
            return;
        }
        Norm(momentum) => {
            let table: Table = [
                ("batch-norm".to_string(), Value::String("pytorch".into())),
                ("momentum".to_string(), Value::Float(momentum)),
            ]
            .into_iter()
            .collect();
            let end = if top { last } else { list.len() };
            for i in (0..end).rev().filter(|i| is_weighted(&list[*i])).collect::<Vec<_>>() {
                list.insert(i + 1, Value::Table(table.clone()));
            }
        }
        _ => {}
    }
    for block in list.iter_mut().filter_map(Value::as_table_mut) {
        // Inside a block every layer is a hidden one.
        inner_lists(block).for_each(|inner| {
            if let Narrow(units) = how {
                for layer in inner.iter_mut().filter_map(Value::as_table_mut) {
                    if layer.contains_key("linear") {
                        layer.insert("linear".into(), Value::Integer(units));
                    }
                }
            } else if let NoActivations = how {
                inner.retain(|layer| !is_activation(layer));
            } else {
                layers(inner, how, false);
            }
        });
    }
}
