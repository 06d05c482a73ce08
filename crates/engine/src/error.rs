//! What can be wrong with a network before it runs.
//!
//! Mistakes are found when the plan is made, collected, and reported together.
//! A training step after that cannot fail.

use crate::Shape;
use crate::say;
use crate::text::{Explain, Explanation, Lang};
use std::fmt;

/// One mistake, with the node where it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanError {
    /// Path of the node, such as `layer1.0.conv1`.
    pub node: String,
    /// Kind of its layer, such as `linear`.
    pub layer: &'static str,
    /// What is wrong.
    pub problem: Problem,
    /// Paths of the nodes that produce its inputs.
    pub from: Vec<String>,
}

/// What is wrong with a node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// The layer was told how many input features it has, and gets others.
    Features {
        /// Features that the layer was given.
        expected: usize,
        /// Shape that arrives.
        got: Shape,
    },
    /// The layer wants examples of another rank.
    Rank {
        /// Axes that the layer works on.
        expected: usize,
        /// Shape that arrives.
        got: Shape,
    },
    /// The layer wants another number of inputs.
    Inputs {
        /// Number of inputs that the layer has.
        expected: usize,
        /// Number of inputs that were connected.
        got: usize,
    },
    /// Inputs that must agree differ.
    Unequal {
        /// First shape.
        first: Shape,
        /// The shape that differs.
        other: Shape,
    },
    /// There are more inputs than a layer can have.
    TooManyInputs {
        /// Most inputs.
        most: usize,
        /// Number of inputs that were connected.
        got: usize,
    },
    /// An input has an extent of 0.
    Empty {
        /// Shape that arrives.
        got: Shape,
    },
    /// Images that are to be joined differ in height or width.
    Joint {
        /// First shape.
        first: Shape,
        /// The shape that differs.
        other: Shape,
    },
    /// The window is larger than the padded image.
    Window {
        /// Height and width of the window, dilation included.
        window: [usize; 2],
        /// Height and width of the image, padding included.
        padded: [usize; 2],
        /// Shape that arrives.
        got: Shape,
    },
    /// More than half of a pooling's window would be padding.
    Padding {
        /// Height and width of the window.
        kernel: [usize; 2],
        /// Padding on each side.
        padding: [usize; 2],
    },
    /// The channels cannot be divided into equal groups.
    Groups {
        /// Number of groups.
        groups: usize,
        /// Channels of the input.
        in_channels: usize,
        /// Channels of the output.
        out_channels: usize,
    },
    /// A setting is outside its range.
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        got: f64,
        /// The allowed range, in words that need no translation: `0 <= p < 1`.
        range: &'static str,
    },
    /// Two nodes have the same path.
    DuplicateName,
    /// The network's output does not suit the loss.
    Output {
        /// What the loss needs.
        loss: &'static str,
        /// Width that the targets have.
        expected: usize,
        /// Shape of the output.
        got: Shape,
    },
    /// A batch of this size cannot be used.
    Batch {
        /// Smallest batch.
        at_least: usize,
        /// Batch that was asked for.
        got: usize,
    },
}

/// All mistakes of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanErrors(pub Vec<PlanError>);

impl PlanError {
    fn headline(&self, lang: Lang) -> String {
        let PlanError { node, layer, problem, .. } = self;
        match problem {
            Problem::DuplicateName => {
                say!(lang, "two layers are called `{node}`", "層の名前 `{node}` が重複しています")
            }
            Problem::Setting { name, .. } => say!(
                lang,
                "`{node}` ({layer}) cannot use this {name}",
                "`{node}`（{layer}）の {name} の値が範囲外です"
            ),
            Problem::Padding { .. } => say!(
                lang,
                "`{node}` ({layer}) has too much padding",
                "`{node}`（{layer}）のパディングが大きすぎます"
            ),
            Problem::Output { loss, .. } => say!(
                lang,
                "the network's output `{node}` does not fit the loss {loss}",
                "ネットワークの出力 `{node}` が損失 {loss} に合いません"
            ),
            Problem::Batch { .. } => say!(
                lang,
                "`{node}` ({layer}) cannot work with this batch size",
                "`{node}`（{layer}）はこのバッチサイズでは動きません"
            ),
            _ => say!(
                lang,
                "`{node}` ({layer}) cannot take its input",
                "`{node}`（{layer}）は入力を受け取れません"
            ),
        }
    }
}

