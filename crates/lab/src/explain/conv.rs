//! A convolution, from the formula of its size to one of its sums.

use super::grid::{self, LARGEST, number};
use super::{Lesson, LessonError, head, plane, sample, size_formula, size_line};
use kobai_engine::layer::{Layer, LayerKind};
use kobai_engine::layers::{AvgPool2d, Conv2d, MaxPool2d};
use kobai_engine::{Alone, Lang, Shape, say};
use kobai_kernels::conv::{Conv, col2im, im2col};
use serde_json::json;

/// The convolution to be explained; both axes in the order height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the settings of `Conv2d`")]
pub struct Convolution {
    pub input: [usize; 2],
    pub channels: usize,
    pub out_channels: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
}

/// Rows of the im2col matrix that are shown at either end.
const SHOWN: usize = 8;

/// Explains a convolution on the input 1, 2, 3, … with the filter 1, 2, 3, …
///
/// # Errors
/// Why the layer cannot be planned.
pub fn convolution(c: &Convolution, lang: Lang) -> Result<Lesson, LessonError> {
    let [height, width] = c.input;
    let layer = Conv2d {
        kernel: c.kernel,
        stride: c.stride,
        padding: c.padding,
        dilation: c.dilation,
        groups: c.groups,
        bias: false,
        ..Conv2d::new(c.out_channels, 1)
    };
    let mut alone = Alone::<f64>::new(layer, &[Shape::new(&[c.channels, height, width])], 1)?;
    let [_, out_h, out_w] = *alone.plan().output.dims() else { unreachable!("a convolution gives an image") };
    let (weights, macs) = (alone.plan().param_len(), alone.plan().macs);
    let taps = weights / c.out_channels;
    for (i, w) in alone.params().iter_mut().enumerate() {
        *w = (i % taps + 1) as f64;
    }
    let x = sample(c.channels, height, width);
    let y = alone.forward(&[&x]);

    let geometry = Conv {
        height,
        width,
        in_channels: c.channels,
        out_channels: c.out_channels,
        kernel: c.kernel,
        stride: c.stride,
        padding: c.padding,
        dilation: c.dilation,
        groups: c.groups,
    };
    let row_len = c.kernel[0] * c.kernel[1] * c.channels;
    let mut columns = vec![0.0; out_h * out_w * row_len];
    im2col(&geometry, 1, &x, &mut columns);
    let mut counts = vec![0.0; x.len()];
    col2im(&geometry, 1, &vec![1.0; columns.len()], &mut counts);

    let lesson =
        Parts { c, out: [out_h, out_w], weights, macs, x: &x, y: &y, columns: &columns, counts: &counts };
    let mut document = head("conv");
    document["input"] = json!([c.channels, height, width]);
    document["output"] = json!([c.out_channels, out_h, out_w]);
    document["kernel"] = json!(c.kernel);
    document["stride"] = json!(c.stride);
    document["padding"] = json!(c.padding);
    document["dilation"] = json!(c.dilation);
    document["groups"] = json!(c.groups);
    document["params"] = json!(weights);
    document["macs"] = json!(macs);
    document["im2col"] = json!({ "rows": out_h * out_w, "columns": row_len });
    if out_h * out_w * row_len <= 1 << 16 {
        document["im2col"]["values"] = json!(columns.chunks(row_len).collect::<Vec<_>>());
        document["overlaps"] = json!(plane(&counts, c.channels, 0, width));
        document["values"] = json!(plane(&y, c.out_channels, 0, out_w));
    }
    let sections = vec![
        lesson.size(lang),
        lesson.windows(lang),
        lesson.matrix(lang),
        lesson.overlaps(lang),
        lesson.sum(lang),
        lesson.cost(lang),
    ];
    Ok(Lesson { sections, document })
}

struct Parts<'a> {
    c: &'a Convolution,
    out: [usize; 2],
    weights: usize,
    macs: u64,
    x: &'a [f64],
    y: &'a [f64],
    columns: &'a [f64],
    counts: &'a [f64],
}

type Section = (String, Vec<String>);

