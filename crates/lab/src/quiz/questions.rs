//! The questions, each with the computation that answers it.

use super::{Asks, Computed, Question};
use crate::chart::number::compact;
use crate::results::{Row, Text};
use crate::session::{Request, Session};
use crate::{explain, surfaces};
use kobai_engine::layers::Activation;
use kobai_engine::optim::{Optimizer, Penalty, Updater, Updates};
use kobai_engine::{Lang, say};
use kobai_kernels::Isa;

fn text(en: impl Into<String>, ja: impl Into<String>) -> Text {
    Text { en: en.into(), ja: ja.into() }
}

/// The same sentence in both languages.
macro_rules! both {
    ($en:literal, $ja:literal $(, $arg:expr)* $(,)?) => {
        text(say!(Lang::En, $en, $ja $(, $arg)*), say!(Lang::Ja, $en, $ja $(, $arg)*))
    };
}

fn choices<const N: usize>(list: [(&str, &str); N]) -> Asks {
    Asks::Choice(list.into_iter().map(|(en, ja)| text(en, ja)).collect())
}

pub(super) fn all() -> Vec<Question> {
    let first = text("1 Vanishing gradients", "1 勾配消失問題");
    let second = text("2 Optimisers", "2 最適化手法");
    let third = text("3 Over-fitting", "3 過学習");
    let fourth = text("4 Convolution", "4 畳み込み");
    let memory = || {
        choices([
            (
                "it keeps past gradients with weights that decay exponentially",
                "過去の勾配を、指数的に減る重みで覚える",
            ),
            (
                "it keeps an exponentially decaying mean of squared gradients",
                "勾配の二乗の、指数的に減る重みによる平均を持つ",
            ),
            (
                "it adds up all squared gradients, so its steps only shrink",
                "勾配の二乗をすべて足すので、歩幅は縮む一方である",
            ),
        ])
    };
    let which = |name: &str| {
        text(
            format!("What does {name} keep from earlier steps?"),
            format!("{name} は以前のステップから何を覚えるか。"),
        )
    };
    let terms = || {
        choices([
            ("np.sum(param**2)", "np.sum(param**2)"),
            ("np.sum(param)", "np.sum(param)"),
            ("np.sign(param)", "np.sign(param)"),
            ("param", "param"),
        ])
    };
    vec![
        Question {
            id: "sigmoid-derivative",
            section: first.clone(),
            text: text(
                "What is the largest value of the sigmoid's derivative?",
                "シグモイド関数の微分の最大値はいくつか。",
            ),
            asks: Asks::Number,
            compute: sigmoid,
        },
        Question {
            id: "zero-weights",
            section: first.clone(),
            text: text(
                "What happens if all weights begin at zero?",
                "重みの初期値をすべて 0 にするとどうなるか。",
            ),
            asks: choices([
                ("the loss grows without bound", "損失が際限なく大きくなる"),
                (
                    "all weights of a layer get the same update, and learning fails",
                    "層の重みがすべて同じように更新され、学習に失敗する",
                ),
                ("it learns, only more slowly", "遅いだけで、学習は進む"),
                ("nothing unusual", "特に何も起こらない"),
            ]),
            compute: zero_weights,
        },
        Question {
            id: "batch-norm-effects",
            section: first,
            text: text(
                "Which effect of batch normalisation shows at once?",
                "バッチ正規化の効果として、すぐに現れるのはどれか。",
            ),
            asks: choices([
                ("learning gets faster", "学習が速くなる"),
                ("the network has fewer params", "パラメータが減る"),
                ("activations become sparse", "活性がスパースになる"),
            ]),
            compute: batch_norm,
        },
        Question {
            id: "momentum",
            section: second.clone(),
            text: which("Momentum"),
            asks: memory(),
            compute: || remembers("momentum"),
        },
        Question {
            id: "adagrad",
            section: second.clone(),
            text: which("AdaGrad"),
            asks: memory(),
            compute: || remembers("adagrad"),
        },
        Question {
            id: "rmsprop",
            section: second,
            text: which("RMSProp"),
            asks: memory(),
            compute: || remembers("rmsprop"),
        },
        Question {
            id: "which-is-l1",
            section: third.clone(),
            text: text(
                "Which drawing is the constraint of L1 (Lasso)?\n\n  (a)  ╭──╮     (b)   ╱╲\n       │  │          ╱  ╲\n       ╰──╯          ╲  ╱\n                      ╲╱",
                "L1（Lasso）の制約を表す図はどちらか。\n\n  (a)  ╭──╮     (b)   ╱╲\n       │  │          ╱  ╲\n       ╰──╯          ╲  ╱\n                      ╲╱",
            ),
            asks: choices([("the circle", "円"), ("the diamond", "ひし形")]),
            compute: which_is_l1,
        },
        Question {
            id: "l2-gradient",
            section: third.clone(),
            text: text(
                "grad += rate * (?) — which term belongs to the L2 penalty?",
                "grad += rate * (?) — L2 正則化の項はどれか。",
            ),
            asks: terms(),
            compute: || penalty_gradient(Penalty::L2(1.0)),
        },
        Question {
            id: "l1-gradient",
            section: third,
            text: text(
                "grad += rate * (?) — which term belongs to the L1 penalty?",
                "grad += rate * (?) — L1 正則化の項はどれか。",
            ),
            asks: terms(),
            compute: || penalty_gradient(Penalty::L1(1.0)),
        },
        Question {
            id: "convolution-size",
            section: fourth,
            text: text(
                "A 6×6 picture meets a 2×2 filter, stride 1, padding 1. How high and wide is the output?",
                "6×6 の画像に 2×2 のフィルタを、ストライド 1、パディング 1 で畳み込む。出力の一辺の大きさはいくつか。",
            ),
            asks: Asks::Number,
            compute: convolution_size,
        },
    ]
}

