//! Tensors of a file to the tensors of a plan.

use super::{Dtype, Format, Note, Weights, contiguous};
use kobai_engine::layer::Layout;
use kobai_engine::text::nearest;
use kobai_engine::{Executor, Explain, Explanation, Lang, Plan, say};
use kobai_kernels::Real;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// Batch normalisation's counter, which nothing here depends on.
pub(super) const COUNTER: &str = "num_batches_tracked";

/// Heads that some published files have beside the network proper. They are
/// passed over if the network was built without them.
const AUXILIARY: [&str; 2] = ["aux1.", "aux2."];

/// Most names of a kind that are shown.
const SHOWN: usize = 8;

/// What was matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Form of the file.
    pub format: Format,
    /// Learned tensors.
    pub params: usize,
    /// Tensors of state, such as running means.
    pub state: usize,
    /// Elements of both.
    pub elements: usize,
    /// Bytes of both in the file.
    pub bytes: usize,
    /// Counters of batch normalisation, passed over.
    pub counters: usize,
    /// Tensors of auxiliary heads, passed over.
    pub auxiliary: usize,
    /// What reading passed over.
    pub notes: Vec<Note>,
}

impl Report {
    /// The report in words, one line per fact.
    #[must_use]
    pub fn lines(&self, lang: Lang) -> Vec<String> {
        let Report { params, state, elements, bytes, counters, auxiliary, .. } = *self;
        let (format, tensors) = (self.format.name(), params + state);
        let mut lines = vec![say!(
            lang,
            "{tensors} tensors match ({params} learned, {state} of state): {elements} elements, {bytes} bytes, {format}",
            "{tensors} 個のテンソルが一致（学習 {params}、状態 {state}）: 要素 {elements}、{bytes} バイト、{format}"
        )];
        lines.extend(self.notes.iter().map(|note| note.text(lang)));
        if counters > 0 {
            lines.push(say!(
                lang,
                "{counters} counters of batch normalisation passed over",
                "バッチ正規化のカウンター {counters} 個は対象外"
            ));
        }
        if auxiliary > 0 {
            lines.push(say!(
                lang,
                "{auxiliary} tensors of auxiliary heads passed over: the network has none",
                "補助出力のテンソル {auxiliary} 個は対象外（ネットワークに補助出力がない）"
            ));
        }
        lines
    }
}

/// How the tensors of a file differ from those of a network: everything at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Tensors of the network that the file lacks, with their extents.
    pub missing: Vec<(String, Vec<usize>)>,
    /// Tensors of the file that the network lacks, with their extents.
    pub surplus: Vec<(String, Vec<usize>)>,
    /// Tensors of other extents: name, the network's, the file's.
    pub shapes: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Tensors of whole numbers where the network has fractions.
    pub types: Vec<(String, Dtype)>,
    /// Tensors that match.
    pub matched: usize,
}

impl Mismatch {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.shapes.is_empty() && self.types.is_empty()
    }
}

/// A tensor of the network and where it goes.
struct Wanted<'a> {
    name: &'a str,
    dims: Vec<usize>,
    layout: Layout,
    range: Range<usize>,
    is_state: bool,
}

fn wanted(plan: &Plan) -> impl Iterator<Item = Wanted<'_>> {
    let params = plan.params.iter().map(|slot| Wanted {
        name: &slot.name,
        dims: slot.spec.dims.clone(),
        layout: slot.spec.layout,
        range: slot.range.clone(),
        is_state: false,
    });
    let state = plan.state.iter().map(|slot| Wanted {
        name: &slot.name,
        dims: vec![slot.range.len()],
        layout: Layout::Plain,
        range: slot.range.clone(),
        is_state: true,
    });
    params.chain(state)
}

/// Extents in memory order, and for each memory axis its axis in PyTorch's order.
pub(super) fn memory_axes(layout: Layout, rank: usize) -> Vec<usize> {
    match layout {
        Layout::ConvChannelsLast if rank == 4 => vec![0, 2, 3, 1],
        _ => (0..rank).collect(),
    }
}

/// Strides, in PyTorch's order of axes, of a tensor that lies in memory order.
pub(super) fn memory_strides(layout: Layout, dims: &[usize]) -> Vec<usize> {
    let axes = memory_axes(layout, dims.len());
    let inner = contiguous(&axes.iter().map(|a| dims[*a]).collect::<Vec<_>>());
    let mut strides = vec![0; dims.len()];
    for (axis, stride) in axes.iter().zip(inner) {
        strides[*axis] = stride;
    }
    strides
}