impl Parts<'_> {
    fn small(&self) -> bool {
        self.c.input.iter().zip(self.c.padding).all(|(n, p)| n + 2 * p <= LARGEST)
    }

    fn size(&self, lang: Lang) -> Section {
        let (c, [out_h, out_w]) = (self.c, self.out);
        let dilated = c.dilation != [1, 1];
        let names = [say!(lang, "height", "高さ"), say!(lang, "width ", "幅  ")];
        let mut lines = vec![size_formula(lang, false, dilated)];
        for (axis, name) in names.iter().enumerate() {
            let settings = [c.kernel[axis], c.stride[axis], c.padding[axis], c.dilation[axis]];
            lines.push(size_line(name, c.input[axis], self.out[axis], settings, false));
        }
        let ([h, w], k, o) = (c.input, c.channels, c.out_channels);
        lines.push(say!(
            lang,
            "{k} channel(s) of {h}×{w} → {o} channel(s) of {out_h}×{out_w}",
            "{k} チャネルの {h}×{w} → {o} チャネルの {out_h}×{out_w}"
        ));
        (say!(lang, "Output size", "出力サイズ"), lines)
    }

    /// The cells of the padded input that one output position reads.
    fn reads(&self, [oy, ox]: [usize; 2]) -> impl Fn(usize, usize) -> bool {
        let c = *self.c;
        move |y, x| {
            let hit = |at: usize, o: usize, axis: usize| {
                let first = o * c.stride[axis];
                at >= first
                    && (at - first).is_multiple_of(c.dilation[axis])
                    && (at - first) / c.dilation[axis] < c.kernel[axis]
            };
            hit(y, oy, 0) && hit(x, ox, 1)
        }
    }

    fn windows(&self, lang: Lang) -> Section {
        let heading = say!(
            lang,
            "Windows: the cells in brackets are read; · is padding (zero)",
            "窓: 括弧のセルを読む。· はパディング（0）"
        );
        if !self.small() {
            let line = say!(lang, "too large to draw", "大きいため図は省略");
            return (heading, vec![line]);
        }
        let [out_h, out_w] = self.out;
        let rows = plane(self.x, self.c.channels, 0, self.c.input[1]);
        let mut shown = vec![[0, 0], [0, 1.min(out_w - 1)], self.middle(), [out_h - 1, out_w - 1]];
        shown.dedup();
        let draw = |at: &[usize; 2]| {
            let [oy, ox] = *at;
            let mut block = vec![say!(lang, "output ({oy}, {ox})", "出力 ({oy}, {ox})")];
            block.extend(grid::window(&rows, self.c.padding, self.c.padding, self.reads(*at)));
            block
        };
        let mut lines = Vec::new();
        for pair in shown.chunks(2) {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(grid::beside(&pair.iter().map(draw).collect::<Vec<_>>()));
        }
        (heading, lines)
    }

    fn middle(&self) -> [usize; 2] {
        [self.out[0] / 2, self.out[1] / 2]
    }

    fn matrix(&self, lang: Lang) -> Section {
        let (c, [out_h, out_w]) = (self.c, self.out);
        let row_len = c.kernel[0] * c.kernel[1] * c.channels;
        let rows = out_h * out_w;
        let heading =
            say!(lang, "im2col: convolution as one matrix product", "im2col: 畳み込みを 1 回の行列積にする");
        let mut lines = vec![say!(
            lang,
            "{rows} rows (one for each output position) × {row_len} columns (filter row, filter column, channel)",
            "{rows} 行（出力の位置ごと）× {row_len} 列（フィルターの行・列・チャネル）"
        )];
        let few = c.groups.max(1);
        let o = c.out_channels;
        lines.push(if few == 1 {
            say!(
                lang,
                "times the {row_len}×{o} matrix of the filters = {rows}×{o}: one column for each output channel",
                "× フィルターの {row_len}×{o} 行列 = {rows}×{o}: 1 列が 1 つの出力チャネル"
            )
        } else {
            let per = row_len / few;
            say!(
                lang,
                "in {few} groups: {per} of the columns times the {} filters of each group",
                "{few} グループ: 列のうち {per} 本ずつ × 各グループの {} 枚のフィルター",
                o / few
            )
        });
        let bytes = self.columns.len() as f64 / self.x.len() as f64;
        lines.push(say!(
            lang,
            "it holds {bytes:.1} times the values of the input",
            "入力の {bytes:.1} 倍の値を持つ"
        ));
        if row_len > LARGEST {
            return (heading, lines);
        }
        let all: Vec<Vec<f64>> = self.columns.chunks(row_len).map(<[f64]>::to_vec).collect();
        let drawn = grid::matrix(&all);
        let label = |i: usize| format!("({}, {})", i / out_w, i % out_w);
        let wide = (0..rows).map(|i| label(i).len()).max().unwrap_or(0);
        for (i, line) in drawn.iter().enumerate() {
            if i < SHOWN || i + SHOWN >= rows || rows <= 3 * SHOWN {
                lines.push(format!("{:>wide$}  {line}", label(i)));
            } else if i == SHOWN {
                lines.push(format!("{:>wide$}  …", ""));
            }
        }
        (heading, lines)
    }

    fn overlaps(&self, lang: Lang) -> Section {
        let heading =
            say!(lang, "col2im: how many windows read each input value", "col2im: 各入力値を読む窓の数");
        let mut lines = vec![say!(
            lang,
            "going back, the gradient of an input value is the sum of as many terms",
            "逆伝播では、入力の勾配はその数だけの項の和になる"
        )];
        if self.small() {
            lines.extend(grid::matrix(&plane(self.counts, self.c.channels, 0, self.c.input[1])));
        } else {
            let (least, most) =
                self.counts.iter().fold((f64::MAX, 0.0_f64), |(a, b), x| (a.min(*x), b.max(*x)));
            lines.push(say!(
                lang,
                "from {least} at the border to {most} inside",
                "端で {least}、内側で {most}"
            ));
        }
        (heading, lines)
    }

    fn sum(&self, lang: Lang) -> Section {
        let c = self.c;
        let [oy, ox] = self.middle();
        let row_len = c.kernel[0] * c.kernel[1] * c.channels;
        let row = &self.columns[(oy * self.out[1] + ox) * row_len..][..row_len];
        // Output channel 0 belongs to group 0: it reads the first channels of every tap.
        let mine = c.channels / c.groups;
        let values: Vec<f64> = row.chunks(c.channels).flat_map(|tap| tap[..mine].iter().copied()).collect();
        let total = self.y[(oy * self.out[1] + ox) * c.out_channels];
        let term = |(i, x): (usize, &f64)| format!("{}·{}", number(*x), i + 1);
        let mut text = values.iter().enumerate().take(12).map(term).collect::<Vec<_>>().join(" + ");
        if values.len() > 12 {
            let more = values.len() - 12;
            text.push_str(&say!(lang, " + … ({more} more)", " + …（ほか {more} 項）"));
        }
        let heading = say!(
            lang,
            "One sum: output ({oy}, {ox}) of channel 0, with the filter 1, 2, 3, …",
            "1 つの和: チャネル 0 の出力 ({oy}, {ox})、フィルターは 1, 2, 3, …"
        );
        (heading, vec![format!("{text} = {}", number(total))])
    }

    fn cost(&self, lang: Lang) -> Section {
        let (weights, macs, [out_h, out_w], o) = (self.weights, self.macs, self.out, self.c.out_channels);
        let terms = weights / o;
        let dense = self.c.input[0] * self.c.input[1] * self.c.channels * out_h * out_w * o;
        let lines = vec![
            say!(
                lang,
                "weights            {o} · {terms} = {weights} (a bias adds {o})",
                "重み               {o} · {terms} = {weights}（バイアスがあれば +{o}）"
            ),
            say!(
                lang,
                "multiply-adds      {out_h} · {out_w} · {weights} = {macs} per example",
                "積和               {out_h} · {out_w} · {weights} = {macs}（1 例あたり）"
            ),
            say!(
                lang,
                "fully connected    {dense} weights between the same input and output",
                "全結合なら         同じ入力と出力の間に重み {dense} 個"
            ),
        ];
        (say!(lang, "Cost", "コスト"), lines)
    }
}