fn sigmoid() -> Computed {
    let at = |i: i32| f64::from(i) / 1000.0;
    let best = (-8000..=8000).map(|i| (Activation::SIGMOID.derivative(at(i)), at(i)));
    let (value, place) = best.fold((0.0, f64::NAN), |best, one| if one.0 > best.0 { one } else { best });
    let far = Activation::SIGMOID.derivative(5.0);
    Computed {
        supported: Vec::new(),
        number: Some(value),
        because: both!(
            "The layer's derivative, computed at 16 001 inputs from −8 to 8: the largest is {value}, at input {place}; at 5 it is {0}.",
            "−8 から 8 までの 16001 点で層の導関数を計算すると、最大は {value}（入力 {place}）。入力 5 では {0}。",
            compact(far, 2)
        ),
        command: "kobai lab run vanishing-gradient",
    }
}

/// Trains some rows of an embedded experiment for a moment.
fn train(experiment: &str, rows: &[&str], steps: u64) -> Vec<Row> {
    let rows = rows.iter().map(|r| (*r).to_string()).collect();
    let request = Request { rows, seeds: Some(2), steps: Some(steps), ..Request::new(experiment) };
    // Embedded experiments on embedded data cannot fail.
    Session::prepare(request).map(|session| session.train()).unwrap_or_default()
}

