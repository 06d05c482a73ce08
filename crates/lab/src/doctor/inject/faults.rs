//! The diseases that can be planted.
//!
//! Two checks have none: the chance level (D035) is what shows beside others, and
//! the plateau (D038) is advice about a training that has gone well.

use super::{Fault, How, Planted};
use How::{
    Activations, All, Deepen, Dropout, FreezeFirst, HeadActivation, Narrow, NoActivations, Norm, Scale, Set,
};
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
    fault(
        "wrong-loss",
        "D011",
        ["absolute error on classes", "クラスに絶対誤差の損失"],
        Set(&[("model.loss", Word("mean-absolute-error"))]),
    ),
    fault(
        "exploding",
        "D016",
        [
            "two more hidden layers, initial weights from N(0, 1)",
            "隠れ層を 2 つ増やし、初期値を N(0, 1) にする",
        ],
        All(&[Deepen(2), Set(&[("model.init", Word("normal(1.0)"))])]),
    ),
    fault(
        "dead-units",
        "D017",
        ["Adam with a learning rate of 0.3", "学習率 0.3 の Adam"],
        Set(&[("optimizer.name", Word("adam")), ("optimizer.lr", Number(0.3))]),
    ),
    fault(
        "saturated",
        "D018",
        ["sigmoid with initial weights from N(0, 5)", "シグモイドと初期値 N(0, 5)"],
        Activations("sigmoid", "normal(5.0)"),
    ),
    fault("diverging", "D020", ["learning rate × 10¹²", "学習率を 10¹² 倍"], Scale("optimizer.lr", 1e12)),
    fault("oscillating", "D023", ["learning rate × 10", "学習率を 10 倍"], Scale("optimizer.lr", 10.0)),
    fault(
        "dropout-and-penalty",
        "D028",
        ["dropout 0.85 and an L2 penalty of 0.03", "ドロップアウト 0.85 と L2 の罰則 0.03"],
        All(&[Dropout(0.85), Set(&[("optimizer.l2", Number(0.03))])]),
    ),
    fault(
        "small-batch-norm",
        "D031",
        ["batch normalisation over two examples", "2 例だけでバッチ正規化"],
        All(&[Norm(0.1), Set(&[("training.batch", Whole(2))])]),
    ),
    fault(
        "bias-before-norm",
        "D032",
        ["biases in front of batch normalisation", "バッチ正規化の前にバイアス"],
        Norm(0.1),
    ),
    fault(
        "slow-statistics",
        "D033",
        ["batch normalisation whose averages hardly move", "移動統計がほとんど動かないバッチ正規化"],
        Norm(0.0005),
    ),
    fault(
        "bounded-output",
        "D037",
        ["a sigmoid behind the output of a regression", "回帰の出力の後にシグモイド"],
        HeadActivation("sigmoid"),
    ),
    fault(
        "one-unit-softmax",
        "D039",
        ["a soft-max behind the one output of a regression", "回帰の 1 つの出力の後にソフトマックス"],
        HeadActivation("softmax"),
    ),
    fault(
        "summed-loss",
        "D040",
        ["the loss of a batch is a sum", "バッチの損失を和にする"],
        Set(&[("model.reduction", Word("sum"))]),
    ),
    fault(
        "uphill",
        "D041",
        ["the optimiser climbs", "損失を大きくする向きに学習する"],
        Set(&[("optimizer.maximize", Yes)]),
    ),
    fault(
        "noisy-inputs",
        "D042",
        ["noise on the training inputs alone", "訓練入力だけに雑音"],
        Set(&[("data.prepare.noise", Number(3.0))]),
    ),
    fault(
        "few-updates",
        "D043",
        ["twenty steps of 1000 examples", "1000 例ずつ 20 ステップ"],
        Set(&[("training.batch", Whole(1000)), ("training.steps", Whole(20))]),
    ),
    fault(
        "exp-activation",
        "D044",
        ["the exponential as activation", "活性化関数を指数関数にする"],
        Activations("exp", "he"),
    ),
];
