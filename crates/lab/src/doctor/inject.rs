//! Diseases planted into a healthy experiment: to teach, and to measure the doctor.

use super::edit::{self, inner_lists, is_activation, is_weighted};
use super::subject::Subject;
use crate::results::Text;
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

use How::{Activations, Dropout, FreezeFirst, HeadActivation, Narrow, NoActivations, Scale, Set};
use Planted::{Number, Whole, Word, Yes};

const fn fault(id: &'static str, expect: &'static str, what: [&'static str; 2], how: How) -> Fault {
    Fault { id, expect, what, how }
}

/// All diseases that can be planted.
pub const FAULTS: &[Fault] = &[
    fault(
        "raw-inputs",
        "D001",
        ["inputs times 255", "入力を 255 倍"],
        Set(&[("data.prepare.scale", Number(255.0))]),
    ),
    fault(
        "flat-inputs",
        "D002",
        ["inputs divided by 255 once more", "入力をもう一度 255 で割る"],
        Set(&[("data.prepare.scale", Number(1.0 / 255.0))]),
    ),
    fault(
        "raw-targets",
        "D003",
        ["targets of a regression times 100", "回帰の目標値を 100 倍"],
        Set(&[("data.prepare.target_scale", Number(100.0))]),
    ),
    fault(
        "nan-inputs",
        "D004",
        ["an input of three training examples is no number", "訓練例 3 つの入力に非数"],
        Set(&[("data.prepare.non_finite", Whole(3))]),
    ),
    fault(
        "missing-class",
        "D005",
        ["no training example of class 1", "クラス 1 の訓練例をなくす"],
        Set(&[("data.prepare.drop_class", Whole(1))]),
    ),
    fault(
        "rare-classes",
        "D006",
        ["3 % of the training examples of every class but 0", "クラス 0 以外の訓練例を 3 % にする"],
        Set(&[("data.prepare.rare", Number(0.03))]),
    ),
    fault(
        "shuffled-labels",
        "D007",
        ["training labels in another order than the inputs", "訓練ラベルを入力と別の順に並べる"],
        Set(&[("data.prepare.shuffle_labels", Yes)]),
    ),
    fault(
        "noisy-labels",
        "D008",
        ["30 % of the training labels are wrong", "訓練ラベルの 30 % を誤りにする"],
        Set(&[("data.prepare.label_noise", Number(0.3))]),
    ),
    fault(
        "leak",
        "D009",
        ["30 % of the training examples are test examples", "訓練例の 30 % をテスト例にする"],
        Set(&[("data.prepare.leak", Number(0.3))]),
    ),
    fault(
        "relu-head",
        "D010",
        ["ReLU between the last layer and the soft-max", "最終層とソフトマックスの間に ReLU"],
        HeadActivation("relu"),
    ),
    fault(
        "zero-init",
        "D012",
        ["all initial weights are zero", "初期値をすべて 0 にする"],
        Set(&[("model.init", Word("zeros"))]),
    ),
    fault(
        "small-init",
        "D013",
        ["initial weights from N(0, 0.001)", "初期値を N(0, 0.001) にする"],
        Set(&[("model.init", Word("normal(0.001)"))]),
    ),
    fault(
        "large-init",
        "D014",
        ["initial weights from N(0, 2)", "初期値を N(0, 2) にする"],
        Set(&[("model.init", Word("normal(2.0)"))]),
    ),
    fault(
        "vanishing",
        "D015",
        ["sigmoid with initial weights from N(0, 0.01)", "シグモイドと初期値 N(0, 0.01)"],
        Activations("sigmoid", "normal(0.01)"),
    ),
    fault(
        "no-activations",
        "D019",
        ["no activation between the layers", "層の間の活性化をなくす"],
        NoActivations,
    ),
    fault("rate-high", "D021", ["learning rate × 300", "学習率を 300 倍"], Scale("optimizer.lr", 300.0)),
    fault("rate-low", "D022", ["learning rate × 0.0003", "学習率を 0.0003 倍"], Scale("optimizer.lr", 3e-4)),
    fault(
        "momentum",
        "D024",
        ["momentum 0.999", "モーメンタム 0.999"],
        Set(&[("optimizer.name", Word("momentum")), ("optimizer.momentum", Number(0.999))]),
    ),
    fault(
        "epsilon",
        "D025",
        ["Adam with epsilon 1", "ε = 1 の Adam"],
        Set(&[
            ("optimizer.name", Word("adam")),
            ("optimizer.lr", Number(0.001)),
            ("optimizer.eps", Number(1.0)),
        ]),
    ),
    fault("penalty", "D026", ["L2 penalty 0.5", "L2 の罰則 0.5"], Set(&[("optimizer.l2", Number(0.5))])),
    fault(
        "dropout",
        "D027",
        ["dropout 0.95 before every layer but the first", "2 層目以降の前にドロップアウト 0.95"],
        Dropout(0.95),
    ),
    fault(
        "over-fitting",
        "D029",
        [
            "30 training examples, some with wrong labels, and 3000 steps",
            "訓練例 30 個（一部は誤ラベル）で 3000 ステップ",
        ],
        Set(&[
            ("training.examples", Whole(30)),
            ("training.batch", Whole(10)),
            ("training.steps", Whole(3000)),
            ("data.prepare.label_noise", Number(0.1)),
        ]),
    ),
    fault("narrow", "D030", ["two units per hidden layer", "隠れ層のユニットを 2 つにする"], Narrow(2)),
    fault(
        "too-short",
        "D034",
        ["twelve training steps", "学習を 12 ステップにする"],
        Set(&[("training.steps", Whole(12))]),
    ),
    fault("frozen", "D036", ["the first layer does not learn", "最初の層を学習させない"], FreezeFirst),
];

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
    let edits: Vec<Edit> = match fault.how {
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
        NoActivations | HeadActivation(_) | Dropout(_) | Narrow(_) => {
            let mut table = subject.table.clone();
            layers(edit::layers(&mut table)?, fault.how, true);
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