impl Explain for PlanError {
    fn explain(&self, lang: Lang) -> Explanation {
        let mut e = Explanation::new(self.headline(lang));
        match &self.problem {
            Problem::Features { expected, got } => {
                let len = got.len();
                e = e
                    .fact(say!(
                        lang,
                        "expected {expected} features, got {len} ({got})",
                        "期待: 特徴数 {expected}、実際: {len}（{got}）"
                    ))
                    .hint(say!(
                        lang,
                        "leave the number of input features out, or set it to {len}",
                        "入力の特徴数を省略するか、{len} にしてください"
                    ));
            }
            Problem::Rank { expected, got } => {
                e = e.fact(say!(
                    lang,
                    "expected {expected} axes per example, got {got}",
                    "期待: 1 例あたり {expected} 軸、実際: {got}"
                ));
                if *expected == 3 {
                    e = e.hint(say!(
                        lang,
                        "it works on images: channels × height × width",
                        "画像（チャネル×高さ×幅）を受け取る層です"
                    ));
                }
                if *expected == 1 {
                    e = e.hint(say!(lang, "put a `flatten` before it", "手前に `flatten` を入れてください"));
                }
            }
            Problem::Inputs { expected, got } => {
                e = e.fact(say!(
                    lang,
                    "expected {expected} inputs, got {got}",
                    "期待: 入力 {expected} 個、実際: {got} 個"
                ));
            }
            Problem::Unequal { first, other } => {
                e = e.fact(say!(
                    lang,
                    "its inputs have different shapes: {first} and {other}",
                    "入力の形が異なります: {first} と {other}"
                ));
            }
            Problem::TooManyInputs { most, got } => {
                e = e.fact(say!(
                    lang,
                    "expected at most {most} inputs, got {got}",
                    "期待: 入力 {most} 個以下、実際: {got} 個"
                ));
            }
            Problem::Empty { got } => {
                e = e.fact(say!(
                    lang,
                    "expected at least one value, got {got}",
                    "期待: 1 個以上の値、実際: {got}"
                ));
            }
            Problem::Joint { first, other } => {
                e = e
                    .fact(say!(
                        lang,
                        "its inputs differ in more than their channels: {first} and {other}",
                        "チャネル数以外の大きさが異なります: {first} と {other}"
                    ))
                    .hint(say!(
                        lang,
                        "give the branches the same strides and paddings",
                        "枝どうしで stride と padding をそろえてください"
                    ));
            }
            Problem::Window { window: [kh, kw], padded: [h, w], got } => {
                e = e
                    .fact(say!(
                        lang,
                        "a window of {kh}×{kw} does not fit into {h}×{w} (input {got}, padding included)",
                        "{kh}×{kw} の窓が {h}×{w}（入力 {got}、パディング込み）に入りません"
                    ))
                    .hint(say!(
                        lang,
                        "use a smaller kernel, more padding, a larger image, or fewer poolings before it",
                        "カーネルを小さくする、パディングを増やす、画像を大きくする、手前のプーリングを減らす、のいずれかにしてください"
                    ));
            }
            Problem::Padding { kernel: [kh, kw], padding: [ph, pw] } => {
                let (most_h, most_w) = (kh / 2, kw / 2);
                e = e.fact(say!(
                    lang,
                    "expected at most {most_h}×{most_w} for a window of {kh}×{kw}, got {ph}×{pw}",
                    "期待: {kh}×{kw} の窓に対して {most_h}×{most_w} 以下、実際: {ph}×{pw}"
                ));
            }
            Problem::Groups { groups, in_channels, out_channels } => {
                e = e
                    .fact(say!(
                        lang,
                        "{in_channels} input and {out_channels} output channels do not divide into {groups} groups",
                        "入力 {in_channels} チャネルと出力 {out_channels} チャネルは {groups} 個のグループに分けられません"
                    ))
                    .hint(say!(
                        lang,
                        "`groups` must divide both; `groups = {in_channels}` is a depthwise convolution",
                        "`groups` は両方の約数にしてください（`groups = {in_channels}` が depthwise 畳み込みです）"
                    ));
            }
            Problem::Setting { name, got, range } => {
                e = e.fact(say!(
                    lang,
                    "expected {range}, got {name} = {got}",
                    "範囲: {range}、実際: {name} = {got}"
                ));
            }
            Problem::DuplicateName => {
                e = e.hint(say!(lang, "give one of them another name", "どちらかの名前を変えてください"));
            }
            Problem::Output { expected, got, .. } => {
                e = e
                    .fact(say!(
                        lang,
                        "expected {expected} values per example, got {got}",
                        "期待: 1 例あたり {expected} 個の値、実際: {got}"
                    ))
                    .hint(say!(
                        lang,
                        "let the last layer have {expected} outputs",
                        "最後の層の出力を {expected} 個にしてください"
                    ));
            }
            Problem::Batch { at_least, got } => {
                e = e.fact(say!(
                    lang,
                    "expected a batch of at least {at_least}, got {got}",
                    "期待: バッチ {at_least} 以上、実際: {got}"
                ));
            }
        }
        if !self.from.is_empty() {
            let from = self.from.iter().map(|f| format!("`{f}`")).collect::<Vec<_>>().join(", ");
            e = e.fact(say!(lang, "produced by {from}", "出力元: {from}"));
        }
        e
    }
}

impl Explain for PlanErrors {
    fn explain(&self, lang: Lang) -> Explanation {
        if let [one] = self.0.as_slice() {
            return one.explain(lang);
        }
        let n = self.0.len();
        let mut all = Explanation::new(say!(
            lang,
            "the network has {n} mistakes",
            "ネットワークに {n} 個の誤りがあります"
        ));
        for error in &self.0 {
            let one = error.explain(lang);
            all = all.fact(one.what);
            for fact in one.facts {
                all = all.fact(format!("  {fact}"));
            }
            for hint in one.hints {
                all = all.hint(hint);
            }
        }
        all
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for PlanErrors {}
