//! Results with realistic numbers, made without training.

#![allow(dead_code)] // every test file uses its own part

use std::collections::BTreeMap;

use kobai_lab::results::*;

fn text(en: &str, ja: &str) -> Text {
    Text { en: en.into(), ja: ja.into() }
}

/// A number in [-1, 1] that depends on its arguments alone.
fn noise(a: usize, b: usize, c: usize) -> f64 {
    let mut h = (a as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for v in [b, c] {
        h = (h ^ (v as u64 + 17)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h ^= h >> 29;
    }
    (h % 20_001) as f64 / 10_000.0 - 1.0
}

struct Net {
    id: &'static str,
    en: &'static str,
    ja: &'static str,
    /// Final test accuracy, its spread, and the share of the training at which it is half learned.
    goal: (f64, f64, f64),
    /// Gradient sizes of fc1, fc2, fc3.
    gradient: [f64; 3],
    sigmoid: bool,
    zero: bool,
}

const NETS: [Net; 7] = [
    Net {
        id: "gauss_sigmoid",
        en: "N(0, 0.01) + sigmoid",
        ja: "N(0, 0.01)・シグモイド",
        goal: (0.1094, 0.0041, 9.0),
        gradient: [3.1e-8, 4.2e-6, 6.5e-4],
        sigmoid: true,
        zero: false,
    },
    Net {
        id: "zero_sigmoid",
        en: "zero + sigmoid",
        ja: "ゼロ・シグモイド",
        goal: (0.1135, 0.0, 9.0),
        gradient: [0.0, 0.0, 6.1e-4],
        sigmoid: true,
        zero: true,
    },
    Net {
        id: "gauss_relu",
        en: "N(0, 0.01) + ReLU",
        ja: "N(0, 0.01)・ReLU",
        goal: (0.9231, 0.0038, 0.35),
        gradient: [2.3e-4, 9.0e-4, 2.4e-3],
        sigmoid: false,
        zero: false,
    },
    Net {
        id: "zero_relu",
        en: "zero + ReLU",
        ja: "ゼロ・ReLU",
        goal: (0.1135, 0.0, 9.0),
        gradient: [0.0, 0.0, 0.0],
        sigmoid: false,
        zero: true,
    },
    Net {
        id: "xavier_sigmoid",
        en: "Xavier + sigmoid",
        ja: "Xavier・シグモイド",
        goal: (0.7612, 0.0212, 0.5),
        gradient: [1.6e-5, 2.2e-4, 3.0e-3],
        sigmoid: true,
        zero: false,
    },
    Net {
        id: "he_relu",
        en: "He + ReLU",
        ja: "He・ReLU",
        goal: (0.9550, 0.0026, 0.05),
        gradient: [9.2e-4, 1.8e-3, 3.6e-3],
        sigmoid: false,
        zero: false,
    },
    Net {
        id: "he_sigmoid",
        en: "He + sigmoid",
        ja: "He・シグモイド",
        goal: (0.8391, 0.0123, 0.4),
        gradient: [4.8e-5, 4.4e-4, 3.4e-3],
        sigmoid: true,
        zero: false,
    },
];

fn run(n: usize, net: &Net, seed: usize) -> Run {
    let test = net.goal.0 + net.goal.1 * 1.4 * noise(n, seed, 0);
    let curve = (0..21u64).map(|i| {
        let t = i as f64 / 20.0;
        let rise = if net.goal.2 > 1.0 { t } else { 1.0 / (1.0 + (-(t - net.goal.2) * 14.0).exp()) };
        let a = (0.1 + (test - 0.1) * rise + 0.01 * net.goal.1.signum() * noise(n, seed, 1 + i as usize))
            .clamp(0.0, 1.0);
        CurvePoint {
            step: i * 100,
            train_loss: 2.3 * (1.0 - a) + 0.05,
            train_accuracy: a,
            test_loss: 2.3 * (1.0 - a) + 0.08,
            test_accuracy: a,
        }
    });
    let flow = (0..21u64).map(|i| {
        let layers = (0..3).map(|l| {
            let wobble = (0.5 * noise(n * 10 + l, seed, 50 + i as usize)).exp();
            let gradient_rms = net.gradient[l] * wobble * (1.0 - 0.02 * i as f64);
            let weight_rms = if net.zero && (i == 0 || l < 2) { 0.0 } else { 0.05 };
            LayerFlow {
                layer: format!("fc{}", l + 1),
                gradient_rms,
                weight_rms,
                update_rms: gradient_rms * 0.1,
                penalty_rms: 0.0,
                unit_spread: if net.zero { 0.0 } else { 0.1 },
            }
        });
        FlowPoint { step: i * 100, layers: layers.collect() }
    });
    let activations = [0u64, 1900].map(|step| {
        let layers = (0..2).map(|l| {
            let name = if net.sigmoid { "sigmoid" } else { "relu" };
            let (low, high) = if net.sigmoid { (0.0, 1.0) } else { (0.0, 4.0) };
            let spread = if net.zero {
                0.01
            } else {
                0.06 + 0.05 * step as f64 / 1900.0 * (1.0 + noise(n, l, 3).abs())
            };
            let histogram: Vec<u32> = (0..30)
                .map(|b| {
                    let x = (f64::from(b) + 0.5) / 30.0;
                    let middle = if net.sigmoid { 0.5 } else { 0.0 };
                    (5000.0 * (-((x - middle) / spread).powi(2) / 2.0).exp()).round() as u32
                })
                .collect();
            let zeros = if net.sigmoid {
                0.0
            } else if net.zero {
                1.0
            } else {
                0.48
            };
            let saturated = if net.id == "he_sigmoid" { 0.03 } else { 0.0 };
            ActivationStats {
                layer: format!("{name}{}", l + 1),
                mean: 0.5,
                std: spread,
                zeros,
                saturated,
                low,
                high,
                histogram,
            }
        });
        ActivationPoint { step, layers: layers.collect() }
    });
    Run {
        seed: seed as u64,
        outcome: Outcome::Finished,
        train: test + 0.004 * (1.0 + noise(n, seed, 99)) * net.goal.1.signum(),
        test,
        curve: curve.collect(),
        flow: flow.collect(),
        activations: activations.to_vec(),
        weights: Vec::new(),
        measures: BTreeMap::new(),
        weights_sha256: format!("{:064x}", (n * 100 + seed) as u128 * 0x1234_5678_9abc_def0_1234_5678),
    }
}

/// The seven networks of the course, eight seeds each.
pub(crate) fn results() -> Results {
    let rows = NETS.iter().enumerate().map(|(n, net)| Row {
        id: net.id.into(),
        label: text(net.en, net.ja),
        reference: Some(format!("vg2.{}", net.id)),
        place: None,
        published: Some(Published {
            notebooks: vec![net.goal.0 + 0.001],
            mean: net.goal.0 + 0.0008,
            sd: net.goal.1,
            range: [net.goal.0 - net.goal.1, net.goal.0 + net.goal.1],
            n: 10,
        }),
        runs: (0..8).map(|seed| run(n, net, seed)).collect(),
    });
    let claim = |id: &str, verdict, en: &str, ja: &str, measure: &str, condition: Condition, mean: f64| {
        Claim {
            id: id.into(),
            notes: vec!["C1.01".into()],
            text: text(en, ja),
            verdict,
            because: text(
                "The first layer's gradient is four orders of magnitude smaller than the last layer's in every run.",
                "どの実行でも、最初の層の勾配は最後の層より 4 桁以上小さい。",
            ),
            measure: measure.into(),
            condition,
            values: (0..8).map(|s| mean * (1.0 + 0.1 * noise(1, s, 2))).collect(),
            mean,
            interval: Some([mean * 0.92, mean * 1.08]),
            confidence: 0.99,
            n: 8,
            effect: Some(1.5),
            seeds_needed: (verdict == Verdict::Undecided).then_some(24),
        }
    };
    Results {
        surfaces: None,
        section: Text::default(),
        id: "vanishing-gradient".into(),
        title: text("Vanishing gradients and initial values", "勾配消失と初期値"),
        summary: text(
            "Seven networks of three layers that differ only in activation and initial values. Which of them learn, and why do the others not?",
            "活性化関数と初期値だけが異なる 3 層のネットワークを 7 種類。どれが学習し、ほかはなぜ学習しないのか。",
        ),
        notes: vec![text(
            "Without --as-published the test accuracy is measured on all 10 000 test images.",
            "--as-published を付けないとき、テスト正解率は 10,000 枚のテスト画像すべてで測る。",
        )],
        command: "kobai run vanishing-gradient --data mnist --seeds 8".into(),
        data: "mnist".into(),
        data_line: text(
            "MNIST (LeCun, Cortes, Burges): 60 000 training and 10 000 test images of 28 × 28 pixels",
            "MNIST（LeCun, Cortes, Burges）：28 × 28 画素、訓練 60,000 枚、テスト 10,000 枚",
        ),
        steps: 2000,
        batch: 100,
        seeds: (0..8).collect(),
        isa: "avx2".into(),
        version: "0.1.0".into(),
        rows: rows.collect(),
        claims: vec![
            claim(
                "sigmoid-gauss-vanishes",
                Verdict::Holds,
                "With sigmoid and N(0, 0.01) the gradient gets smaller layer by layer towards the input.",
                "シグモイドと N(0, 0.01) では、勾配は入力に近い層ほど小さくなる。",
                "gauss_sigmoid.gradient_ratio",
                Condition::Below(0.01),
                4.77e-5,
            ),
            claim(
                "he-relu-learns",
                Verdict::Holds,
                "He initial values with ReLU learn best.",
                "He の初期値と ReLU の組み合わせが最もよく学習する。",
                "he_relu.test",
                Condition::Above(0.9),
                0.955,
            ),
            claim(
                "zero-relu-learns",
                Verdict::DoesNotHold,
                "Zero initial values with ReLU learn anything at all.",
                "初期値がゼロでも ReLU なら学習する。",
                "zero_relu.test",
                Condition::Above(0.2),
                0.1135,
            ),
            claim(
                "he-sigmoid-at-least-xavier",
                Verdict::Undecided,
                "He with sigmoid does at least as well as Xavier with sigmoid, whatever the seed and whatever the order in which the batches arrive.",
                "He・シグモイドは、シードやバッチの順序によらず、Xavier・シグモイドと少なくとも同じ成績になる。",
                "he_sigmoid.test - xavier_sigmoid.test",
                Condition::Above(0.0),
                0.0021,
            ),
        ],
    }
}

/// Observers off: neither gradients nor activations.
pub(crate) fn without_observers() -> Results {
    let mut r = results();
    for run in r.rows.iter_mut().flat_map(|row| &mut row.runs) {
        run.flow.clear();
        run.activations.clear();
    }
    r
}

/// One row, one seed, nothing published.
pub(crate) fn smallest() -> Results {
    let mut r = results();
    r.rows = vec![r.rows.remove(5)];
    r.rows[0].runs.truncate(1);
    r.rows[0].published = None;
    r.seeds = vec![0];
    r.claims.clear();
    r.notes.clear();
    r
}

/// Diverged runs, with NaN and infinities wherever a number may be.
pub(crate) fn diverged() -> Results {
    let mut r = results();
    let all = r.rows[5].runs.len();
    for (i, run) in r.rows[5].runs.iter_mut().enumerate().take(3) {
        spoil(run, 120 + 60 * i as u64);
    }
    for i in 0..all {
        spoil(&mut r.rows[2].runs[i], 40);
    }
    r.claims[1].mean = f64::NAN;
    r.claims[1].interval = Some([f64::NEG_INFINITY, f64::INFINITY]);
    r
}

fn spoil(run: &mut Run, step: u64) {
    run.outcome = Outcome::Diverged { step };
    (run.train, run.test) = (f64::NAN, f64::NAN);
    for p in run.curve.iter_mut().filter(|p| p.step > step) {
        (p.test_accuracy, p.test_loss) = (f64::NAN, f64::INFINITY);
    }
    for (i, l) in run.flow.iter_mut().filter(|p| p.step > step).flat_map(|p| &mut p.layers).enumerate() {
        l.gradient_rms = if i % 2 == 0 { f64::NAN } else { f64::INFINITY };
        l.update_rms = f64::NAN;
    }
    if let Some(l) = run.activations.last_mut().and_then(|p| p.layers.first_mut()) {
        (l.high, l.zeros) = (f64::INFINITY, f64::NAN);
    }
}

/// Fifty rows of forty layers with long labels.
pub(crate) fn large() -> Results {
    let base = results();
    let mut r = base.clone();
    r.rows = (0..50)
        .map(|i| {
            let mut row = base.rows[i % 7].clone();
            row.runs.truncate(2);
            row.id = format!("row_{i}");
            row.label = text(
                &format!("network {i} with a label that is far too long for any legend in the world"),
                &format!("ネットワーク {i}：どんな凡例にも長すぎる日本語のラベルが付いたもの"),
            );
            for run in &mut row.runs {
                for p in &mut run.flow {
                    let last = p.layers[2].clone();
                    p.layers = (0..40)
                        .map(|l| LayerFlow {
                            layer: format!("block{}.conv{}", l / 4, l % 4),
                            gradient_rms: last.gradient_rms * 0.5f64.powi(40 - l),
                            ..last.clone()
                        })
                        .collect();
                }
                for p in &mut run.activations {
                    let first = p.layers[0].clone();
                    p.layers = (0..40)
                        .map(|l| ActivationStats {
                            layer: format!("block{}.relu{}", l / 4, l % 4),
                            ..first.clone()
                        })
                        .collect();
                }
            }
            row
        })
        .collect();
    r.seeds = vec![0, 1];
    r
}

/// Every text is an attack.
pub(crate) fn hostile() -> Results {
    let mut r = results();
    let bad = "</title></svg><script>alert('x')</script>\"&\u{1b}[31m";
    let t = text(bad, bad);
    (r.title, r.summary, r.data_line) = (t.clone(), t.clone(), t.clone());
    (r.id, r.command, r.data, r.isa, r.version) =
        (bad.into(), bad.into(), bad.into(), bad.into(), bad.into());
    r.notes = vec![t.clone()];
    for row in &mut r.rows {
        row.id = bad.into();
        row.label = t.clone();
        for run in &mut row.runs {
            run.weights_sha256 = bad.into();
            run.flow.iter_mut().flat_map(|p| &mut p.layers).for_each(|l| l.layer.push_str(bad));
            run.activations.iter_mut().flat_map(|p| &mut p.layers).for_each(|l| l.layer.push_str(bad));
        }
    }
    for c in &mut r.claims {
        (c.text, c.because) = (t.clone(), t.clone());
        (c.id, c.measure) = (bad.into(), bad.into());
        c.notes = vec![bad.into()];
    }
    r
}

/// Every case, with its name.
pub(crate) fn all() -> Vec<(&'static str, Results)> {
    vec![
        ("results", results()),
        ("without_observers", without_observers()),
        ("smallest", smallest()),
        ("diverged", diverged()),
        ("large", large()),
        ("hostile", hostile()),
    ]
}