/// Values of claims about convolution, from the same layers as everything else.
pub(crate) fn computed(name: &str) -> Option<f64> {
    let square = |n, kernel, padding| Conv {
        height: n,
        width: n,
        in_channels: 1,
        out_channels: 1,
        kernel: [kernel; 2],
        stride: [1; 2],
        padding: [padding; 2],
        dilation: [1; 2],
        groups: 1,
    };
    // Input, kernel, stride, padding: `computed.conv_output_6_2_1_1`.
    let numbers = |prefix: &str| -> Option<Vec<usize>> {
        name.strip_prefix(prefix)?.split('_').map(|n| n.parse().ok()).collect()
    };
    if let Some([n, kernel, stride, padding]) = numbers("computed.conv_output_").as_deref() {
        let layer = Conv2d::new(1, *kernel).stride(*stride).padding(*padding);
        return layer.plan(&[[1, *n, *n].into()]).ok().map(|plan| plan.output.dims()[1] as f64);
    }
    // Channels in and out, kernel: weights and biases.
    if let Some([inputs, outputs, kernel]) = numbers("computed.conv_params_").as_deref() {
        let shape = [*inputs, *kernel, *kernel].into();
        return Conv2d::new(*outputs, *kernel).plan(&[shape]).ok().map(|plan| plan.param_len() as f64);
    }
    match name {
        "computed.pooling_max" => pooled(MaxPool2d::new(2, 2)),
        "computed.pooling_mean" => pooled(AvgPool2d::new(2, 2)),
        "computed.pooling_share" => {
            let plan = Alone::<f64>::new(MaxPool2d::new(2, 2), &[[1, 8, 8].into()], 1).ok()?;
            Some(plan.plan().output.len() as f64 / 64.0)
        }
        "computed.col2im_overlap_4_3" => {
            let conv = square(4, 3, 0);
            let mut counts = [0.0; 16];
            col2im(&conv, 1, &[1.0; 4 * 9], &mut counts);
            counts.into_iter().reduce(f64::max)
        }
        "computed.im2col_difference" => im2col_difference(&Conv { in_channels: 2, ..square(7, 3, 1) }),
        _ => None,
    }
}