/// Whether the tensors of a file are those of a network.
///
/// # Errors
/// All differences together.
pub fn check(weights: &Weights, plan: &Plan) -> Result<Report, Mismatch> {
    let mut report = Report {
        format: weights.format,
        params: 0,
        state: 0,
        elements: 0,
        bytes: 0,
        counters: 0,
        auxiliary: 0,
        notes: weights.notes.clone(),
    };
    let mut mismatch = Mismatch::default();
    let mut of_file: HashMap<&str, _> = weights.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
    for want in wanted(plan) {
        let name = want.name.to_owned();
        let Some(view) = of_file.remove(want.name) else {
            mismatch.missing.push((name, want.dims));
            continue;
        };
        if view.dims != want.dims {
            mismatch.shapes.push((name, want.dims, view.dims.clone()));
        } else if !view.dtype.is_float() {
            mismatch.types.push((name, view.dtype));
        } else {
            *(if want.is_state { &mut report.state } else { &mut report.params }) += 1;
            report.elements += view.len();
            report.bytes += view.len() * view.dtype.size();
        }
    }
    let has = |prefix: &str| wanted(plan).any(|want| want.name.starts_with(prefix));
    let passed_over: Vec<&str> = AUXILIARY.into_iter().filter(|prefix| !has(prefix)).collect();
    for view in weights.tensors.iter().filter(|t| of_file.contains_key(t.name.as_str())) {
        if view.name.rsplit('.').next() == Some(COUNTER) {
            report.counters += 1;
        } else if passed_over.iter().any(|prefix| view.name.starts_with(prefix)) {
            report.auxiliary += 1;
        } else {
            mismatch.surplus.push((view.name.clone(), view.dims.clone()));
        }
    }
    mismatch.matched = report.params + report.state;
    if mismatch.is_empty() { Ok(report) } else { Err(mismatch) }
}

/// Copies the tensors of a file into a network's params and state; nothing is
/// touched if they do not all match.
///
/// # Errors
/// All differences together.
pub fn load<T: Real>(weights: &Weights, exec: &mut Executor<T>) -> Result<Report, Mismatch> {
    let plan = exec.plan().clone();
    let report = check(weights, &plan)?;
    let views: HashMap<&str, _> = weights.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
    for want in wanted(&plan) {
        let Some(view) = views.get(want.name) else { continue };
        let axes = memory_axes(want.layout, view.dims.len());
        let dims: Vec<usize> = axes.iter().map(|a| view.dims[*a]).collect();
        let strides: Vec<usize> = axes.iter().map(|a| view.strides[*a]).collect();
        let to = if want.is_state { exec.state_mut() } else { exec.params_mut() };
        weights.fill(view, &dims, &strides, &mut to[want.range]);
    }
    Ok(report)
}

/// `64×3×7×7`, `scalar`.
fn extents(dims: &[usize]) -> String {
    if dims.is_empty() {
        return "scalar".into();
    }
    dims.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

impl Explain for Mismatch {
    fn explain(&self, lang: Lang) -> Explanation {
        let count = self.missing.len() + self.surplus.len() + self.shapes.len() + self.types.len();
        let matched = self.matched;
        let mut e = Explanation::new(say!(
            lang,
            "the weights are not those of this network: {count} tensors differ, {matched} match",
            "重みがこのネットワークのものではありません: 相違 {count} 個、一致 {matched} 個"
        ));
        let mut facts = |lines: Vec<String>| {
            let more = lines.len().saturating_sub(SHOWN);
            let mut shown: Vec<String> = lines.into_iter().take(SHOWN).collect();
            if more > 0 {
                shown.push(say!(lang, "… and {more} more like this", "… ほか {more} 件"));
            }
            for line in shown {
                e = std::mem::take(&mut e).fact(line);
            }
        };
        let in_file = || self.surplus.iter().map(|(name, _)| name.as_str());
        facts(
            self.missing
                .iter()
                .map(|(name, dims)| {
                    let dims = extents(dims);
                    match nearest(name, in_file()) {
                        Some(near) => say!(
                            lang,
                            "missing in the file: {name} ({dims}); it has `{near}`",
                            "ファイルにない: {name}（{dims}）。`{near}` ならあります"
                        ),
                        None => {
                            say!(
                                lang,
                                "missing in the file: {name} ({dims})",
                                "ファイルにない: {name}（{dims}）"
                            )
                        }
                    }
                })
                .collect(),
        );
        facts(
            self.surplus
                .iter()
                .map(|(name, dims)| {
                    let dims = extents(dims);
                    say!(lang, "only in the file: {name} ({dims})", "ファイルにだけある: {name}（{dims}）")
                })
                .collect(),
        );
        facts(
            self.shapes
                .iter()
                .map(|(name, expected, got)| {
                    let (expected, got) = (extents(expected), extents(got));
                    say!(
                        lang,
                        "other shape: {name}, expected {expected}, got {got}",
                        "形が違う: {name}、期待 {expected}、実際 {got}"
                    )
                })
                .collect(),
        );
        facts(
            self.types
                .iter()
                .map(|(name, dtype)| {
                    let dtype = dtype.name();
                    say!(
                        lang,
                        "not floating point: {name} is {dtype}",
                        "浮動小数点数ではない: {name} は {dtype}"
                    )
                })
                .collect(),
        );
        if self.missing.is_empty() && self.surplus.is_empty() && self.types.is_empty() {
            e.hint(say!(
                lang,
                "the names fit: check the number of classes and the width",
                "名前は一致しています。クラス数と幅を確かめてください"
            ))
        } else {
            e.hint(say!(
                lang,
                "the file belongs to another network, or its tensors have other names",
                "別のネットワークのファイルか、テンソルの名前が違います"
            ))
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for Mismatch {}