fn mean(rows: &[Row], row: &str, measure: &str) -> f64 {
    let runs = rows.iter().filter(|r| r.id == row).flat_map(|r| &r.runs);
    let values: Vec<f64> = runs.filter_map(|run| run.measures.get(measure).copied()).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn zero_weights() -> Computed {
    let rows = train("vanishing-gradient", &["zero_sigmoid", "he_relu"], 200);
    let of = |measure| mean(&rows, "zero_sigmoid", measure);
    let (spread, test, diverged) = (of("unit_spread"), of("test"), of("diverged"));
    let other = mean(&rows, "he_relu", "test");
    let same = spread == 0.0;
    let learns = test > 0.5;
    Computed {
        supported: vec![diverged > 0.0, same && !learns, learns && test < other, learns && test >= other],
        number: None,
        because: both!(
            "Just trained for 200 steps: with zero weights the largest difference between two units of a hidden layer is {0} (exactly), and the \
             test accuracy is {1}; the same network with He weights and ReLU is at {2}.",
            "いま 200 ステップ学習した結果: 重みが 0 なら、隠れ層の 2 つのユニットの差は最大 {0}（ちょうど）で、テスト正解率は {1}。\
             He の初期値と ReLU では {2}。",
            compact(spread, 3),
            compact(test, 3),
            compact(other, 3)
        ),
        command: "kobai lab run vanishing-gradient",
    }
}

fn batch_norm() -> Computed {
    const ROWS: [&str; 6] =
        ["sigmoid_xavier", "sigmoid_xavier_off", "relu_he", "relu_he_off", "few", "few_norm"];
    let rows = train("batch-normalization", &ROWS, 300);
    let of = |row, measure| mean(&rows, row, measure);
    let (with, without) = (of("sigmoid_xavier", "test"), of("sigmoid_xavier_off", "test"));
    let (zeros_with, zeros_without) = (of("relu_he", "zeros"), of("relu_he_off", "zeros"));
    let params = |row: &str| {
        let request = Request::new("batch-normalization");
        Session::prepare(request).ok().and_then(|s| {
            let at = s.experiment().rows.iter().position(|r| r.id == row)?;
            Some(s.plans()[at].param_len())
        })
    };
    let (p, q) = (params("sigmoid_xavier").unwrap_or(0), params("sigmoid_xavier_off").unwrap_or(0));
    let (gap_with, gap_without) = (of("few_norm", "gap"), of("few", "gap"));
    Computed {
        supported: vec![with > without + 0.05, p < q, zeros_with > zeros_without + 0.1],
        number: None,
        because: both!(
            "Just trained for 300 steps (sigmoid, Xavier): test accuracy {0} with, {1} without. It has {p} params with and {q} without; of ReLU's \
             outputs {2} are zero with and {3} without. The other accepted answer, less over-fitting, depends: with few images the gap is {4} with and {5} without.",
            "いま 300 ステップ学習した結果（シグモイド・Xavier）: テスト正解率は、ありで {0}、なしで {1}。パラメータ数は、ありで {p}、なしで {q}。\
             ReLU の出力のうち 0 の割合は、ありで {2}、なしで {3}。もう一つの模範解答「過学習を抑える」は場合による。少ない画像での学習とテストの差は、\
             ありで {4}、なしで {5}。",
            compact(with, 3),
            compact(without, 3),
            compact(zeros_with, 2),
            compact(zeros_without, 2),
            compact(gap_with, 2),
            compact(gap_without, 2)
        ),
        command: "kobai lab run batch-normalization",
    }
}

/// Which description of a memory a rule has: its moment against each sum.
fn remembers(rule: &str) -> Computed {
    let (lr, eps) = (0.01, 0.0);
    let optimizer = match rule {
        "momentum" => Optimizer::Momentum { lr, momentum: 0.9 },
        "adagrad" => Optimizer::AdaGrad { lr, eps },
        _ => Optimizer::RmsProp { lr, rho: 0.99, eps },
    };
    let misses = surfaces::memory(optimizer);
    let [sum, mean, total] = misses.map(|m| compact(m, 2));
    Computed {
        supported: misses.iter().map(|m| *m < 1e-9).collect(),
        number: None,
        because: both!(
            "Given 60 random gradients, what the engine's rule remembers differs from (a) by {sum}, from (b) by {mean}, from (c) by {total} (relative).",
            "乱数の勾配 60 個を与えたとき、エンジンの手法が覚えている値と各式との相対的な差は、(a) {sum}、(b) {mean}、(c) {total}。"
        ),
        command: "kobai lab run surfaces",
    }
}

/// The smallest loss inside a circle and inside a diamond: where the minimum
/// inside touches an axis, a weight is exactly zero.
fn which_is_l1() -> Computed {
    // A loss whose free minimum (2, 0.6) lies outside both regions.
    let loss = |x: f64, y: f64| (x - 2.0) * (x - 2.0) + (y - 0.6) * (y - 0.6);
    let n = 4000;
    let corner = |border: &dyn Fn(f64) -> [f64; 2]| {
        let points = (0..=n).map(|i| border(f64::from(i) / f64::from(n)));
        points.min_by(|a, b| loss(a[0], a[1]).total_cmp(&loss(b[0], b[1]))).unwrap_or([f64::NAN; 2])
    };
    let half = std::f64::consts::FRAC_PI_2;
    let circle = corner(&|t| [libm::cos(half * t), libm::sin(half * t)]);
    let diamond = corner(&|t| [1.0 - t, t]);
    // What the engine's penalties lead to, from the same loss.
    let descend = |penalty: Penalty| {
        let updates = Updates { penalty, ..Updates::new(Optimizer::Sgd { lr: 0.001 }) };
        let mut updater = Updater::<f64>::plain(2, updates);
        let mut w = [1.0, 1.0];
        for _ in 0..20_000 {
            let mut g = [2.0 * (w[0] - 2.0), 2.0 * (w[1] - 0.6)];
            updater.update(Isa::SCALAR, &mut w, &mut g);
        }
        w
    };
    let (l1, l2) = (descend(Penalty::L1(2.0)), descend(Penalty::L2(2.0)));
    // Sign descent ends within one step of the corner.
    let on_axis = |p: [f64; 2]| p[1].abs() <= 0.02;
    let agrees = on_axis(l1) && !on_axis(l2);
    let [a, b, c, d] = [circle[1], diamond[1], l1[1], l2[1]].map(|v| compact(v, 2));
    Computed {
        supported: vec![agrees && on_axis(circle), agrees && on_axis(diamond)],
        number: None,
        because: both!(
            "One loss, minimised on both borders: on the circle the second weight is {a}, on the diamond {b}, for its corner lies on the axis. \
             Descending the same loss with the engine's penalties ends at {c} with L1 and at {d} with L2: the diamond is L1's.",
            "同じ損失を両方の境界の上で最小にすると、2 番目の重みは円では {a}、ひし形では {b}（角が軸の上にある）。エンジンの正則化で同じ損失を下ると、\
             L1 では {c}、L2 では {d} に着く。ひし形が L1 である。"
        ),
        command: "kobai lab run overfitting",
    }
}

/// What a penalty adds to a gradient of 0, against every candidate.
fn penalty_gradient(penalty: Penalty) -> Computed {
    let params = [-2.0, 0.5, 3.0];
    let updates = Updates { penalty, ..Updates::new(Optimizer::Sgd { lr: 1.0 }) };
    let mut after = params;
    Updater::<f64>::plain(3, updates).update(Isa::SCALAR, &mut after, &mut [0.0; 3]);
    let got: Vec<f64> = params.iter().zip(&after).map(|(p, q)| p - q).collect();
    let squares: f64 = params.iter().map(|p| p * p).sum();
    let sum: f64 = params.iter().sum();
    let candidates = [[squares; 3], [sum; 3], params.map(f64::signum), params];
    let show = |v: &[f64]| v.iter().map(|x| compact(*x, 3)).collect::<Vec<_>>().join(", ");
    let (given, term) = (show(&params), show(&got));
    Computed {
        supported: candidates
            .iter()
            .map(|c| c.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-12))
            .collect(),
        number: None,
        because: both!(
            "For param = [{given}] the engine's penalty adds rate × [{term}].",
            "param = [{given}] のとき、エンジンの正則化が加える項は rate × [{term}]。"
        ),
        command: "kobai lab run overfitting",
    }
}

fn convolution_size() -> Computed {
    let conv = explain::Convolution {
        input: [6, 6],
        channels: 1,
        out_channels: 1,
        kernel: [2, 2],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
        groups: 1,
    };
    // Both languages of a lesson have the same document.
    let size = explain::convolution(&conv, Lang::En).ok().and_then(|l| l.document["output"][1].as_f64());
    let size = size.unwrap_or(f64::NAN);
    Computed {
        supported: Vec::new(),
        number: Some(size),
        because: both!(
            "The engine's own plan gives {size}×{size}: (6 + 2·1 − 2) / 1 + 1 = {size}.",
            "エンジンの計画によれば {size}×{size}。(6 + 2·1 − 2) / 1 + 1 = {size}。"
        ),
        command: "kobai explain conv --input 6x6 --kernel 2 --padding 1",
    }
}