/// What a pooling of 2×2 makes of 1, 2, 3 and 6.
fn pooled(layer: impl Into<LayerKind>) -> Option<f64> {
    let mut pool = Alone::<f64>::new(layer, &[[1, 2, 2].into()], 1).ok()?;
    pool.evaluate(&[&[1.0, 2.0, 3.0, 6.0]]).first().copied()
}

/// Largest difference between im2col with one product and the sums of the
/// formula, written out.
fn im2col_difference(conv: &Conv) -> Option<f64> {
    let Conv { height, width, in_channels, kernel: [kh, kw], padding: [p, _], .. } = *conv;
    let x: Vec<f64> = (0..height * width * in_channels).map(|i| ((i * 7 % 11) as f64).sin()).collect();
    let w: Vec<f64> = (0..kh * kw * in_channels).map(|i| ((i * 5 % 13) as f64).cos()).collect();
    let (out_h, out_w) = (conv.out_height(), conv.out_width());
    let mut columns = vec![0.0; out_h * out_w * w.len()];
    im2col(conv, 1, &x, &mut columns);
    let product = columns.chunks(w.len()).map(|row| row.iter().zip(&w).map(|(a, b)| a * b).sum::<f64>());
    let at = |y: usize, x_: usize, c: usize| {
        let inside = (p..height + p).contains(&y) && (p..width + p).contains(&x_);
        if inside { x[((y - p) * width + x_ - p) * in_channels + c] } else { 0.0 }
    };
    let direct = (0..out_h * out_w).map(|o| {
        let mut sum = 0.0;
        for (i, w) in w.iter().enumerate() {
            let (tap, c) = (i / in_channels, i % in_channels);
            sum += w * at(o / out_w + tap / kw, o % out_w + tap % kw, c);
        }
        sum
    });
    product.zip(direct).map(|(a, b)| (a - b).abs()).reduce(f64::max)
}
